/** What the terminal is left like, and what is left of the emulator, however it ends. Needs dist/ (npm run build) and bash. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type IPty, spawn } from '@lydell/node-pty';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const command = join(import.meta.dirname, '..', '..', 'dist', 'tuxlate.js');
let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tuxlate-end-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 45_000; !holds(); ) {
    if (Date.now() > end) throw new Error(`${what} did not happen`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Runs a bash script on a terminal of its own. */
function onTerminal(script: string): { pty: IPty; text: () => string } {
  const pty = spawn('/bin/bash', ['--norc', '--noprofile', '-c', script], { cols: 80, rows: 24, env: { ...process.env, TERM: 'dumb', T: `${process.execPath} ${command}`, D: dir } });
  let text = '';
  pty.onData((data) => {
    text += data.replaceAll('\r', '');
  });
  return { pty, text: () => text };
}

describe.runIf(process.platform === 'linux')('a terminal that the guest has made raw', () => {
  test.each(['TERM', 'HUP', 'INT', 'QUIT'])('is as it was when the emulator ends by SIG%s', async (signal) => {
    const { pty, text } = onTerminal(`trap : INT QUIT; stty -g; bash -c 'echo $$ > $D/pid; exec $T sh -c "stty raw -echo; echo up; exec sleep 100"'; echo "status $?"; stty -g; echo done`);
    await until('the start', () => text().includes('up'));
    process.kill(Number(readFileSync(join(dir, 'pid'), 'utf8')), `SIG${signal}`);
    await until('the end', () => text().includes('done'));
    pty.kill('SIGKILL');
    const [before, after] = text().match(/^[0-9a-f]+(:[0-9a-f]+)+$/gm) ?? [];
    expect(before).toBeDefined();
    expect(after).toBe(before);
    expect(text()).toMatch(new RegExp(`status ${{ TERM: 143, HUP: 129, INT: 130, QUIT: 131 }[signal]}`));
  });

  test('is as it was when the first program is killed', async () => {
    const { pty, text } = onTerminal(`stty -g; $T sh -c 'stty raw -echo; kill -9 $$'; echo "status $?"; stty -g; echo done`);
    await until('the end', () => text().includes('done'));
    pty.kill('SIGKILL');
    const [before, after] = text().match(/^[0-9a-f]+(:[0-9a-f]+)+$/gm) ?? [];
    expect(after).toBe(before);
    expect(text()).toContain('status 137');
  });
});

test.runIf(process.platform === 'linux')('a terminal that is closed: who ignores the hang-up goes on, and ends with its own status', async () => {
  const result = join(dir, 'result');
  const { pty, text } = onTerminal(`trap '' HUP; $T sh -c "trap '' HUP; echo up; cat; sleep 0.5; exit 3"; echo $? > ${result}`);
  await until('the start', () => text().includes('up'));
  (pty as unknown as { destroy: () => void }).destroy();
  await until('the end', () => existsSync(result) && readFileSync(result, 'utf8').endsWith('\n'));
  expect(readFileSync(result, 'utf8')).toBe('3\n');
});
