import { EBADF, EFAULT, EINVAL, EPERM } from '../abi/linux/errno.ts';
import { TFD_CLOEXEC, TFD_NONBLOCK, TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET } from '../abi/linux/epoll.ts';
import { CLOCK_BOOTTIME, CLOCK_BOOTTIME_ALARM, CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_REALTIME_ALARM } from '../abi/linux/time.ts';
import type { Abi } from '../abi/abi.ts';
import type { Layout } from '../abi/layout.ts';
import { TimerFile } from '../fs/anon/timerFile.ts';
import type { Task } from '../kernel/task/task.ts';
import { ktime, toMonotonic } from '../kernel/time/clocks.ts';
import { Cap } from '../vfs/cred.ts';
import { fileOf } from './fileArgs.ts';
import { installFile } from './install.ts';
import type { SyscallRow } from './row.ts';

type Spec = Layout<'interval_sec' | 'interval_nsec' | 'value_sec' | 'value_nsec'>;

const CLOCKS: readonly number[] = [CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM];

function sysTimerfdCreate(t: Task, clock: number, flags: number): number {
  if ((flags & ~(TFD_CLOEXEC | TFD_NONBLOCK)) !== 0 || !CLOCKS.includes(clock)) return -EINVAL;
  if ((clock === CLOCK_REALTIME_ALARM || clock === CLOCK_BOOTTIME_ALARM) && !t.cred.has(Cap.WAKE_ALARM)) return -EPERM;
  return installFile(t, new TimerFile(t, t.kernel, clock, flags & TFD_NONBLOCK), (flags & TFD_CLOEXEC) !== 0);
}

function timerFile(t: Task, fd: number): TimerFile | number {
  const file = fileOf(t, fd);
  if (file === null) return -EBADF;
  return file instanceof TimerFile ? file : -EINVAL;
}

function writeState(t: Task, file: TimerFile, ptr: number, shape: Spec): number {
  const buf = t.memory.writable(ptr, shape.size);
  if (buf === null) return -EFAULT;
  const { leftNs, interval } = file.state();
  shape.write(buf, {
    interval_sec: interval.sec, interval_nsec: interval.nsec, value_sec: Math.floor(leftNs / 1e9), value_nsec: Math.floor(leftNs % 1e9),
  });
  return 0;
}

const settime = (layout: (abi: Abi) => Spec) => (t: Task, fd: number, flags: number, spec: number, old: number): number => {
  const shape = layout(t.abi);
  const buf = t.memory.readable(spec, shape.size);
  if (buf === null) return -EFAULT;
  const v = shape.read(buf);
  const valid = (sec: number, nsec: number): boolean => sec >= 0 && nsec >= 0 && nsec < 1e9;
  if ((flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) !== 0 || !valid(v.value_sec, v.value_nsec) || !valid(v.interval_sec, v.interval_nsec)) {
    return -EINVAL;
  }
  const file = timerFile(t, fd);
  if (typeof file === 'number') return file;
  const before = file.state();
  const valueNs = v.value_sec * 1e9 + v.value_nsec;
  let when = Infinity;
  if (valueNs !== 0) {
    const now = t.kernel.nowNs();
    if ((flags & TFD_TIMER_ABSTIME) === 0) when = now + valueNs;
    else if (file.isRealtime) {
      const wall = t.kernel.realtime();
      when = now + (v.value_sec - wall.sec) * 1e9 + (v.value_nsec - wall.nsec);
    } else when = toMonotonic(t, file.clock, valueNs);
  }
  file.arm(when, ktime(v.interval_sec, v.interval_nsec), flags);
  if (old === 0) return 0;
  const out = t.memory.writable(old, shape.size);
  if (out === null) return -EFAULT;
  shape.write(out, {
    interval_sec: before.interval.sec, interval_nsec: before.interval.nsec,
    value_sec: Math.floor(before.leftNs / 1e9), value_nsec: Math.floor(before.leftNs % 1e9),
  });
  return 0;
};

const gettime = (layout: (abi: Abi) => Spec) => (t: Task, fd: number, cur: number): number => {
  const file = timerFile(t, fd);
  return typeof file === 'number' ? file : writeState(t, file, cur, layout(t.abi));
};

const native = (abi: Abi): Spec => abi.itimerspec as Spec;
const time64 = (abi: Abi): Spec => abi.itimerspec64 as Spec;

export const timerfdRows: readonly SyscallRow[] = [
  { name: 'timerfd_create', x86_64: 283, i386: 322, args: ['clockid', 'hex'], ret: 'fd', handler: sysTimerfdCreate, note: 'TFD_TIMER_CANCEL_ON_SET: clock changes are not told' },
  { name: 'timerfd_settime', x86_64: 286, i386: 325, args: ['fd', 'hex', 'ptr', 'ptr'], ret: 'int', handler: settime(native) },
  { name: 'timerfd_gettime', x86_64: 287, i386: 326, args: ['fd', 'ptr'], ret: 'int', handler: gettime(native) },
  { name: 'timerfd_gettime64', x86_64: -1, i386: 410, args: ['fd', 'ptr'], ret: 'int', handler: gettime(time64) },
  { name: 'timerfd_settime64', x86_64: -1, i386: 411, args: ['fd', 'hex', 'ptr', 'ptr'], ret: 'int', handler: settime(time64) },
];
