import { EINVAL, EISDIR, ENOTDIR, ENOTTY, EOPNOTSUPP, EPERM } from '../abi/linux/errno.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../abi/linux/fileMode.ts';
import type { Cred } from './cred.ts';
import type { FileCaller, FileDescription } from './fileDescription.ts';
import type { FileSystem } from './fileSystem.ts';
import type { LeaseTable } from './lease.ts';
import type { LockTable } from './locks.ts';
import type { Path, PathContext } from './path.ts';
import type { AttrChange, Stat } from './stat.ts';

/** Inode flags (chattr). */
export const FS_IMMUTABLE = 0x10;
export const FS_APPEND = 0x20;
export const FS_EXTENT = 0x80000;

/** An entry of a directory as a file system lists it ("." and ".." are added by the VFS). */
export interface DirEntry {
  readonly name: string;
  /** 0: it has gone meanwhile. */
  readonly ino: number;
  /** DT_* */
  readonly type: number;
}

/** Entries of a directory as it was. */
export interface Listing {
  readonly length: number;
  /** null: it has gone since. */
  entry(index: number): DirEntry | null;
}

/** What a new inode starts with; the VFS has applied umask, set-group-ID directories and permissions. */
export interface NewInode {
  /** Type and permission bits. */
  mode: number;
  uid: number;
  gid: number;
  /** Device number, of character and block devices. */
  rdev: number;
}

/**
 * Mappings of a file (kernel/mm hangs one in while there are MAP_SHARED areas, or private ones with pages not yet filled).
 * It keeps read/write and mmap coherent: the file's data is the truth, mapped pages are copies.
 */
export interface FileMappings {
  /** Before file bytes are read: dirty mapped pages of the range go into the file. */
  beforeRead(offset: number, length: number): void;
  /** Numbers of mapped pages of the range that may be dirty; writes those of them that are. */
  changed(offset: number, length: number): Float64Array;
  writeBack(pages: Float64Array): void;
  /** After file bytes have changed by write, truncate or fallocate: mapped copies of the range are refreshed or dropped. */
  afterWrite(offset: number, length: number): void;
  /** After the size has changed: pages beyond it give SIGBUS from now on. */
  afterResize(size: number): void;
  /** How many mappings are MAP_SHARED and may be written (F_ADD_SEALS refuses then). */
  readonly writableShared: number;
}

/** inotify's and fanotify's ear on an inode (kernel/ipc implements it). */
export interface InodeWatch {
  /** `mask` IN_* bits; `name` for events on an entry of a directory, else ''. */
  onEvent(mask: number, cookie: number, name: string): void;
}

/**
 * A file, directory, link, device... of a file system. A file system extends this and overrides what its inodes can do;
 * what it leaves gives Linux's error for "not supported". Names are byte strings (one char per byte), never '.', '..',
 * empty, longer than 255 or with a '/'. Permissions, mount flags and existence have been checked by the VFS before a method
 * runs (`src/vfs/namespace.ts`), so a file system only does the work. Results: >= 0 or -errno.
 */
export abstract class Inode {
  readonly fs: FileSystem;
  /** POSIX, OFD and flock locks; null while there have been none. */
  locks: LockTable | null = null;
  leases: LeaseTable | null = null;
  /** See FileMappings; set and cleared by kernel/mm. */
  mappings: FileMappings | null = null;
  watches: Set<InodeWatch> | null = null;
  /** A listening Unix socket bound here (net/). */
  socket: object | null = null;
  /** Writers that have it open, against running it: > 0 makes execve fail with ETXTBSY; < 0 is the count of executions. */
  writeCount = 0;
  /** F_SET_RW_HINT. */
  writeHint = 0;
  /** Descriptions that keep it open. */
  opens = 0;

  constructor(fs: FileSystem) {
    this.fs = fs;
  }

  /** Current attributes. The object may be the inode's own: read it at once, do not keep or change it. */
  abstract stat(): Stat;

  /** S_IFMT bits; never changes. */
  get type(): number {
    return this.stat().mode & S_IFMT;
  }
  get isDirectory(): boolean {
    return this.type === S_IFDIR;
  }

  // ---- directories ----

  /** The entry's inode, or -ENOENT ... */
  lookup(_name: string, _cred: Cred): Inode | number {
    return -ENOTDIR;
  }
  /** All entries, in the file system's order. */
  list(): DirEntry[] | number {
    return -ENOTDIR;
  }
  /** What list() tells, by and by. */
  snapshot(): Listing | number {
    const list = this.list();
    return typeof list === 'number' ? list : { length: list.length, entry: (index) => list[index]! };
  }
  /** False when an entry that list() gave has gone since. */
  hasEntry(_name: string): boolean {
    return true;
  }
  /** Makes a regular file, device, fifo or socket, as init.mode says. */
  mknod(_name: string, _init: NewInode): Inode | number {
    return -EPERM;
  }
  mkdir(_name: string, _init: NewInode): Inode | number {
    return -EPERM;
  }
  symlink(_name: string, _target: string, _init: NewInode): Inode | number {
    return -EPERM;
  }
  link(_name: string, _inode: Inode): number {
    return -EPERM;
  }
  unlink(_name: string, _inode: Inode): number {
    return -EPERM;
  }
  rmdir(_name: string, _inode: Inode): number {
    return -EPERM;
  }
  /** `flags` RENAME_*. `target` is the inode now at newName or null. Types, ancestry and flags agree with rename(2) already. */
  rename(_oldName: string, _inode: Inode, _newDir: Inode, _newName: string, _target: Inode | null, _flags: number): number {
    return -EPERM;
  }
  /** An inode without a name (O_TMPFILE). */
  tmpfile(_init: NewInode): Inode | number {
    return -EOPNOTSUPP;
  }

  // ---- links ----

  /** Target of a symbolic link. `reader` is who reads it: /proc/self depends on that. */
  readlink(_reader?: PathContext): string | number {
    return -EINVAL;
  }
  /** Magic links (/proc/self/fd/N): where they lead, without a name being resolved. null = an ordinary link. */
  followMagic(_reader: PathContext): Path | number | null {
    return null;
  }

  // ---- data ----

  /** Opens it in a way of its own; null = as the VFS does for its type (regular files, directories, devices by number, fifos). */
  open(_flags: number, _path: Path, _t: FileCaller): FileDescription | number | null {
    return null;
  }
  /** Reads file data at `offset`; short at the end. No position, no locks, no mappings: FileDescription and mm call it. */
  readAt(_buf: Uint8Array, _offset: number): number {
    return this.isDirectory ? -EISDIR : -EINVAL;
  }
  writeAt(_buf: Uint8Array, _offset: number): number {
    return this.isDirectory ? -EISDIR : -EINVAL;
  }
  /** fallocate(2) modes; offset and length are checked. */
  allocate(_mode: number, _offset: number, _length: number): number {
    return -EOPNOTSUPP;
  }
  /** SEEK_DATA (hole = false) and SEEK_HOLE; `offset` is inside the file. */
  seekData(offset: number, hole: boolean): number {
    return hole ? this.stat().size : offset;
  }
  fsync(_dataOnly: boolean): number {
    return 0;
  }
  /** Nobody may begin to write: a seal of a memfd. Mappings that could be written before may still be (writeAt does not ask). */
  get writesSealed(): boolean {
    return false;
  }
  /** Data was read: atime, relative to the last change (relatime), or `always`. */
  touchAtime(_always: boolean): void {}

  // ---- attributes ----

  /** Changes attributes; the VFS has checked permission. ctime follows. */
  setattr(_change: AttrChange): number {
    return -EPERM;
  }
  /** Names in `system.` that belong to a file system (not access control lists): they can only be read. */
  systemXattr(_name: string): Uint8Array | number {
    return -EOPNOTSUPP;
  }
  getxattr(_name: string): Uint8Array | number {
    return -EOPNOTSUPP;
  }
  /** flags: XATTR_CREATE 1, XATTR_REPLACE 2. */
  setxattr(_name: string, _value: Uint8Array, _flags: number): number {
    return -EOPNOTSUPP;
  }
  removexattr(_name: string): number {
    return -EOPNOTSUPP;
  }
  listxattr(): string[] | number {
    return [];
  }
  /** Overrides the usual permission check when it answers a number (procfs); null = the usual one. `mask` MAY_* bits. */
  permission(_mask: number, _cred: Cred): number | null {
    return null;
  }
  /** Inode flags of FS_IOC_GETFLAGS: FS_IMMUTABLE and FS_APPEND are what the VFS heeds. */
  get flags(): number {
    return 0;
  }
  /** Whether there are such flags; setFlags() changes them. */
  get hasFlags(): boolean {
    return false;
  }
  setFlags(_flags: number): number {
    return -ENOTTY;
  }
  /** The last name and the last description have gone. */
  forget(): void {}
  /** A description keeps it open: unlinked inodes live until the last one goes. */
  opened(): void {
    this.opens++;
  }
  closed(): void {
    if (--this.opens === 0) this.lastClosed();
  }
  protected lastClosed(): void {}

  /** Whether something besides its name holds on to it, so that caches must not forget it. */
  get inUse(): boolean {
    return this.opens > 0 || this.mappings !== null || this.locks !== null || this.watches !== null || this.socket !== null;
  }
}

export const isRegular = (mode: number): boolean => (mode & S_IFMT) === S_IFREG;
export const isDir = (mode: number): boolean => (mode & S_IFMT) === S_IFDIR;
export const isLink = (mode: number): boolean => (mode & S_IFMT) === S_IFLNK;
