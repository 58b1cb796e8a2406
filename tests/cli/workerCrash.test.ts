/** A worker that dies, with the lock that its process's other threads and the kernel need. Needs dist/ (npm run build) and gcc on Linux. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const top = join(import.meta.dirname, '..', '..'), command = join(top, 'dist', 'tuxlate.js');
const linux = process.platform === 'linux';
let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tuxlate-crash-'));
  if (linux) execFileSync('gcc', ['-O1', '-static', '-pthread', '-o', join(dir, 'robust'), join(top, 'tests', 'servers', 'guest', 'robust.c')]);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test.runIf(linux)('its process is killed, its parent hears of it and goes on', () => {
  const flag = join(dir, 'flag');
  for (let round = 0; round < 3; round++) {
    const run = spawnSync(process.execPath, [command, '-v', `${dir}:${dir}`, join(dir, 'robust'), 'crash'], {
      encoding: 'latin1', timeout: 50_000, killSignal: 'SIGKILL',
      env: { ...process.env, CRASH_FILE: flag, NODE_OPTIONS: `--require ${join(import.meta.dirname, 'crash.preload.cjs')}` },
    });
    expect(run.stderr).toMatch(/^tuxlate: process \d+ \(robust\) is killed, the worker of its thread \d+ has failed: worker ended\n$/);
    expect(run).toMatchObject({ status: 0, stdout: 'child 0 ended by 9, status 0\nchild 1 ended by 0, status 5\n' });
  }
});
