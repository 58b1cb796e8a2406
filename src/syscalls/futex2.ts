/** futex2: calls of their own for what futex(2) multiplexes, with sized words and several at a time. */
import { EAGAIN, EFAULT, EINVAL, ETIMEDOUT } from '../abi/linux/errno.ts';
import * as F from '../abi/linux/futex.ts';
import { FutexWaiter } from '../kernel/ipc/futex.ts';
import { mayShare, wait, wordAt } from '../kernel/ipc/futexWait.ts';
import { PARKED } from '../kernel/task/block.ts';
import type { Task } from '../kernel/task/task.ts';
import { WaitQueue } from '../vfs/waitQueue.ts';
import { deadlineOf, wakeWord } from './futex.ts';
import type { SyscallRow } from './row.ts';

/** Words of 32 bits, private or shared; no NUMA ones. */
const goodFlags = (flags: number): boolean => (flags & ~(F.FUTEX_32 | F.FUTEX_PRIVATE_FLAG)) === 0 && (flags & F.FUTEX_32) !== 0;
const isShared = (flags: number): boolean => (flags & F.FUTEX_PRIVATE_FLAG) === 0;
const CLOCK_REALTIME = 0, CLOCK_MONOTONIC = 1;

/** An absolute limit on one of two clocks; -errno. */
function limit(t: Task, timeout: number, clock: number): number {
  if (timeout !== 0 && clock !== CLOCK_REALTIME && clock !== CLOCK_MONOTONIC) return -EINVAL;
  return deadlineOf(t, timeout, t.abi.timespec64, true, clock === CLOCK_REALTIME);
}

function futexWake(t: Task, addr: number, mask: number, count: number, flags: number): number {
  if (!goodFlags(flags) || mask === 0 || mask > 0xffffffff || addr % 4 !== 0) return -EINVAL;
  if (!t.memory.inRange(addr, 4) || (isShared(flags) && !mayShare(t, addr))) return -EFAULT;
  return count === 0 ? 0 : wakeWord(t, addr, isShared(flags), count, mask);
}

function futexWait(t: Task, addr: number, value: number, mask: number, flags: number, timeout: number, clock: number): number {
  if (!goodFlags(flags) || value > 0xffffffff || mask > 0xffffffff) return -EINVAL;
  const deadlineNs = limit(t, timeout, clock);
  return deadlineNs < 0 ? deadlineNs : wait(t, addr, value, mask, isShared(flags), deadlineNs);
}

function futexRequeue(t: Task, waiters: number, flags: number, wakes: number, moves: number): number {
  if (flags !== 0 || waiters === 0) return -EINVAL;
  const layout = t.abi.futexWaitv;
  const buf = t.memory.readable(waiters, 2 * layout.size)?.slice();
  if (buf === undefined) return -EFAULT;
  const [from, to] = [layout.read(buf, 0), layout.read(buf, layout.size)];
  if (!goodFlags(from.flags) || !goodFlags(to.flags) || getReserved(buf, 0) || getReserved(buf, layout.size)) return -EINVAL;
  if (wakes < 0 || moves < 0) return -EINVAL;
  const now = wordAt(t, from.uaddr), second = wordAt(t, to.uaddr);
  if (now < 0 || second < 0) return now < 0 ? now : second;
  if (now !== layout.lo(buf, 'val', 0)) return -EAGAIN;
  const { futexes } = t.kernel;
  const key = futexes.keyOf(t, from.uaddr, isShared(from.flags));
  if (futexes.waiters(key).some((waiter) => waiter.pi)) return -EINVAL;
  return futexes.wake(key, wakes) + futexes.requeue(key, futexes.keyOf(t, to.uaddr, isShared(to.flags)), to.uaddr, moves);
}

/** The last word of struct futex_waitv. */
const getReserved = (buf: Uint8Array, at: number): boolean => buf.subarray(at + 20, at + 24).some((byte) => byte !== 0);

/** futex_waitv(2): the index of a futex that was woken. */
function futexWaitv(t: Task, waiters: number, count: number, flags: number, timeout: number, clock: number): number {
  if (flags !== 0 || count === 0 || count > F.FUTEX_WAITV_MAX || waiters === 0) return -EINVAL;
  const layout = t.abi.futexWaitv;
  const buf = t.memory.readable(waiters, count * layout.size)?.slice();
  if (buf === undefined) return -EFAULT;
  const deadlineNs = limit(t, timeout, clock);
  if (deadlineNs < 0) return deadlineNs;
  const { futexes } = t.kernel;
  const queue = new WaitQueue();
  const list: FutexWaiter[] = [];
  const drop = (): void => list.forEach((waiter) => futexes.remove(waiter));
  for (let i = 0; i < count; i++) {
    const entry = layout.read(buf, i * layout.size);
    const good = goodFlags(entry.flags) && !getReserved(buf, i * layout.size);
    const readable = good ? wordAt(t, entry.uaddr) : -EINVAL;
    let bad = Math.min(readable, 0);
    if (bad === 0) {
      const waiter = new FutexWaiter(t, futexes.keyOf(t, entry.uaddr, isShared(entry.flags)), entry.uaddr, 0xffffffff, false, queue);
      list.push(waiter);
      // In this order: see FutexTable.
      futexes.add(waiter);
      if (wordAt(t, entry.uaddr) !== layout.lo(buf, 'val', i * layout.size)) bad = -EAGAIN;
    }
    if (bad !== 0) {
      drop();
      return bad;
    }
  }
  return t.block({
    queues: [queue],
    retry: () => {
      const index = list.findIndex((waiter) => waiter.woken);
      return index < 0 ? PARKED : index;
    },
    deadlineNs,
    onTimeout: () => -ETIMEDOUT,
    cleanup: drop,
  });
}

export const futex2Rows: readonly SyscallRow[] = [
  { name: 'futex_waitv', x86_64: 449, i386: 449, args: ['ptr', 'uint', 'uint', 'ptr', 'clockid'], ret: 'int', handler: futexWaitv },
  { name: 'futex_wake', x86_64: 454, i386: 454, args: ['ptr', 'ulong', 'int', 'hex'], ret: 'int', handler: futexWake },
  { name: 'futex_wait', x86_64: 455, i386: 455, args: ['ptr', 'ulong', 'ulong', 'hex', 'ptr', 'clockid'], ret: 'int', handler: futexWait },
  { name: 'futex_requeue', x86_64: 456, i386: 456, args: ['ptr', 'hex', 'int', 'int'], ret: 'int', handler: futexRequeue },
];
