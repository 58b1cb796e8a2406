import { EFAULT, EINVAL, ENOTTY, EPERM } from '../../abi/linux/errno.ts';
import { NSFS_MAGIC } from '../../abi/linux/fs.ts';
import { S_IFREG } from '../../abi/linux/fileMode.ts';
import { Rlimit } from '../../kernel/fd/rlimits.ts';
import { type AnyNamespace, CLONE_FLAG } from '../../kernel/task/namespaces.ts';
import { PidNamespace } from '../../kernel/task/pidNamespace.ts';
import type { Task } from '../../kernel/task/task.ts';
import type { Cred } from '../../vfs/cred.ts';
import { Dentry } from '../../vfs/dentry.ts';
import { type FileCaller, FileDescription } from '../../vfs/fileDescription.ts';
import { FileSystem } from '../../vfs/fileSystem.ts';
import type { FsEnv } from '../../vfs/fsEnv.ts';
import { Inode } from '../../vfs/inode.ts';
import { Mount } from '../../vfs/mount.ts';
import { MountNamespace } from '../../vfs/mountNamespace.ts';
import { Path } from '../../vfs/path.ts';
import type { AttrChange, Stat, StatFs } from '../../vfs/stat.ts';
import { UserNamespace } from '../../vfs/userNamespace.ts';

const NS_GET_USERNS = 0xb701;
const NS_GET_PARENT = 0xb702;
const NS_GET_NSTYPE = 0xb703;
const NS_GET_OWNER_UID = 0xb704;

/** Where namespaces are files: what the links in /proc/PID/ns lead to. */
class NsFs extends FileSystem {
  override readonly typeName = 'nsfs';
  override readonly noExec = true;
  override readonly nameCache = 'never';
  readonly mount: Mount;
  private readonly paths = new WeakMap<AnyNamespace, Path>();

  constructor(env: FsEnv) {
    super(env);
    this.root = new Dentry('/', null, new NamespaceInode(this, null));
    this.mount = new Mount(this, this.root, 'nsfs', 0);
  }
  /** The same inode each time, so that it can be told by its number. */
  pathOf(namespace: AnyNamespace): Path {
    let path = this.paths.get(namespace);
    if (path === undefined) {
      path = new Path(this.mount, new Dentry(`${namespace.kind}:[${namespace.id}]`, null, new NamespaceInode(this, namespace)));
      this.paths.set(namespace, path);
    }
    return path;
  }
  override statfs(): StatFs {
    return { type: NSFS_MAGIC, bsize: 4096, blocks: 0, bfree: 0, bavail: 0, files: 0, ffree: 0, fsid: [0, 0], namelen: 255, frsize: 4096, flags: 0 };
  }
}

class NamespaceInode extends Inode {
  readonly namespace: AnyNamespace | null;
  constructor(fs: FileSystem, namespace: AnyNamespace | null) {
    super(fs);
    this.namespace = namespace;
  }
  override stat(): Stat {
    return {
      dev: this.fs.dev, ino: this.namespace?.id ?? 1, mode: S_IFREG | 0o444, nlink: 1, uid: 0, gid: 0, rdev: 0, size: 0, blksize: 4096, blocks: 0,
      atimeSec: 0, atimeNsec: 0, mtimeSec: 0, mtimeNsec: 0, ctimeSec: 0, ctimeNsec: 0, btimeSec: 0, btimeNsec: 0,
    };
  }
  override setattr(_change: AttrChange): number {
    return -EPERM;
  }
  override open(flags: number, path: Path, t: FileCaller): FileDescription | number {
    return this.namespace === null ? -EINVAL : new NamespaceFile(path, flags, t.cred, this.namespace);
  }
}

/** A namespace by descriptor (setns(2), ioctl_nsfs(2)). */
export class NamespaceFile extends FileDescription {
  readonly namespace: AnyNamespace;

  constructor(path: Path, flags: number, cred: Cred, namespace: AnyNamespace) {
    super(path, flags, cred);
    this.namespace = namespace;
    if (namespace instanceof MountNamespace) namespace.acquire();
  }
  override read(): number {
    return -EINVAL;
  }
  override write(): number {
    return -EINVAL;
  }
  override ioctl(caller: FileCaller, cmd: number, arg: number): number {
    const t = caller as Task;
    const { namespace } = this;
    switch (cmd) {
      case NS_GET_NSTYPE: return CLONE_FLAG[namespace.kind];
      case NS_GET_USERNS: {
        const owner = namespace instanceof UserNamespace ? namespace.parent : namespace.userNs;
        return owner === null || !owner.isWithin(t.cred.userNs) ? -EPERM : this.descriptor(t, owner);
      }
      case NS_GET_PARENT:
        if (namespace instanceof PidNamespace) return namespace.parent === null || !namespace.parent.isWithin(t.pidNs) ? -EPERM : this.descriptor(t, namespace.parent);
        if (!(namespace instanceof UserNamespace)) return -EINVAL;
        return namespace.parent === null || !namespace.parent.isWithin(t.cred.userNs) ? -EPERM : this.descriptor(t, namespace.parent);
      case NS_GET_OWNER_UID:
        if (!(namespace instanceof UserNamespace)) return -EINVAL;
        return t.memory.setU32(arg, t.cred.userNs.uidOut(namespace.owner)) ? 0 : -EFAULT;
      default: return -ENOTTY;
    }
  }
  private descriptor(t: Task, namespace: AnyNamespace): number {
    const file = new NamespaceFile(namespacePath(t, namespace), 0, t.cred, namespace);
    const fd = t.fds.install(file, true, t.rlimits.cur[Rlimit.NOFILE]!);
    if (fd < 0) file.release();
    return fd;
  }
  protected override close(): void {
    if (this.namespace instanceof MountNamespace) this.namespace.release();
  }
}

const instances = new WeakMap<FsEnv, NsFs>();

export function namespacePath(t: FileCaller, namespace: AnyNamespace): Path {
  const { env } = t.fs.root.mount.fs;
  let fs = instances.get(env);
  if (fs === undefined) instances.set(env, (fs = new NsFs(env)));
  return fs.pathOf(namespace);
}
