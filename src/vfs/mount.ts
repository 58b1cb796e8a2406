import { MS_RDONLY } from '../abi/linux/fs.ts';
import type { Dentry } from './dentry.ts';
import type { FileSystem } from './fileSystem.ts';
import { Path } from './path.ts';

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
  /** Open descriptions, working directories...: counted for umount's EBUSY. */
  users = 0;

  constructor(fs: FileSystem, root: Dentry, source: string, flags: number) {
    this.fs = fs;
    this.root = root;
    this.source = source;
    this.flags = flags;
  }

  get readOnly(): boolean {
    return (this.flags & MS_RDONLY) !== 0 || this.fs.readOnly;
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

/** The mounts that a process sees (one for all, so far). */
export class MountNamespace {
  readonly root: Mount;
  constructor(root: Mount) {
    this.root = root;
  }

  get rootPath(): Path {
    return topOf(new Path(this.root, this.root.root));
  }

  /** All mounts, parents before children. */
  list(): Mount[] {
    const out: Mount[] = [];
    const visit = (mount: Mount): void => {
      out.push(mount);
      mount.children.forEach(visit);
    };
    visit(this.root);
    return out;
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
