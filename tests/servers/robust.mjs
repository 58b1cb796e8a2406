// What a process model must survive (guest/robust.c): the same lines as natively; and nothing is left over, round after round.
import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { firstDifference, tuxlate } from './runner.mjs';

/** Arguments of the program, for the program of so many bits. */
const of = (bits, ...list) => list.map((args) => ({ name: `${args} ${bits}`, args: args.split(' '), bits }));
export const robust = [
  ...of(64, 'forks 10000', 'live 200', 'fds 10000', 'threads 500', 'bomb 40', 'kills 60', 'memory', 'code 40'),
  ...of(32, 'forks 1000', 'live 40', 'fds 10000', 'threads 100', 'bomb 40', 'kills 30', 'code 20'),
];
/** Many rounds in one run: from some round on, nothing grows. */
export const leaks = [
  { name: 'leaks forks 64', args: ['forks', '400'], rounds: 10, bits: 64 },
  { name: 'leaks live 64', args: ['live', '10'], rounds: 10, bits: 64 },
  { name: 'leaks kills 64', args: ['kills', '12'], rounds: 8, bits: 64 },
  { name: 'leaks threads 64', args: ['threads', '8'], rounds: 40, bits: 64 },
];

const compiled = new Map();
export function compileRobust(dir, bits) {
  if (!compiled.has(bits)) {
    const program = join(dir, `robust${bits}`);
    execFileSync('gcc', ['-O1', `-m${bits}`, '-static', '-pthread', '-o', program, join(import.meta.dirname, 'guest', 'robust.c')]);
    compiled.set(bits, program);
  }
  return compiled.get(bits);
}

/** Runs to the end; `line` is called for each line it prints. */
function run(command, args, seconds, line = () => {}) {
  return new Promise((done) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
      for (let n = String(chunk).split('\n').length - 1; n > 0; n--) line(child.pid);
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      done({ stdout, stderr, status: signal ?? code });
    });
  });
}

export async function checkRobust({ args }, program) {
  // As many descriptors as the case wants are not everybody's to have natively.
  const native = await run('sh', ['-c', 'ulimit -n 20000 2> /dev/null; exec "$0" "$@"', program, ...args], 60), from = performance.now();
  const actual = await run(process.execPath, [tuxlate, program, ...args], 120);
  const ms = Math.round(performance.now() - from);
  if (actual.stdout !== native.stdout || actual.status !== native.status) {
    return { ok: false, why: `${firstDifference(native.stdout, actual.stdout)}; status ${actual.status}, expected ${native.status} ${actual.stderr.slice(0, 300)}` };
  }
  return { ok: true, why: `${ms} ms` };
}

function footprint(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1'), field = (name) => Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(status)[1]);
  return { MiB: Math.round(field('VmRSS') / 1024), threads: field('Threads'), descriptors: readdirSync(`/proc/${pid}/fd`).length };
}

/** The second half of the rounds needs no more than the first (memory: up to what garbage waits for its collection). */
export async function checkLeak({ args, rounds }, program) {
  const seen = [];
  const result = await run(process.execPath, [tuxlate, program, ...args, String(rounds)], 120, (pid) => {
    try {
      seen.push(footprint(pid));
    } catch {
      // It has ended.
    }
  });
  if (result.status !== 0) return { ok: false, why: `status ${result.status} ${result.stderr.slice(0, 300)}` };
  const half = seen.length >> 1, most = (list, field) => Math.max(...list.map((one) => one[field]));
  const first = seen.slice(0, half), second = seen.slice(half), slack = { MiB: 100, threads: 4, descriptors: 16 };
  const grown = Object.keys(slack).filter((field) => most(second, field) > most(first, field) + slack[field]);
  const shown = Object.keys(slack).map((field) => `${field} ${most(first, field)} then ${most(second, field)}`).join(', ');
  return { ok: grown.length === 0 && seen.length > 3, why: shown };
}
