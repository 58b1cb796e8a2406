import { MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY } from '../abi/linux/fs.ts';
import type { Dentry } from './dentry.ts';
import type { FileSystem } from './fileSystem.ts';
import { type FsContext, Path } from './path.ts';
import { initialUserNamespace, newNamespaceId, type UserNamespace } from './userNamespace.ts';

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
  /** Nor may what it does about access times. */
  atimeLocked = false;
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

const LOCKABLE = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;

/** The mounts that processes see (mount_namespaces(7)). */
export class MountNamespace {
  readonly kind = 'mnt';
  root: Mount;
  readonly userNs: UserNamespace;
  readonly id: number;
  private users = 0;

  constructor(root: Mount, userNs: UserNamespace = initialUserNamespace, id = 4026531841) {
    this.root = root;
    this.userNs = userNs;
    this.id = id;
  }

  acquire(): this {
    this.users++;
    return this;
  }
  /** Without users its mounts are gone: their places can be removed again. The first one stays. */
  release(): void {
    if (--this.users > 0 || this.id === 4026531841) return;
    for (const mount of this.list().reverse()) mount.detach();
  }

  /** Whether `mount` is one of these. */
  has(mount: Mount): boolean {
    let at = mount;
    while (at.parent !== null) at = at.parent;
    return at === this.root;
  }

  /** The same mounts for others; `fs` goes over to them. Less privileged ones may not see what is beneath them. */
  copy(userNs: UserNamespace, fs: FsContext): MountNamespace {
    const copies = new Map<Mount, Mount>();
    const lesser = userNs !== this.userNs;
    const visit = (from: Mount, parent: Mount | null): Mount => {
      const to = new Mount(from.fs, from.root, from.source, from.flags);
      to.locked = parent !== null && (lesser || from.locked);
      to.atimeLocked = lesser || from.atimeLocked;
      to.lockedFlags = lesser ? from.flags & LOCKABLE : from.lockedFlags;
      copies.set(from, to);
      if (parent !== null) to.attach(parent, from.mountPoint!);
      for (const child of from.children) visit(child, to);
      return to;
    };
    const ns = new MountNamespace(visit(this.root, null), userNs, newNamespaceId());
    const moved = (path: Path): Path => {
      const mount = copies.get(path.mount);
      return mount === undefined ? path : new Path(mount, path.dentry);
    };
    fs.root = moved(fs.root);
    fs.cwd = moved(fs.cwd);
    return ns;
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
