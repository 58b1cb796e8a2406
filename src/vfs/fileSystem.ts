import type { Dentry } from './dentry.ts';
import type { FsEnv } from './fsEnv.ts';
import type { Inode } from './inode.ts';
import type { StatFs } from './stat.ts';
import { initialUserNamespace, type UserNamespace } from './userNamespace.ts';

/** Options of mount(2)'s data string, split at commas. */
export type MountOptions = ReadonlyMap<string, string>;

/** A mounted file system (Linux's super block). One may be mounted at several places. */
export abstract class FileSystem {
  /** As in /proc/filesystems and the third column of /proc/mounts. */
  abstract readonly typeName: string;
  /** Device number that stat shows. */
  readonly dev: number;
  /** Whether all writing is refused (EROFS), whatever the mount says. */
  readOnly = false;
  /**
   * Whether the VFS keeps looked-up names. `always`: names change only through the VFS. `revalidate`: asks revalidate() before
   * a kept name is used. `never`: lookup() every time (procfs).
   */
  readonly nameCache: 'always' | 'revalidate' | 'never' = 'always';
  /** Root dentry; the constructor of each file system sets it. */
  root!: Dentry;
  readonly env: FsEnv;
  /** Nothing of it is run, whatever the mount says (SB_I_NOEXEC). */
  readonly noExec: boolean = false;
  /** What a look-up does not find cannot be made either: it is the look-up that fails (procfs). */
  readonly namesAreFixed: boolean = false;
  /** Who mounted it: ids without a number there cannot own its files (s_user_ns). */
  userNs: UserNamespace = initialUserNamespace;

  constructor(env: FsEnv, dev: number = anonymousDevice()) {
    this.env = env;
    this.dev = dev;
  }

  abstract statfs(): StatFs;
  /** File systems with nameCache `revalidate`: false when the kept entry (null: known not to be there) may be wrong. */
  revalidate(_dir: Inode, _name: string, _inode: Inode | null): boolean {
    return true;
  }
  /** Options of its own for /proc/mounts, each with a comma before it. */
  optionsText(): string {
    return '';
  }
  /** Names the VFS keeps of this file system; at `pruneAt` it forgets what it can (`lookupChild`). */
  dentries = 0;
  pruneAt = 100_000;
  /** The VFS has forgotten names: the file system may forget its own objects of them. */
  pruned(): void {}
  sync(): number {
    return 0;
  }
}

let nextAnonymousMinor = 20;
/** A device number for a file system without a device (major 0), as Linux gives them. */
export function anonymousDevice(): number {
  const minor = nextAnonymousMinor++;
  return ((minor & 0xff) | ((minor & 0xfff00) << 12)) >>> 0;
}
