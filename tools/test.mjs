// npm test: everything that must hold. Prerequisites, build, types, lint, unit tests, program tests; the last line has the totals.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prerequisites } from './prerequisites.mjs';

const top = join(dirname(fileURLToPath(import.meta.url)), '..');
const totals = { passed: 0, failed: 0 };

/** Runs a step with its output shown; answers its exit code and what it printed. */
function run(command, args) {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd: top, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, FORCE_COLOR: '0', NO_COLOR: '1' } });
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
      process.stdout.write(chunk);
    });
    child.on('error', (error) => done({ code: 1, text: String(error) }));
    child.on('close', (code) => done({ code: code ?? 1, text }));
  });
}

function count(passed, failed) {
  totals.passed += passed;
  totals.failed += failed;
}

async function step(name, command, args, counts = null) {
  const start = performance.now();
  console.log(`\n== ${name}`);
  const { code, text } = await run(command, args);
  const [passed, failed] = counts?.(text) ?? [code === 0 ? 1 : 0, 0];
  // A step that ends badly without having counted a failure is one failure.
  count(passed, code !== 0 && failed === 0 ? 1 : failed);
  console.log(`== ${name}: ${code === 0 ? 'ok' : 'FAILED'} in ${((performance.now() - start) / 1000).toFixed(1)} s`);
  return code === 0;
}

const bin = (name, file) => join(top, 'node_modules', name, file);
const number = (text, pattern) => Number(pattern.exec(text)?.[1] ?? 0);
const vitestCounts = (text) => {
  const line = /^\s*Tests\s.*$/m.exec(text)?.[0] ?? '';
  return [number(line, /(\d+) passed/), number(line, /(\d+) failed/)];
};
const syscallCounts = (text) => [number(text, /system calls: (\d+) passed/), number(text, /system calls: \d+ passed, (\d+) failed/)];
const serverCounts = (text) => [number(text, /servers: (\d+) passed/), number(text, /servers: \d+ passed, (\d+) failed/)];
const programCounts = (text) => [number(text, /programs: (\d+) passed/), number(text, /programs: \d+ passed, (\d+) failed/)];

prerequisites();
const node = process.execPath;
if (await step('build', node, ['tools/build.mjs'])) {
  await step('types', node, ['tools/check.mjs']);
  await step('lint', node, [bin('@biomejs/biome', 'bin/biome'), 'lint', '--error-on-warnings', '.']);
  await step('import law', node, [bin('dependency-cruiser', 'bin/dependency-cruise.mjs'), '--config', '.dependency-cruiser.cjs', 'src']);
  await step('unit tests', node, [bin('vitest', 'vitest.mjs'), 'run'], vitestCounts);
  await step('system calls', node, ['tests/syscalls/run.mjs', '--variants=64d,32s'], syscallCounts);
  await step('programs', node, ['tests/programs/run.mjs'], programCounts);
  await step('servers', node, ['tests/servers/run.mjs'], serverCounts);
}
console.log(`\n${totals.passed} passed, ${totals.failed} failed`);
process.exitCode = totals.failed > 0 ? 1 : 0;
