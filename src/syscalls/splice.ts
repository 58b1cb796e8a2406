import { EAGAIN, EBADF, EFAULT, EFBIG, EINVAL, EISDIR, EOVERFLOW, EPIPE, ESPIPE, EXDEV } from '../abi/linux/errno.ts';
import { O_APPEND, O_NONBLOCK } from '../abi/linux/openFlags.ts';
import { S_IFDIR, S_IFREG } from '../abi/linux/fileMode.ts';
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT } from '../abi/linux/poll.ts';
import { SIGPIPE } from '../abi/linux/signal.ts';
import { PipeFile } from '../fs/pipefs/pipeFile.ts';
import { kernelSignal, sendToTask } from '../kernel/signal/send.ts';
import type { Task } from '../kernel/task/task.ts';
import type { FileDescription } from '../vfs/fileDescription.ts';
import { MAX_FILE_SIZE } from '../vfs/inodeFile.ts';
import { readVector, vectorViews } from './ioVector.ts';
import { allowedBy } from './readWrite.ts';
import { fileOf } from './fileArgs.ts';
import { isAlone, moveInPieces, PIECE } from './pieces.ts';
import { PARKED, type SyscallRow } from './row.ts';

/** One call moves no more than this; a short count is allowed. */
const MAX_COUNT = 1 << 26;
const CHUNK = 65536;
const SPLICE_NONBLOCK = 2;
const SPLICE_KNOWN = 15;
const WAKE = EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLERR;

/** Waits on both files until `attempt` answers something other than -EAGAIN. */
function untilReady(t: Task, files: readonly FileDescription[], nonblock: boolean, attempt: () => number): number {
  const first = attempt();
  if (first !== -EAGAIN || nonblock) return first;
  for (const file of files) file.acquire();
  return t.block({
    queues: files.flatMap((file) => (file.waitQueue === null ? [] : [file.waitQueue])),
    events: WAKE,
    retry: () => {
      const n = attempt();
      return n === -EAGAIN ? PARKED : n;
    },
    cleanup: () => {
      for (const file of files) file.release();
    },
  });
}

function broken(t: Task, result: number): number {
  if (result === -EPIPE) sendToTask(t, kernelSignal(SIGPIPE));
  return result;
}

/** Writes what the limits on file sizes allow; beyond them -EFBIG and SIGXFSZ. */
function limitedWrite(t: Task, file: FileDescription, buf: Uint8Array, at: number | null): number {
  const allowed = allowedBy(t, file, at ?? file.pos, buf.length);
  if (allowed < 0) return allowed;
  const part = buf.subarray(0, allowed);
  return at === null ? file.write(part, t) : file.pwrite(part, at, t);
}

/** Bytes from one file to another through a buffer: at most `count`, until the source has no more or the target takes no more. */
function transfer(t: Task, count: number, read: (buf: Uint8Array) => number, write: (buf: Uint8Array) => number, unread: (n: number) => void): number {
  const buf = new Uint8Array(Math.min(count, CHUNK));
  let done = 0;
  while (done < count) {
    const n = read(buf.subarray(0, Math.min(buf.length, count - done)));
    if (n <= 0) return done > 0 ? done : n;
    let out = 0;
    while (out < n) {
      const w = write(buf.subarray(out, n));
      if (w <= 0) {
        unread(n - out);
        return done + out > 0 ? done + out : broken(t, w);
      }
      out += w;
    }
    done += n;
    if (n < buf.length && done < count) {
      // Short: the end of a file, or a pipe that has no more now.
      return done;
    }
  }
  return done;
}

/** Where a transfer reads from: a place of its own, or the file's position (moved by reading, as others who share it expect). */
class Source {
  private readonly file: FileDescription;
  private at: number | null;
  constructor(file: FileDescription, at: number | null) {
    this.file = file;
    this.at = at;
  }

  read(buf: Uint8Array, t: Task): number {
    if (this.at === null) return this.file.read(buf, t);
    const n = this.file.pread(buf, this.at, t);
    if (n > 0) this.at += n;
    return n;
  }
  /** The last `n` bytes were not taken. */
  unread(n: number): void {
    if (this.at !== null) this.at -= n;
    else this.file.pos -= n;
  }
}

/** The offset a pointer holds; null pointer = the file's own position. */
function offsetAt(t: Task, ptr: number, bytes: 4 | 8): number | null | undefined {
  if (ptr === 0) return null;
  return (bytes === 8 ? t.memory.i64(ptr) : t.memory.i32(ptr)) ?? undefined;
}
function putOffset(t: Task, ptr: number, bytes: 4 | 8, value: number): boolean {
  return bytes === 8 ? t.memory.setU64(ptr, value) : t.memory.setU32(ptr, value);
}

const sendfile = (width: (t: Task) => 4 | 8) => (t: Task, outFd: number, inFd: number, offsetPtr: number, count: number): number => {
  const bytes = width(t);
  const start = offsetAt(t, offsetPtr, bytes);
  if (start === undefined) return -EFAULT;
  const input = fileOf(t, inFd);
  if (input === null || !input.readable) return -EBADF;
  if (start !== null && !input.seekable) return -ESPIPE;
  const output = fileOf(t, outFd);
  if (output === null || !output.writable) return -EBADF;
  if (start !== null && start < 0) return -EINVAL;
  if (input.inode.type === S_IFDIR || !input.seekable || !input.canBeSpliced) return -EINVAL;
  if ((output.flags & O_APPEND) !== 0) return -EINVAL;
  const length = Math.min(count, MAX_COUNT);
  const source = new Source(input, start), told = (n: number): number => {
    if (n < 0 || start === null) return n;
    if (!putOffset(t, offsetPtr, bytes, start + n)) return -EFAULT;
    return bytes === 4 && start + n > 0x7fffffff ? -EOVERFLOW : n;
  };
  const move = (n: number): number => transfer(t, n, (buf) => source.read(buf, t), (buf) => limitedWrite(t, output, buf, null), (left) => source.unread(left));
  if (length > PIECE && isAlone(t, output) && (start !== null || isAlone(t, input))) return moveInPieces(t, [input, output], length, (_, n) => move(n), PIECE, told);
  return untilReady(t, [input, output], (output.flags & O_NONBLOCK) !== 0, () => told(move(length)));
};

// ---- splice, tee, vmsplice ----

function sysSplice(t: Task, inFd: number, inPtr: number, outFd: number, outPtr: number, count: number, flags: number): number {
  if (count === 0) return 0;
  if ((flags & ~SPLICE_KNOWN) !== 0) return -EINVAL;
  const input = fileOf(t, inFd);
  const output = fileOf(t, outFd);
  if (input === null || output === null) return -EBADF;
  const fromPipe = input instanceof PipeFile ? input : null;
  const toPipe = output instanceof PipeFile ? output : null;
  if ((fromPipe !== null && inPtr !== 0) || (toPipe !== null && outPtr !== 0)) return -ESPIPE;
  if (!input.readable || !output.writable) return -EBADF;
  if (fromPipe === null && toPipe === null) return -EINVAL;
  if (fromPipe !== null && toPipe !== null && fromPipe.pipe === toPipe.pipe) return -EINVAL;
  if ((inPtr !== 0 && !input.seekable) || (outPtr !== 0 && !output.seekable)) return -EINVAL;
  if (toPipe === null && ((output.flags & O_APPEND) !== 0 || !output.canTakeSplice)) return -EINVAL;
  if (fromPipe === null && !input.canBeSpliced) return -EINVAL;
  const inStart = offsetAt(t, inPtr, 8);
  const outStart = offsetAt(t, outPtr, 8);
  if (inStart === undefined || outStart === undefined) return -EFAULT;
  if ((inStart ?? 0) < 0 || (outStart ?? 0) < 0) return -EINVAL;
  const nonblock = (flags & SPLICE_NONBLOCK) !== 0 || ((input.flags | output.flags) & O_NONBLOCK) !== 0;
  return untilReady(t, [input, output], nonblock, () => spliceOnce(t, input, inStart, inPtr, output, outStart, outPtr, Math.min(count, MAX_COUNT)));
}

function spliceOnce(
  t: Task, input: FileDescription, inStart: number | null, inPtr: number, output: FileDescription, outStart: number | null, outPtr: number, count: number,
): number {
  const toPipe = output instanceof PipeFile ? output.pipe : null;
  const fromPipe = input instanceof PipeFile ? input.pipe : null;
  if (toPipe !== null) {
    if (toPipe.readers === 0) return broken(t, -EPIPE);
    if (toPipe.isFull) return -EAGAIN;
    count = Math.min(count, toPipe.free);
  }
  if (fromPipe !== null) {
    if (fromPipe.length === 0) return fromPipe.writers === 0 ? 0 : -EAGAIN;
    count = Math.min(count, fromPipe.length, CHUNK);
  }
  count = Math.min(count, CHUNK);
  const buf = new Uint8Array(count);
  let n: number;
  if (fromPipe !== null) {
    fromPipe.copyOut(buf, 0);
    n = count;
  } else {
    n = inStart === null ? input.read(buf, t) : input.pread(buf, inStart, t);
    if (n <= 0) return n;
  }
  const part = buf.subarray(0, n);
  let written: number;
  if (toPipe !== null) written = toPipe.put(part, false);
  else {
    written = limitedWrite(t, output, part, outStart);
    // What is left meets the limit at once.
    if (written > 0 && written < part.length) allowedBy(t, output, (outStart ?? output.pos - written) + written, 1);
  }
  if (written < 0) return broken(t, written);
  if (fromPipe !== null) fromPipe.drop(written);
  if (inStart !== null) t.memory.setU64(inPtr, inStart + written);
  else if (fromPipe === null && input.seekable && written < n) input.pos -= n - written;
  if (outStart !== null) t.memory.setU64(outPtr, outStart + written);
  return written;
}

function sysTee(t: Task, inFd: number, outFd: number, count: number, flags: number): number {
  if ((flags & ~SPLICE_KNOWN) !== 0) return -EINVAL;
  if (count === 0) return 0;
  const input = fileOf(t, inFd);
  const output = fileOf(t, outFd);
  if (input === null || output === null || !input.readable || !output.writable) return -EBADF;
  if (!(input instanceof PipeFile) || !(output instanceof PipeFile) || input.pipe === output.pipe) return -EINVAL;
  const nonblock = (flags & SPLICE_NONBLOCK) !== 0;
  return untilReady(t, [input, output], nonblock, () => {
    if (output.pipe.readers === 0) return broken(t, -EPIPE);
    if (input.pipe.length === 0) return input.pipe.writers === 0 ? 0 : -EAGAIN;
    const n = Math.min(count, input.pipe.length, output.pipe.free);
    if (n === 0) return -EAGAIN;
    const buf = new Uint8Array(n);
    input.pipe.copyOut(buf, 0);
    return output.pipe.put(buf, false);
  });
}

function sysVmsplice(t: Task, fd: number, ptr: number, count: number, flags: number): number {
  if ((flags & ~SPLICE_KNOWN) !== 0) return -EINVAL;
  const file = fileOf(t, fd);
  if (file === null || (!file.readable && !file.writable)) return -EBADF;
  const vector = readVector(t, ptr, count);
  if (typeof vector === 'number') return vector;
  if (!(file instanceof PipeFile)) return -EBADF;
  const total = vector.reduce((sum, v) => sum + v.length, 0);
  if (total === 0) return 0;
  const nonblock = (flags & SPLICE_NONBLOCK) !== 0 || (file.flags & O_NONBLOCK) !== 0;
  return untilReady(t, [file], nonblock, () => {
    const { pipe } = file;
    if (file.writable) {
      if (pipe.readers === 0) return broken(t, -EPIPE);
      if (pipe.isFull) return -EAGAIN;
    }
    const views = vectorViews(t, vector, 0, total, !file.writable);
    if (views === null) return -EFAULT;
    if (!file.writable) return file.readv(views, t);
    let done = 0;
    for (const view of views) {
      const n = pipe.put(view, false);
      done += n;
      if (n < view.length) break;
    }
    return done;
  });
}

function sysCopyFileRange(t: Task, inFd: number, inPtr: number, outFd: number, outPtr: number, count: number, flags: number): number {
  const input = fileOf(t, inFd);
  const output = fileOf(t, outFd);
  if (input === null || output === null) return -EBADF;
  const inStart = offsetAt(t, inPtr, 8);
  const outStart = offsetAt(t, outPtr, 8);
  if (inStart === undefined || outStart === undefined) return -EFAULT;
  if (flags !== 0) return -EINVAL;
  if (input.inode.type === S_IFDIR || output.inode.type === S_IFDIR) return -EISDIR;
  if (input.inode.type !== S_IFREG || output.inode.type !== S_IFREG) return -EINVAL;
  if (!input.readable || !output.writable || (output.flags & O_APPEND) !== 0) return -EBADF;
  const from = inStart ?? input.pos;
  const to = outStart ?? output.pos;
  const length = Math.min(count, MAX_COUNT);
  if (input.path.mount.fs !== output.path.mount.fs) return -EXDEV;
  // As unsigned numbers.
  if ((from < 0 && from + length >= 0) || (to < 0 && to + length >= 0)) return -EOVERFLOW;
  if (from + length > MAX_FILE_SIZE || to + length > MAX_FILE_SIZE) return -EFBIG;
  if (input.inode === output.inode && from < to + length && to < from + length && length > 0) return -EINVAL;
  if (from < 0 || to < 0) return -EINVAL;
  const source = new Source(input, inStart);
  let written = 0;
  const n = transfer(
    t, length,
    (buf) => source.read(buf, t),
    (buf) => {
      const w = limitedWrite(t, output, buf, outStart === null ? null : outStart + written);
      if (w > 0) written += w;
      return w;
    },
    (left) => source.unread(left),
  );
  if (n <= 0) return n;
  if (inStart !== null && !t.memory.setU64(inPtr, inStart + n)) return -EFAULT;
  if (outStart !== null && !t.memory.setU64(outPtr, outStart + n)) return -EFAULT;
  return n;
}

export const spliceRows: readonly SyscallRow[] = [
  { name: 'sendfile', x86_64: 40, i386: 187, args: ['fd', 'fd', 'ptr', 'size'], ret: 'ssize', handler: sendfile((t) => t.abi.longBytes) },
  { name: 'sendfile64', x86_64: -1, i386: 239, args: ['fd', 'fd', 'ptr', 'size'], ret: 'ssize', handler: sendfile(() => 8) },
  { name: 'splice', x86_64: 275, i386: 313, args: ['fd', 'ptr', 'fd', 'ptr', 'size', 'hex'], ret: 'ssize', handler: sysSplice },
  { name: 'tee', x86_64: 276, i386: 315, args: ['fd', 'fd', 'size', 'hex'], ret: 'ssize', handler: sysTee },
  { name: 'vmsplice', x86_64: 278, i386: 316, args: ['fd', 'iovec', 'ulong', 'hex'], ret: 'ssize', handler: sysVmsplice },
  { name: 'copy_file_range', x86_64: 326, i386: 377, args: ['fd', 'ptr', 'fd', 'ptr', 'size', 'hex'], ret: 'ssize', handler: sysCopyFileRange },
];
