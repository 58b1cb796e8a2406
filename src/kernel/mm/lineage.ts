import type { AddressSpace } from './addressSpace.ts';
import { Page } from './page.ts';

/** Where the bytes of lazy pages lie. */
export interface Origin {
  /** A child may have lazy pages here that its parent has. */
  readonly passesOn: boolean;
  bytesOf(page: number): Uint8Array;
  /** `Page` bits. */
  stateOf(page: number): number;
  /** `mm` has lazy pages here; and then none any more. */
  joinedBy(mm: AddressSpace): void;
  leftBy(mm: AddressSpace): void;
  /** The page was copied, or is no longer wanted. */
  settled(page: number): void;
}

/**
 * Lazy copying after fork. The child begins with `lazy` pages whose bytes lie in an origin memory (the parent's, or one the
 * parent itself has not copied from yet); the origin's pages are `needed`. Whoever touches first causes the copy: the
 * child copies in, an origin that wants to write copies out to every child that still lacks the page. A page keeps its
 * number, so (origin, page) finds the bytes.
 */
export class Lineage implements Origin {
  readonly passesOn = true;
  private readonly mm: AddressSpace;
  /** What our lazy pages are in; `origin[page] - 1` is the index. */
  private readonly origins: (Origin | null)[] = [];
  /** As far as lazy pages reach. */
  private origin = new Uint8Array(0);
  /** Lazy pages per origin; at 0 the origin forgets us. */
  private readonly counts: number[] = [];
  /** Address spaces with lazy pages in our memory. */
  private readonly dependents = new Set<AddressSpace>();

  constructor(mm: AddressSpace) {
    this.mm = mm;
  }

  /** Pages from `count` on will not be lazy. */
  expect(count: number): void {
    if (count <= this.origin.length) return;
    const longer = new Uint8Array(count);
    longer.set(this.origin);
    this.origin = longer;
  }

  private indexOf(origin: Origin): number {
    let index = this.origins.indexOf(origin);
    if (index >= 0) return index;
    index = this.origins.indexOf(null);
    if (index < 0) {
      if (this.origins.length >= 255) return -1;
      index = this.origins.length;
    }
    this.origins[index] = origin;
    this.counts[index] = 0;
    origin.joinedBy(this.mm);
    return index;
  }

  /** The same, where there has to be one. */
  freeIndexOf(origin: Origin): number {
    const index = this.indexOf(origin);
    if (index >= 0) return index;
    for (let page = 0; page < this.origin.length; page++) if (this.origin[page] === 1) this.bringIn(page);
    return this.indexOf(origin);
  }

  originOf(page: number): Origin | null {
    return this.origins[this.origin[page]! - 1] ?? null;
  }

  /** Marks pages [from, to) of a fresh child as forked from the parent: `needed` here, `lazy` there. Precondition: parent quiesced. */
  static forkPages(parent: AddressSpace, child: AddressSpace, from: number, to: number): void {
    const pages = parent.pages;
    const own = child.lineage;
    let parentIndex = -1;
    for (let page = from; page < to; page++) {
      const state = pages[page]!;
      if ((state & Page.present) !== 0) {
        if (parentIndex < 0) parentIndex = own.indexOf(parent.lineage);
        pages[page] = state | Page.needed;
        own.markLazy(page, parentIndex);
      } else if ((state & Page.lazy) !== 0) {
        const origin = parent.lineage.originOf(page)!, index = origin.passesOn ? own.indexOf(origin) : -1;
        if (index >= 0) own.markLazy(page, index);
        else {
          parent.lineage.copyIn(page);
          page--;
        }
      }
    }
  }

  /** `index`: of its origin. */
  markLazy(page: number, index: number): void {
    this.mm.pages[page] = Page.lazy | (this.mm.pages[page]! & Page.stale);
    this.origin[page] = index + 1;
    this.counts[index]!++;
  }

  /** Forgets that a page is lazy: copied, or no longer wanted. */
  private settle(page: number): void {
    const index = this.origin[page]! - 1;
    this.origin[page] = 0;
    this.origins[index]!.settled(page);
    if (--this.counts[index]! > 0) return;
    this.origins[index]!.leftBy(this.mm);
    this.origins[index] = null;
  }

  bytesOf(page: number): Uint8Array {
    return (this.mm.pages[page]! & Page.lazy) !== 0 ? this.originOf(page)!.bytesOf(page) : this.mm.pageBytes(page);
  }

  stateOf(page: number): number {
    const state = this.mm.pages[page]!;
    return (state & Page.lazy) !== 0 ? this.originOf(page)!.stateOf(page) : state;
  }

  settled(): void {}

  joinedBy(child: AddressSpace): void {
    this.dependents.add(child);
  }

  /** `child` has no lazy pages of ours any more. */
  leftBy(child: AddressSpace): void {
    this.dependents.delete(child);
    this.mm.recycle();
  }

  /** Other memories have pages here that they have not copied. */
  get isNeeded(): boolean {
    return this.dependents.size > 0;
  }

  /** Copies a lazy page into our memory; it is present then. The permission byte is the caller's business. */
  copyIn(page: number): void {
    const from = this.originOf(page)!;
    this.mm.reserve((page + 1) * 4096);
    this.mm.pageBytes(page).set(from.bytesOf(page));
    this.mm.pages[page] = Page.present | (from.stateOf(page) & Page.readOnly);
    this.settle(page);
  }

  private bringIn(page: number): void {
    this.copyIn(page);
    const vma = this.mm.areaOf(page);
    if (vma !== null) this.mm.updatePermission(vma, page);
  }

  /** The page of ours is about to change: children that lack it get their copies. It is no longer needed then. */
  copyOut(page: number): void {
    for (const child of this.dependents) {
      const lineage = child.lineage;
      if ((child.pages[page]! & Page.lazy) !== 0 && lineage.originOf(page) === this) lineage.bringIn(page);
    }
    this.mm.pages[page] = this.mm.pages[page]! & ~Page.needed;
  }

  /** A private page of a file shows what the file has: nobody has written it. */
  isClean(page: number): boolean {
    return (this.stateOf(page) & Page.readOnly) !== 0;
  }

  /** A page of ours is unmapped. */
  forget(page: number): void {
    const state = this.mm.pages[page]!;
    if ((state & Page.needed) !== 0) this.copyOut(page);
    if ((state & Page.lazy) !== 0) this.settle(page);
  }

  /** The address space ends. Children keep its memory alive through their origins; it waits for nobody's pages. */
  retire(): void {
    for (const origin of this.origins) origin?.leftBy(this.mm);
    this.origins.length = 0;
  }
}
