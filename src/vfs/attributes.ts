import { EACCES, EINVAL, EISDIR, EOPNOTSUPP, EPERM, EROFS, ETXTBSY } from '../abi/linux/errno.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, S_ISGID, S_ISUID, S_IXGRP } from '../abi/linux/fileMode.ts';
import { Cap } from './cred.ts';
import { dropCapability, dropPrivileges, MAX_FILE_SIZE } from './inodeFile.ts';
import { breakLeases } from './lease.ts';
import { IN_ATTRIB, IN_MODIFY, notifyDentry } from './notify.ts';
import type { Path, PathContext } from './path.ts';
import { inodePermission, MAY_WRITE, mayChangeMode, mayChangeOwner, ownerOrCapable } from './permission.ts';
import type { AttrChange, Timespec } from './stat.ts';

const IMMUTABLE_OR_APPEND = 0x30;

function apply(path: Path, change: AttrChange): number {
  const result = path.inode.setattr(change);
  if (result === 0) notifyDentry(path.dentry, IN_ATTRIB);
  return result;
}

export function changeMode(t: PathContext, path: Path, mode: number): number {
  const { inode } = path;
  if (path.mount.readOnly) return -EROFS;
  const stat = inode.stat();
  if ((stat.mode & S_IFMT) === S_IFLNK) return -EOPNOTSUPP;
  const allowed = mayChangeMode(stat, t.cred);
  if (allowed < 0) return allowed;
  if ((inode.flags & IMMUTABLE_OR_APPEND) !== 0) return -EPERM;
  let bits = mode & 0o7777;
  if (!t.cred.inGroup(stat.gid) && !t.cred.hasOver(Cap.FSETID, stat)) bits &= ~S_ISGID;
  return apply(path, { mode: bits });
}

/** `uid`, `gid` -1 = unchanged. */
export function changeOwner(t: PathContext, path: Path, uid: number, gid: number): number {
  const { inode } = path;
  if (path.mount.readOnly) return -EROFS;
  const stat = inode.stat();
  const allowed = mayChangeOwner(stat, uid, gid, t.cred);
  if (allowed < 0) return allowed;
  if ((inode.flags & IMMUTABLE_OR_APPEND) !== 0) return -EPERM;
  const change: AttrChange = {};
  if (uid !== -1) change.uid = uid;
  if (gid !== -1) change.gid = gid;
  if ((stat.mode & S_IFMT) !== S_IFDIR) {
    let bits = stat.mode & 0o7777 & ~S_ISUID;
    // Set-group-ID without group execute once meant mandatory locking; only members of the group keep it.
    if ((stat.mode & S_IXGRP) !== 0 || (!t.cred.inGroup(stat.gid) && !t.cred.hasOver(Cap.FSETID, stat))) bits &= ~S_ISGID;
    if (bits !== (stat.mode & 0o7777)) change.mode = bits;
  }
  dropCapability(inode);
  return apply(path, change);
}

export const UTIME_NOW = 0x3fffffff;
export const UTIME_OMIT = 0x3ffffffe;

/** utimensat(2); null = both now. */
export function changeTimes(t: PathContext, path: Path, atime: Timespec | null, mtime: Timespec | null): number {
  const { inode } = path;
  for (const time of [atime, mtime]) {
    if (time !== null && time.nsec !== UTIME_NOW && time.nsec !== UTIME_OMIT && !(time.nsec >= 0 && time.nsec < 1e9)) return -EINVAL;
  }
  const a = atime?.nsec ?? UTIME_NOW;
  const m = mtime?.nsec ?? UTIME_NOW;
  if (a === UTIME_OMIT && m === UTIME_OMIT) return 0;
  if (path.mount.readOnly) return -EROFS;
  const stat = inode.stat();
  const bothNow = a === UTIME_NOW && m === UTIME_NOW;
  if ((inode.flags & 0x10) !== 0 || (!bothNow && (inode.flags & 0x20) !== 0)) return -EPERM;
  if (!ownerOrCapable(stat, t.cred)) {
    if (!bothNow) return -EPERM;
    const allowed = inodePermission(inode, MAY_WRITE, t.cred);
    if (allowed < 0) return -EACCES;
  }
  const now = inode.fs.env.now();
  const change: AttrChange = {};
  if (a !== UTIME_OMIT) {
    const time = a === UTIME_NOW ? now : atime!;
    change.atimeSec = time.sec;
    change.atimeNsec = time.nsec;
  }
  if (m !== UTIME_OMIT) {
    const time = m === UTIME_NOW ? now : mtime!;
    change.mtimeSec = time.sec;
    change.mtimeNsec = time.nsec;
  }
  return apply(path, change);
}

/** truncate(2) of a place. */
export function truncatePath(t: PathContext, path: Path, size: number): number {
  const { inode } = path;
  if (size < 0) return -EINVAL;
  const type = inode.type;
  if (type === S_IFDIR) return -EISDIR;
  if (type !== S_IFREG) return -EINVAL;
  if (path.mount.readOnly) return -EROFS;
  const allowed = inodePermission(inode, MAY_WRITE, t.cred);
  if (allowed < 0) return allowed;
  if ((inode.flags & IMMUTABLE_OR_APPEND) !== 0) return -EPERM;
  if (inode.writeCount < 0) return -ETXTBSY;
  const broken = breakLeases(inode, true);
  if (broken < 0) return broken;
  inode.mappings?.beforeRead(0, MAX_FILE_SIZE);
  const result = inode.setattr({ size });
  if (result < 0) return result;
  inode.mappings?.afterResize(size);
  dropPrivileges(inode, t.cred);
  notifyDentry(path.dentry, IN_MODIFY);
  return 0;
}
