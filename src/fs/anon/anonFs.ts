import { EOPNOTSUPP } from '../../abi/linux/errno.ts';
import { ANON_INODE_FS_MAGIC } from '../../abi/linux/fs.ts';
import type { FileCaller } from '../../vfs/fileDescription.ts';
import { Dentry } from '../../vfs/dentry.ts';
import { FileSystem } from '../../vfs/fileSystem.ts';
import type { FsEnv } from '../../vfs/fsEnv.ts';
import { Inode } from '../../vfs/inode.ts';
import { Mount } from '../../vfs/mount.ts';
import { Path } from '../../vfs/path.ts';
import type { AttrChange, Stat, StatFs } from '../../vfs/stat.ts';

/** Where descriptors live that are no files: eventfd, epoll, ... All share one inode, as on Linux, and are told apart by name. */
class AnonFs extends FileSystem {
  override readonly typeName = 'anon_inodefs';
  override readonly noExec = true;
  readonly inode: AnonInode;
  readonly mount: Mount;

  constructor(env: FsEnv) {
    super(env);
    this.inode = new AnonInode(this);
    this.root = new Dentry('/', null, this.inode);
    this.mount = new Mount(this, this.root, 'anon_inodefs', 0);
  }

  override statfs(): StatFs {
    return { type: ANON_INODE_FS_MAGIC, bsize: 4096, blocks: 0, bfree: 0, bavail: 0, files: 0, ffree: 0, fsid: [0, 0], namelen: 255, frsize: 4096, flags: 0 };
  }
}

class AnonInode extends Inode {
  /** Permission bits without a file type: that is what Linux's anonymous inode has. */
  override stat(): Stat {
    return {
      dev: this.fs.dev, ino: 1, mode: 0o600, nlink: 1, uid: 0, gid: 0, rdev: 0, size: 0, blksize: 4096, blocks: 0,
      atimeSec: 0, atimeNsec: 0, mtimeSec: 0, mtimeNsec: 0, ctimeSec: 0, ctimeNsec: 0, btimeSec: 0, btimeNsec: 0,
    };
  }
  override setattr(_change: AttrChange): number {
    return -EOPNOTSUPP;
  }
}

const instances = new WeakMap<FsEnv, AnonFs>();

/** The path of a new anonymous file of the given kind ('eventfd'): shown as anon_inode:[eventfd]. */
export function anonPath(t: FileCaller, kind: string): Path {
  const env = t.fs.root.mount.fs.env;
  let fs = instances.get(env);
  if (fs === undefined) instances.set(env, (fs = new AnonFs(env)));
  return new Path(fs.mount, new Dentry(`anon_inode:${kind}`, null, fs.inode));
}
