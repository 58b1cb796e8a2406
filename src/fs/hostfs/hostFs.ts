import { EROFS } from '../../abi/linux/errno.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../abi/linux/fileMode.ts';
import type { HostFiles, HostStat } from '../../host/hostFiles.ts';
import { Dentry } from '../../vfs/dentry.ts';
import type { FsEnv } from '../../vfs/fsEnv.ts';
import { FileSystem } from '../../vfs/fileSystem.ts';
import type { Inode } from '../../vfs/inode.ts';
import type { StatFs } from '../../vfs/stat.ts';
import { FdPool } from './fdPool.ts';
import { HostDir } from './hostDir.ts';
import { type HostInode, HostLink, HostRegular, HostSpecial } from './hostInode.ts';

export interface HostFsOptions {
  readOnly?: boolean;
  /** How long facts about host files are believed, in ms. Long for the lower layer of an overlay. */
  maxAgeMs?: number;
  /** Device number that stat shows; an overlay gives its own. */
  dev?: number;
  /** Owner shown where the host has none (Windows). */
  uid?: number;
  gid?: number;
  /** Name in /proc/mounts. */
  typeName?: string;
}

/** What Windows file systems show as. */
const NTFS_MAGIC = 0x5346544e;
const FIRST_MADE_UP_INO = 0x8000_0000;

/**
 * A directory of the host as a file system. Links are never followed on the host: the guest's own path walk resolves them, so
 * nothing leads out of the root. Facts (lstat) are kept for `maxAgeMs`.
 */
export class HostFs extends FileSystem {
  readonly typeName: string;
  override readonly nameCache = 'revalidate';
  readonly host: HostFiles;
  readonly maxAgeMs: number;
  readonly fds: FdPool;
  readonly owner: { uid: number; gid: number };
  /** Byte-string path on the host, without a slash at its end. */
  readonly rootPath: string;
  private readonly hostDev: number;
  /** Inode numbers made up for files of other devices, or numbers that would not fit 32 bits (i386's stat). */
  private readonly madeUp = new Map<string, number>();
  private nextMadeUp = FIRST_MADE_UP_INO;
  /** Files with several names: one inode for all. */
  private readonly linked = new Map<string, HostInode>();

  private constructor(env: FsEnv, host: HostFiles, rootPath: string, rootStat: HostStat, options: HostFsOptions) {
    super(env, ...(options.dev === undefined ? [] : [options.dev] as const));
    this.host = host;
    this.typeName = options.typeName ?? 'hostfs';
    this.readOnly = options.readOnly ?? false;
    this.maxAgeMs = options.maxAgeMs ?? 10;
    this.owner = { uid: options.uid ?? 0, gid: options.gid ?? 0 };
    this.rootPath = rootPath === '/' ? '' : rootPath;
    this.hostDev = rootStat.dev;
    this.fds = new FdPool(host);
    this.root = new Dentry('', null, new HostDir(this, rootStat, null, ''));
  }

  /** `path` as HostFiles.resolve gave it. -errno when it cannot be shown. */
  static create(env: FsEnv, host: HostFiles, path: string, options: HostFsOptions = {}): HostFs | number {
    const stat = host.lstat(path);
    return typeof stat === 'number' ? stat : new HostFs(env, host, path, stat, options);
  }

  /** Makes the inode object for what lies at `name` in `dir`. */
  adopt(dir: HostDir, name: string, stat: HostStat): HostInode {
    const type = stat.mode & S_IFMT;
    if (type === S_IFDIR) return new HostDir(this, stat, dir, name);
    const key = stat.nlink > 1 && this.host.unix ? `${stat.dev}:${stat.ino}` : null;
    const known = key === null ? undefined : this.linked.get(key);
    if (known !== undefined) {
      known.update(stat);
      known.placed(dir, name);
      return known;
    }
    const inode = type === S_IFREG ? new HostRegular(this, stat, dir, name)
      : type === S_IFLNK ? new HostLink(this, stat, dir, name) : new HostSpecial(this, stat, dir, name);
    if (key !== null) this.linked.set(key, inode);
    return inode;
  }

  /** The inode has got a second name. */
  rememberLinked(inode: HostInode): void {
    this.linked.set(`${inode.hostDev}:${inode.hostIno}`, inode);
  }
  forgetLinked(inode: HostInode): void {
    this.linked.delete(`${inode.hostDev}:${inode.hostIno}`);
  }

  /** The number shown for a host inode: its own where it is unique and fits 32 bits. */
  inoOf(stat: HostStat): number {
    if (stat.dev === this.hostDev && stat.ino > 0 && stat.ino < FIRST_MADE_UP_INO) return stat.ino;
    const key = `${stat.dev}:${stat.ino}`;
    let ino = this.madeUp.get(key);
    if (ino === undefined) {
      ino = this.nextMadeUp++;
      this.madeUp.set(key, ino);
    }
    return ino;
  }

  override revalidate(dir: Inode, name: string, inode: Inode | null): boolean {
    return dir instanceof HostDir ? dir.stillTrue(name, inode) : true;
  }

  override pruned(): void {
    for (const stack = [this.root.inode as HostDir]; stack.length > 0; ) stack.push(...stack.pop()!.prune());
    for (const [key, inode] of this.linked) if (!inode.inUse) this.linked.delete(key);
  }

  /** -EROFS when nothing may be changed. */
  mayWrite(): number {
    return this.readOnly ? -EROFS : 0;
  }

  statfs(): StatFs {
    const s = this.host.statfs(this.rootPath === '' ? '/' : this.rootPath);
    const base = { fsid: [this.dev, 0] as const, namelen: 255, flags: 0 };
    if (typeof s === 'number') return { ...base, type: 0xef53, bsize: 4096, blocks: 0, bfree: 0, bavail: 0, files: 0, ffree: 0, frsize: 4096 };
    return { ...base, ...s, type: s.type === 0 ? NTFS_MAGIC : s.type, frsize: s.bsize };
  }
}

