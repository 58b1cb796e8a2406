import { EACCES, EINVAL, EIO, ENOENT, ENXIO, EPERM } from '../../abi/linux/errno.ts';
import { DT, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../abi/linux/fileMode.ts';
import type { Cred } from '../../vfs/cred.ts';
import { type FileCaller, type FileDescription, RWF_HIPRI, RWF_PLAIN } from '../../vfs/fileDescription.ts';
import type { FileSystem } from '../../vfs/fileSystem.ts';
import { type DirEntry, Inode } from '../../vfs/inode.ts';
import type { Path, PathContext } from '../../vfs/path.ts';
import { MAX_FILE_SIZE, SEEK_CUR, SEEK_END, SEEK_SET } from '../../vfs/inodeFile.ts';
import { PositionedFile } from '../../vfs/positionedFile.ts';
import type { AttrChange, Stat } from '../../vfs/stat.ts';
import { WaitQueue } from '../../vfs/waitQueue.ts';
import type { Task } from '../../kernel/task/task.ts';

let nextIno = 0xf0000000;

/** Whose a node is: the process it tells about, or root. */
export interface Owner {
  uid(mode: number): number;
  gid(mode: number): number;
  /** The permission bits hold for root too, as in /proc/sys. */
  readonly strict?: boolean;
}
export const rootOwner: Owner = { uid: () => 0, gid: () => 0 };
export const sysctlOwner: Owner = { ...rootOwner, strict: true };

/** A file of a file system whose contents are made when they are read (procfs, sysfs). Names and contents are byte strings. */
export abstract class InfoNode extends Inode {
  readonly ino = nextIno++;
  readonly mode: number;
  readonly owner: Owner;
  private readonly sec: number;

  constructor(fs: FileSystem, mode: number, owner: Owner) {
    super(fs);
    this.mode = mode;
    this.owner = owner;
    this.sec = fs.env.now().sec;
  }

  protected links(): number {
    return 1;
  }
  protected size(): number {
    return 0;
  }

  override stat(): Stat {
    const { sec } = this;
    return {
      dev: this.fs.dev, ino: this.ino, mode: this.mode, nlink: this.links(), uid: this.owner.uid(this.mode), gid: this.owner.gid(this.mode), rdev: 0, size: this.size(),
      blksize: 1024, blocks: 0, atimeSec: sec, atimeNsec: 0, mtimeSec: sec, mtimeNsec: 0, ctimeSec: sec, ctimeNsec: 0, btimeSec: 0, btimeNsec: 0,
    };
  }
  override get type(): number {
    return this.mode & S_IFMT;
  }
  override permission(mask: number, cred: Cred): number | null {
    if (this.owner.strict !== true) return null;
    const bits = cred.fsuid === 0 ? this.mode >>> 6 : cred.inGroup(0) ? this.mode >>> 3 : this.mode;
    return (mask & ~bits & 7) === 0 ? 0 : -EACCES;
  }
  override fsync(): number {
    return -EINVAL;
  }
  override setattr(change: AttrChange): number {
    // Times, owners and sizes (O_TRUNC) that are set are forgotten again.
    return change.mode !== undefined ? -EPERM : 0;
  }
}

/** A directory whose entries a subclass names and makes. */
export abstract class InfoDir extends InfoNode {
  constructor(fs: FileSystem, owner: Owner = rootOwner, permissions = 0o555) {
    super(fs, S_IFDIR | permissions, owner);
  }
  /** Names of all entries. */
  abstract names(): string[];
  abstract child(name: string): InfoNode | null;

  protected override links(): number {
    return 2;
  }
  override lookup(name: string, _cred: Cred): Inode | number {
    return this.child(name) ?? -ENOENT;
  }
  // Names that are not there cannot be made either: the look-up itself fails.
  override mknod(): number {
    return -ENOENT;
  }
  override mkdir(): number {
    return -ENOENT;
  }
  override symlink(): number {
    return -ENOENT;
  }
  override link(): number {
    return -ENOENT;
  }
  override rename(_oldName: string, _inode: Inode, _newDir: Inode, _newName: string, target: Inode | null): number {
    return target === null ? -ENOENT : -EPERM;
  }
  override list(): DirEntry[] | number {
    const out: DirEntry[] = [];
    for (const name of this.names()) {
      const node = this.child(name);
      if (node !== null) out.push({ name, ino: node.ino, type: node.isDirectory ? DT.DIR : node.type === S_IFLNK ? DT.LNK : DT.REG });
    }
    return out;
  }
  override hasEntry(name: string): boolean {
    return this.child(name) !== null;
  }
}

export type MakeNode = (fs: FileSystem, owner: Owner) => InfoNode;

/** A directory with fixed names, each made when it is first wanted. */
export class TableDir extends InfoDir {
  private readonly table: Readonly<Record<string, MakeNode>>;
  private readonly made = new Map<string, InfoNode>();

  constructor(fs: FileSystem, table: Readonly<Record<string, MakeNode>>, owner: Owner = rootOwner, permissions = 0o555) {
    super(fs, owner, permissions);
    this.table = table;
  }
  override names(): string[] {
    return Object.keys(this.table);
  }
  override child(name: string): InfoNode | null {
    let node = this.made.get(name);
    if (node === undefined) {
      if (!Object.hasOwn(this.table, name)) return null;
      node = this.table[name]!(this.fs, this.owner);
      this.made.set(name, node);
    }
    return node;
  }
  protected override links(): number {
    return 2 + this.names().filter((name) => this.child(name)!.isDirectory).length;
  }
}

/** What a file shows to `t`, or -errno. */
export type Show = (t: Task, opener: Cred) => string | number;
/** Takes what `t` wrote at the given position: bytes taken or -errno. */
export type Store = (text: string, t: Task, pos: number, opener: Cred) => number;

/** A regular file. */
export class InfoFile extends InfoNode {
  readonly show: Show | null;
  readonly store: Store | null;
  /** Whether `cred` may open it although the mode bits say so: 0 or -errno. */
  readonly guard: ((t: Task, flags: number) => number) | null;
  /** Whether its end can be sought: it is at 0. */
  readonly seeksEnd: boolean;

  constructor(fs: FileSystem, permissions: number, owner: Owner, show: Show | null, store: Store | null = null, guard: ((t: Task, flags: number) => number) | null = null, seeksEnd = false) {
    super(fs, S_IFREG | permissions, owner);
    this.seeksEnd = seeksEnd;
    this.show = show;
    this.store = store;
    this.guard = guard;
  }
  override open(flags: number, path: Path, t: FileCaller): FileDescription | number {
    const refused = this.guard?.(t as Task, flags) ?? 0;
    return refused < 0 ? refused : new InfoDescription(this, path, flags, t.cred);
  }
}

/** An open InfoFile: the contents are made at the first read, and again when reading starts over. */
class InfoDescription extends PositionedFile {
  private readonly file: InfoFile;
  private text: string | null = null;

  override readonly waitQueue: WaitQueue | null;

  constructor(file: InfoFile, path: Path, flags: number, cred: Cred) {
    super(path, flags, cred);
    this.file = file;
    // A sysctl may be polled: for changes, which nobody tells of.
    this.waitQueue = file.owner === sysctlOwner ? new WaitQueue() : null;
  }
  /** What tells about a process has the older operations only. */
  private get ofProcess(): boolean {
    return this.file.owner !== rootOwner && this.file.owner !== sysctlOwner;
  }
  override get rwFlags(): number {
    return this.ofProcess ? RWF_HIPRI : RWF_PLAIN;
  }
  override get writesAnywhere(): boolean {
    return !this.ofProcess;
  }
  override get canBeSpliced(): boolean {
    return !this.ofProcess;
  }
  override get canTakeSplice(): boolean {
    return this.file.owner === sysctlOwner;
  }
  override pread(buf: Uint8Array, offset: number, t: FileCaller): number {
    if (this.file.show === null) return -EIO;
    if (this.text === null || offset === 0) {
      const text = this.file.show(t as Task, this.cred);
      if (typeof text === 'number') return text;
      this.text = text;
    }
    const { text } = this;
    const n = Math.max(0, Math.min(buf.length, text.length - offset));
    for (let i = 0; i < n; i++) buf[i] = text.charCodeAt(offset + i);
    return n;
  }

  override pwrite(buf: Uint8Array, offset: number, t: FileCaller): number {
    if (this.file.store === null) return -EIO;
    let text = '';
    for (const byte of buf.subarray(0, 4096)) text += String.fromCharCode(byte);
    return this.file.store(text, t as Task, offset, this.cred);
  }

  override seek(offset: number, whence: number): number {
    if (whence > SEEK_END && this.file.owner === sysctlOwner) return -ENXIO;
    const base = whence === SEEK_SET || (whence === SEEK_END && (this.file.seeksEnd || this.file.owner === sysctlOwner)) ? 0 : whence === SEEK_CUR ? this.pos : -1;
    if (base < 0) return -EINVAL;
    const pos = base + offset;
    if (pos < 0 || pos > MAX_FILE_SIZE) return -EINVAL;
    this.pos = pos;
    return pos;
  }
  override truncate(): number {
    return 0;
  }
}

/** A symbolic link. `jump` leads to a place without a name being resolved (magic link). */
export class InfoLink extends InfoNode {
  private readonly target: (reader: Task) => string | number;
  private readonly jump: ((reader: Task) => Path | number) | null;
  /** What lstat says: only links that always lead to the same place tell. */
  private readonly length: number;

  constructor(fs: FileSystem, target: (reader: Task) => string | number, jump: ((reader: Task) => Path | number) | null = null, owner: Owner = rootOwner, permissions = 0o777, length = 0) {
    super(fs, S_IFLNK | permissions, owner);
    this.target = target;
    this.jump = jump;
    this.length = length;
  }
  override readlink(reader?: PathContext): string | number {
    return reader === undefined ? -EACCES : this.target(reader as Task);
  }
  override followMagic(reader: PathContext): Path | number | null {
    return this.jump === null ? null : this.jump(reader as Task);
  }
  protected override size(): number {
    return this.length;
  }
}

// ---- shorthands for tables ----

export const file = (show: Show, permissions = 0o444): MakeNode => (fs, owner) => new InfoFile(fs, permissions, owner, show);
export const text = (contents: string, permissions = 0o444): MakeNode => file(() => contents, permissions);
export const dir = (table: Readonly<Record<string, MakeNode>>): MakeNode => (fs, owner) => new TableDir(fs, table, owner);
export const link = (target: string): MakeNode => (fs, owner) => new InfoLink(fs, () => target, null, owner, 0o777, target.length);

/** A sysctl whose value is a number or text the program may set; it is kept and shown, `use` may act on it. */
export function setting(initial: string, use?: (value: string) => number): MakeNode {
  return (fs, owner) => {
    let value = initial;
    return new InfoFile(fs, 0o644, owner, () => `${value}\n`, (written) => {
      const wanted = written.replace(/\n$/, '').trim();
      const result = use?.(wanted) ?? (/^-?\d+$/.test(initial) && !/^-?\d+$/.test(wanted) ? -EINVAL : 0);
      if (result < 0) return result;
      value = wanted;
      return written.length;
    });
  };
}
