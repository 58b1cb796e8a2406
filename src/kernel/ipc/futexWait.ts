import { EAGAIN, EFAULT, EINVAL, ETIMEDOUT } from '../../abi/linux/errno.ts';
import type { LocalWait } from '../../machine/waitTable.ts';
import { Prot } from '../mm/vma.ts';
import { PARKED, Restart } from '../task/block.ts';
import type { Task } from '../task/task.ts';
import { FutexWaiter } from './futex.ts';

/** The 32-bit word, or -errno. */
export function wordAt(t: Task, addr: number): number {
  if (addr % 4 !== 0) return -EINVAL;
  return t.memory.u32(addr) ?? -EFAULT;
}

/** A futex that processes share is known by its page, which must be there and must not be read-only private memory. */
export function mayShare(t: Task, addr: number): boolean {
  const vma = t.mm.areas.find(addr);
  return vma !== null && (!vma.anonymous || (vma.prot & Prot.W) !== 0) && t.memory.u32(addr) !== null;
}

/** FUTEX_WAIT. */
export function wait(t: Task, addr: number, expected: number, bitset: number, shared: boolean, deadlineNs: number): number {
  if (bitset === 0) return -EINVAL;
  const value = wordAt(t, addr);
  if (value < 0) return value;
  if (shared && !mayShare(t, addr)) return -EFAULT;
  const { futexes } = t.kernel;
  const waiter = new FutexWaiter(t, futexes.keyOf(t, addr, shared), addr, bitset, false);
  // In this order: see FutexTable.
  futexes.add(waiter);
  if (wordAt(t, addr) !== expected) {
    futexes.remove(waiter);
    return -EAGAIN;
  }
  return parkOn(t, waiter, expected, shared, deadlineNs);
}

/** The thread has waited in its worker so far (Guests.takeOver). */
export function goOnWaiting(t: Task, from: LocalWait): void {
  const { futexes } = t.kernel;
  const waiter = new FutexWaiter(t, futexes.keyOf(t, from.addr, false), from.addr, from.bitset, false);
  waiter.turn = from.turn;
  futexes.add(waiter);
  futexes.tookOver(waiter.key);
  parkOn(t, waiter, from.expected, false, from.deadlineNs);
}

function parkOn(t: Task, waiter: FutexWaiter, expected: number, shared: boolean, deadlineNs: number): number {
  const { addr, bitset } = waiter, { futexes } = t.kernel;
  if (deadlineNs !== Infinity) t.restartBlock = () => wait(t, addr, expected, bitset, shared, deadlineNs);
  return t.block({
    queues: [waiter.queue],
    retry: () => (waiter.woken ? 0 : PARKED),
    deadlineNs,
    onTimeout: () => -ETIMEDOUT,
    restart: deadlineNs === Infinity ? Restart.sys : Restart.restartBlock,
    cleanup: () => futexes.remove(waiter),
  });
}
