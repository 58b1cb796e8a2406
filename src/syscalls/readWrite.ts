import { EAGAIN, EBADF, EFAULT, EFBIG, EINTR, EINVAL, EOPNOTSUPP, EPIPE, ESPIPE, ERESTARTSYS, EPERM } from '../abi/linux/errno.ts';
import { O_APPEND, O_LARGEFILE, O_NONBLOCK } from '../abi/linux/openFlags.ts';
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDNORM, EPOLLWRNORM } from '../abi/linux/poll.ts';
import { SIGPIPE, SIGXFSZ } from '../abi/linux/signal.ts';
import { PipeFile } from '../fs/pipefs/pipeFile.ts';
import { Rlimit } from '../kernel/fd/rlimits.ts';
import { kernelSignal, sendToTask } from '../kernel/signal/send.ts';
import { Restart, type BlockSpec } from '../kernel/task/block.ts';
import type { Task } from '../kernel/task/task.ts';
import { type FileDescription, RWF_NOWAIT } from '../vfs/fileDescription.ts';
import { FS_APPEND } from '../vfs/inode.ts';
import { RegularFile } from '../vfs/inodeFile.ts';
import { fileOf } from './fileArgs.ts';
import { type IoVec, MAX_RW_COUNT, readVector, totalOf, vectorViews } from './ioVector.ts';
import { isAlone, moveInPieces, PIECE } from './pieces.ts';
import { PARKED, type SyscallRow } from './row.ts';
import { whenSettled } from './socketTransfer.ts';

/** A buffer longer than this reaches beyond the user's half of the address space (access_ok). */
const ADDRESS_LIMIT = 0x7fff_ffff_f000;
/** Buffers up to this are prepared as a whole. */
const BIG = 1 << 16;
const READABLE = EPOLLIN | EPOLLRDNORM | EPOLLHUP | EPOLLERR;
const WRITABLE = EPOLLOUT | EPOLLWRNORM | EPOLLHUP | EPOLLERR;
const RWF_APPEND = 16;
const RWF_NOAPPEND = 32;
const RWF_NOSIGNAL = 0x100;
/** All but RWF_ATOMIC, which no file here can promise. */
export const RWF_KNOWN = 0x1bf;

/** A wait that a socket's SO_RCVTIMEO or SO_SNDTIMEO ends; a signal ends such a call for good. */
function limitedBy(t: Task, timeoutNs: number, onTimeout: () => number): Partial<BlockSpec> {
  return timeoutNs === Infinity ? {} : { deadlineNs: t.kernel.nowNs() + timeoutNs, onTimeout, restart: Restart.never };
}

function doneWaiting(file: FileDescription): void {
  file.waited();
  file.release();
}

/** Notes what a call has moved. */
function didRead(t: Task, n: number): number {
  const { io } = t.process;
  io.reads++;
  if (n > 0) io.readBytes += n;
  return n;
}
function didWrite(t: Task, n: number): number {
  const { io } = t.process;
  io.writes++;
  if (n > 0) io.writtenBytes += n;
  return n;
}

/** Runs `attempt` until it answers something other than -EAGAIN, parked on the file between tries. */
function untilReady(t: Task, file: FileDescription, events: number, attempt: () => number): number {
  const first = attempt();
  if (first !== -EAGAIN || (file.flags & O_NONBLOCK) !== 0 || file.waitQueue === null) return didRead(t, first);
  file.acquire();
  return t.block({
    queues: [file.waitQueue],
    events,
    ...limitedBy(t, file.readTimeoutNs, () => -EAGAIN),
    retry: () => {
      const n = attempt();
      return n === -EAGAIN ? PARKED : didRead(t, n);
    },
    cleanup: () => doneWaiting(file),
  });
}

/** Notes a piece of a call that has moved `done` bytes before. */
function told(t: Task, done: number, n: number, writes: boolean): number {
  const { io } = t.process;
  if (done > 0) io[writes ? 'writes' : 'reads']--;
  return writes ? didWrite(t, n) : didRead(t, n);
}

// ---- reading ----

/**
 * How much of a buffer of `length` bytes a read can fill: preparing guest pages beyond that would commit memory for nothing.
 * At least one byte, so that a bad buffer is still found out.
 */
function fillable(file: FileDescription, offset: number, length: number): number {
  if (length <= BIG) return length;
  if (file instanceof RegularFile) return Math.max(BIG, Math.min(length, file.inode.stat().size - offset));
  return file instanceof PipeFile ? Math.min(length, Math.max(file.pipe.length, BIG)) : length;
}

function sysRead(t: Task, fd: number, ptr: number, count: number): number {
  const file = fileOf(t, fd);
  if (file === null || !file.readable) return -EBADF;
  if (!file.canRead) return -EINVAL;
  const length = Math.min(count, MAX_RW_COUNT);
  if (count > ADDRESS_LIMIT || !t.memory.inRange(ptr, length)) return -EFAULT;
  if (length > PIECE && isAlone(t, file) && file.inode.stat().size - file.pos > PIECE) {
    return moveInPieces(t, [file], length, (done, count) => {
      const buf = t.memory.writablePrefix(ptr + done, count);
      return told(t, done, buf === null ? file.readInVain(length - done, file.pos, t) : file.read(buf, t), false);
    });
  }
  return untilReady(t, file, READABLE, () => {
    const wanted = fillable(file, file.pos, length), buf = t.memory.writablePrefix(ptr, wanted);
    if (buf === null) return file.readInVain(length, file.pos, t);
    return file instanceof PipeFile && buf.length < wanted ? file.readPart(buf, wanted, t) : file.read(buf, t);
  });
}

function sysPread(t: Task, fd: number, ptr: number, count: number, offset: number): number {
  if (offset < 0) return -EINVAL;
  const file = fileOf(t, fd);
  if (file === null) return -EBADF;
  if (!file.seekable) return -ESPIPE;
  if (!file.readable) return -EBADF;
  if (!file.canRead) return -EINVAL;
  const length = Math.min(count, MAX_RW_COUNT);
  if (count > ADDRESS_LIMIT || !t.memory.inRange(ptr, length)) return -EFAULT;
  const wanted = fillable(file, offset, length);
  return moveInPieces(t, [file], wanted, (done, count) => {
    const buf = t.memory.writablePrefix(ptr + done, count), at = offset + done;
    return buf === null ? file.readInVain(length - done, at, t) : told(t, done, file.pread(buf, at, t), false);
  });
}

// ---- writing ----

/** How many of `count` bytes may be written at `offset`, by the limits on file sizes; -EFBIG (with SIGXFSZ where due). */
export function allowedBy(t: Task, file: FileDescription, offset: number, count: number): number {
  if (!(file instanceof RegularFile)) return count;
  const limit = t.rlimits.cur[Rlimit.FSIZE]!;
  if (limit !== Infinity) {
    if (offset >= limit) {
      sendToTask(t, kernelSignal(SIGXFSZ));
      return -EFBIG;
    }
    count = Math.min(count, limit - offset);
  }
  if ((file.flags & O_LARGEFILE) === 0) {
    if (offset >= 0x7fffffff) return -EFBIG;
    count = Math.min(count, 0x7fffffff - offset);
  }
  return count;
}

function offsetOf(file: FileDescription): number {
  return (file.flags & O_APPEND) !== 0 && file.seekable ? file.inode.stat().size : file.pos;
}

/** A write that can take several turns. */
export class LongWrite {
  done = 0;
  private readonly t: Task;
  private readonly file: FileDescription;
  private readonly total: number;
  private readonly step: (done: number) => number;
  private readonly quiet: boolean;

  /** `step(done)` writes what is left after `done` bytes: n or -errno. `quiet`: no SIGPIPE. */
  constructor(t: Task, file: FileDescription, total: number, step: (done: number) => number, quiet: boolean) {
    this.t = t;
    this.file = file;
    this.total = total;
    this.step = step;
    this.quiet = quiet;
  }

  /** Goes on until all is written; -EAGAIN: the file has to be waited for. */
  attempt(): number {
    const { file } = this;
    for (;;) {
      const n = this.step(this.done);
      if (n < 0) {
        if (n === -EPIPE && !this.quiet && file.raisesSigpipe(this.done)) sendToTask(this.t, kernelSignal(SIGPIPE));
        if (n === -EAGAIN && (file.flags & O_NONBLOCK) === 0) return -EAGAIN;
        return this.done > 0 ? this.done : n;
      }
      this.done += n;
      if (this.done >= this.total || n === 0 || file.waitQueue === null) return this.done;
    }
  }
}

/** Writes until all has gone, waiting for the file between. `step` and `quiet` as LongWrite has them. */
function writeAll(t: Task, file: FileDescription, total: number, step: (done: number) => number, quiet = false): number {
  const write = new LongWrite(t, file, total, step, quiet);
  const first = write.attempt();
  if (first !== -EAGAIN || (file.flags & O_NONBLOCK) !== 0 || file.waitQueue === null) return whenSettled(t, file, didWrite(t, first));
  const timeoutNs = file.writeTimeoutNs;
  file.acquire();
  return t.block({
    queues: [file.waitQueue],
    events: WRITABLE,
    ...limitedBy(t, timeoutNs, () => (write.done > 0 ? write.done : -EAGAIN)),
    retry: () => {
      const n = write.attempt();
      return n === -EAGAIN ? PARKED : whenSettled(t, file, didWrite(t, n));
    },
    onSignal: () => (write.done > 0 ? write.done : timeoutNs === Infinity ? -ERESTARTSYS : -EINTR),
    cleanup: () => doneWaiting(file),
  });
}

function sysWrite(t: Task, fd: number, ptr: number, count: number): number {
  const file = fileOf(t, fd);
  if (file === null || !file.writable) return -EBADF;
  if (!file.canWrite) return -EINVAL;
  if (count > ADDRESS_LIMIT || !t.memory.inRange(ptr, Math.min(count, MAX_RW_COUNT))) return -EFAULT;
  const length = count === 0 ? 0 : allowedBy(t, file, offsetOf(file), Math.min(count, MAX_RW_COUNT));
  if (length < 0) return length;
  if (length > PIECE && isAlone(t, file) && (file.flags & O_APPEND) === 0) {
    return moveInPieces(t, [file], length, (done, n) => {
      const buf = t.memory.readablePrefix(ptr + done, n);
      return told(t, done, buf === null ? file.writeInVain(length - done, t) : file.write(buf, t), true);
    });
  }
  return writeAll(t, file, length, (done) => {
    const left = length - done;
    const buf = t.memory.readablePrefix(ptr + done, file instanceof PipeFile ? Math.min(left, BIG) : left);
    return buf === null ? file.writeInVain(left, t) : file.write(buf, t);
  });
}

function sysPwrite(t: Task, fd: number, ptr: number, count: number, offset: number): number {
  if (offset < 0) return -EINVAL;
  const file = fileOf(t, fd);
  if (file === null) return -EBADF;
  if (!file.writesAnywhere) return -ESPIPE;
  if (!file.writable) return -EBADF;
  if (!file.canWrite) return -EINVAL;
  if (count > ADDRESS_LIMIT || !t.memory.inRange(ptr, Math.min(count, MAX_RW_COUNT))) return -EFAULT;
  const length = count === 0 ? 0 : allowedBy(t, file, offset, Math.min(count, MAX_RW_COUNT));
  if (length < 0) return length;
  // What is appended stays together.
  const together = (file.flags & O_APPEND) !== 0 ? length : PIECE;
  return moveInPieces(t, [file], length, (done, n) => {
    const buf = t.memory.readablePrefix(ptr + done, n);
    return buf === null ? file.writeInVain(length - done, t) : told(t, done, file.pwrite(buf, offset + done, t), true);
  }, together);
}

// ---- vectors ----

function readv(t: Task, fd: number, ptr: number, count: number, flags: number): number {
  const file = fileOf(t, fd);
  if (file === null || !file.readable) return -EBADF;
  if (!file.canRead) return -EINVAL;
  const vector = readVector(t, ptr, count);
  if (typeof vector === 'number') return vector;
  const total = totalOf(vector);
  if (total === 0) return 0;
  const refused = refusedFlags(file, flags, false);
  if (refused < 0) return refused;
  return untilReady(t, file, READABLE, () => {
    const views = vectorViews(t, vector, 0, total, true);
    return views === null ? file.readInVain(total, file.pos, t) : file.readv(views, t);
  });
}

function sysReadv(t: Task, fd: number, ptr: number, count: number): number {
  return readv(t, fd, ptr, count, 0);
}

/** RWF_* flags that this file or this direction has no use for (kiocb_set_rw_flags). 0 or -errno. */
function refusedFlags(file: FileDescription, flags: number, writes: boolean): number {
  if ((flags & ~RWF_KNOWN) !== 0) return -EOPNOTSUPP;
  if ((flags & (RWF_APPEND | RWF_NOAPPEND)) === (RWF_APPEND | RWF_NOAPPEND)) return -EINVAL;
  if ((flags & ~file.rwFlags) !== 0) return -EOPNOTSUPP;
  return writes && (flags & RWF_NOAPPEND) !== 0 && (file.inode.flags & FS_APPEND) !== 0 ? -EPERM : 0;
}

function writev(t: Task, fd: number, ptr: number, count: number, flags: number): number {
  const file = fileOf(t, fd);
  if (file === null || !file.writable) return -EBADF;
  if (!file.canWrite) return -EINVAL;
  const vector = readVector(t, ptr, count);
  if (typeof vector === 'number') return vector;
  const total = totalOf(vector);
  if (total === 0) return 0;
  const refused = refusedFlags(file, flags, true);
  if (refused < 0) return refused;
  const length = allowedBy(t, file, offsetOf(file), total);
  if (length < 0) return length;
  return writeAll(t, file, length, (done) => {
    const views = vectorViews(t, vector, done, length - done, false);
    return views === null ? file.writeInVain(length - done, t) : file.writev(views, t);
  }, (flags & RWF_NOSIGNAL) !== 0);
}
function sysWritev(t: Task, fd: number, ptr: number, count: number): number {
  return writev(t, fd, ptr, count, 0);
}

/** Reads or writes `total` bytes of a vector at a place of a file that has places: bytes or -errno. */
export function moveAt(t: Task, file: FileDescription, vector: readonly IoVec[], offset: number, total: number, writes: boolean): number {
  const views = vectorViews(t, vector, 0, total, !writes);
  if (views === null) return writes ? file.writeInVain(total, t) : file.readInVain(total, offset, t);
  let done = 0;
  for (const view of views) {
    const n = writes ? file.pwrite(view, offset + done, t) : file.pread(view, offset + done, t);
    if (n < 0) return done > 0 ? done : n;
    done += n;
    if (n < view.length) break;
  }
  return done;
}

function positional(t: Task, fd: number, ptr: number, count: number, offset: number, writes: boolean, flags = 0): number {
  if (offset < 0) return -EINVAL;
  const file = fileOf(t, fd);
  if (file === null) return -EBADF;
  if (writes ? !file.writesAnywhere : !file.seekable) return -ESPIPE;
  if (writes ? !file.writable : !file.readable) return -EBADF;
  if (writes ? !file.canWrite : !file.canRead) return -EINVAL;
  const vector = readVector(t, ptr, count);
  if (typeof vector === 'number') return vector;
  let total = totalOf(vector);
  if (total === 0) return 0;
  const refused = refusedFlags(file, flags, writes);
  if (refused < 0) return refused;
  if (writes) total = allowedBy(t, file, offset, total);
  if (total < 0) return total;
  return moveAt(t, file, vector, offset, total, writes);
}

function sysPreadv(t: Task, fd: number, ptr: number, count: number, offset: number): number {
  return positional(t, fd, ptr, count, offset, false);
}
function sysPwritev(t: Task, fd: number, ptr: number, count: number, offset: number): number {
  return positional(t, fd, ptr, count, offset, true);
}

/** preadv2 and pwritev2: offset -1 is the file's position; flags RWF_*. */
function vector2(t: Task, fd: number, ptr: number, count: number, offset: number, flags: number, writes: boolean): number {
  const file = fileOf(t, fd);
  if (file === null) return -EBADF;
  const wasFlags = file.flags;
  if (writes && (flags & RWF_APPEND) !== 0) file.flags |= O_APPEND;
  if (writes && (flags & RWF_NOAPPEND) !== 0) file.flags &= ~O_APPEND;
  if ((flags & RWF_NOWAIT) !== 0 && file.waitQueue !== null) file.flags |= O_NONBLOCK;
  let result: number;
  const pos = file.pos;
  if (offset === -1) result = writes ? writev(t, fd, ptr, count, flags) : readv(t, fd, ptr, count, flags);
  else result = positional(t, fd, ptr, count, offset, writes, flags);
  if (file.flags !== wasFlags) file.flags = wasFlags;
  if (writes && (flags & RWF_APPEND) !== 0 && offset !== -1) file.pos = pos;
  return result;
}

const preadv2 = (t: Task, fd: number, ptr: number, count: number, low: number, high: number, flags: number): number =>
  vector2(t, fd, ptr, count, fullOffset(t, low, high), flags, false);
const pwritev2 = (t: Task, fd: number, ptr: number, count: number, low: number, high: number, flags: number): number =>
  vector2(t, fd, ptr, count, fullOffset(t, low, high), flags, true);

/** The position of preadv2: one register on x86-64 (the second is ignored), a pair on i386. */
function fullOffset(t: Task, low: number, high: number): number {
  return t.abi.longBytes === 8 ? low : (high | 0) * 4294967296 + (low >>> 0);
}

// ---- position ----

function seek(t: Task, fd: number, offset: number, whence: number): number {
  const file = fileOf(t, fd);
  if (file === null) return -EBADF;
  if (whence > 4) return -EINVAL;
  return file.seek(offset, whence);
}
function sysLseek(t: Task, fd: number, offset: number, whence: number): number {
  const result = seek(t, fd, offset, whence);
  // i386's return register has the low half only; so has it under a 64-bit Linux.
  return t.abi.longBytes === 4 && result >= 0 ? result % 4294967296 : result;
}
function sysLlseek(t: Task, fd: number, high: number, low: number, resultPtr: number, whence: number): number {
  const result = seek(t, fd, (high | 0) * 4294967296 + low, whence);
  if (result < 0) return result;
  return t.memory.setU64(resultPtr, result) ? 0 : -EFAULT;
}

export const readWriteRows: readonly SyscallRow[] = [
  { name: 'read', x86_64: 0, i386: 3, args: ['fd', 'bufOut', 'size'], ret: 'ssize', handler: sysRead },
  { name: 'write', x86_64: 1, i386: 4, args: ['fd', 'bufIn', 'size'], ret: 'ssize', handler: sysWrite },
  { name: 'pread64', x86_64: 17, i386: 180, args: ['fd', 'bufOut', 'size', 'loff'], ret: 'ssize', handler: sysPread },
  { name: 'pwrite64', x86_64: 18, i386: 181, args: ['fd', 'bufIn', 'size', 'loff'], ret: 'ssize', handler: sysPwrite },
  { name: 'readv', x86_64: 19, i386: 145, args: ['fd', 'iovec', 'ulong'], ret: 'ssize', handler: sysReadv },
  { name: 'writev', x86_64: 20, i386: 146, args: ['fd', 'iovec', 'ulong'], ret: 'ssize', handler: sysWritev },
  { name: 'preadv', x86_64: 295, i386: 333, args: ['fd', 'iovec', 'ulong', 'loff'], ret: 'ssize', handler: sysPreadv },
  { name: 'pwritev', x86_64: 296, i386: 334, args: ['fd', 'iovec', 'ulong', 'loff'], ret: 'ssize', handler: sysPwritev },
  { name: 'preadv2', x86_64: 327, i386: 378, args: ['fd', 'iovec', 'ulong', 'long', 'long', 'hex'], ret: 'ssize', handler: preadv2 },
  { name: 'pwritev2', x86_64: 328, i386: 379, args: ['fd', 'iovec', 'ulong', 'long', 'long', 'hex'], ret: 'ssize', handler: pwritev2 },
  { name: 'lseek', x86_64: 8, i386: 19, args: ['fd', 'off', 'whence'], ret: 'off', handler: sysLseek },
  { name: '_llseek', x86_64: -1, i386: 140, args: ['fd', 'uint', 'uint', 'ptr', 'whence'], ret: 'int', handler: sysLlseek },
];
