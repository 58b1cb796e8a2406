import { CLD_EXITED, CLD_KILLED, SIGCHLD, SIGKILL, SIGSTOP } from '../../abi/linux/signal.ts';
import { EPERM, ESRCH } from '../../abi/linux/errno.ts';
import { CLONE_PTRACE, CLONE_UNTRACED, CLONE_VFORK } from '../../abi/linux/sched.ts';
import * as P from '../../abi/linux/ptrace.ts';
import { Cap, type Cred } from '../../vfs/cred.ts';
import { LocalField, LocalFlag } from '../../machine/localState.ts';
import { sendToTask } from '../signal/send.ts';
import { siginfo } from '../signal/siginfo.ts';
import { signalWakeUp } from '../task/park.ts';
import { andCaps } from '../task/execCred.ts';
import { notifyParent } from '../task/exit.ts';
import type { Process, Usage } from '../task/process.ts';
import type { Task } from '../task/task.ts';
import { Mode, Trace, endStep, resumeTracee, tellTracer, watchCalls } from './trace.ts';

/** A tracee that has ended, for its tracer's wait. */
export interface DeadTracee {
  readonly tid: number;
  /** The same as the tracer knows it. */
  readonly number: number;
  readonly status: number;
  readonly uid: number;
  readonly usage: Usage;
  /** The process whose real parent hears of the end after the tracer; null: a thread that nobody else waits for. */
  readonly process: Process | null;
}

/** Identity is not enough against a process with more capabilities (cap_ptrace_access_check). */
export function mayControl(reader: Cred, target: Cred): boolean {
  return (reader.userNs === target.userNs && andCaps(reader.capPermitted, target.capPermitted) === target.capPermitted) || reader.hasIn(Cap.SYS_PTRACE, target.userNs);
}

/** ptrace_may_access with PTRACE_MODE_ATTACH. */
export function mayTrace(tracer: Task, target: Task): boolean {
  const r = tracer.cred, c = target.cred;
  const same = r.uid === c.uid && r.uid === c.euid && r.uid === c.suid && r.gid === c.gid && r.gid === c.egid && r.gid === c.sgid;
  return (same && target.mm.dumpable === 1 && mayControl(r, c)) || r.hasIn(Cap.SYS_PTRACE, c.userNs);
}

function begin(t: Task, trace: Trace): void {
  t.trace = trace;
  trace.tracer.process.tracees.add(t);
  watchCalls(t);
}

/** Threads of the first process that asked their parent to trace them: it is not one of ours, and does nothing. */
const tracedOutside = new WeakSet<Task>();

/** PTRACE_TRACEME. */
export function traceMe(t: Task): number {
  const { parent } = t.process;
  if (t.trace !== null || tracedOutside.has(t)) return -EPERM;
  if (parent === null) {
    tracedOutside.add(t);
    return 0;
  }
  begin(t, new Trace(parent.leader, 0, false));
  return 0;
}

/** PTRACE_ATTACH, PTRACE_SEIZE. */
export function attach(tracer: Task, target: Task, options: number, seize: boolean): number {
  if (target.process === tracer.process || target.trace !== null || target.exiting) return -EPERM;
  if (!mayTrace(tracer, target)) return -EPERM;
  begin(target, new Trace(tracer, options, seize));
  if (!seize) sendToTask(target, siginfo(SIGSTOP, 0));
  // A thread that is stopped already tells so (JOBCTL_TRAPPING).
  if (target.state === 'stopped') target.kernel.wakeStopped(target);
  else if (target.state === 'running') target.kernel.guests.interrupt(target);
  return 0;
}

/** PTRACE_DETACH of a stopped tracee; `signal` as PTRACE_CONT's. */
export function detach(t: Task, signal: number): void {
  const trace = t.trace!;
  if (trace.stop !== null) resumeTracee(t, Mode.cont, signal);
  forgetTrace(t);
}

/** The tracee is one no more. */
export function forgetTrace(t: Task): void {
  const trace = t.trace!;
  trace.tracer.process.tracees.delete(t);
  endStep(t);
  t.debug = null;
  t.trace = null;
  if (t.state === 'dead') return;
  if (t.seccomp === null && t.userDispatch === null && t.kernel.hooks.syscallEnter === null) t.regs.setU32(LocalField.flags, t.regs.u32(LocalField.flags) & ~LocalFlag.off);
  // Its group may be stopped: it is no exception any more.
  if (t.process.stopSignal !== 0 && t.state === 'running') t.kernel.guests.interrupt(t);
}

/** The event of a clone, 0: none that the tracer wants. */
export function cloneEvent(t: Task, flags: number, exitSignal: number): number {
  if (t.trace === null || (flags & CLONE_UNTRACED) !== 0) return 0;
  const event = (flags & CLONE_VFORK) !== 0 ? P.PTRACE_EVENT_VFORK : exitSignal !== SIGCHLD ? P.PTRACE_EVENT_CLONE : P.PTRACE_EVENT_FORK;
  return (t.trace.options & (1 << event)) !== 0 ? event : 0;
}

/** The child of a traced clone is traced from its first instruction on. */
export function inheritTrace(t: Task, child: Task, event: number, flags: number): void {
  if (t.trace === null || (event === 0 && (flags & CLONE_PTRACE) === 0)) return;
  const { tracer, options, seized } = t.trace;
  begin(child, new Trace(tracer, options, seized));
  if (seized) child.trace!.trapWanted = true;
  else child.pending.add(siginfo(SIGSTOP, 0));
}

/** A tracee ends. Its tracer is told, by a record that its wait finds, unless it is the real parent and will find the zombie. */
export function traceeEnds(t: Task, status: number): void {
  const trace = t.trace!;
  const { process } = t;
  const tracer = trace.tracer.process;
  forgetTrace(t);
  if (tracer.state !== 'alive') return;
  if (t === process.leader) {
    // Told when the whole group has ended (see processEnds).
    if (process.parent !== tracer || process.exitSignal !== SIGCHLD) process.tracer = trace.tracer;
    return;
  }
  tracer.deadTracees.push({ tid: t.tid, number: tracer.pidNs.out(t.tid), status, uid: t.cred.uid, usage: t.usage, process: null });
  tellEnd(trace.tracer, t.tid, t.cred.uid, status);
}

/** A process ends whose leader was traced by somebody else than its parent. True: the parent hears of it later. */
export function processEnds(process: Process): boolean {
  const { tracer } = process;
  if (tracer === null || tracer.process.state !== 'alive') return false;
  const { leader } = process;
  tracer.process.deadTracees.push({ tid: process.pid, number: tracer.pidNs.out(process.pid), status: process.exitStatus, uid: leader.cred.uid, usage: process.ownUsage, process });
  tellEnd(tracer, process.pid, leader.cred.uid, process.exitStatus);
  return true;
}

function tellEnd(tracer: Task, tid: number, uid: number, status: number): void {
  const signal = status & 0x7f;
  tellTracer(tracer, tid, uid, signal === 0 ? CLD_EXITED : CLD_KILLED, signal === 0 ? (status >>> 8) & 0xff : signal);
}

/** The tracer has waited for the record (or is gone): the real parent's turn. */
export function releaseDead(record: DeadTracee): void {
  const { process } = record;
  if (process === null) return;
  process.tracer = null;
  notifyParent(process);
}

/** A thread ends: its tracees go on without it. */
export function tracerEnds(t: Task, last: boolean): void {
  for (const tracee of [...t.process.tracees]) {
    const trace = tracee.trace;
    if (trace === null || trace.tracer !== t) continue;
    const kill = (trace.options & P.PTRACE_O_EXITKILL) !== 0;
    detach(tracee, 0);
    if (kill) sendToTask(tracee, siginfo(SIGKILL, 0));
    signalWakeUp(tracee);
  }
  if (!last) return;
  for (const record of t.process.deadTracees) releaseDead(record);
  t.process.deadTracees.length = 0;
}

/** The tracee with this tid, stopped for `tracer`; -ESRCH. */
export function stoppedTracee(tracer: Task, tid: number): Task | number {
  const target = tracer.kernel.pids.tasks.get(tid);
  if (target === undefined || target.trace === null || target.trace.tracer.process !== tracer.process || target.trace.stop === null || target.trace.listening) return -ESRCH;
  return target;
}

