import { Access } from '../../machine/exit.ts';
import { BIAS, PAGE_SIZE, Perm } from '../../machine/memoryLayout.ts';
import type { AddressSpace } from './addressSpace.ts';
import { growStack } from './mapping.ts';
import { Page, pageOf } from './page.ts';
import { Prot, type Vma } from './vma.ts';

/** What becomes of a refused access. */
export const FaultResult = {
  /** The page can be used now. */
  ok: 0,
  /** SIGSEGV, SEGV_MAPERR. */
  mapError: 1,
  /** SIGSEGV, SEGV_ACCERR. */
  accessError: 2,
  /** SIGBUS, BUS_ADRERR: beyond the end of a mapped file. */
  busError: 3,
  /** The host has no more memory: SIGKILL. */
  noMemory: 4,
} as const;
export type FaultCode = (typeof FaultResult)[keyof typeof FaultResult];

/** Pages filled around one touched: of files, of big anonymous areas, of forked memory. */
const FILE_AROUND = 16;
const ANONYMOUS_AROUND = 32;
const ANONYMOUS_EXACT_PAGES = 64;
const COPY_AROUND = 8;

/** Makes the page at addr usable for `access` (`Access` bit), or says which signal. `force`: whatever its protection is (FOLL_FORCE). */
export function faultPage(mm: AddressSpace, addr: number, access: number, force = false): FaultCode {
  let vma = mm.areas.above(addr);
  if (vma === null) return FaultResult.mapError;
  if (vma.start > addr) {
    if (!vma.growsDown || !growStack(mm, vma, addr)) return FaultResult.mapError;
    vma = mm.areas.find(addr)!;
  }
  const wanted = access === Access.write ? Prot.W : access === Access.execute ? Prot.X : Prot.R | Prot.W | Prot.X;
  // A debugger writes into pages that only may become writable: private ones get their own copy, permissions stay.
  if ((vma.prot & wanted) === 0 && !(force && vma.object === null)) return FaultResult.accessError;
  const page = pageOf(addr);
  mm.minorFaults++;
  const code = vma.object !== null ? shareIn(mm, vma, page, access) : pageIn(mm, vma, page, access);
  if (code !== FaultResult.ok) return code;
  // The kernel's own writes and the guest's both need W itself, not CODE_W.
  if (access === Access.write && (mm.permissions.bytes[page]! & Perm.CODE) !== 0) mm.permissions.forgetCode(page);
  return FaultResult.ok;
}

function shareIn(mm: AddressSpace, vma: Vma, page: number, access: number): FaultCode {
  const write = access === Access.write;
  const index = vma.offsetOf(page) / PAGE_SIZE;
  if (!mm.reserve((page + 1) * PAGE_SIZE)) return FaultResult.noMemory;
  const state = mm.pages[page]!;
  if ((state & Page.shared) === 0 || (write && (state & Page.readOnly) !== 0)) {
    if (!vma.object!.acquire(mm, page, index, write)) return FaultResult.busError;
    mm.pages[page] = (mm.pages[page]! & Page.stale) | Page.shared | (write ? 0 : Page.readOnly);
    if (!write && vma.inode !== null && vma.object!.writableShared === 0) readAround(mm, vma, page);
  }
  mm.updatePermission(vma, page);
  return FaultResult.ok;
}

/**
 * The pages around one that is read, of a file that nobody may write through a mapping (who does would have to wait for its readers): Linux does
 * so, too (do_fault_around).
 */
function readAround(mm: AddressSpace, vma: Vma, page: number): void {
  const object = vma.object!, base = page - (page % FILE_AROUND), end = Math.min(base + FILE_AROUND, pageOf(vma.end));
  for (let p = Math.max(base, pageOf(vma.start)); p < end; p++) {
    const index = vma.offsetOf(p) / PAGE_SIZE;
    if ((mm.pages[p]! & Page.shared) !== 0 || object.isOwned(index) || !mm.reserve((p + 1) * PAGE_SIZE)) continue;
    if (!object.acquire(mm, p, index, false)) return;
    mm.pages[p] = (mm.pages[p]! & Page.stale) | Page.shared | Page.readOnly;
    mm.updatePermission(vma, p);
  }
}

function pageIn(mm: AddressSpace, vma: Vma, page: number, access: number): FaultCode {
  const state = mm.pages[page]!;
  if ((state & Page.present) !== 0) {
    if (access === Access.write) makeOwn(mm, page);
    mm.updatePermission(vma, page);
    return FaultResult.ok;
  }
  if ((state & Page.lazy) !== 0) return copyAround(mm, vma, page, access);
  return vma.file !== null ? fillFile(mm, vma, page, access) : fillZero(mm, vma, page);
}

/** A present page is about to be written: forked children get their copies, a file's page becomes a private one. */
function makeOwn(mm: AddressSpace, page: number): void {
  if ((mm.pages[page]! & Page.needed) !== 0) mm.lineage.copyOut(page);
  mm.pages[page] = mm.pages[page]! & ~Page.readOnly;
}

/** Copies this lazy page and its lazy neighbours after it. */
function copyAround(mm: AddressSpace, vma: Vma, page: number, access: number): FaultCode {
  const end = Math.min(page + COPY_AROUND, pageOf(vma.end));
  if (!mm.reserve(end * PAGE_SIZE)) return FaultResult.noMemory;
  for (let p = page; p < end && (mm.pages[p]! & Page.lazy) !== 0; p++) {
    mm.lineage.copyIn(p);
    if (p === page && access === Access.write) makeOwn(mm, p);
    mm.updatePermission(vma, p);
  }
  return FaultResult.ok;
}

function fillZero(mm: AddressSpace, vma: Vma, page: number): FaultCode {
  let from = page;
  let to = page + 1;
  if (vma.pages > ANONYMOUS_EXACT_PAGES) {
    from = Math.max(page - (page % ANONYMOUS_AROUND), pageOf(vma.start));
    to = Math.min(page - (page % ANONYMOUS_AROUND) + ANONYMOUS_AROUND, pageOf(vma.end));
  }
  if (!mm.reserve(to * PAGE_SIZE)) return FaultResult.noMemory;
  for (let p = from; p < to; p++) {
    const state = mm.pages[p]!;
    if ((state & (Page.present | Page.lazy)) !== 0) continue;
    if ((state & Page.stale) !== 0) mm.pageBytes(p).fill(0);
    mm.pages[p] = Page.present;
    mm.updatePermission(vma, p);
  }
  return FaultResult.ok;
}

function fillFile(mm: AddressSpace, vma: Vma, page: number, access: number): FaultCode {
  const inode = vma.inode!;
  const size = inode.stat().size;
  if (vma.offsetOf(page) >= size) return FaultResult.busError;
  const base = page - (page % FILE_AROUND);
  let from = page;
  let to = page + 1;
  const absent = (p: number): boolean => (mm.pages[p]! & (Page.present | Page.lazy)) === 0;
  const first = Math.max(base, pageOf(vma.start)), last = Math.min(base + FILE_AROUND, pageOf(vma.end));
  while (from > first && absent(from - 1)) from--;
  while (to < last && absent(to) && vma.offsetOf(to) < size) to++;
  if (!mm.reserve(to * PAGE_SIZE)) return FaultResult.noMemory;
  const buffer = mm.memory.bytes.subarray(from * PAGE_SIZE + BIAS, to * PAGE_SIZE + BIAS);
  vma.copied?.lend(vma.offsetOf(from), buffer.length);
  let done = 0;
  while (done < buffer.length) {
    const n = inode.readAt(buffer.subarray(done), vma.offsetOf(from) + done);
    if (n < 0) return FaultResult.busError;
    if (n === 0) break;
    done += n;
  }
  buffer.fill(0, done);
  for (let p = from; p < to; p++) {
    mm.pages[p] = p === page && access === Access.write ? Page.present : Page.present | Page.readOnly;
    mm.updatePermission(vma, p);
  }
  return FaultResult.ok;
}
