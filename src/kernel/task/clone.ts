import { EAGAIN, EFAULT, EINVAL, ENOMEM, EPERM } from '../../abi/linux/errno.ts';
import {
  CLONE_CHILD_CLEARTID, CLONE_CHILD_SETTID, CLONE_DETACHED, CLONE_FILES, CLONE_FS, CLONE_NEWIPC, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER, CLONE_PARENT, CLONE_PARENT_SETTID, CLONE_PIDFD, CLONE_SETTLS, CLONE_SIGHAND, CLONE_SYSVSEM, CLONE_THREAD,
  CLONE_VFORK, CLONE_VM, SCHED_DEADLINE,
} from '../../abi/linux/sched.ts';
import { EPOLLIN } from '../../abi/linux/poll.ts';
import { Cpu } from '../../machine/cpuState.ts';
import { Cap } from '../../vfs/cred.ts';
import { WaitQueue } from '../../vfs/waitQueue.ts';
import { Registers } from '../arch/registers.ts';
import { inheritLdt, publishDescriptors } from '../arch/segments.ts';
import { Rlimit } from '../fd/rlimits.ts';
import { forkAddressSpace } from '../mm/fork.ts';
import { filtersOf, inheritSeccomp } from '../seccomp/filters.ts';
import { ProcessTimers } from '../time/processTimers.ts';
import { PTRACE_EVENT_VFORK_DONE } from '../../abi/linux/ptrace.ts';
import { cloneEvent, inheritTrace } from '../trace/attach.ts';
import { stopForEvent } from '../trace/syscallStops.ts';
import { PARKED } from './block.ts';
import { unpark } from './park.ts';
import { ALL_NAMESPACES, credInNewUserNamespace, enterTime, type Namespaces, newNamespaces } from './namespaces.ts';
import type { PidNamespace } from './pidNamespace.ts';
import { Process } from './process.ts';
import { Task, type TaskParts } from './task.ts';

export interface CloneArgs {
  /** Low 32 bits of the flags, without CSIGNAL. */
  flags: number;
  clearSighand: boolean;
  exitSignal: number;
  /** New stack pointer, 0: the parent's. */
  stack: number;
  tls: number;
  parentTid: number;
  childTid: number;
  /** Where the descriptor of CLONE_PIDFD is stored. */
  pidfd: number;
  /** clone3's set_tid: numbers in the new task's space, in the one around it... */
  wantedTids: readonly number[];
}

function checkFlags(t: Task, args: CloneArgs): number {
  const { flags } = args;
  if ((flags & CLONE_FS) !== 0 && (flags & (CLONE_NEWNS | CLONE_NEWUSER)) !== 0) return -EINVAL;
  if ((flags & CLONE_THREAD) !== 0 && (flags & (CLONE_NEWUSER | CLONE_NEWPID)) !== 0) return -EINVAL;
  if ((flags & CLONE_THREAD) !== 0 && (flags & CLONE_SIGHAND) === 0) return -EINVAL;
  if ((flags & CLONE_SIGHAND) !== 0 && (flags & CLONE_VM) === 0) return -EINVAL;
  if (args.clearSighand && (flags & CLONE_SIGHAND) !== 0) return -EINVAL;
  if ((flags & CLONE_PIDFD) !== 0 && (flags & CLONE_DETACHED) !== 0) return -EINVAL;
  if ((flags & (CLONE_THREAD | CLONE_PARENT)) !== 0 && args.exitSignal !== 0 && (flags & CLONE_THREAD) !== 0) args.exitSignal = 0;
  if ((flags & CLONE_PARENT) !== 0 && (t.process === t.kernel.init || t.process.unkillable)) return -EINVAL;
  if ((flags & CLONE_THREAD) !== 0 && t.ns.pid !== t.process.pidNs) return -EINVAL;
  const { kernel } = t;
  if (t.cred.uid !== 0 && !t.cred.has(Cap.SYS_RESOURCE) && !t.cred.has(Cap.SYS_ADMIN)) {
    let own = 0;
    for (const other of kernel.pids.tasks.values()) if (other.cred.uid === t.cred.uid) own++;
    if (own >= t.rlimits.cur[Rlimit.NPROC]!) return -EAGAIN;
  }
  return 0;
}

/** clone, clone3, fork, vfork: the child's tid as the caller knows it, PARKED for vfork, or -errno. */
export function cloneTask(t: Task, args: CloneArgs): number {
  const error = checkFlags(t, args);
  if (error !== 0) return error;
  // A deadline task may only fork into an ordinary one.
  if (t.schedPolicy === SCHED_DEADLINE && !t.resetOnFork) return -EAGAIN;
  const { kernel } = t;
  const { flags } = args;
  const thread = (flags & CLONE_THREAD) !== 0;
  if ((flags & CLONE_PIDFD) !== 0 && !thread && !t.memory.setU32(args.pidfd, 0)) return -EFAULT;
  const owned = newOwn(t, flags);
  if (typeof owned === 'number') return owned;
  const tid = newTid(t, owned.ns, args.wantedTids);
  if (tid < 0) return tid;
  let pidfd = -1;
  const process = thread ? t.process : newProcess(t, tid, owned.ns.pid, args);
  const child = new Task(kernel, tid, partsOf(t, process, flags, args.clearSighand, owned));
  inherit(t, child, flags);
  if (!kernel.guests.attachCpu(child, (memory, cpu) => new Registers(memory, cpu))) {
    abandon(child);
    return -EAGAIN;
  }
  copyRegisters(t, child);
  publishDescriptors(child);
  if (child.mm !== t.mm) inheritLdt(t.mm, child.mm);
  t.arch.childResult(child.regs, args.stack);
  if ((flags & CLONE_SETTLS) !== 0) {
    const result = t.arch.setTls(child, child.regs, args.tls);
    if (result < 0) {
      kernel.guests.detachCpu(child);
      kernel.guests.dropSlot(child.slot);
      abandon(child);
      return result;
    }
  }
  if ((flags & CLONE_PIDFD) !== 0) {
    pidfd = kernel.openPidfd?.(t, process, thread ? child : null, false) ?? -EINVAL;
    if (pidfd < 0) {
      kernel.guests.detachCpu(child);
      kernel.guests.dropSlot(child.slot);
      abandon(child);
      return pidfd;
    }
    t.memory.setU32(args.pidfd, pidfd);
  }
  process.tasks.add(child);
  if (!thread) enroll(process, child);
  kernel.pids.tasks.set(tid, child);
  if ((flags & CLONE_PARENT_SETTID) !== 0) t.memory.setU32(args.parentTid, t.pidNs.out(tid));
  if ((flags & CLONE_CHILD_SETTID) !== 0) child.memory.setU32(args.childTid, child.ownTid);
  if ((flags & CLONE_CHILD_CLEARTID) !== 0) child.clearChildTid = args.childTid;
  kernel.forks++;
  kernel.hooks.clone?.(t, child);
  const event = cloneEvent(t, flags, args.exitSignal);
  inheritTrace(t, child, event, flags);
  kernel.guests.start(child);
  const vfork = (flags & CLONE_VFORK) !== 0;
  if (vfork) watchForVfork(child);
  const number = t.pidNs.out(tid);
  const goOn = (): void => {
    const result = vfork ? waitForVfork(t, child, number) : number;
    if (result !== PARKED) kernel.finishCall(t, result);
  };
  if (event !== 0 && stopForEvent(t, event, seenByTracer(t, tid), goOn)) return PARKED;
  return vfork ? waitForVfork(t, child, number) : number;
}

/** An id in the space of `ns`, -errno. */
function newTid(t: Task, ns: Namespaces, wanted: readonly number[]): number {
  const { pids } = t.kernel;
  const check = (): number => {
    if (ns.pid.closed) return -ENOMEM;
    if (wanted.length > ns.pid.level + 1) return -EINVAL;
    let space: PidNamespace = ns.pid;
    for (const tid of wanted) {
      if (tid < 1 || tid >= pids.max || (tid !== 1 && space.level > 0 && space.init === null)) return -EINVAL;
      if (!t.cred.hasIn(Cap.SYS_ADMIN, space.userNs) && !t.cred.hasIn(Cap.CHECKPOINT_RESTORE, space.userNs)) return -EPERM;
      space = space.parent ?? space;
    }
    return 0;
  };
  const error = check(), tid = error !== 0 ? error : pids.allocate(ns.pid, wanted);
  // Mounts that were copied for nobody go again.
  if (tid < 0) ns.mnt.acquire().release();
  return tid;
}

function newProcess(t: Task, pid: number, pidNs: PidNamespace, args: CloneArgs): Process {
  const { kernel } = t;
  const parent = (args.flags & CLONE_PARENT) !== 0 ? t.process.parent : t.process;
  const exitSignal = (args.flags & CLONE_PARENT) !== 0 ? t.process.exitSignal : args.exitSignal;
  const process = new Process(pid, pidNs, parent, t.process.group, exitSignal, t.process.rlimits.copy(), kernel.nowNs(), kernel.realtime().sec);
  process.timers = new ProcessTimers(kernel, process);
  process.oomScoreAdj = t.process.oomScoreAdj;
  process.gaveUpTty = t.process.gaveUpTty;
  process.coredumpFilter = t.process.coredumpFilter;
  return process;
}

type Owned = Pick<TaskParts, 'cred' | 'fs' | 'ns'>;

/** What new namespaces come with. */
function newOwn(t: Task, flags: number): Owned | number {
  const fs = (flags & CLONE_FS) !== 0 ? t.fs : t.fs.clone();
  const born = (ns: Namespaces): Namespaces => ((flags & CLONE_VM) === 0 ? enterTime(ns) : ns);
  if ((flags & ALL_NAMESPACES) === 0) return { cred: t.cred, fs, ns: born(t.ns) };
  const cred = (flags & CLONE_NEWUSER) !== 0 ? credInNewUserNamespace(t) : t.cred;
  if (typeof cred === 'number') return cred;
  // Undo lists of semaphores cannot be shared between namespaces.
  if ((flags & CLONE_NEWIPC) !== 0 && (flags & CLONE_SYSVSEM) !== 0) return cred.hasOwn(Cap.SYS_ADMIN) ? -EINVAL : -EPERM;
  const ns = newNamespaces(t, flags, cred, fs);
  return typeof ns === 'number' ? ns : { cred, fs, ns: born(ns) };
}

/** Each resource shared or copied, as its flag says. */
function partsOf(t: Task, process: Process, flags: number, clearSighand: boolean, owned: Owned): TaskParts {
  const handlers = (flags & CLONE_SIGHAND) !== 0 ? t.handlers.share() : t.handlers.copy();
  if (clearSighand) handlers.reset(false);
  return {
    process,
    mm: (flags & CLONE_VM) !== 0 ? t.mm.share() : forkAddressSpace(t.mm),
    fds: (flags & CLONE_FILES) !== 0 ? t.fds.share() : t.fds.fork(),
    ...owned,
    handlers,
    arch: t.arch,
    abi: t.abi,
  };
}

function inherit(t: Task, child: Task, flags: number): void {
  child.ns.mnt.acquire();
  child.blocked.set(t.savedMask ?? t.blocked);
  // A thread or a vfork child that shares memory must not use the parent's alternate stack; vfork's may.
  if ((flags & CLONE_VM) === 0 || (flags & CLONE_VFORK) !== 0) child.altStack = { ...t.altStack };
  child.comm = t.comm;
  child.tls = [...t.tls];
  child.noNewPrivs = t.noNewPrivs;
  child.timeStampFaults = t.timeStampFaults;
  inheritSeccomp(t, child);
  child.personality = t.personality;
  child.timerSlackNs = child.defaultTimerSlackNs = t.timerSlackNs;
  child.machineCheckPolicy = t.machineCheckPolicy;
  child.ioFlusher = t.ioFlusher;
  child.nice = t.nice;
  child.schedPolicy = t.schedPolicy;
  child.schedPriority = t.schedPriority;
  child.ioPriority = t.ioPriority;
  child.affinity = t.affinity;
  child.memoryPolicy = t.memoryPolicy;
  child.sessionKeyring = t.sessionKeyring;
  child.requestKeyDefault = t.requestKeyDefault;
  child.trap = { ...t.trap };
  if (t.resetOnFork) {
    child.schedPolicy = 0;
    child.schedPriority = 0;
    if (child.nice < 0) child.nice = 0;
  }
}

/** The parent's registers, without what belongs to its own exit and engine. */
function copyRegisters(t: Task, child: Task): void {
  child.regs.bytes.set(t.regs.bytes.subarray(0, Cpu.interrupt), 0);
  child.regs.bytes.set(t.regs.bytes.subarray(Cpu.tscOffset, Cpu.tscOffset + 8), Cpu.tscOffset);
  child.regs.bytes.set(t.regs.bytes.subarray(Cpu.x87Control, Cpu.engine), Cpu.x87Control);
}

function enroll(process: Process, child: Task): void {
  process.leader = child;
  const { pidNs } = process;
  if (pidNs.level > 0 && pidNs.init === null) {
    pidNs.init = process;
    process.unkillable = true;
  }
  for (let space: PidNamespace | null = pidNs; space !== null; space = space.parent) space.members++;
  process.group.members.add(process);
  process.parent?.children.add(process);
  child.kernel.pids.processes.set(process.pid, process);
}

/** A clone that came to nothing gives back what it had taken. */
function abandon(child: Task): void {
  filtersOf(child)?.drop();
  child.fds.release();
  child.ns.mnt.release();
  child.handlers.release();
  child.mm.release();
  child.state = 'dead';
  child.kernel.pids.released(child.tid);
}

/** From now on it is noted when the child leaves the memory. */
function watchForVfork(child: Task): void {
  const queue = new WaitQueue();
  child.vforkQueue = queue;
  child.vforkDone = () => {
    child.vforkQueue = null;
    queue.wake(EPOLLIN);
  };
}

const seenByTracer = (t: Task, tid: number): number => t.trace?.tracer.pidNs.out(tid) ?? tid;

/** The parent stands still until the child has left its memory; only a fatal signal gets it out. */
function waitForVfork(t: Task, child: Task, number: number): number {
  const message = seenByTracer(t, child.tidAtStart);
  const finish = (): number => {
    if (child.vforkQueue !== null) return PARKED;
    if (t.parked !== null) unpark(t);
    return stopForEvent(t, PTRACE_EVENT_VFORK_DONE, message, () => t.kernel.finishCall(t, number)) ? PARKED : number;
  };
  const queue = child.vforkQueue;
  return queue === null ? finish() : t.block({ queues: [queue], retry: finish, uninterruptible: true });
}

export const emptyCloneArgs = (): CloneArgs => ({
  flags: 0, clearSighand: false, exitSignal: 0, stack: 0, tls: 0, parentTid: 0, childTid: 0, pidfd: 0, wantedTids: [],
});
