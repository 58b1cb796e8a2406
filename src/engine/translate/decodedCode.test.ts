import { expect, test } from 'vitest';
import { CodePages } from '../../machine/codePages.ts';
import { BIAS, PERMISSION_TABLE, Perm } from '../../machine/memoryLayout.ts';
import { GuestCode } from './decodedCode.ts';
import { discover } from './region.ts';
import type { CodeRange } from './translation.ts';

const CODE = 0x10000;

test('a copy that was taken after the guest had changed the code does not pass for what was decoded', () => {
  const memory = new WebAssembly.Memory({ initial: (BIAS >>> 16) + 512, maximum: 65536, shared: true }), pages = new CodePages(memory.buffer);
  pages.bytes[PERMISSION_TABLE + (CODE >>> 12)] = Perm.R | Perm.W | Perm.X;
  // mov eax,1; ret
  pages.bytes.set([0xb8, 1, 0, 0, 0, 0xc3], BIAS + CODE);
  const code = new GuestCode(pages), region = discover(code, CODE, 64)!;
  const copies = (): CodeRange[] => region.ranges().map(({ first, end }) => ({ first, bytes: pages.bytes.slice(first + BIAS, end + BIAS) }));
  expect(copies().map((range) => range.bytes.length)).toEqual([6]);
  expect(code.agrees(copies())).toBe(true);
  pages.bytes[BIAS + CODE + 1] = 2;
  expect(code.agrees(copies())).toBe(false);
});
