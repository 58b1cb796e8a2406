import { EBUSY, EFBIG, EINVAL, ENOSPC, ENXIO, EOPNOTSUPP, EPERM } from '../../abi/linux/errno.ts';
import type { NewInode } from '../../vfs/inode.ts';
import type { AttrChange } from '../../vfs/stat.ts';
import { type Backing, Chunks, PAGE } from './chunks.ts';
import type { TmpFs } from './tmpFs.ts';
import { TmpInode } from './tmpInode.ts';

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

/** A regular file in memory. */
export class TmpRegular extends TmpInode {
  private readonly chunks: Chunks;
  /** F_SEAL_* bits; ordinary files cannot be sealed: F_SEAL_SEAL is on. */
  seals = SEAL_SEAL;

  constructor(fs: TmpFs, init: NewInode) {
    super(fs, init);
    this.chunks = new Chunks((pages) => fs.takePages(pages));
  }

  override get writesSealed(): boolean {
    return (this.seals & (SEAL_WRITE | SEAL_FUTURE_WRITE)) !== 0;
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
        if (this.writesSealed) return -EPERM;
        this.chunks.punch(offset, Math.min(end, Math.max(attr.size, offset)));
        break;
      case 0:
      case FALLOC_ZERO:
        if ((mode & FALLOC_ZERO) !== 0 && !this.tmpfs.likeDisk) return -EOPNOTSUPP;
        if (grows && (this.seals & SEAL_GROW) !== 0) return -EPERM;
        if ((mode & FALLOC_ZERO) !== 0) this.chunks.punch(offset, end);
        if (Math.ceil(end / PAGE) - Math.floor(offset / PAGE) > this.tmpfs.maxPages || !this.chunks.fill(offset, end)) return -ENOSPC;
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
    this.chunks.shift(from, to);
    this.attr.size += to - from;
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
