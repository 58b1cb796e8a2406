// The cost of starting, of processes and of system calls, each beside what it should be. Part of `npm run bench`; alone: node bench/costs.mjs
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const work = join(here, '..', 'build', 'bench');
const tuxlate = join(here, '..', 'dist', 'tuxlate.js');

/** Operation, how many, its figure: what one may cost in ns. */
const operations = [
  ['local', 200_000, 300, 'system call answered in the worker'],
  ['mailbox', 50_000, 3_000, 'system call through the mailbox'],
  ['pipe', 20_000, 20_000, 'pipe round trip between processes'],
  ['polled pipe', 20_000, 30_000, 'pipe round trip by epoll'],
  ['futex', 20_000, 20_000, 'futex round trip between threads'],
  ['eventfd', 20_000, 20_000, 'eventfd round trip between processes'],
  ['polled eventfd', 20_000, 30_000, 'eventfd round trip by epoll'],
  ['unix', 20_000, 20_000, 'Unix socket round trip between processes'],
  ['tcp', 20_000, 30_000, 'TCP loopback round trip between processes'],
  ['request', 20_000, 20_000, 'request to an epoll server'],
  ['thread', 200, 1_000_000, 'thread create and join'],
  ['fork', 60, 5_000_000, 'fork and wait'],
  ['exec', 60, 5_000_000, 'fork, exec and wait of /bin/true'],
];

const median = (list) => list.sort((a, b) => a - b)[list.length >> 1] ?? Number.NaN;

function compile(arch, bits) {
  const program = join(work, `costs-${arch}`);
  execFileSync('gcc', ['-O2', `-m${bits}`, '-static', '-pthread', '-o', program, join(here, 'guest', 'costs.c')]);
  return program;
}

function timeOf(command, args, rounds) {
  const times = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    spawnSync(command, args, { stdio: 'ignore' });
    times.push(performance.now() - start);
  }
  return median(times);
}

function nsOf(command, args, rounds) {
  const times = [];
  for (let round = 0; round < rounds; round++) {
    const result = spawnSync(command, args, { encoding: 'latin1', timeout: 120_000, stdio: ['ignore', 'pipe', 'ignore'] });
    if (result.status === 0) times.push(Number(result.stdout));
  }
  return median(times);
}

/** Private memory of tuxlate while `count` children of one program sleep, in bytes; NaN where /proc does not tell. */
async function memoryWith(program, count) {
  const child = spawn(process.execPath, [tuxlate, program, 'idle', String(count)], { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = new Promise((done) => child.on('exit', done));
  await new Promise((ready) => child.stdout.once('data', ready));
  await new Promise((done) => setTimeout(done, 1000));
  let bytes = Number.NaN;
  try {
    bytes = Number(/^Pss:\s*(\d+)/m.exec(readFileSync(`/proc/${child.pid}/smaps_rollup`, 'latin1'))[1]) * 1024;
  } catch {
    // Another host than Linux.
  }
  child.kill('SIGKILL');
  await ended;
  return bytes;
}

const show = (ns) => (ns >= 1e6 ? `${(ns / 1e6).toFixed(2)} ms` : ns >= 1e3 ? `${(ns / 1e3).toFixed(2)} us` : `${ns.toFixed(0)} ns`);

function line(name, cells) {
  console.log(name.padEnd(46) + cells.map((cell) => cell.padStart(12)).join(''));
}

/** Prints the table; returns the figures in ns (memory: bytes) by name. */
export async function costs(rounds) {
  mkdirSync(work, { recursive: true });
  const report = {};
  line('cost of one', ['native', 'tuxlate', 'figure']);
  const node = timeOf(process.execPath, ['-e', '0'], 2 * rounds + 1) * 1e6;
  const start = timeOf(process.execPath, [tuxlate, '/bin/true'], 2 * rounds + 1) * 1e6;
  report['start of /bin/true'] = start;
  line('start of /bin/true (native: of node -e 0)', [show(node), show(start), show(4 * node)]);
  for (const [arch, bits] of [['x86_64', 64], ['i386', 32]]) {
    const program = compile(arch, bits);
    for (const [name, count, figure, text] of operations) {
      const native = nsOf(program, [name, String(count)], rounds), ours = nsOf(process.execPath, [tuxlate, program, name, String(count)], rounds);
      report[`${name} ${arch}`] = ours;
      line(`${text} ${arch}`, [show(native), show(ours), show(figure)]);
    }
    const perProcess = ((await memoryWith(program, 21)) - (await memoryWith(program, 1))) / 20;
    report[`memory of an idle process ${arch}`] = perProcess;
    line(`memory of an idle process ${arch}`, ['', `${(perProcess / 2 ** 20).toFixed(1)} MiB`, '15.0 MiB']);
  }
  return report;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await costs(3);
