import { EFAULT, EINVAL, ENODEV, ENOTDIR, ENOTTY, ESPIPE } from '../abi/linux/errno.ts';
import { O_ACCMODE, O_PATH, O_RDONLY, O_WRONLY } from '../abi/linux/openFlags.ts';
import { EPOLLIN, EPOLLOUT, EPOLLRDNORM, EPOLLWRNORM } from '../abi/linux/poll.ts';
import type { GuestMemory } from '../machine/guestMemory.ts';
import type { Cred } from './cred.ts';
import type { Inode } from './inode.ts';
import type { FsContext, Path } from './path.ts';
import type { WaitQueue } from './waitQueue.ts';

/** What a file may want to know of the task that uses it. kernel/task's Task is one; a tty narrows it. */
export interface FileCaller {
  readonly memory: GuestMemory;
  readonly cred: Cred;
  readonly fs: FsContext;
  /** Thread group id: the owner that POSIX record locks name. */
  readonly tgid: number;
}

/** Takes one directory entry; false when there is no room for it. `next` is the position after it. */
export type DirSink = (name: string, ino: number, type: number, next: number) => boolean;

export const RWF_HIPRI = 1;
export const RWF_NOWAIT = 8;
export const RWF_DONTCACHE = 0x80;
/** RWF_HIPRI, DSYNC, SYNC, APPEND, NOAPPEND, NOSIGNAL. */
export const RWF_PLAIN = 0x137;

/** Of a read into bad memory, at most this is done. */
const LOST = 4096;

/**
 * An open file (Linux's struct file): what descriptors of one or several processes refer to. Flags are those of open(2) less
 * the creation flags. Results are n >= 0 or -errno. A file that would have to wait answers -EAGAIN, whatever O_NONBLOCK says;
 * the system call decides whether to park on `waitQueue`. Buffers may be views of guest memory: use them at once.
 */
export abstract class FileDescription {
  /** Where it was opened; pipes, sockets and the like lie in a file system that is mounted nowhere. */
  readonly path: Path;
  /** Status flags and access mode (O_APPEND, O_NONBLOCK, ...). O_CLOEXEC belongs to the descriptor, not here. */
  flags: number;
  pos = 0;
  /** References: descriptor-table entries, mappings, messages in flight. The last release closes it. */
  private refs = 1;
  /** Credentials of the opener. */
  readonly cred: Cred;
  /** The open(2) it comes from has made the file. */
  wasCreated = false;
  /** F_SETOWN and F_SETSIG. */
  owner = { type: 0, id: 0 };
  signal = 0;
  /** Who hears of readiness changes; null for files that are always ready. */
  readonly waitQueue: WaitQueue | null = null;

  constructor(path: Path, flags: number, cred: Cred) {
    this.path = path;
    this.flags = flags;
    this.cred = cred;
  }

  /** By what workers know it, who may read or write it without the kernel (machine/channels.ts); 0: they do not. */
  get channelEntry(): number {
    return 0;
  }
  /** Who reads it without the kernel does so no more. */
  leaveChannel(): void {}
  /** A call has waited for it and waits no more, or has said that there is something to read. */
  waited(): void {}

  get inode(): Inode {
    return this.path.dentry.inode!;
  }
  get readable(): boolean {
    return (this.flags & O_ACCMODE) !== O_WRONLY && (this.flags & O_PATH) === 0;
  }
  get writable(): boolean {
    return (this.flags & O_ACCMODE) !== O_RDONLY && (this.flags & O_PATH) === 0;
  }
  /** Whether there is a file position: false for pipes, sockets, ttys: lseek and pread give ESPIPE. */
  get seekable(): boolean {
    return false;
  }

  /** Whether a write that finds nobody to read it (-EPIPE) sends SIGPIPE; `done` bytes of it had gone before. */
  raisesSigpipe(_done: number): boolean {
    return true;
  }
  /** How long a read or write may wait, in ns (SO_RCVTIMEO, SO_SNDTIMEO of sockets). */
  get readTimeoutNs(): number {
    return Infinity;
  }
  get writeTimeoutNs(): number {
    return Infinity;
  }

  /** One more reference. */
  acquire(): this {
    this.refs++;
    return this;
  }
  /** Drops one reference. */
  release(): void {
    if (--this.refs === 0) this.close();
  }
  get open(): boolean {
    return this.refs > 0;
  }
  /** How many references there are. */
  get references(): number {
    return this.refs;
  }

  /** open(2) has to wait before it may give this out: a fifo whose other end is not there yet. Woken through waitQueue. */
  get openPending(): boolean {
    return false;
  }

  /** Whether pwrite is told where to write. */
  get writesAnywhere(): boolean {
    return this.seekable;
  }
  /** Whether there is such an operation at all: without it calls end with EINVAL before they look at their buffers. */
  get canRead(): boolean {
    return this.read !== FileDescription.prototype.read;
  }
  get canWrite(): boolean {
    return this.write !== FileDescription.prototype.write;
  }
  /** Whether O_DIRECT may be set. */
  get canBeDirect(): boolean {
    return false;
  }
  /** Whether it can tell its owner by a signal (O_ASYNC). */
  get canSignal(): boolean {
    return false;
  }
  /** RWF_* flags that preadv2 and pwritev2 may ask for (FMODE_NOWAIT, FOP_DONTCACHE; nothing but RWF_HIPRI without read_iter). */
  get rwFlags(): number {
    return RWF_PLAIN | RWF_NOWAIT;
  }
  /** splice(2) and sendfile(2) can take from it; splice(2) can put into it. */
  get canBeSpliced(): boolean {
    return this.canRead;
  }
  get canTakeSplice(): boolean {
    return this.canWrite;
  }

  /** Preconditions of read and write methods: the access mode allows it, the length is > 0 or the file wants to see zero-length calls. */
  read(_buf: Uint8Array, _t: FileCaller): number {
    return -EINVAL;
  }
  write(_buf: Uint8Array, _t: FileCaller): number {
    return -EINVAL;
  }
  pread(_buf: Uint8Array, _offset: number, _t: FileCaller): number {
    return -ESPIPE;
  }
  pwrite(_buf: Uint8Array, _offset: number, _t: FileCaller): number {
    return -ESPIPE;
  }
  /** Several buffers as one operation. Files with messages (sockets, packet pipes, eventfd) override them. */
  readv(bufs: readonly Uint8Array[], t: FileCaller): number {
    return gather(bufs, (buf) => this.read(buf, t));
  }
  writev(bufs: readonly Uint8Array[], t: FileCaller): number {
    return gather(bufs, (buf) => this.write(buf, t));
  }
  /**
   * A read of `length` bytes at `offset` into memory that cannot be written to: what is wrong with the file, or that it has nothing,
   * is found first; what it had is lost, as it is on Linux.
   */
  readInVain(length: number, offset: number, t: FileCaller): number {
    const lost = new Uint8Array(Math.min(length, LOST));
    const n = this.seekable ? this.pread(lost, offset, t) : this.read(lost, t);
    return n > 0 ? -EFAULT : n;
  }
  /** A write of `length` bytes from memory that cannot be read. */
  writeInVain(_length: number, _t: FileCaller): number {
    return this.canWrite ? -EFAULT : -EINVAL;
  }
  seek(_offset: number, _whence: number): number {
    return -ESPIPE;
  }
  ioctl(_t: FileCaller, _cmd: number, _arg: number): number {
    return -ENOTTY;
  }
  /** Current readiness in EPOLL bits. `t` asks, when a task asks: what a signalfd is ready for depends on it. */
  poll(_t?: FileCaller): number {
    return EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM;
  }
  /** Hands entries from the current position on to `sink`; moves the position past those taken. 0 or -errno. */
  readdir(_sink: DirSink): number {
    return -ENOTDIR;
  }
  fsync(_dataOnly: boolean): number {
    return -EINVAL;
  }
  truncate(_size: number): number {
    return -EINVAL;
  }
  allocate(_mode: number, _offset: number, _length: number): number {
    return -ENODEV;
  }
  /** O_NONBLOCK and O_ASYNC may change through fcntl; a file that must know overrides this. 0 or -errno. */
  setFlags(flags: number): number {
    this.flags = flags;
    return 0;
  }
  /** What was written may yet be refused: the call is over when this has woken, and is null. */
  get settling(): WaitQueue | null {
    return null;
  }
  /** Mapping it gives anonymous memory (/dev/zero). */
  readonly isZero: boolean = false;

  /** The inode whose pages mmap shows, or -errno. */
  mmap(_writable: boolean): Inode | number {
    return -ENODEV;
  }
  /** Extra lines of /proc/PID/fdinfo/N. */
  fdinfo(): string {
    return '';
  }
  /** A descriptor of the table `owner` was closed; release() follows. All POSIX record locks of the owner on the file go (fcntl(2)). */
  closedIn(owner: object): number {
    if ((this.flags & O_PATH) === 0) this.path.dentry.inode?.locks?.removeOwner(owner);
    return this.flush();
  }
  /** What close(2) reports: errors of delayed writes. */
  protected flush(): number {
    return 0;
  }
  /** The last reference has gone. */
  protected close(): void {}
}

/** One transfer after the other until one is short. */
export function gather(bufs: readonly Uint8Array[], transfer: (buf: Uint8Array) => number): number {
  let total = 0;
  for (const buf of bufs) {
    if (buf.length === 0) continue;
    const n = transfer(buf);
    if (n < 0) return total > 0 ? total : n;
    total += n;
    if (n < buf.length) break;
  }
  return total;
}

