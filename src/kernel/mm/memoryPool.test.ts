import { expect, test, vi } from 'vitest';
import { MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE } from '../../abi/linux/mman.ts';
import { AddressSpace, type AddressSpaceHost, GUEST_PAGE_COUNT } from './addressSpace.ts';
import { forkAddressSpace } from './fork.ts';
import { mapMemory } from './mapping.ts';
import { MemoryPool } from './memoryPool.ts';

const AT = 0x400000, MIB = 1 << 20;

function host(dropped: (id: number) => void = () => {}): AddressSpaceHost {
  return { quiesce: () => {}, dropCode: () => {}, memories: new MemoryPool(GUEST_PAGE_COUNT, dropped) };
}

function map(mm: AddressSpace, length: number): void {
  const at = mapMemory(mm, { addr: AT, length, prot: 3, flags: MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, file: null, offset: 0 }, null);
  expect(at).toBe(AT);
}

test('the memory of a process that has ended is the next one, and nothing of it can be seen', () => {
  const h = host(), first = new AddressSpace(h);
  map(first, MIB);
  for (let at = AT; at < AT + MIB; at += 4096) expect(first.memory.setU32(at, 0x12345678)).toBe(true);
  first.release();
  const second = new AddressSpace(h);
  expect(second.memoryId).toBe(first.memoryId);
  expect(second.permissions.bytes.every((bits) => bits === 0)).toBe(true);
  expect(second.memory.u32(AT)).toBeNull();
  map(second, 2 * MIB);
  for (let at = AT; at < AT + 2 * MIB; at += 4096) expect(second.memory.u32(at)).toBe(0);
  expect(new AddressSpace(h).memoryId).not.toBe(first.memoryId);
});

test('not before a forked child has all pages it needs', () => {
  const h = host(), parent = new AddressSpace(h);
  map(parent, 16 * 4096);
  for (let page = 0; page < 16; page++) parent.memory.setU32(AT + page * 4096, page + 1);
  const child = forkAddressSpace(parent);
  parent.release();
  const other = new AddressSpace(h);
  expect(other.memoryId).not.toBe(parent.memoryId);
  expect(child.memory.u32(AT)).toBe(1);
  child.release();
  const ids = [new AddressSpace(h).memoryId, new AddressSpace(h).memoryId];
  expect(ids.toSorted()).toEqual([parent.memoryId, child.memoryId].toSorted());
});

test('a child whose lazy pages lie behind the end of its memory leaves none of them to the next', () => {
  const h = host(), parent = new AddressSpace(h);
  map(parent, 4 * MIB);
  for (let at = AT; at < AT + 4 * MIB; at += 4096) parent.memory.setU32(at, 7);
  // Its memory was another's, and is short.
  new AddressSpace(h).release();
  const child = forkAddressSpace(parent);
  expect(child.memory.bytes.length).toBeLessThan(parent.memory.bytes.length);
  child.release();
  const next = new AddressSpace(h);
  expect(next.memoryId).toBe(child.memoryId);
  expect(next.pages.every((state) => state === 0)).toBe(true);
});

test('a new memory for a forked child need not grow', () => {
  const h = host(), parent = new AddressSpace(h);
  map(parent, 4 * MIB);
  parent.memory.setU32(AT + 3 * MIB, 7);
  const child = forkAddressSpace(parent), { length } = child.memory.bytes;
  expect(length).toBe(parent.memory.bytes.length);
  expect(child.memory.u32(AT + 3 * MIB)).toBe(7);
  expect(child.memory.bytes.length).toBe(length);
});

test('a large one is given up', () => {
  const dropped = vi.fn(), h = host(dropped), mm = new AddressSpace(h);
  map(mm, 32 * MIB);
  for (let at = AT; at < AT + 32 * MIB; at += 4096) mm.memory.setU32(at, 1);
  mm.release();
  expect(dropped).toHaveBeenCalledWith(mm.memoryId);
  expect(new AddressSpace(h).memoryId).not.toBe(mm.memoryId);
});
