/** --profile. Needs dist/ (npm run build) and gcc for both architectures on Linux. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ElfSymbols } from '../../src/debug/elfSymbols.ts';
import { archI386 } from '../../src/kernel/arch/i386/arch.ts';
import { archX86_64 } from '../../src/kernel/arch/x86_64/arch.ts';

const command = join(import.meta.dirname, '..', '..', 'dist', 'tuxlate.js');
const source = `
#include <unistd.h>
#include <sys/syscall.h>
__attribute__((noinline)) unsigned busy(unsigned n) { unsigned x = n; for (unsigned k = 0; k < n; k++) x = x * 1664525 + 1013904223 + (x >> 3); return x; }
__attribute__((noinline)) unsigned outer(unsigned n) { unsigned s = 0; for (unsigned k = 0; k < 100; k++) s += busy(n / 100 + s % 3); return s; }
int main(void) { unsigned s = outer(300000000); for (int k = 0; k < 1000; k++) s += syscall(SYS_getpgrp) == 0; return s == 1 ? 1 : 5; }
`;
const archs = [archX86_64, archI386];
const linux = process.platform === 'linux';
let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tuxlate-profile-'));
  writeFileSync(join(dir, 'p.c'), source);
  if (linux) for (const bits of ['64', '32']) execFileSync('gcc', ['-O1', '-static', `-m${bits}`, '-o', join(dir, `p${bits}`), join(dir, 'p.c')]);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe.runIf(linux).each(['64', '32'])('a program of %s bits', (bits) => {
  test('--profile names the function that took the time, in translated code, and counts system calls', () => {
    const file = join(dir, `profile${bits}`);
    const run = spawnSync(process.execPath, [command, '--profile', '-o', file, join(dir, `p${bits}`)], { encoding: 'latin1', timeout: 50_000, killSignal: 'SIGKILL' });
    expect(run).toMatchObject({ status: 5, stdout: '', stderr: '' });
    const text = readFileSync(file, 'latin1'), functions = text.slice(text.indexOf('function (where'), text.indexOf('the kernel served')).split('\n');
    expect(functions[1]).toMatch(new RegExp(`^ +[\\d.]+ +[\\d.]+ % +[\\d.]+ % +busy {2}${join(dir, `p${bits}`)}$`));
    expect(Number(/ ([\d.]+) +[\d.]+ % {2}in translated code/.exec(text)![1])).toBeGreaterThan(0);
    expect(text).toMatch(/^ +[\d.]+ +1000 +[\d.]+ {4}getpgrp$/m);
    const [, half, most, longest] = /^kept waiting by what it did at a time, ms: half of the times up to ([\d.]+), 99 % ([\d.]+), 99.9 % [\d.]+, longest ([\d.]+)$/m.exec(text)!.map(Number);
    expect(half! > 0 && half! <= most! && most! <= longest!).toBe(true);
    expect(text).toMatch(/^translator: [1-9]\d* regions of [1-9]\d* instructions in [\d.]+ ms$/m);
  });

  test('functions are those that nm knows, where it says', () => {
    const program = join(dir, `p${bits}`), bytes = readFileSync(program);
    const symbols = new ElfSymbols((offset, length) => bytes.subarray(offset, offset + length), archs);
    // of the segment with the code: where it is in the file, and in memory
    const [, offset, address] = /LOAD +(0x\w+) (0x\w+) 0x\w+ 0x\w+ 0x\w+ R E/.exec(execFileSync('readelf', ['-lW', program], { encoding: 'latin1' }))!;
    const listed = execFileSync('nm', ['-S', program], { encoding: 'latin1' }).matchAll(/^(\w+) (\w+) T (\w+)$/gm);
    let count = 0;
    for (const [, value, size, name] of listed) {
      // those without a second name
      if (!['busy', 'outer', 'main', '_start'].includes(name!)) continue;
      const start = Number.parseInt(value!, 16) - Number(address) + Number(offset);
      expect([symbols.at(start), symbols.at(start + Number.parseInt(size!, 16) - 1)]).toEqual([name, name]);
      count++;
    }
    expect(count).toBeGreaterThanOrEqual(3);
    expect(symbols.at(0)).toBe(null);
  });

  test('of a spoilt file there are no names, and no error', () => {
    const bytes = readFileSync(join(dir, `p${bits}`));
    for (let length = 0; length < bytes.length; length = length * 2 + 7) new ElfSymbols((offset, n) => bytes.subarray(offset, Math.min(offset + n, length)), archs).at(0x1200);
    for (let at = 4; at < 64; at++) {
      for (const value of [0, 0x7f, 0xff]) {
        const spoilt = Uint8Array.from(bytes);
        spoilt[at] = value;
        new ElfSymbols((offset, n) => spoilt.subarray(offset, offset + n), archs).at(0x1200);
      }
    }
  });
});
