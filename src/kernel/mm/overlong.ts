/**
 * Reservations of more address space than there is. Linux gives a program terabytes of PROT_NONE memory for nothing, and programs
 * count on it: a database reserves what its pool may ever grow to, and commits the beginning. Here such a reservation is as long as it
 * says only on paper: its beginning is kept for it, and what cannot be had shows when it is committed (ENOMEM from mmap or mprotect,
 * which programs expect there) or touched (SIGSEGV).
 */
import { ENOMEM } from '../../abi/linux/errno.ts';
import { MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_GROWSDOWN, MAP_HUGETLB, MAP_PRIVATE, MAP_TYPE } from '../../abi/linux/mman.ts';
import { GUEST_END, TASK_SIZE } from '../../machine/memoryLayout.ts';
import type { AddressSpace } from './addressSpace.ts';
import type { MapRequest } from './mapping.ts';
import { findPlace, heightOf } from './tall.ts';

export interface Overlong {
  readonly start: number;
  /** End of what is really kept. */
  readonly end: number;
  /** End of what the program was told it has. */
  readonly claimed: number;
}

const STEP = 128 << 20;
const ALIGNMENT = 2 << 20;

/**
 * The place and the real length of a reservation; -errno when the request is none. Half of the longest free range is left to others, a quarter by
 * who insists on a height (tall.ts): its own memory will be there.
 */
export function placeOverlong(mm: AddressSpace, request: MapRequest, length: number): Overlong | number {
  const { flags } = request;
  const reserves = request.prot === 0 && request.file === null && (flags & MAP_TYPE) === MAP_PRIVATE;
  // All lengths that 32-bit programs can ask for are honest.
  if (!reserves || request.length <= 0xffff_ffff || length > TASK_SIZE) return -ENOMEM;
  const height = mm.tall && request.addr < TASK_SIZE ? heightOf(request.addr) : 0;
  if ((flags & (MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_GROWSDOWN | MAP_HUGETLB)) !== 0) return -ENOMEM;
  for (let room = GUEST_END - (GUEST_END % STEP); room >= STEP; room -= STEP) {
    const at = findPlace(mm, room, mm.mmapBase, mm.reserved, height);
    if (at < 0) continue;
    const first = at + room / (height > 0 ? 4 : 2), start = first + ((ALIGNMENT - (first % ALIGNMENT)) % ALIGNMENT);
    return { start, end: at + room, claimed: start + length };
  }
  return -ENOMEM;
}

/**
 * The end of what [start, end) really is for calls that only give back or advise: a range that leaves the address space within what
 * a program was told it has ends with what is kept, or is empty (its end is `start`).
 */
export function clipOverlong(mm: AddressSpace, start: number, end: number): number {
  if (end <= GUEST_END) return end;
  for (const one of mm.overlong) if (start >= one.start && end <= one.claimed) return Math.max(start, Math.min(end, one.end));
  return end;
}

/** Whether a program was told that it has what is at an address above 4 GiB. */
export function isClaimed(mm: AddressSpace, address: number): boolean {
  return mm.overlong.some((one) => address >= one.start && address < one.claimed && mm.areas.overlaps(one.start, one.end));
}
