// npm run bench: native, tuxlate and qemu-user in turn on the same files; medians and ratios as a table, and JSON for comparing runs.
// Usage: node bench/run.mjs [--rounds=3] [--json=FILE] [--compare=FILE] [NAME-PART...]
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { costs } from './costs.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const top = join(here, '..');
const work = join(top, 'build', 'bench');
const tuxlate = join(top, 'dist', 'tuxlate.js');

const options = { rounds: '3', json: null, compare: null };
const wanted = [];
for (const word of process.argv.slice(2)) {
  const match = /^--(\w+)=(.*)$/.exec(word);
  if (match === null) wanted.push(word);
  else options[match[1]] = match[2];
}

mkdirSync(work, { recursive: true });
const bits = { x86_64: 64, i386: 32 };
for (const [arch, n] of Object.entries(bits)) {
  execFileSync('gcc', ['-O2', `-m${n}`, '-static', '-o', join(work, `kernels-${arch}`), join(here, 'kernels', 'kernels.c')]);
}
const data = join(work, 'data');
if (!existsSync(data)) execFileSync('sh', ['-c', `cat /usr/lib/x86_64-linux-gnu/libc.so.6 /etc/services /etc/passwd 2>/dev/null | head -c 2000000 > ${data}`]);

/** name, how it is run, and whether the program itself prints its time. Scales aim at a few seconds for the slowest runner. */
const rows = [];
const scales = { loop: 10, sieve: 5, fib: 3, matrix: 5, copy: 5, sha256: 5, mandelbrot: 5, sort: 5, getppid: 5, clock: 20, fork: 3, exec: 2 };
for (const arch of Object.keys(bits)) {
  for (const [kernel, scale] of Object.entries(scales)) {
    rows.push({ name: `${kernel} ${arch}`, arch, argv: [join(work, `kernels-${arch}`), kernel, String(scale)], own: true });
  }
  rows.push({ name: `startup ${arch}`, arch, argv: [join(work, `kernels-${arch}`), 'nothing', '1'], own: false });
}
const programs = {
  'true (dynamic)': ['/bin/true'],
  'sh -c': ['/bin/sh', '-c', 'for i in 1 2 3 4 5; do /bin/true; done'],
  gzip: ['/bin/gzip', '-c', data],
  xz: ['/usr/bin/xz', '-1', '-c', data],
  sha256sum: ['/usr/bin/sha256sum', data],
  openssl: ['/usr/bin/openssl', 'dgst', '-sha512', data],
  perl: ['/usr/bin/perl', '-e', 'my %h; $h{$_ % 977} += $_ for 1..200000; print scalar(keys %h), "\\n"'],
  python3: ['/usr/bin/python3', '-S', '-c', 'print(sum(i*i for i in range(200000)))'],
  sqlite3: ['/usr/bin/sqlite3', ':memory:', 'create table t(a); with recursive c(x) as (select 1 union all select x+1 from c where x<30000) insert into t select x from c; select sum(a) from t;'],
  gcc: ['/usr/bin/gcc', '-O1', '-S', '-o', '-', join(here, 'kernels', 'kernels.c')],
};
for (const [name, argv] of Object.entries(programs)) if (existsSync(argv[0])) rows.push({ name, arch: 'x86_64', argv, own: false });

const has = (name) => spawnSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' }).status === 0;
const runners = {
  native: () => [],
  tuxlate: () => [process.execPath, tuxlate],
  qemu: (row) => (has(`qemu-${row.arch}`) ? [`qemu-${row.arch}`] : null),
};

/** Milliseconds, and what was printed (to see that all runners agree). */
function once(row, prefix) {
  const [command, ...args] = [...prefix, ...row.argv];
  const start = performance.now();
  const result = spawnSync(command, args, { encoding: 'latin1', timeout: 120_000, maxBuffer: 64 << 20, stdio: ['ignore', 'pipe', 'pipe'] });
  const ms = performance.now() - start;
  if (result.status !== 0) return { ms: Number.NaN, output: `status ${result.status ?? result.signal} ${result.stderr.slice(0, 200)}` };
  if (!row.own) return { ms, output: result.stdout };
  const [output, ns] = result.stdout.trim().split(' ');
  return { ms: Number(ns) / 1e6, output };
}

const median = (list) => list.sort((a, b) => a - b)[list.length >> 1] ?? Number.NaN;
const baseline = options.compare === null ? null : JSON.parse(readFileSync(options.compare, 'utf8')).rows;
const report = {};
const cell = (text, width) => String(text).padStart(width);
const show = (ms) => (Number.isNaN(ms) ? 'failed' : ms.toFixed(ms < 10 ? 2 : 0));
console.log(`${'ms'.padEnd(22)}${cell('native', 10)}${cell('tuxlate', 10)}${cell('qemu', 10)}${cell('/native', 10)}${cell('/qemu', 9)}${baseline ? cell('before', 10) : ''}`);
for (const row of rows) {
  if (wanted.length > 0 && !wanted.some((part) => row.name.includes(part))) continue;
  const times = {};
  const outputs = new Set();
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const [name, prefix] of Object.entries(runners)) {
      const words = prefix(row);
      if (words === null) continue;
      const { ms, output } = once(row, words);
      (times[name] ??= []).push(ms);
      // Whether the emulator of comparison agrees is not ours to report.
      if (name !== 'qemu') outputs.add(output);
    }
  }
  const { native, tuxlate: ours, qemu } = Object.fromEntries(Object.entries(times).map(([name, list]) => [name, median(list)]));
  report[row.name] = { native, tuxlate: ours, qemu: qemu ?? null };
  const ratio = (other) => (other === undefined || Number.isNaN(ours / other) ? '-' : (ours / other).toFixed(1));
  const differs = outputs.size > 1 ? `  outputs differ: ${[...outputs].at(-1).slice(0, 120)}` : '';
  const before = baseline ? cell(baseline[row.name] ? show(baseline[row.name].tuxlate) : '-', 10) : '';
  console.log(`${row.name.padEnd(22)}${cell(show(native), 10)}${cell(show(ours), 10)}${cell(qemu === undefined ? '-' : show(qemu), 10)}${cell(ratio(native), 10)}${cell(ratio(qemu), 9)}${before}${differs}`);
}
const single = wanted.length === 0 || wanted.includes('costs') ? await costs(Number(options.rounds)) : {};
if (options.json !== null) {
  writeFileSync(options.json, `${JSON.stringify({ node: process.version, cpu: cpus()[0]?.model ?? '', rows: report, costs: single }, null, 1)}\n`);
}
