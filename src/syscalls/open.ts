import { AT_FDCWD, CLOSE_RANGE_CLOEXEC, CLOSE_RANGE_UNSHARE, RESOLVE_CACHED } from '../abi/linux/fcntl.ts';
import { E2BIG, EAGAIN, EBADF, EFAULT, EINVAL, EMFILE, ENOENT, ENOPKG } from '../abi/linux/errno.ts';
import { MFD_ALLOW_SEALING, MFD_CLOEXEC, MFD_HUGETLB } from '../abi/linux/mman.ts';
import {
  O_ACCMODE, O_APPEND, O_ASYNC, O_CLOEXEC, O_CREAT, O_DIRECT, O_DIRECTORY, O_EXCL, O_LARGEFILE, O_NOATIME, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK,
  O_PATH, O_SYNC, O_TMPFILE_BIT, O_TRUNC, O_WRONLY,
} from '../abi/linux/openFlags.ts';
import { makePipe } from '../fs/pipefs/pipeFs.ts';
import { memfd } from '../fs/tmpfs/memfd.ts';
import { Rlimit } from '../kernel/fd/rlimits.ts';
import type { Task } from '../kernel/task/task.ts';
import type { FileDescription } from '../vfs/fileDescription.ts';
import { LEASE_BREAK_MS, type LeaseTable } from '../vfs/lease.ts';
import { checkFlags, type OpenHow, openPath } from '../vfs/open.ts';
import { RESOLVE_ALL, RESOLVE_SHIFT, Walk } from '../vfs/walk.ts';
import { installFile, pathArg, startOf } from './fileArgs.ts';
import { PARKED, type SyscallRow } from './row.ts';
import { structArg } from './structArg.ts';

const KNOWN_FLAGS = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | O_ASYNC | O_DIRECT | O_LARGEFILE
  | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | O_TMPFILE_BIT;
const MFD_NOEXEC_SEAL = 8;
const MFD_EXEC = 16;
const NOEXEC_SEALS = 0x20;
const MEMFD_NAME_MAX = 249;

function doOpen(t: Task, dirfd: number, ptr: number, how: OpenHow): number {
  const checked = checkFlags(how);
  if (checked < 0) return checked;
  const name = pathArg(t, ptr);
  if (typeof name === 'number') return name;
  if (name === '') return -ENOENT;
  const start = startOf(t, dirfd, name, (how.resolve & (Walk.beneath | Walk.inRoot)) !== 0);
  if (typeof start === 'number') return start;
  const file = openPath(t, start, name, how);
  if (typeof file === 'number') {
    if (how.leased === undefined || (how.flags & O_NONBLOCK) !== 0) return file;
    return waitForLease(t, how.leased, () => doOpen(t, dirfd, ptr, { ...how }));
  }
  return file.openPending ? waitForOtherEnd(t, file, how.flags) : installFile(t, file, how.flags);
}

/** Waits until the holder of a lease has given it up (or its time is over), then runs `again`, which may wait anew. */
export function waitForLease(t: Task, leases: LeaseTable, again: () => number): number {
  return t.block({
    queues: [leases.waitQueue],
    retry: again,
    deadlineNs: t.kernel.nowNs() + LEASE_BREAK_MS * 1e6,
    onTimeout: again,
  });
}

/** open(2) of a fifo waits for the other end. */
function waitForOtherEnd(t: Task, file: FileDescription, flags: number): number {
  let given = false;
  return t.block({
    queues: [file.waitQueue!],
    retry: () => {
      if (file.openPending) return PARKED;
      given = true;
      return installFile(t, file, flags);
    },
    cleanup: () => {
      if (!given) file.release();
    },
  });
}

/** On x86-64 every open is a large-file one. */
function plainFlags(t: Task, flags: number): number {
  return (flags & KNOWN_FLAGS) | (t.abi.longBytes === 8 && (flags & O_PATH) === 0 ? O_LARGEFILE : 0);
}

function sysOpenat(t: Task, dirfd: number, path: number, flags: number, mode: number): number {
  return doOpen(t, dirfd, path, { flags: plainFlags(t, flags), mode: mode & 0o7777, resolve: 0 });
}
function sysOpen(t: Task, path: number, flags: number, mode: number): number {
  return sysOpenat(t, AT_FDCWD, path, flags, mode);
}
function sysCreat(t: Task, path: number, mode: number): number {
  return sysOpenat(t, AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

function sysOpenat2(t: Task, dirfd: number, path: number, howPtr: number, size: number): number {
  const { openHow } = t.abi;
  if (size < openHow.size) return -EINVAL;
  if (size > 4096) return -E2BIG;
  const buf = structArg(t, howPtr, size, openHow.size);
  if (typeof buf === 'number') return buf;
  const { flags, mode, resolve } = openHow.read(buf);
  if (flags > 0x7fffffff || (flags & ~KNOWN_FLAGS) !== 0 || resolve > RESOLVE_ALL) return -EINVAL;
  // RESOLVE_BENEATH and RESOLVE_IN_ROOT exclude each other.
  if ((resolve & 0x18) === 0x18) return -EINVAL;
  const makes = (flags & O_CREAT) !== 0 || (flags & O_TMPFILE_BIT) !== 0;
  if (makes ? mode > 0o7777 : mode !== 0) return -EINVAL;
  if ((flags & O_PATH) !== 0 && (flags & ~(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) !== 0) return -EINVAL;
  if ((resolve & RESOLVE_CACHED) !== 0 && (flags & (O_TRUNC | O_CREAT | O_TMPFILE_BIT)) !== 0) return -EAGAIN;
  const how = { flags: plainFlags(t, flags), mode, resolve: (resolve & 0x1f) << RESOLVE_SHIFT };
  return doOpen(t, dirfd, path, how);
}

function sysClose(t: Task, fd: number): number {
  return t.fds.close(fd);
}

function sysCloseRange(t: Task, first: number, last: number, flags: number): number {
  if ((flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) !== 0 || first > last) return -EINVAL;
  if ((flags & CLOSE_RANGE_UNSHARE) !== 0) t.unshareFds();
  const end = Math.min(last, t.fds.size - 1);
  for (let fd = first; fd <= end; fd++) {
    if (t.fds.get(fd) === null) continue;
    if ((flags & CLOSE_RANGE_CLOEXEC) !== 0) t.fds.setCloexec(fd, true);
    else t.fds.close(fd);
  }
  return 0;
}

function sysDup(t: Task, fd: number): number {
  const file = t.fds.get(fd);
  return file === null ? -EBADF : installFile(t, file.acquire(), 0);
}

function dupTo(t: Task, oldFd: number, newFd: number, cloexec: boolean): number {
  if (newFd < 0 || newFd >= t.rlimits.cur[Rlimit.NOFILE]!) return -EBADF;
  const file = t.fds.get(oldFd);
  if (file === null) return -EBADF;
  t.fds.set(newFd, file.acquire(), cloexec);
  return newFd;
}
function sysDup2(t: Task, oldFd: number, newFd: number): number {
  if (oldFd === newFd) return t.fds.get(oldFd) === null ? -EBADF : newFd;
  return dupTo(t, oldFd, newFd, false);
}
function sysDup3(t: Task, oldFd: number, newFd: number, flags: number): number {
  if ((flags & ~O_CLOEXEC) !== 0 || oldFd === newFd) return -EINVAL;
  return dupTo(t, oldFd, newFd, (flags & O_CLOEXEC) !== 0);
}

function sysPipe2(t: Task, fds: number, flags: number): number {
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT | O_EXCL)) !== 0) return -EINVAL;
  // O_NOTIFICATION_PIPE: there are no watch queues.
  if ((flags & O_EXCL) !== 0) return -ENOPKG;
  const { reader, writer } = makePipe(t, flags & (O_NONBLOCK | O_DIRECT), t.kernel.channels.open());
  const r = installFile(t, reader, flags);
  if (r < 0) {
    writer.release();
    return -EMFILE;
  }
  const w = installFile(t, writer, flags);
  if (w < 0) {
    t.fds.close(r);
    return -EMFILE;
  }
  const buf = t.memory.writable(fds, 8);
  if (buf === null) {
    t.fds.close(r);
    t.fds.close(w);
    return -EFAULT;
  }
  t.memory.setU32(fds, r);
  t.memory.setU32(fds + 4, w);
  return 0;
}
function sysPipe(t: Task, fds: number): number {
  return sysPipe2(t, fds, 0);
}

function sysMemfdCreate(t: Task, namePtr: number, flags: number): number {
  const known = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC;
  if ((flags & ~known) !== 0) return -EINVAL;
  if ((flags & MFD_HUGETLB) !== 0 || (flags & (MFD_EXEC | MFD_NOEXEC_SEAL)) === (MFD_EXEC | MFD_NOEXEC_SEAL)) return -EINVAL;
  const name = t.memory.cstring(namePtr, MEMFD_NAME_MAX + 1);
  if (typeof name === 'number') return name === -EFAULT ? -EFAULT : -EINVAL;
  const noexec = (flags & MFD_NOEXEC_SEAL) !== 0;
  const file = memfd(t, name, (flags & MFD_ALLOW_SEALING) !== 0 || noexec, noexec ? NOEXEC_SEALS : 0);
  return installFile(t, file, (flags & MFD_CLOEXEC) !== 0 ? O_CLOEXEC : 0);
}

export const openRows: readonly SyscallRow[] = [
  { name: 'open', x86_64: 2, i386: 5, args: ['path', 'openFlags', 'mode'], ret: 'fd', handler: sysOpen },
  { name: 'openat', x86_64: 257, i386: 295, args: ['dirfd', 'path', 'openFlags', 'mode'], ret: 'fd', handler: sysOpenat },
  { name: 'openat2', x86_64: 437, i386: 437, args: ['dirfd', 'path', 'ptr', 'size'], ret: 'fd', handler: sysOpenat2 },
  { name: 'creat', x86_64: 85, i386: 8, args: ['path', 'mode'], ret: 'fd', handler: sysCreat },
  { name: 'close', x86_64: 3, i386: 6, args: ['fd'], ret: 'int', handler: sysClose },
  { name: 'close_range', x86_64: 436, i386: 436, args: ['uint', 'uint', 'uint'], ret: 'int', handler: sysCloseRange },
  { name: 'dup', x86_64: 32, i386: 41, args: ['fd'], ret: 'fd', handler: sysDup },
  { name: 'dup2', x86_64: 33, i386: 63, args: ['fd', 'fd'], ret: 'fd', handler: sysDup2 },
  { name: 'dup3', x86_64: 292, i386: 330, args: ['fd', 'fd', 'openFlags'], ret: 'fd', handler: sysDup3 },
  { name: 'pipe', x86_64: 22, i386: 42, args: ['fdPairOut'], ret: 'int', handler: sysPipe },
  { name: 'pipe2', x86_64: 293, i386: 331, args: ['fdPairOut', 'openFlags'], ret: 'int', handler: sysPipe2 },
  { name: 'memfd_create', x86_64: 319, i386: 356, args: ['str', 'hex'], ret: 'fd', handler: sysMemfdCreate, note: 'no huge pages' },
];
