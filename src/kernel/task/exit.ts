import { CLD_DUMPED, CLD_EXITED, CLD_KILLED, SA_NOCLDWAIT, SIGCHLD, SIGCONT, SIGHUP, SIGKILL, SI_KERNEL } from '../../abi/linux/signal.ts';
import { EPOLLIN } from '../../abi/linux/poll.ts';
import { account } from '../accounting.ts';
import { releaseRobustFutexes } from '../ipc/robust.ts';
import { SIG_IGN } from '../signal/handlers.ts';
import { sendToGroup, sendToProcess } from '../signal/send.ts';
import { siginfo } from '../signal/siginfo.ts';
import { PTRACE_EVENT_EXIT } from '../../abi/linux/ptrace.ts';
import { processEnds, traceeEnds, tracerEnds } from '../trace/attach.ts';
import { stopForEvent } from '../trace/syscallStops.ts';
import { switchNamespaces } from './namespaces.ts';
import { signalWakeUp, unpark } from './park.ts';
import type { PidNamespace } from './pidNamespace.ts';
import type { Process, Usage } from './process.ts';
import type { ProcessGroup } from './session.ts';
import { tellParent } from './localFacts.ts';
import type { Task } from './task.ts';

const NSIG = 64;

/**
 * Ends the whole thread group with a wait status (exit_group, a fatal signal). `t` is in the kernel and ends now, or
 * `workerGone`: its worker died under it.
 */
export function exitGroup(t: Task, status: number, workerGone = false): void {
  const { process } = t;
  if (!process.exiting) {
    process.exiting = true;
    process.exitStatus = status;
    for (const other of process.tasks) if (other !== t) signalWakeUp(other);
  }
  exitTask(t, process.exitStatus, workerGone);
}

/** Ends one thread. Precondition: it is not running. `workerGone`: its worker died under it. */
export function exitTask(t: Task, status: number, workerGone = false): void {
  if (t.state === 'dead') return;
  const { kernel, process } = t;
  if (stopBeforeEnd(t, status, workerGone)) return;
  t.exiting = true;
  t.exitStatus = status;
  unpark(t);
  for (const undo of t.atExit) undo(t);
  t.atExit.clear();
  releaseMemory(t);
  t.vforkDone?.();
  t.vforkDone = null;
  const last = process.tasks.size === 1;
  t.fds.release();
  switchNamespaces(t, null);
  t.handlers.release();
  addUsage(process.ownUsage, t.usage);
  kernel.guests.detachCpu(t);
  const mm = t.mm;
  process.ownUsage.maxRssPages = Math.max(process.ownUsage.maxRssPages, mm.totalPages);
  process.ownUsage.minorFaults += last ? mm.minorFaults : 0;
  t.state = 'dead';
  if (t.trace !== null) traceeEnds(t, status);
  tracerEnds(t, last);
  kernel.pids.tasks.delete(t.tid);
  kernel.pids.released(t.tid);
  process.tasks.delete(t);
  if (workerGone) kernel.guests.dropSlot(t.slot);
  else kernel.guests.leave(t);
  mm.release();
  if (t === process.leader && !process.exiting) process.exitStatus = status;
  kernel.hooks.exit?.(t, status, last);
  if (last) exitProcess(process);
  else if (process.stopSignal !== 0) recheckStop(process);
}

/** PTRACE_EVENT_EXIT, before anything is given up. */
function stopBeforeEnd(t: Task, status: number, workerGone: boolean): boolean {
  const { trace } = t;
  if (trace === null || trace.exitReported || workerGone || t.state === 'running') return false;
  trace.exitReported = true;
  unpark(t);
  return stopForEvent(t, PTRACE_EVENT_EXIT, status, () => exitTask(t, status));
}

/** The memory is left: robust futexes, the clear-child-tid word. */
function releaseMemory(t: Task): void {
  releaseRobustFutexes(t);
  t.kernel.futexes.ownerEnds(t);
  if (t.clearChildTid !== 0 && t.mm.shared) {
    if (t.memory.setU32(t.clearChildTid, 0)) t.kernel.futexes.wakeAddress(t, t.clearChildTid, 1);
  }
  t.clearChildTid = 0;
}

function recheckStop(process: Process): void {
  for (const t of process.tasks) if (t.state === 'parked') t.parked?.queue();
}

export function addUsage(to: Usage, from: Usage): void {
  to.userNs += from.userNs;
  to.systemNs += from.systemNs;
  to.minorFaults += from.minorFaults;
  to.majorFaults += from.majorFaults;
  to.maxRssPages = Math.max(to.maxRssPages, from.maxRssPages);
  to.voluntarySwitches += from.voluntarySwitches;
  to.involuntarySwitches += from.involuntarySwitches;
  to.inBlocks += from.inBlocks;
  to.outBlocks += from.outBlocks;
}

function exitProcess(process: Process): void {
  process.exiting = true;
  const { pidNs } = process;
  if (pidNs.init !== process) return becomeZombie(process);
  // All in its space of numbers end with it, and before it (zap_pid_ns_processes).
  pidNs.closed = true;
  for (const other of process.leader.kernel.pids.processes.values()) if (other !== process && other.pidNs.isWithin(pidNs)) sendToProcess(other, siginfo(SIGKILL, SI_KERNEL));
  for (const child of [...process.children]) {
    child.parent = null;
    tellParent(child);
    process.children.delete(child);
    if (child.state === 'zombie') notifyParent(child);
  }
  if (pidNs.members > 1) pidNs.onlyInitLeft = () => becomeZombie(process);
  else becomeZombie(process);
}

function becomeZombie(process: Process): void {
  const { kernel } = process.leader;
  process.state = 'zombie';
  process.timers.dropAll();
  if (kernel.accountingFile !== null) account(kernel, process);
  reparentChildren(process);
  const { session } = process;
  if (session.id === process.pid) session.tty?.disassociate(session, true);
  if (process.parent !== null && process.parent.group !== process.group && process.parent.session === session) hangUpIfOrphaned(process.group, process);
  process.exitQueue.wake(EPOLLIN);
  if (!processEnds(process)) notifyParent(process);
  kernel.hooks.processExit?.(process);
}

/** A group that has just become orphaned and has stopped members gets SIGHUP and SIGCONT (POSIX). */
function hangUpIfOrphaned(group: ProcessGroup, leaving: Process | null): void {
  if (!group.orphanedBut(leaving)) return;
  let stopped = false;
  for (const member of group.members) if (member !== leaving && member.stopSignal !== 0) stopped = true;
  if (!stopped) return;
  sendToGroup(group, siginfo(SIGHUP, SI_KERNEL));
  sendToGroup(group, siginfo(SIGCONT, SI_KERNEL));
}

/** The nearest living ancestor that adopts: a subreaper, else init; null: nobody, orphans are reaped by the kernel. */
function reaperOf(process: Process): Process | null {
  const { pidNs } = process;
  if (pidNs.closed) return null;
  for (let p = process.parent; p !== null && p.pidNs === pidNs; p = p.parent) if (p.subreaper && p.state === 'alive') return p;
  const init = pidNs.level > 0 ? pidNs.init : process.leader.kernel.init;
  return init !== null && init !== process && init.state === 'alive' ? init : null;
}

function reparentChildren(process: Process): void {
  const reaper = reaperOf(process);
  for (const child of process.children) {
    child.parent = reaper;
    tellParent(child);
    reaper?.children.add(child);
    for (const t of child.tasks) {
      if (t.parentDeathSignal !== 0) sendToProcess(child, siginfo(t.parentDeathSignal, 0, { pid: process.pid, uid: process.leader.cred.uid }));
    }
    // Adopted children tell by SIGCHLD, whatever clone said.
    child.exitSignal = SIGCHLD;
    if (child.state === 'zombie') notifyParent(child);
    if (child.group !== process.group && child.session === process.session) hangUpIfOrphaned(child.group, null);
  }
  process.children.clear();
}

/** Tells the parent of the end; or nobody wants to know, and the process is reaped at once (signal.c, do_notify_parent). */
export function notifyParent(process: Process): void {
  const { parent } = process;
  if (parent === null || parent.state !== 'alive') {
    reap(process);
    return;
  }
  const action = parent.leader.handlers.actions[SIGCHLD]!;
  const ignores = process.exitSignal === SIGCHLD && action.handler === SIG_IGN;
  const autoReap = ignores || (process.exitSignal === SIGCHLD && (action.flags & SA_NOCLDWAIT) !== 0);
  // clone takes any number below 256; one that is no signal tells nothing.
  if (process.exitSignal !== 0 && process.exitSignal <= NSIG && !ignores) sendToProcess(parent, childInfo(process, process.exitSignal));
  if (autoReap) reap(process);
  parent.childQueue.wake(EPOLLIN);
}

/** siginfo of SIGCHLD for an ended child; waitid fills the same. */
export function childInfo(process: Process, signo: number): ReturnType<typeof siginfo> {
  const status = process.exitStatus;
  const signal = status & 0x7f;
  const code = signal === 0 ? CLD_EXITED : (status & 0x80) !== 0 ? CLD_DUMPED : CLD_KILLED;
  const { userNs, systemNs } = process.leader.kernel.cpuClock.ofProcess(process);
  return siginfo(signo, code, {
    pid: process.pid, uid: process.leader.cred.uid, status: signal === 0 ? (status >>> 8) & 0xff : signal,
    utime: Math.floor(userNs / 1e7), stime: Math.floor(systemNs / 1e7),
  });
}

/** A zombie goes: its ids are free, its usage is its parent's. */
export function reap(process: Process): void {
  const { kernel } = process.leader;
  process.state = 'reaped';
  const { parent } = process;
  if (parent !== null) {
    parent.children.delete(process);
    addUsage(parent.childUsage, process.ownUsage);
    addUsage(parent.childUsage, process.childUsage);
  }
  kernel.pids.processes.delete(process.pid);
  kernel.pids.leave(process);
  kernel.pids.released(process.pid);
  for (let space: PidNamespace | null = process.pidNs; space !== null; space = space.parent) {
    if (--space.members !== 1) continue;
    space.onlyInitLeft?.();
    space.onlyInitLeft = null;
  }
}
