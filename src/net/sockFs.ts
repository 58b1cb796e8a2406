import { EOPNOTSUPP } from '../abi/linux/errno.ts';
import { SOCKFS_MAGIC } from '../abi/linux/fs.ts';
import { S_IFSOCK } from '../abi/linux/fileMode.ts';
import { fromLatin1 } from '../machine/guestMemory.ts';
import { Dentry } from '../vfs/dentry.ts';
import { FileSystem } from '../vfs/fileSystem.ts';
import type { FsEnv } from '../vfs/fsEnv.ts';
import { Inode } from '../vfs/inode.ts';
import { Mount } from '../vfs/mount.ts';
import { Path, type PathContext } from '../vfs/path.ts';
import type { AttrChange, Stat, StatFs } from '../vfs/stat.ts';

/** Where open sockets live: mounted nowhere. */
class SockFs extends FileSystem {
  override readonly typeName = 'sockfs';
  override readonly noExec = true;
  readonly mount: Mount;
  nextIno = 8192;

  constructor(env: FsEnv) {
    super(env);
    this.root = new Dentry('socket:', null, new SockInode(this, 1, 0, 0, ''));
    this.mount = new Mount(this, this.root, 'sockfs', 0);
  }

  override statfs(): StatFs {
    return { type: SOCKFS_MAGIC, bsize: 4096, blocks: 0, bfree: 0, bavail: 0, files: 0, ffree: 0, fsid: [0, 0], namelen: 255, frsize: 4096, flags: 0 };
  }
}

const PROTOCOL_NAME = 'system.sockprotoname';

class SockInode extends Inode {
  private readonly attr: Stat;
  /** As /proc/net/protocols has it; lsfd asks for it. */
  private readonly protocolName: string;
  constructor(fs: SockFs, ino: number, uid: number, gid: number, protocolName: string) {
    super(fs);
    this.protocolName = protocolName;
    this.attr = {
      dev: fs.dev, ino, mode: S_IFSOCK | 0o777, nlink: 1, uid, gid, rdev: 0, size: 0, blksize: 4096, blocks: 0,
      atimeSec: 0, atimeNsec: 0, mtimeSec: 0, mtimeNsec: 0, ctimeSec: 0, ctimeNsec: 0, btimeSec: 0, btimeNsec: 0,
    };
  }
  override stat(): Stat {
    return this.attr;
  }
  override setattr(change: AttrChange): number {
    const { mode, size: _size, ...rest } = change;
    Object.assign(this.attr, rest);
    if (mode !== undefined) this.attr.mode = S_IFSOCK | mode;
    return 0;
  }
  override systemXattr(name: string): Uint8Array | number {
    return name === PROTOCOL_NAME ? fromLatin1(`${this.protocolName}\0`) : -EOPNOTSUPP;
  }
  override listxattr(): string[] {
    return [PROTOCOL_NAME];
  }
}

const instances = new WeakMap<FsEnv, SockFs>();

/** The path of a new socket: shown as socket:[ino]. */
export function socketPath(t: PathContext, protocolName: string): Path {
  const { env } = t.fs.root.mount.fs;
  let fs = instances.get(env);
  if (fs === undefined) instances.set(env, (fs = new SockFs(env)));
  const ino = fs.nextIno++;
  return new Path(fs.mount, new Dentry(`socket:[${ino}]`, null, new SockInode(fs, ino, t.cred.fsuid, t.cred.fsgid, protocolName)));
}
