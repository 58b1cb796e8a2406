// Runs the C programs of programs/ and of ../instructions/programs/ natively and under tuxlate and compares what they print and how they end.
//   node tests/syscalls/run.mjs [--variants=64s,64d,32s,32d] [--keep] [-v] [NAME...]
// A program may carry lines  `/* flags: -pthread */`, `/* args: a b */`, `/* stdin: text */`, `/* timeout: 60 */`.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
/** Of system calls, and of instructions. */
const directories = [join(here, 'programs'), join(here, '../instructions/programs')];
const cache = join(root, 'node_modules/.cache/syscall-tests');
const cli = process.env.TUXLATE_CLI ?? join(root, 'dist/tuxlate.js');

export const VARIANTS = {
  '64s': ['-m64', '-static'], '64d': ['-m64'], '32s': ['-m32', '-static'], '32d': ['-m32'],
};

export function programNames() {
  return directories.flatMap((d) => readdirSync(d)).filter((f) => f.endsWith('.c')).map((f) => f.slice(0, -2)).sort();
}

function pathOf(file) {
  return directories.map((d) => join(d, file)).find((path) => existsSync(path)) ?? join(directories[0], file);
}

function directive(source, name) {
  return new RegExp(`/\\* ${name}: (.*?) \\*/`).exec(source)?.[1];
}

/** Compiles a program unless the binary is newer; returns { path } or { error }. */
export function compile(name, variant) {
  mkdirSync(cache, { recursive: true });
  const source = pathOf(`${name}.c`);
  const bin = join(cache, `${name}-${variant}`);
  const newest = Math.max(statSync(source).mtimeMs, statSync(pathOf('test.h')).mtimeMs);
  if (existsSync(bin) && statSync(bin).mtimeMs > newest) return { path: bin };
  const flags = directive(readFileSync(source, 'utf8'), 'flags')?.split(' ') ?? [];
  const r = spawnSync('gcc', [...VARIANTS[variant], '-O1', '-w', '-I', directories[0], '-o', bin, source, ...flags], { encoding: 'utf8' });
  return r.status === 0 ? { path: bin } : { error: r.stderr };
}

function run(command, args, source) {
  const timeout = Number(directive(source, 'timeout') ?? 40) * 1000;
  const extra = directive(source, 'args')?.split(' ') ?? [];
  const input = directive(source, 'stdin') ?? '';
  return new Promise((resolve) => {
    // A session of its own, so that no terminal of ours is the program's.
    const child = spawn(command, [...args, ...extra], { detached: true, stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, LC_ALL: 'C' }, cwd: '/' });
    let stdout = '', stderr = '', timedOut = false;
    child.stdout.setEncoding('latin1').on('data', (d) => { stdout += d; });
    child.stderr.setEncoding('latin1').on('data', (d) => { stderr += d; });
    const timer = setTimeout(() => { timedOut = true; try { process.kill(-child.pid, 'SIGKILL'); } catch {} }, timeout);
    child.stdin.on('error', () => {});
    child.stdin.end(input.replaceAll('\\n', '\n'));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ stdout, stderr, end: timedOut ? 'timeout' : signal ?? code });
    });
  });
}

/** Runs one program both ways. `differences` is empty when they agree. */
export async function compare(name, variant, options = {}) {
  const source = readFileSync(pathOf(`${name}.c`), 'utf8');
  const built = compile(name, variant);
  if (built.error !== undefined) return { name, variant, skipped: built.error };
  const native = await run(built.path, [], source);
  const ours = await run(process.execPath, [cli, ...(options.cliArgs ?? []), built.path], source);
  const differences = [];
  const known = knownDifferences(name);
  if (native.stdout !== ours.stdout) differences.push(...diff(native.stdout, ours.stdout).filter((line) => !known.some((k) => k.test(line))));
  if (native.stderr !== ours.stderr) differences.push(`stderr native: ${JSON.stringify(native.stderr.slice(0, 500))}`, `stderr ours:   ${JSON.stringify(ours.stderr.slice(0, 2000))}`);
  // A guest that a signal ends makes tuxlate end with 128 + n or by the same signal.
  if (native.end === 'timeout') differences.push('the native run took too long');
  if (native.end !== ours.end) differences.push(`end native: ${native.end}, ours: ${ours.end}`);
  return { name, variant, differences, native, ours };
}

/** NAME.known: regular expressions of output lines that are known to differ, each with its reason after ' # '. */
function knownDifferences(name) {
  const path = pathOf(`${name}.known`);
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8').split('\n').map((line) => line.replace(/ # .*/, '').trim()).filter(Boolean).map((text) => new RegExp(text));
}

function diff(a, b) {
  const x = a.split('\n'), y = b.split('\n');
  // Longest common subsequence is small enough for these outputs.
  const n = x.length, m = y.length;
  const table = Array.from({ length: n + 1 }, () => new Uint16Array(m + 1));
  for (let i = n - 1; i >= 0; i--) for (let j = m - 1; j >= 0; j--) table[i][j] = x[i] === y[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
  const out = [];
  let i = 0, j = 0, before = '';
  while (i < n || j < m) {
    if (i < n && j < m && x[i] === y[j]) { before = ` (after "${x[i]}")`; i++; j++; }
    else if (i < n && (j >= m || table[i + 1][j] >= table[i][j + 1])) out.push(`- ${x[i++]}${before}`);
    else out.push(`+ ${y[j++]}${before}`);
  }
  return out;
}

async function main() {
  const options = process.argv.slice(2);
  const names = options.filter((o) => !o.startsWith('-'));
  const verbose = options.includes('-v');
  const variants = (options.find((o) => o.startsWith('--variants='))?.slice(11) ?? '64s,64d,32s,32d').split(',');
  const jobs = Number(options.find((o) => o.startsWith('--jobs='))?.slice(7) ?? 2);
  const work = (names.length > 0 ? names : programNames()).flatMap((name) => variants.map((variant) => ({ name, variant })));
  let failed = 0, passed = 0;
  const report = (r) => {
    if (r.skipped !== undefined) return console.log(`SKIP ${r.name} ${r.variant}: ${r.skipped.split('\n').slice(0, 6).join('\n')}`);
    if (r.differences.length === 0) {
      passed++;
      return console.log(`ok   ${r.name} ${r.variant}`);
    }
    failed++;
    console.log(`FAIL ${r.name} ${r.variant}`);
    for (const line of r.differences.slice(0, verbose ? 1000 : 30)) console.log(`     ${line}`);
  };
  const worker = async () => {
    for (let next = work.shift(); next !== undefined; next = work.shift()) {
      report(await compare(next.name, next.variant));
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  console.log(`system calls: ${passed} passed, ${failed} failed`);
  process.exit(failed > 0 ? 1 : 0);
}
if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
