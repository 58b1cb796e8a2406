/** What stat tells of an inode; times in whole seconds and nanoseconds. 64-bit fields are JS numbers (exact to 2^53). */
export interface Stat {
  /** Device number of the file system, as `makedev` packs it. */
  dev: number;
  ino: number;
  /** Type and permission bits. */
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  rdev: number;
  size: number;
  blksize: number;
  /** In units of 512 bytes. */
  blocks: number;
  atimeSec: number;
  atimeNsec: number;
  mtimeSec: number;
  mtimeNsec: number;
  ctimeSec: number;
  ctimeNsec: number;
  btimeSec: number;
  btimeNsec: number;
}

/** What statfs tells of a file system. */
export interface StatFs {
  type: number;
  bsize: number;
  blocks: number;
  bfree: number;
  bavail: number;
  files: number;
  ffree: number;
  fsid: readonly [number, number];
  namelen: number;
  frsize: number;
  /** ST_* mount flags; filled in by the mount. */
  flags: number;
}

/** The changes of chmod, chown, truncate and utimensat. Absent fields stay. */
export interface AttrChange {
  /** Permission bits only (07777). */
  mode?: number;
  uid?: number;
  gid?: number;
  size?: number;
  atimeSec?: number;
  atimeNsec?: number;
  mtimeSec?: number;
  mtimeNsec?: number;
}

export interface Timespec {
  sec: number;
  nsec: number;
}

/** Linux's new encoding of device numbers (the one stat shows for majors < 4096 and any minor). */
export function makedev(major: number, minor: number): number {
  return ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12)) >>> 0;
}
export function majorOf(dev: number): number {
  return (dev >>> 8) & 0xfff;
}
export function minorOf(dev: number): number {
  return (dev & 0xff) | ((dev >>> 12) & 0xfff00);
}
