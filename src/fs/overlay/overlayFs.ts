import { ENOENT } from '../../abi/linux/errno.ts';
import { S_IFCHR, S_IFDIR, S_IFMT } from '../../abi/linux/fileMode.ts';
import { Cred } from '../../vfs/cred.ts';
import { Dentry } from '../../vfs/dentry.ts';
import type { FsEnv } from '../../vfs/fsEnv.ts';
import { FileSystem } from '../../vfs/fileSystem.ts';
import type { Inode } from '../../vfs/inode.ts';
import type { Stat, StatFs } from '../../vfs/stat.ts';
import { OverlayDir } from './overlayDir.ts';
import { OverlayInode } from './overlayInode.ts';

/** What the overlay asks of an inode of the upper file system besides the usual: to take over the identity of a lower one. */
export interface UpperInode extends Inode {
  readonly attr: Stat;
}

/** An upper file system: the usual, and files without a name. */
export interface UpperFs extends FileSystem {
  anonymousFile(init: { mode: number; uid: number; gid: number; rdev: number }): Inode;
}

export interface OverlayOptions {
  /** Options column of /proc/mounts. */
  text?: string;
  typeName?: string;
}

/**
 * A writable layer over read-only ones (Documentation/filesystems/overlayfs). All layers must show the device number of the
 * overlay, and the upper one numbers its inodes where no lower one has any: so inode numbers are unique, and stay when a
 * file is copied up. Whiteouts are character devices 0:0 in the upper layer, opaque directories have trusted.overlay.opaque.
 */
export class OverlayFs extends FileSystem {
  readonly typeName: string;
  override readonly nameCache = 'revalidate';
  readonly upper: UpperFs;
  readonly lowers: readonly FileSystem[];
  /** For look-ups of our own in the layers. */
  readonly noCred = new Cred();
  private readonly text: string;
  /** The overlay inode of an upper or lower one: one object for one file, whatever name it is reached by. */
  private readonly inodes = new WeakMap<Inode, OverlayInode>();

  constructor(env: FsEnv, upper: UpperFs, lowers: readonly FileSystem[], options: OverlayOptions = {}) {
    super(env, upper.dev);
    this.upper = upper;
    this.lowers = lowers;
    this.text = options.text ?? '';
    this.typeName = options.typeName ?? 'overlay';
    const root = new OverlayDir(this, upper.root.inode!, lowers.map((fs) => fs.root.inode!), null, '');
    adoptIdentity(upper.root.inode as UpperInode, lowers[0]?.root.inode?.stat() ?? null);
    this.inodes.set(upper.root.inode!, root);
    this.root = new Dentry('', null, root);
  }

  /** The overlay inode for an upper inode (its lowers are only used when it is new) or, with none, for the first lower. */
  wrap(upper: Inode | null, lowers: readonly Inode[], parent: OverlayDir, name: string): OverlayInode {
    const key = upper ?? lowers[0]!;
    let inode = this.inodes.get(key);
    if (inode === undefined || inode.layersChanged(lowers)) {
      inode = key.type === S_IFDIR ? new OverlayDir(this, upper, lowers, parent, name) : new OverlayInode(this, upper, lowers, parent, name);
      this.inodes.set(key, inode);
    } else {
      inode.placed(parent, name);
    }
    return inode;
  }

  /** From now on `upper` stands for `inode` too. */
  remember(upper: Inode, inode: OverlayInode): void {
    this.inodes.set(upper, inode);
  }

  override revalidate(dir: Inode, name: string, inode: Inode | null): boolean {
    if (!(dir instanceof OverlayDir)) return true;
    return dir.stillTrue(name, inode);
  }

  statfs(): StatFs {
    const lower = this.lowers[0];
    const upper = this.upper.statfs();
    if (lower === undefined) return upper;
    return { ...lower.statfs(), type: 0x794c7630, fsid: upper.fsid };
  }
  override optionsText(): string {
    return this.text;
  }
  override pruned(): void {
    for (const fs of this.lowers) fs.pruned();
  }
  override sync(): number {
    return this.upper.sync();
  }
}

export function isWhiteout(inode: Inode): boolean {
  const stat = inode.stat();
  return (stat.mode & S_IFMT) === S_IFCHR && stat.rdev === 0;
}

/** A layer's entry: -ENOENT and whiteouts are told apart because a whiteout hides what lies below. */
export function layerLookup(dir: Inode, name: string, cred: Cred): Inode | 'none' | 'whiteout' | number {
  const found = dir.lookup(name, cred);
  if (typeof found === 'number') return found === -ENOENT ? 'none' : found;
  return isWhiteout(found) ? 'whiteout' : found;
}

/** Copies owner, mode, times and number of a lower inode onto its copy. */
export function adoptIdentity(upper: UpperInode, lower: Stat | null): void {
  if (lower === null) return;
  const { attr } = upper;
  const { size, blocks } = attr;
  Object.assign(attr, lower);
  attr.size = size;
  attr.blocks = blocks;
}
