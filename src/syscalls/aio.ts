/**
 * Asynchronous input and output of the kernel's own kind (libaio). A request is done when it is submitted, as Linux does it for
 * buffered files: io_submit waits where a read or write would (an empty pipe). IOCB_CMD_POLL is done when its file is ready.
 */
import { EAGAIN, EBADF, EFAULT, EINPROGRESS, EINTR, EINVAL, EOPNOTSUPP } from '../abi/linux/errno.ts';
import {
  IOCB_CMD_FDSYNC, IOCB_CMD_FSYNC, IOCB_CMD_POLL, IOCB_CMD_PREAD, IOCB_CMD_PREADV, IOCB_CMD_PWRITE, IOCB_CMD_PWRITEV, IOCB_FLAG_IOPRIO, IOCB_FLAG_RESFD,
} from '../abi/linux/aio.ts';
import { MAP_ANONYMOUS, MAP_PRIVATE } from '../abi/linux/mman.ts';
import { O_NONBLOCK } from '../abi/linux/openFlags.ts';
import { POLLERR, POLLHUP } from '../abi/linux/poll.ts';
import { getI32, getI64, getU16, getU32, getU64, putU32, putU64 } from '../abi/layout.ts';
import { EventFile } from '../fs/anon/eventFile.ts';
import { AIO_MAX, AioContext, AioRequest } from '../kernel/ipc/aio.ts';
import { mapMemory, unmapMemory } from '../kernel/mm/mapping.ts';
import { PARKED, Restart } from '../kernel/task/block.ts';
import type { Task } from '../kernel/task/task.ts';
import type { FileDescription } from '../vfs/fileDescription.ts';
import { RegularFile } from '../vfs/inodeFile.ts';
import { fileOf } from './fileArgs.ts';
import { timespecDeadline, type Time } from './poll.ts';
import { type IoVec, readVector, totalOf, vectorViews } from './ioVector.ts';
import { allowedBy, LongWrite, moveAt, RWF_KNOWN } from './readWrite.ts';
import type { SyscallRow } from './row.ts';
import { useMask } from './sigmask.ts';

const IOCB_BYTES = 64, EVENT_BYTES = 32;

/** struct iocb, the same on both ABIs. */
interface Iocb {
  readonly address: number;
  readonly dataLo: number;
  readonly dataHi: number;
  readonly rwFlags: number;
  readonly op: number;
  readonly fd: number;
  readonly buf: number;
  readonly bytes: number;
  readonly offset: number;
  readonly flags: number;
  readonly resultFd: number;
}

function readIocb(t: Task, address: number): Iocb | number {
  const b = t.memory.readable(address, IOCB_BYTES);
  if (b === null) return -EFAULT;
  if (getU64(b, 48) !== 0) return -EINVAL;
  const bytes = getU64(b, 32);
  if (bytes > (t.abi.longBytes === 8 ? 2 ** 63 - 1 : 0x7fffffff)) return -EINVAL;
  return {
    address, dataLo: getU32(b, 0), dataHi: getU32(b, 4), rwFlags: getU32(b, 12), op: getU16(b, 16), fd: getI32(b, 20),
    buf: t.abi.longBytes === 8 ? getU64(b, 24) : getU32(b, 24), bytes, offset: getI64(b, 40), flags: getU32(b, 56), resultFd: getI32(b, 60),
  };
}

function sysSetup(t: Task, count: number, ptr: number): number {
  const id = t.memory.word(ptr, t.arch.wordSize);
  if (id === null) return -EFAULT;
  if (id !== 0 || count === 0) return -EINVAL;
  if (count > 0x10000000 / EVENT_BYTES) return -EINVAL;
  const contexts = t.mm.aio;
  let taken = 0;
  for (const context of contexts.values()) taken += context.capacity;
  if (taken + count > AIO_MAX) return -EAGAIN;
  // The ring that libaio looks into. Without the magic number it asks us instead.
  const at = mapMemory(t.mm, { addr: 0, length: 4096, prot: 3, flags: MAP_PRIVATE | MAP_ANONYMOUS, file: null, offset: 0 }, t.rlimits);
  if (at < 0) return at;
  const vma = t.mm.areas.carve(at, at + 4096)[0]!;
  vma.dontFork = true;
  vma.name = '/[aio] (deleted)';
  if (!t.memory.setWord(ptr, t.arch.wordSize, at)) {
    unmapMemory(t.mm, at, 4096);
    return -EFAULT;
  }
  const { kernel } = t;
  contexts.set(at, new AioContext(at, count, (work) => kernel.defer(work)));
  return 0;
}

function sysDestroy(t: Task, id: number): number {
  const contexts = t.mm.aio;
  const context = contexts.get(id);
  if (context === undefined) return -EINVAL;
  contexts.delete(id);
  context.destroy();
  unmapMemory(t.mm, id, 4096);
  return 0;
}

/** What becomes of a request. */
interface Plan {
  /** Its result; -EAGAIN of a file that blocks: not yet. */
  readonly attempt: () => number;
  /** Its result when a signal comes while io_submit waits for it. */
  readonly interrupted: () => number;
  /** Not io_submit waits, but the request: `woken` by events of its file, with its result or null. */
  readonly woken: ((events: number) => number | null) | null;
}

function planTransfer(t: Task, iocb: Iocb, file: FileDescription): Plan | number {
  const { op } = iocb;
  const writes = op === IOCB_CMD_PWRITE || op === IOCB_CMD_PWRITEV;
  if ((iocb.rwFlags & ~RWF_KNOWN) !== 0) return -EOPNOTSUPP;
  if (writes ? !file.writable : !file.readable) return -EBADF;
  // Its write takes no vectors, and so no requests.
  if (writes && file instanceof EventFile) return -EINVAL;
  if (file.inode.isDirectory) return -EINVAL;
  if (iocb.offset < 0 && file.seekable) return -EINVAL;
  let vector: IoVec[] | number;
  if (op === IOCB_CMD_PREADV || op === IOCB_CMD_PWRITEV) vector = readVector(t, iocb.buf, iocb.bytes);
  else vector = t.memory.inRange(iocb.buf, Math.min(iocb.bytes, 0x7ffff000)) ? [{ base: iocb.buf, length: Math.min(iocb.bytes, 0x7ffff000) }] : -EFAULT;
  if (typeof vector === 'number') return vector;
  const pieces = vector;
  let total = totalOf(pieces);
  if (total === 0) return atOnce(() => 0);
  if (file.seekable) {
    return atOnce(() => {
      if (writes && file instanceof RegularFile) total = allowedBy(t, file, iocb.offset, total);
      return total < 0 ? total : moveAt(t, file, pieces, iocb.offset, total, writes);
    });
  }
  const step = (done: number): number => {
    const views = vectorViews(t, pieces, done, total - done, !writes);
    if (views === null) return -EFAULT;
    return writes ? file.writev(views, t) : file.readv(views, t);
  };
  if (!writes) return atOnce(() => step(0));
  const write = new LongWrite(t, file, total, step, false);
  return { attempt: () => write.attempt(), interrupted: () => (write.done > 0 ? write.done : -EINTR), woken: null };
}

function atOnce(attempt: () => number): Plan {
  return { attempt, interrupted: () => -EINTR, woken: null };
}

/** Checks a request; how it is carried out, or -errno, with which io_submit itself fails. */
function plan(t: Task, iocb: Iocb, file: FileDescription): Plan | number {
  const { op } = iocb;
  switch (op) {
    case IOCB_CMD_PREAD: case IOCB_CMD_PWRITE: case IOCB_CMD_PREADV: case IOCB_CMD_PWRITEV: return planTransfer(t, iocb, file);
    case IOCB_CMD_FSYNC: case IOCB_CMD_FDSYNC:
      if (iocb.buf !== 0 || iocb.offset !== 0 || iocb.bytes !== 0 || iocb.rwFlags !== 0) return -EINVAL;
      if (!(file instanceof RegularFile) && !file.inode.isDirectory) return -EINVAL;
      return atOnce(() => file.fsync(op === IOCB_CMD_FDSYNC));
    case IOCB_CMD_POLL: {
      if (iocb.buf > 0xffff || iocb.offset !== 0 || iocb.bytes !== 0 || iocb.rwFlags !== 0) return -EINVAL;
      const wanted = iocb.buf | POLLERR | POLLHUP;
      return {
        attempt: () => file.poll(t) & wanted || -EAGAIN,
        interrupted: () => 0,
        // Who wakes says more than was asked for.
        woken: (events) => {
          const ready = file.poll(t);
          return (ready & wanted) === 0 ? null : ready & ((events & wanted) !== 0 ? events : wanted);
        },
      };
    }
    default: return -EINVAL;
  }
}

/** A request that io_submit waits for. */
interface Waiting {
  readonly file: FileDescription;
  readonly plan: Plan;
  readonly complete: (result: number) => void;
}

/** 0, -errno, or what is to be waited for. */
function submitOne(t: Task, context: AioContext, address: number): Waiting | number {
  const iocb = readIocb(t, address);
  if (typeof iocb === 'number') return iocb;
  if (context.full) return -EAGAIN;
  const file = fileOf(t, iocb.fd);
  if (file === null) return -EBADF;
  let notify: EventFile | null = null;
  if ((iocb.flags & IOCB_FLAG_RESFD) !== 0) {
    const target = fileOf(t, iocb.resultFd);
    if (target === null) return -EBADF;
    if (!(target instanceof EventFile)) return -EINVAL;
    notify = target;
  }
  if (!t.memory.setU32(address + 8, 0)) return -EFAULT;
  if ((iocb.flags & IOCB_FLAG_IOPRIO) !== 0 && getU16(t.memory.readable(address + 18, 2)!, 0) >>> 13 > 3) return -EINVAL;
  const made = plan(t, iocb, file);
  if (typeof made === 'number') return made;
  notify?.acquire();
  const complete = (result: number): void => {
    if (!context.dead) context.push({ dataLo: iocb.dataLo, dataHi: iocb.dataHi, iocb: address, result });
    if (notify !== null) {
      notify.write(ONE);
      notify.release();
    }
  };
  const result = made.attempt();
  const waits = result === -EAGAIN && file.waitQueue !== null && (made.woken !== null || (file.flags & O_NONBLOCK) === 0);
  if (!waits) complete(result);
  else if (made.woken === null) return { file, plan: made, complete };
  else new AioRequest(context, address, file, made.woken, complete);
  return 0;
}
const ONE = new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0]);

/** io_submit under way: its requests one after another, each waited for where its file makes it wait. */
class Submission {
  private readonly t: Task;
  private readonly context: AioContext;
  private readonly count: number;
  private readonly list: number;
  private done = 0;
  private waiting: Waiting | null = null;
  private parkedFor: Waiting | null = null;

  constructor(t: Task, context: AioContext, count: number, list: number) {
    this.t = t;
    this.context = context;
    this.count = Math.min(count, context.capacity * 2);
    this.list = list;
  }

  /** How many were submitted, -errno of the first, or PARKED. `interrupted`: a signal has come, and nothing is waited for. */
  run(interrupted: boolean): number {
    for (;;) {
      const { waiting } = this;
      if (waiting !== null) {
        let result = waiting.plan.attempt();
        if (result === -EAGAIN) {
          if (!interrupted) return this.park(waiting);
          result = waiting.plan.interrupted();
        }
        this.waiting = null;
        waiting.complete(result);
        this.done++;
      }
      if (this.done >= this.count) return this.done;
      const size = this.t.arch.wordSize, address = this.t.memory.word(this.list + this.done * size, size);
      const submitted = address === null ? -EFAULT : submitOne(this.t, this.context, address);
      if (typeof submitted !== 'number') this.waiting = submitted;
      else if (submitted < 0) return this.done > 0 ? this.done : submitted;
      else this.done++;
    }
  }

  private park(on: Waiting): number {
    // Looked at again, and still waiting for the same file.
    if (this.parkedFor === on) return PARKED;
    this.parkedFor = on;
    const { file } = on;
    file.acquire();
    return this.t.block({
      queues: [file.waitQueue!],
      retry: () => this.run(false),
      onSignal: () => this.run(true),
      cleanup: () => {
        // The caller is killed.
        if (this.waiting === on) on.complete(on.plan.interrupted());
        file.release();
      },
    });
  }
}

function sysSubmit(t: Task, id: number, count: number, list: number): number {
  if (count < 0) return -EINVAL;
  const context = t.mm.aio.get(id);
  return context === undefined ? -EINVAL : new Submission(t, context, count, list).run(false);
}

function sysCancel(t: Task, id: number, iocb: number, _event: number): number {
  const key = t.memory.u32(iocb + 8);
  if (key === null) return -EFAULT;
  if (key !== 0) return -EINVAL;
  const context = t.mm.aio.get(id);
  if (context === undefined) return -EINVAL;
  for (const request of context.waiting) {
    if (request.iocb !== iocb) continue;
    // The event comes through the ring; the caller is told that it is on its way.
    request.finish(0);
    return -EINPROGRESS;
  }
  return -EINVAL;
}

/** Takes events out as far as there is room; how many, or -EFAULT. */
function fetch(t: Task, context: AioContext, most: number, ptr: number, got: number): number {
  let n = 0;
  while (got + n < most && context.events.length > 0) {
    const buf = t.memory.writable(ptr + (got + n) * EVENT_BYTES, EVENT_BYTES);
    if (buf === null) return got + n > 0 ? n : -EFAULT;
    const event = context.events.shift()!;
    putU32(buf, 0, event.dataLo);
    putU32(buf, 4, event.dataHi);
    putU64(buf, 8, event.iocb);
    putU64(buf, 16, event.result);
    putU64(buf, 24, 0);
    n++;
  }
  return n;
}

function getEvents(t: Task, id: number, least: number, most: number, ptr: number, deadlineNs: number): number {
  const context = t.mm.aio.get(id);
  if (context === undefined || least > most || least < 0) return -EINVAL;
  let got = 0;
  const attempt = (): number => {
    const n = fetch(t, context, most, ptr, got);
    if (n < 0) return n;
    got += n;
    return got >= least || context.dead ? got : PARKED;
  };
  const first = attempt();
  if (first !== PARKED || deadlineNs <= t.kernel.nowNs()) return first === PARKED ? got : first;
  return t.block({
    queues: [context.queue], retry: attempt, deadlineNs, onTimeout: () => got, restart: Restart.never, onSignal: () => (got > 0 ? got : -EINTR),
  });
}

const timed = (t: Task, timeout: number, layout: Time): number => {
  const deadline = timespecDeadline(t, timeout, layout);
  return deadline === -EINVAL ? t.kernel.nowNs() : deadline;
};

const getevents = (layout: (t: Task) => Time) => (t: Task, id: number, least: number, most: number, ptr: number, timeout: number): number => {
  const deadline = timed(t, timeout, layout(t));
  return deadline < 0 ? deadline : getEvents(t, id, least, most, ptr, deadline);
};

/** With a signal mask for the wait: struct __aio_sigset. */
const pgetevents = (layout: (t: Task) => Time) => (t: Task, id: number, least: number, most: number, ptr: number, timeout: number, sig: number): number => {
  const deadline = timed(t, timeout, layout(t));
  if (deadline < 0) return deadline;
  if (sig !== 0) {
    const size = t.arch.wordSize, mask = t.memory.word(sig, size), length = t.memory.word(sig + size, size);
    if (mask === null || length === null) return -EFAULT;
    const masked = useMask(t, mask, length);
    if (masked < 0) return masked;
  }
  return getEvents(t, id, least, most, ptr, deadline);
};

const own = (t: Task): Time => t.abi.timespec;
const wide = (t: Task): Time => t.abi.timespec64;
const ARGS = ['ptr', 'long', 'long', 'ptr', 'timespecIn'] as const;

export const aioRows: readonly SyscallRow[] = [
  { name: 'io_setup', x86_64: 206, i386: 245, args: ['uint', 'ptr'], ret: 'int', handler: sysSetup },
  { name: 'io_destroy', x86_64: 207, i386: 246, args: ['ptr'], ret: 'int', handler: sysDestroy },
  { name: 'io_getevents', x86_64: 208, i386: 247, args: ARGS, ret: 'int', handler: getevents(own) },
  { name: 'io_submit', x86_64: 209, i386: 248, args: ['ptr', 'long', 'ptr'], ret: 'int', handler: sysSubmit },
  { name: 'io_cancel', x86_64: 210, i386: 249, args: ['ptr', 'ptr', 'ptr'], ret: 'int', handler: sysCancel },
  { name: 'io_pgetevents', x86_64: 333, i386: 385, args: [...ARGS, 'ptr'], ret: 'int', handler: pgetevents(own) },
  { name: 'io_pgetevents_time64', x86_64: -1, i386: 416, args: ['ptr', 'long', 'long', 'ptr', 'ptr', 'ptr'], ret: 'int', handler: pgetevents(wide) },
];
