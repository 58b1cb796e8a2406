import { EFAULT, EINVAL, EOPNOTSUPP, EPERM, EAGAIN, ESRCH, ERESTARTNOHAND, ERESTART_RESTARTBLOCK } from '../abi/linux/errno.ts';
import { SIGALRM, SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD, SIGEV_THREAD_ID } from '../abi/linux/signal.ts';
import * as T from '../abi/linux/time.ts';
import type { Layout } from '../abi/layout.ts';
import type { Abi } from '../abi/abi.ts';
import { PARKED, Restart } from '../kernel/task/block.ts';
import { queuedSignals } from '../kernel/signal/send.ts';
import type { Task } from '../kernel/task/task.ts';
import { clockNow, clockResolution, cpuClockTarget, cpuTimeOf, isCpuClock, ktime, toMonotonic } from '../kernel/time/clocks.ts';
import { IntervalTimer, type TimerEvent } from '../kernel/time/processTimers.ts';
import { Cap } from '../vfs/cred.ts';
import type { Timespec } from '../vfs/stat.ts';
import { WaitQueue } from '../vfs/waitQueue.ts';
import { setWallClock } from './adjtime.ts';
import type { SyscallRow } from './row.ts';

type Time = Layout<'tv_sec' | 'tv_nsec'>;
type TimeOf = (abi: Abi) => Time;
const native: TimeOf = (abi) => abi.timespec;
const time64: TimeOf = (abi) => abi.timespec64;

/** A timespec in ns, or -errno (never a valid time: negative ones are -EINVAL). */
function readTime(t: Task, ptr: number, layout: Time): number {
  const buf = t.memory.readable(ptr, layout.size);
  if (buf === null) return -EFAULT;
  const { tv_sec, tv_nsec } = layout.read(buf);
  return tv_sec < 0 || tv_nsec < 0 || tv_nsec >= 1e9 ? -EINVAL : tv_sec * 1e9 + tv_nsec;
}

function writeTime(t: Task, ptr: number, layout: Time, sec: number, nsec: number): number {
  const buf = t.memory.writable(ptr, layout.size);
  if (buf === null) return -EFAULT;
  layout.write(buf, { tv_sec: sec, tv_nsec: nsec });
  return 0;
}

// ---- clocks ----

const clockGettime = (layout: TimeOf) => (t: Task, clock: number, ptr: number): number => {
  const now = clockNow(t, clock);
  return typeof now === 'number' ? now : writeTime(t, ptr, layout(t.abi), now.sec, now.nsec);
};

const clockGetres = (layout: TimeOf) => (t: Task, clock: number, ptr: number): number => {
  const ns = clockResolution(t, clock);
  if (ns < 0) return ns;
  return ptr === 0 ? 0 : writeTime(t, ptr, layout(t.abi), 0, ns);
};

const clockSettime = (layout: TimeOf) => (t: Task, clock: number, ptr: number): number => {
  if (clock !== T.CLOCK_REALTIME) return -EINVAL;
  const ns = readTime(t, ptr, layout(t.abi));
  if (ns < 0) return ns;
  return setWallClock(t, ns);
};

function sysGettimeofday(t: Task, ptr: number, zonePtr: number): number {
  const now = t.kernel.realtime();
  if (ptr !== 0) {
    const layout = t.abi.timeval;
    const buf = t.memory.writable(ptr, layout.size);
    if (buf === null) return -EFAULT;
    layout.write(buf, { tv_sec: now.sec, tv_usec: Math.floor(now.nsec / 1000) });
  }
  if (zonePtr !== 0) {
    const buf = t.memory.writable(zonePtr, 8);
    if (buf === null) return -EFAULT;
    buf.fill(0);
  }
  return 0;
}

function sysSettimeofday(t: Task, ptr: number, zone: number): number {
  const layout = t.abi.timeval;
  const buf = ptr === 0 ? null : t.memory.readable(ptr, layout.size);
  if (ptr !== 0 && buf === null) return -EFAULT;
  const { tv_sec, tv_usec } = buf === null ? { tv_sec: 0, tv_usec: 0 } : layout.read(buf);
  if (tv_usec < 0 || tv_usec > 1e6) return -EINVAL;
  if (zone !== 0 && t.memory.readable(zone, 8) === null) return -EFAULT;
  if (tv_usec === 1e6 || tv_sec < 0) return -EINVAL;
  if (buf === null) return t.cred.has(Cap.SYS_TIME) ? 0 : -EPERM;
  return setWallClock(t, tv_sec * 1e9 + tv_usec * 1000);
}

function sysTime(t: Task, ptr: number): number {
  const { sec } = t.kernel.realtime();
  return ptr !== 0 && !t.memory.setWord(ptr, t.arch.wordSize, sec) ? -EFAULT : sec;
}

function sysStime(t: Task, ptr: number): number {
  const sec = t.memory.i32(ptr);
  return sec === null ? -EFAULT : setWallClock(t, sec * 1e9);
}

const CLOCKFD = 3;

// ---- sleeping ----

/** Sleeps until `deadlineNs` (monotonic). `remaining` stores what is left after a signal (relative sleeps). */
function sleepUntil(t: Task, deadlineNs: number, remaining: ((leftNs: number) => number) | null): number {
  if (deadlineNs <= t.kernel.nowNs()) return 0;
  const queue = new WaitQueue();
  if (remaining !== null) {
    t.restartBlock = () => sleepUntil(t, deadlineNs, remaining);
  }
  return t.block({
    queues: [queue],
    retry: () => PARKED,
    deadlineNs,
    onTimeout: () => 0,
    restart: remaining === null ? Restart.noHandler : Restart.restartBlock,
    // Linux writes the rest when a signal interrupts, before it is known whether a handler runs.
    cleanup: () => {
      const left = deadlineNs - t.kernel.nowNs();
      if (remaining !== null && left > 0) remaining(left);
    },
  });
}

const remainingTo = (t: Task, ptr: number, layout: Time) => (leftNs: number): number =>
  (ptr === 0 ? 0 : writeTime(t, ptr, layout, Math.floor(leftNs / 1e9), Math.floor(leftNs % 1e9)));

function sysNanosleep(t: Task, ptr: number, remPtr: number): number {
  const layout = t.abi.timespec;
  const ns = readTime(t, ptr, layout);
  return ns < 0 ? ns : sleepUntil(t, t.kernel.nowNs() + ns, remainingTo(t, remPtr, layout));
}

/** They need a real-time clock, which there is none of. */
const isAlarmClock = (clock: number): boolean => clock === T.CLOCK_REALTIME_ALARM || clock === T.CLOCK_BOOTTIME_ALARM;

const clockNanosleep = (layoutOf: TimeOf) => (t: Task, clock: number, flags: number, ptr: number, remPtr: number): number => {
  const layout = layoutOf(t.abi);
  // Clocks that are files can be read at most.
  if (clock < 0 && (clock & 7) === CLOCKFD) return -EOPNOTSUPP;
  if (clock >= 0 && !isAlarmClock(clock) && clockResolution(t, clock) < 0) return -EINVAL;
  if (clock === T.CLOCK_MONOTONIC_RAW || clock === T.CLOCK_REALTIME_COARSE || clock === T.CLOCK_MONOTONIC_COARSE || clock === T.CLOCK_THREAD_CPUTIME_ID) {
    return -EOPNOTSUPP;
  }
  const ns = readTime(t, ptr, layout);
  if (ns < 0) return ns;
  if (isAlarmClock(clock)) return -EOPNOTSUPP;
  if (clockResolution(t, clock) < 0) return -EINVAL;
  const absolute = (flags & T.TIMER_ABSTIME) !== 0;
  if (isCpuClock(clock)) return sleepOnCpuClock(t, clock, ns, absolute, remainingTo(t, remPtr, layout));
  if (absolute) return sleepUntil(t, toMonotonic(t, clock, ns), null);
  return sleepUntil(t, t.kernel.nowNs() + ns, remainingTo(t, remPtr, layout));
};

/** Whose time it is goes on running: looked at every millisecond. */
function sleepOnCpuClock(t: Task, clock: number, ns: number, absolute: boolean, remaining: (leftNs: number) => number): number {
  const target = cpuClockTarget(t, clock);
  if (typeof target === 'number') return target;
  // It would wait for itself.
  if (target.thread === t) return -EINVAL;
  const until = absolute ? ns : cpuTimeOf(target) + ns;
  let left = 0;
  const wait = (): number => {
    left = until - cpuTimeOf(target);
    if (left <= 0) return 0;
    return t.block({
      queues: [], retry: () => PARKED, deadlineNs: t.kernel.nowNs() + 1e6, onTimeout: wait, restart: absolute ? Restart.noHandler : Restart.restartBlock,
      onSignal: () => {
        if (absolute) return -ERESTARTNOHAND;
        t.restartBlock = wait;
        remaining(left);
        return -ERESTART_RESTARTBLOCK;
      },
    });
  };
  return wait();
}

// ---- setitimer, alarm ----

const NEVER: Timespec = { sec: 0, nsec: 0 };

interface Interval {
  valueNs: number;
  /** In whole units of the call that set it: a number of ns may be too large to be exact. */
  interval: Timespec;
}


function getInterval(t: Task, which: number): Interval | null {
  const timers = t.process.timers;
  const { userNs, systemNs } = t.kernel.cpuClock.ofProcess(t.process);
  const left = (at: number, now: number): number => (at === 0 ? 0 : Math.max(1000, at - now));
  switch (which) {
    case T.ITIMER_REAL: return { valueNs: timers.real.armed ? Math.max(1000, timers.real.whenNs - t.kernel.nowNs()) : 0, interval: timers.realInterval };
    case T.ITIMER_VIRTUAL: return { valueNs: left(timers.virtualNs, userNs), interval: timers.virtualInterval };
    case T.ITIMER_PROF: return { valueNs: left(timers.profNs, userNs + systemNs), interval: timers.profInterval };
    default: return null;
  }
}

function setInterval(t: Task, which: number, { valueNs, interval }: Interval): void {
  const { timers } = t.process;
  const { userNs, systemNs } = t.kernel.cpuClock.ofProcess(t.process);
  if (which === T.ITIMER_REAL) {
    timers.realInterval = valueNs === 0 ? NEVER : interval;
    if (valueNs === 0) t.kernel.timers.cancel(timers.real);
    else t.kernel.timers.set(timers.real, t.kernel.nowNs() + valueNs);
  } else if (which === T.ITIMER_VIRTUAL) {
    timers.virtualNs = valueNs === 0 ? 0 : userNs + valueNs;
    timers.virtualInterval = interval;
  } else {
    timers.profNs = valueNs === 0 ? 0 : userNs + systemNs + valueNs;
    timers.profInterval = interval;
  }
  t.kernel.watchCpuTime(t.process);
}

function writeInterval(t: Task, ptr: number, { valueNs, interval }: Interval): number {
  const layout = t.abi.itimerval;
  const buf = t.memory.writable(ptr, layout.size);
  if (buf === null) return -EFAULT;
  layout.write(buf, {
    interval_sec: interval.sec, interval_usec: Math.floor(interval.nsec / 1000), value_sec: Math.floor(valueNs / 1e9), value_usec: Math.floor((valueNs % 1e9) / 1000),
  });
  return 0;
}

function sysGetitimer(t: Task, which: number, ptr: number): number {
  const value = getInterval(t, which);
  return value === null ? -EINVAL : writeInterval(t, ptr, value);
}

function sysSetitimer(t: Task, which: number, newPtr: number, oldPtr: number): number {
  const old = getInterval(t, which);
  if (old === null) return -EINVAL;
  let fresh: Interval = { valueNs: 0, interval: NEVER };
  if (newPtr !== 0) {
    const layout = t.abi.itimerval;
    const buf = t.memory.readable(newPtr, layout.size);
    if (buf === null) return -EFAULT;
    const v = layout.read(buf);
    if (v.value_sec < 0 || v.value_usec < 0 || v.value_usec >= 1e6 || v.interval_sec < 0 || v.interval_usec < 0 || v.interval_usec >= 1e6) return -EINVAL;
    fresh = { valueNs: v.value_sec * 1e9 + v.value_usec * 1000, interval: ktime(v.interval_sec, v.interval_usec * 1000) };
  }
  setInterval(t, which, fresh);
  return oldPtr === 0 ? 0 : writeInterval(t, oldPtr, old);
}

function sysAlarm(t: Task, seconds: number): number {
  const old = getInterval(t, T.ITIMER_REAL)!;
  setInterval(t, T.ITIMER_REAL, { valueNs: seconds * 1e9, interval: NEVER });
  // Rounded, but never to 0 while one is running.
  return old.valueNs === 0 ? 0 : Math.max(1, Math.round(old.valueNs / 1e9));
}

// ---- timer_create ----

function readEvent(t: Task, ptr: number, id: number): TimerEvent | number {
  if (ptr === 0) return { notify: 'signal', signo: SIGALRM, valueLo: id, valueHi: 0, tid: 0 };
  const layout = t.abi.sigevent;
  const buf = t.memory.readable(ptr, layout.size);
  if (buf === null) return -EFAULT;
  const e = layout.read(buf);
  const valueLo = layout.lo(buf, 'sigev_value');
  const valueHi = layout.hi(buf, 'sigev_value');
  const known = e.sigev_notify === SIGEV_SIGNAL || e.sigev_notify === SIGEV_NONE || e.sigev_notify === SIGEV_THREAD || e.sigev_notify === (SIGEV_SIGNAL | SIGEV_THREAD_ID);
  if (!known) return -EINVAL;
  if (e.sigev_notify !== SIGEV_NONE && (e.sigev_signo < 1 || e.sigev_signo > 64)) return -EINVAL;
  let tid = 0;
  if ((e.sigev_notify & SIGEV_THREAD_ID) !== 0) {
    tid = t.pidNs.in(e.sigev_tid);
    const thread = t.kernel.pids.tasks.get(tid);
    if (thread === undefined || thread.process !== t.process) return -EINVAL;
  }
  return { notify: e.sigev_notify === SIGEV_NONE ? 'none' : 'signal', signo: e.sigev_signo, valueLo, valueHi, tid };
}

function sysTimerCreate(t: Task, clock: number, eventPtr: number, idPtr: number): number {
  // The event is copied in before anything is looked at.
  if (eventPtr !== 0 && t.memory.readable(eventPtr, t.abi.sigevent.size) === null) return -EFAULT;
  if (clock === T.CLOCK_REALTIME_ALARM || clock === T.CLOCK_BOOTTIME_ALARM) return -EOPNOTSUPP;
  if (clockResolution(t, clock) < 0) return -EINVAL;
  if (clock === T.CLOCK_MONOTONIC_RAW || clock === T.CLOCK_REALTIME_COARSE || clock === T.CLOCK_MONOTONIC_COARSE) return -EOPNOTSUPP;
  const { timers } = t.process;
  if (timers.posix.size + queuedSignals(t.process) >= t.rlimits.cur[11]!) return -EAGAIN;
  const id = timers.newId();
  const event = readEvent(t, eventPtr, id);
  if (typeof event === 'number') return event;
  if (!t.memory.setU32(idPtr, id)) return -EFAULT;
  const target = isCpuClock(clock) ? cpuClockTarget(t, clock) : null;
  if (typeof target === 'number') return target;
  timers.posix.set(id, new IntervalTimer(timers, id, clock, event, target));
  return 0;
}

/** nextNs is of the timer's clock: monotonic, or a CPU time. */
function timerLeft(t: Task, { nextNs, interval, target }: IntervalTimer): Interval {
  if (nextNs === 0) return { valueNs: 0, interval };
  return { valueNs: Math.max(1, nextNs - (target === null ? t.kernel.nowNs() : cpuTimeOf(target))), interval };
}

type Spec = Layout<'interval_sec' | 'interval_nsec' | 'value_sec' | 'value_nsec'>;

function writeSpec(t: Task, ptr: number, layout: Spec, { valueNs, interval }: Interval): number {
  const buf = t.memory.writable(ptr, layout.size);
  if (buf === null) return -EFAULT;
  layout.write(buf, {
    interval_sec: interval.sec, interval_nsec: interval.nsec, value_sec: Math.floor(valueNs / 1e9), value_nsec: Math.floor(valueNs % 1e9),
  });
  return 0;
}

const timerGettime = (specOf: (abi: Abi) => Spec) => (t: Task, id: number, ptr: number): number => {
  const timer = t.process.timers.posix.get(id);
  return timer === undefined ? -EINVAL : writeSpec(t, ptr, specOf(t.abi), timerLeft(t, timer));
};

const timerSettime = (specOf: (abi: Abi) => Spec) => (t: Task, id: number, flags: number, newPtr: number, oldPtr: number): number => {
  if (newPtr === 0) return -EINVAL;
  const layout = specOf(t.abi);
  const buf = t.memory.readable(newPtr, layout.size);
  if (buf === null) return -EFAULT;
  const v = layout.read(buf);
  if (v.value_sec < 0 || v.value_nsec < 0 || v.value_nsec >= 1e9 || v.interval_sec < 0 || v.interval_nsec < 0 || v.interval_nsec >= 1e9) return -EINVAL;
  const timer = t.process.timers.posix.get(id);
  if (timer === undefined) return -EINVAL;
  const old = timerLeft(t, timer);
  const { target, owner } = timer;
  // Whose time it was is over.
  if (target !== null && (target.thread ?? target.process.leader).state === 'dead') return -ESRCH;
  const value = v.value_sec * 1e9 + v.value_nsec;
  timer.setInterval(ktime(v.interval_sec, v.interval_nsec));
  timer.lastOverrun = 0;
  const absolute = (flags & T.TIMER_ABSTIME) !== 0;
  if (value === 0) owner.disarm(timer);
  else if (absolute) owner.arm(timer, target === null ? toMonotonic(t, timer.clock, value) : value);
  else owner.arm(timer, (target === null ? t.kernel.nowNs() : cpuTimeOf(target)) + value);
  return oldPtr === 0 ? 0 : writeSpec(t, oldPtr, layout, old);
};

function sysTimerGetoverrun(t: Task, id: number): number {
  return t.process.timers.posix.get(id)?.lastOverrun ?? -EINVAL;
}

function sysTimerDelete(t: Task, id: number): number {
  const { timers } = t.process;
  const timer = timers.posix.get(id);
  if (timer === undefined) return -EINVAL;
  timers.disarm(timer);
  timers.posix.delete(id);
  return 0;
}


const spec: (abi: Abi) => Spec = (abi) => abi.itimerspec;
const spec64: (abi: Abi) => Spec = (abi) => abi.itimerspec64;

export const timeRows: readonly SyscallRow[] = [
  { name: 'clock_gettime', x86_64: 228, i386: 265, args: ['clockid', 'timespecOut'], ret: 'int', handler: clockGettime(native) },
  { name: 'clock_gettime64', x86_64: -1, i386: 403, args: ['clockid', 'ptr'], ret: 'int', handler: clockGettime(time64) },
  { name: 'clock_getres', x86_64: 229, i386: 266, args: ['clockid', 'timespecOut'], ret: 'int', handler: clockGetres(native) },
  { name: 'clock_getres_time64', x86_64: -1, i386: 406, args: ['clockid', 'ptr'], ret: 'int', handler: clockGetres(time64) },
  { name: 'clock_settime', x86_64: 227, i386: 264, args: ['clockid', 'timespecIn'], ret: 'int', handler: clockSettime(native) },
  { name: 'clock_settime64', x86_64: -1, i386: 404, args: ['clockid', 'ptr'], ret: 'int', handler: clockSettime(time64) },
  { name: 'clock_nanosleep', x86_64: 230, i386: 267, args: ['clockid', 'int', 'timespecIn', 'timespecOut'], ret: 'int', handler: clockNanosleep(native) },
  { name: 'clock_nanosleep_time64', x86_64: -1, i386: 407, args: ['clockid', 'int', 'ptr', 'ptr'], ret: 'int', handler: clockNanosleep(time64) },
  { name: 'nanosleep', x86_64: 35, i386: 162, args: ['timespecIn', 'timespecOut'], ret: 'int', handler: sysNanosleep },
  { name: 'gettimeofday', x86_64: 96, i386: 78, args: ['ptr', 'ptr'], ret: 'int', handler: sysGettimeofday },
  { name: 'settimeofday', x86_64: 164, i386: 79, args: ['ptr', 'ptr'], ret: 'int', handler: sysSettimeofday },
  { name: 'time', x86_64: 201, i386: 13, args: ['ptr'], ret: 'off', handler: sysTime },
  { name: 'stime', x86_64: -1, i386: 25, args: ['ptr'], ret: 'int', handler: sysStime },
  { name: 'getitimer', x86_64: 36, i386: 105, args: ['int', 'ptr'], ret: 'int', handler: sysGetitimer },
  { name: 'setitimer', x86_64: 38, i386: 104, args: ['int', 'ptr', 'ptr'], ret: 'int', handler: sysSetitimer },
  { name: 'alarm', x86_64: 37, i386: 27, args: ['uint'], ret: 'int', handler: sysAlarm },
  { name: 'timer_create', x86_64: 222, i386: 259, args: ['clockid', 'ptr', 'ptr'], ret: 'int', handler: sysTimerCreate },
  { name: 'timer_gettime', x86_64: 224, i386: 261, args: ['int', 'ptr'], ret: 'int', handler: timerGettime(spec) },
  { name: 'timer_gettime64', x86_64: -1, i386: 408, args: ['int', 'ptr'], ret: 'int', handler: timerGettime(spec64) },
  { name: 'timer_settime', x86_64: 223, i386: 260, args: ['int', 'hex', 'ptr', 'ptr'], ret: 'int', handler: timerSettime(spec) },
  { name: 'timer_settime64', x86_64: -1, i386: 409, args: ['int', 'hex', 'ptr', 'ptr'], ret: 'int', handler: timerSettime(spec64) },
  { name: 'timer_getoverrun', x86_64: 225, i386: 262, args: ['int'], ret: 'int', handler: sysTimerGetoverrun },
  { name: 'timer_delete', x86_64: 226, i386: 263, args: ['int'], ret: 'int', handler: sysTimerDelete },
];
