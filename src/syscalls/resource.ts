import { EFAULT, EINVAL, EPERM, ESRCH } from '../abi/linux/errno.ts';
import { RLIM_NLIMITS, RUSAGE_CHILDREN, RUSAGE_SELF, RUSAGE_THREAD } from '../abi/linux/resource.ts';
import { getU32, putU32 } from '../abi/layout.ts';
import { Rlimit } from '../kernel/fd/rlimits.ts';
import { addUsage } from '../kernel/task/exit.ts';
import { noUsage, type Process, type Usage } from '../kernel/task/process.ts';
import type { Task } from '../kernel/task/task.ts';
import { Cap } from '../vfs/cred.ts';
import type { SyscallRow } from './row.ts';

/** sysctl fs.nr_open: RLIMIT_NOFILE goes no higher. */
const NR_OPEN = 1048576;
const TWO32 = 4294967296;

export function writeRusage(t: Task, ptr: number, usage: Usage): number {
  const layout = t.abi.rusage;
  const buf = t.memory.writable(ptr, layout.size);
  if (buf === null) return -EFAULT;
  const sec = (ns: number): number => Math.floor(ns / 1e9);
  const usec = (ns: number): number => Math.floor((ns % 1e9) / 1000);
  layout.write(buf, {
    utime_sec: sec(usage.userNs), utime_usec: usec(usage.userNs), stime_sec: sec(usage.systemNs), stime_usec: usec(usage.systemNs),
    ru_maxrss: usage.maxRssPages * 4, ru_minflt: usage.minorFaults, ru_majflt: usage.majorFaults, ru_inblock: usage.inBlocks,
    ru_oublock: usage.outBlocks, ru_nvcsw: usage.voluntarySwitches, ru_nivcsw: usage.involuntarySwitches,
  });
  return 0;
}

/** Usage of one thread, a running slice included. */
export function usageOfTask(t: Task): Usage {
  return { ...t.usage, userNs: t.kernel.cpuClock.userNs(t), minorFaults: t.mm.minorFaults, maxRssPages: t.mm.totalPages };
}

function usageOfProcess(process: Process): Usage {
  const total = noUsage();
  addUsage(total, process.ownUsage);
  for (const t of process.tasks) addUsage(total, { ...t.usage, userNs: t.kernel.cpuClock.userNs(t) });
  total.minorFaults = process.leader.mm.minorFaults;
  total.maxRssPages = Math.max(total.maxRssPages, process.leader.mm.totalPages);
  return total;
}

function sysGetrusage(t: Task, who: number, ptr: number): number {
  switch (who) {
    case RUSAGE_SELF: return writeRusage(t, ptr, usageOfProcess(t.process));
    case RUSAGE_THREAD: return writeRusage(t, ptr, usageOfTask(t));
    case RUSAGE_CHILDREN: return writeRusage(t, ptr, t.process.childUsage);
    default: return -EINVAL;
  }
}

// ---- limits ----

/** A limit of `size` bytes; all ones is infinity. */
function readLimit(buf: Uint8Array, at: number, size: number): number {
  const lo = getU32(buf, at);
  const hi = size === 8 ? getU32(buf, at + 4) : 0;
  if (lo === 0xffffffff && (size === 4 || hi === 0xffffffff)) return Infinity;
  return hi * TWO32 + lo;
}

function writeLimit(buf: Uint8Array, at: number, size: number, value: number): void {
  const infinite = value === Infinity || (size === 4 && value > 0xffffffff);
  putU32(buf, at, infinite ? 0xffffffff : value >>> 0);
  if (size === 8) putU32(buf, at + 4, infinite ? 0xffffffff : Math.floor(value / TWO32));
}

/** setrlimit's rules. */
function setLimit(t: Task, target: Process, resource: number, cur: number, max: number): number {
  if (cur > max) return -EINVAL;
  const limits = target.rlimits;
  if (resource === Rlimit.NOFILE && max > NR_OPEN) return -EPERM;
  if (max > limits.max[resource]! && !t.cred.has(Cap.SYS_RESOURCE)) return -EPERM;
  limits.cur[resource] = cur;
  limits.max[resource] = max;
  if (resource === Rlimit.CPU) t.kernel.watchCpuTime(target);
  if (resource === Rlimit.STACK) for (const thread of target.tasks) thread.mm.stackLimit = Math.min(thread.mm.stackRoom, cur);
  return 0;
}

const getrlimit = (oldStyle: boolean) => (t: Task, resource: number, ptr: number): number => {
  if (resource >= RLIM_NLIMITS) return -EINVAL;
  const size = t.arch.wordSize;
  const buf = t.memory.writable(ptr, 2 * size);
  if (buf === null) return -EFAULT;
  const clamp = (value: number): number => (oldStyle ? Math.min(value, 0x7fffffff) : value);
  writeLimit(buf, 0, size, clamp(t.rlimits.cur[resource]!));
  writeLimit(buf, size, size, clamp(t.rlimits.max[resource]!));
  return 0;
};

function sysSetrlimit(t: Task, resource: number, ptr: number): number {
  const size = t.arch.wordSize;
  const buf = t.memory.readable(ptr, 2 * size);
  if (buf === null) return -EFAULT;
  if (resource >= RLIM_NLIMITS) return -EINVAL;
  return setLimit(t, t.process, resource, readLimit(buf, 0, size), readLimit(buf, size, size));
}

function sysPrlimit64(t: Task, pid: number, resource: number, newPtr: number, oldPtr: number): number {
  if (resource >= RLIM_NLIMITS) return -EINVAL;
  const fresh = newPtr === 0 ? null : t.memory.copyIn(newPtr, 16);
  if (newPtr !== 0 && fresh === null) return -EFAULT;
  const target = pid === 0 ? t : t.kernel.pids.tasks.get(pid);
  if (target === undefined) return -ESRCH;
  if (target.process !== t.process && !t.cred.hasIn(Cap.SYS_RESOURCE, target.cred.userNs)) {
    const [me, its] = [t.cred, target.cred];
    if (me.uid !== its.uid || me.uid !== its.euid || me.uid !== its.suid || me.gid !== its.gid || me.gid !== its.egid || me.gid !== its.sgid) return -EPERM;
  }
  const { cur, max } = target.rlimits;
  const old = [cur[resource]!, max[resource]!] as const;
  if (fresh !== null) {
    const result = setLimit(t, target.process, resource, readLimit(fresh, 0, 8), readLimit(fresh, 8, 8));
    if (result < 0) return result;
  }
  if (oldPtr !== 0) {
    const buf = t.memory.writable(oldPtr, 16);
    if (buf === null) return -EFAULT;
    writeLimit(buf, 0, 8, old[0]);
    writeLimit(buf, 8, 8, old[1]);
  }
  return 0;
}

/** times(2): clock ticks of 10 ms. */
function sysTimes(t: Task, ptr: number): number {
  const own = t.kernel.cpuClock.ofProcess(t.process);
  const { childUsage } = t.process;
  const ticks = (ns: number): number => Math.floor(ns / 1e7);
  if (ptr !== 0) {
    const layout = t.abi.tms;
    const buf = t.memory.writable(ptr, layout.size);
    if (buf === null) return -EFAULT;
    layout.write(buf, {
      tms_utime: ticks(own.userNs), tms_stime: ticks(own.systemNs), tms_cutime: ticks(childUsage.userNs), tms_cstime: ticks(childUsage.systemNs),
    });
  }
  return ticks(t.kernel.nowNs());
}

export const resourceRows: readonly SyscallRow[] = [
  { name: 'getrusage', x86_64: 98, i386: 77, args: ['int', 'ptr'], ret: 'int', handler: sysGetrusage },
  { name: 'getrlimit', x86_64: 97, i386: -1, args: ['rlimit', 'rlimitOut'], ret: 'int', handler: getrlimit(false) },
  { name: 'ugetrlimit', x86_64: -1, i386: 191, args: ['rlimit', 'rlimitOut'], ret: 'int', handler: getrlimit(false) },
  { name: 'getrlimit', x86_64: -1, i386: 76, args: ['rlimit', 'rlimitOut'], ret: 'int', handler: getrlimit(true) },
  { name: 'setrlimit', x86_64: 160, i386: 75, args: ['rlimit', 'rlimitIn'], ret: 'int', handler: sysSetrlimit },
  { name: 'prlimit64', x86_64: 302, i386: 340, args: ['pid', 'rlimit', 'rlimitIn', 'rlimitOut'], ret: 'int', handler: sysPrlimit64 },
  { name: 'times', x86_64: 100, i386: 43, args: ['ptr'], ret: 'off', handler: sysTimes },
];
