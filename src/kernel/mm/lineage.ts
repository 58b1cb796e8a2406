import type { AddressSpace } from './addressSpace.ts';
import { Page } from './page.ts';

/**
 * Lazy copying after fork. The child begins with `lazy` pages whose bytes lie in an origin memory (the parent's, or one the
 * parent itself has not copied from yet); the origin's pages are `needed`. Whoever touches first causes the copy: the
 * child copies in, an origin that wants to write copies out to every child that still lacks the page. A page keeps its
 * number, so (origin, page) finds the bytes.
 */
export class Lineage {
  private readonly mm: AddressSpace;
  /** Memories that our lazy pages are in; `origin[page] - 1` is the index. */
  private readonly origins: (AddressSpace | null)[] = [];
  /** As far as forked pages reach. */
  private origin = new Uint8Array(0);
  /** Lazy pages per origin; at 0 the origin forgets us. */
  private readonly counts: number[] = [];
  /** Address spaces with lazy pages in our memory. */
  private readonly dependents = new Set<AddressSpace>();

  constructor(mm: AddressSpace) {
    this.mm = mm;
  }

  /** Once, before forkPages: pages from `count` on are never lazy. */
  expect(count: number): void {
    this.origin = new Uint8Array(count);
  }

  private indexOf(origin: AddressSpace): number {
    let index = this.origins.indexOf(origin);
    if (index >= 0) return index;
    index = this.origins.indexOf(null);
    if (index < 0) {
      if (this.origins.length >= 255) return -1;
      index = this.origins.length;
    }
    this.origins[index] = origin;
    this.counts[index] = 0;
    origin.lineage.dependents.add(this.mm);
    return index;
  }

  /** Marks pages [from, to) of a fresh child as forked from the parent: `needed` here, `lazy` there. Precondition: parent quiesced. */
  static forkPages(parent: AddressSpace, child: AddressSpace, from: number, to: number): void {
    const pages = parent.pages;
    const own = child.lineage;
    let parentIndex = -1;
    for (let page = from; page < to; page++) {
      const state = pages[page]!;
      if ((state & Page.present) !== 0) {
        if (parentIndex < 0) parentIndex = own.indexOf(parent);
        pages[page] = state | Page.needed;
        own.markLazy(page, parentIndex);
      } else if ((state & Page.lazy) !== 0) {
        const index = own.indexOf(parent.lineage.origins[parent.lineage.origin[page]! - 1]!);
        if (index >= 0) own.markLazy(page, index);
        else {
          parent.lineage.copyIn(page);
          page--;
        }
      }
    }
  }

  private markLazy(page: number, index: number): void {
    this.mm.pages[page] = Page.lazy | (this.mm.pages[page]! & Page.stale);
    this.origin[page] = index + 1;
    this.counts[index]!++;
  }

  /** Forgets that a page is lazy: copied, or no longer wanted. */
  private settle(page: number): void {
    const index = this.origin[page]! - 1;
    this.origin[page] = 0;
    if (--this.counts[index]! > 0) return;
    this.origins[index]!.lineage.leftBy(this.mm);
    this.origins[index] = null;
  }

  /** `child` has no lazy pages of ours any more. */
  private leftBy(child: AddressSpace): void {
    this.dependents.delete(child);
    this.mm.recycle();
  }

  /** Other memories have pages here that they have not copied. */
  get isNeeded(): boolean {
    return this.dependents.size > 0;
  }

  /** Copies a lazy page into our memory; it is present then. The permission byte is the caller's business. */
  copyIn(page: number): void {
    const from = this.origins[this.origin[page]! - 1]!;
    this.mm.reserve((page + 1) * 4096);
    this.mm.pageBytes(page).set(from.pageBytes(page));
    this.mm.pages[page] = Page.present | (from.pages[page]! & Page.readOnly);
    this.settle(page);
  }

  /** The page of ours is about to change: children that lack it get their copies. It is no longer needed then. */
  copyOut(page: number): void {
    for (const child of this.dependents) {
      const lineage = child.lineage;
      if ((child.pages[page]! & Page.lazy) === 0 || lineage.origins[lineage.origin[page]! - 1] !== this.mm) continue;
      lineage.copyIn(page);
      const vma = child.areaOf(page);
      if (vma !== null) child.updatePermission(vma, page);
    }
    this.mm.pages[page] = this.mm.pages[page]! & ~Page.needed;
  }

  /** A private page of a file shows what the file has: nobody has written it. */
  isClean(page: number): boolean {
    const state = this.mm.pages[page]!;
    const bits = (state & Page.lazy) !== 0 ? this.origins[this.origin[page]! - 1]!.pages[page]! : state;
    return (bits & Page.readOnly) !== 0;
  }

  /** A page of ours is unmapped. */
  forget(page: number): void {
    const state = this.mm.pages[page]!;
    if ((state & Page.needed) !== 0) this.copyOut(page);
    if ((state & Page.lazy) !== 0) this.settle(page);
  }

  /** The address space ends. Children keep its memory alive through their origins; it waits for nobody's pages. */
  retire(): void {
    for (const origin of this.origins) origin?.lineage.leftBy(this.mm);
    this.origins.length = 0;
  }
}
