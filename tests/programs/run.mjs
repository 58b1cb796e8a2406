// Program tests: every case of cases/*.cases is a shell script that runs natively (chroot into a Debian root) and under tuxlate
// (the same root, writes in memory), for both architectures; output and exit status must be the same.
// Usage: node tests/programs/run.mjs [--arch=amd64|i386] [--jobs=2] [--verbose] [--twice] [--slack=FACTOR] [NAME-PART...]
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { architectures, prepareRoot, rootPath } from './roots.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const top = join(here, '..', '..');
const tuxlate = process.env.TUXLATE ?? join(top, 'dist', 'tuxlate.js');
const outputs = join(top, 'build', 'programs');

const options = { arch: null, jobs: 2, verbose: false, slack: 1 };
const wanted = [];
for (const word of process.argv.slice(2)) {
  const match = /^--(\w+)(?:=(.*))?$/.exec(word);
  if (match === null) wanted.push(word);
  else if (match[1] === 'jobs') options.jobs = Number(match[2]);
  else options[match[1]] = match[2] ?? true;
}

/** `=== name [timeout=N] [arch=A]` starts a case, the lines up to the next are its script. */
function readCases() {
  const cases = [];
  for (const file of readdirSync(join(here, 'cases')).sort()) {
    const family = file.replace(/\.cases$/, '');
    for (const part of readFileSync(join(here, 'cases', file), 'utf8').split(/^=== /m).slice(1)) {
      const [head, ...lines] = part.split('\n');
      const [name, ...settings] = head.trim().split(/\s+/);
      const fields = Object.fromEntries(settings.map((setting) => setting.split('=')));
      cases.push({ name: `${family}/${name}`, script: lines.join('\n'), timeout: Number(fields.timeout ?? 60) * Number(options.slack), arch: fields.arch ?? null, shell: fields.shell ?? 'bash' });
    }
  }
  return cases;
}

const environment = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/tmp', LC_ALL: 'C.UTF-8', TERM: 'xterm', TZ: 'UTC' };

/** Runs a command in a process group of its own; the whole group ends at the time limit. */
function run(command, args, seconds) {
  return new Promise((done) => {
    const start = performance.now();
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: environment, detached: true, cwd: '/' });
    const chunks = { stdout: [], stderr: [] };
    let size = 0;
    let late = false;
    const end = () => {
      late = true;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {}
    };
    const timer = setTimeout(end, seconds * 1000);
    for (const name of ['stdout', 'stderr']) {
      child[name].on('data', (chunk) => {
        size += chunk.length;
        if (size < 64 << 20) chunks[name].push(chunk);
        else end();
      });
    }
    child.on('error', (error) => done({ status: String(error), stdout: '', stderr: '', ms: 0, late }));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const text = (name) => Buffer.concat(chunks[name]).toString('latin1');
      done({ status: signal ?? code, stdout: text('stdout'), stderr: text('stderr'), ms: performance.now() - start, late });
    });
  });
}

/** Native: own mounts of /proc, /dev and /tmp, gone with the process. */
function native(test, root) {
  const setup = 'mount -t proc proc "$0/proc" && mount --bind /dev "$0/dev" && mount -t tmpfs tmpfs "$0/tmp" && cd / && chroot "$0" "$@"; exit $?';
  const prefix = ['--mount', '--pid', '--fork', '--uts', '--kill-child', 'sh', '-c', setup, root];
  return run('unshare', [...prefix, test.shell, '-c', test.script], test.timeout);
}

function translated(test, root) {
  return run(process.execPath, [tuxlate, '--root', root, '-u', '0:0', '--mount', 'type=tmpfs,dst=/tmp', test.shell, '-c', test.script], test.timeout);
}

function firstDifference(expected, actual) {
  const [left, right] = [expected.split('\n'), actual.split('\n')];
  const at = left.findIndex((line, index) => line !== right[index]);
  const line = at < 0 ? left.length : at;
  return `line ${line + 1}: expected ${JSON.stringify(left[line]?.slice(0, 200))}, got ${JSON.stringify(right[line]?.slice(0, 200))}`;
}

/** Natively it runs once; what it printed is kept for looking at. */
async function check(test, architecture) {
  const root = rootPath(architecture);
  const expected = await native(test, root);
  // --twice: native against native, to see whether the case itself is the same every time.
  const actual = await (options.twice ? native : translated)(test, root);
  const name = `${test.name} ${architecture}`;
  const dir = join(outputs, architecture, test.name);
  mkdirSync(dir, { recursive: true });
  for (const [who, result] of Object.entries({ native: expected, tuxlate: actual })) {
    writeFileSync(join(dir, `${who}.out`), result.stdout, 'latin1');
    writeFileSync(join(dir, `${who}.err`), result.stderr, 'latin1');
  }
  const time = `${Math.round(expected.ms)} ms native, ${Math.round(actual.ms)} ms`;
  if (expected.late) return { name, ok: false, why: `native run took over ${test.timeout} s` };
  if (actual.late) return { name, ok: false, why: `over ${test.timeout} s; ${firstDifference(expected.stdout, actual.stdout)}` };
  if (expected.stdout !== actual.stdout) return { name, ok: false, why: `${firstDifference(expected.stdout, actual.stdout)} ${actual.stderr.slice(0, 300)}` };
  if (expected.status !== actual.status) return { name, ok: false, why: `status ${actual.status}, expected ${expected.status} ${actual.stderr.slice(0, 300)}` };
  return { name, ok: true, why: time };
}

const work = [];
let skipped = 0;
const cases = readCases().filter((test) => wanted.length === 0 || wanted.some((part) => test.name.includes(part)));
for (const architecture of architectures) {
  if (options.arch !== null && options.arch !== architecture) continue;
  const mine = cases.filter((test) => test.arch === null || test.arch === architecture);
  if (await prepareRoot(architecture)) work.push(...mine.map((test) => ({ test, architecture })));
  else skipped += mine.length;
}

let passed = 0;
const failures = [];
const again = [];
async function worker() {
  for (let job = work.shift(); job !== undefined; job = work.shift()) {
    const result = await check(job.test, job.architecture);
    if (result.ok) report(result);
    else again.push(job);
  }
}
function report(result) {
  if (result.ok) passed++;
  else failures.push(result);
  if (!result.ok || options.verbose) console.log(`${result.ok ? 'ok  ' : 'FAIL'} ${result.name}: ${result.why}`);
}
await Promise.all(Array.from({ length: options.jobs }, worker));
// Two at a time, a case may miss its time or its order on a busy machine: what counts is how it does alone.
for (const job of again) report(await check(job.test, job.architecture));
console.log(`programs: ${passed} passed, ${failures.length} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failures.length > 0 ? 1 : 0;
