/** Sending and receiving as operations that can be tried again while the task is parked. */
import { EAGAIN, EFAULT, EINPROGRESS, EINTR, EINVAL, EOPNOTSUPP, EPIPE, ERESTARTSYS } from '../abi/linux/errno.ts';
import { EPOLLERR, EPOLLHUP, EPOLLIN } from '../abi/linux/poll.ts';
import { O_NONBLOCK } from '../abi/linux/openFlags.ts';
import { AF_INET, AF_INET6, AF_UNIX, AF_UNSPEC, SOCK_DGRAM, MSG_DONTWAIT, MSG_FASTOPEN, MSG_NOSIGNAL, MSG_PEEK, MSG_WAITALL } from '../abi/linux/socket.ts';
import { SIGPIPE } from '../abi/linux/signal.ts';
import { getU16 } from '../abi/layout.ts';
import { PARKED, Restart } from '../kernel/task/block.ts';
import { kernelSignal, sendToTask } from '../kernel/signal/send.ts';
import type { Task } from '../kernel/task/task.ts';
import { totalLength } from '../net/buffers.ts';
import { Incoming, type OutControl, type Outgoing } from '../net/message.ts';
import type { Socket } from '../net/socket.ts';
import type { FileDescription } from '../vfs/fileDescription.ts';
import type { WaitQueue } from '../vfs/waitQueue.ts';
import { type IoVec, vectorViews } from './ioVector.ts';

export interface Operation {
  readonly socket: Socket;
  /** The result, or -EAGAIN: nothing can be done now (a result too when the call does not wait). */
  attempt(): number;
  /** Bytes moved so far. */
  readonly done: number;
  readonly waits: boolean;
  readonly timeoutNs: number;
  /** Once, when the call is over. */
  dispose(): void;
}

/** Runs an operation to its end, parked between tries. */
export function runOperation(t: Task, op: Operation): number {
  const { socket } = op;
  socket.blockedOn = null;
  const first = op.attempt();
  if (first !== -EAGAIN || !op.waits) {
    op.dispose();
    return whenSettled(t, socket, first);
  }
  const queues: WaitQueue[] = [socket.waitQueue];
  if (socket.blockedOn !== null) queues.push(socket.blockedOn);
  socket.acquire();
  const limited = op.timeoutNs !== Infinity;
  return t.block({
    queues,
    retry: () => {
      const n = op.attempt();
      return n === -EAGAIN ? PARKED : whenSettled(t, socket, n);
    },
    ...(limited ? { deadlineNs: t.kernel.nowNs() + op.timeoutNs, onTimeout: () => (op.done > 0 ? op.done : -EAGAIN) } : {}),
    restart: limited ? Restart.never : Restart.sys,
    onSignal: () => (op.done > 0 ? op.done : limited ? -EINTR : -ERESTARTSYS),
    cleanup: () => {
      op.dispose();
      socket.waited();
      socket.release();
    },
  });
}

/** `n`, when nothing more is to be heard of what was sent. */
export function whenSettled(t: Task, file: FileDescription, n: number): number {
  const { settling } = file;
  if (settling === null || n < 0) return n;
  file.acquire();
  return t.block({ queues: [settling], uninterruptible: true, retry: () => (file.settling === settling ? PARKED : n), cleanup: () => file.release() });
}

const mayWait = (s: Socket, flags: number): boolean => (flags & MSG_DONTWAIT) === 0 && (s.flags & O_NONBLOCK) === 0;

export class SendOperation implements Operation {
  readonly socket: Socket;
  done = 0;
  readonly waits: boolean;
  readonly timeoutNs: number;
  private readonly t: Task;
  private readonly vector: readonly IoVec[];
  private readonly length: number;
  private readonly msg: Outgoing;
  private opening = false;

  constructor(t: Task, socket: Socket, vector: readonly IoVec[], name: Uint8Array | null, flags: number, control: OutControl | null) {
    this.t = t;
    this.socket = socket;
    this.vector = vector;
    this.length = vector.reduce((sum, v) => sum + v.length, 0);
    this.waits = mayWait(socket, flags);
    this.timeoutNs = socket.options.sndTimeoutNs;
    this.msg = { bufs: [], length: 0, name, flags, control };
  }

  /** MSG_FASTOPEN: connects first. 0 or -errno, -EAGAIN while that goes on. */
  private open(): number {
    const { socket, msg, t } = this;
    if (!this.opening) {
      if (msg.name === null || msg.name.length < 2) return -EINVAL;
      if (getU16(msg.name, 0) === AF_UNSPEC) return -EOPNOTSUPP;
      const first = socket.connect(msg.name, t);
      if (first !== -EINPROGRESS) return first;
      this.opening = true;
    }
    const now = socket.connectResult();
    return now === -EINPROGRESS && this.waits ? -EAGAIN : now;
  }

  attempt(): number {
    const { t, socket, msg, length } = this;
    if ((msg.flags & MSG_FASTOPEN) !== 0 && this.done === 0 && socket.isStream && (socket.family === AF_INET || socket.family === AF_INET6)) {
      const opened = this.open();
      if (opened < 0) return opened;
      msg.name = null;
      msg.flags &= ~MSG_FASTOPEN;
    }
    for (;;) {
      const views = vectorViews(t, this.vector, this.done, length - this.done, false);
      msg.length = views === null ? 0 : totalLength(views);
      const bad = views === null ? length > 0 : msg.length < length - this.done;
      if (bad && (views === null || !socket.isStream)) {
        // That there is nobody to send to comes before a look at the data, except for Unix datagrams.
        const asks = socket.family !== AF_UNIX || socket.type !== SOCK_DGRAM;
        const unsent = asks && this.done === 0 && msg.name === null && typeof socket.peerName() === 'number' ? socket.send({ ...msg, bufs: [], length: 0 }, t) : 0;
        return this.done > 0 ? this.done : unsent < 0 ? unsent : -EFAULT;
      }
      msg.bufs = views ?? [];
      const n = socket.send(msg, t);
      if (n === -EAGAIN && this.waits) return -EAGAIN;
      if (n < 0) {
        if (n === -EPIPE && socket.raisesSigpipe(this.done) && (msg.flags & MSG_NOSIGNAL) === 0) sendToTask(t, kernelSignal(SIGPIPE));
        return this.done > 0 ? this.done : n;
      }
      this.done += n;
      if (!socket.isStream || this.done >= length || n === 0) return this.done;
    }
  }

  dispose(): void {
    for (const file of this.msg.control?.files ?? []) file.release();
    this.msg.control = null;
  }
}

/** What recvmsg and recvfrom do with a message that has come: the result of the call. */
export type Finish = (msg: Incoming, n: number) => number;

export class ReceiveOperation implements Operation {
  readonly socket: Socket;
  done = 0;
  waits: boolean;
  readonly timeoutNs: number;
  private readonly t: Task;
  private readonly vector: readonly IoVec[];
  private readonly length: number;
  private readonly flags: number;
  private readonly finish: Finish;

  constructor(t: Task, socket: Socket, vector: readonly IoVec[], flags: number, finish: Finish) {
    this.t = t;
    this.socket = socket;
    this.vector = vector;
    this.length = vector.reduce((sum, v) => sum + v.length, 0);
    this.flags = flags;
    this.finish = finish;
    this.waits = mayWait(socket, flags);
    this.timeoutNs = socket.options.rcvTimeoutNs;
  }

  attempt(): number {
    const { t, socket, flags, length } = this;
    const all = (flags & MSG_WAITALL) !== 0 && socket.isStream && (flags & MSG_PEEK) === 0;
    for (;;) {
      const views = vectorViews(t, this.vector, this.done, length - this.done, true);
      if (views === null && length > 0) {
        // A bad buffer is only found out when there is something to put in it.
        if (this.done > 0) return this.done;
        return (socket.poll(t) & (EPOLLIN | EPOLLERR | EPOLLHUP)) !== 0 ? -EFAULT : -EAGAIN;
      }
      const msg = new Incoming(views ?? [], views === null ? 0 : totalLength(views), this.waits ? flags : flags | MSG_DONTWAIT);
      const n = socket.receive(msg, t);
      if (n === -EAGAIN && this.waits) return -EAGAIN;
      if (n < 0) return this.done > 0 ? this.done : n;
      this.done += n;
      if (all && n > 0 && this.done < length && !msg.stop) continue;
      const result = this.finish(msg, this.done);
      msg.dropFiles();
      return result;
    }
  }

  dispose(): void {}
}
