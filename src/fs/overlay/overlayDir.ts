import { ENOENT, ENOTEMPTY, EROFS, ESTALE, EXDEV } from '../../abi/linux/errno.ts';
import { S_IFCHR, S_IFDIR } from '../../abi/linux/fileMode.ts';
import type { Cred } from '../../vfs/cred.ts';
import type { DirEntry, Inode, NewInode } from '../../vfs/inode.ts';
import { RENAME_EXCHANGE, RENAME_WHITEOUT } from '../../vfs/namespace.ts';
import { isWhiteout, layerLookup, type UpperInode } from './overlayFs.ts';
import { OverlayInode } from './overlayInode.ts';

const OPAQUE = 'trusted.overlay.opaque';
const YES = Uint8Array.of(0x79);
const WHITEOUT: NewInode = { mode: S_IFCHR, uid: 0, gid: 0, rdev: 0 };

/** A directory of the overlay: what the upper layer has, and what the lower ones have that it does not hide. */
export class OverlayDir extends OverlayInode {
  private get isOpaque(): boolean {
    return this.upper !== null && typeof this.upper.getxattr(OPAQUE) !== 'number';
  }
  /** The lower directories that show through. */
  private get visibleLowers(): readonly Inode[] {
    return this.isOpaque ? [] : this.lowers;
  }

  override layersChanged(lowers: readonly Inode[]): boolean {
    return this.upper === null && lowers.length !== this.lowers.length;
  }

  /** Whether a kept name is right: only what comes from a lower layer can change behind our back. */
  stillTrue(name: string, inode: Inode | null): boolean {
    if (inode !== null) {
      if (!(inode instanceof OverlayInode) || inode.upper !== null) return true;
      const lower = inode.lowers[0]!;
      const dir = this.lowers.find((l) => l.fs === lower.fs);
      return dir === undefined || lower.fs.nameCache === 'always' || lower.fs.revalidate(dir, name, lower);
    }
    for (const dir of this.lowers) if (dir.fs.nameCache !== 'always' && !dir.fs.revalidate(dir, name, null)) return false;
    return true;
  }

  override lookup(name: string, cred: Cred): Inode | number {
    let upper: Inode | null = null;
    if (this.upper !== null) {
      const found = layerLookup(this.upper, name, cred);
      if (typeof found === 'number') return found;
      if (found === 'whiteout') return -ENOENT;
      if (found !== 'none') {
        upper = found;
        if (upper.type !== S_IFDIR) return this.overlay.wrap(upper, [], this, name);
      }
    }
    const lowers: Inode[] = [];
    for (const dir of this.visibleLowers) {
      const found = layerLookup(dir, name, cred);
      if (found === 'none') continue;
      if (found === 'whiteout') break;
      if (typeof found === 'number') {
        if (upper !== null || lowers.length > 0) break;
        return found;
      }
      if (found.type !== S_IFDIR) {
        if (upper === null && lowers.length === 0) lowers.push(found);
        break;
      }
      lowers.push(found);
      if (typeof found.getxattr(OPAQUE) !== 'number') break;
    }
    if (upper === null && lowers.length === 0) return -ENOENT;
    return this.overlay.wrap(upper, lowers, this, name);
  }

  override list(): DirEntry[] | number {
    const seen = new Set<string>();
    const out: DirEntry[] = [];
    const hidden = new Map<string, DirEntry>();
    const upperEntries = this.upper === null ? [] : this.upper.list();
    if (typeof upperEntries === 'number') return upperEntries;
    for (const entry of upperEntries) hidden.set(entry.name, entry);
    for (const dir of this.visibleLowers) {
      const entries = dir.list();
      if (typeof entries === 'number') return entries;
      const gone: string[] = [];
      for (const entry of entries) {
        if (seen.has(entry.name)) continue;
        const over = hidden.get(entry.name);
        // A whiteout of this layer hides what lies in the layers below it.
        if (entry.type === S_IFCHR >>> 12 && this.isLayerWhiteout(dir, entry.name)) gone.push(entry.name);
        else if (over === undefined) out.push(entry);
        else if (!this.isUpperWhiteout(over)) out.push(over);
        seen.add(entry.name);
      }
    }
    for (const entry of upperEntries) if (!seen.has(entry.name) && !this.isUpperWhiteout(entry)) out.push(entry);
    return out;
  }

  private isLayerWhiteout(dir: Inode, name: string): boolean {
    const inode = dir.lookup(name, this.overlay.noCred);
    return typeof inode !== 'number' && isWhiteout(inode);
  }
  private isUpperWhiteout(entry: DirEntry): boolean {
    return entry.type === S_IFCHR >>> 12 && this.isLayerWhiteout(this.upper!, entry.name);
  }

  override hasEntry(name: string): boolean {
    const upper = this.upper?.lookup(name, this.overlay.noCred);
    if (upper === undefined || typeof upper === 'number') return this.lowers.length > 0 && this.inLowers(name);
    return !isWhiteout(upper);
  }

  private inLowers(name: string): boolean {
    return this.visibleLowers.some((dir) => {
      const found = dir.lookup(name, this.overlay.noCred);
      return typeof found !== 'number' && !isWhiteout(found);
    });
  }

  // ---- changes ----

  /** The upper directory, made when needed. */
  private upperDir(): Inode | number {
    const result = this.copyUp();
    return result < 0 ? result : this.upper!;
  }

  /** Adds a copy of what shows here already: the directory's times and link count stay as they are. */
  addQuietly(make: (dir: Inode) => Inode | number, isDirectory: boolean): Inode | number {
    const dir = this.upperDir();
    if (typeof dir === 'number') return dir;
    const before = { ...dir.stat() };
    const made = make(dir);
    if (typeof made === 'number') return made;
    const { attr } = dir as UpperInode;
    if (isDirectory) attr.nlink = before.nlink;
    attr.mtimeSec = before.mtimeSec;
    attr.mtimeNsec = before.mtimeNsec;
    attr.ctimeSec = before.ctimeSec;
    attr.ctimeNsec = before.ctimeNsec;
    return made;
  }

  /** Makes something new, in the place of a whiteout when there is one. */
  private makeNew(name: string, make: (dir: Inode) => Inode | number): Inode | number {
    if (this.overlay.readOnly) return -EROFS;
    const dir = this.upperDir();
    if (typeof dir === 'number') return dir;
    const hid = this.removeWhiteout(dir, name);
    const upper = make(dir);
    if (typeof upper === 'number') {
      if (hid) dir.mknod(name, WHITEOUT);
      return upper;
    }
    if (upper.type === S_IFDIR && (hid || this.inLowers(name))) upper.setxattr(OPAQUE, YES, 0);
    return this.overlay.wrap(upper, [], this, name);
  }

  private removeWhiteout(dir: Inode, name: string): boolean {
    const there = dir.lookup(name, this.overlay.noCred);
    if (typeof there === 'number' || !isWhiteout(there)) return false;
    dir.unlink(name, there);
    return true;
  }

  override mknod(name: string, init: NewInode): Inode | number {
    return this.makeNew(name, (dir) => dir.mknod(name, init));
  }
  override mkdir(name: string, init: NewInode): Inode | number {
    return this.makeNew(name, (dir) => dir.mkdir(name, init));
  }
  override symlink(name: string, target: string, init: NewInode): Inode | number {
    return this.makeNew(name, (dir) => dir.symlink(name, target, init));
  }
  override tmpfile(init: NewInode): Inode | number {
    if (this.overlay.readOnly) return -EROFS;
    const dir = this.upperDir();
    if (typeof dir === 'number') return dir;
    const upper = dir.tmpfile(init);
    if (typeof upper === 'number') return upper;
    const inode = this.overlay.wrap(upper, [], this, '');
    inode.unlinked = true;
    return inode;
  }

  override link(name: string, inode: Inode): number {
    if (!(inode instanceof OverlayInode)) return -EXDEV;
    const result = inode.copyUp();
    if (result < 0) return result;
    const made = this.makeNew(name, (dir) => {
      const linked = dir.link(name, inode.upper!);
      return linked < 0 ? linked : inode.upper!;
    });
    return typeof made === 'number' ? made : 0;
  }

  override unlink(name: string, inode: Inode): number {
    if (!(inode instanceof OverlayInode)) return -ESTALE;
    if (this.overlay.readOnly) return -EROFS;
    // Its other names must see one link less.
    if (inode.upper === null && inode.stat().nlink > 1) {
      const result = inode.copyUp();
      if (result < 0) return result;
    }
    const result = this.removeName(name, inode);
    if (result < 0) return result;
    if (inode.stat().nlink === 0 || inode.upper === null) inode.unlinked = true;
    return 0;
  }

  override rmdir(name: string, inode: Inode): number {
    if (!(inode instanceof OverlayDir)) return -ESTALE;
    if (this.overlay.readOnly) return -EROFS;
    const entries = inode.list();
    if (typeof entries === 'number') return entries;
    if (entries.length > 0) return -ENOTEMPTY;
    const result = this.removeName(name, inode);
    if (result < 0) return result;
    inode.unlinked = true;
    return 0;
  }

  /** Takes `name` away: from the upper layer, and with a whiteout from the lower ones. */
  private removeName(name: string, inode: OverlayInode): number {
    const dir = this.upperDir();
    if (typeof dir === 'number') return dir;
    const isDirectory = inode.type === S_IFDIR;
    const there = dir.lookup(name, this.overlay.noCred);
    const inUpper = typeof there !== 'number';
    if (inUpper) {
      if (isDirectory) removeWhiteouts(there, this.overlay.noCred);
      const result = isDirectory ? dir.rmdir(name, there) : dir.unlink(name, there);
      if (result < 0) return result;
    } else {
      if (isDirectory) (dir as UpperInode).attr.nlink--;
      // The upper inode of a lower hard link: reached by another name.
      if (inode.upper !== null) (inode.upper as UpperInode & { unlinked(): void }).unlinked();
    }
    if (this.inLowers(name)) {
      const made = dir.mknod(name, WHITEOUT);
      if (typeof made === 'number') return made;
    }
    return 0;
  }

  override rename(oldName: string, inode: Inode, newDir: Inode, newName: string, target: Inode | null, flags: number): number {
    if (!(inode instanceof OverlayInode) || !(newDir instanceof OverlayDir)) return -EXDEV;
    if (this.overlay.readOnly) return -EROFS;
    if (target instanceof OverlayDir && (flags & RENAME_EXCHANGE) === 0) {
      const entries = target.list();
      if (typeof entries === 'number') return entries;
      if (entries.length > 0) return -ENOTEMPTY;
    }
    let result = this.bringUp(oldName, inode);
    if (result < 0) return result;
    const to = newDir.upperDir();
    if (typeof to === 'number') return to;
    if ((flags & RENAME_EXCHANGE) !== 0) return this.exchange(oldName, inode, newDir, newName, target as OverlayInode);
    if (target instanceof OverlayInode) {
      result = target instanceof OverlayDir ? newDir.rmdir(newName, target) : newDir.unlink(newName, target);
      if (result < 0) return result;
    }
    newDir.removeWhiteout(to, newName);
    const hides = this.inLowers(oldName);
    result = this.upper!.rename(oldName, inode.upper!, to, newName, null, 0);
    if (result < 0) return result;
    if (hides || (flags & RENAME_WHITEOUT) !== 0) this.upper!.mknod(oldName, WHITEOUT);
    inode.placed(newDir, newName);
    return 0;
  }

  /** The inode with an upper part that lies in the upper directory under this name (a lower hard link may have it elsewhere). */
  private bringUp(name: string, inode: OverlayInode): number {
    inode.placed(this, name);
    const result = inode.copyUp();
    if (result < 0) return result;
    const dir = this.upperDir();
    if (typeof dir === 'number') return dir;
    if (typeof dir.lookup(name, this.overlay.noCred) !== 'number') return 0;
    const linked = dir.link(name, inode.upper!);
    if (linked === 0) (inode.upper as UpperInode).attr.nlink--;
    return linked;
  }

  private exchange(oldName: string, inode: OverlayInode, newDir: OverlayDir, newName: string, target: OverlayInode): number {
    let result = newDir.bringUp(newName, target);
    if (result < 0) return result;
    result = this.upper!.rename(oldName, inode.upper!, newDir.upper!, newName, target.upper!, RENAME_EXCHANGE);
    if (result < 0) return result;
    inode.placed(newDir, newName);
    target.placed(this, oldName);
    return 0;
  }
}

/** An upper directory that shows nothing may still hold whiteouts. */
function removeWhiteouts(dir: Inode, cred: Cred): void {
  const entries = dir.list();
  if (typeof entries === 'number') return;
  for (const { name } of entries) {
    const inode = dir.lookup(name, cred);
    if (typeof inode !== 'number' && isWhiteout(inode)) dir.unlink(name, inode);
  }
}
