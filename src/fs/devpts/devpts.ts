import { ENOENT } from '../../abi/linux/errno.ts';
import { DT, S_IFCHR, S_IFDIR } from '../../abi/linux/fileMode.ts';
import { DEVPTS_SUPER_MAGIC } from '../../abi/linux/fs.ts';
import type { PtsEntry, TtySystem } from '../../tty/ttySystem.ts';
import { Dentry } from '../../vfs/dentry.ts';
import { FileSystem } from '../../vfs/fileSystem.ts';
import type { FsEnv } from '../../vfs/fsEnv.ts';
import { type DirEntry, Inode } from '../../vfs/inode.ts';
import { makedev, type AttrChange, type Stat, type StatFs } from '../../vfs/stat.ts';

const PTMX_INO = 2;
/** Slaves have their number plus this. */
const FIRST_INO = 3;

/** /dev/pts: a device node per pty slave (and the console), and ptmx. Names come and go with the terminals. */
export class DevPts extends FileSystem {
  override readonly typeName = 'devpts';
  override readonly nameCache = 'never';
  readonly ttys: TtySystem;
  readonly startSec: number;

  constructor(env: FsEnv, ttys: TtySystem) {
    super(env);
    this.ttys = ttys;
    this.startSec = env.now().sec;
    this.root = new Dentry('/', null, new PtsDirectory(this));
  }

  override statfs(): StatFs {
    return { type: DEVPTS_SUPER_MAGIC, bsize: 4096, blocks: 0, bfree: 0, bavail: 0, files: 0, ffree: 0, fsid: [0, 0], namelen: 255, frsize: 4096, flags: 0 };
  }
  override optionsText(): string {
    return ',gid=5,mode=620,ptmxmode=666';
  }
}

function deviceStat(fs: DevPts, ino: number, rdev: number, mode: number, uid: number, gid: number, sec: number): Stat {
  return {
    dev: fs.dev, ino, mode: S_IFCHR | mode, nlink: 1, uid, gid, rdev, size: 0, blksize: 1024, blocks: 0,
    atimeSec: sec, atimeNsec: 0, mtimeSec: sec, mtimeNsec: 0, ctimeSec: sec, ctimeNsec: 0, btimeSec: sec, btimeNsec: 0,
  };
}

class PtsDirectory extends Inode {
  declare readonly fs: DevPts;
  private readonly nodes = new WeakMap<PtsEntry, PtsNode>();
  private readonly ptmx: PtmxNode;

  constructor(fs: DevPts) {
    super(fs);
    this.ptmx = new PtmxNode(fs);
  }

  override stat(): Stat {
    const s = deviceStat(this.fs, 1, 0, 0, 0, 0, this.fs.startSec);
    return { ...s, mode: S_IFDIR | 0o755, nlink: 2 };
  }

  override lookup(name: string): Inode | number {
    if (name === 'ptmx') return this.ptmx;
    const entry = /^(0|[1-9]\d*)$/.test(name) ? this.fs.ttys.entries.get(Number(name)) : undefined;
    if (entry === undefined) return -ENOENT;
    let node = this.nodes.get(entry);
    if (node === undefined) this.nodes.set(entry, (node = new PtsNode(this.fs, Number(name), entry)));
    return node;
  }

  override list(): DirEntry[] {
    const out: DirEntry[] = [{ name: 'ptmx', ino: PTMX_INO, type: DT.CHR }];
    for (const index of [...this.fs.ttys.entries.keys()].sort((a, b) => b - a)) out.unshift({ name: String(index), ino: FIRST_INO + index, type: DT.CHR });
    return out;
  }
  override hasEntry(name: string): boolean {
    return typeof this.lookup(name) !== 'number';
  }
}

abstract class DeviceNode extends Inode {
  protected mode = 0o620;
  protected uid = 0;
  protected gid = 5;

  override setattr(change: AttrChange): number {
    if (change.mode !== undefined) this.mode = change.mode;
    if (change.uid !== undefined) this.uid = change.uid;
    if (change.gid !== undefined) this.gid = change.gid;
    return 0;
  }
}

class PtsNode extends DeviceNode {
  declare readonly fs: DevPts;
  private readonly index: number;
  private readonly entry: PtsEntry;

  constructor(fs: DevPts, index: number, entry: PtsEntry) {
    super(fs);
    this.index = index;
    this.entry = entry;
    this.uid = entry.uid;
  }
  override stat(): Stat {
    return deviceStat(this.fs, FIRST_INO + this.index, makedev(136, this.index), this.mode, this.uid, this.gid, this.entry.sec);
  }
}

class PtmxNode extends DeviceNode {
  declare readonly fs: DevPts;

  constructor(fs: DevPts) {
    super(fs);
    this.mode = 0o666;
    this.gid = 0;
  }
  override stat(): Stat {
    return deviceStat(this.fs, PTMX_INO, makedev(5, 2), this.mode, this.uid, this.gid, this.fs.startSec);
  }
}
