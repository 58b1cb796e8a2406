// Builds dist/: the command, the guest worker, the library and the two WebAssembly modules.
// Only what changed is made again: bundles always (esbuild is faster than asking), the modules when the code that makes
// them has another hash. Usage: node tools/build.mjs [--watch-quiet]
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const top = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(top, 'dist');
const work = join(top, 'build');
const version = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8')).version;

const common = {
  absWorkingDir: top,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  charset: 'utf8',
  minifyWhitespace: true,
  minifySyntax: true,
  // A tenth of a start is reading names. With TUXLATE_NAMES=1 they are kept, for profiles and stacks.
  minifyIdentifiers: !process.env.TUXLATE_NAMES,
  logLevel: 'warning',
  define: { TUXLATE_VERSION: JSON.stringify(version) },
};

/** Bundles one entry point into dist/. */
async function bundle(entry, out, extra = {}) {
  await build({ ...common, entryPoints: [entry], outfile: join(dist, out), sourcemap: 'linked', ...extra });
}

/** Node loads such files with less ado than modules; the library alone is one. */
const script = {
  format: 'cjs',
  charset: 'ascii',
  supported: { 'dynamic-import': false },
  define: { ...common.define, 'import.meta.url': 'TUXLATE_URL' },
};
const scriptUrl = { js: "const TUXLATE_URL = require('node:url').pathToFileURL(__filename).href;" };

/** Bundles what src/host-node/bundle.ts loads: a function of the names a script finds around it. Returns the text's hash. */
async function loadable(entry, name, define = script.define) {
  const out = `${name}.bundle.js`;
  const wrapped = { banner: { js: '(function (require, module, exports, __dirname, TUXLATE_URL) {' }, footer: { js: '})' } };
  const { outputFiles } = await build({
    ...common, ...script, ...wrapped, define, entryPoints: [entry], outfile: join(dist, out), sourcemap: 'linked', write: false,
  });
  for (const file of outputFiles) writeFileSync(file.path, file.contents);
  return hashOf(outputFiles.find((file) => file.path.endsWith('.js')).contents).slice(0, 12);
}

/** The command and the files its workers run. */
async function command() {
  const [guestWorker, translator] = await Promise.all([
    loadable('src/host-node/guestWorker.entry.ts', 'guestWorker'),
    loadable('src/host-node/translator.entry.ts', 'translator'),
    interpreter(),
  ]);
  const wasm = readFileSync(join(dist, 'interpreter.wasm')), tallWasm = readFileSync(join(dist, 'tallInterpreter.wasm'));
  const runs = {
    TUXLATE_RUNS: JSON.stringify(hashOf(guestWorker, wasm, tallWasm).slice(0, 12)),
    TUXLATE_TRANSLATIONS: JSON.stringify(hashOf(guestWorker, wasm, tallWasm, translator).slice(0, 12)),
  };
  const main = await loadable('src/cli/main.ts', 'main', { ...script.define, ...runs });
  const bundles = { main, guestWorker, translator };
  const define = { ...script.define, TUXLATE_BUNDLES: JSON.stringify(bundles) };
  writeFileSync(join(dist, 'package.json'), '{ "type": "commonjs" }\n');
  await Promise.all([
    bundle('src/cli/start.ts', 'tuxlate.js', { ...script, define, banner: { js: `#!/usr/bin/env node\n${scriptUrl.js}` } }),
    bundle('src/host-node/guestWorker.start.ts', 'guestWorker.js', { ...script, define, banner: scriptUrl }),
    bundle('src/host-node/translator.start.ts', 'translator.js', { ...script, define, banner: scriptUrl }),
    bundle('src/debug/trace.ts', 'trace.js', { ...script, banner: scriptUrl }),
    bundle('src/debug/profile.ts', 'profile.js', { ...script, banner: scriptUrl }),
    bundle('src/index.ts', 'index.mjs', { define: { ...common.define, ...runs } }),
  ]);
  chmodSync(join(dist, 'tuxlate.js'), 0o755);
  const kept = { ...bundles, runs: JSON.parse(runs.TUXLATE_RUNS), interpreter: JSON.parse(runs.TUXLATE_RUNS), tallInterpreter: JSON.parse(runs.TUXLATE_RUNS), regions: JSON.parse(runs.TUXLATE_TRANSLATIONS) };
  for (const name of readdirSync(dist)) {
    if (name.endsWith('.draft') || (name.endsWith('.cache') && !Object.entries(kept).some(([of, hash]) => name.startsWith(`${of}-${hash}`)))) rmSync(join(dist, name), { force: true });
  }
}

/** On Linux a first run, so that the compiled code which runs keep beside the bundles is there from the beginning. */
function firstRun() {
  if (process.platform !== 'linux' || !existsSync('/bin/sh')) return;
  spawnSync(process.execPath, [join(dist, 'tuxlate.js'), '/bin/sh', '-c', '/bin/true; /bin/true; /bin/true'], {
    stdio: 'ignore', timeout: 20_000, env: { ...process.env, TUXLATE_CACHE_DIR: dist },
  });
}

function hashOf(...parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

function sources(folder, suffix) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((path) => path.endsWith(suffix) && statSync(path).isFile())
    .sort();
}

/** Runs `make` when `key` differs from the stamp of the last success or an output is missing. */
async function whenChanged(name, key, outputs, make) {
  const stamp = join(work, `${name}.stamp`);
  const fresh = existsSync(stamp) && readFileSync(stamp, 'utf8') === key && outputs.every((path) => existsSync(path));
  if (fresh) return;
  const start = performance.now();
  await make();
  writeFileSync(stamp, key);
  const sizes = outputs.map((path) => `${relative(top, path)} ${Math.round(statSync(path).size / 1024)} KiB`);
  console.log(`${name}: ${sizes.join(', ')} in ${Math.round(performance.now() - start)} ms`);
}

/** The interpreters, the usual one and that for tall address spaces: their generator is bundled, and run when the bundle's text changed. */
async function interpreter() {
  const out = join(dist, 'interpreter.wasm'), tall = join(dist, 'tallInterpreter.wasm');
  const made = await build({
    ...common,
    entryPoints: ['src/engine/interpreter/generate.ts'],
    write: false,
    outfile: join(work, 'generateInterpreter.mjs'),
  });
  const text = made.outputFiles[0].contents;
  await whenChanged('interpreter', hashOf(text), [out, tall], async () => {
    const path = join(work, 'generateInterpreter.mjs');
    writeFileSync(path, text);
    const { generateInterpreter } = await import(`${pathToFileURL(path)}?${hashOf(text)}`);
    writeFileSync(out, generateInterpreter());
    writeFileSync(tall, generateInterpreter(true));
  });
}

/** The helpers: AssemblyScript. */
async function helpers() {
  const out = join(dist, 'helpers.wasm');
  const tool = join(top, 'tools', 'build-helpers.mjs');
  if (!existsSync(tool)) return;
  const inputs = [tool, ...sources(join(top, 'src', 'helpers'), '.ts'), join(top, 'src/machine/cpuState.ts'), join(top, 'src/machine/memoryLayout.ts')];
  const key = hashOf(...inputs.map((path) => readFileSync(path)));
  await whenChanged('helpers', key, [out], async () => {
    const { compileHelpers } = await import(pathToFileURL(tool).href);
    writeFileSync(out, await compileHelpers());
  });
}

/** `npx tuxlate` finds the command of the checkout itself among the installed ones. */
function linkCommand() {
  const bin = join(top, 'node_modules', '.bin');
  if (!existsSync(bin)) return;
  if (process.platform === 'win32') {
    writeFileSync(join(bin, 'tuxlate.cmd'), '@node "%~dp0\\..\\..\\dist\\tuxlate.js" %*\r\n');
    return;
  }
  rmSync(join(bin, 'tuxlate'), { force: true });
  symlinkSync('../../dist/tuxlate.js', join(bin, 'tuxlate'));
}

mkdirSync(dist, { recursive: true });
mkdirSync(work, { recursive: true });
await Promise.all([helpers(), command()]);
linkCommand();
firstRun();
