import type { Inode, FileMappings } from '../../vfs/inode.ts';
import { BIAS, PAGE_SIZE } from '../../machine/memoryLayout.ts';
import type { AddressSpace } from './addressSpace.ts';
import { Page, pageOf } from './page.ts';
import type { Vma } from './vma.ts';

/** One page of one address space that shows a page of a shared object. */
interface Holder {
  mm: AddressSpace;
  page: number;
}

/**
 * A page that several memories may show. At any time either one holder may write it and no other holds it, or any number
 * hold equal copies for reading:
 *
 *   absent --(read)--> read by 1..n --(write)--> owned by 1 --(another's access)--> read / owned by the other
 */
class SharedPage {
  /** The bytes while no holder owns it (anonymous objects; null for a page of zeros). A file's bytes are in the file. */
  content: Uint8Array | null = null;
  owner: Holder | null = null;
  readers: Holder[] = [];
}

/** Pages that are written to the file in one go. */
const MOST_AT_ONCE = 64;

/** Writes owners' pages to the file, those that follow each other in both together. */
class OwnedRuns {
  private readonly inode: Inode;
  private owner: Holder | null = null;
  private index = 0;
  private count = 0;
  constructor(inode: Inode) {
    this.inode = inode;
  }

  add(owner: Holder, index: number): void {
    const { owner: first, count } = this;
    if (first === null || first.mm !== owner.mm || owner.page !== first.page + count || index !== this.index + count || count >= MOST_AT_ONCE) {
      this.end();
      this.owner = owner;
      this.index = index;
    }
    this.count++;
  }

  /** Writes the last ones. */
  end(): void {
    const { owner, index, count } = this;
    this.owner = null;
    this.count = 0;
    if (owner === null) return;
    const at = owner.page * PAGE_SIZE + BIAS, length = Math.min(count * PAGE_SIZE, this.inode.stat().size - index * PAGE_SIZE);
    if (length > 0) this.inode.writeAt(owner.mm.memory.bytes.subarray(at, at + length), index * PAGE_SIZE);
  }
}

/** Index of the first of `sorted` numbers that is not less than `n`. */
function indexFrom(sorted: Float64Array, n: number): number {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < n) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * What MAP_SHARED areas of all processes show: a file, or anonymous memory that lives as long as an area does. Since each process
 * has a memory of its own, pages move to whoever touches them (an ownership protocol as between processor caches); the
 * kernel thread runs it inside page faults, with the losing process's threads stopped.
 */
export class SharedObject implements FileMappings {
  readonly inode: Inode | null;
  private readonly pages = new Map<number, SharedPage>();
  private readonly areas = new Set<Vma>();
  /** MAP_PRIVATE areas of the file. */
  private readonly copies = new Set<Vma>();

  private constructor(inode: Inode | null) {
    this.inode = inode;
  }

  static anonymous(): SharedObject {
    return new SharedObject(null);
  }

  static ofInode(inode: Inode): SharedObject {
    if (inode.mappings instanceof SharedObject) return inode.mappings;
    const object = new SharedObject(inode);
    inode.mappings = object;
    return object;
  }

  get writableShared(): number {
    let count = 0;
    for (const vma of this.areas) if (vma.mayWrite) count++;
    return count;
  }

  addArea(vma: Vma): void {
    this.areas.add(vma);
  }

  removeArea(vma: Vma): void {
    this.areas.delete(vma);
    if (this.areas.size > 0) return;
    this.flush(0, Infinity);
    this.pages.clear();
    this.forgetUnmapped();
  }

  addCopy(vma: Vma): void {
    this.copies.add(vma);
  }

  removeCopy(vma: Vma): void {
    this.copies.delete(vma);
    this.forgetUnmapped();
  }

  private forgetUnmapped(): void {
    if (this.areas.size === 0 && this.copies.size === 0 && this.inode !== null && this.inode.mappings === this) this.inode.mappings = null;
  }

  /** Takes pages [first, last] of the file from private mappings: those that nobody has written, or all. */
  private dropCopies(first: number, last: number, written: boolean): void {
    for (const vma of this.copies) {
      const mm = vma.mm!;
      const base = pageOf(vma.start) - vma.offset / PAGE_SIZE;
      const end = Math.min(last + base + 1, pageOf(vma.end));
      let stopped = false;
      for (let page = Math.max(first + base, pageOf(vma.start)); page < end; page++) {
        if ((mm.pages[page]! & (Page.present | Page.lazy)) === 0 || (!written && !mm.lineage.isClean(page))) continue;
        if (!stopped) mm.quiesce();
        stopped = true;
        mm.dropCopy(page);
      }
    }
  }

  /** Before private mappings copy the file's bytes [offset, offset + length): whoever changes them later faults, and takes the copies away. */
  lend(offset: number, length: number): void {
    for (const [index, shared] of this.pagesWithin(offset, length)) if (shared.owner !== null) this.disown(shared, index, false);
  }

  /** Size in bytes beyond whose last page an access is SIGBUS. */
  get size(): number {
    return this.inode === null ? Infinity : this.inode.stat().size;
  }

  /** Somebody may be writing the page. */
  isOwned(index: number): boolean {
    return (this.pages.get(index)?.owner ?? null) !== null;
  }

  /** Gives `mm` the object's page `index` at its page `page`, for reading or for writing. False: beyond the end, or the file cannot be read. */
  acquire(mm: AddressSpace, page: number, index: number, write: boolean): boolean {
    if (index * PAGE_SIZE >= this.size) return false;
    let shared = this.pages.get(index);
    if (shared === undefined) {
      shared = new SharedPage();
      this.pages.set(index, shared);
    }
    const mine = (holder: Holder): boolean => holder.mm === mm && holder.page === page;
    if (shared.owner !== null && mine(shared.owner)) return true;
    if (shared.owner !== null) this.disown(shared, index, write);
    const had = shared.readers.some(mine);
    if (!had) {
      const at = page * PAGE_SIZE;
      mm.reserve(at + PAGE_SIZE);
      if (!this.load(shared, index, mm.memory.bytes.subarray(at + BIAS, at + BIAS + PAGE_SIZE))) return false;
    }
    if (!write) {
      if (!had) shared.readers.push({ mm, page });
      return true;
    }
    if (this.copies.size > 0) this.dropCopies(index, index, false);
    for (const reader of shared.readers) {
      if (mine(reader)) continue;
      reader.mm.quiesce();
      reader.mm.revoke(reader.page);
    }
    shared.readers = [];
    shared.owner = { mm, page };
    shared.content = null;
    return true;
  }

  /** Takes the page's truth from its owner, who keeps a copy for reading unless `entirely`. */
  private disown(shared: SharedPage, index: number, entirely: boolean): void {
    const owner = shared.owner!;
    owner.mm.quiesce();
    this.store(shared, index);
    shared.owner = null;
    if (entirely) owner.mm.revoke(owner.page);
    else {
      owner.mm.withholdWrite(owner.page);
      shared.readers.push(owner);
    }
  }

  private bytesOf(holder: Holder): Uint8Array {
    const at = holder.page * PAGE_SIZE + BIAS;
    return holder.mm.memory.bytes.subarray(at, at + PAGE_SIZE);
  }

  /** Saves the owner's bytes as the object's. */
  private store(shared: SharedPage, index: number): void {
    const bytes = this.bytesOf(shared.owner!);
    if (this.inode === null) {
      shared.content = bytes.slice();
      return;
    }
    const length = Math.min(PAGE_SIZE, this.size - index * PAGE_SIZE);
    if (length > 0) this.inode.writeAt(bytes.subarray(0, length), index * PAGE_SIZE);
  }

  private load(shared: SharedPage, index: number, to: Uint8Array): boolean {
    if (this.inode === null) {
      if (shared.content === null && shared.readers.length > 0) to.set(this.bytesOf(shared.readers[0]!));
      else if (shared.content === null) to.fill(0);
      else to.set(shared.content);
      return true;
    }
    let done = 0;
    while (done < PAGE_SIZE) {
      const n = this.inode.readAt(to.subarray(done), index * PAGE_SIZE + done);
      if (n < 0) return false;
      if (n === 0) break;
      done += n;
    }
    to.fill(0, done);
    return true;
  }

  /** `mm` no longer shows the object at pages [first, last), of which the first is the object's page `index`. */
  releaseAll(mm: AddressSpace, first: number, last: number, index: number): void {
    const shown = (page: number): boolean => (mm.pages[page]! & Page.shared) !== 0;
    if (this.inode !== null) {
      const runs = new OwnedRuns(this.inode);
      for (let page = first; page < last; page++) {
        const owner = shown(page) ? this.pages.get(index + page - first)?.owner : null;
        if (owner?.mm === mm && owner.page === page) runs.add(owner, index + page - first);
      }
      runs.end();
    }
    for (let page = first; page < last; page++) if (shown(page)) this.release(mm, page, index + page - first);
  }

  /** One page of those: what its owner has changed is in the file already. */
  private release(mm: AddressSpace, page: number, index: number): void {
    const shared = this.pages.get(index);
    if (shared === undefined) return;
    if (shared.owner !== null && shared.owner.mm === mm && shared.owner.page === page) {
      if (this.inode === null) this.store(shared, index);
      shared.owner = null;
    } else {
      const before = shared.readers;
      shared.readers = before.filter((holder) => holder.mm !== mm || holder.page !== page);
      // The last reader of an anonymous page takes its bytes along.
      if (this.inode === null && shared.content === null && before.length > 0 && shared.readers.length === 0) {
        shared.content = this.bytesOf({ mm, page }).slice();
      }
    }
    if (shared.owner === null && shared.readers.length === 0 && this.inode !== null) this.pages.delete(index);
  }

  /** Writes what owners changed to the file, before its bytes are read or nobody shows it any more. They go on owning. */
  private flush(offset: number, length: number): void {
    if (this.inode !== null) this.writeBack(this.changed(offset, length));
  }

  changed(offset: number, length: number): Float64Array {
    const first = Math.floor(offset / PAGE_SIZE), last = Math.floor((offset + length - 1) / PAGE_SIZE);
    if (last - first < this.pages.size) return Float64Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
    const all = new Float64Array([...this.pages.keys()]).sort();
    return all.subarray(indexFrom(all, first), indexFrom(all, last + 1));
  }

  writeBack(pages: Float64Array): void {
    if (this.inode === null) return;
    const runs = new OwnedRuns(this.inode);
    for (const index of pages) {
      const owner = this.pages.get(index)?.owner;
      if (owner) runs.add(owner, index);
    }
    runs.end();
  }

  beforeRead(offset: number, length: number): void {
    this.flush(offset, length);
  }

  /** Copies the range's new bytes into every copy: what a write(2) changes shows in mappings at once. */
  afterWrite(offset: number, length: number): void {
    if (this.inode === null || length <= 0) return;
    if (this.copies.size > 0) this.dropCopies(Math.floor(offset / PAGE_SIZE), Math.floor((offset + length - 1) / PAGE_SIZE), false);
    for (const [index, shared] of this.pagesWithin(offset, length)) {
      const from = Math.max(0, offset - index * PAGE_SIZE);
      const to = Math.min(PAGE_SIZE, offset + length - index * PAGE_SIZE);
      for (const holder of shared.owner === null ? shared.readers : [shared.owner]) {
        holder.mm.forgetCode(holder.page);
        this.inode.readAt(this.bytesOf(holder).subarray(from, to), index * PAGE_SIZE + from);
      }
    }
  }

  /** Of the bytes [offset, offset + length), which may be more than there are pages by far (fallocate(2) to the end of any file). */
  private *pagesWithin(offset: number, length: number): Iterable<[index: number, page: SharedPage]> {
    const first = Math.floor(offset / PAGE_SIZE), last = Math.floor((offset + length - 1) / PAGE_SIZE);
    if (last - first >= this.pages.size) {
      for (const entry of [...this.pages]) if (entry[0] >= first && entry[0] <= last) yield entry;
      return;
    }
    for (let index = first; index <= last; index++) {
      const page = this.pages.get(index);
      if (page !== undefined) yield [index, page];
    }
  }

  afterResize(size: number): void {
    const end = Math.ceil(size / PAGE_SIZE);
    this.dropCopies(end, Infinity, true);
    if (size % PAGE_SIZE !== 0) this.dropCopies(end - 1, end - 1, false);
    for (const [index, shared] of this.pages) {
      if (index < end - 1) continue;
      const holders = shared.owner === null ? shared.readers : [shared.owner];
      if (index === end - 1) {
        for (const holder of holders) this.bytesOf(holder).fill(0, size - index * PAGE_SIZE);
        continue;
      }
      for (const holder of holders) {
        holder.mm.quiesce();
        holder.mm.revoke(holder.page);
      }
      this.pages.delete(index);
    }
  }

  /** madvise(MADV_REMOVE): zeros in place of a range, for everyone. */
  punch(offset: number, length: number): number {
    for (const [index, shared] of this.pagesWithin(offset, length)) {
      for (const holder of shared.owner === null ? shared.readers : [shared.owner]) {
        holder.mm.quiesce();
        holder.mm.revoke(holder.page);
      }
      this.pages.delete(index);
    }
    this.dropCopies(Math.floor(offset / PAGE_SIZE), Math.floor((offset + length - 1) / PAGE_SIZE), false);
    // FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
    return this.inode === null ? 0 : this.inode.allocate(3, offset, length);
  }
}
