/** Calls of administrators and of odd corners: accounting, swapping, quotas, protection keys, sealed memory. */
import {
  EACCES, EBADF, EFAULT, EINVAL, EISDIR, ENODEV, ENOMEM, ENOSPC, ENOSYS, ENOTBLK, EPERM, EROFS, ESRCH,
} from '../abi/linux/errno.ts';
import { MADV_COLD, MADV_COLLAPSE, MADV_PAGEOUT, MADV_WILLNEED } from '../abi/linux/mman.ts';
import { S_IFBLK, S_IFDIR, S_IFMT, S_IFREG } from '../abi/linux/fileMode.ts';
import { putU32, putU64 } from '../abi/layout.ts';
import { mayInspect } from '../fs/procfs/pidDir.ts';
import { openAccounting } from '../kernel/accounting.ts';
import { PidFile } from '../kernel/ipc/pidfd.ts';
import { addArea, pageUp, unmapMemory } from '../kernel/mm/mapping.ts';
import { adviseMemory } from '../kernel/mm/protect.ts';
import type { Task } from '../kernel/task/task.ts';
import { fromLatin1 } from '../machine/guestMemory.ts';
import { Cap } from '../vfs/cred.ts';
import { openAt } from '../vfs/open.ts';
import { fileOf, lookup } from './fileArgs.ts';
import { readVector } from './ioVector.ts';
import type { SyscallRow } from './row.ts';

const O_WRONLY_APPEND = 0o2001 | 0o100000;

function sysAcct(t: Task, ptr: number): number {
  if (!t.cred.has(Cap.SYS_PACCT)) return -EPERM;
  if (ptr === 0) return openAccounting(t.kernel, null);
  const place = lookup(t, ptr);
  if (typeof place === 'number') return place;
  const type = place.inode.stat().mode & S_IFMT;
  if (type === S_IFDIR) return -EISDIR;
  if (type !== S_IFREG) return -EACCES;
  if (place.mount.readOnly) return -EROFS;
  const file = openAt(t, place, { flags: O_WRONLY_APPEND, mode: 0, resolve: 0 }, false);
  return typeof file === 'number' ? file : openAccounting(t.kernel, file);
}

const SWAP_FLAGS = 0x7ffff;
/** Nothing here can be swapped to: what is a fit file on a disk is none on these file systems. */
const swap = (on: boolean) => (t: Task, ptr: number, flags: number): number => {
  if (on && (flags & ~SWAP_FLAGS) !== 0) return -EINVAL;
  if (!t.cred.has(Cap.SYS_ADMIN)) return -EPERM;
  const place = lookup(t, ptr);
  return typeof place === 'number' ? place : place.inode.isDirectory ? -EISDIR : -EINVAL;
};

function sysVhangup(t: Task): number {
  if (!t.cred.has(Cap.SYS_TTY_CONFIG)) return -EPERM;
  t.process.session.tty?.hangUp(false);
  return 0;
}

/** Old: the names of file system types by number. */
function sysSysfs(t: Task, option: number, a: number, b: number): number {
  const types = t.kernel.fileSystemTypes;
  switch (option) {
    case 1: {
      const name = t.memory.cstring(a, 4096);
      if (typeof name === 'number') return name;
      const index = types.indexOf(name);
      return index < 0 ? -EINVAL : index;
    }
    case 2: {
      const name = types[a];
      if (name === undefined) return -EINVAL;
      return t.memory.copyOut(b, fromLatin1(`${name}\0`)) ? 0 : -EFAULT;
    }
    case 3: return types.length;
    default: return -EINVAL;
  }
}

/** struct ustat: free blocks, free inodes, two names. */
function sysUstat(t: Task, dev: number, ptr: number): number {
  const mounts = [t.fs.root.mount];
  for (let i = 0; i < mounts.length; i++) mounts.push(...mounts[i]!.children);
  const found = mounts.find((mount) => (mount.root.inode?.stat().dev ?? -1) === dev);
  if (found === undefined) return -EINVAL;
  const stat = found.fs.statfs();
  const wide = t.arch.wordSize === 8;
  const buf = new Uint8Array(wide ? 32 : 20);
  putU32(buf, 0, stat.bfree);
  if (wide) putU64(buf, 8, stat.ffree);
  else putU32(buf, 4, stat.ffree);
  return t.memory.copyOut(ptr, buf) ? 0 : -EFAULT;
}

const QUOTA_TYPES = 3;
/** No file system here has quotas. */
function sysQuotactl(t: Task, cmd: number, special: number): number {
  const type = cmd & 0xff, sub = cmd >>> 8;
  if (type >= QUOTA_TYPES) return -EINVAL;
  // Q_SYNC of everything
  if (special === 0) return sub === 0x800001 ? 0 : -ENODEV;
  const place = lookup(t, special);
  if (typeof place === 'number') return place;
  return (place.inode.stat().mode & S_IFMT) === S_IFBLK ? -ENODEV : -ENOTBLK;
}

function sysQuotactlFd(t: Task, fd: number, cmd: number): number {
  if (fileOf(t, fd) === null) return -EBADF;
  return (cmd & 0xff) >= QUOTA_TYPES ? -EINVAL : -ENOSYS;
}

/** The processor that programs see has no protection keys. */
function sysPkeyAlloc(_t: Task, flags: number, rights: number): number {
  return flags !== 0 || rights > 3 ? -EINVAL : -ENOSPC;
}

function sysRemapFilePages(t: Task, addr: number, length: number, prot: number, pageOffset: number): number {
  if (prot !== 0) return -EINVAL;
  const start = addr - (addr % 4096), size = length - (length % 4096);
  if (!(start + size > start) || !(pageOffset + size / 4096 > pageOffset)) return -EINVAL;
  const vma = t.mm.areas.find(start);
  if (vma === null || vma.object === null || start + size > t.mm.limit || start < vma.start) return -EINVAL;
  if (start + size > vma.end && !t.mm.areas.covered(start, start + size)) return -EINVAL;
  const window = vma.slice(start, start + size);
  window.offset = pageOffset * 4096;
  const error = unmapMemory(t.mm, start, size);
  if (error !== 0) {
    window.drop();
    return error;
  }
  addArea(t.mm, window);
  return 0;
}

/** The process of a pidfd that the caller may look into, or -errno. */
function processOf(t: Task, fd: number): PidFile | number {
  const file = fileOf(t, fd);
  return file instanceof PidFile ? file : -EBADF;
}

const REMOTE_ADVICE = new Set<number>([MADV_COLD, MADV_PAGEOUT, MADV_WILLNEED, MADV_COLLAPSE]);

function sysProcessMadvise(t: Task, fd: number, ptr: number, count: number, advice: number, flags: number): number {
  if (flags !== 0) return -EINVAL;
  const vector = readVector(t, ptr, count);
  if (typeof vector === 'number') return vector;
  const file = processOf(t, fd);
  if (typeof file === 'number') return file;
  if (file.process.state !== 'alive') return -ESRCH;
  const target = file.process.leader;
  if (target.mm !== t.mm) {
    if (mayInspect(t, target) < 0) return -EPERM;
    if (!REMOTE_ADVICE.has(advice)) return -EINVAL;
    if (!t.cred.has(Cap.SYS_NICE)) return -EPERM;
  }
  let done = 0;
  for (const { base, length } of vector) {
    const result = adviseMemory(target.mm, base, length, advice);
    if (result < 0) return done > 0 ? done : result;
    done += length;
  }
  return done;
}

function sysProcessMrelease(t: Task, fd: number, flags: number): number {
  if (flags !== 0) return -EINVAL;
  const file = processOf(t, fd);
  if (typeof file === 'number') return file;
  if (file.process.state !== 'alive') return -ESRCH;
  return file.process.exiting ? 0 : -EINVAL;
}

function sysMseal(t: Task, start: number, length: number, flags: number): number {
  if (flags !== 0 || start % 4096 !== 0) return -EINVAL;
  const end = start + pageUp(length);
  if (!(end < 2 ** 64)) return -EINVAL;
  if (end === start) return 0;
  const { areas } = t.mm;
  if (!(end <= t.mm.limit) || !areas.covered(start, end)) return -ENOMEM;
  for (const vma of areas.carve(start, end)) vma.sealed = true;
  areas.mergeAround(start, end);
  return 0;
}

export const adminRows: readonly SyscallRow[] = [
  { name: 'acct', x86_64: 163, i386: 51, args: ['path'], ret: 'int', handler: sysAcct },
  { name: 'swapon', x86_64: 167, i386: 87, args: ['path', 'hex'], ret: 'int', handler: swap(true), note: 'nothing can be swapped to: EINVAL' },
  { name: 'swapoff', x86_64: 168, i386: 115, args: ['path'], ret: 'int', handler: swap(false), note: 'nothing is swapped to: EINVAL' },
  { name: 'vhangup', x86_64: 153, i386: 111, args: [], ret: 'int', handler: sysVhangup },
  { name: 'sysfs', x86_64: 139, i386: 135, args: ['int', 'ulong', 'ulong'], ret: 'int', handler: sysSysfs },
  { name: 'ustat', x86_64: 136, i386: 62, args: ['dev', 'ptr'], ret: 'int', handler: sysUstat },
  { name: 'quotactl', x86_64: 179, i386: 131, args: ['hex', 'path', 'uid', 'ptr'], ret: 'int', handler: sysQuotactl, note: 'no file system has quotas' },
  { name: 'quotactl_fd', x86_64: 443, i386: 443, args: ['fd', 'hex', 'uid', 'ptr'], ret: 'int', handler: sysQuotactlFd, note: 'no file system has quotas' },
  { name: 'pkey_alloc', x86_64: 330, i386: 381, args: ['hex', 'hex'], ret: 'int', handler: sysPkeyAlloc, note: 'no protection keys: ENOSPC' },
  { name: 'pkey_free', x86_64: 331, i386: 382, args: ['int'], ret: 'int', handler: () => -EINVAL, note: 'no protection keys' },
  { name: 'remap_file_pages', x86_64: 216, i386: 257, args: ['ptr', 'size', 'prot', 'ulong', 'hex'], ret: 'int', handler: sysRemapFilePages },
  { name: 'process_madvise', x86_64: 440, i386: 440, args: ['fd', 'iovec', 'ulong', 'int', 'uint'], ret: 'ssize', handler: sysProcessMadvise },
  { name: 'process_mrelease', x86_64: 448, i386: 448, args: ['fd', 'uint'], ret: 'int', handler: sysProcessMrelease },
  { name: 'mseal', x86_64: 462, i386: 462, args: ['ptr', 'size', 'ulong'], ret: 'int', handler: sysMseal },
];
