import { EEXIST, EINVAL, ENODATA, ENOENT, ENOSPC, ENOTEMPTY, ENXIO, EOPNOTSUPP, EPERM, EBUSY, EFBIG } from '../../abi/linux/errno.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../abi/linux/fileMode.ts';
import { Dentry } from '../../vfs/dentry.ts';
import type { FsEnv } from '../../vfs/fsEnv.ts';
import { FileSystem } from '../../vfs/fileSystem.ts';
import { type DirEntry, Inode, type NewInode } from '../../vfs/inode.ts';
import { RENAME_EXCHANGE, RENAME_WHITEOUT } from '../../vfs/namespace.ts';
import type { AttrChange, Stat, StatFs } from '../../vfs/stat.ts';
import { type Backing, Chunks, PAGE } from './chunks.ts';

const TMPFS_MAGIC = 0x01021994;
const XATTR_CREATE = 1;
const XATTR_REPLACE = 2;
const DAY_SECONDS = 86400;
/** fallocate(2) modes. */
export const FALLOC_KEEP_SIZE = 1;
export const FALLOC_PUNCH_HOLE = 2;
export const FALLOC_COLLAPSE = 8;
export const FALLOC_ZERO = 0x10;
export const FALLOC_INSERT = 0x20;
/** F_SEAL_* */
export const SEAL_SEAL = 1;
export const SEAL_SHRINK = 2;
export const SEAL_GROW = 4;
export const SEAL_WRITE = 8;
export const SEAL_FUTURE_WRITE = 0x10;
const SEAL_ALL = 0x3f;

export interface TmpFsOptions {
  /** Bytes; default no limit. */
  size?: number;
  inodes?: number;
  mode?: number;
  uid?: number;
  gid?: number;
  /** Shows sizes of directories as disk file systems do (the upper layer of an overlay stands for a disk). */
  likeDisk?: boolean;
  /** First inode number; the upper layer of an overlay starts where no lower inode is. */
  firstIno?: number;
  typeName?: string;
  dev?: number;
}

/** A file system in memory. */
export class TmpFs extends FileSystem {
  readonly typeName: string;
  readonly likeDisk: boolean;
  private readonly maxPages: number;
  private readonly maxInodes: number;
  private readonly options: TmpFsOptions;
  usedPages = 0;
  usedInodes = 0;
  private nextIno: number;

  constructor(env: FsEnv, options: TmpFsOptions = {}) {
    super(env, ...(options.dev === undefined ? [] : [options.dev] as const));
    this.options = options;
    this.typeName = options.typeName ?? 'tmpfs';
    this.likeDisk = options.likeDisk ?? false;
    this.maxPages = Math.ceil((options.size ?? Infinity) / PAGE);
    this.maxInodes = options.inodes ?? Infinity;
    this.nextIno = options.firstIno ?? 1;
    const init = { mode: S_IFDIR | (options.mode ?? 0o1777), uid: options.uid ?? 0, gid: options.gid ?? 0, rdev: 0 };
    this.root = new Dentry('', null, new TmpDir(this, init));
  }

  takePages(n: number): boolean {
    if (n > 0 && this.usedPages + n > this.maxPages) return false;
    this.usedPages += n;
    return true;
  }
  newIno(): number {
    this.usedInodes++;
    return this.nextIno++;
  }
  get full(): boolean {
    return this.usedInodes >= this.maxInodes;
  }

  /** A file without a name: memfd_create and O_TMPFILE. */
  anonymousFile(init: NewInode): TmpRegular {
    const file = new TmpRegular(this, init);
    file.attr.nlink = 0;
    return file;
  }

  statfs(): StatFs {
    const limited = this.maxPages !== Infinity;
    const total = limited ? this.maxPages : 2 ** 24;
    const free = Math.max(total - this.usedPages, 0);
    const inodes = this.maxInodes === Infinity ? 2 ** 22 : this.maxInodes;
    return {
      type: TMPFS_MAGIC, bsize: PAGE, blocks: total, bfree: free, bavail: free, files: inodes, ffree: inodes - this.usedInodes,
      fsid: [this.dev, 0], namelen: 255, frsize: PAGE, flags: 0,
    };
  }

  override optionsText(): string {
    const parts: string[] = [];
    if (this.options.size !== undefined) parts.push(`size=${Math.ceil(this.options.size / 1024)}k`);
    if (this.options.inodes !== undefined) parts.push(`nr_inodes=${this.options.inodes}`);
    if (this.options.mode !== undefined && this.options.mode !== 0o1777) parts.push(`mode=${this.options.mode.toString(8)}`);
    return parts.join(',');
  }
}

/** What all inodes in memory share: attributes, xattrs, link count and life. */
export class TmpInode extends Inode {
  readonly attr: Stat;
  private xattrs: Map<string, Uint8Array> | null = null;
  private opens = 0;
  readonly tmpfs: TmpFs;

  constructor(tmpfs: TmpFs, init: NewInode) {
    super(tmpfs);
    this.tmpfs = tmpfs;
    const { sec, nsec } = tmpfs.env.now();
    this.attr = {
      dev: tmpfs.dev, ino: tmpfs.newIno(), mode: init.mode, nlink: 1, uid: init.uid, gid: init.gid, rdev: init.rdev, size: 0,
      blksize: PAGE, blocks: 0, atimeSec: sec, atimeNsec: nsec, mtimeSec: sec, mtimeNsec: nsec, ctimeSec: sec, ctimeNsec: nsec,
      btimeSec: sec, btimeNsec: nsec,
    };
  }

  stat(): Stat {
    return this.attr;
  }
  override get type(): number {
    return this.attr.mode & S_IFMT;
  }

  changed(): void {
    const { sec, nsec } = this.tmpfs.env.now();
    this.attr.ctimeSec = sec;
    this.attr.ctimeNsec = nsec;
  }
  modified(): void {
    const { sec, nsec } = this.tmpfs.env.now();
    const { attr } = this;
    attr.ctimeSec = attr.mtimeSec = sec;
    attr.ctimeNsec = attr.mtimeNsec = nsec;
  }

  /** relatime: only when older than the last change, or than a day. */
  override touchAtime(): void {
    const { attr } = this;
    const isOlder = attr.atimeSec < attr.mtimeSec || (attr.atimeSec === attr.mtimeSec && attr.atimeNsec <= attr.mtimeNsec)
      || attr.atimeSec < attr.ctimeSec || (attr.atimeSec === attr.ctimeSec && attr.atimeNsec <= attr.ctimeNsec);
    const { sec, nsec } = this.tmpfs.env.now();
    if (!isOlder && sec - attr.atimeSec < DAY_SECONDS) return;
    attr.atimeSec = sec;
    attr.atimeNsec = nsec;
  }

  override setattr(change: AttrChange): number {
    const { attr } = this;
    if (change.mode !== undefined) attr.mode = (attr.mode & S_IFMT) | change.mode;
    if (change.uid !== undefined) attr.uid = change.uid;
    if (change.gid !== undefined) attr.gid = change.gid;
    this.changed();
    if (change.atimeSec !== undefined) {
      attr.atimeSec = change.atimeSec;
      attr.atimeNsec = change.atimeNsec ?? 0;
    }
    if (change.mtimeSec !== undefined) {
      attr.mtimeSec = change.mtimeSec;
      attr.mtimeNsec = change.mtimeNsec ?? 0;
    }
    return 0;
  }

  override getxattr(name: string): Uint8Array | number {
    return this.xattrs?.get(name) ?? -ENODATA;
  }
  override setxattr(name: string, value: Uint8Array, flags: number): number {
    const had = this.xattrs?.has(name) ?? false;
    if ((flags & XATTR_CREATE) !== 0 && had) return -EEXIST;
    if ((flags & XATTR_REPLACE) !== 0 && !had) return -ENODATA;
    (this.xattrs ??= new Map()).set(name, value);
    this.changed();
    return 0;
  }
  override removexattr(name: string): number {
    if (!this.xattrs?.delete(name)) return -ENODATA;
    this.changed();
    return 0;
  }
  override listxattr(): string[] {
    return this.xattrs === null ? [] : [...this.xattrs.keys()];
  }

  override opened(): void {
    this.opens++;
  }
  override closed(): void {
    if (--this.opens === 0 && this.attr.nlink === 0) this.free();
  }
  /** One name less. */
  unlinked(names = 1): void {
    this.attr.nlink -= names;
    this.changed();
    if (this.attr.nlink === 0 && this.opens === 0) this.free();
  }
  private free(): void {
    // A mapping may still show the pages: mm holds the inode by its mappings.
    if (this.mappings === null) this.dropData();
    this.tmpfs.usedInodes--;
    this.forget();
  }
  /** Gives the space back. */
  protected dropData(): void {}
}

export class TmpSymlink extends TmpInode {
  private readonly target: string;
  constructor(fs: TmpFs, target: string, init: NewInode) {
    super(fs, init);
    this.target = target;
    this.attr.size = target.length;
  }
  override readlink(): string {
    this.touchAtime();
    return this.target;
  }
}

export class TmpRegular extends TmpInode {
  private readonly chunks: Chunks;
  /** F_SEAL_* bits; ordinary files cannot be sealed: F_SEAL_SEAL is on. */
  seals = SEAL_SEAL;

  constructor(fs: TmpFs, init: NewInode) {
    super(fs, init);
    this.chunks = new Chunks((pages) => fs.takePages(pages));
  }

  /** The contents are those of `lower` until they are written (overlay's copy-up). */
  setBacking(lower: Backing, size: number): void {
    this.chunks.setBacking(lower, size);
    this.attr.size = size;
    this.countBlocks();
  }

  private countBlocks(): void {
    this.attr.blocks = this.chunks.occupiedPages * (PAGE / 512);
  }

  override readAt(buf: Uint8Array, offset: number): number {
    const n = Math.min(buf.length, this.attr.size - offset);
    if (n <= 0) return 0;
    this.chunks.read(n === buf.length ? buf : buf.subarray(0, n), offset);
    return n;
  }

  override writeAt(buf: Uint8Array, offset: number): number {
    const { attr } = this;
    if ((this.seals & (SEAL_WRITE | SEAL_FUTURE_WRITE)) !== 0) return -EPERM;
    if ((this.seals & SEAL_GROW) !== 0 && offset + buf.length > attr.size) return -EPERM;
    const n = this.chunks.write(buf, offset);
    if (n === 0) return buf.length === 0 ? 0 : -ENOSPC;
    if (offset + n > attr.size) attr.size = offset + n;
    this.countBlocks();
    this.modified();
    return n;
  }

  override setattr(change: AttrChange): number {
    const { size } = change;
    if (size !== undefined) {
      if (size < this.attr.size && (this.seals & SEAL_SHRINK) !== 0) return -EPERM;
      if (size > this.attr.size && (this.seals & SEAL_GROW) !== 0) return -EPERM;
      if (size > Number.MAX_SAFE_INTEGER) return -EFBIG;
      if (size < this.attr.size) this.chunks.truncate(size);
      this.attr.size = size;
      this.countBlocks();
      this.modified();
    }
    return super.setattr(change);
  }

  override allocate(mode: number, offset: number, length: number): number {
    const end = offset + length;
    const { attr } = this;
    const grows = (mode & FALLOC_KEEP_SIZE) === 0 && end > attr.size;
    switch (mode & ~FALLOC_KEEP_SIZE) {
      case FALLOC_PUNCH_HOLE:
        if ((mode & FALLOC_KEEP_SIZE) === 0) return -EOPNOTSUPP;
        if ((this.seals & (SEAL_WRITE | SEAL_FUTURE_WRITE)) !== 0) return -EPERM;
        this.chunks.punch(offset, Math.min(end, Math.max(attr.size, offset)));
        break;
      case 0:
      case FALLOC_ZERO:
        if ((mode & FALLOC_ZERO) !== 0 && !this.tmpfs.likeDisk) return -EOPNOTSUPP;
        if (grows && (this.seals & SEAL_GROW) !== 0) return -EPERM;
        if ((mode & FALLOC_ZERO) !== 0) this.chunks.punch(offset, end);
        if (!this.chunks.fill(offset, end)) return -ENOSPC;
        if (grows) attr.size = end;
        break;
      case FALLOC_COLLAPSE:
      case FALLOC_INSERT:
        if (!this.tmpfs.likeDisk || (mode & FALLOC_KEEP_SIZE) !== 0) return -EOPNOTSUPP;
        if (offset % PAGE !== 0 || length % PAGE !== 0) return -EINVAL;
        if ((mode & FALLOC_COLLAPSE) !== 0 ? end >= attr.size : offset >= attr.size) return -EINVAL;
        this.shift((mode & FALLOC_COLLAPSE) !== 0 ? end : offset, (mode & FALLOC_COLLAPSE) !== 0 ? offset : end);
        break;
      default:
        return -EOPNOTSUPP;
    }
    this.countBlocks();
    this.modified();
    return 0;
  }

  /** Moves everything from `from` on to `to`; the gap of an insertion becomes a hole. */
  private shift(from: number, to: number): void {
    const tail = new Uint8Array(this.attr.size - from);
    this.chunks.read(tail, from);
    this.chunks.truncate(Math.min(from, to));
    this.chunks.write(tail, to);
    this.attr.size = to + tail.length;
  }

  override seekData(offset: number, hole: boolean): number {
    const at = this.chunks.seek(offset, this.attr.size, hole);
    return !hole && at >= this.attr.size ? -ENXIO : at;
  }

  addSeals(seals: number): number {
    if ((seals & ~SEAL_ALL) !== 0) return -EINVAL;
    if ((this.seals & SEAL_SEAL) !== 0) return -EPERM;
    if ((seals & SEAL_WRITE) !== 0 && (this.mappings?.writableShared ?? 0) > 0) return -EBUSY;
    this.seals |= seals;
    return 0;
  }

  protected override dropData(): void {
    this.chunks.truncate(0);
  }
}

export class TmpDir extends TmpInode {
  private readonly entries = new Map<string, TmpInode>();

  constructor(fs: TmpFs, init: NewInode) {
    super(fs, init);
    this.attr.nlink = 2;
    if (fs.likeDisk) this.attr.blocks = 8;
    this.countSize();
  }

  private countSize(): void {
    this.attr.size = this.tmpfs.likeDisk ? PAGE : 20 * (2 + this.entries.size);
  }
  get isEmpty(): boolean {
    return this.entries.size === 0;
  }

  private add(name: string, inode: TmpInode): TmpInode {
    this.entries.set(name, inode);
    if (inode.isDirectory) this.attr.nlink++;
    this.countSize();
    this.modified();
    return inode;
  }
  private remove(name: string, inode: TmpInode): void {
    this.entries.delete(name);
    if (inode.isDirectory) this.attr.nlink--;
    this.countSize();
    this.modified();
  }

  override lookup(name: string): Inode | number {
    return this.entries.get(name) ?? -ENOENT;
  }
  override list(): DirEntry[] {
    const out: DirEntry[] = [];
    for (const [name, inode] of this.entries) out.push({ name, ino: inode.attr.ino, type: inode.type >>> 12 });
    return out;
  }
  override hasEntry(name: string): boolean {
    return this.entries.has(name);
  }

  override mknod(name: string, init: NewInode): TmpInode | number {
    if (this.tmpfs.full) return -ENOSPC;
    return this.add(name, (init.mode & S_IFMT) === S_IFREG ? new TmpRegular(this.tmpfs, init) : new TmpInode(this.tmpfs, init));
  }
  override mkdir(name: string, init: NewInode): TmpInode | number {
    if (this.tmpfs.full) return -ENOSPC;
    return this.add(name, new TmpDir(this.tmpfs, init));
  }
  override symlink(name: string, target: string, init: NewInode): TmpInode | number {
    if (this.tmpfs.full) return -ENOSPC;
    return this.add(name, new TmpSymlink(this.tmpfs, target, { ...init, mode: S_IFLNK | 0o777 }));
  }
  override tmpfile(init: NewInode): TmpInode | number {
    return this.tmpfs.full ? -ENOSPC : this.tmpfs.anonymousFile(init);
  }

  override link(name: string, inode: Inode): number {
    if (!(inode instanceof TmpInode)) return -EPERM;
    inode.attr.nlink++;
    inode.changed();
    this.add(name, inode);
    return 0;
  }
  override unlink(name: string): number {
    const inode = this.entries.get(name);
    if (inode === undefined) return -ENOENT;
    this.remove(name, inode);
    inode.unlinked();
    return 0;
  }
  override rmdir(name: string): number {
    const inode = this.entries.get(name);
    if (!(inode instanceof TmpDir)) return -ENOENT;
    if (!inode.isEmpty) return -ENOTEMPTY;
    this.remove(name, inode);
    inode.unlinked(2);
    return 0;
  }

  override rename(oldName: string, _inode: Inode, newDir: Inode, newName: string, _target: Inode | null, flags: number): number {
    const inode = this.entries.get(oldName);
    if (inode === undefined || !(newDir instanceof TmpDir)) return -ENOENT;
    const target = newDir.entries.get(newName);
    if ((flags & RENAME_EXCHANGE) !== 0) {
      if (target === undefined) return -ENOENT;
      this.remove(oldName, inode);
      newDir.remove(newName, target);
      this.add(oldName, target);
      newDir.add(newName, inode);
      target.changed();
    } else {
      if (target instanceof TmpDir && !target.isEmpty) return -ENOTEMPTY;
      this.remove(oldName, inode);
      if (target !== undefined) {
        newDir.remove(newName, target);
        target.unlinked(target instanceof TmpDir ? 2 : 1);
      }
      newDir.add(newName, inode);
      if ((flags & RENAME_WHITEOUT) !== 0) this.add(oldName, new TmpInode(this.tmpfs, { mode: 0o020000, uid: 0, gid: 0, rdev: 0 }));
    }
    inode.changed();
    return 0;
  }
}
