import { EBADF, EFAULT, EINVAL, EIO, ENOMEM, EOPNOTSUPP, EPERM } from '../abi/linux/errno.ts';
import {
  MAP_ANONYMOUS, MAP_HUGETLB, MAP_POPULATE, MAP_PRIVATE, MAP_SHARED, MAP_SHARED_VALIDATE, MAP_TYPE, MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT, MLOCK_ONFAULT, MS_SYNC, PROT_READ, PROT_EXEC,
} from '../abi/linux/mman.ts';
import { READ_IMPLIES_EXEC } from '../abi/linux/personality.ts';
import { Cap } from '../vfs/cred.ts';
import { O_PATH } from '../abi/linux/openFlags.ts';
import { Rlimit } from '../kernel/fd/rlimits.ts';
import { mapMemory, pageUp, populate, setBreak, unmapMemory } from '../kernel/mm/mapping.ts';
import { membarrierRegistrations, registerMembarrier } from '../kernel/mm/membarrier.ts';
import { adviseMemory, lockMemory, protectMemory, residentPages, syncedParts } from '../kernel/mm/protect.ts';
import { remapMemory } from '../kernel/mm/remap.ts';
import type { Task } from '../kernel/task/task.ts';
import { LocalField } from '../machine/localState.ts';
import type { Inode } from '../vfs/inode.ts';
import type { FileDescription } from '../vfs/fileDescription.ts';
import { giveBackInPieces, inPieces, MORE, writeBackInPieces } from './pieces.ts';
import type { SyscallRow } from './row.ts';

/** Bytes that are touched at a time: a millisecond, where old contents have to be cleared. */
const POPULATE_PIECE = 4 << 20;
/** Pages that are moved at a time. */
const MOVED_PIECE = 256;
/** Flags that MAP_SHARED_VALIDATE knows: LEGACY_MAP_MASK. */
const VALIDATED = 0x7c07f9f3;

const mayLock = (t: Task): boolean => t.cred.has(Cap.IPC_LOCK) || t.rlimits.cur[Rlimit.MEMLOCK] === Infinity;

function mapFor(t: Task, addr: number, length: number, protArg: number, flags: number, fd: number, offset: number): number {
  let file: FileDescription | null = null;
  let inode: Inode | undefined;
  let name = '';
  let prot = protArg % 0x1_0000_0000;
  if ((flags & MAP_ANONYMOUS) === 0) {
    file = t.fds.get(fd);
    if (file === null || (file.flags & O_PATH) !== 0) return -EBADF;
    if (length === 0 || (flags & MAP_HUGETLB) !== 0) return -EINVAL;
    const type = flags & MAP_TYPE;
    const shared = type === MAP_SHARED || type === MAP_SHARED_VALIDATE;
    if (!shared && type !== MAP_PRIVATE) return -EINVAL;
    if (type === MAP_SHARED_VALIDATE && (flags & ~VALIDATED) !== 0) return -EOPNOTSUPP;
    // Access rights come before whether the file can be mapped at all.
    if (file.readable && (!shared || (prot & 2) === 0 || file.writable)) {
      if ((prot & PROT_EXEC) !== 0 && file.path.mount.noExec) return -EPERM;
      const target = file.isZero ? null : file.mmap(shared && (prot & 2) !== 0);
      if (typeof target === 'number') return target;
      if (target === null) file = null;
      else inode = target;
      if (target === null && !shared) name = '/dev/zero';
      if (shared) flags = (flags & ~MAP_TYPE) | MAP_SHARED;
    }
  }
  if ((t.personality & READ_IMPLIES_EXEC) !== 0 && (prot & PROT_READ) !== 0 && (file === null || !file.path.mount.noExec)) prot |= PROT_EXEC;
  const at = mapMemory(t.mm, { addr, length, prot, flags, file, offset, ...(inode !== undefined ? { inode } : {}), name }, t.rlimits, mayLock(t));
  return at < 0 || (flags & MAP_POPULATE) === 0 ? at : populated(t, at, at + pageUp(length), at);
}

/** Touches all pages of a range, though `result` is sure already: Linux, too, lets others do something meanwhile. */
function populated(t: Task, start: number, end: number, result: number): number {
  // Reservations may be longer than the address space.
  if (end > t.mm.limit) return result;
  let at = start;
  return inPieces(t, [], () => {
    const to = Math.min(at + POPULATE_PIECE, end);
    if (!populate(t.mm, at, to)) return result;
    at = to;
    return at < end ? MORE : result;
  });
}

function sysMmap(t: Task, addr: number, length: number, prot: number, flags: number, fd: number, offset: number): number {
  return offset % 4096 !== 0 ? -EINVAL : mapFor(t, addr, length, prot, flags | 0, fd, offset);
}

function sysMmap2(t: Task, addr: number, length: number, prot: number, flags: number, fd: number, pages: number): number {
  return mapFor(t, addr, length, prot, flags | 0, fd, pages * 4096);
}

/** i386's first mmap: its arguments in memory. */
function sysOldMmap(t: Task, ptr: number): number {
  const layout = t.abi.mmapArgs;
  const buf = t.memory.readable(ptr, layout.size);
  if (buf === null) return -EFAULT;
  const a = layout.read(buf);
  return a.offset % 4096 !== 0 ? -EINVAL : mapFor(t, a.addr, a.len, a.prot, a.flags | 0, a.fd | 0, a.offset);
}

function sysMunmap(t: Task, addr: number, length: number): number {
  return giveBackInPieces(t, addr, addr + length, () => unmapMemory(t.mm, addr, length));
}

function sysMprotect(t: Task, addr: number, length: number, prot: number): number {
  const low = prot % 0x1_0000_0000;
  const want = (t.personality & READ_IMPLIES_EXEC) !== 0 && (low & PROT_READ) !== 0 ? low | PROT_EXEC : low;
  return protectMemory(t.mm, addr, length, want, t.rlimits);
}

function sysPkeyMprotect(t: Task, addr: number, length: number, prot: number, key: number): number {
  return key === -1 ? sysMprotect(t, addr, length, prot) : -EINVAL;
}

function sysBrk(t: Task, brk: number): number {
  return setBreak(t.mm, brk, t.rlimits);
}

function sysMremap(t: Task, old: number, oldLength: number, newLength: number, flags: number, to: number): number {
  return giveBackInPieces(t, old, old + oldLength, () => remap(t, old, oldLength, newLength, flags, to));
}

function remap(t: Task, old: number, oldLength: number, newLength: number, flags: number, to: number): number {
  const at = remapMemory(t.mm, old, oldLength, newLength, flags, to, t.rlimits);
  if (at < 0 || at === old) return at;
  if (old !== 0 && old === t.mm.layout.vdso) followVdso(t, at - old);
  const moved = t.mm.moves.at(-1);
  return moved === undefined ? at : inPieces(t, [], () => (moved.advance(MOVED_PIECE) ? MORE : at));
}

/** The vDSO was moved (Linux's vdso_mremap): calls return where it is now, this one too if it was made there, and signal handlers. */
function followVdso(t: Task, by: number): void {
  const { layout } = t.mm;
  const moved = (address: number): number => (address === 0 ? 0 : address + by);
  if (t.arch.wordSize === 4 && t.regs.rip === layout.sysenterReturn) t.regs.rip += by;
  layout.vdso += by;
  layout.sysenterReturn = moved(layout.sysenterReturn);
  layout.sigreturn = moved(layout.sigreturn);
  layout.rtSigreturn = moved(layout.rtSigreturn);
  for (const task of t.mm.tasks) task.regs.setU32(LocalField.sysenterReturn, layout.sysenterReturn);
}

function sysMincore(t: Task, addr: number, length: number, vec: number): number {
  // The highest addresses are rounded up to 2^64: they are no page's beginning.
  if (addr % 4096 !== 0 || addr >= 2 ** 64) return -EINVAL;
  // The first page is told before the next is looked at.
  if (length > 0 && t.mm.areas.find(addr) !== null && t.memory.writable(vec, 1) === null) return -EFAULT;
  const pages = residentPages(t.mm, addr, length);
  if (typeof pages === 'number') return pages;
  return t.memory.copyOut(vec, pages) ? 0 : -EFAULT;
}

function sysMsync(t: Task, addr: number, length: number, flags: number): number {
  const synced = syncedParts(t.mm, addr, length, flags);
  if (typeof synced === 'number') return synced;
  const finish = (inode: Inode) => (): number => ((flags & MS_SYNC) !== 0 && inode.fsync(false) < 0 ? -EIO : 0);
  return writeBackInPieces(t, synced.parts.map((part) => ({ ...part, finish: finish(part.inode) })), synced.result);
}

function lock(t: Task, addr: number, length: number, onFault: boolean): number {
  const result = lockMemory(t.mm, addr, length, true, t.rlimits, mayLock(t)), start = addr - (addr % 4096);
  return result < 0 || onFault ? result : populated(t, start, pageUp(addr + length), result);
}

function sysMlock(t: Task, addr: number, length: number): number {
  return lock(t, addr, length, false);
}

function sysMlock2(t: Task, addr: number, length: number, flags: number): number {
  if ((flags & ~MLOCK_ONFAULT) !== 0) return -EINVAL;
  return lock(t, addr, length, (flags & MLOCK_ONFAULT) !== 0);
}

function sysMunlock(t: Task, addr: number, length: number): number {
  return lockMemory(t.mm, addr, length, false, t.rlimits, true);
}

function sysMlockall(t: Task, flags: number): number {
  if (flags === 0 || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) !== 0 || flags === MCL_ONFAULT) return -EINVAL;
  if (!mayLock(t)) {
    const limit = t.rlimits.cur[Rlimit.MEMLOCK]!;
    if (limit === 0) return -EPERM;
    if ((flags & MCL_CURRENT) !== 0 && t.mm.totalPages * 4096 > limit) return -ENOMEM;
  }
  t.mm.lockFuture = (flags & MCL_FUTURE) !== 0;
  if ((flags & MCL_CURRENT) !== 0) {
    for (const vma of t.mm.areas.items) {
      if (!vma.locked) t.mm.lockedPages += vma.pages;
      vma.locked = true;
      if ((flags & MCL_ONFAULT) === 0 && vma.pages < 65536) populate(t.mm, vma.start, vma.end);
    }
  }
  return 0;
}

function sysMunlockall(t: Task): number {
  t.mm.lockFuture = false;
  for (const vma of t.mm.areas.items) vma.locked = false;
  t.mm.lockedPages = 0;
  return 0;
}

const Barrier = { query: 0, global: 1, globalExpedited: 2, registerGlobal: 4, private: 8, registerPrivate: 16, syncCore: 32, registerSyncCore: 64, registrations: 512 } as const;

function sysMembarrier(t: Task, cmd: number, flags: number): number {
  if (flags !== 0) return -EINVAL;
  const had = membarrierRegistrations(t.mm);
  // Every kernel entry of the kernel thread orders memory: Atomics on the mailbox are sequentially consistent.
  switch (cmd) {
    case Barrier.query: return 127 | Barrier.registrations;
    case Barrier.global: case Barrier.globalExpedited: return 0;
    case Barrier.registerGlobal: case Barrier.registerPrivate: case Barrier.registerSyncCore:
      registerMembarrier(t.mm, cmd);
      return 0;
    case Barrier.private: return (had & Barrier.registerPrivate) !== 0 ? 0 : -EPERM;
    case Barrier.syncCore: return (had & Barrier.registerSyncCore) !== 0 ? 0 : -EPERM;
    case Barrier.registrations: return had;
    default: return -EINVAL;
  }
}

export const mmRows: readonly SyscallRow[] = [
  { name: 'mmap', x86_64: 9, i386: -1, args: ['ptr', 'size', 'prot', 'mmapFlags', 'fd', 'ulong'], ret: 'ptr', handler: sysMmap },
  { name: 'mmap2', x86_64: -1, i386: 192, args: ['ptr', 'size', 'prot', 'mmapFlags', 'fd', 'ulong'], ret: 'ptr', handler: sysMmap2 },
  { name: 'mmap', x86_64: -1, i386: 90, args: ['ptr'], ret: 'ptr', handler: sysOldMmap },
  { name: 'munmap', x86_64: 11, i386: 91, args: ['ptr', 'size'], ret: 'int', handler: sysMunmap },
  { name: 'mprotect', x86_64: 10, i386: 125, args: ['ptr', 'size', 'prot'], ret: 'int', handler: sysMprotect },
  { name: 'pkey_mprotect', x86_64: 329, i386: 380, args: ['ptr', 'size', 'prot', 'int'], ret: 'int', handler: sysPkeyMprotect, note: 'no protection keys' },
  { name: 'brk', x86_64: 12, i386: 45, args: ['ptr'], ret: 'ptr', handler: sysBrk },
  { name: 'mremap', x86_64: 25, i386: 163, args: ['ptr', 'size', 'size', 'hex', 'ptr'], ret: 'ptr', handler: sysMremap },
  { name: 'madvise', x86_64: 28, i386: 219, args: ['ptr', 'size', 'int'], ret: 'int', handler: (t, addr, length, advice) => adviseMemory(t.mm, addr, length, advice) },
  { name: 'mincore', x86_64: 27, i386: 218, args: ['ptr', 'size', 'ptr'], ret: 'int', handler: sysMincore },
  { name: 'msync', x86_64: 26, i386: 144, args: ['ptr', 'size', 'hex'], ret: 'int', handler: sysMsync },
  { name: 'mlock', x86_64: 149, i386: 150, args: ['ptr', 'size'], ret: 'int', handler: sysMlock },
  { name: 'mlock2', x86_64: 325, i386: 376, args: ['ptr', 'size', 'hex'], ret: 'int', handler: sysMlock2 },
  { name: 'munlock', x86_64: 150, i386: 151, args: ['ptr', 'size'], ret: 'int', handler: sysMunlock },
  { name: 'mlockall', x86_64: 151, i386: 152, args: ['hex'], ret: 'int', handler: sysMlockall },
  { name: 'munlockall', x86_64: 152, i386: 153, args: [], ret: 'int', handler: sysMunlockall },
  { name: 'membarrier', x86_64: 324, i386: 375, args: ['int', 'uint', 'int'], ret: 'int', handler: sysMembarrier },
];
