import type { FileSystem } from '../../vfs/fileSystem.ts';
import { Inode, type NewInode } from '../../vfs/inode.ts';
import type { AttrChange, Stat } from '../../vfs/stat.ts';

let nextIno = 0xf800_0000;

/** A fifo, socket, device (or link) in a host directory that the host itself does not have. Gone when the emulator ends. */
export class PhantomInode extends Inode {
  protected readonly attr: Stat;

  constructor(fs: FileSystem, init: NewInode) {
    super(fs);
    const { sec, nsec } = fs.env.now();
    this.attr = {
      dev: fs.dev, ino: nextIno++, mode: init.mode, nlink: 1, uid: init.uid, gid: init.gid, rdev: init.rdev, size: 0, blksize: 4096, blocks: 0,
      atimeSec: sec, atimeNsec: nsec, mtimeSec: sec, mtimeNsec: nsec, ctimeSec: sec, ctimeNsec: nsec, btimeSec: sec, btimeNsec: nsec,
    };
  }

  stat(): Stat {
    return this.attr;
  }
  override setattr(change: AttrChange): number {
    const { mode, size: _size, ...rest } = change;
    Object.assign(this.attr, rest);
    if (mode !== undefined) this.attr.mode = (this.attr.mode & ~0o7777) | mode;
    return 0;
  }
}

export class PhantomLink extends PhantomInode {
  private readonly target: string;
  constructor(fs: FileSystem, init: NewInode, target: string) {
    super(fs, init);
    this.target = target;
    this.attr.size = target.length;
  }
  override readlink(): string {
    return this.target;
  }
}
