/**
 * The host's files. Paths are absolute host paths as byte strings (one char per byte, '/'-separated, UTF-8 on hosts whose names
 * are Unicode); the implementation converts. Never follows a symbolic link in the last component unless it says so.
 * Results are >= 0 or -errno (Linux's numbers on every host). Buffers may be views of a shared memory.
 */
export interface HostStat {
  dev: number;
  /** Whole number up to 2^53. */
  ino: number;
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  rdev: number;
  size: number;
  blksize: number;
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

export interface HostDirEntry {
  name: string;
  /** DT_*, DT_UNKNOWN when the host does not say. */
  type: number;
}

export interface HostFiles {
  /** False on hosts without Unix modes, owners and symbolic links (Windows). */
  readonly unix: boolean;
  /** False where 'A' and 'a' are one file (Windows, macOS). */
  readonly caseSensitive: boolean;
  /** Real, absolute form of a host path the user gave (command line), links resolved; -errno. The result is a byte string for the other methods. */
  resolve(path: string): string | number;
  lstat(path: string): HostStat | number;
  /** O_* flags of Linux (O_NOFOLLOW is always added). A host descriptor. */
  open(path: string, flags: number, mode: number): number;
  close(fd: number): void;
  fstat(fd: number): HostStat | number;
  /** `offset` null: at the current position (streams). */
  read(fd: number, into: Uint8Array, offset: number | null): number;
  write(fd: number, from: Uint8Array, offset: number | null): number;
  truncate(fd: number, size: number): number;
  fsync(fd: number, dataOnly: boolean): number;
  /** In the host's own order. */
  list(path: string): HostDirEntry[] | number;
  readlink(path: string): string | number;
  mkdir(path: string, mode: number): number;
  symlink(target: string, path: string): number;
  link(from: string, to: string): number;
  unlink(path: string): number;
  rmdir(path: string): number;
  /** Replaces what is at `to`, as rename(2). */
  rename(from: string, to: string): number;
  chmod(path: string, mode: number): number;
  chown(path: string, uid: number, gid: number): number;
  utimes(path: string, atimeSec: number, atimeNsec: number, mtimeSec: number, mtimeNsec: number): number;
  /** Space of the file system at `path`. */
  statfs(path: string): { type: number; bsize: number; blocks: number; bfree: number; bavail: number; files: number; ffree: number } | number;
}
