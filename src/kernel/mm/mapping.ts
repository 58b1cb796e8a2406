import { EACCES, EAGAIN, EBADF, EEXIST, EINVAL, ENOMEM, EOVERFLOW, EPERM } from '../../abi/linux/errno.ts';
import {
  MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_GROWSDOWN, MAP_HUGETLB, MAP_LOCKED, MAP_NORESERVE, MAP_PRIVATE, MAP_SHARED,
  MAP_SHARED_VALIDATE, MAP_STACK, MAP_SYNC, MAP_TYPE,
} from '../../abi/linux/mman.ts';
import { GUEST_END, GUEST_MIN, PAGE_SIZE, Perm, TASK_SIZE } from '../../machine/memoryLayout.ts';
import { Access } from '../../machine/exit.ts';
import type { Inode } from '../../vfs/inode.ts';
import type { FileDescription } from '../../vfs/fileDescription.ts';
import { Rlimit, type Rlimits } from '../fd/rlimits.ts';
import type { AddressSpace } from './addressSpace.ts';
import { clipOverlong, isClaimed, placeOverlong } from './overlong.ts';
import { Page, pageOf } from './page.ts';
import { SharedObject } from './sharedObject.ts';
import { findPlace, hasPlace, heedWish, heightOf, isTaken, noteAnswer } from './tall.ts';
import { Prot, Vma } from './vma.ts';

export const pageUp = (n: number): number => Math.ceil(n / PAGE_SIZE) * PAGE_SIZE;
export const pageDown = (n: number): number => n - (n % PAGE_SIZE);
/** vm.max_map_count. */
const MAX_AREAS = 65530;
/** Linux keeps this much free below a growing stack. */
const STACK_GUARD = 256 * PAGE_SIZE;

export interface MapRequest {
  addr: number;
  length: number;
  prot: number;
  flags: number;
  file: FileDescription | null;
  offset: number;
  /** What the file's mmap() answered; default its own inode. */
  inode?: Inode;
  /** What /proc/PID/maps calls it, where that is neither a file nor nothing. */
  name?: string;
}

/** mmap(2). Answers the address or -errno. `limits` null: the loader, which no limit stops but memory itself. */
export function mapMemory(mm: AddressSpace, request: MapRequest, limits: Rlimits | null, mayLock = true): number {
  heedWish(mm, request);
  const at = mapAnswered(mm, request, limits, mayLock);
  noteAnswer(mm, request, at);
  return at;
}

function mapAnswered(mm: AddressSpace, request: MapRequest, limits: Rlimits | null, mayLock: boolean): number {
  const { prot, flags, file, offset } = request;
  if (request.length <= 0) return -EINVAL;
  const length = pageUp(request.length);
  if (length > GUEST_END) return mapOverlong(mm, request, length, limits);
  // Without a file the offset means nothing.
  if (file !== null && offset + length > Number.MAX_SAFE_INTEGER) return -EOVERFLOW;
  let type = flags & MAP_TYPE;
  if (type === MAP_SHARED_VALIDATE && file !== null) {
    if ((flags & MAP_SYNC) !== 0) return -95;
    type = MAP_SHARED;
  }
  if (type !== MAP_SHARED && type !== MAP_PRIVATE) return -EINVAL;
  const shared = type === MAP_SHARED;
  if ((flags & MAP_HUGETLB) !== 0) return -ENOMEM;
  if (file !== null) {
    const error = checkFile(file, prot, shared, flags);
    if (error !== 0) return error;
  }
  // PR_SET_MDWE
  if (mm.writeExecPolicy !== 0 && limits !== null && (prot & (Prot.W | Prot.X)) === (Prot.W | Prot.X)) return -EACCES;
  const addr = placeFor(mm, request, length);
  if (addr < 0) return addr;
  const replaced = (flags & MAP_FIXED) !== 0 ? mappedPages(mm, addr, addr + length) : 0;
  if (limits !== null) {
    const error = checkLimits(mm, limits, length / PAGE_SIZE - replaced, !shared && (prot & Prot.W) !== 0 && (flags & (MAP_GROWSDOWN | MAP_STACK)) === 0);
    if (error !== 0) return error;
    if (((flags & MAP_LOCKED) !== 0 || mm.lockFuture) && !mayLock && (mm.lockedPages * PAGE_SIZE + length) > limits.cur[Rlimit.MEMLOCK]!) return -EAGAIN;
  }
  if (mm.areas.items.length >= MAX_AREAS) return -ENOMEM;
  const inode = request.inode ?? file?.inode ?? null;
  if (replaced > 0) {
    const error = unmapMemory(mm, addr, length);
    if (error !== 0) return error;
  }
  const object = shared ? (inode === null ? SharedObject.anonymous() : SharedObject.ofInode(inode)) : null;
  const vma = new Vma(addr, addr + length, prot & 7, shared, file, offset, object);
  vma.inode = inode;
  vma.name = request.name ?? '';
  file?.acquire();
  object?.addArea(vma);
  if (object === null && inode !== null) {
    vma.copied = SharedObject.ofInode(inode);
    vma.copied.addCopy(vma);
  }
  vma.mayWrite = !shared || file === null || (file.writable && inode?.writesSealed !== true);
  vma.mayExec = file === null || !file.path.mount.noExec;
  vma.growsDown = (flags & MAP_GROWSDOWN) !== 0;
  vma.noReserve = (flags & MAP_NORESERVE) !== 0;
  vma.locked = (flags & MAP_LOCKED) !== 0 || mm.lockFuture;
  addArea(mm, vma);
  // MAP_POPULATE is the caller's.
  if (vma.locked) populate(mm, addr, addr + length);
  return addr;
}

/** What is longer than the address space: a reservation, or too much. */
function mapOverlong(mm: AddressSpace, request: MapRequest, length: number, limits: Rlimits | null): number {
  const place = placeOverlong(mm, request, length);
  if (typeof place === 'number') return place;
  if (limits !== null && mm.totalPages * PAGE_SIZE + length > limits.cur[Rlimit.AS]!) return -ENOMEM;
  const at = mapAnswered(mm, { ...request, addr: place.start, length: place.end - place.start, flags: request.flags | MAP_FIXED_NOREPLACE }, limits, true);
  if (at >= 0) mm.overlong = [...mm.overlong.filter((one) => mm.areas.overlaps(one.start, one.end)), place];
  return at;
}

function checkFile(file: FileDescription, prot: number, shared: boolean, flags: number): number {
  if ((flags & MAP_GROWSDOWN) !== 0) return -EINVAL;
  if (!file.readable) return (file.flags & 0o10000000) !== 0 ? -EBADF : -EACCES;
  if (shared && (prot & Prot.W) !== 0 && !file.writable) return -EACCES;
  if ((prot & Prot.X) !== 0 && file.path.mount.noExec) return -EPERM;
  return 0;
}

/** Where a mapping goes, or -errno. */
function placeFor(mm: AddressSpace, { addr: hint, prot, flags }: MapRequest, length: number): number {
  if ((flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) !== 0) {
    if (hint % PAGE_SIZE !== 0) return -EINVAL;
    if (!hasPlace(mm, hint, hint + length)) return -ENOMEM;
    if (hint < GUEST_MIN) return -EPERM;
    if ((flags & MAP_FIXED_NOREPLACE) !== 0 && mm.areas.overlaps(hint, hint + length)) return -EEXIST;
    return hint >>> 0 < GUEST_MIN || isTaken(mm, hint, hint + length) ? -ENOMEM : hint;
  }
  const wanted = pageUp(hint);
  if (wanted >>> 0 >= GUEST_MIN && hasPlace(mm, wanted, wanted + length) && isFree(mm, wanted, wanted + length)) return wanted;
  // Above 4 GiB no code can run.
  return findFree(mm, length, mm.tall && wanted < TASK_SIZE && (prot & Prot.X) === 0 && !isClaimed(mm, wanted) ? heightOf(wanted) : 0);
}

function isFree(mm: AddressSpace, start: number, end: number): boolean {
  return !(mm.tall && isClaimed(mm, start)) && !mm.areas.overlaps(start, end) && !nearStack(mm, start, end) && !isTaken(mm, start, end);
}

/** A hint must not eat the room in which a stack grows. */
function nearStack(mm: AddressSpace, start: number, end: number): boolean {
  const above = mm.areas.above(start);
  return above?.growsDown === true && end > above.start - STACK_GUARD;
}

/** `height` as in tall.ts. */
export function findFree(mm: AddressSpace, length: number, height = 0): number {
  let at = findPlace(mm, length, mm.mmapBase, mm.reserved, height);
  if (at < 0) at = findPlace(mm, length, mm.mmapBase, [], height);
  if (at < 0) at = findPlace(mm, length, GUEST_MIN, [], height);
  return at < 0 ? -ENOMEM : at;
}

function mappedPages(mm: AddressSpace, start: number, end: number): number {
  let pages = 0;
  for (let i = mm.areas.indexAbove(start); i < mm.areas.items.length; i++) {
    const vma = mm.areas.items[i]!;
    if (vma.start >= end) break;
    pages += (Math.min(vma.end, end) - Math.max(vma.start, start)) / PAGE_SIZE;
  }
  return pages;
}

export function checkLimits(mm: AddressSpace, limits: Rlimits, morePages: number, data: boolean): number {
  if ((mm.totalPages + morePages) * PAGE_SIZE > limits.cur[Rlimit.AS]!) return -ENOMEM;
  if (data && (mm.dataPages + morePages) * PAGE_SIZE > limits.cur[Rlimit.DATA]!) return -ENOMEM;
  return 0;
}

/** Private and writable, but not a stack: counts for RLIMIT_DATA. */
export const isData = (vma: Vma): boolean => !vma.shared && (vma.prot & Prot.W) !== 0 && !vma.growsDown;

/** Puts an area into a free range and counts it. */
export function addArea(mm: AddressSpace, vma: Vma): void {
  vma.mm = mm;
  mm.makeRoom(vma.start, vma.end);
  mm.areas.insert(vma);
  mm.totalPages += vma.pages;
  if (isData(vma)) mm.dataPages += vma.pages;
  if (vma.locked) mm.lockedPages += vma.pages;
  if (vma.prot !== 0) mm.permissions.bytes.fill(Perm.ASK, pageOf(vma.start), pageOf(vma.end));
  mm.areas.mergeAround(vma.start, vma.end);
}

/** mseal'ed memory in [start, end). */
export function isSealed(mm: AddressSpace, start: number, end: number): boolean {
  for (let i = mm.areas.indexAbove(start); i < mm.areas.items.length && mm.areas.items[i]!.start < end; i++) if (mm.areas.items[i]!.sealed) return true;
  return false;
}

/** munmap(2). Precondition of the bounds: checked here. */
export function unmapMemory(mm: AddressSpace, addr: number, length: number): number {
  if (addr % PAGE_SIZE !== 0 || length <= 0) return -EINVAL;
  const whole = addr + pageUp(length), end = clipOverlong(mm, addr, whole);
  if (end === addr && whole !== addr) return 0;
  if (!(end <= mm.limit)) return -EINVAL;
  if (!mm.areas.overlaps(addr, end)) return 0;
  if (isSealed(mm, addr, end)) return -EPERM;
  mm.quiesce();
  const areas = mm.areas.carve(addr, end);
  mm.areas.remove(areas);
  for (const vma of areas) {
    uncount(mm, vma);
    clearPages(mm, vma, vma.start, vma.end);
    vma.drop();
  }
  return 0;
}

/**
 * Gives about `most` shared pages of [start, end) back to their objects, from which they can come again: before they are unmapped, so that this does
 * not take long. Where it stopped.
 */
export function giveBack(mm: AddressSpace, start: number, end: number, most: number): number {
  const [vma] = sharedAreas(mm, start, end);
  if (vma === undefined) return end;
  const from = Math.max(vma.start, start), last = pageOf(Math.min(vma.end, end));
  let page = pageOf(from);
  for (let shown = 0; page < last && shown < most; page++) if ((mm.pages[page]! & Page.shared) !== 0) shown++;
  const to = from + (page - pageOf(from)) * PAGE_SIZE;
  mm.quiesce();
  clearPages(mm, vma, from, to);
  askAgain(mm, vma, from, to);
  return to;
}

export function sharedAreas(mm: AddressSpace, start: number, end: number): Vma[] {
  const found: Vma[] = [];
  for (let i = mm.areas.indexAbove(start); i < mm.areas.items.length && mm.areas.items[i]!.start < end; i++) {
    if (mm.areas.items[i]!.object !== null) found.push(mm.areas.items[i]!);
  }
  return found;
}

/** Pages of `vma` whose contents were dropped can be touched again. */
export function askAgain(mm: AddressSpace, vma: Vma, start: number, end: number): void {
  if (vma.prot !== 0) mm.permissions.bytes.fill(Perm.ASK, pageOf(start), pageOf(end));
}

/** As unmapMemory, for an area whose pages are `Moved`: they stay as they are, but nobody may use them here. Precondition: quiesced. */
export function takeAway(mm: AddressSpace, start: number, end: number): void {
  const areas = mm.areas.carve(start, end), first = pageOf(start), last = pageOf(end);
  mm.areas.remove(areas);
  for (const vma of areas) {
    uncount(mm, vma);
    vma.drop();
  }
  for (let page = first; page < last; page++) mm.permissions.forgetCode(page);
  mm.permissions.bytes.fill(0, first, last);
}

function uncount(mm: AddressSpace, vma: Vma): void {
  mm.totalPages -= vma.pages;
  if (isData(vma)) mm.dataPages -= vma.pages;
  if (vma.locked) mm.lockedPages -= vma.pages;
}

/** Drops the contents of pages of `vma`: they are as never touched. Precondition: quiesced. */
export function clearPages(mm: AddressSpace, vma: Vma, start: number, end: number): void {
  if (vma.object !== null) mm.releaseShared(vma, start, end);
  const pages = mm.pages;
  const permissions = mm.permissions;
  const last = pageOf(end);
  for (let page = pageOf(start); page < last; page++) {
    const state = pages[page]!;
    if (permissions.bytes[page] !== 0) permissions.setStopped(page, 0);
    if (state === 0) continue;
    if ((state & (Page.needed | Page.lazy)) !== 0) mm.lineage.forget(page);
    pages[page] = (state & (Page.present | Page.shared | Page.stale)) !== 0 ? Page.stale : 0;
  }
}

/** Touches every page, as MAP_POPULATE and mlock do; stops silently where it cannot. */
export function populate(mm: AddressSpace, start: number, end: number): boolean {
  for (let at = start; at < end; at += PAGE_SIZE) {
    const vma = mm.areas.find(at);
    if (vma === null) return false;
    if (vma.prot === 0) continue;
    const write = (vma.prot & Prot.W) !== 0 && !vma.shared;
    if (mm.prepare(at, 1, write ? Access.write : Access.read) === 0) return false;
  }
  return true;
}

/** An access below a stack: grows it when the limits allow. */
export function growStack(mm: AddressSpace, vma: Vma, addr: number): boolean {
  const start = pageDown(addr);
  if (start < GUEST_MIN || vma.end - start > mm.stackLimit) return false;
  const below = mm.areas.items[mm.areas.indexAbove(vma.start) - 1];
  if (below !== undefined && !below.growsDown && below.prot !== 0 && below.end > start - STACK_GUARD) return false;
  if ((below !== undefined && below.end > start) || isTaken(mm, start, vma.start)) return false;
  const grown = (vma.start - start) / PAGE_SIZE;
  mm.makeRoom(start, vma.start);
  mm.totalPages += grown;
  if (vma.locked) mm.lockedPages += grown;
  vma.start = start;
  vma.offset -= grown * PAGE_SIZE;
  return true;
}

/** brk(2): the new or the unchanged break. */
export function setBreak(mm: AddressSpace, brk: number, limits: Rlimits): number {
  const layout = mm.layout;
  const old = layout.brk;
  if (brk < layout.brkStart || brk > GUEST_END) return old;
  if (brk - layout.brkStart + (layout.dataEnd - layout.dataStart) > limits.cur[Rlimit.DATA]!) return old;
  const from = pageUp(old);
  const to = pageUp(brk);
  if (to < from) unmapMemory(mm, to, from - to);
  else if (to > from) {
    if (mm.areas.overlaps(from, to + PAGE_SIZE) || nearStack(mm, from, to) || isTaken(mm, from, to)) return old;
    if (checkLimits(mm, limits, (to - from) / PAGE_SIZE, true) !== 0) return old;
    const vma = new Vma(from, to, Prot.R | Prot.W, false, null, 0, null);
    vma.name = '[heap]';
    vma.locked = mm.lockFuture;
    addArea(mm, vma);
    if (vma.locked) populate(mm, from, to);
  }
  layout.brk = brk;
  return brk;
}
