import { AT_EACCESS, AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_FOLLOW, AT_SYMLINK_NOFOLLOW } from '../abi/linux/fcntl.ts';
import { EACCES, EBADF, EFAULT, EFBIG, EINVAL, ENOENT, EROFS, EWOULDBLOCK } from '../abi/linux/errno.ts';
import { S_IFDIR, S_IFLNK, S_IFREG } from '../abi/linux/fileMode.ts';
import { O_LARGEFILE } from '../abi/linux/openFlags.ts';
import type { Abi } from '../abi/abi.ts';
import type { Layout } from '../abi/layout.ts';
import { SIGXFSZ } from '../abi/linux/signal.ts';
import { Rlimit } from '../kernel/fd/rlimits.ts';
import { kernelSignal, sendToTask } from '../kernel/signal/send.ts';
import type { Task } from '../kernel/task/task.ts';
import { changeMode, changeOwner, changeTimes, truncatePath, UTIME_OMIT } from '../vfs/attributes.ts';
import { Cap } from '../vfs/cred.ts';
import type { Inode } from '../vfs/inode.ts';
import { makeLink, makeSymlink } from '../vfs/namespace.ts';
import type { Path } from '../vfs/path.ts';
import { inodePermission, MAY_EXEC, MAY_WRITE, realIdCred } from '../vfs/permission.ts';
import type { Timespec } from '../vfs/stat.ts';
import { NO_ID } from '../vfs/userNamespace.ts';
import { Walk, walkPath } from '../vfs/walk.ts';
import { fileOf, lookup, pathArg, placeAt, startOf } from './fileArgs.ts';
import { waitForLease } from './open.ts';
import type { SyscallRow } from './row.ts';

// ---- access ----

function access(t: Task, dirfd: number, ptr: number, mode: number, flags: number): number {
  if ((mode & ~7) !== 0 || (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) !== 0) return -EINVAL;
  const name = pathArg(t, ptr);
  if (typeof name === 'number') return name;
  if (name === '' && (flags & AT_EMPTY_PATH) === 0) return -ENOENT;
  const cred = (flags & AT_EACCESS) !== 0 ? t.cred : realIdCred(t.cred);
  // The same task with other credentials: procfs wants to know who looks.
  const ctx = cred === t.cred ? t : Object.assign(Object.create(t) as Task, { cred });
  let place: Path | number;
  if (name === '' && (flags & AT_EMPTY_PATH) !== 0) place = placeAt(t, dirfd, ptr, flags);
  else {
    const start = startOf(t, dirfd, name);
    if (typeof start === 'number') return start;
    place = walkPath(ctx, start, name, (flags & AT_SYMLINK_NOFOLLOW) !== 0 ? Walk.none : Walk.follow);
  }
  if (typeof place === 'number') return place;
  const { inode, mount } = place;
  const type = inode.type;
  if ((mode & MAY_EXEC) !== 0 && type === S_IFREG && mount.noExec) return -EACCES;
  if (mode === 0) return 0;
  const allowed = inodePermission(inode, mode, cred);
  if (allowed < 0) return allowed;
  const writes = (mode & MAY_WRITE) !== 0 && (type === S_IFREG || type === S_IFDIR || type === S_IFLNK);
  return writes && mount.readOnly ? -EROFS : 0;
}

// ---- mode and owner ----

function chmodAt(t: Task, dirfd: number, ptr: number, mode: number, flags: number): number {
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) !== 0) return -EINVAL;
  const place = placeAt(t, dirfd, ptr, flags);
  return typeof place === 'number' ? place : changeMode(t, place, mode);
}
function sysFchmod(t: Task, fd: number, mode: number): number {
  const file = fileOf(t, fd);
  return file === null ? -EBADF : changeMode(t, file.path, mode);
}

/** changeOwner with the ids that the caller passed. */
function chownPlace(t: Task, place: Path, uid: number, gid: number): number {
  const { userNs } = t.cred;
  const u = uid === -1 ? -1 : userNs.uidIn(uid), g = gid === -1 ? -1 : userNs.gidIn(gid);
  return u === NO_ID || g === NO_ID ? -EINVAL : changeOwner(t, place, u, g);
}

/** An id argument: all ones is -1, no change. */
const id32 = (id: number): number => (id === 0xffffffff ? -1 : id);
const id16 = (id: number): number => ((id & 0xffff) === 0xffff ? -1 : id & 0xffff);
type IdWidth = (id: number) => number;

function chownAt(t: Task, dirfd: number, ptr: number, uid: number, gid: number, flags: number): number {
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) !== 0) return -EINVAL;
  const place = placeAt(t, dirfd, ptr, flags);
  return typeof place === 'number' ? place : chownPlace(t, place, uid, gid);
}
const chown = (width: IdWidth, flags: number) => (t: Task, ptr: number, uid: number, gid: number): number =>
  chownAt(t, AT_FDCWD, ptr, width(uid), width(gid), flags);
const fchown = (width: IdWidth) => (t: Task, fd: number, uid: number, gid: number): number => {
  const file = fileOf(t, fd);
  return file === null ? -EBADF : chownPlace(t, file.path, width(uid), width(gid));
};

// ---- links ----

function sysLinkat(t: Task, oldDir: number, oldPtr: number, newDir: number, newPtr: number, flags: number): number {
  if ((flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) !== 0) return -EINVAL;
  const oldName = pathArg(t, oldPtr);
  if (typeof oldName === 'number') return oldName;
  if (oldName === '' && (flags & AT_EMPTY_PATH) === 0) return -ENOENT;
  const oldStart = startOf(t, oldDir, oldName);
  if (typeof oldStart === 'number') return oldStart;
  let old: Path | number;
  if (oldName === '' && (flags & AT_EMPTY_PATH) !== 0) {
    const file = t.fds.get(oldDir);
    // Whoever opened it may link it; others need the capability to read anything.
    if (file !== null && file.cred !== t.cred && !t.cred.has(Cap.DAC_READ_SEARCH)) return -ENOENT;
    old = oldStart ?? t.fs.cwd;
  } else old = walkPath(t, oldStart, oldName, (flags & AT_SYMLINK_FOLLOW) !== 0 ? Walk.follow : Walk.none);
  if (typeof old === 'number') return old;
  const newName = pathArg(t, newPtr);
  if (typeof newName === 'number') return newName;
  if (newName === '') return -ENOENT;
  const newStart = startOf(t, newDir, newName);
  return typeof newStart === 'number' ? newStart : makeLink(t, old, newStart, newName);
}

function sysSymlinkat(t: Task, targetPtr: number, dirfd: number, ptr: number): number {
  const target = pathArg(t, targetPtr);
  if (typeof target === 'number') return target;
  const name = pathArg(t, ptr);
  if (typeof name === 'number') return name;
  if (target === '' || name === '') return -ENOENT;
  const start = startOf(t, dirfd, name);
  return typeof start === 'number' ? start : makeSymlink(t, target, start, name);
}

function sysReadlinkat(t: Task, dirfd: number, ptr: number, out: number, size: number): number {
  if (size <= 0) return -EINVAL;
  const name = pathArg(t, ptr);
  if (typeof name === 'number') return name;
  const start = startOf(t, dirfd, name);
  if (typeof start === 'number') return start;
  const place = walkPath(t, start, name, name === '' && start !== null ? Walk.empty : Walk.none);
  if (typeof place === 'number') return place;
  const target = place.inode.readlink(t);
  if (typeof target === 'number') return name === '' && target === -EINVAL ? -ENOENT : target;
  const text = target.slice(0, size);
  return t.memory.putString(out, text) ? text.length : -EFAULT;
}

// ---- size ----

function sysTruncate(t: Task, ptr: number, size: number): number {
  if (size < 0) return -EINVAL;
  const place = lookup(t, ptr);
  if (typeof place === 'number') return place;
  if (tooLong(t, place.inode, size)) return -EFBIG;
  const result = truncatePath(t, place, size);
  if (result !== -EWOULDBLOCK || place.inode.leases === null) return result;
  return waitForLease(t, place.inode.leases, () => sysTruncate(t, ptr, size));
}

/** Growing a file beyond RLIMIT_FSIZE: SIGXFSZ and EFBIG (inode_newsize_ok). */
function tooLong(t: Task, inode: Inode, size: number): boolean {
  if (size <= t.rlimits.cur[Rlimit.FSIZE]! || inode.type !== S_IFREG || size <= inode.stat().size) return false;
  sendToTask(t, kernelSignal(SIGXFSZ));
  return true;
}

function sysFtruncate(t: Task, fd: number, size: number): number {
  if (size < 0) return -EINVAL;
  const file = fileOf(t, fd);
  if (file === null) return -EBADF;
  if (file.inode.type !== S_IFREG || !file.writable) return -EINVAL;
  if ((file.flags & O_LARGEFILE) === 0 && size > 0x7fffffff) return -EINVAL;
  return tooLong(t, file.inode, size) ? -EFBIG : file.truncate(size);
}

// ---- times ----

/** The upper half of a 64-bit tv_nsec is padding for i386 callers. */
function readTime(t: Task, buf: Uint8Array, at: number, layout: Layout<'tv_sec' | 'tv_nsec'>): Timespec {
  return { sec: layout.get(buf, 'tv_sec', at), nsec: t.abi.longBytes === 4 ? layout.lo(buf, 'tv_nsec', at) : layout.get(buf, 'tv_nsec', at) };
}

/** The two times at `ptr`; null stands for "now" (no pointer). */
function readTimes(t: Task, ptr: number, layout: Layout<'tv_sec' | 'tv_nsec'>): [Timespec, Timespec] | null | number {
  if (ptr === 0) return null;
  const buf = t.memory.readable(ptr, layout.size * 2);
  if (buf === null) return -EFAULT;
  return [readTime(t, buf, 0, layout), readTime(t, buf, layout.size, layout)];
}

function setTimes(t: Task, dirfd: number, ptr: number, times: [Timespec, Timespec] | null, flags: number): number {
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) !== 0) return -EINVAL;
  if (times !== null && times[0].nsec === UTIME_OMIT && times[1].nsec === UTIME_OMIT) return 0;
  let place: Path | number;
  if (ptr === 0) {
    // futimens: the descriptor itself.
    if (dirfd === AT_FDCWD) return -EFAULT;
    if (flags !== 0) return -EINVAL;
    const file = fileOf(t, dirfd);
    if (file === null) return -EBADF;
    place = file.path;
  } else place = placeAt(t, dirfd, ptr, flags);
  if (typeof place === 'number') return place;
  return changeTimes(t, place, times?.[0] ?? null, times?.[1] ?? null);
}

const utimensat = (layout: (abi: Abi) => Layout<'tv_sec' | 'tv_nsec'>) => (t: Task, dirfd: number, ptr: number, timesPtr: number, flags: number): number => {
  const times = readTimes(t, timesPtr, layout(t.abi));
  if (typeof times === 'number') return times;
  return setTimes(t, dirfd, ptr, times, flags);
};

/** Times of microseconds: futimesat, utimes. */
function sysFutimesat(t: Task, dirfd: number, ptr: number, timesPtr: number): number {
  if (timesPtr === 0) return setTimes(t, dirfd, ptr, null, 0);
  const { timeval } = t.abi;
  const buf = t.memory.readable(timesPtr, timeval.size * 2);
  if (buf === null) return -EFAULT;
  const a = timeval.read(buf);
  const m = timeval.read(buf, timeval.size);
  if (!(a.tv_usec >= 0 && a.tv_usec < 1e6 && m.tv_usec >= 0 && m.tv_usec < 1e6)) return -EINVAL;
  return setTimes(t, dirfd, ptr, [{ sec: a.tv_sec, nsec: a.tv_usec * 1000 }, { sec: m.tv_sec, nsec: m.tv_usec * 1000 }], 0);
}
function sysUtime(t: Task, ptr: number, timesPtr: number): number {
  if (timesPtr === 0) return setTimes(t, AT_FDCWD, ptr, null, 0);
  const { utimbuf } = t.abi;
  const buf = t.memory.readable(timesPtr, utimbuf.size);
  if (buf === null) return -EFAULT;
  const { actime, modtime } = utimbuf.read(buf);
  return setTimes(t, AT_FDCWD, ptr, [{ sec: actime, nsec: 0 }, { sec: modtime, nsec: 0 }], 0);
}

export const pathRows: readonly SyscallRow[] = [
  { name: 'access', x86_64: 21, i386: 33, args: ['path', 'accessMode'], ret: 'int', handler: (t, path, mode) => access(t, AT_FDCWD, path, mode, 0) },
  { name: 'faccessat', x86_64: 269, i386: 307, args: ['dirfd', 'path', 'accessMode'], ret: 'int', handler: (t, fd, path, mode) => access(t, fd, path, mode, 0) },
  { name: 'faccessat2', x86_64: 439, i386: 439, args: ['dirfd', 'path', 'accessMode', 'atFlags'], ret: 'int', handler: access },
  { name: 'chmod', x86_64: 90, i386: 15, args: ['path', 'mode'], ret: 'int', handler: (t, path, mode) => chmodAt(t, AT_FDCWD, path, mode, 0) },
  { name: 'fchmod', x86_64: 91, i386: 94, args: ['fd', 'mode'], ret: 'int', handler: sysFchmod },
  { name: 'fchmodat', x86_64: 268, i386: 306, args: ['dirfd', 'path', 'mode'], ret: 'int', handler: (t, fd, path, mode) => chmodAt(t, fd, path, mode, 0) },
  { name: 'fchmodat2', x86_64: 452, i386: 452, args: ['dirfd', 'path', 'mode', 'atFlags'], ret: 'int', handler: chmodAt },
  { name: 'chown', x86_64: 92, i386: -1, args: ['path', 'uid', 'gid'], ret: 'int', handler: chown(id32, 0) },
  { name: 'lchown', x86_64: 94, i386: -1, args: ['path', 'uid', 'gid'], ret: 'int', handler: chown(id32, AT_SYMLINK_NOFOLLOW) },
  { name: 'fchown', x86_64: 93, i386: -1, args: ['fd', 'uid', 'gid'], ret: 'int', handler: fchown(id32) },
  { name: 'chown32', x86_64: -1, i386: 212, args: ['path', 'uid', 'gid'], ret: 'int', handler: chown(id32, 0) },
  { name: 'lchown32', x86_64: -1, i386: 198, args: ['path', 'uid', 'gid'], ret: 'int', handler: chown(id32, AT_SYMLINK_NOFOLLOW) },
  { name: 'fchown32', x86_64: -1, i386: 207, args: ['fd', 'uid', 'gid'], ret: 'int', handler: fchown(id32) },
  { name: 'chown', x86_64: -1, i386: 182, args: ['path', 'uid', 'gid'], ret: 'int', handler: chown(id16, 0) },
  { name: 'lchown', x86_64: -1, i386: 16, args: ['path', 'uid', 'gid'], ret: 'int', handler: chown(id16, AT_SYMLINK_NOFOLLOW) },
  { name: 'fchown', x86_64: -1, i386: 95, args: ['fd', 'uid', 'gid'], ret: 'int', handler: fchown(id16) },
  {
    name: 'fchownat', x86_64: 260, i386: 298, args: ['dirfd', 'path', 'uid', 'gid', 'atFlags'], ret: 'int',
    handler: (t, fd, path, uid, gid, flags) => chownAt(t, fd, path, id32(uid), id32(gid), flags),
  },
  { name: 'link', x86_64: 86, i386: 9, args: ['path', 'path'], ret: 'int', handler: (t, from, to) => sysLinkat(t, AT_FDCWD, from, AT_FDCWD, to, 0) },
  { name: 'linkat', x86_64: 265, i386: 303, args: ['dirfd', 'path', 'dirfd', 'path', 'atFlags'], ret: 'int', handler: sysLinkat },
  { name: 'symlink', x86_64: 88, i386: 83, args: ['path', 'path'], ret: 'int', handler: (t, target, path) => sysSymlinkat(t, target, AT_FDCWD, path) },
  { name: 'symlinkat', x86_64: 266, i386: 304, args: ['path', 'dirfd', 'path'], ret: 'int', handler: sysSymlinkat },
  { name: 'readlink', x86_64: 89, i386: 85, args: ['path', 'bufOut', 'int'], ret: 'ssize', handler: (t, path, out, size) => sysReadlinkat(t, AT_FDCWD, path, out, size) },
  { name: 'readlinkat', x86_64: 267, i386: 305, args: ['dirfd', 'path', 'bufOut', 'int'], ret: 'ssize', handler: sysReadlinkat },
  { name: 'truncate', x86_64: 76, i386: 92, args: ['path', 'off'], ret: 'int', handler: sysTruncate },
  { name: 'ftruncate', x86_64: 77, i386: 93, args: ['fd', 'off'], ret: 'int', handler: sysFtruncate },
  { name: 'truncate64', x86_64: -1, i386: 193, args: ['path', 'loff'], ret: 'int', handler: sysTruncate },
  { name: 'ftruncate64', x86_64: -1, i386: 194, args: ['fd', 'loff'], ret: 'int', handler: sysFtruncate },
  { name: 'utime', x86_64: 132, i386: 30, args: ['path', 'ptr'], ret: 'int', handler: sysUtime },
  { name: 'utimes', x86_64: 235, i386: 271, args: ['path', 'ptr'], ret: 'int', handler: (t, path, times) => sysFutimesat(t, AT_FDCWD, path, times) },
  { name: 'futimesat', x86_64: 261, i386: 299, args: ['dirfd', 'path', 'ptr'], ret: 'int', handler: sysFutimesat },
  { name: 'utimensat', x86_64: 280, i386: 320, args: ['dirfd', 'path', 'ptr', 'atFlags'], ret: 'int', handler: utimensat((abi) => abi.timespec) },
  { name: 'utimensat_time64', x86_64: -1, i386: 412, args: ['dirfd', 'path', 'ptr', 'atFlags'], ret: 'int', handler: utimensat((abi) => abi.timespec64) },
];
