/** SECCOMP_RET_USER_NOTIF (seccomp_unotify(2)): calls that another process answers, by way of a descriptor. */
import { E2BIG, EBADF, EFAULT, EINPROGRESS, EINVAL, ENOENT, ENOSYS } from '../../abi/linux/errno.ts';
import { O_CLOEXEC, O_PATH, O_RDWR } from '../../abi/linux/openFlags.ts';
import { EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDNORM, EPOLLWRNORM } from '../../abi/linux/poll.ts';
import * as S from '../../abi/linux/seccomp.ts';
import { putU32 } from '../../abi/layout.ts';
import { Cpu } from '../../machine/cpuState.ts';
import { FileDescription, type FileCaller } from '../../vfs/fileDescription.ts';
import type { Path } from '../../vfs/path.ts';
import { WaitQueue } from '../../vfs/waitQueue.ts';
import { Rlimit } from '../fd/rlimits.ts';
import { PARKED } from '../task/block.ts';
import { unpark } from '../task/park.ts';
import type { Task } from '../task/task.ts';
import type { Filter } from './filter.ts';

/** How the size lies in an ioctl's number, and its direction. */
const IOC_SIZE_SHIFT = 16, IOC_SIZE = 0x3fff0000, IOC_DIRECTION = 0xc0000000;
const withoutSize = (cmd: number): number => (cmd & ~(IOC_SIZE | IOC_DIRECTION)) >>> 0;
const ADDFD = withoutSize(S.SECCOMP_IOCTL_NOTIF_ADDFD);
/** ID_VALID as it was defined at first, with the wrong direction. */
const ID_VALID_OLD = (S.SECCOMP_IOCTL_NOTIF_ID_VALID ^ IOC_DIRECTION) >>> 0;
const PAGE_BYTES = 4096;

/** init -> sent (received by the supervisor) -> replied. */
type State = 'init' | 'sent' | 'replied';

/** A call that waits to be answered. */
class Notification {
  readonly idLo: number;
  readonly idHi: number;
  readonly task: Task;
  /** struct seccomp_data as words. */
  readonly data: Uint32Array;
  readonly queue = new WaitQueue();
  state: State = 'init';
  flags = 0;
  /** The result: 64 bits. */
  lo = 0;
  hi = 0;

  constructor(idLo: number, idHi: number, task: Task, data: Uint32Array) {
    this.idLo = idLo;
    this.idHi = idHi;
    this.task = task;
    this.data = data;
  }

  reply(lo: number, hi: number, flags: number): void {
    this.state = 'replied';
    this.lo = lo;
    this.hi = hi;
    this.flags = flags;
    this.queue.wake(EPOLLIN);
  }
}

/** A filter's notifications, and the descriptor they are answered by. */
export class Listener extends FileDescription {
  override readonly waitQueue = new WaitQueue();
  private readonly filter: Filter;
  /** SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: what has been received is interrupted by fatal signals only. */
  private readonly killableOnly: boolean;
  private readonly pending: Notification[] = [];
  /** What was announced and not looked for yet; its call may be over. */
  private announced = 0;
  private readonly nextId = new Uint32Array(2);

  constructor(t: Task, path: Path, filter: Filter, killableOnly: boolean) {
    super(path, O_RDWR, t.cred);
    this.filter = filter;
    this.killableOnly = killableOnly;
    t.kernel.parts.random.fill(new Uint8Array(this.nextId.buffer));
    filter.listener = this;
  }

  // ---- the call's side ----

  /** The call of `t` waits for an answer; it is carried out if the answer says so. */
  ask(t: Task, data: Uint32Array): void {
    const n = new Notification(this.nextId[0]!, this.nextId[1]!, t, data);
    if (++this.nextId[0]! === 0) this.nextId[1]!++;
    this.pending.push(n);
    this.announced++;
    const { killableOnly } = this;
    t.block({
      queues: [n.queue],
      retry: () => (n.state === 'replied' ? answered(t, n) : PARKED),
      get uninterruptible() {
        return killableOnly && n.state !== 'init';
      },
      cleanup: () => void this.pending.splice(this.pending.indexOf(n), 1),
    });
    this.waitQueue.wake(EPOLLIN | EPOLLRDNORM);
  }

  /** No thread has the filter any more. */
  abandoned(): void {
    this.waitQueue.wake(EPOLLHUP);
  }

  // ---- the supervisor's side ----

  override poll(): number {
    let mask = this.filter.used ? 0 : EPOLLHUP;
    for (const { state } of this.pending) {
      if (state === 'init') mask |= EPOLLIN | EPOLLRDNORM;
      else if (state === 'sent') mask |= EPOLLOUT | EPOLLWRNORM;
    }
    return mask;
  }

  override close(): void {
    this.filter.listener = null;
    for (const n of this.pending) if (n.state !== 'replied') n.reply(-ENOSYS, -1, 0);
  }

  override ioctl(caller: FileCaller, cmd: number, arg: number): number {
    const t = caller as Task;
    switch (cmd) {
      case S.SECCOMP_IOCTL_NOTIF_RECV: return this.receive(t, arg);
      case S.SECCOMP_IOCTL_NOTIF_SEND: return this.send(t, arg);
      case S.SECCOMP_IOCTL_NOTIF_ID_VALID:
      case ID_VALID_OLD: {
        const id = t.memory.readable(arg, 8);
        return id === null ? -EFAULT : this.find(t.abi.seccompNotif.lo(id, 'id'), t.abi.seccompNotif.hi(id, 'id'))?.state === 'sent' ? 0 : -ENOENT;
      }
      // On which processor the call goes on: a hint.
      case S.SECCOMP_IOCTL_NOTIF_SET_FLAGS: return (arg & ~S.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP) !== 0 ? -EINVAL : 0;
      default: return withoutSize(cmd) === ADDFD ? this.addDescriptor(t, arg, (cmd & IOC_SIZE) >>> IOC_SIZE_SHIFT) : -EINVAL;
    }
  }

  private find(idLo: number, idHi: number): Notification | undefined {
    return this.pending.find((n) => n.idLo === idLo && n.idHi === idHi);
  }

  private receive(t: Task, ptr: number): number {
    const { seccompNotif } = t.abi;
    const given = t.memory.readable(ptr, seccompNotif.size);
    if (given === null) return -EFAULT;
    if (given.some((byte) => byte !== 0)) return -EINVAL;
    const attempt = (): number => {
      if (this.announced === 0 && this.filter.used) return PARKED;
      this.announced = Math.max(0, this.announced - 1);
      return this.handOut(t, ptr);
    };
    const first = attempt();
    return first === PARKED ? t.block({ queues: [this.waitQueue], retry: attempt }) : first;
  }

  private handOut(t: Task, ptr: number): number {
    const { seccompNotif, seccompData } = t.abi;
    const n = this.pending.find(({ state }) => state === 'init');
    if (n === undefined) return -ENOENT;
    const out = new Uint8Array(seccompNotif.size);
    putU32(out, 0, n.idLo);
    putU32(out, 4, n.idHi);
    seccompNotif.put(out, 'pid', t.pidNs.out(n.task.tid));
    out.set(new Uint8Array(n.data.buffer), seccompNotif.size - seccompData.size);
    if (!t.memory.copyOut(ptr, out)) {
      this.announced++;
      this.waitQueue.wake(EPOLLIN | EPOLLRDNORM);
      return -EFAULT;
    }
    n.state = 'sent';
    this.waitQueue.wake(EPOLLOUT | EPOLLWRNORM);
    return 0;
  }

  private send(t: Task, ptr: number): number {
    const { seccompNotifResp: layout } = t.abi;
    const buf = t.memory.readable(ptr, layout.size);
    if (buf === null) return -EFAULT;
    const { error, flags } = layout.read(buf), lo = layout.lo(buf, 'val'), hi = layout.hi(buf, 'val');
    if ((flags & ~S.SECCOMP_USER_NOTIF_FLAG_CONTINUE) !== 0) return -EINVAL;
    if (flags !== 0 && (error | lo | hi) !== 0) return -EINVAL;
    const n = this.find(layout.lo(buf, 'id'), layout.hi(buf, 'id'));
    if (n === undefined) return -ENOENT;
    if (n.state !== 'sent') return -EINPROGRESS;
    if (error !== 0) n.reply(error, error >> 31, 0);
    else n.reply(lo, hi, flags);
    return 0;
  }

  /** SECCOMP_IOCTL_NOTIF_ADDFD: one of the supervisor's files gets a descriptor of the caller's. */
  private addDescriptor(t: Task, ptr: number, size: number): number {
    const { seccompNotifAddfd: layout } = t.abi;
    if (size < layout.size || size >= PAGE_BYTES) return -EINVAL;
    const buf = t.memory.readable(ptr, size);
    if (buf === null) return -EFAULT;
    if (buf.subarray(layout.size).some((byte) => byte !== 0)) return -E2BIG;
    const { flags, srcfd, newfd, newfd_flags: newFlags } = layout.read(buf);
    const places = (flags & S.SECCOMP_ADDFD_FLAG_SETFD) !== 0, sends = (flags & S.SECCOMP_ADDFD_FLAG_SEND) !== 0;
    if ((newFlags & ~O_CLOEXEC) !== 0 || (flags & ~(S.SECCOMP_ADDFD_FLAG_SETFD | S.SECCOMP_ADDFD_FLAG_SEND)) !== 0) return -EINVAL;
    if (newfd !== 0 && !places) return -EINVAL;
    const file = t.fds.get(srcfd | 0);
    if (file === null || (file.flags & O_PATH) !== 0) return -EBADF;
    const n = this.find(layout.lo(buf, 'id'), layout.hi(buf, 'id'));
    if (n === undefined) return -ENOENT;
    if (n.state !== 'sent') return -EINPROGRESS;
    const fd = place(n.task, file, places ? newfd : -1, newFlags !== 0);
    if (fd >= 0 && sends) n.reply(fd, 0, 0);
    return fd;
  }
}

/** Gives `file` to `t`, at `fd` or where there is room (-1). */
function place(t: Task, file: FileDescription, fd: number, cloexec: boolean): number {
  const limit = t.rlimits.cur[Rlimit.NOFILE]!;
  if (fd >= limit) return -EBADF;
  file.acquire();
  if (fd >= 0) {
    t.fds.set(fd, file, cloexec);
    return fd;
  }
  const got = t.fds.install(file, cloexec, limit);
  if (got < 0) file.release();
  return got;
}

/** The result of a call that was answered, as BlockSpec.retry gives it. */
function answered(t: Task, n: Notification): number {
  if ((n.flags & S.SECCOMP_USER_NOTIF_FLAG_CONTINUE) !== 0) {
    unpark(t);
    t.kernel.dispatch(t);
    return PARKED;
  }
  const result = (n.hi | 0) * 4294967296 + (n.lo >>> 0);
  if (Number.isSafeInteger(result) && result !== PARKED) return result;
  // All 64 bits of it.
  unpark(t);
  t.arch.setResult(t.regs, 0);
  if (t.arch.wordSize === 8) t.regs.setHalves(Cpu.gpr, n.lo, n.hi);
  else t.regs.setU32(Cpu.gpr, n.lo);
  return t.kernel.finishWithoutResult(t);
}
