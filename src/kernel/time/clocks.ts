import { COARSE_NS } from '../../machine/localState.ts';
import { EINVAL } from '../../abi/linux/errno.ts';
import * as T from '../../abi/linux/time.ts';
import type { Timespec } from '../../vfs/stat.ts';
import type { Process } from '../task/process.ts';
import type { Task } from '../task/task.ts';

const fromNs = (ns: number): Timespec => ({ sec: Math.floor(ns / 1e9), nsec: Math.floor(ns % 1e9) });

/** ktime_t holds so many seconds. */
const KTIME_SEC_MAX = 9223372036;

/** A length of time as the kernel keeps it: at most KTIME_MAX. */
export function ktime(sec: number, nsec: number): Timespec {
  return sec >= KTIME_SEC_MAX ? { sec: KTIME_SEC_MAX, nsec: 854775807 } : { sec, nsec };
}

/** Whether a clock id means CPU time: the two named ones, and those made from a pid (negative: ~pid << 3 | kind). */
export function isCpuClock(clock: number): boolean {
  return clock < 0 || clock === T.CLOCK_PROCESS_CPUTIME_ID || clock === T.CLOCK_THREAD_CPUTIME_ID;
}

/** What a CPU-time clock counts: one thread, or (null) all of a process; its user time only, or all. */
export interface CpuClockTarget {
  readonly process: Process;
  readonly thread: Task | null;
  readonly userOnly: boolean;
}

/**
 * What a clock counts, or -EINVAL. Low bits of clocks that are made from a pid: 4 = of a thread; 0 all its time by ticks, 1 user time, 2 what
 * the scheduler counted. Threads of other processes have none that we could ask.
 */
export function cpuClockTarget(t: Task, clock: number): CpuClockTarget | number {
  const { pids } = t.kernel;
  if (clock === T.CLOCK_THREAD_CPUTIME_ID) return { process: t.process, thread: t, userOnly: false };
  if (clock === T.CLOCK_PROCESS_CPUTIME_ID) return { process: t.process, thread: null, userOnly: false };
  if (clock >= 0 || (clock & 3) === 3) return -EINVAL;
  const named = ~(clock >> 3), pid = named === 0 ? 0 : t.pidNs.in(named);
  const userOnly = (clock & 3) === 1;
  if ((clock & 4) !== 0) {
    const thread = pid === 0 ? t : pids.tasks.get(pid);
    return thread === undefined || thread.process !== t.process ? -EINVAL : { process: t.process, thread, userOnly };
  }
  const process = pid === 0 ? t.process : pids.processes.get(pid);
  return process === undefined ? -EINVAL : { process, thread: null, userOnly };
}

export function cpuTimeOf({ process, thread, userOnly }: CpuClockTarget): number {
  const { cpuClock } = process.leader.kernel;
  const { userNs, systemNs } = thread === null ? cpuClock.ofProcess(process) : { userNs: cpuClock.userNs(thread), systemNs: thread.usage.systemNs };
  return userOnly ? userNs : userNs + systemNs;
}

/** A CPU-time clock in ns, -EINVAL when it names no process or thread. */
export function cpuClockOf(t: Task, clock: number): number {
  const target = cpuClockTarget(t, clock);
  return typeof target === 'number' ? target : cpuTimeOf(target);
}

/** What the caller's time namespace adds to a clock. */
export function clockOffset(t: Task, clock: number): number {
  const { time } = t.ns;
  if (clock === T.CLOCK_BOOTTIME || clock === T.CLOCK_BOOTTIME_ALARM) return time.bootNs;
  return clock === T.CLOCK_MONOTONIC || clock === T.CLOCK_MONOTONIC_RAW || clock === T.CLOCK_MONOTONIC_COARSE ? time.monotonicNs : 0;
}

/** clock_gettime, or -EINVAL. */
export function clockNow(t: Task, clock: number): Timespec | number {
  const { kernel } = t;
  switch (clock) {
    case T.CLOCK_REALTIME:
    case T.CLOCK_TAI:
      return kernel.realtime();
    case T.CLOCK_REALTIME_COARSE: {
      const now = kernel.realtime();
      return { sec: now.sec, nsec: now.nsec - (now.nsec % COARSE_NS) };
    }
    case T.CLOCK_MONOTONIC:
    case T.CLOCK_MONOTONIC_RAW:
    case T.CLOCK_BOOTTIME:
      return fromNs(kernel.nowNs() + clockOffset(t, clock));
    case T.CLOCK_MONOTONIC_COARSE: {
      const now = kernel.nowNs() + clockOffset(t, clock);
      return fromNs(now - (now % COARSE_NS));
    }
    default: {
      if (!isCpuClock(clock)) return -EINVAL;
      const ns = cpuClockOf(t, clock);
      return ns < 0 ? ns : fromNs(ns);
    }
  }
}

/** clock_getres in ns, or -EINVAL for an unknown clock. */
export function clockResolution(t: Task, clock: number): number {
  if (clock === T.CLOCK_REALTIME_COARSE || clock === T.CLOCK_MONOTONIC_COARSE) return COARSE_NS;
  if (isCpuClock(clock)) {
    const now = cpuClockOf(t, clock);
    return now < 0 ? now : 1;
  }
  // The alarm clocks need a real-time clock device that wakes the machine; there is none.
  return clock <= T.CLOCK_BOOTTIME || clock === T.CLOCK_TAI ? 1 : -EINVAL;
}

/** A time of a wall or monotonic clock as a deadline on the monotonic one. */
export function toMonotonic(t: Task, clock: number, ns: number): number {
  if (clock !== T.CLOCK_REALTIME && clock !== T.CLOCK_TAI) return Math.max(0, ns - clockOffset(t, clock));
  const now = t.kernel.realtime();
  return Math.max(0, t.kernel.nowNs() + (ns - now.sec * 1e9) - now.nsec);
}
