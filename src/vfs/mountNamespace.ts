import { type Mount, topOf } from './mount.ts';
import { type FsContext, Path } from './path.ts';
import { copyMount, lock, makePrivate, treeOf } from './propagation.ts';
import { initialUserNamespace, newNamespaceId, type UserNamespace } from './userNamespace.ts';

/** The mounts that processes see (mount_namespaces(7)). */
export class MountNamespace {
  readonly kind = 'mnt';
  #root!: Mount;
  readonly userNs: UserNamespace;
  readonly id: number;
  private users = 0;

  constructor(root: Mount, userNs: UserNamespace = initialUserNamespace, id = 4026531841) {
    this.userNs = userNs;
    this.root = root;
    this.id = id;
  }

  get root(): Mount {
    return this.#root;
  }
  set root(mount: Mount) {
    mount.owner = this.userNs;
    this.#root = mount;
  }

  acquire(): this {
    this.users++;
    return this;
  }
  /** Without users its mounts are gone: their places can be removed again. The first one stays. */
  release(): void {
    if (--this.users > 0 || this.id === 4026531841) return;
    for (const mount of this.list().reverse()) {
      mount.detach();
      makePrivate(mount);
    }
  }

  /** Whether `mount` is one of these. */
  has(mount: Mount): boolean {
    return mount.top === this.root;
  }

  /** The same mounts for others; `fs` goes over to them. Less privileged ones may not see what is beneath them. */
  copy(userNs: UserNamespace, fs: FsContext): MountNamespace {
    const copies = new Map<Mount, Mount>();
    const lesser = userNs !== this.userNs;
    const visit = (from: Mount, parent: Mount | null): Mount => {
      const to = copyMount(from, from.root, lesser);
      to.locked = parent !== null && from.locked;
      if (lesser) lock(to, parent !== null);
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
    return treeOf(this.root);
  }
}
