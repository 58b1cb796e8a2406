import * as fs from 'node:fs';
import * as nodePath from 'node:path';
import * as errno from '../abi/linux/errno.ts';
import { DT } from '../abi/linux/fileMode.ts';
import { O_ACCMODE, O_APPEND, O_CREAT, O_EXCL, O_RDWR, O_TRUNC, O_WRONLY } from '../abi/linux/openFlags.ts';
import type { HostDirEntry, HostFiles, HostStat } from '../host/hostFiles.ts';
import { fromWindowsName, toWindowsName } from './windowsNames.ts';

const ERRNO = errno as Readonly<Record<string, number>>;

/** A Node error as -errno of Linux. Anything that is no system error is a bug of ours and is thrown on. */
export function errnoOf(error: unknown): number {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === 'string') {
    const value = ERRNO[code];
    if (value !== undefined) return -value;
    if (code === 'UNKNOWN') return -errno.EIO;
    if (code === 'ERR_INVALID_ARG_VALUE' || code === 'ERR_OUT_OF_RANGE') return -errno.EINVAL;
  }
  throw error;
}

/** Runs one host call; its -errno when it fails. */
function attempt<T>(call: () => T): T | number {
  try {
    return call();
  } catch (error) {
    return errnoOf(error);
  }
}

function done(call: () => void): number {
  try {
    call();
    return 0;
  } catch (error) {
    return errnoOf(error);
  }
}

const BILLION = 1_000_000_000n;

function convertStat(s: fs.BigIntStats): HostStat {
  return {
    dev: Number(s.dev), ino: Number(s.ino), mode: Number(s.mode), nlink: Number(s.nlink), uid: Number(s.uid), gid: Number(s.gid),
    rdev: Number(s.rdev), size: Number(s.size), blksize: Number(s.blksize ?? 4096n), blocks: Number(s.blocks ?? (s.size + 511n) / 512n),
    atimeSec: Number(s.atimeNs / BILLION), atimeNsec: Number(s.atimeNs % BILLION),
    mtimeSec: Number(s.mtimeNs / BILLION), mtimeNsec: Number(s.mtimeNs % BILLION),
    ctimeSec: Number(s.ctimeNs / BILLION), ctimeNsec: Number(s.ctimeNs % BILLION),
    btimeSec: Number(s.birthtimeNs / BILLION), btimeNsec: Number(s.birthtimeNs % BILLION),
  };
}

function direntType(entry: fs.Dirent): number {
  if (entry.isFile()) return DT.REG;
  if (entry.isDirectory()) return DT.DIR;
  if (entry.isSymbolicLink()) return DT.LNK;
  if (entry.isFIFO()) return DT.FIFO;
  if (entry.isSocket()) return DT.SOCK;
  if (entry.isCharacterDevice()) return DT.CHR;
  return entry.isBlockDevice() ? DT.BLK : DT.UNKNOWN;
}

const STAT_OPTIONS = { bigint: true, throwIfNoEntry: false } as const;

/** The files of the machine Node runs on. */
export class NodeFiles implements HostFiles {
  readonly unix: boolean = process.platform !== 'win32';
  readonly caseSensitive: boolean = process.platform !== 'win32' && process.platform !== 'darwin';

  /** A path of ours as Node wants it. */
  private native(path: string): string | Buffer {
    if (this.unix) return /^[\x01-\x7f]*$/.test(path) ? path : Buffer.from(path, 'latin1');
    const parts = path.split('/');
    return parts.map((part, i) => (i === 0 ? part : toWindowsName(part))).join('\\');
  }

  resolve(path: string): string | number {
    const real = attempt(() => fs.realpathSync.native(path, { encoding: 'buffer' }));
    if (typeof real === 'number') return real;
    if (this.unix) return real.toString('latin1');
    const text = nodePath.resolve(real.toString('utf8')).replace(/[\\/]$/, '');
    return text.split('\\').map((part, i) => (i === 0 ? part : fromWindowsName(part))).join('/');
  }

  lstat(path: string): HostStat | number {
    try {
      // A drive's root needs its slash on Windows.
      const at = this.native(path);
      const s = fs.lstatSync(typeof at === 'string' && at.endsWith(':') ? `${at}\\` : at, STAT_OPTIONS);
      return s === undefined ? -errno.ENOENT : convertStat(s);
    } catch (error) {
      return errnoOf(error);
    }
  }

  open(path: string, flags: number, mode: number): number {
    const c = fs.constants;
    let native: number = c.O_RDONLY;
    if ((flags & O_ACCMODE) === O_WRONLY) native = c.O_WRONLY;
    else if ((flags & O_ACCMODE) === O_RDWR) native = c.O_RDWR;
    if ((flags & O_CREAT) !== 0) native |= c.O_CREAT;
    if ((flags & O_EXCL) !== 0) native |= c.O_EXCL;
    if ((flags & O_TRUNC) !== 0) native |= c.O_TRUNC;
    if ((flags & O_APPEND) !== 0) native |= c.O_APPEND;
    native |= (c.O_NOFOLLOW ?? 0) | (c.O_NONBLOCK ?? 0) | (c.O_NOCTTY ?? 0);
    try {
      return fs.openSync(this.native(path), native, mode);
    } catch (error) {
      return errnoOf(error);
    }
  }

  close(fd: number): void {
    done(() => fs.closeSync(fd));
  }

  fstat(fd: number): HostStat | number {
    const s = attempt(() => fs.fstatSync(fd, { bigint: true }));
    return typeof s === 'number' ? s : convertStat(s);
  }

  read(fd: number, into: Uint8Array, offset: number | null): number {
    try {
      return fs.readSync(fd, into, 0, into.length, offset);
    } catch (error) {
      return errnoOf(error);
    }
  }

  write(fd: number, from: Uint8Array, offset: number | null): number {
    try {
      return fs.writeSync(fd, from, 0, from.length, offset);
    } catch (error) {
      return errnoOf(error);
    }
  }

  truncate(fd: number, size: number): number {
    return done(() => fs.ftruncateSync(fd, size));
  }

  fsync(fd: number, dataOnly: boolean): number {
    return done(() => (dataOnly ? fs.fdatasyncSync(fd) : fs.fsyncSync(fd)));
  }

  list(path: string): HostDirEntry[] | number {
    return attempt(() => {
      const out: HostDirEntry[] = [];
      // opendir keeps the host's order (readdirSync sorts). Node takes latin1 here, whatever its types say.
      const dir = fs.opendirSync(this.directory(path), { encoding: (this.unix ? 'latin1' : 'utf8') as BufferEncoding, bufferSize: 512 });
      try {
        for (let entry = dir.readSync(); entry !== null; entry = dir.readSync()) {
          out.push({ name: this.unix ? entry.name : fromWindowsName(entry.name), type: direntType(entry) });
        }
      } finally {
        dir.closeSync();
      }
      return out;
    });
  }

  private directory(path: string): string {
    const at = this.native(path);
    // opendirSync takes strings and Buffers alike; its types know strings only.
    return (typeof at === 'string' && at.endsWith(':') ? `${at}\\` : at) as string;
  }

  readlink(path: string): string | number {
    const target = attempt(() => fs.readlinkSync(this.native(path), { encoding: 'buffer' }));
    if (typeof target === 'number') return target;
    return this.unix ? target.toString('latin1') : fromWindowsName(target.toString('utf8').replaceAll('\\', '/'));
  }

  mkdir(path: string, mode: number): number {
    return done(() => fs.mkdirSync(this.native(path), { mode }));
  }
  symlink(target: string, path: string): number {
    return done(() => fs.symlinkSync(this.unix ? Buffer.from(target, 'latin1') : toWindowsName(target), this.native(path)));
  }
  link(from: string, to: string): number {
    return done(() => fs.linkSync(this.native(from), this.native(to)));
  }
  unlink(path: string): number {
    return done(() => fs.unlinkSync(this.native(path)));
  }
  rmdir(path: string): number {
    return done(() => fs.rmdirSync(this.native(path)));
  }
  rename(from: string, to: string): number {
    return done(() => fs.renameSync(this.native(from), this.native(to)));
  }
  chmod(path: string, mode: number): number {
    return done(() => fs.chmodSync(this.native(path), mode));
  }
  chown(path: string, uid: number, gid: number): number {
    return done(() => fs.lchownSync(this.native(path), uid, gid));
  }
  utimes(path: string, atimeSec: number, atimeNsec: number, mtimeSec: number, mtimeNsec: number): number {
    return done(() => fs.lutimesSync(this.native(path), atimeSec + atimeNsec / 1e9, mtimeSec + mtimeNsec / 1e9));
  }

  statfs(path: string): { type: number; bsize: number; blocks: number; bfree: number; bavail: number; files: number; ffree: number } | number {
    return attempt(() => {
      const s = fs.statfsSync(this.directory(path));
      return { type: s.type, bsize: s.bsize, blocks: s.blocks, bfree: s.bfree, bavail: s.bavail, files: s.files, ffree: s.ffree };
    });
  }
}
