import { AT_EMPTY_PATH, AT_NO_AUTOMOUNT, AT_STATX_SYNC_TYPE, AT_SYMLINK_NOFOLLOW } from '../abi/linux/fcntl.ts';
import { EBADF, EFAULT, EINVAL, EOVERFLOW } from '../abi/linux/errno.ts';
import { STATX_ATTR_MOUNT_ROOT, STATX_BASIC_STATS, STATX_BTIME, STATX_MNT_ID, STATX__RESERVED } from '../abi/linux/stat.ts';
import type { Task } from '../kernel/task/task.ts';
import {
  MS_MANDLOCK, MS_NOATIME, MS_NODEV, MS_NODIRATIME, MS_NOEXEC, MS_NOSUID, MS_NOSYMFOLLOW, MS_RDONLY, MS_RELATIME, MS_SYNCHRONOUS,
} from '../abi/linux/fs.ts';
import type { Mount } from '../vfs/mount.ts';
import type { Path } from '../vfs/path.ts';
import { majorOf, minorOf, type Stat, type StatFs } from '../vfs/stat.ts';
import { lookup, namelessPlace, placeAt } from './fileArgs.ts';
import type { SyscallRow } from './row.ts';

/** STATX_ATTR_IMMUTABLE, APPEND, NODUMP: the same bits as chattr's. */
const CHATTR_ATTRIBUTES = 0x70;

/** Writes a struct of one kind; 0 or -errno. */
type Writer = (t: Task, stat: Stat, out: number) => number;

function times(s: Stat): Record<'st_atime' | 'st_atime_nsec' | 'st_mtime' | 'st_mtime_nsec' | 'st_ctime' | 'st_ctime_nsec', number> {
  return {
    st_atime: s.atimeSec, st_atime_nsec: s.atimeNsec, st_mtime: s.mtimeSec, st_mtime_nsec: s.mtimeNsec, st_ctime: s.ctimeSec, st_ctime_nsec: s.ctimeNsec,
  };
}

/** Ids above 65535 in 16-bit fields show as the overflow id. */
function id16(id: number): number {
  return id > 0xffff ? 65534 : id;
}

/** Owners as the caller's user namespace numbers them. */
const uidOf = (t: Task, s: Stat): number => t.cred.userNs.uidOut(s.uid);
const gidOf = (t: Task, s: Stat): number => t.cred.userNs.gidOut(s.gid);

const writeStat: Writer = (t, s, out) => {
  const { stat } = t.abi;
  const small = t.abi.longBytes === 4;
  if (small && (s.size > 0x7fffffff || s.ino > 0xffffffff || s.nlink > 0xffff)) return -EOVERFLOW;
  const buf = t.memory.writable(out, stat.size);
  if (buf === null) return -EFAULT;
  stat.write(buf, {
    st_dev: s.dev, st_ino: s.ino, st_mode: s.mode, st_nlink: s.nlink, st_uid: small ? id16(uidOf(t, s)) : uidOf(t, s), st_gid: small ? id16(gidOf(t, s)) : gidOf(t, s),
    st_rdev: s.rdev, st_size: s.size, st_blksize: s.blksize, st_blocks: s.blocks, ...times(s),
  });
  return 0;
};

const writeStat64: Writer = (t, s, out) => {
  const { stat64 } = t.abi;
  const buf = t.memory.writable(out, stat64.size);
  if (buf === null) return -EFAULT;
  stat64.write(buf, {
    st_dev: s.dev, st_ino: s.ino, st_mode: s.mode, st_nlink: s.nlink, st_uid: uidOf(t, s), st_gid: gidOf(t, s), st_rdev: s.rdev, st_size: s.size,
    st_blksize: s.blksize, st_blocks: s.blocks, ...times(s),
  });
  // The low half of the inode number stands a second time where it was before 64-bit numbers came.
  if (t.abi.longBytes === 4) t.memory.setU32(out + 12, s.ino);
  return 0;
};

/** Linux's first device encoding: 8 bits major, 8 bits minor. */
function oldDevice(dev: number): number {
  return ((majorOf(dev) & 0xff) << 8) | (minorOf(dev) & 0xff);
}

const writeOldStat: Writer = (t, s, out) => {
  const { oldStat } = t.abi;
  if (majorOf(s.dev) > 0xff || minorOf(s.dev) > 0xff || s.size > 0x7fffffff || s.ino > 0xffff || s.nlink > 0xffff) return -EOVERFLOW;
  const buf = t.memory.writable(out, oldStat.size);
  if (buf === null) return -EFAULT;
  oldStat.write(buf, {
    st_dev: oldDevice(s.dev), st_ino: s.ino, st_mode: s.mode, st_nlink: s.nlink, st_uid: id16(uidOf(t, s)), st_gid: id16(gidOf(t, s)), st_rdev: oldDevice(s.rdev),
    st_size: s.size, st_atime: s.atimeSec, st_mtime: s.mtimeSec, st_ctime: s.ctimeSec,
  });
  return 0;
};

const byPath = (writer: Writer, follow: boolean) => (t: Task, path: number, out: number): number => {
  const place = lookup(t, path, follow);
  return typeof place === 'number' ? place : writer(t, place.inode.stat(), out);
};

const byFd = (writer: Writer) => (t: Task, fd: number, out: number): number => {
  const file = t.fds.get(fd);
  return file === null ? -EBADF : writer(t, file.inode.stat(), out);
};

/** As placeAt, and a null pointer is an empty path to the calls of stat. */
function statPlace(t: Task, dirfd: number, ptr: number, flags: number): Path | number {
  return ptr === 0 && (flags & AT_EMPTY_PATH) !== 0 ? namelessPlace(t, dirfd) : placeAt(t, dirfd, ptr, flags);
}

const at = (writer: Writer) => (t: Task, dirfd: number, path: number, out: number, flags: number): number => {
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH)) !== 0) return -EINVAL;
  const place = statPlace(t, dirfd, path, flags);
  return typeof place === 'number' ? place : writer(t, place.inode.stat(), out);
};

function sysStatx(t: Task, dirfd: number, path: number, flags: number, mask: number, out: number): number {
  const known = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE;
  if ((mask & STATX__RESERVED) !== 0 || (flags & ~known) !== 0 || (flags & AT_STATX_SYNC_TYPE) === AT_STATX_SYNC_TYPE) return -EINVAL;
  const place = statPlace(t, dirfd, path, flags);
  if (typeof place === 'number') return place;
  const s = place.inode.stat();
  const { statx } = t.abi;
  const buf = t.memory.writable(out, statx.size);
  if (buf === null) return -EFAULT;
  const born = s.btimeSec !== 0;
  const inodeFlags = place.inode.flags & CHATTR_ATTRIBUTES;
  statx.write(buf, {
    stx_mask: STATX_BASIC_STATS | STATX_MNT_ID | (born ? STATX_BTIME : 0), stx_blksize: s.blksize,
    stx_attributes: (place.dentry === place.mount.root ? STATX_ATTR_MOUNT_ROOT : 0) | inodeFlags,
    stx_nlink: s.nlink, stx_uid: uidOf(t, s), stx_gid: gidOf(t, s), stx_mode: s.mode, stx_ino: s.ino, stx_size: s.size, stx_blocks: s.blocks,
    stx_attributes_mask: STATX_ATTR_MOUNT_ROOT | CHATTR_ATTRIBUTES,
    stx_atime: s.atimeSec, stx_atime_nsec: s.atimeNsec, stx_btime: s.btimeSec, stx_btime_nsec: s.btimeNsec,
    stx_ctime: s.ctimeSec, stx_ctime_nsec: s.ctimeNsec, stx_mtime: s.mtimeSec, stx_mtime_nsec: s.mtimeNsec,
    stx_rdev_major: majorOf(s.rdev), stx_rdev_minor: minorOf(s.rdev), stx_dev_major: majorOf(s.dev), stx_dev_minor: minorOf(s.dev),
    stx_mnt_id: place.mount.id,
  });
  return 0;
}

// ---- statfs ----

const ST_VALID = 0x20;
const ST_FLAGS: readonly (readonly [ms: number, st: number])[] = [
  [MS_RDONLY, 1], [MS_NOSUID, 2], [MS_NODEV, 4], [MS_NOEXEC, 8], [MS_SYNCHRONOUS, 16], [MS_MANDLOCK, 64], [MS_NOATIME, 0x400], [MS_NODIRATIME, 0x800],
  [MS_RELATIME, 0x1000], [MS_NOSYMFOLLOW, 0x2000],
];

function mountStat(mount: Mount): StatFs {
  let flags = ST_VALID;
  for (const [ms, st] of ST_FLAGS) if ((mount.flags & ms) !== 0) flags |= st;
  if (mount.fs.readOnly) flags |= 1;
  return { ...mount.fs.statfs(), flags };
}

type StatFsWriter = (t: Task, s: StatFs, out: number) => number;

function fields(s: StatFs): Record<'f_type' | 'f_bsize' | 'f_blocks' | 'f_bfree' | 'f_bavail' | 'f_files' | 'f_ffree' | 'f_fsid' | 'f_fsid_hi' | 'f_namelen' | 'f_frsize' | 'f_flags', number> {
  return {
    f_type: s.type, f_bsize: s.bsize, f_blocks: s.blocks, f_bfree: s.bfree, f_bavail: s.bavail, f_files: s.files, f_ffree: s.ffree,
    f_fsid: s.fsid[0], f_fsid_hi: s.fsid[1], f_namelen: s.namelen, f_frsize: s.frsize, f_flags: s.flags,
  };
}

const writeStatFs: StatFsWriter = (t, s, out) => {
  const { statfs } = t.abi;
  if (t.abi.longBytes === 4 && Math.max(s.blocks, s.bfree, s.bavail, s.files, s.ffree) > 0xffffffff) return -EOVERFLOW;
  const buf = t.memory.writable(out, statfs.size);
  if (buf === null) return -EFAULT;
  statfs.write(buf, fields(s));
  return 0;
};
const writeStatFs64: StatFsWriter = (t, s, out) => {
  const { statfs64 } = t.abi;
  const buf = t.memory.writable(out, statfs64.size);
  if (buf === null) return -EFAULT;
  statfs64.write(buf, fields(s));
  return 0;
};

function statfsPath(t: Task, path: number, out: number, writer: StatFsWriter): number {
  const place = lookup(t, path);
  return typeof place === 'number' ? place : writer(t, mountStat(place.mount), out);
}
function statfsFd(t: Task, fd: number, out: number, writer: StatFsWriter): number {
  const file = t.fds.get(fd);
  return file === null ? -EBADF : writer(t, mountStat(file.path.mount), out);
}
function wrongSize(t: Task, size: number): boolean {
  return size !== t.abi.statfs64.size;
}

export const statRows: readonly SyscallRow[] = [
  { name: 'stat', x86_64: 4, i386: 106, args: ['path', 'statOut'], ret: 'int', handler: byPath(writeStat, true) },
  { name: 'lstat', x86_64: 6, i386: 107, args: ['path', 'statOut'], ret: 'int', handler: byPath(writeStat, false) },
  { name: 'fstat', x86_64: 5, i386: 108, args: ['fd', 'statOut'], ret: 'int', handler: byFd(writeStat) },
  { name: 'newfstatat', x86_64: 262, i386: -1, args: ['dirfd', 'path', 'statOut', 'atFlags'], ret: 'int', handler: at(writeStat) },
  { name: 'stat64', x86_64: -1, i386: 195, args: ['path', 'statOut'], ret: 'int', handler: byPath(writeStat64, true) },
  { name: 'lstat64', x86_64: -1, i386: 196, args: ['path', 'statOut'], ret: 'int', handler: byPath(writeStat64, false) },
  { name: 'fstat64', x86_64: -1, i386: 197, args: ['fd', 'statOut'], ret: 'int', handler: byFd(writeStat64) },
  { name: 'fstatat64', x86_64: -1, i386: 300, args: ['dirfd', 'path', 'statOut', 'atFlags'], ret: 'int', handler: at(writeStat64) },
  { name: 'oldstat', x86_64: -1, i386: 18, args: ['path', 'statOut'], ret: 'int', handler: byPath(writeOldStat, true) },
  { name: 'oldlstat', x86_64: -1, i386: 84, args: ['path', 'statOut'], ret: 'int', handler: byPath(writeOldStat, false) },
  { name: 'oldfstat', x86_64: -1, i386: 28, args: ['fd', 'statOut'], ret: 'int', handler: byFd(writeOldStat) },
  { name: 'statx', x86_64: 332, i386: 383, args: ['dirfd', 'path', 'atFlags', 'hex', 'ptr'], ret: 'int', handler: sysStatx },
  { name: 'statfs', x86_64: 137, i386: 99, args: ['path', 'ptr'], ret: 'int', handler: (t, path, out) => statfsPath(t, path, out, writeStatFs) },
  { name: 'fstatfs', x86_64: 138, i386: 100, args: ['fd', 'ptr'], ret: 'int', handler: (t, fd, out) => statfsFd(t, fd, out, writeStatFs) },
  {
    name: 'statfs64', x86_64: -1, i386: 268, args: ['path', 'size', 'ptr'], ret: 'int',
    handler: (t, path, size, out) => (wrongSize(t, size) ? -EINVAL : statfsPath(t, path, out, writeStatFs64)),
  },
  {
    name: 'fstatfs64', x86_64: -1, i386: 269, args: ['fd', 'size', 'ptr'], ret: 'int',
    handler: (t, fd, size, out) => (wrongSize(t, size) ? -EINVAL : statfsFd(t, fd, out, writeStatFs64)),
  },
];
