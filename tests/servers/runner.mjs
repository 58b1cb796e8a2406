// How a script is run natively and under tuxlate: in the same root file system, on the host's network.
import { spawn } from 'node:child_process';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';

const top = join(import.meta.dirname, '..', '..');
export const tuxlate = process.env.TUXLATE ?? join(top, 'dist', 'tuxlate.js');

export const environment = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/games', HOME: '/tmp', LC_ALL: 'C.UTF-8', TERM: 'xterm', TZ: 'UTC', USER: 'root', SHELL: '/bin/bash' };

/** Natively: mounts of its own; everything ends with the first process. */
const setup = (devices) => ['mount -t proc proc "$0/proc"', ...devices, 'mount -t tmpfs tmpfs "$0/tmp"', 'mount -t tmpfs tmpfs "$0/run"', 'cd /', 'exec chroot "$0" "$@"'].join(' && ');
const ownDevices = setup([
  'mount -t tmpfs -o mode=755 tmpfs "$0/dev"', 'mkdir -m 1777 "$0/dev/shm"', 'mkdir "$0/dev/pts"', 'mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$0/dev/pts"',
  ...[['null', 1, 3], ['zero', 1, 5], ['full', 1, 7], ['random', 1, 8], ['urandom', 1, 9], ['tty', 5, 0]].map(([name, major, minor]) => `mknod -m 666 "$0/dev/${name}" c ${major} ${minor}`),
  'ln -s pts/ptmx "$0/dev/ptmx"', 'ln -s /proc/self/fd "$0/dev/fd"',
]);
/** With the host's terminals. */
const hostDevices = setup(['mount --rbind /dev "$0/dev"']);

/** Command and arguments: `argv` in `root`, by `how` ('native' or 'tuxlate'); `onTerminal`: of the host. */
export function commandOf(how, root, argv, onTerminal = false) {
  if (how === 'native') return ['unshare', ['--mount', '--pid', '--fork', '--uts', '--kill-child', 'sh', '-c', onTerminal ? hostDevices : ownDevices, root, ...argv]];
  return [process.execPath, [tuxlate, '--root', root, '-u', '0:0', '--mount', 'type=tmpfs,dst=/tmp', '--mount', 'type=tmpfs,dst=/run', ...argv]];
}

const running = new Set();
process.on('exit', () => {
  for (const child of running) end(child);
});

function end(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

/** Starts a script in a process group of its own; `result` resolves with what it printed and how it ended, `stop` ends it. */
export function start(how, root, script, variables = {}, seconds = 60) {
  const [command, args] = commandOf(how, root, ['/bin/bash', '-c', script]);
  const child = spawn(command, args, { cwd: '/', detached: true, stdio: ['ignore', 'pipe', 'pipe'], env: { ...environment, ...variables } });
  running.add(child);
  const chunks = { stdout: [], stderr: [] };
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    end(child);
  }, seconds * 1000);
  for (const name of ['stdout', 'stderr']) child[name].on('data', (chunk) => chunks[name].push(chunk));
  const result = new Promise((done) => {
    child.on('error', (error) => done({ status: String(error), stdout: '', stderr: '', late }));
    child.on('close', (code, signal) => {
      running.delete(child);
      clearTimeout(timer);
      const text = (name) => Buffer.concat(chunks[name]).toString('latin1');
      done({ status: signal ?? code, stdout: text('stdout'), stderr: text('stderr'), late });
    });
  });
  return {
    pid: child.pid,
    result,
    printed: (name = 'stdout') => Buffer.concat(chunks[name]).toString('latin1'),
    stop: async () => {
      end(child);
      return await result;
    },
  };
}

/** A port nobody listens on. */
export function freePort() {
  return new Promise((done, failed) => {
    const server = createServer();
    server.on('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

function accepts(port) {
  return new Promise((done) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.on('error', () => done(false));
  });
}

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Whether somebody listens on the port before `seconds` have passed or `over` says that nobody will. */
export async function listens(port, seconds, over) {
  for (const until = Date.now() + seconds * 1000; Date.now() < until; await pause(50)) {
    if (await accepts(port)) return true;
    if (over()) return false;
  }
  return false;
}

export function firstDifference(expected, actual) {
  const [left, right] = [expected.split('\n'), actual.split('\n')];
  const at = left.findIndex((line, index) => line !== right[index]), line = at < 0 ? left.length : at;
  return `line ${line + 1}: expected ${JSON.stringify(left[line]?.slice(0, 160))}, got ${JSON.stringify(right[line]?.slice(0, 160))}`;
}
