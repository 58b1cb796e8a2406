import { EBADF, EFAULT, EFBIG, EINVAL, EISDIR, ENOTDIR, ENOTTY, ENXIO, EOPNOTSUPP, EPERM, EROFS } from '../abi/linux/errno.ts';
import { DT, S_ISGID, S_ISUID } from '../abi/linux/fileMode.ts';
import { MS_NOATIME, MS_NODIRATIME, MS_RELATIME } from '../abi/linux/fs.ts';
import { O_APPEND, O_NOATIME, O_RDONLY } from '../abi/linux/openFlags.ts';
import { Cap, type Cred } from './cred.ts';
import { type DirSink, type FileCaller, FileDescription, RWF_DONTCACHE, RWF_HIPRI, RWF_NOWAIT, RWF_PLAIN } from './fileDescription.ts';
import { FS_APPEND, FS_IMMUTABLE, type Inode, type Listing } from './inode.ts';
import { IN_ACCESS, IN_CLOSE_NOWRITE, IN_CLOSE_WRITE, IN_MODIFY, notifyDentry, notifyGone } from './notify.ts';
import type { Path } from './path.ts';
import { modeWithoutPrivileges, ownerOrCapable } from './permission.ts';

/** Entries that one getdents tells: for each the host may have to be asked. */
const MOST_ENTRIES = 128;
/** Largest file position: JS numbers are exact to here. */
export const MAX_FILE_SIZE = Number.MAX_SAFE_INTEGER;
export const SEEK_SET = 0;
export const SEEK_CUR = 1;
export const SEEK_END = 2;
export const SEEK_DATA = 3;
export const SEEK_HOLE = 4;

/** FS_IOC_GETFLAGS and FS_IOC_SETFLAGS, as 64-bit and 32-bit programs number them. */
const GETFLAGS = 0x80086601;
const GETFLAGS32 = 0x80046601;
const SETFLAGS = 0x40086602;
const SETFLAGS32 = 0x40046602;
/** secrm, unrm, compr, sync, immutable, append, nodump, noatime, dirsync. */
const CHANGEABLE_FLAGS = 0x100ff;

/** A description of an inode: opening and closing are counted on it. */
abstract class InodeFile extends FileDescription {
  constructor(path: Path, flags: number, cred: Cred) {
    super(path, flags, cred);
    path.inode.opened();
    if (this.writable) path.inode.writeCount++;
  }

  protected override close(): void {
    const inode = this.inode;
    if (this.writable) inode.writeCount--;
    inode.locks?.closeDescription(this);
    inode.leases?.remove(this);
    notifyDentry(this.path.dentry, this.writable ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
    inode.closed();
    notifyGone(inode);
  }

  /** chattr's flags. */
  override ioctl(t: FileCaller, cmd: number, arg: number): number {
    const { inode } = this;
    switch (cmd >>> 0) {
      case GETFLAGS:
      case GETFLAGS32:
        if (!inode.hasFlags) return -ENOTTY;
        return t.memory.setU32(arg, inode.flags) ? 0 : -EFAULT;
      case SETFLAGS:
      case SETFLAGS32: {
        if (!inode.hasFlags) return -ENOTTY;
        const flags = t.memory.u32(arg);
        return flags === null ? -EFAULT : this.changeInodeFlags(t, flags);
      }
      default: return -ENOTTY;
    }
  }

  private changeInodeFlags(t: FileCaller, flags: number): number {
    const { inode } = this;
    if (this.path.mount.readOnly) return -EROFS;
    if (!ownerOrCapable(inode.stat(), t.cred)) return -EPERM;
    const changed = inode.flags ^ flags;
    if ((changed & ~CHANGEABLE_FLAGS) !== 0) return -EOPNOTSUPP;
    if ((changed & (FS_IMMUTABLE | FS_APPEND)) !== 0 && !t.cred.has(Cap.LINUX_IMMUTABLE)) return -EPERM;
    return inode.setFlags(flags);
  }

  override fsync(dataOnly: boolean): number {
    const { inode } = this;
    inode.mappings?.beforeRead(0, MAX_FILE_SIZE);
    return inode.fsync(dataOnly);
  }
}

/** An open regular file of any file system. */
export class RegularFile extends InodeFile {
  override get seekable(): boolean {
    return true;
  }
  /** A memfd takes no O_DIRECT, no RWF_NOWAIT and no RWF_DONTCACHE. */
  private get isNameless(): boolean {
    return this.path.mount.isInternal;
  }
  override get canBeDirect(): boolean {
    return !this.isNameless;
  }
  override get rwFlags(): number {
    return this.isNameless ? RWF_PLAIN : RWF_PLAIN | RWF_NOWAIT | RWF_DONTCACHE;
  }

  override read(buf: Uint8Array, t: FileCaller): number {
    const n = this.pread(buf, this.pos, t);
    if (n > 0) this.pos += n;
    return n;
  }

  override pread(buf: Uint8Array, offset: number, _t: FileCaller): number {
    const { inode } = this;
    inode.mappings?.beforeRead(offset, buf.length);
    const n = inode.readAt(buf, offset);
    if (n > 0) {
      accessed(this);
      notifyDentry(this.path.dentry, IN_ACCESS);
    }
    return n;
  }

  override readInVain(_length: number, offset: number): number {
    return offset >= this.inode.stat().size ? 0 : -EFAULT;
  }

  override write(buf: Uint8Array, t: FileCaller): number {
    const offset = (this.flags & O_APPEND) !== 0 ? this.inode.stat().size : this.pos;
    const n = this.pwriteAt(buf, offset, t);
    if (n > 0) this.pos = offset + n;
    return n;
  }

  /** On Linux O_APPEND wins over pwrite's offset (pwrite(2), BUGS). */
  override pwrite(buf: Uint8Array, offset: number, t: FileCaller): number {
    return this.pwriteAt(buf, (this.flags & O_APPEND) !== 0 ? this.inode.stat().size : offset, t);
  }

  private pwriteAt(buf: Uint8Array, offset: number, t: FileCaller): number {
    if (buf.length === 0) return 0;
    const { inode } = this;
    if (offset + buf.length > MAX_FILE_SIZE) return -EFBIG;
    if ((inode.flags & FS_IMMUTABLE) !== 0 || inode.writesSealed) return -EPERM;
    inode.mappings?.beforeRead(offset, buf.length);
    const n = inode.writeAt(buf, offset);
    if (n > 0) {
      inode.mappings?.afterWrite(offset, n);
      dropPrivileges(inode, t.cred);
      notifyDentry(this.path.dentry, IN_MODIFY);
    }
    return n;
  }

  override seek(offset: number, whence: number): number {
    const target = seekTarget(this.inode, this.pos, offset, whence);
    if (target >= 0) this.pos = target;
    return target;
  }

  override truncate(size: number): number {
    const { inode } = this;
    if ((inode.flags & (FS_IMMUTABLE | FS_APPEND)) !== 0) return -EPERM;
    inode.mappings?.beforeRead(0, MAX_FILE_SIZE);
    const result = inode.setattr({ size });
    if (result < 0) return result;
    inode.mappings?.afterResize(size);
    dropPrivileges(inode, this.cred);
    notifyDentry(this.path.dentry, IN_MODIFY);
    return 0;
  }

  override allocate(mode: number, offset: number, length: number): number {
    const { inode } = this;
    // Modes that move what lies behind the range change all of it.
    inode.mappings?.beforeRead(offset, MAX_FILE_SIZE - offset);
    const result = inode.allocate(mode, offset, length);
    if (result < 0) return result;
    inode.mappings?.afterWrite(offset, MAX_FILE_SIZE - offset);
    notifyDentry(this.path.dentry, IN_MODIFY);
    return 0;
  }

  override mmap(writable: boolean): Inode | number {
    accessed(this);
    return writable && this.inode.writesSealed ? -EPERM : this.inode;
  }
}

/** A program or its interpreter while it runs: nobody may open it for writing (ETXTBSY). Preconditions: mayExecute said yes. */
export class ProgramFile extends RegularFile {
  constructor(path: Path, cred: Cred) {
    super(path, O_RDONLY, cred);
    path.inode.writeCount--;
  }
  protected override close(): void {
    this.inode.writeCount++;
    super.close();
  }
}

/** lseek's arithmetic for a file with a size. */
export function seekTarget(inode: Inode, pos: number, offset: number, whence: number): number {
  let target: number;
  switch (whence) {
    case SEEK_SET: target = offset; break;
    case SEEK_CUR: target = pos + offset; break;
    case SEEK_END: target = inode.stat().size + offset; break;
    case SEEK_DATA:
    case SEEK_HOLE: {
      inode.mappings?.beforeRead(0, MAX_FILE_SIZE);
      const size = inode.stat().size;
      if (offset < 0 || offset >= size) return -ENXIO;
      return inode.seekData(offset, whence === SEEK_HOLE);
    }
    default: return -EINVAL;
  }
  return target < 0 || target > MAX_FILE_SIZE ? -EINVAL : target;
}

/** Writing and changes of owner take a program's capabilities. */
export function dropCapability(inode: Inode): void {
  if (typeof inode.getxattr('security.capability') !== 'number') inode.removexattr('security.capability');
}

/** Writing takes set-user-ID and set-group-ID off, unless the writer may keep them. */
export function dropPrivileges(inode: Inode, cred: Cred): void {
  const { mode } = inode.stat();
  dropCapability(inode);
  if ((mode & (S_ISUID | S_ISGID)) === 0 || cred.has(Cap.FSETID)) return;
  const next = modeWithoutPrivileges(mode);
  if (next !== -1) inode.setattr({ mode: next & 0o7777 });
}

/** What reading does to the access time, if the open file and the mount leave it to be changed (touch_atime). */
function accessed({ flags, inode, path: { mount } }: { flags: number; inode: Inode; path: Path }): void {
  if ((flags & O_NOATIME) !== 0 || mount.readOnly || (mount.flags & MS_NOATIME) !== 0) return;
  if ((mount.flags & MS_NODIRATIME) !== 0 && inode.isDirectory) return;
  inode.touchAtime((mount.flags & MS_RELATIME) === 0);
}

/**
 * An open directory. The names are listed when reading starts (and again after rewinding), so positions stay valid while
 * entries come and go; entries that have gone are left out.
 */
export class DirectoryFile extends InodeFile {
  private entries: Listing | null = null;

  override get seekable(): boolean {
    return true;
  }
  override get rwFlags(): number {
    return RWF_HIPRI;
  }
  override read(): number {
    return -EISDIR;
  }
  override pread(): number {
    return -EISDIR;
  }
  override write(): number {
    return -EBADF;
  }

  override seek(offset: number, whence: number): number {
    let target: number;
    if (whence === SEEK_SET) target = offset;
    else if (whence === SEEK_CUR) target = this.pos + offset;
    else if (whence === SEEK_END && offset === 0) target = this.load() < 0 ? 2 : this.entries!.length + 2;
    else return -EINVAL;
    if (target < 0) return -EINVAL;
    if (target === 0) this.entries = null;
    this.pos = target;
    return target;
  }

  private load(): number {
    if (this.entries !== null) return 0;
    const list = this.inode.snapshot();
    if (typeof list === 'number') return list;
    this.entries = list;
    return 0;
  }

  override readdir(sink: DirSink): number {
    const { inode } = this;
    if (!inode.isDirectory) return -ENOTDIR;
    if (this.pos === 0) {
      this.entries = null;
      if (!sink('.', inode.stat().ino, DT.DIR, 1)) return 0;
      this.pos = 1;
    }
    if (this.pos === 1) {
      const { dentry, mount } = this.path;
      const up = dentry === mount.root && mount.mountPoint !== null ? mount.mountPoint.parent : dentry.parent;
      if (!sink('..', (up.inode ?? inode).stat().ino, DT.DIR, 2)) return 0;
      this.pos = 2;
    }
    const result = this.load();
    if (result < 0) return result;
    const entries = this.entries!;
    accessed(this);
    for (let told = 0; this.pos - 2 < entries.length && told < MOST_ENTRIES; ) {
      const entry = entries.entry(this.pos - 2);
      if (entry !== null && entry.ino !== 0 && inode.hasEntry(entry.name)) {
        if (!sink(entry.name, entry.ino, entry.type, this.pos + 1)) return 0;
        told++;
      }
      this.pos++;
    }
    return 0;
  }
}

/** What O_PATH gives: a place, not an open file. Nearly every operation answers EBADF. */
export class PathFile extends FileDescription {
  override read(): number {
    return -EBADF;
  }
  override write(): number {
    return -EBADF;
  }
  override pread(): number {
    return -EBADF;
  }
  override pwrite(): number {
    return -EBADF;
  }
  override seek(): number {
    return -EBADF;
  }
  override ioctl(): number {
    return -EBADF;
  }
  override fsync(): number {
    return -EBADF;
  }
  override truncate(): number {
    return -EBADF;
  }
  override allocate(): number {
    return -EBADF;
  }
  override readdir(): number {
    return -EBADF;
  }
  override mmap(): number {
    return -EBADF;
  }
}
