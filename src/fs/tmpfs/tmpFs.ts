import { S_IFDIR } from '../../abi/linux/fileMode.ts';
import { Dentry } from '../../vfs/dentry.ts';
import { FileSystem } from '../../vfs/fileSystem.ts';
import type { FsEnv } from '../../vfs/fsEnv.ts';
import type { NewInode } from '../../vfs/inode.ts';
import type { StatFs } from '../../vfs/stat.ts';
import { PAGE } from './chunks.ts';
import { TmpDir } from './tmpDir.ts';
import { TmpRegular } from './tmpRegular.ts';

/** Where the host does not tell how much memory it has. */
const DEFAULT_SIZE = 2 ** 32;
const TMPFS_MAGIC = 0x01021994;

export interface TmpFsOptions {
  /** Bytes; default what the host can spare. */
  size?: number;
  inodes?: number;
  mode?: number;
  uid?: number;
  gid?: number;
  /** Shows sizes of directories as disk file systems do (the upper layer of an overlay stands for a disk). */
  likeDisk?: boolean;
  /** First inode number; the upper layer of an overlay starts where no lower inode is. */
  firstIno?: number;
  typeName?: string;
  dev?: number;
}

/** A file system in memory. */
export class TmpFs extends FileSystem {
  readonly typeName: string;
  readonly likeDisk: boolean;
  readonly maxPages: number;
  private readonly maxInodes: number;
  private readonly options: TmpFsOptions;
  usedPages = 0;
  usedInodes = 0;
  private nextIno: number;

  constructor(env: FsEnv, options: TmpFsOptions = {}) {
    super(env, ...(options.dev === undefined ? [] : [options.dev] as const));
    this.options = options;
    this.typeName = options.typeName ?? 'tmpfs';
    this.likeDisk = options.likeDisk ?? false;
    this.maxPages = Math.ceil((options.size ?? env.memoryBytes?.() ?? DEFAULT_SIZE) / PAGE);
    this.maxInodes = options.inodes ?? Infinity;
    this.nextIno = options.firstIno ?? 1;
    const init = { mode: S_IFDIR | (options.mode ?? 0o1777), uid: options.uid ?? 0, gid: options.gid ?? 0, rdev: 0 };
    this.root = new Dentry('', null, new TmpDir(this, init));
  }

  takePages(n: number): boolean {
    if (n > 0 && this.usedPages + n > this.maxPages) return false;
    this.usedPages += n;
    return true;
  }
  newIno(): number {
    this.usedInodes++;
    return this.nextIno++;
  }
  get full(): boolean {
    return this.usedInodes >= this.maxInodes;
  }

  /** A file without a name: memfd_create and O_TMPFILE. */
  anonymousFile(init: NewInode): TmpRegular {
    const file = new TmpRegular(this, init);
    file.attr.nlink = 0;
    return file;
  }

  statfs(): StatFs {
    const total = this.maxPages;
    const free = Math.max(total - this.usedPages, 0);
    const inodes = this.maxInodes === Infinity ? 2 ** 22 : this.maxInodes;
    return {
      type: TMPFS_MAGIC, bsize: PAGE, blocks: total, bfree: free, bavail: free, files: inodes, ffree: inodes - this.usedInodes,
      fsid: [this.dev, 0], namelen: 255, frsize: PAGE, flags: 0,
    };
  }

  override optionsText(): string {
    const parts: string[] = [];
    if (this.options.size !== undefined) parts.push(`size=${Math.ceil(this.options.size / 1024)}k`);
    if (this.options.inodes !== undefined) parts.push(`nr_inodes=${this.options.inodes}`);
    if (this.options.mode !== undefined && this.options.mode !== 0o1777) parts.push(`mode=${this.options.mode.toString(8)}`);
    return parts.map((part) => `,${part}`).join('');
  }
}
