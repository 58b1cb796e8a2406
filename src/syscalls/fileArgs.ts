import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW } from '../abi/linux/fcntl.ts';
import { EBADF, EMFILE, ENOENT, ENOTDIR } from '../abi/linux/errno.ts';
import { O_CLOEXEC, O_PATH } from '../abi/linux/openFlags.ts';
import { Rlimit } from '../kernel/fd/rlimits.ts';
import type { Task } from '../kernel/task/task.ts';
import type { FileDescription } from '../vfs/fileDescription.ts';
import type { Path } from '../vfs/path.ts';
import { PATH_MAX, Walk, walkPath } from '../vfs/walk.ts';

/** A path argument; -EFAULT, -ENAMETOOLONG. */
export function pathArg(t: Task, ptr: number): string | number {
  return t.memory.cstring(ptr, PATH_MAX);
}

/** Where an *at call starts: null for the working directory (or an absolute path, unless it is `scoped` to dirfd), -EBADF, -ENOTDIR. */
export function startOf(t: Task, dirfd: number, name: string, scoped = false): Path | null | number {
  if (dirfd === AT_FDCWD || (name.charCodeAt(0) === 47 && !scoped)) return null;
  const file = t.fds.get(dirfd);
  if (file === null) return -EBADF;
  if (name !== '' && !file.inode.isDirectory) return -ENOTDIR;
  return file.path;
}

/** What dirfd alone names: an open file, too, that lies in no tree. -EBADF. */
export function namelessPlace(t: Task, dirfd: number): Path | number {
  if (dirfd === AT_FDCWD) return t.fs.cwd;
  return t.fds.get(dirfd)?.path ?? -EBADF;
}

/** What (dirfd, path, flags) names, for calls that know AT_EMPTY_PATH and AT_SYMLINK_NOFOLLOW. */
export function placeAt(t: Task, dirfd: number, ptr: number, flags: number): Path | number {
  const name = pathArg(t, ptr);
  if (typeof name === 'number') return name;
  if (name === '') return (flags & AT_EMPTY_PATH) !== 0 ? namelessPlace(t, dirfd) : -ENOENT;
  const start = startOf(t, dirfd, name);
  if (typeof start === 'number') return start;
  return walkPath(t, start, name, (flags & AT_SYMLINK_NOFOLLOW) !== 0 ? Walk.none : Walk.follow);
}

/** The place a (dirfd, path) pair names; Walk.* flags. -errno. */
export function lookupAt(t: Task, dirfd: number, ptr: number, flags: number): Path | number {
  const name = pathArg(t, ptr);
  if (typeof name === 'number') return name;
  if (name === '' && (flags & Walk.empty) === 0) return -ENOENT;
  const start = startOf(t, dirfd, name);
  return typeof start === 'number' ? start : walkPath(t, start, name, flags);
}

/** lookupAt from the working directory. */
export function lookup(t: Task, ptr: number, follow = true): Path | number {
  return lookupAt(t, AT_FDCWD, ptr, follow ? Walk.follow : Walk.none);
}

/** The open file of a descriptor for anything but O_PATH's few uses; null = EBADF. */
export function fileOf(t: Task, fd: number): FileDescription | null {
  const file = t.fds.get(fd);
  return file === null || (file.flags & O_PATH) !== 0 ? null : file;
}

/** Puts a new description into the lowest free descriptor; -EMFILE (it is closed then). */
export function installFile(t: Task, file: FileDescription, flags: number): number {
  const fd = t.fds.install(file, (flags & O_CLOEXEC) !== 0, t.rlimits.cur[Rlimit.NOFILE]!);
  if (fd < 0) {
    file.release();
    return -EMFILE;
  }
  return fd;
}
