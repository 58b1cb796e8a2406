/** The emulator as a job of the host's shell, on a pty. Needs dist/ (npm run build) and bash. */
import { join } from 'node:path';
import { spawn } from '@lydell/node-pty';
import { expect, test } from 'vitest';

const command = join(import.meta.dirname, '..', '..', 'dist', 'tuxlate.js');

/** A shell on a terminal of its own: `until` waits for text that comes after what was seen before. */
function shell() {
  const pty = spawn('/bin/bash', ['--norc', '--noprofile', '-i'], { cols: 80, rows: 24, env: { ...process.env, PS1: '> ', TERM: 'dumb' } });
  let text = '';
  pty.onData((data) => {
    text += data.replaceAll('\r', '');
  });
  const until = async (pattern: RegExp) => {
    const end = Date.now() + 45_000;
    for (;;) {
      const found = pattern.exec(text);
      if (found !== null) {
        text = text.slice(found.index + found[0].length);
        return;
      }
      if (Date.now() > end) expect(text).toMatch(pattern);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  return { type: (keys: string) => pty.write(keys), until, end: () => pty.kill('SIGKILL') };
}

test.runIf(process.platform === 'linux')('^Z, bg and fg of a directly run program', { timeout: 300_000 }, async () => {
  const { type, until, end } = shell();
  try {
    type(`T="${process.execPath} ${command}"\r`);
    type('$T sh -c "echo up; exec cat"\r');
    await until(/\nup\n/);
    type('one\r');
    await until(/one\none\n/);
    type('\x1a');
    await until(/Stopped/);
    type('stty -a | grep -o " icanon"\r');
    await until(/\n icanon/);
    type('fg\r');
    await until(/exec cat"\n/);
    type('two\r');
    await until(/two\ntwo\n/);
    type('\x1a');
    await until(/Stopped/);
    type('bg; sleep 0.5; echo here\r');
    await until(/\nhere/);
    type('fg\r');
    await until(/exec cat"\n/);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    type('three\r');
    await until(/three\nthree\n/);
    type('\x03');
    await until(/\^C\n> /);
    type('echo status $?\r');
    await until(/status 130/);
  } finally {
    end();
  }
});
