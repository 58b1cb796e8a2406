import type { Cred } from './cred.ts';
import type { Dentry } from './dentry.ts';
import type { Inode } from './inode.ts';
import type { Mount } from './mount.ts';

/** A place in the tree: a dentry as seen through a mount. */
export class Path {
  readonly mount: Mount;
  readonly dentry: Dentry;
  constructor(mount: Mount, dentry: Dentry) {
    this.mount = mount;
    this.dentry = dentry;
  }

  /** Preconditions: the dentry is not negative. */
  get inode(): Inode {
    return this.dentry.inode!;
  }

  equals(other: Path): boolean {
    return this.mount === other.mount && this.dentry === other.dentry;
  }
}

/** Linux's fs_struct: what CLONE_FS shares. */
export class FsContext {
  root: Path;
  cwd: Path;
  umask: number;
  constructor(root: Path, cwd: Path, umask = 0o022) {
    this.root = root;
    this.cwd = cwd;
    this.umask = umask;
  }

  clone(): FsContext {
    return new FsContext(this.root, this.cwd, this.umask);
  }
}

/** Who walks, and from where: all that path functions need of a task. */
export interface PathContext {
  readonly fs: FsContext;
  readonly cred: Cred;
}

/** What getcwd(2) puts before a directory outside of the root. */
export const UNREACHABLE = '(unreachable)';

/**
 * The name of a place as seen from `root` (d_path): '/a/b'. Places that were removed end in ' (deleted)'; those outside of the root
 * start with `outside`, from the top of what they are mounted in.
 */
export function pathName(path: Path, root: Path, outside = ''): string {
  let { mount, dentry } = path;
  const deleted = dentry.unhashed;
  let text = '';
  for (;;) {
    if (dentry === root.dentry && mount === root.mount) break;
    if (dentry === mount.root) {
      if (mount.parent === null || mount.mountPoint === null) {
        // Above the caller's root, or in a place that is not mounted anywhere (pipes, memfd): those file systems name themselves.
        text = text === '' && dentry.name !== '' ? dentry.name : `${outside}${text === '' ? '/' : text}`;
        break;
      }
      dentry = mount.mountPoint;
      mount = mount.parent;
      continue;
    }
    if (dentry.isRoot) {
      text = text === '' ? dentry.name : `${outside}${text}`;
      break;
    }
    text = `/${dentry.name}${text}`;
    dentry = dentry.parent;
  }
  if (text === '') text = '/';
  return deleted ? `${text} (deleted)` : text;
}
