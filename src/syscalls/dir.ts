import { AT_FDCWD, AT_REMOVEDIR } from '../abi/linux/fcntl.ts';
import { EBADF, EFAULT, EINVAL, ENAMETOOLONG, ENOENT, ENOTDIR, EOVERFLOW, EPERM, ERANGE } from '../abi/linux/errno.ts';
import type { Task } from '../kernel/task/task.ts';
import { Cap } from '../vfs/cred.ts';
import type { DirSink, FileDescription } from '../vfs/fileDescription.ts';
import { makeDirectory, makeNode, removeDirectory, removeFile, renamePath, RENAME_EXCHANGE } from '../vfs/namespace.ts';
import { type Path, pathName, UNREACHABLE } from '../vfs/path.ts';
import { maySearch, PATH_MAX, Walk, walkPath } from '../vfs/walk.ts';
import { fileOf, pathArg, startOf } from './fileArgs.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFMT, S_IFREG, S_IFSOCK } from '../abi/linux/fileMode.ts';
import type { SyscallRow } from './row.ts';

// ---- reading directories ----

/** Answer of a `put` for an entry that does not fit. */
const FULL = 0;

/** A buffer that cannot be written: the first entry fails, not the call. */
const NO_ROOM = new Uint8Array(0);

/** Hands entries to `put` until one does not fit; bytes used. `put` answers the bytes an entry takes, FULL or -errno. */
function readEntries(file: FileDescription, put: (name: string, ino: number, type: number, next: number, at: number) => number): number {
  if (!file.inode.isDirectory) return -ENOTDIR;
  if (file.path.dentry.unhashed && !file.path.dentry.isRoot) return -ENOENT;
  let used = 0;
  let failure = 0;
  const sink: DirSink = (name, ino, type, next) => {
    const n = put(name, ino, type, next, used);
    if (n <= 0) {
      failure = n === FULL ? -EINVAL : n;
      return false;
    }
    used += n;
    return true;
  };
  const result = file.readdir(sink);
  if (result < 0) return result;
  return used > 0 ? used : failure;
}

function putName(buf: Uint8Array, at: number, name: string, end: number): void {
  for (let i = 0; i < name.length; i++) buf[at + i] = name.charCodeAt(i);
  buf.fill(0, at + name.length, end);
}

function sysGetdents64(t: Task, fd: number, ptr: number, count: number): number {
  const file = fileOf(t, fd);
  if (file === null) return -EBADF;
  const { dirent64 } = t.abi;
  const nameAt = dirent64.offset.d_name;
  const buf = t.memory.writablePrefix(ptr, count) ?? NO_ROOM;
  return readEntries(file, (name, ino, type, next, at) => {
    const length = (nameAt + name.length + 1 + 7) & ~7;
    if (at + length > count) return FULL;
    if (at + length > buf.length) return -EFAULT;
    dirent64.update(buf, { d_ino: ino, d_off: next, d_reclen: length, d_type: type }, at);
    putName(buf, at + nameAt, name, at + length);
    return length;
  });
}

function sysGetdents(t: Task, fd: number, ptr: number, count: number): number {
  const file = fileOf(t, fd);
  if (file === null) return -EBADF;
  const { dirent, longBytes } = t.abi;
  const nameAt = dirent.offset.d_name;
  const buf = t.memory.writablePrefix(ptr, count) ?? NO_ROOM;
  return readEntries(file, (name, ino, type, next, at) => {
    const length = (nameAt + name.length + 2 + longBytes - 1) & -longBytes;
    if (at + length > count) return FULL;
    if (longBytes === 4 && ino > 0xffffffff) return -EOVERFLOW;
    if (at + length > buf.length) return -EFAULT;
    dirent.update(buf, { d_ino: ino, d_off: next, d_reclen: length }, at);
    putName(buf, at + nameAt, name, at + length);
    buf[at + length - 1] = type;
    return length;
  });
}

/** i386 call 89: one entry. */
function sysOldReaddir(t: Task, fd: number, ptr: number): number {
  const file = fileOf(t, fd);
  if (file === null) return -EBADF;
  const { oldDirent } = t.abi;
  const nameAt = oldDirent.offset.d_name;
  return readEntries(file, (name, ino, _type, next, at) => {
    if (at > 0) return FULL;
    const buf = t.memory.writable(ptr, nameAt + name.length + 1);
    if (buf === null) return -EFAULT;
    oldDirent.update(buf, { d_ino: ino, d_offset: next - 1, d_namlen: name.length });
    putName(buf, nameAt, name, nameAt + name.length + 1);
    return 1;
  });
}

// ---- where the process is ----

function sysGetcwd(t: Task, ptr: number, size: number): number {
  const { cwd, root } = t.fs;
  if (cwd.dentry.unhashed && !cwd.dentry.isRoot) return -ENOENT;
  const name = pathName(cwd, root, UNREACHABLE);
  if (name.length >= PATH_MAX) return -ENAMETOOLONG;
  if (name.length + 1 > size) return -ERANGE;
  return t.memory.putString(ptr, `${name}\0`) ? name.length + 1 : -EFAULT;
}

function directoryArg(t: Task, ptr: number): Path | number {
  const name = pathArg(t, ptr);
  if (typeof name === 'number') return name;
  const place = walkPath(t, null, name, Walk.follow | Walk.directory);
  if (typeof place === 'number') return place;
  const allowed = maySearch(place, t);
  return allowed < 0 ? allowed : place;
}

function sysChdir(t: Task, ptr: number): number {
  const place = directoryArg(t, ptr);
  if (typeof place === 'number') return place;
  t.fs.cwd = place;
  return 0;
}
function sysFchdir(t: Task, fd: number): number {
  const file = t.fds.get(fd);
  if (file === null) return -EBADF;
  if (!file.inode.isDirectory) return -ENOTDIR;
  const allowed = maySearch(file.path, t);
  if (allowed < 0) return allowed;
  t.fs.cwd = file.path;
  return 0;
}
function sysChroot(t: Task, ptr: number): number {
  const place = directoryArg(t, ptr);
  if (typeof place === 'number') return place;
  if (!t.cred.hasOwn(Cap.SYS_CHROOT)) return -EPERM;
  t.fs.root = place;
  return 0;
}
function sysUmask(t: Task, mask: number): number {
  const before = t.fs.umask;
  t.fs.umask = mask & 0o777;
  return before;
}

// ---- names ----

function sysMkdirat(t: Task, dirfd: number, ptr: number, mode: number): number {
  const name = pathArg(t, ptr);
  if (typeof name === 'number') return name;
  if (name === '') return -ENOENT;
  const start = startOf(t, dirfd, name);
  return typeof start === 'number' ? start : makeDirectory(t, start, name, mode);
}

function sysMknodat(t: Task, dirfd: number, ptr: number, mode: number, dev: number): number {
  // What cannot be made at all is told first.
  const type = mode & S_IFMT;
  if (type === S_IFDIR) return -EPERM;
  if (![0, S_IFREG, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK].includes(type)) return -EINVAL;
  const name = pathArg(t, ptr);
  if (typeof name === 'number') return name;
  if (name === '') return -ENOENT;
  const start = startOf(t, dirfd, name);
  return typeof start === 'number' ? start : makeNode(t, start, name, mode & 0xffff, dev >>> 0);
}

function sysUnlinkat(t: Task, dirfd: number, ptr: number, flags: number): number {
  if ((flags & ~AT_REMOVEDIR) !== 0) return -EINVAL;
  const name = pathArg(t, ptr);
  if (typeof name === 'number') return name;
  if (name === '') return -ENOENT;
  const start = startOf(t, dirfd, name);
  if (typeof start === 'number') return start;
  return (flags & AT_REMOVEDIR) !== 0 ? removeDirectory(t, start, name) : removeFile(t, start, name);
}

function sysRenameat2(t: Task, oldDir: number, oldPtr: number, newDir: number, newPtr: number, flags: number): number {
  if ((flags & ~7) !== 0 || ((flags & RENAME_EXCHANGE) !== 0 && flags !== RENAME_EXCHANGE)) return -EINVAL;
  const oldName = pathArg(t, oldPtr);
  if (typeof oldName === 'number') return oldName;
  if (oldName === '') return -ENOENT;
  const oldStart = startOf(t, oldDir, oldName);
  if (typeof oldStart === 'number') return oldStart;
  const newName = pathArg(t, newPtr);
  if (typeof newName === 'number') return newName;
  if (newName === '') return -ENOENT;
  const newStart = startOf(t, newDir, newName);
  return typeof newStart === 'number' ? newStart : renamePath(t, oldStart, oldName, newStart, newName, flags);
}

export const dirRows: readonly SyscallRow[] = [
  { name: 'getdents', x86_64: 78, i386: 141, args: ['fd', 'ptr', 'uint'], ret: 'int', handler: sysGetdents },
  { name: 'getdents64', x86_64: 217, i386: 220, args: ['fd', 'ptr', 'uint'], ret: 'int', handler: sysGetdents64 },
  { name: 'readdir', x86_64: -1, i386: 89, args: ['fd', 'ptr', 'uint'], ret: 'int', handler: sysOldReaddir },
  { name: 'getcwd', x86_64: 79, i386: 183, args: ['ptr', 'size'], ret: 'int', handler: sysGetcwd },
  { name: 'chdir', x86_64: 80, i386: 12, args: ['path'], ret: 'int', handler: sysChdir },
  { name: 'fchdir', x86_64: 81, i386: 133, args: ['fd'], ret: 'int', handler: sysFchdir },
  { name: 'chroot', x86_64: 161, i386: 61, args: ['path'], ret: 'int', handler: sysChroot },
  { name: 'umask', x86_64: 95, i386: 60, args: ['mode'], ret: 'octal', handler: sysUmask },
  { name: 'mkdir', x86_64: 83, i386: 39, args: ['path', 'mode'], ret: 'int', handler: (t, path, mode) => sysMkdirat(t, AT_FDCWD, path, mode) },
  { name: 'mkdirat', x86_64: 258, i386: 296, args: ['dirfd', 'path', 'mode'], ret: 'int', handler: sysMkdirat },
  { name: 'mknod', x86_64: 133, i386: 14, args: ['path', 'mode', 'dev'], ret: 'int', handler: (t, path, mode, dev) => sysMknodat(t, AT_FDCWD, path, mode, dev) },
  { name: 'mknodat', x86_64: 259, i386: 297, args: ['dirfd', 'path', 'mode', 'dev'], ret: 'int', handler: sysMknodat },
  { name: 'unlink', x86_64: 87, i386: 10, args: ['path'], ret: 'int', handler: (t, path) => sysUnlinkat(t, AT_FDCWD, path, 0) },
  { name: 'unlinkat', x86_64: 263, i386: 301, args: ['dirfd', 'path', 'atFlags'], ret: 'int', handler: sysUnlinkat },
  { name: 'rmdir', x86_64: 84, i386: 40, args: ['path'], ret: 'int', handler: (t, path) => sysUnlinkat(t, AT_FDCWD, path, AT_REMOVEDIR) },
  {
    name: 'rename', x86_64: 82, i386: 38, args: ['path', 'path'], ret: 'int',
    handler: (t, from, to) => sysRenameat2(t, AT_FDCWD, from, AT_FDCWD, to, 0),
  },
  {
    name: 'renameat', x86_64: 264, i386: 302, args: ['dirfd', 'path', 'dirfd', 'path'], ret: 'int',
    handler: (t, a, from, b, to) => sysRenameat2(t, a, from, b, to, 0),
  },
  { name: 'renameat2', x86_64: 316, i386: 353, args: ['dirfd', 'path', 'dirfd', 'path', 'hex'], ret: 'int', handler: sysRenameat2 },
];
