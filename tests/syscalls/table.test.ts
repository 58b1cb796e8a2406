import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { i386 } from '../../src/abi/abi.ts';
import { allRows } from '../../src/syscalls/table.ts';

test('every number is the one Linux gives the call, and docs/syscalls.md is made from the table', () => {
  execFileSync('node', ['tools/gen-syscalls.mjs', '--check'], { stdio: 'pipe' });
});

test('no number is given twice', () => {
  for (const abi of ['x86_64', 'i386'] as const) {
    const numbers = allRows.map((row) => row[abi]).filter((n) => n >= 0);
    expect(numbers.length).toBe(new Set(numbers).size);
  }
  expect(i386.longBytes).toBe(4);
});
