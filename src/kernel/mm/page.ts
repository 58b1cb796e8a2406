import { PAGE_SHIFT } from '../../machine/memoryLayout.ts';

/**
 * State of one page of an address space (AddressSpace.pages).
 *
 *   0 --(first touch)--> present            private memory, its bytes are here
 *   lazy --(touch, or the origin writes)--> present     forked; its bytes are still in the origin's memory. Or moved by mremap (moved.ts)
 *   present + needed --(write)--> present   forked children still need these bytes: they get copies first
 *   present + readOnly --(write)--> present a private page of a file that was not written yet
 *   shared [+ readOnly]                     shows a page of a SharedObject, for writing or only for reading
 *   any --(unmapped)--> stale               the memory has old bytes here: zero them before anonymous use
 */
export const Page = {
  present: 1,
  stale: 2,
  lazy: 4,
  needed: 8,
  shared: 16,
  /** With shared: another memory may hold the page too. With present: as the file has it, so that a change of the file takes it away. */
  readOnly: 32,
} as const;

/**
 * Number of the page at an address: where it lies in the linear memory. Bits above the low 32, which addresses of tall address spaces
 * have (tall.ts), tell nothing of that.
 */
export function pageOf(address: number): number {
  return address >>> PAGE_SHIFT;
}
