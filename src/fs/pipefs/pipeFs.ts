import { PIPEFS_MAGIC } from '../../abi/linux/fs.ts';
import { S_IFIFO } from '../../abi/linux/fileMode.ts';
import { O_RDONLY, O_WRONLY } from '../../abi/linux/openFlags.ts';
import { Dentry } from '../../vfs/dentry.ts';
import type { FileCaller } from '../../vfs/fileDescription.ts';
import { FileSystem } from '../../vfs/fileSystem.ts';
import type { FsEnv } from '../../vfs/fsEnv.ts';
import { Inode } from '../../vfs/inode.ts';
import { Mount } from '../../vfs/mount.ts';
import { Path } from '../../vfs/path.ts';
import type { AttrChange, Stat, StatFs } from '../../vfs/stat.ts';
import type { LocalChannel } from '../../kernel/ipc/localChannels.ts';
import { PipeBuffer } from './pipeBuffer.ts';
import { bindPipe, PipeFile } from './pipeFile.ts';

/** Where pipes without a name live: mounted nowhere. */
class PipeFs extends FileSystem {
  override readonly typeName = 'pipefs';
  override readonly noExec = true;
  readonly mount: Mount;
  private nextIno = 4096;

  constructor(env: FsEnv) {
    super(env);
    this.root = new Dentry('pipe:', null, new PipeInode(this, 1, 0, 0));
    this.mount = new Mount(this, this.root, 'pipefs', 0);
  }

  newInode(uid: number, gid: number): PipeInode {
    return new PipeInode(this, this.nextIno++, uid, gid);
  }

  override statfs(): StatFs {
    return { type: PIPEFS_MAGIC, bsize: 4096, blocks: 0, bfree: 0, bavail: 0, files: 0, ffree: 0, fsid: [this.dev, 0], namelen: 255, frsize: 4096, flags: 0 };
  }
}

class PipeInode extends Inode {
  private readonly attr: Stat;
  constructor(fs: PipeFs, ino: number, uid: number, gid: number) {
    super(fs);
    const { sec, nsec } = fs.env.now();
    this.attr = {
      dev: fs.dev, ino, mode: S_IFIFO | 0o600, nlink: 1, uid, gid, rdev: 0, size: 0, blksize: 4096, blocks: 0,
      atimeSec: sec, atimeNsec: nsec, mtimeSec: sec, mtimeNsec: nsec, ctimeSec: sec, ctimeNsec: nsec, btimeSec: 0, btimeNsec: 0,
    };
  }
  override stat(): Stat {
    return this.attr;
  }
  override setattr(change: AttrChange): number {
    const { mode, size: _size, ...rest } = change;
    Object.assign(this.attr, rest);
    if (mode !== undefined) this.attr.mode = S_IFIFO | mode;
    return 0;
  }
}

const instances = new WeakMap<FsEnv, PipeFs>();

/** Both ends of a new pipe. `flags`: O_NONBLOCK, O_DIRECT. */
export function makePipe(t: FileCaller, flags: number, channel: LocalChannel | null = null): { reader: PipeFile; writer: PipeFile } {
  const { env } = t.fs.root.mount.fs;
  let fs = instances.get(env);
  if (fs === undefined) instances.set(env, (fs = new PipeFs(env)));
  const inode = fs.newInode(t.cred.fsuid, t.cred.fsgid);
  const path = new Path(fs.mount, new Dentry(`pipe:[${inode.stat().ino}]`, null, inode));
  const pipe = new PipeBuffer();
  bindPipe(inode, pipe);
  const reader = new PipeFile(path, O_RDONLY | flags, t.cred, pipe, false), writer = new PipeFile(path, O_WRONLY | flags, t.cred, pipe, false);
  pipe.attach(channel);
  return { reader, writer };
}
