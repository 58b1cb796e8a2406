import { EAGAIN, EBUSY, EFAULT, EINVAL, ENOTTY, ENXIO, EPERM, EPIPE } from '../../abi/linux/errno.ts';
import { FIONREAD } from '../../abi/linux/ioctl.ts';
import { O_ACCMODE, O_ASYNC, O_DIRECT, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } from '../../abi/linux/openFlags.ts';
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDNORM, EPOLLWRNORM } from '../../abi/linux/poll.ts';
import { Cap, type Cred } from '../../vfs/cred.ts';
import { type FileCaller, FileDescription } from '../../vfs/fileDescription.ts';
import type { Inode } from '../../vfs/inode.ts';
import { IN_ACCESS, IN_CLOSE_NOWRITE, IN_CLOSE_WRITE, IN_MODIFY, notifyDentry } from '../../vfs/notify.ts';
import type { Path } from '../../vfs/path.ts';
import { PipeBuffer } from './pipeBuffer.ts';

const PIPE_MAX_SIZE = 1 << 20;

/** One end (or, of a fifo opened O_RDWR, both) of a pipe. */
export class PipeFile extends FileDescription {
  readonly pipe: PipeBuffer;
  private readonly isFifo: boolean;
  override readonly waitQueue;
  /** A fifo's reader before the first writer came sees no hang-up. */
  private readonly writerOpensAtStart: number;

  constructor(path: Path, flags: number, cred: Cred, pipe: PipeBuffer, isFifo: boolean) {
    super(path, flags, cred);
    this.pipe = pipe;
    this.isFifo = isFifo;
    this.waitQueue = pipe.waitQueue;
    this.writerOpensAtStart = pipe.writerOpens;
    path.inode.opened();
    pipe.endOpened(this.readable, this.writable);
    this.noteFlags();
  }

  override get canSignal(): boolean {
    return true;
  }
  override get canBeDirect(): boolean {
    return !this.isFifo;
  }
  override get channelEntry(): number {
    const { channel } = this.pipe;
    return channel === null || this.readable === this.writable ? 0 : channel.entry(this.readable);
  }
  override leaveChannel(): void {
    this.pipe.claim();
  }
  override waited(): void {
    this.pipe.lend();
  }

  override setFlags(flags: number): number {
    const result = super.setFlags(flags);
    this.noteFlags();
    return result;
  }

  /** What workers do not know, and what they do: they never wait to write. */
  private noteFlags(): void {
    this.pipe.noteEnd(this, (this.flags & (O_DIRECT | O_ASYNC)) !== 0, this.readable && (this.flags & O_NONBLOCK) !== 0);
  }

  override read(buf: Uint8Array, _t: FileCaller): number {
    if (buf.length === 0) return 0;
    const { pipe } = this;
    if (pipe.length === 0) {
      if (pipe.writers === 0) return 0;
      if ((this.flags & O_NONBLOCK) !== 0) pipe.lend();
      return -EAGAIN;
    }
    const n = pipe.take(buf);
    pipe.lend();
    if (this.isFifo) notifyDentry(this.path.dentry, IN_ACCESS);
    return n;
  }

  /** A read of `wanted` bytes of which only these can be written: a page of the pipe is copied as a whole, or it stays. */
  readPart(buf: Uint8Array, wanted: number, t: FileCaller): number {
    const whole = this.pipe.wholePages(buf.length, wanted);
    return whole === 0 && this.pipe.length > 0 ? -EFAULT : this.read(whole === 0 ? buf : buf.subarray(0, whole), t);
  }

  /** What is in it stays. */
  override readInVain(_length: number, _offset: number): number {
    return this.pipe.length > 0 ? -EFAULT : this.pipe.writers === 0 ? 0 : -EAGAIN;
  }
  override writeInVain(): number {
    return this.pipe.readers === 0 ? -EPIPE : -EFAULT;
  }

  override write(buf: Uint8Array, _t: FileCaller): number {
    const { pipe } = this;
    if (buf.length === 0) return 0;
    if (pipe.readers === 0) return -EPIPE;
    const n = pipe.put(buf, (this.flags & O_DIRECT) !== 0);
    if (n === 0) return -EAGAIN;
    if (this.isFifo) notifyDentry(this.path.dentry, IN_MODIFY);
    return n;
  }

  /** One write, so that PIPE_BUF bytes in several pieces stay together. */
  override writev(bufs: readonly Uint8Array[], t: FileCaller): number {
    if (bufs.length === 1) return this.write(bufs[0]!, t);
    const all = new Uint8Array(bufs.reduce((sum, buf) => sum + buf.length, 0));
    let at = 0;
    for (const buf of bufs) {
      all.set(buf, at);
      at += buf.length;
    }
    return this.write(all, t);
  }

  override ioctl(t: FileCaller, cmd: number, arg: number): number {
    if (cmd !== FIONREAD) return -ENOTTY;
    return t.memory.setU32(arg, this.pipe.length) ? 0 : -EFAULT;
  }

  override poll(): number {
    const { pipe } = this;
    let events = 0;
    if (this.readable) {
      if (pipe.length > 0) events |= EPOLLIN | EPOLLRDNORM;
      if (pipe.writers === 0 && pipe.writerOpens !== this.writerOpensAtStart) events |= EPOLLHUP;
    }
    if (this.writable) {
      if (!pipe.isFull) events |= EPOLLOUT | EPOLLWRNORM;
      if (pipe.readers === 0) events |= EPOLLERR;
    }
    return events;
  }

  /** F_SETPIPE_SZ: the new size or -errno. */
  resize(wanted: number): number {
    if (wanted > 2 ** 31) return -EINVAL;
    let size = 4096;
    while (size < wanted) size *= 2;
    if (size > PIPE_MAX_SIZE && size > this.pipe.capacity && !this.cred.has(Cap.SYS_RESOURCE)) return -EPERM;
    return this.pipe.setCapacity(size) ? size : -EBUSY;
  }

  protected override close(): void {
    this.pipe.noteEnd(this, false, false);
    this.pipe.endClosed(this.readable, this.writable);
    if (this.isFifo) notifyDentry(this.path.dentry, this.writable ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
    this.inode.locks?.closeDescription(this);
    this.inode.closed();
  }
}

/** The buffers of fifos that somebody has open. */
const fifos = new WeakMap<Inode, PipeBuffer>();

/**
 * A fifo being opened. Linux's open waits until the other end is there; here the description is made at once, and the system
 * call waits on its queue while `openPending` says so.
 */
export class FifoFile extends PipeFile {
  private readonly seenReaders: number;
  private readonly seenWriters: number;

  constructor(path: Path, flags: number, cred: Cred, pipe: PipeBuffer) {
    const { readerOpens, writerOpens } = pipe;
    super(path, flags, cred, pipe, true);
    this.seenReaders = readerOpens;
    this.seenWriters = writerOpens;
  }

  override get openPending(): boolean {
    const { pipe } = this;
    switch (this.flags & O_ACCMODE) {
      case O_RDONLY: return (this.flags & O_NONBLOCK) === 0 && pipe.writers === 0 && pipe.writerOpens === this.seenWriters;
      case O_WRONLY: return pipe.readers === 0 && pipe.readerOpens === this.seenReaders;
      default: return false;
    }
  }
}

/** The inode of an unnamed pipe stands for `pipe`: opening it again (/proc/self/fd/N) is as opening a fifo. */
export function bindPipe(inode: Inode, pipe: PipeBuffer): void {
  fifos.set(inode, pipe);
}

export function openFifo(inode: Inode, path: Path, flags: number, t: FileCaller): FileDescription | number {
  let pipe = fifos.get(inode);
  if (pipe === undefined) fifos.set(inode, (pipe = new PipeBuffer()));
  // A pipe without a name is opened again (through /proc/self/fd) without waiting for anybody.
  if (inode.fs.typeName === 'pipefs') return new PipeFile(path, flags, t.cred, pipe, false);
  const access = flags & O_ACCMODE;
  if (access === O_WRONLY && (flags & O_NONBLOCK) !== 0 && pipe.readers === 0) return -ENXIO;
  if (access > O_RDWR) return -EINVAL;
  return new FifoFile(path, flags, t.cred, pipe);
}
