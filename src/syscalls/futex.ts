import { EAGAIN, EDEADLK, EFAULT, EINVAL, ENOSYS, EPERM, ESRCH, ETIMEDOUT } from '../abi/linux/errno.ts';
import { CLOCK_MONOTONIC } from '../abi/linux/time.ts';
import * as F from '../abi/linux/futex.ts';
import type { Layout } from '../abi/layout.ts';
import { mayInspect } from '../fs/procfs/pidDir.ts';
import { FutexWaiter, sameKey, type FutexKey } from '../kernel/ipc/futex.ts';
import { mayShare, wait, wordAt } from '../kernel/ipc/futexWait.ts';
import { PARKED, Restart } from '../kernel/task/block.ts';
import { toMonotonic } from '../kernel/time/clocks.ts';
import type { Task } from '../kernel/task/task.ts';
import type { SyscallRow } from './row.ts';

export type Time = Layout<'tv_sec' | 'tv_nsec'>;

/** Deadline on the monotonic clock; Infinity without a timeout; -errno. */
export function deadlineOf(t: Task, ptr: number, layout: Time, absolute: boolean, realtime: boolean): number {
  if (ptr === 0) return Infinity;
  const buf = t.memory.readable(ptr, layout.size);
  if (buf === null) return -EFAULT;
  const { tv_sec, tv_nsec } = layout.read(buf);
  if (tv_sec < 0 || tv_nsec < 0 || tv_nsec >= 1e9) return -EINVAL;
  const { kernel } = t;
  if (!absolute) return kernel.nowNs() + tv_sec * 1e9 + tv_nsec;
  if (!realtime) return toMonotonic(t, CLOCK_MONOTONIC, tv_sec * 1e9 + tv_nsec);
  const now = kernel.realtime();
  // It may be from before our clock began.
  return Math.max(0, kernel.nowNs() + (tv_sec - now.sec) * 1e9 + (tv_nsec - now.nsec));
}

/** FUTEX_WAKE_OP's second word: changes it, answers whether the comparison held, or -errno. */
function applyOp(t: Task, addr: number, encoded: number): number {
  let op = (encoded >>> 28) & 7;
  const shift = ((encoded >>> 28) & F.FUTEX_OP_OPARG_SHIFT) !== 0;
  const cmp = (encoded >>> 24) & 15;
  let arg = (encoded << 8) >> 20;
  const cmpArg = (encoded << 20) >> 20;
  if (shift) arg = 1 << (arg & 31);
  const old = wordAt(t, addr);
  if (old < 0) return old;
  let next: number;
  switch (op) {
    case F.FUTEX_OP_SET: next = arg; break;
    case F.FUTEX_OP_ADD: next = old + arg; break;
    case F.FUTEX_OP_OR: next = old | arg; break;
    case F.FUTEX_OP_ANDN: next = old & ~arg; break;
    case F.FUTEX_OP_XOR: next = old ^ arg; break;
    default: return -ENOSYS;
  }
  op = old;
  for (;;) {
    const seen = t.memory.compareExchange32(addr, op, next);
    if (seen === null) return -EFAULT;
    if (seen === op) break;
    // Another thread changed it meanwhile: compute again from what is there.
    return applyOp(t, addr, encoded);
  }
  const signed = old | 0;
  switch (cmp) {
    case F.FUTEX_OP_CMP_EQ: return signed === cmpArg ? 1 : 0;
    case F.FUTEX_OP_CMP_NE: return signed !== cmpArg ? 1 : 0;
    case F.FUTEX_OP_CMP_LT: return signed < cmpArg ? 1 : 0;
    case F.FUTEX_OP_CMP_LE: return signed <= cmpArg ? 1 : 0;
    case F.FUTEX_OP_CMP_GT: return signed > cmpArg ? 1 : 0;
    case F.FUTEX_OP_CMP_GE: return signed >= cmpArg ? 1 : 0;
    default: return -ENOSYS;
  }
}

/** Wakes waiters of a word; -EINVAL when one of them waits for ownership. */
export function wakeWord(t: Task, addr: number, shared: boolean, count: number, bitset: number): number {
  const { futexes } = t.kernel;
  const key = futexes.keyOf(t, addr, shared);
  return futexes.waiters(key).some((waiter) => waiter.pi) ? -EINVAL : futexes.wake(key, count, bitset);
}

// ---- priority inheritance (the inheritance itself has no meaning here; ownership and errors do) ----

/** Whether a thread with this id can own a futex of t's. */
function ownerExists(t: Task, tid: number): boolean {
  const owner = t.kernel.pids.tasks.get(t.pidNs.in(tid));
  return owner !== undefined && !owner.exiting;
}

/** Waits until the waiter, which has been added, is handed the futex. */
function waitFor(t: Task, waiter: FutexWaiter, deadlineNs: number): number {
  const { futexes } = t.kernel;
  return t.block({
    queues: [waiter.queue],
    retry: () => (waiter.woken ? 0 : PARKED),
    deadlineNs,
    onTimeout: () => -ETIMEDOUT,
    restart: Restart.sys,
    cleanup: () => futexes.remove(waiter),
  });
}

function lockPi(t: Task, addr: number, shared: boolean, deadlineNs: number, tryOnly: boolean): number {
  const { futexes } = t.kernel;
  if (wordAt(t, addr) < 0) return wordAt(t, addr);
  const taken = takePi(t, addr, futexes.waiters(futexes.keyOf(t, addr, shared)).length > 0);
  if (taken !== PARKED) return taken;
  if (tryOnly) return -EAGAIN;
  const waiter = new FutexWaiter(t, futexes.keyOf(t, addr, shared), addr, 0xffffffff, true);
  futexes.add(waiter);
  return waitFor(t, waiter, deadlineNs);
}

/** Takes a PI futex that is free; PARKED when somebody else has it (its WAITERS bit is set then); -errno. `contended`: others wait for it already. */
function takePi(t: Task, addr: number, contended: boolean): number {
  const waiters = contended ? F.FUTEX_WAITERS : 0;
  for (;;) {
    const value = wordAt(t, addr);
    if (value < 0) return value;
    const owner = value & F.FUTEX_TID_MASK;
    if (owner === t.ownTid) return -EDEADLK;
    const next = owner === 0 ? ((value & F.FUTEX_OWNER_DIED) | waiters | t.ownTid) >>> 0 : (value | F.FUTEX_WAITERS) >>> 0;
    if (owner !== 0 && !ownerExists(t, owner)) return -ESRCH;
    const seen = t.memory.compareExchange32(addr, value, next);
    if (seen === null) return -EFAULT;
    if (seen === value) return owner === 0 ? 0 : PARKED;
  }
}

function unlockPi(t: Task, addr: number, shared: boolean): number {
  const value = t.memory.u32(addr);
  if (value === null) return -EFAULT;
  if ((value & F.FUTEX_TID_MASK) !== t.ownTid) return -EPERM;
  if (addr % 4 !== 0) return -EINVAL;
  t.kernel.futexes.handOver(t, t.kernel.futexes.keyOf(t, addr, shared), addr, 0);
  return 0;
}

function waitRequeuePi(t: Task, addr: number, expected: number, bitset: number, shared: boolean, deadlineNs: number, addr2: number): number {
  if (addr === addr2 || bitset === 0) return -EINVAL;
  const value = wordAt(t, addr);
  if (value < 0) return value;
  const { futexes } = t.kernel;
  const waiter = new FutexWaiter(t, futexes.keyOf(t, addr, shared), addr, bitset, true);
  waiter.requeueTarget = futexes.keyOf(t, addr2, shared);
  // In this order: see FutexTable.
  futexes.add(waiter);
  if (wordAt(t, addr) === expected) return waitFor(t, waiter, deadlineNs);
  futexes.remove(waiter);
  return -EAGAIN;
}

function requeuePi(t: Task, from: FutexKey, to: FutexKey, addr2: number, count: number): number {
  const { futexes } = t.kernel;
  let done = 0;
  for (const waiter of [...futexes.waiters(from)]) {
    if (done > count) break;
    if (waiter.requeueTarget === null || !sameKey(waiter.requeueTarget, to)) return -EINVAL;
    const taken = takePi(waiter.task, addr2, futexes.waiters(from).length > 1);
    if (taken === 0) futexes.wakeOne(waiter);
    else if (taken === PARKED) {
      futexes.remove(waiter);
      waiter.key = to;
      waiter.addr = addr2;
      waiter.requeueTarget = null;
      futexes.add(waiter);
    } else return done > 0 ? done : taken;
    done++;
  }
  return done;
}

const futex = (layoutOf: (t: Task) => Time) => (t: Task, addr: number, opAndFlags: number, value: number, timeout: number, addr2: number, value3: number): number => {
  const op = opAndFlags & F.FUTEX_CMD_MASK;
  const shared = (opAndFlags & F.FUTEX_PRIVATE_FLAG) === 0;
  const realtime = (opAndFlags & F.FUTEX_CLOCK_REALTIME) !== 0;
  const val = value >>> 0;
  const { futexes } = t.kernel;
  if (realtime && op !== F.FUTEX_WAIT_BITSET && op !== F.FUTEX_WAIT_REQUEUE_PI && op !== F.FUTEX_LOCK_PI2) return -ENOSYS;
  // Where a timeout is not a timeout it is a second count.
  const val2 = t.regs.lo(t.arch.argumentRegisters[3]!) | 0;
  switch (op) {
    case F.FUTEX_WAIT:
    case F.FUTEX_WAIT_BITSET: {
      const deadlineNs = deadlineOf(t, timeout, layoutOf(t), op === F.FUTEX_WAIT_BITSET, realtime);
      if (deadlineNs < 0) return deadlineNs;
      return wait(t, addr, val, op === F.FUTEX_WAIT ? 0xffffffff : value3 >>> 0, shared, deadlineNs);
    }
    case F.FUTEX_WAKE:
    case F.FUTEX_WAKE_BITSET: {
      const bitset = op === F.FUTEX_WAKE ? 0xffffffff : value3 >>> 0;
      if (bitset === 0 || addr % 4 !== 0) return -EINVAL;
      if (!t.memory.inRange(addr, 4) || (shared && !mayShare(t, addr))) return -EFAULT;
      // At least one is woken, whatever the count (Linux).
      return wakeWord(t, addr, shared, Math.max(1, value | 0), bitset);
    }
    case F.FUTEX_REQUEUE:
    case F.FUTEX_CMP_REQUEUE: {
      if ((value | 0) < 0 || val2 < 0) return -EINVAL;
      const now = wordAt(t, addr);
      if (now < 0) return now;
      const second = wordAt(t, addr2);
      if (second < 0) return second;
      if (shared && !mayShare(t, addr2)) return -EFAULT;
      if (op === F.FUTEX_CMP_REQUEUE && now !== value3 >>> 0) return -EAGAIN;
      const from = futexes.keyOf(t, addr, shared);
      if (futexes.waiters(from).some((waiter) => waiter.pi)) return -EINVAL;
      const woken = futexes.wake(from, value | 0);
      return woken + futexes.requeue(from, futexes.keyOf(t, addr2, shared), addr2, val2);
    }
    case F.FUTEX_WAKE_OP: {
      const first = wordAt(t, addr);
      if (first < 0) return first;
      const held = applyOp(t, addr2, value3 | 0);
      if (held < 0) return held;
      const woken = futexes.wake(futexes.keyOf(t, addr, shared), value | 0);
      return held === 1 ? woken + futexes.wake(futexes.keyOf(t, addr2, shared), val2) : woken;
    }
    case F.FUTEX_LOCK_PI:
    case F.FUTEX_LOCK_PI2: {
      // LOCK_PI's timeout is on CLOCK_REALTIME.
      const deadlineNs = deadlineOf(t, timeout, layoutOf(t), true, realtime || op === F.FUTEX_LOCK_PI);
      return deadlineNs < 0 ? deadlineNs : lockPi(t, addr, shared, deadlineNs, false);
    }
    case F.FUTEX_TRYLOCK_PI: return lockPi(t, addr, shared, Infinity, true);
    case F.FUTEX_UNLOCK_PI: return unlockPi(t, addr, shared);
    case F.FUTEX_WAIT_REQUEUE_PI: {
      const deadlineNs = deadlineOf(t, timeout, layoutOf(t), true, realtime);
      return deadlineNs < 0 ? deadlineNs : waitRequeuePi(t, addr, val, 0xffffffff, shared, deadlineNs, addr2);
    }
    case F.FUTEX_CMP_REQUEUE_PI: {
      const now = wordAt(t, addr);
      if (now < 0) return now;
      if ((value | 0) !== 1 || addr === addr2) return -EINVAL;
      if (now !== value3 >>> 0) return -EAGAIN;
      return requeuePi(t, futexes.keyOf(t, addr, shared), futexes.keyOf(t, addr2, shared), addr2, val2);
    }
    default:
      return -ENOSYS;
  }
};

function setRobustList(t: Task, head: number, length: number): number {
  if (length !== t.abi.robustListHead.size) return -EINVAL;
  t.robustList = head;
  t.robustListAbi = t.abi;
  return 0;
}

function getRobustList(t: Task, pid: number, headPtr: number, lengthPtr: number): number {
  const target = pid === 0 ? t : t.kernel.pids.tasks.get(pid);
  if (target === undefined) return -ESRCH;
  if (target !== t && mayInspect(t, target) < 0) return -EPERM;
  const word = t.arch.wordSize;
  if (!t.memory.setWord(lengthPtr, word, t.abi.robustListHead.size)) return -EFAULT;
  return t.memory.setWord(headPtr, word, target.robustList) ? 0 : -EFAULT;
}

const native = (t: Task): Time => t.abi.timespec;
const time64 = (t: Task): Time => t.abi.timespec64;

export const futexRows: readonly SyscallRow[] = [
  { name: 'futex', x86_64: 202, i386: 240, args: ['ptr', 'futexOp', 'uint', 'ptr', 'ptr', 'uint'], ret: 'int', handler: futex(native) },
  { name: 'futex_time64', x86_64: -1, i386: 422, args: ['ptr', 'futexOp', 'uint', 'ptr', 'ptr', 'uint'], ret: 'int', handler: futex(time64) },
  { name: 'set_robust_list', x86_64: 273, i386: 311, args: ['ptr', 'size'], ret: 'int', handler: setRobustList },
  { name: 'get_robust_list', x86_64: 274, i386: 312, args: ['pid', 'ptr', 'ptr'], ret: 'int', handler: getRobustList },
];
