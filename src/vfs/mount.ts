import { MS_NOEXEC, MS_RDONLY } from '../abi/linux/fs.ts';
import type { Dentry } from './dentry.ts';
import type { FileSystem } from './fileSystem.ts';
import { Path } from './path.ts';
import type { PeerGroup } from './propagation.ts';
import type { UserNamespace } from './userNamespace.ts';

let nextMountId = 1;

/** A file system (or a part of it: `root`) attached at a place. */
export class Mount {
  readonly id: number = nextMountId++;
  readonly fs: FileSystem;
  /** What of the file system is seen at the mount point. */
  readonly root: Dentry;
  /** Where it is attached; null for a namespace's root mount and for one that was unmounted. */
  parent: Mount | null = null;
  mountPoint: Dentry | null = null;
  flags: number;
  /** First column of /proc/mounts. */
  readonly source: string;
  readonly children: Mount[] = [];
  /** It came from a more privileged namespace: may not be taken away, as what is under it was not to be seen (MNT_LOCKED). */
  locked = false;
  /** Flags that came from there and may not be cleared. */
  lockedFlags = 0;
  /** Its peers, when it is shared; those it is a slave of. */
  group: PeerGroup | null = null;
  master: PeerGroup | null = null;
  /** It may not be bound elsewhere. */
  unbindable = false;
  /** Nor may what it does about access times. */
  atimeLocked = false;
  /** It is nobody's yet, or not any more: only a descriptor keeps it (open_tree, fsmount). */
  anonymous = false;
  /** Nobody can walk to it: the kernel's own (memfd_create). */
  isInternal = false;
  /** Of the first mount of a namespace: who has rights over that. */
  owner: UserNamespace | null = null;

  constructor(fs: FileSystem, root: Dentry, source: string, flags: number) {
    this.fs = fs;
    this.root = root;
    this.source = source;
    this.flags = flags;
  }

  get readOnly(): boolean {
    return (this.flags & MS_RDONLY) !== 0 || this.fs.readOnly;
  }

  /** Nothing that lies in it is run, or mapped to be. */
  get noExec(): boolean {
    return (this.flags & MS_NOEXEC) !== 0 || this.fs.noExec;
  }

  /** The first mount of its tree. */
  get top(): Mount {
    let at: Mount = this;
    while (at.parent !== null) at = at.parent;
    return at;
  }

  /** The mount on top of `dentry` of this mount, or null. The newest wins when several are stacked. */
  mountedOn(dentry: Dentry): Mount | null {
    if (dentry.mounts === 0) return null;
    for (let i = this.children.length - 1; i >= 0; i--) {
      const child = this.children[i]!;
      if (child.mountPoint === dentry) return child;
    }
    return null;
  }

  attach(parent: Mount, at: Dentry): void {
    this.parent = parent;
    this.mountPoint = at;
    parent.children.push(this);
    at.mounts++;
  }

  detach(): void {
    const parent = this.parent;
    if (parent === null || this.mountPoint === null) return;
    parent.children.splice(parent.children.indexOf(this), 1);
    this.mountPoint.mounts--;
    this.parent = null;
    this.mountPoint = null;
  }
}

/** Goes down into whatever is mounted on `path`. */
export function topOf(path: Path): Path {
  let { mount, dentry } = path;
  if (dentry.mounts === 0) return path;
  for (let over = mount.mountedOn(dentry); over !== null; over = mount.mountedOn(dentry)) {
    mount = over;
    dentry = over.root;
  }
  return mount === path.mount && dentry === path.dentry ? path : new Path(mount, dentry);
}
