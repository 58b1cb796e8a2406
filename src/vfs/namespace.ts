import {
  EBUSY, EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR, ENOTEMPTY, EPERM, EROFS, EXDEV,
} from '../abi/linux/errno.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK, S_ISGID, S_ISUID, S_ISVTX, S_IXGRP } from '../abi/linux/fileMode.ts';
import { Cap } from './cred.ts';
import type { Dentry } from './dentry.ts';
import { FS_APPEND, FS_IMMUTABLE, type Inode, type NewInode } from './inode.ts';
import {
  IN_ATTRIB, IN_CREATE, IN_DELETE, IN_ISDIR, IN_MOVE_SELF, IN_MOVED_FROM, IN_MOVED_TO, nextCookie, notifyDentry, notifyEntry, notifyGone, notifyInode,
} from './notify.ts';
import type { Mount } from './mount.ts';
import { Path, type PathContext } from './path.ts';
import { initialOwner, inodePermission, MAY_EXEC, MAY_READ, MAY_WRITE, mayMakeIn, ownerOrCapable, stickyForbids } from './permission.ts';
import { Last, Walk, Walker } from './walk.ts';

export const RENAME_NOREPLACE = 1;
export const RENAME_EXCHANGE = 2;
export const RENAME_WHITEOUT = 4;

/** A walker that stands before a last component, and the directory it lies in. */
interface Place {
  readonly parent: Path;
  readonly dentry: Dentry;
}

/** The place of a name that is about to be made. */
function newPlace(t: PathContext, start: Path | null, name: string, wantDirectory: boolean): Place | number {
  const walker = new Walker(t, start, Walk.none);
  let result = walker.toParent(name);
  if (result < 0) return result;
  if (walker.last !== Last.normal) return -EEXIST;
  const parent = walker.path;
  result = walker.stepLast();
  if (result < 0) return result;
  if (walker.dentry.inode !== null) return -EEXIST;
  if ((walker.slashes && !wantDirectory) || parent.mount.fs.namesAreFixed) return -ENOENT;
  if (parent.mount.readOnly) return -EROFS;
  return { parent, dentry: walker.dentry };
}

function mayCreate(t: PathContext, parent: Path): number {
  if (parent.dentry.unhashed || parent.mount.fs.namesAreFixed) return -ENOENT;
  return mayMakeIn(parent.inode, t.cred);
}

/** Linux's may_delete, for a victim that exists. */
function mayDelete(t: PathContext, parent: Path, victim: Dentry, asDirectory: boolean): number {
  const dir = parent.inode;
  const allowed = inodePermission(dir, MAY_WRITE | MAY_EXEC, t.cred);
  if (allowed < 0) return allowed;
  if ((dir.flags & FS_APPEND) !== 0) return -EPERM;
  const stat = victim.inode!.stat();
  const isDirectory = (stat.mode & S_IFMT) === S_IFDIR;
  if (stickyForbids(dir.stat(), stat, t.cred) || (victim.inode!.flags & (FS_IMMUTABLE | FS_APPEND)) !== 0) return -EPERM;
  if (asDirectory) {
    if (!isDirectory) return -ENOTDIR;
    if (victim.isRoot) return -EBUSY;
  } else if (isDirectory) {
    return -EISDIR;
  }
  return parent.dentry.unhashed ? -ENOENT : 0;
}

type Maker = (dir: Inode, name: string, init: NewInode) => Inode | number;

function make(t: PathContext, place: Place, mode: number, rdev: number, maker: Maker): number {
  const { parent, dentry } = place;
  const allowed = mayCreate(t, parent);
  if (allowed < 0) return allowed;
  const dir = parent.inode;
  const inode = maker(dir, dentry.name, { ...initialOwner(dir.stat(), mode, t.cred), rdev });
  if (typeof inode === 'number') return inode;
  parent.dentry.addChild(dentry.name, inode);
  notifyEntry(dir, IN_CREATE | ((mode & S_IFMT) === S_IFDIR ? IN_ISDIR : 0), 0, dentry.name);
  return 0;
}

export function makeDirectory(t: PathContext, start: Path | null, name: string, mode: number): number {
  const place = newPlace(t, start, name, true);
  if (typeof place === 'number') return place;
  const bits = S_IFDIR | (mode & (0o777 | S_ISVTX) & ~t.fs.umask);
  return make(t, place, bits, 0, (dir, last, init) => dir.mkdir(last, init));
}

export function makeNode(t: PathContext, start: Path | null, name: string, mode: number, rdev: number): number {
  const type = (mode & S_IFMT) === 0 ? S_IFREG : mode & S_IFMT;
  if (type === S_IFDIR) return -EPERM;
  if (type !== S_IFREG && type !== S_IFCHR && type !== S_IFBLK && type !== S_IFIFO && type !== S_IFSOCK) return -EINVAL;
  const place = newPlace(t, start, name, false);
  if (typeof place === 'number') return place;
  const isDevice = type === S_IFCHR || type === S_IFBLK;
  const allowed = mayCreate(t, place.parent);
  if (allowed < 0) return allowed;
  if (isDevice && !(type === S_IFCHR && rdev === 0) && !t.cred.has(Cap.MKNOD)) return -EPERM;
  const bits = type | (mode & 0o7777 & ~t.fs.umask);
  return make(t, place, bits, isDevice ? rdev : 0, (dir, last, init) => dir.mknod(last, init));
}

/** Makes the socket inode that bind(2) leaves; its dentry, or -errno (-EADDRINUSE is the caller's word for EEXIST). */
export function makeSocket(t: PathContext, name: string): Path | number {
  const place = newPlace(t, null, name, false);
  if (typeof place === 'number') return place;
  const result = make(t, place, S_IFSOCK | (0o777 & ~t.fs.umask), 0, (dir, last, init) => dir.mknod(last, init));
  return result < 0 ? result : new Path(place.parent.mount, place.parent.dentry.child(place.dentry.name)!);
}

export function makeSymlink(t: PathContext, target: string, start: Path | null, name: string): number {
  if (target === '') return -ENOENT;
  const place = newPlace(t, start, name, false);
  if (typeof place === 'number') return place;
  return make(t, place, S_IFLNK | 0o777, 0, (dir, last, init) => dir.symlink(last, target, init));
}

/** link(2) of an inode already found. */
export function makeLink(t: PathContext, old: Path, start: Path | null, name: string): number {
  const place = newPlace(t, start, name, false);
  if (typeof place === 'number') return place;
  if (old.mount !== place.parent.mount) return -EXDEV;
  const inode = old.inode;
  const stat = inode.stat();
  if (!mayLinkTo(t, inode)) return -EPERM;
  const allowed = mayCreate(t, place.parent);
  if (allowed < 0) return allowed;
  const dir = place.parent.inode;
  if (inode.fs !== dir.fs) return -EXDEV;
  if ((stat.mode & S_IFMT) === S_IFDIR || (inode.flags & (FS_IMMUTABLE | FS_APPEND)) !== 0) return -EPERM;
  const result = dir.link(place.dentry.name, inode);
  if (result < 0) return result;
  place.parent.dentry.addChild(place.dentry.name, inode);
  notifyInode(inode, IN_ATTRIB);
  notifyEntry(dir, IN_CREATE, 0, place.dentry.name);
  return 0;
}

/** fs.protected_hardlinks = 1: only owners link what is special, or what they could not write. */
function mayLinkTo(t: PathContext, inode: Inode): boolean {
  const stat = inode.stat();
  if (ownerOrCapable(stat, t.cred)) return true;
  if ((stat.mode & S_IFMT) !== S_IFREG || (stat.mode & S_ISUID) !== 0) return false;
  if ((stat.mode & (S_ISGID | S_IXGRP)) === (S_ISGID | S_IXGRP)) return false;
  return inodePermission(inode, MAY_READ | MAY_WRITE, t.cred) === 0;
}

export function removeFile(t: PathContext, start: Path | null, name: string): number {
  const walker = new Walker(t, start, Walk.none);
  let result = walker.toParent(name);
  if (result < 0) return result;
  if (walker.last !== Last.normal) return -EISDIR;
  const parent = walker.path;
  if (parent.mount.readOnly) return -EROFS;
  const atMount = walker.mount;
  result = walker.stepLast();
  if (result < 0) return result;
  const { dentry } = walker;
  const { inode } = dentry;
  if (inode === null) return -ENOENT;
  if (walker.slashes) return inode.isDirectory ? -EISDIR : -ENOTDIR;
  if (walker.mount !== atMount) return -EBUSY;
  result = mayDelete(t, parent, dentry, false);
  if (result < 0) return result;
  if (isMountPoint(t, dentry)) return -EBUSY;
  result = parent.inode.unlink(dentry.name, inode);
  if (result < 0) return result;
  gone(parent, dentry, 0);
  return 0;
}

export function removeDirectory(t: PathContext, start: Path | null, name: string): number {
  const walker = new Walker(t, start, Walk.none);
  let result = walker.toParent(name);
  if (result < 0) return result;
  if (walker.last === Last.dotdot) return -ENOTEMPTY;
  if (walker.last === Last.dot) return -EINVAL;
  if (walker.last === Last.root) return -EBUSY;
  const parent = walker.path;
  if (parent.mount.readOnly) return -EROFS;
  result = walker.stepLast();
  if (result < 0) return result;
  if (walker.mount !== parent.mount) return -EBUSY;
  const { dentry } = walker;
  const { inode } = dentry;
  if (inode === null) return -ENOENT;
  result = mayDelete(t, parent, dentry, true);
  if (result < 0) return result;
  if (isMountPoint(t, dentry)) return -EBUSY;
  result = parent.inode.rmdir(dentry.name, inode);
  if (result < 0) return result;
  gone(parent, dentry, IN_ISDIR);
  return 0;
}

/** Whether something is mounted there among the caller's mounts; those of other namespaces keep nothing from being removed. */
function isMountPoint(t: PathContext, dentry: Dentry): boolean {
  if (dentry.mounts === 0) return false;
  let top = t.fs.root.mount;
  while (top.parent !== null) top = top.parent;
  const under = (mount: Mount): boolean => mount.children.some((child) => child.mountPoint === dentry || under(child));
  return under(top);
}

/** A name has been removed: the caches and the watchers hear of it. */
function gone(parent: Path, dentry: Dentry, isDirectory: number): void {
  const inode = dentry.inode!;
  const { name } = dentry;
  dentry.unhash();
  parent.dentry.addChild(name, null);
  if (isDirectory === 0) notifyInode(inode, IN_ATTRIB);
  notifyEntry(parent.inode, IN_DELETE | isDirectory, 0, name);
  notifyGone(inode);
}

interface RenameEnds {
  readonly from: Path;
  readonly to: Path;
  readonly old: Dentry;
  readonly target: Dentry;
}

/** Both ends of a rename, found and checked as do_renameat2 does; or -errno. */
function renameEnds(t: PathContext, oldStart: Path | null, oldName: string, newStart: Path | null, newName: string, flags: number): RenameEnds | number {
  const a = new Walker(t, oldStart, Walk.none);
  let result = a.toParent(oldName);
  if (result < 0) return result;
  const b = new Walker(t, newStart, Walk.none);
  result = b.toParent(newName);
  if (result < 0) return result;
  const from = a.path;
  const to = b.path;
  if (from.mount !== to.mount) return -EXDEV;
  if (a.last !== Last.normal) return -EBUSY;
  if (b.last !== Last.normal) return (flags & RENAME_NOREPLACE) !== 0 ? -EEXIST : -EBUSY;
  if (from.mount.readOnly) return -EROFS;
  result = a.stepLast();
  if (result < 0) return result;
  const old = a.dentry;
  if (old.inode === null) return -ENOENT;
  result = b.stepLast();
  if (result < 0) return result;
  const target = b.dentry;
  if ((flags & RENAME_NOREPLACE) !== 0 && target.inode !== null) return -EEXIST;
  if ((flags & RENAME_EXCHANGE) !== 0) {
    if (target.inode === null) return -ENOENT;
    if (b.slashes && !target.inode.isDirectory) return -ENOTDIR;
  }
  if (!old.inode.isDirectory && (a.slashes || ((flags & RENAME_EXCHANGE) === 0 && b.slashes))) return -ENOTDIR;
  if (a.mount !== from.mount || b.mount !== to.mount) return -EBUSY;
  if (old.inode.isDirectory && to.dentry.isWithin(old)) return -EINVAL;
  if (target.inode !== null && from.dentry.isWithin(target)) return (flags & RENAME_EXCHANGE) !== 0 ? -EINVAL : -ENOTEMPTY;
  return { from, to, old, target };
}

export function renamePath(t: PathContext, oldStart: Path | null, oldName: string, newStart: Path | null, newName: string, flags: number): number {
  if ((flags & ~7) !== 0 || ((flags & RENAME_EXCHANGE) !== 0 && (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)) !== 0)) return -EINVAL;
  const ends = renameEnds(t, oldStart, oldName, newStart, newName, flags);
  if (typeof ends === 'number') return ends;
  const { from, to, old, target } = ends;
  const inode = old.inode!;
  if (target.inode === inode) return 0;
  const exchange = (flags & RENAME_EXCHANGE) !== 0;
  let result = mayDelete(t, from, old, inode.isDirectory);
  if (result < 0) return result;
  if (target.inode === null) result = mayCreate(t, to);
  else result = mayDelete(t, to, target, exchange ? target.inode.isDirectory : inode.isDirectory);
  if (result < 0) return result;
  if (from.dentry !== to.dentry) {
    if (inode.isDirectory) result = inodePermission(inode, MAY_WRITE, t.cred);
    if (result === 0 && exchange && target.inode!.isDirectory) result = inodePermission(target.inode!, MAY_WRITE, t.cred);
    if (result < 0) return result;
  }
  if (isMountPoint(t, old) || isMountPoint(t, target)) return -EBUSY;
  if (from.inode.fs !== to.inode.fs) return -EXDEV;
  const oldLast = old.name;
  const newLast = target.name;
  const replaced = target.inode;
  result = from.inode.rename(oldLast, inode, to.inode, newLast, replaced, flags);
  if (result < 0) return result;
  moveNames(from, to, old, target, exchange);
  tellRename(from, to, oldLast, newLast, inode, exchange ? replaced : null);
  if (!exchange && replaced !== null) {
    notifyInode(replaced, IN_ATTRIB | (replaced.isDirectory ? IN_ISDIR : 0));
    notifyGone(replaced);
  }
  return 0;
}

function moveNames(from: Path, to: Path, old: Dentry, target: Dentry, exchange: boolean): void {
  const oldLast = old.name;
  const newLast = target.name;
  if (exchange) {
    from.dentry.children?.delete(oldLast);
    to.dentry.children?.delete(newLast);
    old.parent = to.dentry;
    old.name = newLast;
    target.parent = from.dentry;
    target.name = oldLast;
    (to.dentry.children ??= new Map()).set(newLast, old);
    (from.dentry.children ??= new Map()).set(oldLast, target);
    return;
  }
  target.unhash();
  old.move(to.dentry, newLast);
}

function tellRename(from: Path, to: Path, oldName: string, newName: string, inode: Inode, other: Inode | null): void {
  const cookie = nextCookie();
  const bits = inode.isDirectory ? IN_ISDIR : 0;
  notifyEntry(from.inode, IN_MOVED_FROM | bits, cookie, oldName);
  notifyEntry(to.inode, IN_MOVED_TO | bits, cookie, newName);
  notifyInode(inode, IN_MOVE_SELF);
  if (other === null) return;
  const back = nextCookie();
  const otherBits = other.isDirectory ? IN_ISDIR : 0;
  notifyEntry(to.inode, IN_MOVED_FROM | otherBits, back, newName);
  notifyEntry(from.inode, IN_MOVED_TO | otherBits, back, oldName);
  notifyInode(other, IN_MOVE_SELF);
}

export function notifyAttributes(path: Path): void {
  notifyDentry(path.dentry, IN_ATTRIB);
}
