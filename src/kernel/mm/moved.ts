import { PAGE_SIZE } from '../../machine/memoryLayout.ts';
import type { AddressSpace } from './addressSpace.ts';
import type { Origin } from './lineage.ts';
import { Page, pageOf } from './page.ts';
import type { Vma } from './vma.ts';

/**
 * Pages that mremap(2) has moved: they are `lazy` at their new place, and their bytes still lie at the old one, which no area has. Whoever touches
 * one brings it, and so does whoever needs the old place; the call itself brings the others, piece by piece. So areas move at once, as programs
 * see it, and bytes later.
 */
export class Moved implements Origin {
  readonly passesOn = false;
  private readonly mm: AddressSpace;
  /** New pages, and how far from the old ones. */
  private readonly first: number;
  private readonly end: number;
  private readonly by: number;
  private next: number;

  constructor(mm: AddressSpace, from: number, to: number, count: number) {
    this.mm = mm;
    this.first = this.next = to;
    this.end = to + count;
    this.by = to - from;
  }

  bytesOf(page: number): Uint8Array {
    return this.mm.lineage.bytesOf(page - this.by);
  }

  stateOf(page: number): number {
    return this.mm.lineage.stateOf(page - this.by);
  }

  joinedBy(): void {
    this.mm.moves.push(this);
  }

  leftBy(): void {
    this.mm.moves.splice(this.mm.moves.indexOf(this), 1);
  }

  settled(page: number): void {
    const { mm } = this, old = page - this.by;
    if ((mm.pages[old]! & (Page.needed | Page.lazy)) !== 0) mm.lineage.forget(old);
    mm.pages[old] = (mm.pages[old]! & (Page.present | Page.stale)) !== 0 ? Page.stale : 0;
  }

  /** Brings pages [from, to) of the new ones. */
  private bring(from: number, to: number): void {
    const { mm } = this;
    let vma: Vma | null = null;
    for (let page = from; page < to; page++) {
      if ((mm.pages[page]! & Page.lazy) === 0 || mm.lineage.originOf(page) !== this) continue;
      mm.lineage.copyIn(page);
      if (vma === null || pageOf(vma.end) <= page) vma = mm.areaOf(page);
      if (vma !== null) mm.updatePermission(vma, page);
    }
  }

  /** Brings up to `count` pages more. Whether there are others. */
  advance(count: number): boolean {
    const to = Math.min(this.next + count, this.end);
    this.bring(this.next, to);
    this.next = to;
    return to < this.end && this.mm.moves.includes(this);
  }

  finish(): void {
    this.advance(this.end - this.next);
  }

  /** An area comes to pages [first, last). */
  makeRoom(first: number, last: number): void {
    const from = Math.max(first + this.by, this.first), to = Math.min(last + this.by, this.end);
    if (from < to) this.bring(from, to);
  }
}

/** The private pages of [old, old + size) are at `to` from now on. Precondition: quiesced; the memory is long enough. */
export function movePages(mm: AddressSpace, old: number, to: number, size: number): Moved {
  const { lineage, pages } = mm, from = pageOf(old), first = pageOf(to), count = size / PAGE_SIZE, moved = new Moved(mm, from, first, count);
  lineage.expect(first + count);
  let index = -1;
  for (let i = 0; i < count; i++) {
    if ((pages[from + i]! & (Page.present | Page.lazy)) === 0) continue;
    if (index < 0) index = lineage.freeIndexOf(moved);
    lineage.markLazy(first + i, index);
  }
  return moved;
}
