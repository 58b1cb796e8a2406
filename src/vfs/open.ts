import { EACCES, EEXIST, EINVAL, EISDIR, ELOOP, ENOENT, ENOTDIR, ENXIO, EOVERFLOW, EPERM, EROFS, ESTALE, ETXTBSY } from '../abi/linux/errno.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from '../abi/linux/fileMode.ts';
import {
  O_ACCMODE, O_APPEND, O_CLOEXEC, O_CREAT, O_DIRECT, O_DIRECTORY, O_EXCL, O_LARGEFILE, O_NOATIME, O_NOCTTY, O_NOFOLLOW, O_PATH, O_RDONLY, O_TMPFILE_BIT, O_TRUNC,
} from '../abi/linux/openFlags.ts';
import { Dentry } from './dentry.ts';
import type { FileCaller, FileDescription } from './fileDescription.ts';
import { DirectoryFile, PathFile, RegularFile } from './inodeFile.ts';
import { FS_APPEND } from './inode.ts';
import { breakLeases, type LeaseTable } from './lease.ts';
import { MS_NODEV } from '../abi/linux/fs.ts';
import { IN_CREATE, IN_MODIFY, IN_OPEN, notifyDentry, notifyEntry } from './notify.ts';
import { Path } from './path.ts';
import { initialOwner, inodePermission, MAY_EXEC, MAY_READ, MAY_WRITE, mayMakeIn, ownerOrCapable } from './permission.ts';
import { majorOf, minorOf } from './stat.ts';
import { Last, Walk, Walker } from './walk.ts';

/** open(2)'s wishes. `flags` is checked for nonsense by checkFlags. */
export interface OpenHow {
  flags: number;
  mode: number;
  /** Walk.* bits of openat2's resolve. */
  resolve: number;
  /** Set with -EWOULDBLOCK: whose leases have to be given up first; the opener may wait for it. */
  leased?: LeaseTable;
}

/** Files above this are opened with O_LARGEFILE only. */
const MAX_NON_LARGE = 0x7fffffff;
/** Bits that stay in the description's flags. */
const STATUS_FLAGS = ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC);
const ACCESS_MASK = [MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE] as const;

/** Combinations that open(2) refuses. 0 or -EINVAL. */
export function checkFlags(how: OpenHow): number {
  const { flags } = how;
  if ((flags & O_PATH) !== 0) {
    how.flags = flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return 0;
  }
  if ((flags & O_TMPFILE_BIT) !== 0) {
    if ((flags & O_DIRECTORY) === 0 || (flags & O_CREAT) !== 0) return -EINVAL;
    if ((flags & O_ACCMODE) === O_RDONLY) return -EINVAL;
    return 0;
  }
  return (flags & O_CREAT) !== 0 && (flags & O_DIRECTORY) !== 0 ? -EINVAL : 0;
}

/** Opens `name`. `start`: directory of an *at call, null = working directory. A new description or -errno. */
export function openPath(t: FileCaller, start: Path | null, name: string, how: OpenHow): FileDescription | number {
  const file = openOnce(t, start, name, how);
  // What the walk believed about a host file was out of date; the file system knows now, so walk again.
  return file === -ESTALE ? openOnce(t, start, name, how) : file;
}

function openOnce(t: FileCaller, start: Path | null, name: string, how: OpenHow): FileDescription | number {
  const { flags } = how;
  if ((flags & O_TMPFILE_BIT) !== 0 && (flags & O_PATH) === 0) return openTmpfile(t, start, name, how);
  const walker = new Walker(t, start, how.resolve | ((flags & O_DIRECTORY) !== 0 ? Walk.directory : 0) | ((flags & O_NOFOLLOW) === 0 ? Walk.follow : 0));
  if ((flags & O_CREAT) === 0) {
    const result = walker.toEnd(name);
    return result < 0 ? result : openAt(t, walker.path, how, false);
  }
  return openCreate(t, walker, name, how);
}

function openCreate(t: FileCaller, walker: Walker, name: string, how: OpenHow): FileDescription | number {
  const { flags } = how;
  let result = walker.toParent(name);
  for (;;) {
    if (result < 0) return result;
    if (walker.last !== Last.normal) return (flags & O_EXCL) !== 0 ? -EEXIST : -EISDIR;
    if (walker.slashes) return -EISDIR;
    const parent = walker.path;
    result = walker.stepLast();
    if (result < 0) return result;
    const { inode } = walker.dentry;
    if (inode === null) return createAndOpen(t, parent, walker.dentry, how);
    if ((flags & O_EXCL) !== 0) return -EEXIST;
    const { type } = inode;
    if (type === S_IFLNK) {
      if ((flags & O_NOFOLLOW) !== 0) return -ELOOP;
      result = walker.followLast(inode);
      if (result !== 1) continue;
    }
    if (walker.dentry.inode!.type === S_IFDIR) return -EISDIR;
    return openAt(t, walker.path, how, false);
  }
}

function createAndOpen(t: FileCaller, parent: Path, negative: Dentry, how: OpenHow): FileDescription | number {
  if (parent.mount.readOnly) return -EROFS;
  if (parent.dentry.unhashed || parent.mount.fs.namesAreFixed) return -ENOENT;
  const dir = parent.inode;
  const allowed = mayMakeIn(dir, t.cred);
  if (allowed < 0) return allowed;
  const init = initialOwner(dir.stat(), S_IFREG | (how.mode & 0o7777 & ~t.fs.umask), t.cred);
  const inode = dir.mknod(negative.name, { ...init, rdev: 0 });
  if (typeof inode === 'number') return inode;
  const dentry = parent.dentry.addChild(negative.name, inode);
  notifyEntry(dir, IN_CREATE, 0, negative.name);
  return openAt(t, new Path(parent.mount, dentry), how, true);
}

function openTmpfile(t: FileCaller, start: Path | null, name: string, how: OpenHow): FileDescription | number {
  const walker = new Walker(t, start, how.resolve | Walk.directory | ((how.flags & O_NOFOLLOW) === 0 ? Walk.follow : 0));
  const result = walker.toEnd(name);
  if (result < 0) return result;
  const dir = walker.path;
  if (dir.mount.readOnly) return -EROFS;
  const allowed = mayMakeIn(dir.inode, t.cred);
  if (allowed < 0) return allowed;
  const init = initialOwner(dir.inode.stat(), S_IFREG | (how.mode & 0o7777 & ~t.fs.umask), t.cred);
  const inode = dir.inode.tmpfile({ ...init, rdev: 0 });
  if (typeof inode === 'number') return inode;
  const dentry = new Dentry(`#${inode.stat().ino}`, dir.dentry, inode);
  dentry.unhashed = true;
  return openAt(t, new Path(dir.mount, dentry), how, true);
}

/** Opens a place that has been found. `created`: just made, so its mode does not restrict the opener. */
export function openAt(t: FileCaller, path: Path, how: OpenHow, created: boolean): FileDescription | number {
  const { flags } = how;
  const { inode } = path;
  if ((flags & O_PATH) !== 0) return new PathFile(path, flags & ~O_CLOEXEC, t.cred);
  const allowed = mayOpen(t, path, flags, created);
  if (allowed < 0) return allowed;
  const { type } = inode;
  if (type === S_IFREG && inode.leases !== null) {
    const broken = breakLeases(inode, (flags & O_ACCMODE) !== O_RDONLY || (flags & O_TRUNC) !== 0);
    if (broken < 0) {
      how.leased = inode.leases;
      return broken;
    }
  }
  if (type === S_IFREG && (flags & O_TRUNC) !== 0 && !created) {
    const result = truncateForOpen(path);
    if (result < 0) return result;
  }
  const status = flags & STATUS_FLAGS;
  const file = inode.open(status, path, t) ?? openByType(t, path, flags);
  if (typeof file === 'number') return file;
  if ((flags & O_DIRECT) !== 0 && !file.canBeDirect) {
    file.release();
    return -EINVAL;
  }
  file.wasCreated = created;
  notifyDentry(path.dentry, IN_OPEN);
  return file;
}

/** A file whose inode does not open itself. */
function openByType(t: FileCaller, path: Path, flags: number): FileDescription | number {
  const { inode } = path;
  const status = flags & STATUS_FLAGS;
  switch (inode.type) {
    case S_IFREG: return (flags & O_LARGEFILE) === 0 && inode.stat().size > MAX_NON_LARGE ? -EOVERFLOW : new RegularFile(path, status, t.cred);
    case S_IFDIR: return new DirectoryFile(path, status, t.cred);
    case S_IFIFO: return inode.fs.env.openFifo(inode, path, status, t);
    case S_IFCHR: {
      const { rdev } = inode.stat();
      const open = inode.fs.env.devices.character(majorOf(rdev), minorOf(rdev));
      return open === null ? -ENXIO : open(inode, path, flags & (STATUS_FLAGS | O_NOCTTY), t);
    }
    default: return -ENXIO;
  }
}

function mayOpen(t: FileCaller, path: Path, flags: number, created: boolean): number {
  const { inode, mount } = path;
  const stat = inode.stat();
  const type = stat.mode & S_IFMT;
  let mask: number = ACCESS_MASK[flags & O_ACCMODE]!;
  if ((flags & O_TRUNC) !== 0) mask |= MAY_WRITE;
  if (type === S_IFLNK) return -ELOOP;
  if (type === S_IFDIR && (mask & MAY_WRITE) !== 0) return -EISDIR;
  if ((flags & O_DIRECTORY) !== 0 && type !== S_IFDIR && (flags & O_TMPFILE_BIT) === 0) return -ENOTDIR;
  // Devices in what somebody without rights over the system has mounted would be the system's.
  if ((type === S_IFCHR || type === S_IFBLK) && ((mount.flags & MS_NODEV) !== 0 || mount.fs.userNs.parent !== null)) return -EACCES;
  if (type === S_IFSOCK) return -ENXIO;
  if (!created) {
    const writesData = (mask & MAY_WRITE) !== 0 && (type === S_IFREG || type === S_IFDIR);
    if (writesData && mount.fs.readOnly) return -EROFS;
    const allowed = inodePermission(inode, mask, t.cred);
    if (allowed < 0) return allowed;
    if (writesData && mount.readOnly) return -EROFS;
  }
  if ((flags & O_NOATIME) !== 0 && !ownerOrCapable(stat, t.cred)) return -EPERM;
  if ((mask & MAY_WRITE) !== 0 && inode.writeCount < 0) return -ETXTBSY;
  if ((inode.flags & FS_APPEND) !== 0 && (mask & MAY_WRITE) !== 0 && ((flags & O_APPEND) === 0 || (flags & O_TRUNC) !== 0)) return -EPERM;
  return 0;
}

function truncateForOpen(path: Path): number {
  const { inode } = path;
  const before = inode.stat().size;
  const result = inode.setattr({ size: 0 });
  if (result < 0) return result;
  if (before !== 0) inode.mappings?.afterResize(0);
  notifyDentry(path.dentry, IN_MODIFY);
  return 0;
}

/** Whether a program may be run from here: execve's test besides the loader's. 0 or -errno. */
export function mayExecute(t: FileCaller, path: Path): number {
  const stat = path.inode.stat();
  if ((stat.mode & S_IFMT) !== S_IFREG || path.mount.noExec) return -EACCES;
  const allowed = inodePermission(path.inode, MAY_EXEC, t.cred);
  if (allowed < 0) return allowed;
  return path.inode.writeCount > 0 ? -ETXTBSY : 0;
}

