// npm run bench: native, tuxlate and qemu-user in turn on the same files; medians and ratios as a table, JSON for comparing runs, a plot.
// Before the rounds each row runs once under tuxlate, with what earlier runs of other programs have kept: the column `first`.
// Usage: node bench/run.mjs [--rounds=5] [--json=FILE] [--compare=FILE] [--plot=FILE.svg] [NAME-PART...]
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { costs } from './costs.mjs';
import { plot } from './plot.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const top = join(here, '..');
const work = join(top, 'build', 'bench');
const tuxlate = join(top, 'dist', 'tuxlate.js');

const options = { rounds: '5', json: null, compare: null, plot: null };
const wanted = [];
for (const word of process.argv.slice(2)) {
  const match = /^--(\w+)=(.*)$/.exec(word);
  if (match === null) wanted.push(word);
  else options[match[1]] = match[2];
}

mkdirSync(work, { recursive: true });
const bits = { x86_64: 64, i386: 32 };
for (const [arch, n] of Object.entries(bits)) {
  execFileSync('gcc', ['-O2', `-m${n}`, '-msse2', '-static', '-o', join(work, `kernels-${arch}`), '-Wall', join(here, 'kernels', 'kernels.c'), join(here, 'kernels', 'compute.c')]);
}
const data = join(work, 'data');
if (!existsSync(data)) execFileSync('sh', ['-c', `cat /usr/lib/x86_64-linux-gnu/libc.so.6 /etc/services /etc/passwd 2>/dev/null | head -c 2000000 > ${data}`]);

/** name, group, how it is run, and whether the program itself prints its time. Scales make natively some 50 ms, so that it is not the start that shows. */
const rows = [];
const compute = {
  loop: 4, branches: 20, fib: 12, indirect: 20, strings: 50, copy: 50, sha256: 80, sort: 40, sieve: 15, matrix: 60, divide: 10, bignum: 60,
  floats: 20, doubles: 20, mandelbrot: 60, ssefloat: 60, sseint: 40,
};
const system = { getppid: 20, getpgrp: 20, clock: 50, fork: 3, exec: 2 };
for (const arch of Object.keys(bits)) {
  for (const [group, scales] of Object.entries({ compute, system })) {
    for (const [kernel, scale] of Object.entries(scales)) {
      rows.push({ name: `${kernel} ${arch}`, group: `${group} ${arch}`, arch, argv: [join(work, `kernels-${arch}`), kernel, String(scale)], own: true });
    }
  }
  rows.push({ name: `startup ${arch}`, group: 'short', arch, argv: [join(work, `kernels-${arch}`), 'nothing', '1'], own: false });
}
const short = {
  true: ['/bin/true'],
  'sh -c': ['/bin/sh', '-c', 'for i in 1 2 3 4 5; do /bin/true; done'],
  'ls -l': ['/bin/ls', '-l', '/usr/bin'],
  'python3 pass': ['/usr/bin/python3', '-c', 'pass'],
};
const compiler = ['/usr/libexec/gcc', '/usr/lib/gcc'].map((at) => join(at, 'x86_64-linux-gnu', '12', 'cc1')).find(existsSync) ?? 'cc1';
const programs = {
  gzip: ['/bin/gzip', '-9', '-c', data],
  xz: ['/usr/bin/xz', '-1', '-c', data],
  bzip2: ['/bin/bzip2', '-c', data],
  sha256sum: ['/usr/bin/sha256sum', data],
  openssl: ['/usr/bin/openssl', 'dgst', '-sha512', data],
  sort: ['/usr/bin/sort', '-k3', '/var/lib/dpkg/status'],
  gawk: ['/usr/bin/gawk', 'BEGIN { for (i = 0; i < 300000; i++) { x[i % 997] += i * 3; s = s + length(i "a") } print s, x[5] }'],
  bash: ['/bin/bash', '-c', 'for ((i = 0; i < 60000; i++)); do x=$((x * 31 + i)); done; echo $x'],
  perl: ['/usr/bin/perl', '-e', 'my %h; $h{$_ % 977} += $_ for 1..600000; print scalar(keys %h), "\n"'],
  python3: ['/usr/bin/python3', '-S', '-c', 'print(sum(i*i for i in range(600000)))'],
  lua: ['/usr/bin/lua5.4', '-e', 'local t = {} for i = 1, 1500000 do t[i % 100] = (t[(i + 7) % 100] or 0) + i * 3 % 7 end print(t[5])'],
  sqlite3: ['/usr/bin/sqlite3', ':memory:', 'create table t(a); with recursive c(x) as (select 1 union all select x+1 from c where x<100000) insert into t select x from c; select sum(a), count(distinct a % 71) from t;'],
  cc1: [compiler, '-quiet', '-O2', '-o', '-', join(here, 'kernels', 'compute.c')],
};
for (const [group, list] of Object.entries({ short, programs })) {
  for (const [name, argv] of Object.entries(list)) if (existsSync(argv[0])) rows.push({ name, group, arch: 'x86_64', argv, own: false });
}
// A build: make, shells, the compiler's driver, cc1, as and ld, two at a time.
const build = `d=$(mktemp -d) && cd $d && for i in 1 2; do cp "$0" k$i.c; done && printf 'all: k1 k2\nk%%: k%%.c\n\tgcc -O1 -c -I %s -o $@ $<\n' "$(dirname "$0")" > Makefile && make -s -j2 && ls | tr '\n' ' '; rm -r $d`;
if (existsSync('/usr/bin/make')) rows.push({ name: 'make -j2', group: 'programs', arch: 'x86_64', argv: ['/bin/sh', '-c', build, join(here, 'kernels', 'compute.c')], own: false, spawns: true });

const has = (name) => spawnSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' }).status === 0;
const runners = {
  native: () => [],
  tuxlate: () => [process.execPath, tuxlate],
  // What it starts it starts natively.
  qemu: (row) => (row.spawns !== true && has(`qemu-${row.arch}`) ? [`qemu-${row.arch}`] : null),
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
console.log(`${'ms'.padEnd(22)}${['native', 'first', 'tuxlate', 'qemu', '/native', '/qemu', ...(baseline ? ['before'] : [])].map((title) => cell(title, 10)).join('')}`);
for (const row of rows) {
  if (wanted.length > 0 && !wanted.some((part) => row.name.includes(part))) continue;
  const first = once(row, runners.tuxlate(row)), times = {}, outputs = new Set([first.output]);
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
  report[row.name] = { group: row.group, native, first: first.ms, tuxlate: ours, qemu: qemu ?? null };
  const ratio = (other) => (other === undefined || Number.isNaN(ours / other) ? '-' : (ours / other).toFixed(ours / other < 10 ? 2 : 1));
  const differs = outputs.size > 1 ? `  outputs differ: ${[...outputs].at(-1).slice(0, 120)}` : '';
  const before = baseline ? [baseline[row.name] ? show(baseline[row.name].tuxlate) : '-'] : [];
  const cells = [show(native), show(first.ms), show(ours), qemu === undefined ? '-' : show(qemu), ratio(native), ratio(qemu), ...before];
  console.log(`${row.name.padEnd(22)}${cells.map((text) => cell(text, 10)).join('')}${differs}`);
}
console.log(`\n${'geometric means'.padEnd(22)}${cell('/native', 10)}${cell('/qemu', 10)}`);
for (const group of new Set(Object.values(report).map((row) => row.group))) {
  const mean = (other) => {
    const logs = Object.values(report).filter((row) => row.group === group && row[other] > 0 && row.tuxlate > 0).map((row) => Math.log(row.tuxlate / row[other]));
    return logs.length === 0 ? '-' : Math.exp(logs.reduce((sum, x) => sum + x, 0) / logs.length).toFixed(2);
  };
  console.log(`${group.padEnd(22)}${cell(mean('native'), 10)}${cell(mean('qemu'), 10)}`);
}
if (options.plot !== null) writeFileSync(options.plot, plot(report));
const single = wanted.length === 0 || wanted.includes('costs') ? await costs(Number(options.rounds)) : {};
if (options.json !== null) {
  writeFileSync(options.json, `${JSON.stringify({ node: process.version, cpu: cpus()[0]?.model ?? '', rows: report, costs: single }, null, 1)}\n`);
}
