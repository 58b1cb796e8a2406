import { E2BIG, EACCES, EBUSY, EFAULT, EINVAL, EPERM, ESRCH } from '../abi/linux/errno.ts';
import { PRIO_PGRP, PRIO_PROCESS, PRIO_USER } from '../abi/linux/resource.ts';
import { SCHED_BATCH, SCHED_DEADLINE, SCHED_FIFO, SCHED_FLAG_RESET_ON_FORK, SCHED_IDLE, SCHED_NORMAL, SCHED_RESET_ON_FORK, SCHED_RR } from '../abi/linux/sched.ts';
import { Rlimit } from '../kernel/fd/rlimits.ts';
import type { DeadlineParameters, Task } from '../kernel/task/task.ts';
import { Cpu } from '../machine/cpuState.ts';
import { Cap } from '../vfs/cred.ts';
import type { Layout } from '../abi/layout.ts';
import { structArg } from './structArg.ts';
import type { SyscallRow } from './row.ts';

/** Policies and priorities are kept and told; the host schedules as it likes. */
const isRealtime = (policy: number): boolean => policy === SCHED_FIFO || policy === SCHED_RR;
const known = (policy: number): boolean => [SCHED_NORMAL, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE, SCHED_DEADLINE].includes(policy as 0);

function target(t: Task, pid: number): Task | number {
  if (pid < 0) return -EINVAL;
  return pid === 0 ? t : t.kernel.pids.tasks.get(pid) ?? -ESRCH;
}

function owns(t: Task, other: Task): boolean {
  return t.cred.euid === other.cred.euid || t.cred.euid === other.cred.uid || t.cred.hasIn(Cap.SYS_NICE, other.cred.userNs);
}

function setPolicy(t: Task, pid: number, policyArg: number, priority: number): number {
  const other = target(t, pid);
  if (typeof other === 'number') return other;
  const reset = (policyArg & SCHED_RESET_ON_FORK) !== 0;
  const policy = policyArg & ~SCHED_RESET_ON_FORK;
  if (!known(policy) || policy === SCHED_DEADLINE) return -EINVAL;
  if (isRealtime(policy) ? priority < 1 || priority > 99 : priority !== 0) return -EINVAL;
  if (!t.cred.has(Cap.SYS_NICE)) {
    const limit = t.rlimits.cur[Rlimit.RTPRIO]!;
    if (isRealtime(policy)) {
      if (limit === 0 && policy !== other.schedPolicy) return -EPERM;
      if (priority > other.schedPriority && priority > limit) return -EPERM;
    }
    // Leaving the idle class is a rise.
    if (other.schedPolicy === SCHED_IDLE && policy !== SCHED_IDLE && 20 - other.nice > t.rlimits.cur[Rlimit.NICE]!) return -EPERM;
    if (!owns(t, other)) return -EPERM;
    if (other.resetOnFork && !reset) return -EPERM;
  }
  other.schedPolicy = policy;
  other.schedPriority = priority;
  other.resetOnFork = reset;
  return 0;
}

function readPriority(t: Task, ptr: number): number | null {
  return ptr === 0 ? null : t.memory.i32(ptr);
}

function sysSetscheduler(t: Task, pid: number, policy: number, ptr: number): number {
  if (policy < 0 || pid < 0 || ptr === 0) return -EINVAL;
  const priority = readPriority(t, ptr);
  return priority === null ? -EFAULT : setPolicy(t, pid, policy, priority);
}

function sysSetparam(t: Task, pid: number, ptr: number): number {
  if (pid < 0 || ptr === 0) return -EINVAL;
  const other = target(t, pid);
  if (typeof other === 'number') return other;
  const priority = readPriority(t, ptr);
  return priority === null ? -EFAULT : setPolicy(t, pid, other.schedPolicy | (other.resetOnFork ? SCHED_RESET_ON_FORK : 0), priority);
}

function sysGetparam(t: Task, pid: number, ptr: number): number {
  if (pid < 0 || ptr === 0) return -EINVAL;
  const other = target(t, pid);
  if (typeof other === 'number') return other;
  return t.memory.setU32(ptr, other.schedPriority) ? 0 : -EFAULT;
}

function sysGetscheduler(t: Task, pid: number): number {
  const other = target(t, pid);
  return typeof other === 'number' ? other : other.schedPolicy | (other.resetOnFork ? SCHED_RESET_ON_FORK : 0);
}

/** SCHED_DEADLINE: parameters as __checkparam_dl wants them; kept and told like the others. */
function setDeadline(t: Task, pid: number, p: DeadlineParameters, priority: number, reset: boolean): number {
  const other = target(t, pid);
  if (typeof other === 'number') return other;
  const periodNs = p.periodNs === 0 ? p.deadlineNs : p.periodNs;
  if (priority !== 0 || p.deadlineNs === 0 || p.runtimeNs < 1024 || p.deadlineNs >= 2 ** 63 || periodNs >= 2 ** 63) return -EINVAL;
  if (p.runtimeNs > p.deadlineNs || p.deadlineNs > periodNs) return -EINVAL;
  // kernel.sched_deadline_period_min_us and _max_us
  if (periodNs < 100_000 || periodNs > (1 << 22) * 1000) return -EINVAL;
  if (!t.cred.has(Cap.SYS_NICE)) return -EPERM;
  // Not more than 95 % of a processor (sched_rt_runtime_us).
  if (p.runtimeNs / periodNs > 0.95 * t.kernel.parts.cpus) return -EBUSY;
  other.schedPolicy = SCHED_DEADLINE;
  other.schedPriority = 0;
  other.resetOnFork = reset;
  other.deadline = { ...p, periodNs };
  return 0;
}

const SCHED_FLAG_KEEP_POLICY = 8;
const SCHED_FLAG_KEEP_PARAMS = 16;

function sysSetattr(t: Task, pid: number, ptr: number, flags: number): number {
  if (ptr === 0 || pid < 0 || flags !== 0) return -EINVAL;
  const size = t.memory.u32(ptr);
  if (size === null) return -EFAULT;
  const layout = t.abi.schedAttr;
  const length = size === 0 ? 48 : size;
  if (length < 48 || length > 4096) return t.memory.setU32(ptr, layout.size) ? -E2BIG : -EFAULT;
  const buf = structArg(t, ptr, length, layout.size);
  if (buf === -E2BIG && !t.memory.setU32(ptr, layout.size)) return -EFAULT;
  if (typeof buf === 'number') return buf;
  const a = layout.read(buf);
  if ((a.sched_flags & ~0x7f) !== 0) return -EINVAL;
  const reset = (a.sched_flags & SCHED_FLAG_RESET_ON_FORK) !== 0 ? SCHED_RESET_ON_FORK : 0;
  if (a.sched_policy === SCHED_DEADLINE) return setDeadline(t, pid, { runtimeNs: a.sched_runtime, deadlineNs: a.sched_deadline, periodNs: a.sched_period }, a.sched_priority, reset !== 0);
  const other = target(t, pid);
  if (typeof other === 'number') return other;
  const keepsPolicy = (a.sched_flags & SCHED_FLAG_KEEP_POLICY) !== 0, keepsParams = (a.sched_flags & SCHED_FLAG_KEEP_PARAMS) !== 0;
  const policy = keepsPolicy ? other.schedPolicy : a.sched_policy;
  // Of the others the niceness is not looked at.
  const nice = (policy === SCHED_NORMAL || policy === SCHED_BATCH) && !keepsParams ? Math.max(-20, Math.min(19, a.sched_nice)) : other.nice;
  if (!mayBeNice(t, other, nice)) return -EPERM;
  const result = setPolicy(t, pid, policy | reset, keepsParams ? other.schedPriority : a.sched_priority);
  if (result === 0) other.nice = nice;
  return result;
}

function sysGetattr(t: Task, pid: number, ptr: number, size: number, flags: number): number {
  const layout = t.abi.schedAttr;
  if (ptr === 0 || pid < 0 || size > 4096 || size < 48 || flags !== 0) return -EINVAL;
  const other = target(t, pid);
  if (typeof other === 'number') return other;
  const buf = t.memory.writable(ptr, size);
  if (buf === null) return -EFAULT;
  buf.fill(0);
  const whole = new Uint8Array(layout.size);
  layout.write(whole, {
    size: Math.min(size, layout.size), sched_policy: other.schedPolicy, sched_flags: other.resetOnFork ? SCHED_FLAG_RESET_ON_FORK : 0,
    sched_nice: other.nice, sched_priority: other.schedPriority, sched_util_max: 1024,
  });
  // The slice of ordinary tasks: 0.7 ms, more with more processors.
  if (!isRealtime(other.schedPolicy)) layout.put(whole, 'sched_runtime', 700_000 * (1 + Math.floor(Math.log2(Math.min(t.kernel.parts.cpus, 8)))));
  const { deadline } = other;
  if (other.schedPolicy === SCHED_DEADLINE && deadline !== null) {
    layout.put(whole, 'sched_runtime', deadline.runtimeNs);
    layout.put(whole, 'sched_deadline', deadline.deadlineNs);
    layout.put(whole, 'sched_period', deadline.periodNs);
  }
  buf.set(whole.subarray(0, Math.min(size, layout.size)));
  return 0;
}

const rrInterval = (layoutOf: (t: Task) => Layout<'tv_sec' | 'tv_nsec'>) => (t: Task, pid: number, ptr: number): number => {
  const other = target(t, pid);
  if (typeof other === 'number') return other;
  const layout = layoutOf(t);
  const buf = t.memory.writable(ptr, layout.size);
  if (buf === null) return -EFAULT;
  layout.write(buf, { tv_sec: 0, tv_nsec: other.schedPolicy === SCHED_RR ? 100_000_000 : isRealtime(other.schedPolicy) ? 0 : 4_000_000 });
  return 0;
};

// ---- nice values ----

/** can_nice */
const mayBeNice = (t: Task, other: Task, nice: number): boolean => nice >= other.nice || t.cred.has(Cap.SYS_NICE) || 20 - nice <= other.rlimits.cur[Rlimit.NICE]!;

function setNice(t: Task, other: Task, nice: number): number {
  if (t.cred.uid !== other.cred.euid && t.cred.euid !== other.cred.euid && !t.cred.hasIn(Cap.SYS_NICE, other.cred.userNs)) return -EPERM;
  if (!mayBeNice(t, other, nice)) return -EACCES;
  other.nice = nice;
  return 0;
}

/** The tasks that getpriority and setpriority mean. */
function prioTargets(t: Task, which: number, who: number): Task[] | number {
  const all = [...t.kernel.pids.tasks.values()];
  switch (which) {
    case PRIO_PROCESS: {
      const one = who === 0 ? t : t.kernel.pids.tasks.get(t.pidNs.in(who));
      return one === undefined ? [] : [one];
    }
    case PRIO_PGRP: return all.filter((task) => task.process.pgid === (who === 0 ? t.process.pgid : t.pidNs.in(who)));
    case PRIO_USER: return all.filter((task) => task.cred.uid === (who === 0 ? t.cred.uid : t.cred.userNs.uidIn(who)));
    default: return -EINVAL;
  }
}

function sysGetpriority(t: Task, which: number, who: number): number {
  const targets = prioTargets(t, which, who);
  if (typeof targets === 'number') return targets;
  // 40..1 for -20..19, so that it is not taken for an error; the libraries turn it back.
  return targets.length === 0 ? -ESRCH : Math.max(...targets.map((task) => 20 - task.nice));
}

function sysSetpriority(t: Task, which: number, who: number, value: number): number {
  const targets = prioTargets(t, which, who);
  if (typeof targets === 'number') return targets;
  let error = -ESRCH;
  for (const task of targets) {
    const result = setNice(t, task, Math.max(-20, Math.min(19, value)));
    if (error === -ESRCH || result < 0) error = result;
  }
  return error;
}

function sysNice(t: Task, increment: number): number {
  const nice = Math.max(-20, Math.min(19, t.nice + Math.max(-40, Math.min(40, increment))));
  if (increment < 0 && nice < t.nice && !t.cred.has(Cap.SYS_NICE) && 20 - nice > t.rlimits.cur[Rlimit.NICE]!) return -EPERM;
  t.nice = nice;
  return 0;
}

/** The tasks that ioprio_get and ioprio_set mean; IOPRIO_WHO_* begin at 1 where PRIO_* begin at 0. `uid`: who 0 stands for as a user. */
function ioTargets(t: Task, which: number, who: number, uid: number): Task[] | number {
  return which < 1 ? -EINVAL : prioTargets(t, which - 1, which === 3 && who === 0 ? uid : who);
}

/** What counts for a task that has been given no class: one by its policy, a level by its nice value. */
function effectiveIoPriority(t: Task): number {
  if (t.ioPriority >> 13 !== 0) return t.ioPriority;
  const kind = t.schedPolicy === SCHED_IDLE ? 3 : isRealtime(t.schedPolicy) ? 1 : 2;
  return (kind << 13) | Math.floor((t.nice + 20) / 5);
}

function sysIoprioGet(t: Task, which: number, who: number): number {
  const targets = ioTargets(t, which, who, t.cred.userNs.uidOut(t.cred.uid));
  if (typeof targets === 'number') return targets;
  if (targets.length === 0) return -ESRCH;
  // Of one thread what was set; of several the best of what counts.
  return which === 1 ? targets[0]!.ioPriority : Math.min(...targets.map(effectiveIoPriority));
}

function sysIoprioSet(t: Task, which: number, who: number, value: number): number {
  const kind = (value >> 13) & 7;
  if (kind > 3 || (kind === 0 && (value & 7) !== 0)) return -EINVAL;
  if (kind === 1 && !t.cred.has(Cap.SYS_ADMIN) && !t.cred.has(Cap.SYS_NICE)) return -EPERM;
  // User 0 is root here, unlike in ioprio_get.
  const targets = which === 3 && who === 0 ? [...t.kernel.pids.tasks.values()].filter((task) => task.cred.uid === t.cred.userNs.root) : ioTargets(t, which, who, 0);
  if (typeof targets === 'number') return targets;
  for (const other of targets) {
    if (other.cred.uid !== t.cred.euid && other.cred.uid !== t.cred.uid && !t.cred.has(Cap.SYS_NICE)) return -EPERM;
    other.ioPriority = value & 0xffff;
  }
  return targets.length === 0 ? -ESRCH : 0;
}

// ---- processors ----

function cpuMask(t: Task): number {
  return t.kernel.parts.cpus >= 32 ? 0xffffffff : 2 ** t.kernel.parts.cpus - 1;
}

function sysSetaffinity(t: Task, pid: number, size: number, ptr: number): number {
  const buf = t.memory.readable(ptr, Math.min(size, 8));
  if (buf === null) return -EFAULT;
  const other = target(t, pid);
  if (typeof other === 'number') return pid < 0 ? -ESRCH : other;
  if (!owns(t, other)) return -EPERM;
  let mask = 0;
  for (let i = 0; i < Math.min(buf.length, 4); i++) mask |= buf[i]! << (8 * i);
  const usable = (mask & cpuMask(t)) >>> 0;
  if (usable === 0) return -EINVAL;
  other.affinity = usable;
  t.kernel.guests.placeOnCpu(other);
  return 0;
}

function sysGetaffinity(t: Task, pid: number, size: number, ptr: number): number {
  const word = t.arch.wordSize;
  if (size * 8 % 0x1_0000_0000 < t.kernel.parts.cpus || size % word !== 0) return -EINVAL;
  const other = target(t, pid);
  if (typeof other === 'number') return pid < 0 ? -ESRCH : other;
  const length = Math.min(size, 8);
  const buf = t.memory.writable(ptr, length);
  if (buf === null) return -EFAULT;
  buf.fill(0);
  const mask = (other.affinity & cpuMask(t)) >>> 0;
  for (let i = 0; i < 4; i++) buf[i] = mask >>> (8 * i);
  return length;
}

function sysGetcpu(t: Task, cpuPtr: number, nodePtr: number): number {
  const cpu = t.regs.u32(Cpu.cpuNumber);
  if (cpuPtr !== 0 && !t.memory.setU32(cpuPtr, cpu)) return -EFAULT;
  return nodePtr !== 0 && !t.memory.setU32(nodePtr, 0) ? -EFAULT : 0;
}

/** Its range is told wherever the kernel has it, a scheduler for it or not. */
const SCHED_EXT = 7;

const priorityRange = (low: number, high: number) => (_t: Task, policy: number): number => {
  if (isRealtime(policy)) return Math.max(high, low);
  return known(policy) || policy === SCHED_EXT ? 0 : -EINVAL;
};

export const schedRows: readonly SyscallRow[] = [
  { name: 'sched_yield', x86_64: 24, i386: 158, args: [], ret: 'int', handler: () => 0 },
  { name: 'sched_setscheduler', x86_64: 144, i386: 156, args: ['pid', 'int', 'ptr'], ret: 'int', handler: sysSetscheduler },
  { name: 'sched_getscheduler', x86_64: 145, i386: 157, args: ['pid'], ret: 'int', handler: sysGetscheduler },
  { name: 'sched_setparam', x86_64: 142, i386: 154, args: ['pid', 'ptr'], ret: 'int', handler: sysSetparam },
  { name: 'sched_getparam', x86_64: 143, i386: 155, args: ['pid', 'ptr'], ret: 'int', handler: sysGetparam },
  { name: 'sched_setattr', x86_64: 314, i386: 351, args: ['pid', 'ptr', 'uint'], ret: 'int', handler: sysSetattr },
  { name: 'sched_getattr', x86_64: 315, i386: 352, args: ['pid', 'ptr', 'uint', 'uint'], ret: 'int', handler: sysGetattr },
  { name: 'sched_get_priority_max', x86_64: 146, i386: 159, args: ['int'], ret: 'int', handler: priorityRange(0, 99) },
  { name: 'sched_get_priority_min', x86_64: 147, i386: 160, args: ['int'], ret: 'int', handler: priorityRange(1, 1) },
  { name: 'sched_rr_get_interval', x86_64: 148, i386: 161, args: ['pid', 'timespecOut'], ret: 'int', handler: rrInterval((t) => t.abi.timespec) },
  { name: 'sched_rr_get_interval_time64', x86_64: -1, i386: 423, args: ['pid', 'ptr'], ret: 'int', handler: rrInterval((t) => t.abi.timespec64) },
  { name: 'sched_setaffinity', x86_64: 203, i386: 241, args: ['pid', 'uint', 'ptr'], ret: 'int', handler: sysSetaffinity },
  { name: 'sched_getaffinity', x86_64: 204, i386: 242, args: ['pid', 'uint', 'ptr'], ret: 'int', handler: sysGetaffinity },
  { name: 'getpriority', x86_64: 140, i386: 96, args: ['int', 'int'], ret: 'int', handler: sysGetpriority },
  { name: 'setpriority', x86_64: 141, i386: 97, args: ['int', 'int', 'int'], ret: 'int', handler: sysSetpriority },
  { name: 'nice', x86_64: -1, i386: 34, args: ['int'], ret: 'int', handler: sysNice },
  { name: 'ioprio_set', x86_64: 251, i386: 289, args: ['int', 'int', 'int'], ret: 'int', handler: sysIoprioSet },
  { name: 'ioprio_get', x86_64: 252, i386: 290, args: ['int', 'int'], ret: 'int', handler: sysIoprioGet },
  { name: 'getcpu', x86_64: 309, i386: 318, args: ['ptr', 'ptr', 'ptr'], ret: 'int', handler: sysGetcpu },
];
