import { EBADF, EFAULT, EINVAL, EPERM } from '../abi/linux/errno.ts';
import { EPOLL_CLOEXEC, EPOLL_CTL_DEL } from '../abi/linux/epoll.ts';
import { O_PATH } from '../abi/linux/openFlags.ts';
import { x86_64 } from '../abi/abi.ts';
import { EpollFile } from '../fs/anon/epollFile.ts';
import { PARKED, Restart } from '../kernel/task/block.ts';
import type { Task } from '../kernel/task/task.ts';
import { installFile } from './install.ts';
import { timespecDeadline, type Time } from './poll.ts';
import type { SyscallRow } from './row.ts';
import { useMask } from './sigmask.ts';

// Packed on x86-64, so that both ABIs have the same 12 bytes.
const { epollEvent } = x86_64;

function create(t: Task, cloexec: boolean): number {
  return installFile(t, new EpollFile(t), cloexec);
}

function sysEpollCreate(t: Task, size: number): number {
  return size <= 0 ? -EINVAL : create(t, false);
}
function sysEpollCreate1(t: Task, flags: number): number {
  return (flags & ~EPOLL_CLOEXEC) !== 0 ? -EINVAL : create(t, (flags & EPOLL_CLOEXEC) !== 0);
}

function sysEpollCtl(t: Task, epfd: number, op: number, fd: number, event: number): number {
  let events = 0;
  let lo = 0;
  let hi = 0;
  if (op !== EPOLL_CTL_DEL) {
    const buf = t.memory.readable(event, epollEvent.size);
    if (buf === null) return -EFAULT;
    ({ events, data_lo: lo, data_hi: hi } = epollEvent.read(buf));
  }
  const epoll = t.fds.get(epfd);
  const file = t.fds.get(fd);
  if (epoll === null || file === null || (epoll.flags & O_PATH) !== 0 || (file.flags & O_PATH) !== 0) return -EBADF;
  if (file.waitQueue === null) return -EPERM;
  if (!(epoll instanceof EpollFile)) return -EINVAL;
  return epoll.control(op, fd, file, events, lo, hi, t);
}

function wait(t: Task, epfd: number, events: number, max: number, deadlineNs: number): number {
  const epoll = t.fds.get(epfd);
  if (epoll === null || (epoll.flags & O_PATH) !== 0) return -EBADF;
  if (max <= 0 || max > Math.floor(0x7fffffff / epollEvent.size)) return -EINVAL;
  if (!t.memory.inRange(events, max * epollEvent.size)) return -EFAULT;
  if (!(epoll instanceof EpollFile)) return -EINVAL;
  const take = (): number => {
    if (epoll.poll(t) === 0) return 0;
    if (t.memory.writable(events, epollEvent.size) === null) return -EFAULT;
    const results = epoll.collect(max, t);
    const buf = t.memory.writable(events, results.length * epollEvent.size);
    if (buf === null) return -EFAULT;
    results.forEach((r, i) => epollEvent.write(buf, { events: r.events, data_lo: r.dataLo, data_hi: r.dataHi }, i * epollEvent.size));
    return results.length;
  };
  const now = take();
  if (now !== 0 || deadlineNs <= t.kernel.nowNs()) return now;
  return t.block({
    queues: [epoll.waitQueue],
    retry: () => take() || PARKED,
    deadlineNs,
    onTimeout: () => 0,
    restart: Restart.never,
  });
}

const deadlineOf = (t: Task, timeoutMs: number): number => (timeoutMs < 0 ? Infinity : t.kernel.nowNs() + timeoutMs * 1e6);

function sysEpollWait(t: Task, epfd: number, events: number, max: number, timeoutMs: number): number {
  return wait(t, epfd, events, max, deadlineOf(t, timeoutMs));
}

function sysEpollPwait(t: Task, epfd: number, events: number, max: number, timeoutMs: number, mask: number, size: number): number {
  const masked = useMask(t, mask, size);
  return masked < 0 ? masked : wait(t, epfd, events, max, deadlineOf(t, timeoutMs));
}

function sysEpollPwait2(t: Task, epfd: number, events: number, max: number, time: number, mask: number, size: number): number {
  const deadlineNs = timespecDeadline(t, time, t.abi.timespec64 as Time);
  if (deadlineNs < 0) return deadlineNs;
  const masked = useMask(t, mask, size);
  return masked < 0 ? masked : wait(t, epfd, events, max, deadlineNs);
}

export const epollRows: readonly SyscallRow[] = [
  { name: 'epoll_create', x86_64: 213, i386: 254, args: ['int'], ret: 'fd', handler: sysEpollCreate },
  { name: 'epoll_create1', x86_64: 291, i386: 329, args: ['hex'], ret: 'fd', handler: sysEpollCreate1 },
  { name: 'epoll_ctl', x86_64: 233, i386: 255, args: ['fd', 'int', 'fd', 'ptr'], ret: 'int', handler: sysEpollCtl },
  { name: 'epoll_wait', x86_64: 232, i386: 256, args: ['fd', 'ptr', 'int', 'int'], ret: 'int', handler: sysEpollWait },
  { name: 'epoll_pwait', x86_64: 281, i386: 319, args: ['fd', 'ptr', 'int', 'int', 'sigsetIn', 'size'], ret: 'int', handler: sysEpollPwait },
  { name: 'epoll_pwait2', x86_64: 441, i386: 441, args: ['fd', 'ptr', 'int', 'timespecIn', 'sigsetIn', 'size'], ret: 'int', handler: sysEpollPwait2 },
];
