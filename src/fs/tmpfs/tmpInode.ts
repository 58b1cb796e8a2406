import { EEXIST, ENODATA } from '../../abi/linux/errno.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../abi/linux/fileMode.ts';
import { FS_EXTENT, Inode, type NewInode } from '../../vfs/inode.ts';
import type { AttrChange, Stat } from '../../vfs/stat.ts';
import { PAGE } from './chunks.ts';
import type { TmpFs } from './tmpFs.ts';

const XATTR_CREATE = 1;
const XATTR_REPLACE = 2;
const DAY_SECONDS = 86400;

/** What all inodes in memory share: attributes, xattrs, link count and life. */
export class TmpInode extends Inode {
  readonly attr: Stat;
  private fileFlags = 0;
  private xattrs: Map<string, Uint8Array> | null = null;
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
    if (tmpfs.likeDisk && this.hasFlags) this.fileFlags = FS_EXTENT;
  }

  stat(): Stat {
    return this.attr;
  }
  override get type(): number {
    return this.attr.mode & S_IFMT;
  }

  override get flags(): number {
    return this.fileFlags;
  }
  override get hasFlags(): boolean {
    return this.type === S_IFREG || this.type === S_IFDIR;
  }
  override setFlags(flags: number): number {
    this.fileFlags = flags;
    this.changed();
    return 0;
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
  override touchAtime(always: boolean): void {
    const { attr } = this;
    const isOlder = attr.atimeSec < attr.mtimeSec || (attr.atimeSec === attr.mtimeSec && attr.atimeNsec <= attr.mtimeNsec)
      || attr.atimeSec < attr.ctimeSec || (attr.atimeSec === attr.ctimeSec && attr.atimeNsec <= attr.ctimeNsec);
    const { sec, nsec } = this.tmpfs.env.now();
    if (!always && !isOlder && sec - attr.atimeSec < DAY_SECONDS) return;
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

  protected override lastClosed(): void {
    if (this.attr.nlink === 0) this.free();
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
    this.touchAtime(false);
    return this.target;
  }
}
