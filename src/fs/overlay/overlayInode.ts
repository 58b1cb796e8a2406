import { ENODATA, EROFS, ESTALE } from '../../abi/linux/errno.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../abi/linux/fileMode.ts';
import type { FileCaller, FileDescription } from '../../vfs/fileDescription.ts';
import { FS_EXTENT, Inode } from '../../vfs/inode.ts';
import type { Path } from '../../vfs/path.ts';
import type { AttrChange, Stat } from '../../vfs/stat.ts';
import { TmpRegular } from '../tmpfs/tmpRegular.ts';
import type { OverlayDir } from './overlayDir.ts';
import { adoptIdentity, type OverlayFs, type UpperInode } from './overlayFs.ts';

/** Files up to this size are copied at once; larger ones page by page as they are written. */
const COPY_AT_ONCE = 1 << 20;
const COPY_BUFFER = 1 << 18;
const PRIVATE_XATTRS = 'trusted.overlay.';

/** A file of the overlay: the upper inode when there is one, else the first lower one. */
export class OverlayInode extends Inode {
  readonly overlay: OverlayFs;
  upper: Inode | null;
  readonly lowers: readonly Inode[];
  /** Where it lies: for copy-up. parent is null for the root. */
  parent: OverlayDir | null;
  name: string;
  unlinked = false;

  constructor(fs: OverlayFs, upper: Inode | null, lowers: readonly Inode[], parent: OverlayDir | null, name: string) {
    super(fs);
    this.overlay = fs;
    this.upper = upper;
    this.lowers = lowers;
    this.parent = parent;
    this.name = name;
  }

  /** The layer's inode that shows now. */
  get real(): Inode {
    return this.upper ?? this.lowers[0]!;
  }
  stat(): Stat {
    const stat = this.real.stat();
    return this.unlinked && this.upper === null ? { ...stat, nlink: 0 } : stat;
  }
  override get type(): number {
    return this.real.type;
  }
  override get flags(): number {
    if (this.upper !== null) return this.upper.flags;
    return this.hasFlags ? FS_EXTENT : 0;
  }
  override get hasFlags(): boolean {
    const { type } = this;
    return type === S_IFREG || type === S_IFDIR;
  }
  override setFlags(flags: number): number {
    const result = this.copyUp();
    return result < 0 ? result : this.upper!.setFlags(flags);
  }

  placed(parent: OverlayDir, name: string): void {
    this.parent = parent;
    this.name = name;
    this.unlinked = false;
  }

  /** Whether the lower layers have changed beneath a merged directory, so that a new object is needed. */
  layersChanged(_lowers: readonly Inode[]): boolean {
    return false;
  }

  override readlink(): string | number {
    return this.real.readlink();
  }
  override readAt(buf: Uint8Array, offset: number): number {
    return this.real.readAt(buf, offset);
  }
  override seekData(offset: number, hole: boolean): number {
    return this.real.seekData(offset, hole);
  }
  override fsync(dataOnly: boolean): number {
    return this.upper === null ? 0 : this.upper.fsync(dataOnly);
  }
  override touchAtime(always: boolean): void {
    this.upper?.touchAtime(always);
  }

  override writeAt(buf: Uint8Array, offset: number): number {
    const result = this.copyUp();
    return result < 0 ? result : this.upper!.writeAt(buf, offset);
  }
  override allocate(mode: number, offset: number, length: number): number {
    const result = this.copyUp();
    return result < 0 ? result : this.upper!.allocate(mode, offset, length);
  }
  override setattr(change: AttrChange): number {
    const result = this.copyUp(change.size === 0);
    return result < 0 ? result : this.upper!.setattr(change);
  }

  override getxattr(name: string): Uint8Array | number {
    return name.startsWith(PRIVATE_XATTRS) ? -ENODATA : this.real.getxattr(name);
  }
  override setxattr(name: string, value: Uint8Array, flags: number): number {
    const result = this.copyUp();
    return result < 0 ? result : this.upper!.setxattr(name, value, flags);
  }
  override removexattr(name: string): number {
    const had = this.real.getxattr(name);
    if (typeof had === 'number') return had;
    const result = this.copyUp();
    return result < 0 ? result : this.upper!.removexattr(name);
  }
  override listxattr(): string[] | number {
    const names = this.real.listxattr();
    return typeof names === 'number' ? names : names.filter((name) => !name.startsWith(PRIVATE_XATTRS));
  }

  override open(flags: number, path: Path, t: FileCaller): FileDescription | number | null {
    return this.real.open(flags, path, t);
  }
  override opened(): void {
    super.opened();
    this.real.opened();
  }
  override closed(): void {
    super.closed();
    this.real.closed();
  }

  /** Makes sure that there is an upper inode. `empty`: the data will be cut off, so it need not be copied. 0 or -errno. */
  copyUp(empty = false): number {
    if (this.upper !== null) return 0;
    if (this.overlay.readOnly) return -EROFS;
    const lower = this.lowers[0]!;
    const stat = { ...lower.stat() };
    const made = this.makeUpper(stat);
    if (typeof made === 'number') return made;
    const upper = made as UpperInode;
    const names = lower.listxattr();
    if (typeof names !== 'number') {
      for (const name of names) {
        const value = lower.getxattr(name);
        if (typeof value !== 'number') upper.setxattr(name, value, 0);
      }
    }
    if (!empty && (stat.mode & S_IFMT) === S_IFREG) {
      const result = copyData(lower, upper, stat.size);
      if (result < 0) {
        this.dropUpper();
        return result;
      }
    }
    adoptIdentity(upper, stat);
    if (this.unlinked) upper.attr.nlink = 0;
    // Whoever has it open moves over.
    for (let i = 0; i < this.opens; i++) {
      upper.opened();
      lower.closed();
    }
    // Its other names lead here through the lower inode, which must therefore not be forgotten.
    if (stat.nlink > 1) lower.opened();
    this.upper = upper;
    this.overlay.remember(upper, this);
    return 0;
  }

  /** An empty upper inode like the lower one at the same place. */
  private makeUpper(stat: Stat): Inode | number {
    const init = { mode: stat.mode, uid: stat.uid, gid: stat.gid, rdev: stat.rdev };
    if (this.unlinked) return this.overlay.upper.anonymousFile(init);
    const { parent } = this;
    if (parent === null) return -ESTALE;
    return parent.addQuietly((dir) => {
      if ((stat.mode & S_IFMT) === S_IFDIR) return dir.mkdir(this.name, init);
      if ((stat.mode & S_IFMT) !== S_IFLNK) return dir.mknod(this.name, init);
      const target = this.lowers[0]!.readlink();
      return typeof target === 'number' ? target : dir.symlink(this.name, target, init);
    }, (stat.mode & S_IFMT) === S_IFDIR);
  }

  private dropUpper(): void {
    const dir = this.parent?.upper;
    const made = dir?.lookup(this.name, this.overlay.noCred);
    if (!this.unlinked && dir && made !== undefined && typeof made !== 'number') dir.unlink(this.name, made);
  }
}

function copyData(from: Inode, to: Inode, size: number): number {
  if (size > COPY_AT_ONCE && to instanceof TmpRegular) {
    to.setBacking(from, size);
    return 0;
  }
  const buf = new Uint8Array(Math.min(size, COPY_BUFFER));
  for (let offset = 0; offset < size; ) {
    const n = from.readAt(buf, offset);
    if (n < 0) return n;
    if (n === 0) break;
    for (let done = 0; done < n; ) {
      const written = to.writeAt(buf.subarray(done, n), offset + done);
      if (written < 0) return written;
      done += written;
    }
    offset += n;
  }
  return 0;
}
