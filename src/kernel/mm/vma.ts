import type { FileDescription } from '../../vfs/fileDescription.ts';
import type { Inode } from '../../vfs/inode.ts';
import type { AddressSpace } from './addressSpace.ts';
import { pageOf } from './page.ts';
import type { SharedObject } from './sharedObject.ts';

/** A NUMA policy: MPOL_* mode and mode flags. */
export interface MemoryPolicy {
  readonly mode: number;
  readonly flags: number;
}

export const Prot = { R: 1, W: 2, X: 4 } as const;

/** One area of an address space: pages [start, end) with the same protection and backing. Addresses in bytes, page-aligned. */
export class Vma {
  start: number;
  end: number;
  /** PROT_* bits as the program asked; W and X imply readable on x86. */
  prot: number;
  /** MAP_SHARED: pages belong to `object`. */
  shared: boolean;
  /** The mapped file; this area holds a reference. null for anonymous memory. */
  file: FileDescription | null;
  /** Whose data private file pages show; usually the file's own inode. */
  inode: Inode | null;
  /** Byte offset of `start` in the file or object. */
  offset: number;
  /** What shared pages belong to; null for private memory. */
  object: SharedObject | null;
  /** Private file areas: the file's pages as others map them; it tells when they change. */
  copied: SharedObject | null = null;
  /** The address space that this is part of. */
  mm: AddressSpace | null = null;
  /** A shared file mapping may get PROT_WRITE. */
  mayWrite = true;
  mayExec = true;
  growsDown = false;
  locked = false;
  noReserve = false;
  dontFork = false;
  wipeOnFork = false;
  dontDump = false;
  /** mseal: its place, size and protection stay as they are. */
  sealed = false;
  /** mbind's; null: the task's. */
  policy: MemoryPolicy | null = null;
  /** [stack], [heap], [vdso] ... or what PR_SET_VMA_ANON_NAME gave. */
  name = '';
  /** Must not be changed by the program's own mmap calls (vdso may; kept for hidden areas). */

  constructor(start: number, end: number, prot: number, shared: boolean, file: FileDescription | null, offset: number, object: SharedObject | null) {
    this.start = start;
    this.end = end;
    this.prot = prot;
    this.shared = shared;
    this.file = file;
    this.inode = file === null ? null : file.inode;
    this.offset = offset;
    this.object = object;
  }

  get anonymous(): boolean {
    return this.file === null && this.object === null;
  }
  get pages(): number {
    return (this.end - this.start) / 4096;
  }

  /** Where a page of it is in the file or object. */
  offsetOf(page: number): number {
    return (page - pageOf(this.start)) * 4096 + this.offset;
  }

  /** The same area with other bounds; takes references of its own. */
  slice(start: number, end: number): Vma {
    const copy = new Vma(start, end, this.prot, this.shared, this.file, this.offset + (start - this.start), this.object);
    copy.inode = this.inode;
    copy.mayWrite = this.mayWrite;
    copy.mayExec = this.mayExec;
    copy.growsDown = this.growsDown;
    copy.locked = this.locked;
    copy.noReserve = this.noReserve;
    copy.dontFork = this.dontFork;
    copy.wipeOnFork = this.wipeOnFork;
    copy.dontDump = this.dontDump;
    copy.name = this.name;
    copy.policy = this.policy;
    copy.sealed = this.sealed;
    copy.mm = this.mm;
    copy.copied = this.copied;
    this.file?.acquire();
    this.object?.addArea(copy);
    this.copied?.addCopy(copy);
    return copy;
  }

  /** The area is no longer part of an address space. */
  drop(): void {
    this.object?.removeArea(this);
    this.copied?.removeCopy(this);
    this.file?.release();
  }

  /** Whether `next`, which starts where this ends, could be one area with it. */
  joins(next: Vma): boolean {
    return this.end === next.start && this.prot === next.prot && this.shared === next.shared && this.file === next.file &&
      this.object === next.object && (this.file === null && this.object === null || this.offset + (this.end - this.start) === next.offset) &&
      this.growsDown === next.growsDown && this.locked === next.locked && this.noReserve === next.noReserve &&
      this.dontFork === next.dontFork && this.wipeOnFork === next.wipeOnFork && this.dontDump === next.dontDump &&
      this.mayWrite === next.mayWrite && this.mayExec === next.mayExec && this.name === next.name &&
      this.policy?.mode === next.policy?.mode && this.policy?.flags === next.policy?.flags && this.sealed === next.sealed;
  }
}

/** The areas of an address space, sorted, without overlap. */
export class VmaList {
  readonly items: Vma[] = [];

  /** Index of the first area that ends above addr. */
  indexAbove(addr: number): number {
    const items = this.items;
    let lo = 0;
    let hi = items.length;
    while (lo < hi) {
      const mid = (lo + hi) >>> 1;
      if (items[mid]!.end > addr) hi = mid;
      else lo = mid + 1;
    }
    return lo;
  }

  /** The area that contains addr. */
  find(addr: number): Vma | null {
    const vma = this.items[this.indexAbove(addr)];
    return vma !== undefined && vma.start <= addr ? vma : null;
  }

  /** The first area that ends above addr: contains it or lies above. */
  above(addr: number): Vma | null {
    return this.items[this.indexAbove(addr)] ?? null;
  }

  overlaps(start: number, end: number): boolean {
    const vma = this.above(start);
    return vma !== null && vma.start < end;
  }

  /** All of [start, end) is mapped, without a hole. */
  covered(start: number, end: number): boolean {
    let at = start;
    for (let i = this.indexAbove(start); i < this.items.length && at < end; i++) {
      const vma = this.items[i]!;
      if (vma.start > at) return false;
      at = vma.end;
    }
    return at >= end;
  }

  /** Precondition: overlaps nothing. */
  insert(vma: Vma): void {
    this.items.splice(this.indexAbove(vma.start), 0, vma);
  }

  /** Makes `addr` a boundary: an area across it becomes two. */
  splitAt(addr: number): void {
    const index = this.indexAbove(addr);
    const vma = this.items[index];
    if (vma === undefined || vma.start >= addr) return;
    const upper = vma.slice(addr, vma.end);
    vma.end = addr;
    this.items.splice(index + 1, 0, upper);
  }

  /** The areas that lie in [start, end), after splitting at both ends. */
  carve(start: number, end: number): Vma[] {
    this.splitAt(start);
    this.splitAt(end);
    const from = this.indexAbove(start);
    let to = from;
    while (to < this.items.length && this.items[to]!.start < end) to++;
    return this.items.slice(from, to);
  }

  /** Takes out what carve() gave; the caller drops the areas. */
  remove(areas: readonly Vma[]): void {
    if (areas.length > 0) this.items.splice(this.items.indexOf(areas[0]!), areas.length);
  }

  /** Joins neighbours that became alike, in and around [start, end). */
  mergeAround(start: number, end: number): void {
    let i = Math.max(0, this.indexAbove(start) - 1);
    while (i + 1 < this.items.length && this.items[i]!.start <= end) {
      const vma = this.items[i]!;
      const next = this.items[i + 1]!;
      if (vma.joins(next)) {
        vma.end = next.end;
        next.drop();
        this.items.splice(i + 1, 1);
      } else i++;
    }
  }

  /**
   * The lowest free range of `length` bytes in [from, to) that stays clear of `avoid` ranges (sorted or not, few); -1 when there is none.
   */
  findFree(length: number, from: number, to: number, avoid: readonly (readonly [number, number])[] = []): number {
    let at = from;
    let i = this.indexAbove(at);
    for (;;) {
      const next = this.items[i];
      if (next !== undefined && next.start < at + length) {
        at = Math.max(at, next.end);
        i++;
        continue;
      }
      const hit = avoid.find(([start, end]) => start < at + length && at < end);
      if (hit !== undefined) {
        at = hit[1];
        i = this.indexAbove(at);
        continue;
      }
      return at + length <= to ? at : -1;
    }
  }
}
