import { EACCES, EBUSY, EINVAL, ENOMEM, EPERM } from '../../abi/linux/errno.ts';
import * as M from '../../abi/linux/mman.ts';
import { PAGE_SIZE } from '../../machine/memoryLayout.ts';
import type { FileDescription } from '../../vfs/fileDescription.ts';
import type { FileMappings, Inode } from '../../vfs/inode.ts';
import { Rlimit, type Rlimits } from '../fd/rlimits.ts';
import type { AddressSpace } from './addressSpace.ts';
import { askAgain, checkLimits, clearPages, isData, isSealed, pageUp } from './mapping.ts';
import { clipOverlong } from './overlong.ts';
import { Page, pageOf } from './page.ts';
import { Prot, type Vma } from './vma.ts';

/** mprotect(2) of a checked range. `prot` is PROT_R/W/X, after READ_IMPLIES_EXEC. */
export function protectMemory(mm: AddressSpace, start: number, length: number, prot: number, limits: Rlimits): number {
  if (start % PAGE_SIZE !== 0) return -EINVAL;
  const growsDown = (prot & M.PROT_GROWSDOWN) !== 0;
  if (growsDown && (prot & M.PROT_GROWSUP) !== 0) return -EINVAL;
  if ((prot & ~(Prot.R | Prot.W | Prot.X | M.PROT_SEM | M.PROT_GROWSDOWN | M.PROT_GROWSUP)) !== 0) return -EINVAL;
  if (length === 0) return 0;
  if ((prot & M.PROT_GROWSUP) !== 0) return -EINVAL;
  const want = prot & 7, whole = start + pageUp(length), end = want === 0 ? clipOverlong(mm, start, whole) : whole;
  if (end === start && whole !== start) return 0;
  if (!(end <= mm.limit)) return -ENOMEM;
  let from = start;
  if (growsDown) {
    const vma = mm.areas.find(start);
    if (vma === null) return -ENOMEM;
    if (!vma.growsDown) return -EINVAL;
    from = vma.start;
  }
  // Linux changes what comes before the first hole or refusal, and only then fails.
  if (isSealed(mm, from, end)) return -EPERM;
  let limit = from;
  let error = 0;
  for (let i = mm.areas.indexAbove(from); limit < end; i++) {
    const vma = mm.areas.items[i];
    if (vma === undefined || vma.start > limit) {
      error = -ENOMEM;
      break;
    }
    const gainsExec = mm.writeExecPolicy !== 0 && (want & Prot.X) !== 0 && ((want & Prot.W) !== 0 || (vma.prot & Prot.X) === 0);
    if (gainsExec || ((want & Prot.W) !== 0 && !vma.mayWrite) || ((want & Prot.X) !== 0 && !vma.mayExec)) {
      error = -EACCES;
      break;
    }
    if ((want & Prot.W) !== 0 && !isData(vma) && !vma.shared && checkLimits(mm, limits, 0, false) === 0 &&
      (mm.dataPages + vma.pages) * PAGE_SIZE > limits.cur[Rlimit.DATA]!) {
      error = -ENOMEM;
      break;
    }
    limit = Math.min(vma.end, end);
  }
  if (limit > from) changeProtection(mm, from, limit, want);
  return error;
}

/** Whether some page of the range is in the memory: a thread may be using it. */
function someShown(mm: AddressSpace, start: number, end: number): boolean {
  const last = pageOf(end);
  for (let page = pageOf(start); page < last; page++) if ((mm.pages[page]! & (Page.present | Page.shared)) !== 0) return true;
  return false;
}

function changeProtection(mm: AddressSpace, start: number, end: number, prot: number): void {
  // Of what nobody has touched (the stack of a new thread) no permission byte changes.
  if (someShown(mm, start, end)) mm.quiesce();
  for (const vma of mm.areas.carve(start, end)) {
    if (vma.prot === prot) continue;
    if (isData(vma)) mm.dataPages -= vma.pages;
    vma.prot = prot;
    if (isData(vma)) mm.dataPages += vma.pages;
    const last = pageOf(vma.end);
    for (let page = pageOf(vma.start); page < last; page++) mm.permissions.setStopped(page, mm.permissionOf(vma, page));
  }
  mm.areas.mergeAround(start, end);
}

/** madvise(2). */
export function adviseMemory(mm: AddressSpace, start: number, length: number, advice: number): number {
  if (start % PAGE_SIZE !== 0) return -EINVAL;
  if (!KNOWN_ADVICE.has(advice)) return -EINVAL;
  const end = clipOverlong(mm, start, start + pageUp(length));
  if (!(end <= mm.limit) || length < 0) return -EINVAL;
  if (end === start) return 0;
  let unmapped = 0;
  for (const vma of [...mm.areas.items]) {
    if (vma.end <= start || vma.start >= end) continue;
    const error = adviseArea(mm, vma, Math.max(start, vma.start), Math.min(end, vma.end), advice);
    if (error !== 0) return error;
  }
  if (!mm.areas.covered(start, end)) unmapped = -ENOMEM;
  return unmapped;
}

const KNOWN_ADVICE = new Set<number>([
  M.MADV_NORMAL, M.MADV_RANDOM, M.MADV_SEQUENTIAL, M.MADV_WILLNEED, M.MADV_DONTNEED, M.MADV_FREE, M.MADV_REMOVE, M.MADV_DONTFORK, M.MADV_DOFORK,
  M.MADV_MERGEABLE, M.MADV_UNMERGEABLE, M.MADV_HUGEPAGE, M.MADV_NOHUGEPAGE, M.MADV_DONTDUMP, M.MADV_DODUMP, M.MADV_WIPEONFORK,
  M.MADV_KEEPONFORK, M.MADV_COLD, M.MADV_PAGEOUT, M.MADV_POPULATE_READ, M.MADV_POPULATE_WRITE, M.MADV_DONTNEED_LOCKED, M.MADV_COLLAPSE,
]);

function adviseArea(mm: AddressSpace, vma: Vma, start: number, end: number, advice: number): number {
  switch (advice) {
    case M.MADV_FREE:
      if (!vma.anonymous) return -EINVAL;
      return vma.locked ? -EINVAL : 0;
    case M.MADV_DONTNEED:
    case M.MADV_DONTNEED_LOCKED:
      if (vma.locked && advice === M.MADV_DONTNEED) return -EINVAL;
      // What could not be written must not be thrown away, either.
      if (vma.sealed && vma.object === null && (vma.prot & Prot.W) === 0) return -EPERM;
      mm.quiesce();
      clearPages(mm, vma, start, end);
      askAgain(mm, vma, start, end);
      return 0;
    case M.MADV_REMOVE: {
      if (vma.locked || vma.object === null) return -EINVAL;
      if (!vma.mayWrite) return -EACCES;
      mm.quiesce();
      return vma.object.punch(start - vma.start + vma.offset, end - start);
    }
    case M.MADV_WIPEONFORK:
      if (!vma.anonymous || vma.shared) return -EINVAL;
      return mark(mm, start, end, (area) => (area.wipeOnFork = true));
    case M.MADV_KEEPONFORK: return mark(mm, start, end, (area) => (area.wipeOnFork = false));
    case M.MADV_DONTFORK: return mark(mm, start, end, (area) => (area.dontFork = true));
    case M.MADV_DOFORK: return mark(mm, start, end, (area) => (area.dontFork = false));
    case M.MADV_DONTDUMP: return mark(mm, start, end, (area) => (area.dontDump = true));
    case M.MADV_DODUMP: return mark(mm, start, end, (area) => (area.dontDump = false));
    case M.MADV_WILLNEED: return 0;
    case M.MADV_POPULATE_READ: return populateFor(mm, start, end, 1, vma);
    case M.MADV_POPULATE_WRITE: return populateFor(mm, start, end, 2, vma);
    default: return 0;
  }
}

function populateFor(mm: AddressSpace, start: number, end: number, access: number, vma: Vma): number {
  if ((vma.prot & (access === 2 ? Prot.W : 7)) === 0) return -EINVAL;
  return mm.prepare(start, end - start, access) === end - start ? 0 : -14;
}

function mark(mm: AddressSpace, start: number, end: number, change: (vma: Vma) => void): number {
  mm.areas.carve(start, end).forEach(change);
  mm.areas.mergeAround(start, end);
  return 0;
}

/** Whether the page cache would have a page: files in memory do where nothing is a hole, those of the host are taken to be cached. */
function hasFilePage({ file, start, offset }: Vma, at: number): boolean {
  if (file === null) return false;
  const { inode } = file;
  const place = offset + at - start;
  return place < inode.stat().size && inode.seekData(place, false) === place;
}

/** mincore(2): one byte a page, bit 0 = in memory. */
export function residentPages(mm: AddressSpace, start: number, length: number): Uint8Array | number {
  if (start % PAGE_SIZE !== 0) return -EINVAL;
  const end = start + pageUp(length);
  if (!(end <= mm.limit)) return -ENOMEM;
  if (!mm.areas.covered(start, end)) return -ENOMEM;
  const out = new Uint8Array((end - start) / PAGE_SIZE);
  for (let i = 0; i < out.length; i++) {
    const at = start + i * PAGE_SIZE;
    const vma = mm.areas.find(at)!;
    const here = (mm.pages[pageOf(at)]! & (Page.present | Page.lazy | Page.shared)) !== 0;
    out[i] = here || hasFilePage(vma, at) ? 1 : 0;
  }
  return out;
}

/** An area's part of a file that msync(2) writes back. */
export interface SyncedPart {
  readonly file: FileDescription;
  readonly inode: Inode;
  readonly mappings: FileMappings;
  readonly offset: number;
  readonly length: number;
}

/** What msync(2) has to write and its result, or -errno. */
export function syncedParts(mm: AddressSpace, start: number, length: number, flags: number): { parts: SyncedPart[]; result: number } | number {
  if ((flags & ~(M.MS_ASYNC | M.MS_INVALIDATE | M.MS_SYNC)) !== 0 || start % PAGE_SIZE !== 0) return -EINVAL;
  if ((flags & M.MS_ASYNC) !== 0 && (flags & M.MS_SYNC) !== 0) return -EINVAL;
  const end = start + (pageUp(length) % 2 ** 64);
  if (!(end <= mm.limit)) return -ENOMEM;
  const parts: SyncedPart[] = [];
  for (const vma of mm.areas.items) {
    if (vma.end <= start || vma.start >= end) continue;
    if ((flags & M.MS_INVALIDATE) !== 0 && vma.locked) return { parts, result: -EBUSY };
    if (vma.object === null || vma.file === null) continue;
    const from = Math.max(start, vma.start), to = Math.min(end, vma.end);
    parts.push({ file: vma.file, inode: vma.inode!, mappings: vma.object, offset: from - vma.start + vma.offset, length: to - from });
  }
  return { parts, result: mm.areas.covered(start, end) ? 0 : -ENOMEM };
}

/** mlock, mlock2, munlock, but for touching the pages. `mayLock`: CAP_IPC_LOCK. */
export function lockMemory(mm: AddressSpace, addr: number, length: number, lock: boolean, limits: Rlimits, mayLock: boolean): number {
  const start = addr - (addr % PAGE_SIZE);
  const whole = pageUp(length + (addr - start));
  // 64-bit arithmetic wraps: a length that rounds up to 2^64 is none, an end beyond it is before the start.
  if (whole === 0 || whole >= 2 ** 64) return 0;
  const end = start + whole;
  if (end >= 2 ** 64) return -EINVAL;
  if (!(end <= mm.limit)) return -ENOMEM;
  if (start === end) return 0;
  if (lock && !mayLock) {
    const limit = limits.cur[Rlimit.MEMLOCK]!;
    if (limit === 0) return -EPERM;
    let more = 0;
    for (const vma of mm.areas.items) if (vma.end > start && vma.start < end && !vma.locked) more += Math.min(vma.end, end) - Math.max(vma.start, start);
    if (mm.lockedPages * PAGE_SIZE + more > limit) return -ENOMEM;
  }
  if (!mm.areas.covered(start, end)) return -ENOMEM;
  for (const vma of mm.areas.carve(start, end)) {
    if (vma.locked !== lock) mm.lockedPages += lock ? vma.pages : -vma.pages;
    vma.locked = lock;
  }
  mm.areas.mergeAround(start, end);
  return 0;
}
