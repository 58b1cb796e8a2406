import type { Inode } from './inode.ts';

/**
 * A name in a directory as the VFS knows it: an inode, or null for a name known not to be there. The parent of a root is the
 * root itself. A dentry that was unlinked or replaced is `unhashed`: no longer among its parent's children, but still the place
 * of open files and working directories.
 */
export class Dentry {
  name: string;
  parent: Dentry;
  inode: Inode | null;
  children: Map<string, Dentry> | null = null;
  unhashed = false;
  /** How many mounts have this as their mount point, in any namespace: lets the walk skip the look-up. */
  mounts = 0;

  constructor(name: string, parent: Dentry | null, inode: Inode | null) {
    this.name = name;
    this.parent = parent ?? this;
    this.inode = inode;
  }

  get isRoot(): boolean {
    return this.parent === this;
  }

  child(name: string): Dentry | undefined {
    return this.children === null ? undefined : this.children.get(name);
  }

  /** Adds (or replaces) a child. */
  addChild(name: string, inode: Inode | null): Dentry {
    const dentry = new Dentry(name, this, inode);
    (this.children ??= new Map()).set(name, dentry);
    return dentry;
  }

  /** Takes it out of its parent: the name has gone, or is no longer trusted. */
  unhash(): void {
    if (this.unhashed || this.isRoot) return;
    this.unhashed = true;
    const siblings = this.parent.children;
    if (siblings !== null && siblings.get(this.name) === this) siblings.delete(this.name);
  }

  /** Moves it to another name, as rename does. What was there is unhashed. */
  move(parent: Dentry, name: string): void {
    parent.child(name)?.unhash();
    const siblings = this.parent.children;
    if (siblings !== null && siblings.get(this.name) === this) siblings.delete(this.name);
    this.parent = parent;
    this.name = name;
    (parent.children ??= new Map()).set(name, this);
  }

  /** Whether `this` is `other` or lies below it, in one file system. */
  isWithin(other: Dentry): boolean {
    for (let at: Dentry = this; ; at = at.parent) {
      if (at === other) return true;
      if (at.isRoot) return false;
    }
  }
}

/**
 * Forgets names below `root` that nothing needs: those known not to be there, and files that nobody has open. Directories stay: they
 * may be somebody's working directory, whose name must follow renames. How many are left.
 */
export function pruneDentries(root: Dentry): number {
  let left = 1;
  const stack: Dentry[] = [root];
  for (let dir = stack.pop(); dir !== undefined; dir = stack.pop()) {
    if (dir.children === null) continue;
    for (const [name, child] of dir.children) {
      const { inode } = child;
      if (child.mounts === 0 && (inode === null || (!inode.isDirectory && !inode.inUse))) dir.children.delete(name);
      else {
        left++;
        stack.push(child);
      }
    }
  }
  return left;
}
