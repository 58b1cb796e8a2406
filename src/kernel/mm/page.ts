/**
 * State of one page of an address space (AddressSpace.pages).
 *
 *   0 --(first touch)--> present            private memory, its bytes are here
 *   lazy --(touch, or the origin writes)--> present     forked; its bytes are still in the origin's memory
 *   present + needed --(write)--> present   forked children still need these bytes: they get copies first
 *   shared [+ readOnly]                     shows a page of a SharedObject, for writing or only for reading
 *   any --(unmapped)--> stale               the memory has old bytes here: zero them before anonymous use
 */
export const Page = {
  present: 1,
  stale: 2,
  lazy: 4,
  needed: 8,
  shared: 16,
  /** With shared: another memory may hold the page too. */
  readOnly: 32,
} as const;
