import { ENOENT, ENOSPC, ENOTEMPTY, EPERM } from '../../abi/linux/errno.ts';
import { S_IFLNK, S_IFMT, S_IFREG } from '../../abi/linux/fileMode.ts';
import type { DirEntry, Inode, Listing, NewInode } from '../../vfs/inode.ts';
import { RENAME_EXCHANGE, RENAME_WHITEOUT } from '../../vfs/namespace.ts';
import { PAGE } from './chunks.ts';
import type { TmpFs } from './tmpFs.ts';
import { TmpInode, TmpSymlink } from './tmpInode.ts';
import { TmpRegular } from './tmpRegular.ts';

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
  /** The newest name comes first, as in the kernel's tmpfs (its directories are lists of dentries that grow at the head). */
  override list(): DirEntry[] {
    const out: DirEntry[] = [];
    for (const [name, inode] of this.entries) out.push({ name, ino: inode.attr.ino, type: inode.type >>> 12 });
    return this.tmpfs.likeDisk ? out : out.reverse();
  }
  override snapshot(): Listing {
    const names = [...this.entries.keys()], newestFirst = !this.tmpfs.likeDisk;
    return {
      length: names.length,
      entry: (index) => {
        const name = names[newestFirst ? names.length - 1 - index : index]!, inode = this.entries.get(name);
        return inode === undefined ? null : { name, ino: inode.attr.ino, type: inode.type >>> 12 };
      },
    };
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
