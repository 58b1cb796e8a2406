/** Files that the emulator was started with: standard streams that are plain files or pipes of the host, known by descriptor only. */
import { EPERM } from '../../abi/linux/errno.ts';
import { S_IFIFO } from '../../abi/linux/fileMode.ts';
import { O_APPEND } from '../../abi/linux/openFlags.ts';
import type { HostFiles } from '../../host/hostFiles.ts';
import type { Cred } from '../../vfs/cred.ts';
import { Dentry } from '../../vfs/dentry.ts';
import type { FileCaller, FileDescription } from '../../vfs/fileDescription.ts';
import { FileSystem } from '../../vfs/fileSystem.ts';
import type { FsEnv } from '../../vfs/fsEnv.ts';
import { Inode } from '../../vfs/inode.ts';
import { RegularFile } from '../../vfs/inodeFile.ts';
import { Mount } from '../../vfs/mount.ts';
import { Path } from '../../vfs/path.ts';
import type { AttrChange, Stat, StatFs } from '../../vfs/stat.ts';

/** Mounted nowhere. */
export class InheritedFs extends FileSystem {
  override readonly typeName = 'inherited';
  readonly host: HostFiles;
  readonly mount: Mount;

  constructor(env: FsEnv, host: HostFiles) {
    super(env);
    this.host = host;
    this.root = new Dentry('', null, new InheritedInode(this, -1));
    this.mount = new Mount(this, this.root, this.typeName, 0);
  }

  /** `name` is what /proc/self/fd shows. */
  path(fd: number, name: string): Path {
    const inode = new InheritedInode(this, fd);
    const { ino } = inode.stat();
    return new Path(this.mount, new Dentry(name === 'pipe' ? `pipe:[${ino}]` : name, null, inode));
  }

  override statfs(): StatFs {
    return { type: 0, bsize: 4096, blocks: 0, bfree: 0, bavail: 0, files: 0, ffree: 0, fsid: [this.dev, 0], namelen: 255, frsize: 4096, flags: 0 };
  }
}

export class InheritedInode extends Inode {
  declare readonly fs: InheritedFs;
  private readonly fd: number;
  /** The open description of a pipe: opening /dev/stdin again gives the same, there is no second way to it. */
  stream: FileDescription | null = null;

  constructor(fs: InheritedFs, fd: number) {
    super(fs);
    this.fd = fd;
  }

  override stat(): Stat {
    const stat = this.fd < 0 ? -EPERM : this.fs.host.fstat(this.fd);
    // i386's stat has no room for more than 32 bits.
    if (typeof stat !== 'number') return { ...stat, dev: this.fs.dev, ino: stat.ino % 0x8000_0000 };
    const zero = { uid: 0, gid: 0, rdev: 0, size: 0, blksize: 4096, blocks: 0, atimeSec: 0, atimeNsec: 0, mtimeSec: 0, mtimeNsec: 0 };
    return { ...zero, dev: this.fs.dev, ino: this.fd + 2, mode: S_IFIFO | 0o600, nlink: 1, ctimeSec: 0, ctimeNsec: 0, btimeSec: 0, btimeNsec: 0 };
  }
  override open(): FileDescription | null {
    return this.stream?.acquire() ?? null;
  }
  override readAt(buf: Uint8Array, offset: number): number {
    return this.fs.host.read(this.fd, buf, offset);
  }
  override writeAt(buf: Uint8Array, offset: number): number {
    return this.fs.host.write(this.fd, buf, offset);
  }
  override setattr(change: AttrChange): number {
    return change.size === undefined ? -EPERM : this.fs.host.truncate(this.fd, change.size);
  }
  override fsync(dataOnly: boolean): number {
    return this.fs.host.fsync(this.fd, dataOnly);
  }
}

/** Reads this long are by programs that copy; they never seek back over what they have read. */
const BULK = 65536;

/**
 * The host's own position moves with the guest's, as other processes that have the file open expect (`{ tuxlate head -1; cat; } <file`).
 * The host cannot be told to seek, so small reads, which stdio may take back, leave it alone; it is moved, by reading, when the
 * file is closed or read in bulk.
 */
export class InheritedFile extends RegularFile {
  private readonly host: HostFiles;
  private readonly fd: number;
  private hostPos: number;

  constructor(host: HostFiles, fd: number, pos: number, path: Path, flags: number, cred: Cred) {
    super(path, flags, cred);
    this.host = host;
    this.fd = fd;
    this.hostPos = this.pos = pos;
  }

  override read(buf: Uint8Array, t: FileCaller): number {
    if (buf.length < BULK || !this.catchUp()) return super.read(buf, t);
    const n = this.host.read(this.fd, buf, null);
    if (n > 0) this.hostPos = this.pos += n;
    return n;
  }

  override write(buf: Uint8Array, t: FileCaller): number {
    if ((this.flags & O_APPEND) === 0 && !this.catchUp()) return super.write(buf, t);
    const n = this.host.write(this.fd, buf, null);
    if (n > 0) this.hostPos = this.pos += n;
    return n;
  }

  /** Moves the host's position up to ours; false when it is beyond. */
  private catchUp(): boolean {
    if (this.pos === this.hostPos) return true;
    if (this.pos < this.hostPos || !this.readable) return false;
    const skipped = new Uint8Array(Math.min(this.pos - this.hostPos, 1 << 20));
    while (this.hostPos < this.pos) {
      const n = this.host.read(this.fd, skipped.subarray(0, Math.min(skipped.length, this.pos - this.hostPos)), null);
      if (n <= 0) return false;
      this.hostPos += n;
    }
    return true;
  }

  protected override close(): void {
    this.catchUp();
    super.close();
  }
}
