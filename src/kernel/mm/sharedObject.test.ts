import { expect, test } from 'vitest';
import { MAP_FIXED, MAP_SHARED } from '../../abi/linux/mman.ts';
import type { Inode } from '../../vfs/inode.ts';
import { Perm } from '../../machine/memoryLayout.ts';
import { AddressSpace, GUEST_PAGE_COUNT } from './addressSpace.ts';
import { mapMemory, unmapMemory } from './mapping.ts';
import { MemoryPool } from './memoryPool.ts';

const AT = 0x400000, PAGE = 4096, SIZE = 100 * PAGE - 96;

/** A file in memory that tells of each write: where, and how many bytes. */
function mapped(): { mm: AddressSpace; bytes: Uint8Array; writes: (readonly [offset: number, length: number])[] } {
  const bytes = new Uint8Array(SIZE), writes: (readonly [number, number])[] = [];
  const inode = {
    mappings: null,
    stat: () => ({ size: SIZE }),
    readAt: (to: Uint8Array, offset: number) => {
      const part = bytes.subarray(offset, offset + to.length);
      to.set(part);
      return part.length;
    },
    writeAt: (from: Uint8Array, offset: number) => {
      writes.push([offset, from.length]);
      bytes.set(from, offset);
      return from.length;
    },
  };
  const mm = new AddressSpace({ quiesce: () => {}, dropCode: () => {}, memories: new MemoryPool(GUEST_PAGE_COUNT, () => {}) });
  const request = { addr: AT, length: 100 * PAGE, prot: 3, flags: MAP_SHARED | MAP_FIXED, file: null, inode: inode as unknown as Inode, offset: 0 };
  expect(mapMemory(mm, request, null)).toBe(AT);
  return { mm, bytes, writes };
}

test('what was changed goes to the file in long pieces, and nothing else', () => {
  const { mm, bytes, writes } = mapped();
  for (let page = 0; page < 100; page++) if (page !== 5) expect(mm.memory.setU32(AT + page * PAGE, page + 1)).toBe(true);
  const expected = [[0, 5 * PAGE], [6 * PAGE, 64 * PAGE], [70 * PAGE, SIZE - 70 * PAGE]];
  mm.areas.items[0]!.object!.beforeRead(0, Infinity);
  expect(writes).toEqual(expected);
  mm.memory.setU32(AT + 8, 77);
  writes.length = 0;
  expect(unmapMemory(mm, AT, 100 * PAGE)).toBe(0);
  expect(writes).toEqual(expected);
  expect([bytes[0], bytes[8], bytes[4 * PAGE], bytes[5 * PAGE], bytes[99 * PAGE]]).toEqual([1, 77, 5, 0, 100]);
});

test('who reads a page of a file gets those around it, unless somebody may write through a mapping', () => {
  const { mm, bytes } = mapped(), readable = (): number[] => [...mm.permissions.bytes.subarray(AT / PAGE, AT / PAGE + 100).entries()].flatMap(([page, bits]) => ((bits & Perm.R) !== 0 ? [page] : []));
  bytes[17 * PAGE] = 9;
  mm.memory.setU32(AT + 20 * PAGE, 7);
  expect(mm.memory.u32(AT + 40 * PAGE)).toBe(0);
  expect(readable()).toEqual([20, 40]);
  mm.areas.items[0]!.mayWrite = false;
  expect(unmapMemory(mm, AT + 32 * PAGE, 16 * PAGE)).toBe(0);
  expect(mm.memory.u32(AT + 18 * PAGE)).toBe(0);
  expect(readable()).toEqual(Array.from({ length: 16 }, (_, i) => 16 + i));
  expect([mm.memory.u32(AT + 17 * PAGE), mm.memory.u32(AT + 20 * PAGE)]).toEqual([9, 7]);
  expect(mm.memory.u32(AT + 99 * PAGE)).toBe(0);
  expect(readable().slice(16)).toEqual([96, 97, 98, 99]);
  expect(mm.permissions.bytes[AT / PAGE + 17]! & Perm.W).toBe(0);
  expect(mm.memory.setU32(AT + 17 * PAGE, 8)).toBe(true);
  expect(unmapMemory(mm, AT, 100 * PAGE)).toBe(0);
  expect([bytes[17 * PAGE], bytes[20 * PAGE]]).toEqual([8, 7]);
});

test('a part of a mapping takes its own pages along', () => {
  const { mm, bytes, writes } = mapped();
  for (const page of [1, 2, 3, 50]) mm.memory.setU32(AT + page * PAGE, page);
  expect(unmapMemory(mm, AT + 2 * PAGE, PAGE)).toBe(0);
  expect(writes).toEqual([[2 * PAGE, PAGE]]);
  expect(bytes[2 * PAGE]).toBe(2);
  expect(unmapMemory(mm, AT + 3 * PAGE, 60 * PAGE)).toBe(0);
  expect(writes.slice(1)).toEqual([[3 * PAGE, PAGE], [50 * PAGE, PAGE]]);
});
