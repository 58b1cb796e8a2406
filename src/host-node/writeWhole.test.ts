import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeWhole } from './writeWhole.ts';

test('all of a text gets through a pipe that does not block and is read slowly', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tuxlate-'));
  const fifo = join(dir, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const ours = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  const reader = spawn('sh', ['-c', `sleep 0.1; head -c 300001 '${fifo}' | cksum; head -c 1 '${fifo}'`], { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  reader.stdout.on('data', (data: Buffer) => { printed += data.toString(); });
  const text = `${'0123456789'.repeat(30000)}\xff`;
  writeWhole(ours, text);
  writeWhole(ours, '.');
  await new Promise((resolve) => reader.on('close', resolve));
  closeSync(ours);
  rmSync(dir, { recursive: true });
  expect(printed).toBe(`${execFileSync('cksum', { input: Buffer.from(text, 'latin1') })}.`);
});

test('who writes to a pipe that nobody reads goes on', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tuxlate-'));
  const fifo = join(dir, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const reading = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK), writing = openSync(fifo, constants.O_WRONLY);
  closeSync(reading);
  writeWhole(writing, 'lost');
  closeSync(writing);
  rmSync(dir, { recursive: true });
});
