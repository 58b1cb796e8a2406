import { EACCES, EBADF, EINVAL, ENODATA, ENXIO, EOPNOTSUPP, EROFS, ESTALE } from '../../abi/linux/errno.ts';
import { S_IFMT, S_IFREG } from '../../abi/linux/fileMode.ts';
import { O_RDONLY, O_RDWR } from '../../abi/linux/openFlags.ts';
import type { HostStat } from '../../host/hostFiles.ts';
import { Inode } from '../../vfs/inode.ts';
import type { AttrChange, Stat } from '../../vfs/stat.ts';
import type { HostDir } from './hostDir.ts';
import type { HostFs } from './hostFs.ts';

const PE_MAGIC = 0x5a4d;
const FALLOC_KEEP_SIZE = 1;

/** A file of the host: its last known facts, and where it lies (names may change, so the path is made when needed). */
export abstract class HostInode extends Inode {
  readonly hostfs: HostFs;
  protected readonly attr: Stat;
  hostDev: number;
  hostIno: number;
  /** Directory and name by which it is reached; dir null for the root and for unlinked files. */
  dir: HostDir | null;
  name: string;
  unlinked = false;
  /** When the facts were last looked up (FsEnv.ticks). */
  protected checked: number;
  /** Exact times that the guest set: Node rounds them to 0.2 us, so what the host then shows is kept to recognise it. */
  private exact: { host: Stat; shown: Partial<Stat> } | null = null;
  /** Permission bits set by the guest where the host keeps none. */
  private keptMode = -1;
  private keptOwner: { uid: number; gid: number } | null = null;

  constructor(fs: HostFs, stat: HostStat, dir: HostDir | null, name: string) {
    super(fs);
    this.hostfs = fs;
    this.hostDev = stat.dev;
    this.hostIno = stat.ino;
    this.dir = dir;
    this.name = name;
    this.attr = { ...stat, dev: fs.dev, ino: fs.inoOf(stat) };
    this.checked = fs.env.ticks();
    if (!fs.host.unix) this.makeUpModes();
  }

  override get type(): number {
    return this.attr.mode & S_IFMT;
  }

  /** Its path on the host. */
  get path(): string {
    if (this.dir === null) return this.hostfs.rootPath === '' && this.name === '' ? '/' : this.hostfs.rootPath;
    const above = this.dir.path;
    return above.endsWith('/') ? above + this.name : `${above}/${this.name}`;
  }

  placed(dir: HostDir, name: string): void {
    this.dir = dir;
    this.name = name;
    // What was known came by a name that has gone since.
    if (this.unlinked) this.checked = -Infinity;
    this.unlinked = false;
  }

  get fresh(): boolean {
    return this.hostfs.env.ticks() - this.checked <= this.hostfs.maxAgeMs;
  }

  stat(): Stat {
    if (!this.fresh) this.refresh();
    return this.attr;
  }

  /** Looks the facts up again; they stay when the name now belongs to another file, or to none. */
  refresh(): void {
    const now = this.lookAgain();
    this.checked = this.hostfs.env.ticks();
    if (typeof now !== 'number' && (this.unlinked || this.is(now))) this.update(now);
  }

  /** Whether `stat` tells of this file. */
  is(stat: HostStat): boolean {
    return stat.ino === this.hostIno && stat.dev === this.hostDev && (stat.mode & S_IFMT) === this.type;
  }

  protected lookAgain(): HostStat | number {
    return this.unlinked ? -ESTALE : this.hostfs.host.lstat(this.path);
  }

  /** New facts of the same file. */
  update(stat: HostStat): void {
    const { attr } = this;
    const { dev, ino } = attr;
    Object.assign(attr, stat);
    attr.dev = dev;
    attr.ino = ino;
    this.checked = this.hostfs.env.ticks();
    if (!this.hostfs.host.unix) this.makeUpModes();
    const { exact } = this;
    if (exact === null) return;
    if (exact.host.mtimeSec === stat.mtimeSec && exact.host.mtimeNsec === stat.mtimeNsec && exact.host.atimeSec === stat.atimeSec
      && exact.host.atimeNsec === stat.atimeNsec) Object.assign(attr, exact.shown);
    else this.exact = null;
  }

  /** Windows tells no modes and owners: 0755 for directories and programs, 0644 for the rest, or what the guest set. */
  private makeUpModes(): void {
    const { attr } = this;
    const type = attr.mode & S_IFMT;
    if (this.keptMode < 0 && type === S_IFREG) this.keptMode = this.guessMode();
    const bits = this.keptMode >= 0 ? this.keptMode : type === S_IFREG ? 0o644 : type === 0o120000 ? 0o777 : 0o755;
    attr.mode = type | bits;
    attr.uid = this.keptOwner?.uid ?? this.hostfs.owner.uid;
    attr.gid = this.keptOwner?.gid ?? this.hostfs.owner.gid;
    attr.blksize = 4096;
  }

  /** A file that starts like a program (ELF, #!, MZ) is executable. */
  private guessMode(): number {
    const { host } = this.hostfs;
    const fd = host.open(this.path, O_RDONLY, 0);
    if (fd < 0) return 0o644;
    const head = new Uint8Array(4);
    const n = host.read(fd, head, 0);
    host.close(fd);
    const two = n >= 2 ? head[0]! | (head[1]! << 8) : 0;
    return two === 0x2123 || two === PE_MAGIC || (n === 4 && two === 0x457f && head[2] === 0x4c && head[3] === 0x46) ? 0o755 : 0o644;
  }

  /** Mode and owner that a new file was made with, where the host does not keep them. */
  keepModes(mode: number, uid: number, gid: number): void {
    this.keptMode = mode & 0o7777;
    this.keptOwner = { uid, gid };
    this.makeUpModes();
  }

  override setattr(change: AttrChange): number {
    const { host } = this.hostfs;
    if (this.hostfs.readOnly) return -EROFS;
    if (change.size !== undefined) {
      const result = this.resize(change.size);
      if (result < 0) return result;
    }
    if (!host.unix) this.keepChanges(change);
    else if (change.uid !== undefined || change.gid !== undefined) {
      const result = host.chown(this.path, change.uid ?? this.attr.uid, change.gid ?? this.attr.gid);
      if (result < 0) return result;
    }
    if (host.unix && change.mode !== undefined) {
      const result = host.chmod(this.path, change.mode);
      if (result < 0) return result;
    }
    if (change.atimeSec !== undefined || change.mtimeSec !== undefined) {
      const result = this.setTimes(change);
      if (result < 0) return result;
    } else this.refresh();
    return 0;
  }

  private keepChanges(change: AttrChange): void {
    if (change.mode !== undefined) this.keptMode = change.mode;
    if (change.uid !== undefined || change.gid !== undefined) {
      this.keptOwner = { uid: change.uid ?? this.attr.uid, gid: change.gid ?? this.attr.gid };
    }
    this.makeUpModes();
  }

  private setTimes(change: AttrChange): number {
    this.refresh();
    const { attr } = this;
    const shown = {
      atimeSec: change.atimeSec ?? attr.atimeSec, atimeNsec: change.atimeNsec ?? attr.atimeNsec,
      mtimeSec: change.mtimeSec ?? attr.mtimeSec, mtimeNsec: change.mtimeNsec ?? attr.mtimeNsec,
    };
    this.exact = null;
    const result = this.hostfs.host.utimes(this.path, shown.atimeSec, shown.atimeNsec, shown.mtimeSec, shown.mtimeNsec);
    if (result < 0) return result;
    this.refresh();
    this.exact = { host: { ...attr }, shown };
    Object.assign(attr, shown);
    return 0;
  }

  protected resize(_size: number): number {
    return -EINVAL;
  }

  override getxattr(_name: string): Uint8Array | number {
    return -ENODATA;
  }
  override setxattr(): number {
    return this.hostfs.readOnly ? -EROFS : -EOPNOTSUPP;
  }
  override removexattr(): number {
    return -ENODATA;
  }

  get isOpen(): boolean {
    return this.opens > 0;
  }
  /** Before its last name goes. */
  beforeUnlink(): void {}
}

/** A regular file; its host descriptor is kept open between uses (FdPool). */
export class HostRegular extends HostInode {
  hostFd = -1;
  private fdWritable = false;

  /** A descriptor for reading, or also for writing. -errno. */
  private descriptor(writable: boolean): number {
    const { hostfs } = this;
    if (this.hostFd >= 0 && (this.fdWritable || !writable)) {
      hostfs.fds.touch(this);
      return this.hostFd;
    }
    if (this.unlinked) return -EBADF;
    let fd = hostfs.host.open(this.path, writable ? O_RDWR : O_RDONLY, 0);
    if (fd === -EACCES && !writable && !hostfs.readOnly) fd = hostfs.host.open(this.path, O_RDWR, 0);
    if (fd < 0) return fd === -ENXIO ? -EACCES : fd;
    // Somebody may have put another file, or a link, at the name since we looked.
    const stat = hostfs.host.fstat(fd);
    if (typeof stat === 'number' || (stat.mode & S_IFMT) !== S_IFREG || stat.dev !== this.hostDev || stat.ino !== this.hostIno) {
      hostfs.host.close(fd);
      return -ESTALE;
    }
    if (this.hostFd >= 0) hostfs.host.close(this.hostFd);
    this.hostFd = fd;
    this.fdWritable = writable;
    hostfs.fds.add(this);
    return fd;
  }

  /** Makes sure the name still leads to this file: what was believed may be some ms old. -ESTALE: look again. */
  override open(): number | null {
    if (this.hostFd >= 0 || this.unlinked || this.descriptor(false) !== -ESTALE) return null;
    this.checked = this.dir === null ? this.checked : -Infinity;
    return -ESTALE;
  }

  mayDropFd(): boolean {
    return !this.unlinked && !(this.fdWritable && this.isOpen);
  }

  protected override lookAgain(): HostStat | number {
    if (this.hostFd >= 0 && (this.unlinked || this.isOpen)) return this.hostfs.host.fstat(this.hostFd);
    return super.lookAgain();
  }

  override readAt(buf: Uint8Array, offset: number): number {
    const fd = this.descriptor(false);
    if (fd < 0) return fd;
    const { host } = this.hostfs;
    let n = host.read(fd, buf, offset);
    while (n > 0 && n < buf.length) {
      const more = host.read(fd, buf.subarray(n), offset + n);
      if (more <= 0) break;
      n += more;
    }
    return n;
  }

  override writeAt(buf: Uint8Array, offset: number): number {
    if (this.hostfs.readOnly) return -EROFS;
    const fd = this.descriptor(true);
    if (fd < 0) return fd;
    const n = this.hostfs.host.write(fd, buf, offset);
    if (n > 0) this.refresh();
    return n;
  }

  protected override resize(size: number): number {
    const fd = this.descriptor(true);
    return fd < 0 ? fd : this.hostfs.host.truncate(fd, size);
  }

  override allocate(mode: number, offset: number, length: number): number {
    if (this.hostfs.readOnly) return -EROFS;
    if ((mode & ~FALLOC_KEEP_SIZE) !== 0) return -EOPNOTSUPP;
    if ((mode & FALLOC_KEEP_SIZE) === 0 && offset + length > this.stat().size) {
      const result = this.resize(offset + length);
      if (result < 0) return result;
      this.refresh();
    }
    return 0;
  }

  override seekData(offset: number, hole: boolean): number {
    const { size } = this.stat();
    return hole ? size : offset;
  }

  override fsync(dataOnly: boolean): number {
    return this.hostFd >= 0 && this.fdWritable ? this.hostfs.host.fsync(this.hostFd, dataOnly) : 0;
  }

  protected override lastClosed(): void {
    if (this.unlinked && this.mappings === null) this.hostfs.fds.close(this);
  }
  override beforeUnlink(): void {
    if (this.isOpen || this.mappings !== null) {
      if (this.descriptor(!this.hostfs.readOnly) < 0) this.descriptor(false);
    } else this.hostfs.fds.close(this);
  }
}

export class HostLink extends HostInode {
  private target: string | null = null;

  override readlink(): string | number {
    if (this.target !== null && this.fresh) return this.target;
    const target = this.hostfs.host.readlink(this.path);
    if (typeof target === 'string') this.target = target;
    return target;
  }
}

/** A device, fifo or socket of the host: shown, and opened only as the guest's own device of that number. */
export class HostSpecial extends HostInode {}
