// How long a call that is posted waits for the kernel's thread while others keep that busy: node bench/holds.mjs [WORKLOAD...]. A machine that does
// other things shows in the longest times.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const work = join(here, '..', 'build', 'bench');
const tuxlate = join(here, '..', 'dist', 'tuxlate.js');
const program = join(work, 'holds'), profile = join(work, 'holds.profile');
const LONG_MS = 1;

/** Workload of guest/holds.c, and what it is. */
const workloads = [
  ['forks', '10,000 forks, one after the other'],
  ['live', '200 live processes'],
  ['threads', '2,000 threads, one after the other'],
  ['descriptors', '10,000 descriptors: epoll, poll, fork'],
  ['transfers', '64 MiB at a time: files, mapped files, a pipe'],
  ['directories', 'a directory of 20,000 files, /usr/bin'],
  ['memory', '1 GiB: forked, protected, moved, given back'],
];

function measure(workload) {
  const args = [tuxlate, '--profile', '-o', profile, '--mount', 'type=tmpfs,dst=/tmp', program, workload];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'latin1', timeout: 300_000, stdio: ['ignore', 'ignore', 'pipe'] });
  if (status !== 0) return `ended with ${status}: ${stderr}`;
  const text = readFileSync(profile, 'latin1');
  const [, half, most, nearlyAll, longest] = /what it did at a time, ms: half of the times up to ([\d.]+), 99 % ([\d.]+), 99.9 % ([\d.]+), longest ([\d.]+)/.exec(text);
  const [, host] = /a turn of the host's events, ms: .*longest ([\d.]+)/.exec(text);
  const calls = [...text.matchAll(/^ +[\d.]+ +\d+ +([\d.]+) {4}(\w+)$/gm)].filter(([, ms]) => Number(ms) > LONG_MS);
  const cells = [half, most, nearlyAll, longest, host].map((ms) => Number(ms).toFixed(ms < 0.1 ? 3 : ms < 10 ? 2 : 0).padStart(9));
  return `${cells.join('')}  ${calls.sort(([, a], [, b]) => b - a).map(([, ms, name]) => `${name} ${ms}`).join(', ')}`;
}

mkdirSync(work, { recursive: true });
execFileSync('gcc', ['-O2', '-static', '-pthread', '-o', program, join(here, 'guest', 'holds.c')]);
console.log(`${'kept waiting, ms'.padEnd(48)}     half     99 %   99.9 %  longest  by host  calls above ${LONG_MS} ms`);
const wanted = process.argv.slice(2);
for (const [workload, what] of workloads) if (wanted.length === 0 || wanted.includes(workload)) console.log(what.padEnd(48) + measure(workload));
rmSync(profile, { force: true });
