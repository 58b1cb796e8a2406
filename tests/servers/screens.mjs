// Programs on a terminal: what the screen shows after each step is what it shows natively.
import { createRequire } from 'node:module';
import { commandOf, environment, pause } from './runner.mjs';

const require = createRequire(import.meta.url);
const COLUMNS = 80, ROWS = 24;
/** A screen is taken when nothing has come for so long. */
const QUIET_MS = 300;
const STEP_MS = 20_000;

const ctrl = (letter) => String.fromCharCode(letter.charCodeAt(0) & 31);
const ESC = '\x1b', F10 = `${ESC}[21~`, DOWN = `${ESC}OB`;

const PROMPT = /[>#]$/;

const files = 'mkdir -p /tmp/w; cd /tmp/w; seq 1 200 > numbers; printf "one\\ntwo\\nthree\\n" > text; touch -d @1700000000 numbers text; export PS1="> "';

/**
 * `steps`: keys, then what of the screen is looked at: all lines, or those that `only` selects; `wait`: text that has to be there first;
 * `size`: the window's columns and rows from then on.
 * The first step has no keys: the start.
 */
export const screens = [
  {
    name: 'bash', package: 'bash', has: 'bash', argv: ['bash', '--norc', '-i'], edit: (line) => line.replace(/^(\[\d\]) \d+$/, '$1 pid'),
    steps: ['', { keys: 'sleep 100\r', pause: 500 }, { keys: ctrl('Z'), wait: 'Stopped' }, 'jobs\r', 'bg; jobs\r', { keys: 'fg\r', pause: 300 }, { keys: ctrl('C'), wait: PROMPT }, 'cat\r', 'echo\r', ctrl('D'), 'stty -a | head -1; echo $COLUMNS $LINES\r', 'sleep 50 & sleep 60 & jobs | cut -c1-20\r', 'kill %1 %2; wait 2> /tmp/e; echo waited\r', 'trap "echo window $COLUMNS" WINCH\r', { keys: '', size: [60, 20] }, { keys: 'stty size; echo $COLUMNS $LINES\r' }, 'ech\tx\r'],
  },
  { name: 'vim', package: 'vim', has: 'vim', argv: ['vim', '-u', 'NONE', '-N', '-i', 'NONE', 'text'], edit: (line) => line.replace(/\d+ seconds? ago */, 'then'), steps: ['', 'ofour\x1b', ':set number ruler\r', 'ggdw', 'u', '/th\r', ':%s/o/0/g\r', ':split numbers\r', '50%', ':vsplit\r', { keys: '', size: [100, 30] }, { keys: '', size: [50, 15] }, ':qa!\r'] },
  { name: 'nano', package: 'nano', has: 'nano', argv: ['nano', '-I', 'text'], steps: ['', 'hello ', `${ctrl('W')}three\r`, ctrl('K'), { keys: '', size: [90, 16] }, `${ctrl('U')}${ctrl('U')}`, ctrl('G'), ctrl('X'), ctrl('X'), 'n'] },
  { name: 'less', package: 'less', has: 'less', argv: ['less', '-X', 'numbers'], steps: ['', ' ', 'G', '/77\r', 'g', '50%', '=', { keys: '', size: [40, 12] }, '&9$\r', 'h', 'q', 'q'] },
  { name: 'top', package: 'procps', has: 'top', argv: ['top', '-d', '60'], only: /^ +PID/, edit: (line) => line.trimStart(), steps: [{ keys: '', wait: 'PID' }, { keys: 'f', wait: 'Fields Management', only: /^Fields|Display/ }, { keys: 'q', wait: 'PID' }] },
  { name: 'htop', package: 'htop', has: 'htop', argv: ['htop', '-d', '100'], only: /F1Help|PID.*USER/, edit: (line) => line.trimStart(), steps: [{ keys: '', wait: 'F1Help' }, { keys: `${ESC}[15~`, wait: 'F1Help' }] },
  { name: 'mc', package: 'mc', has: 'mc', argv: ['mc', '-b', '-u', '/tmp/w', '/tmp/w'], edit: (line) => line.replace(/\d+[KMGT]?\s*\/\s*\d+[KMGT]? \(\d+%\)/g, 'space').replace(/─+( space )?─*/g, '─').replace(/[A-Z][a-z]{2} +\d+ \d\d:\d\d/g, 'date').replace(/Hint:.*/, 'Hint'), steps: [{ keys: '', wait: '10Quit' }, DOWN, `${ESC}[13~`, F10, '\t', `${ESC}OP`, `${ESC}${ESC}`] },
  { name: 'dialog', package: 'dialog', has: 'dialog', argv: ['dialog', '--title', 'Choose', '--menu', 'one of', '12', '40', '4', 'a', 'first', 'b', 'second', 'c', 'third'], steps: ['', DOWN, '\t', '\t', '\r'] },
  { name: 'tmux', package: 'tmux', has: 'tmux', argv: ['tmux', '-f', '/dev/null', '-L', 'test', 'new', '-s', 'here', 'bash --norc -i'], edit: (line) => line.replace(/"[^"]*" \d\d:\d\d.*$/, 'status'), steps: [{ keys: '', wait: PROMPT }, 'echo left\r', { keys: `${ctrl('B')}%`, pause: 1500 }, 'PS1="> "; clear; echo right\r', { keys: `${ctrl('B')}"`, pause: 1500 }, 'PS1="> "; clear; seq 1 3\r', `${ctrl('B')}o`, 'echo again\r', `${ctrl('B')}z`, `${ctrl('B')}z`, { keys: `${ctrl('B')}d`, only: /detached/, wait: 'detached' }] },
  { name: 'screen', package: 'screen', has: 'screen', argv: ['screen', '-c', '/dev/null', 'bash', '--norc', '-i'], steps: [{ keys: '', wait: PROMPT }, 'echo one\r', { keys: `${ctrl('A')}c`, pause: 1000 }, 'PS1="> "; clear; echo two\r', `${ctrl('A')}0`, `${ctrl('A')}w`, 'exit\r'] },
  { name: 'script', package: 'bsdutils', has: 'script', argv: ['script', '-q', '/tmp/log', '-c', 'bash --norc -i'], steps: [{ keys: '', wait: PROMPT }, 'tty > /tmp/t; test -t 0 && echo terminal\r', 'stty size\r', 'exit\r'] },
  { name: 'expect', package: 'expect', has: 'expect', argv: ['expect', '-c', 'spawn bash --norc -i; expect "> "; send "read x; echo got \\$x\\r"; send "abc\\r"; expect "got abc"; send "exit\\r"; expect eof'], steps: [{ keys: '', pause: 2000 }] },
  { name: 'nethack', package: 'nethack-console', has: 'nethack', argv: ['sh', '-c', 'NETHACKOPTIONS="name:Tester,!autopickup" exec /usr/games/nethack -D -u Tester 2>&1 || exec /usr/games/nethack -u Tester'], edit: (line) => line.replace(/\d+/g, 'n'), steps: [{ keys: '', wait: 'Shall I pick' }, { keys: 'q', pause: 500 }] },
];

/** A program on a terminal of its own; `screen` is what that shows. */
function open(how, root, test) {
  const { spawn } = require('@lydell/node-pty'), { Terminal } = require('@xterm/headless');
  const [command, args] = commandOf(how, root, ['/bin/bash', '-c', `${files}; exec "$@"`, 'start', ...test.argv], true);
  const pty = spawn(command, args, { name: 'xterm', cols: COLUMNS, rows: ROWS, cwd: '/', env: environment });
  const terminal = new Terminal({ cols: COLUMNS, rows: ROWS, allowProposedApi: true });
  let last = Date.now();
  let ended = false;
  pty.onData((data) => {
    last = Date.now();
    terminal.write(data);
  });
  terminal.onData((answer) => pty.write(answer));
  pty.onExit(() => {
    ended = true;
  });
  const lines = () => Array.from({ length: terminal.rows }, (_, row) => terminal.buffer.active.getLine(terminal.buffer.active.baseY + row)?.translateToString(true) ?? '');
  return {
    write: (keys) => {
      last = Date.now();
      if (!ended) pty.write(keys);
    },
    resize: (columns, rows) => {
      last = Date.now();
      terminal.resize(columns, rows);
      if (!ended) pty.resize(columns, rows);
    },
    quiet: () => Date.now() - last > QUIET_MS,
    over: () => ended,
    screen: (step) => {
      const { only, edit } = { ...test, ...step };
      return lines().filter((line) => only === undefined || only.test(line)).map((line) => (edit === undefined ? line : edit(line)).trimEnd()).join('\n').trimEnd();
    },
    shows: (text) => lines().some((line) => (typeof text === 'string' ? line.includes(text) : text.test(line.trimEnd()))),
    close: async () => {
      try {
        process.kill(pty.pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
      for (const until = Date.now() + 2000; !ended && Date.now() < until; ) await pause(20);
      terminal.dispose();
    },
  };
}

function act(view, step) {
  if (step.size !== undefined) view.resize(...step.size);
  view.write(step.keys);
}

const stepOf = (step) => (typeof step === 'string' ? { keys: step } : step);

async function until(holds, ms) {
  for (const end = Date.now() + ms; Date.now() < end; await pause(20)) if (holds()) return true;
  return false;
}

async function nativeScreens(root, test) {
  const view = open('native', root, test), seen = [];
  try {
    for (const step of test.steps.map(stepOf)) {
      act(view, step);
      await pause(step.pause ?? 0);
      if (step.wait !== undefined) await until(() => view.shows(step.wait), STEP_MS);
      await until(view.quiet, STEP_MS);
      seen.push(view.screen(step));
    }
    return seen;
  } finally {
    await view.close();
  }
}

export async function checkScreen(test, root) {
  const from = performance.now(), expected = await nativeScreens(root, test);
  if (expected.every((screen) => screen === '')) return { name: test.name, ok: false, why: 'nothing to see natively' };
  const view = open('tuxlate', root, test);
  try {
    for (const [n, step] of test.steps.map(stepOf).entries()) {
      act(view, step);
      await pause(step.pause ?? 0);
      if (!(await until(() => view.screen(step) === expected[n] && view.quiet(), STEP_MS))) {
        const actual = view.screen(step).split('\n'), wanted = expected[n].split('\n');
        const at = wanted.findIndex((line, row) => line !== actual[row]), row = at < 0 ? wanted.length : at;
        return { name: test.name, ok: false, why: `step ${n} (${JSON.stringify(step.keys)}), row ${row}: expected ${JSON.stringify(wanted[row])}, got ${JSON.stringify(actual[row])}`, expected: expected[n], actual: actual.join('\n') };
      }
    }
    return { name: test.name, ok: true, why: `${expected.length} screens, ${Math.round(performance.now() - from)} ms` };
  } finally {
    await view.close();
  }
}
