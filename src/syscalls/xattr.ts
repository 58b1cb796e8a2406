import { E2BIG, EBADF, EFAULT, EINVAL, ENAMETOOLONG, ERANGE } from '../abi/linux/errno.ts';
import type { Task } from '../kernel/task/task.ts';
import { fromLatin1 } from '../machine/guestMemory.ts';
import type { Path } from '../vfs/path.ts';
import { getXattr, listXattr, removeXattr, setXattr } from '../vfs/xattr.ts';
import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW } from '../abi/linux/fcntl.ts';
import { getU32, getU64 } from '../abi/layout.ts';
import { Walk } from '../vfs/walk.ts';
import { fileOf, lookup, lookupAt } from './fileArgs.ts';
import { structArg } from './structArg.ts';
import type { SyscallRow } from './row.ts';

const NAME_MAX = 255;
const SIZE_MAX = 65536;
const CREATE_OR_REPLACE = 3;

/** How the first argument names a file. */
type Target = (t: Task, arg: number) => Path | number;
const byPath: Target = (t, arg) => lookup(t, arg);
const byLink: Target = (t, arg) => lookup(t, arg, false);
const byFd: Target = (t, arg) => fileOf(t, arg)?.path ?? -EBADF;

function nameArg(t: Task, ptr: number): string | number {
  const name = t.memory.cstring(ptr, NAME_MAX + 1);
  if (name === -ENAMETOOLONG || name === '') return -ERANGE;
  return name;
}

const set = (target: Target) => (t: Task, arg: number, namePtr: number, valuePtr: number, size: number, flags: number): number => {
  if ((flags & ~CREATE_OR_REPLACE) !== 0) return -EINVAL;
  const name = nameArg(t, namePtr);
  if (typeof name === 'number') return name;
  if (size > SIZE_MAX) return -E2BIG;
  const value = t.memory.copyIn(valuePtr, size);
  if (value === null) return -EFAULT;
  const place = target(t, arg);
  return typeof place === 'number' ? place : setXattr(t, place, name, value, flags);
};

/** Copies a result out as getxattr does: size 0 asks how long it is. */
function giveOut(t: Task, value: Uint8Array, out: number, size: number): number {
  if (size === 0) return value.length;
  if (value.length > size) return -ERANGE;
  return t.memory.copyOut(out, value) ? value.length : -EFAULT;
}

const get = (target: Target) => (t: Task, arg: number, namePtr: number, out: number, size: number): number => {
  const name = nameArg(t, namePtr);
  if (typeof name === 'number') return name;
  const place = target(t, arg);
  if (typeof place === 'number') return place;
  const value = getXattr(t, place, name);
  return typeof value === 'number' ? value : giveOut(t, value, out, size);
};

const list = (target: Target) => (t: Task, arg: number, out: number, size: number): number => {
  const place = target(t, arg);
  if (typeof place === 'number') return place;
  const names = listXattr(t, place);
  if (typeof names === 'number') return names;
  return giveOut(t, fromLatin1(names.map((name) => `${name}\0`).join('')), out, size);
};

const remove = (target: Target) => (t: Task, arg: number, namePtr: number): number => {
  const name = nameArg(t, namePtr);
  if (typeof name === 'number') return name;
  const place = target(t, arg);
  return typeof place === 'number' ? place : removeXattr(t, place, name);
};

// ---- the *at forms: directory, path, AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH ----

const AT_KNOWN = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;

/** A path relative to `dirfd` as one of the targets above. */
const byPathAt = (dirfd: number, flags: number): Target => (t, ptr) => {
  if ((flags & AT_EMPTY_PATH) !== 0 && t.memory.cstring(ptr, 1) === '') {
    if (dirfd !== AT_FDCWD) return t.fds.get(dirfd)?.path ?? -EBADF;
  }
  return lookupAt(t, dirfd, ptr, ((flags & AT_SYMLINK_NOFOLLOW) !== 0 ? Walk.none : Walk.follow) | ((flags & AT_EMPTY_PATH) !== 0 ? Walk.empty : 0));
};

/** struct xattr_args: value, size, flags; longer ones must end in zeros. */
function xattrArgs(t: Task, ptr: number, size: number): { value: number; size: number; flags: number } | number {
  if (size < 16) return -EINVAL;
  if (size > 4096) return -E2BIG;
  const buf = structArg(t, ptr, size, 16);
  if (typeof buf === 'number') return buf;
  return { value: getU64(buf, 0), size: getU32(buf, 8), flags: getU32(buf, 12) };
}

function setAt(t: Task, dirfd: number, path: number, flags: number, name: number, argsPtr: number, size: number): number {
  const args = xattrArgs(t, argsPtr, size);
  if (typeof args === 'number') return args;
  return (flags & ~AT_KNOWN) !== 0 ? -EINVAL : set(byPathAt(dirfd, flags))(t, path, name, args.value, args.size, args.flags);
}
function getAt(t: Task, dirfd: number, path: number, flags: number, name: number, argsPtr: number, size: number): number {
  const args = xattrArgs(t, argsPtr, size);
  if (typeof args === 'number') return args;
  return args.flags !== 0 || (flags & ~AT_KNOWN) !== 0 ? -EINVAL : get(byPathAt(dirfd, flags))(t, path, name, args.value, args.size);
}
const listAt = (t: Task, dirfd: number, path: number, flags: number, out: number, size: number): number =>
  (flags & ~AT_KNOWN) !== 0 ? -EINVAL : list(byPathAt(dirfd, flags))(t, path, out, size);
const removeAt = (t: Task, dirfd: number, path: number, flags: number, name: number): number =>
  (flags & ~AT_KNOWN) !== 0 ? -EINVAL : remove(byPathAt(dirfd, flags))(t, path, name);

export const xattrRows: readonly SyscallRow[] = [
  { name: 'setxattr', x86_64: 188, i386: 226, args: ['path', 'str', 'ptr', 'size', 'int'], ret: 'int', handler: set(byPath) },
  { name: 'lsetxattr', x86_64: 189, i386: 227, args: ['path', 'str', 'ptr', 'size', 'int'], ret: 'int', handler: set(byLink) },
  { name: 'fsetxattr', x86_64: 190, i386: 228, args: ['fd', 'str', 'ptr', 'size', 'int'], ret: 'int', handler: set(byFd) },
  { name: 'getxattr', x86_64: 191, i386: 229, args: ['path', 'str', 'ptr', 'size'], ret: 'ssize', handler: get(byPath) },
  { name: 'lgetxattr', x86_64: 192, i386: 230, args: ['path', 'str', 'ptr', 'size'], ret: 'ssize', handler: get(byLink) },
  { name: 'fgetxattr', x86_64: 193, i386: 231, args: ['fd', 'str', 'ptr', 'size'], ret: 'ssize', handler: get(byFd) },
  { name: 'listxattr', x86_64: 194, i386: 232, args: ['path', 'ptr', 'size'], ret: 'ssize', handler: list(byPath) },
  { name: 'llistxattr', x86_64: 195, i386: 233, args: ['path', 'ptr', 'size'], ret: 'ssize', handler: list(byLink) },
  { name: 'flistxattr', x86_64: 196, i386: 234, args: ['fd', 'ptr', 'size'], ret: 'ssize', handler: list(byFd) },
  { name: 'removexattr', x86_64: 197, i386: 235, args: ['path', 'str'], ret: 'int', handler: remove(byPath) },
  { name: 'lremovexattr', x86_64: 198, i386: 236, args: ['path', 'str'], ret: 'int', handler: remove(byLink) },
  { name: 'fremovexattr', x86_64: 199, i386: 237, args: ['fd', 'str'], ret: 'int', handler: remove(byFd) },
  { name: 'setxattrat', x86_64: 463, i386: 463, args: ['dirfd', 'path', 'atFlags', 'str', 'ptr', 'size'], ret: 'int', handler: setAt },
  { name: 'getxattrat', x86_64: 464, i386: 464, args: ['dirfd', 'path', 'atFlags', 'str', 'ptr', 'size'], ret: 'ssize', handler: getAt },
  { name: 'listxattrat', x86_64: 465, i386: 465, args: ['dirfd', 'path', 'atFlags', 'ptr', 'size'], ret: 'ssize', handler: listAt },
  { name: 'removexattrat', x86_64: 466, i386: 466, args: ['dirfd', 'path', 'atFlags', 'str'], ret: 'int', handler: removeAt },
];
