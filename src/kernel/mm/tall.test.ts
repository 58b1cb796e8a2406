import { expect, test } from 'vitest';
import { MAP_ANONYMOUS, MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_NORESERVE, MAP_PRIVATE } from '../../abi/linux/mman.ts';
import { EEXIST, ENOMEM } from '../../abi/linux/errno.ts';
import { Globals } from '../../machine/codeLayout.ts';
import { Access } from '../../machine/exit.ts';
import { AddressSpace, GUEST_PAGE_COUNT } from './addressSpace.ts';
import { FaultResult } from './fault.ts';
import { forkAddressSpace } from './fork.ts';
import { mapMemory, unmapMemory } from './mapping.ts';
import { MemoryPool } from './memoryPool.ts';

const TIB = 2 ** 40, GIB = 2 ** 30, MIB = 2 ** 20, HINT = 0x4200000000;

function space(pool = new MemoryPool(GUEST_PAGE_COUNT, () => {})): AddressSpace {
  return new AddressSpace({ quiesce: () => {}, dropCode: () => {}, memories: pool });
}

function map(mm: AddressSpace, addr: number, length: number, prot = 0, flags = 0): number {
  return mapMemory(mm, { addr, length, prot, flags: MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, file: null, offset: 0 }, null);
}

/** As GHC's run-time system does. */
function insist(mm: AddressSpace): number {
  for (let n = 0; n < 100; n++) {
    const at = map(mm, HINT + n * 4096, TIB);
    if (at >= 8 * GIB) return at;
    expect(unmapMemory(mm, at, TIB)).toBe(0);
  }
  return -1;
}

test('who insists gets a place above 4 GiB', () => {
  const mm = space(), base = insist(mm);
  expect([mm.tall, base - (base >>> 0)]).toEqual([true, HINT]);
  expect(map(mm, base + MIB, MIB, 3, MAP_FIXED)).toBe(base + MIB);
  expect(mm.memory.setU32(base + MIB, 7)).toBe(true);
  expect([mm.memory.u32(base + MIB), mm.memory.u32((base + MIB) >>> 0), mm.memory.u32(base + MIB + TIB / 2)]).toEqual([7, null, null]);
  expect([mm.fault(base, Access.read), mm.fault(base >>> 0, Access.read)]).toEqual([FaultResult.accessError, FaultResult.mapError]);
  const child = forkAddressSpace(mm);
  expect([child.tall, child.memory.u32(base + MIB)]).toEqual([true, 7]);
});

test('no two areas have the same place', () => {
  const mm = space(), base = insist(mm), low = base >>> 0;
  expect(map(mm, low + MIB, MIB, 3, MAP_FIXED)).toBe(-ENOMEM);
  expect(map(mm, 0x7700000000 + low, MIB, 3, MAP_FIXED)).toBe(-ENOMEM);
  expect(map(mm, base, MIB, 3, MAP_FIXED_NOREPLACE)).toBe(-EEXIST);
  const other = map(mm, low + MIB, MIB, 3);
  expect(other > 0 && other + MIB <= low).toBe(true);
});

test('who tries here and there takes what there is', () => {
  const mm = space();
  for (let n = 0; n < 128; n++) {
    // Go's arenas.
    const at = map(mm, 0xc000000000 + n * TIB / 2, 64 * MIB);
    expect(at > 0 && at < 4 * GIB).toBe(true);
    unmapMemory(mm, at, 64 * MIB);
  }
  // Kept, not given back.
  for (let n = 0; n < 20; n++) expect(map(mm, HINT, MIB)).toBeLessThan(4 * GIB);
  expect(mm.tall).toBe(false);
});

test('the next process in the memory is as any', () => {
  const pool = new MemoryPool(GUEST_PAGE_COUNT, () => {}), first = space(pool);
  insist(first);
  first.release();
  const second = space(pool);
  expect([second.memoryId, second.tall, new Int32Array(second.memory.memory.buffer)[Globals.tall >> 2]]).toEqual([first.memoryId, false, 0]);
});
