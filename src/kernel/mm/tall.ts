/**
 * Address spaces with addresses above 4 GiB. The linear memory has room for 4 GiB, and most 64-bit programs take what addresses they are
 * given. Some insist: GHC's run-time system asks for its heap until it lies above 8 GiB, for ever. For such a program the address space
 * becomes *tall*: areas may lie at any address, each where the low 32 bits of its addresses tell in the linear memory, so that no two areas'
 * low bits meet. The engine looks at no others from then on (machine/memoryLayout.ts): to it an address is as good as another with
 * the same low bits. The kernel knows each area by its whole address. Code cannot run above 4 GiB.
 */
import { MAP_FIXED, MAP_FIXED_NOREPLACE } from '../../abi/linux/mman.ts';
import { ADDRESS_BITS, GUEST_END, GUEST_MIN, TASK_SIZE } from '../../machine/memoryLayout.ts';
import type { AddressSpace } from './addressSpace.ts';
import type { MapRequest } from './mapping.ts';

/** Of an address: what is more than its low 32 bits, which tell the place. */
export function heightOf(address: number): number {
  return address - (address >>> 0);
}

/** A reservation that a program wanted above 4 GiB. */
export interface Wish {
  readonly height: number;
  readonly length: number;
  /** How often it was made in a row. */
  readonly times: number;
  /** Where it got it. */
  readonly at: number;
}

/**
 * Who gives back what lies elsewhere and asks for the same again so often will not stop. Others try a few times, at random (V8), or once each
 * at many places (Go: 128), and take what they get.
 */
const INSISTS = 8;

function isWish({ addr, prot, flags, file }: MapRequest): boolean {
  return addr >= 2 ** ADDRESS_BITS && addr < TASK_SIZE && prot === 0 && file === null && (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) === 0;
}

/** Before a program's mmap is answered: whoever insists gets a tall address space. */
export function heedWish(mm: AddressSpace, request: MapRequest): void {
  if (mm.tall || !isWish(request)) return;
  const { wish } = mm, { addr, length } = request, height = heightOf(addr);
  const again = wish !== null && wish.height === height && wish.length === length && wish.at >= 0 && mm.areas.find(wish.at) === null;
  mm.wish = { height, length, times: again ? wish.times + 1 : 1, at: -1 };
  if (mm.wish.times >= INSISTS) mm.becomeTall();
}

/** After it was answered. */
export function noteAnswer(mm: AddressSpace, request: MapRequest, at: number): void {
  if (mm.wish !== null && !mm.tall && isWish(request)) mm.wish = { ...mm.wish, at };
}

/** Whether [start, end) lies in the address space, and has a place in the linear memory. */
export function hasPlace(mm: AddressSpace, start: number, end: number): boolean {
  return end <= mm.limit && (start >>> 0) + (end - start) <= GUEST_END;
}

/** Places of areas above 4 GiB. */
export function placesAbove(mm: AddressSpace): [number, number][] {
  return mm.tall ? mm.areas.items.slice(mm.areas.indexAbove(2 ** ADDRESS_BITS)).map(({ start, end }) => [start >>> 0, end >>> 0]) : [];
}

/** Whether an area at another height has a place that [start, end) would need. */
export function isTaken(mm: AddressSpace, start: number, end: number): boolean {
  if (!mm.tall) return false;
  const height = heightOf(start), from = start - height, to = end - height;
  return mm.areas.items.some((vma) => heightOf(vma.start) !== height && vma.start >>> 0 < to && vma.end >>> 0 > from);
}

/** What is free of address space `height`, from `from` on; `avoid` as in VmaList.findFree. */
export function findPlace(mm: AddressSpace, length: number, from: number, avoid: AddressSpace['reserved'], height: number): number {
  const at = mm.areas.findFree(length, Math.max(from, GUEST_MIN), GUEST_END, mm.tall ? [...avoid, ...placesAbove(mm)] : avoid);
  return at < 0 ? at : height + at;
}
