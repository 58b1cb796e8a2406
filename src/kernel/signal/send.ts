import { EAGAIN, EPERM } from '../../abi/linux/errno.ts';
import { CLD_CONTINUED, CLD_STOPPED, SA_NOCLDSTOP, SI_KERNEL, SIGCHLD, SIGCONT, SIGKILL, SIGSTOP } from '../../abi/linux/signal.ts';
import { Cap } from '../../vfs/cred.ts';
import { EPOLLIN } from '../../abi/linux/poll.ts';
import { Rlimit } from '../fd/rlimits.ts';
import { signalWakeUp } from '../task/park.ts';
import { ChildNews, type Process } from '../task/process.ts';
import type { ProcessGroup } from '../task/session.ts';
import type { Task } from '../task/task.ts';
import { IGNORED_BY_DEFAULT, STOP_SIGNALS } from './defaults.ts';
import { SIG_DFL, SIG_IGN } from './handlers.ts';
import { siginfo, type Siginfo } from './siginfo.ts';
import { SigSet } from './sigset.ts';
import { notifyContinued } from '../trace/signalStops.ts';

const CONT = SigSet.of(SIGCONT);

/** Whether the signal would do nothing: not even queued then. A blocked one is kept, its disposition may change. */
function ignored(t: Task, info: Siginfo): boolean {
  const sig = info.signo;
  // A tracer sees even what would be ignored.
  if (t.trace !== null && sig !== SIGKILL) return false;
  if (t.blocked.has(sig) || t.realBlocked?.has(sig)) return false;
  const handler = t.handlers.actions[sig]!.handler;
  if (t.process.unkillable && handler === SIG_DFL && !(fromOutside(t, info) && (sig === SIGKILL || sig === SIGSTOP))) return true;
  return handler === SIG_IGN || (handler === SIG_DFL && IGNORED_BY_DEFAULT.has(sig));
}

/** From the kernel, or from a process that the receiver's numbers have no number for: of a space around its own. */
function fromOutside(t: Task, info: Siginfo): boolean {
  return info.code === SI_KERNEL || (info.code <= 0 && t.pidNs.out(info.pid) === 0);
}

/** What SIGCONT and stop signals do at once, whatever their dispositions (signal.c, prepare_signal). */
function prepare(process: Process, sig: number): void {
  if (STOP_SIGNALS.has(sig)) discardEverywhere(process, CONT);
  else if (sig === SIGCONT) {
    discardEverywhere(process, STOP_SIGNALS);
    continueProcess(process);
  }
}

function discardEverywhere(process: Process, signals: SigSet): void {
  process.pending.discard(signals);
  for (const t of process.tasks) t.pending.discard(signals);
}

function continueProcess(process: Process): void {
  if (process.stopSignal === 0) return;
  process.stopSignal = 0;
  process.news = ChildNews.continued;
  process.newsStatus = SIGCONT;
  for (const t of process.tasks) {
    if (t.trace !== null) notifyContinued(t);
    else if (t.state === 'stopped') t.kernel.wakeStopped(t);
  }
  notifyParentOfStop(process, CLD_CONTINUED, SIGCONT);
}

/** SIGCHLD for a stop or a continue, and a look for waiting parents. */
export function notifyParentOfStop(process: Process, code: number, status: number): void {
  const parent = process.parent;
  if (parent === null || parent.state !== 'alive') return;
  const action = parent.leader.handlers.actions[SIGCHLD]!;
  if (action.handler !== SIG_IGN && (action.flags & SA_NOCLDSTOP) === 0) {
    const { userNs, systemNs } = process.leader.kernel.cpuClock.ofProcess(process);
    sendToProcess(parent, siginfo(SIGCHLD, code, {
      pid: process.pid, uid: process.leader.cred.uid, status, utime: Math.floor(userNs / 1e7), stime: Math.floor(systemNs / 1e7),
    }));
  }
  parent.childQueue.wake(EPOLLIN);
}

/** All threads have stopped. */
export function stopComplete(process: Process): void {
  process.news = ChildNews.stopped;
  process.newsStatus = process.stopSignal;
  notifyParentOfStop(process, CLD_STOPPED, process.stopSignal);
  process.leader.kernel.hooks.processStop?.(process);
}

/** Signals that wait in a process. */
export function queuedSignals(process: Process): number {
  let queued = process.pending.length;
  for (const t of process.tasks) queued += t.pending.length;
  return queued;
}

/** RLIMIT_SIGPENDING counts queued signals; beyond it only standard ones without information still come through. */
function overLimit(process: Process): boolean {
  return queuedSignals(process) >= process.rlimits.cur[Rlimit.SIGPENDING]!;
}

/** The sender's uid and pid as the receiver's namespaces number them. */
function seenBy(t: Task, info: Siginfo): Siginfo {
  const { pidNs, cred: { userNs } } = t;
  return userNs.parent === null && pidNs.level === 0 ? info : { ...info, uid: userNs.uidOut(info.uid), pid: pidNs.out(info.pid) };
}

/** Sends to one thread. 0, or -EAGAIN when a real-time signal finds the queue full. */
export function sendToTask(t: Task, info: Siginfo): number {
  if (t.state === 'dead') return 0;
  const sig = info.signo;
  prepare(t.process, sig);
  if (ignored(t, info)) return 0;
  if (sig >= 32 && info.code < 0 && overLimit(t.process)) return -EAGAIN;
  if (t.pending.add(seenBy(t, info))) notifySignalfd(t);
  if (!t.blocked.has(sig) || sig === SIGKILL) signalWakeUp(t);
  return 0;
}

/** Sends to a thread group; a thread that does not block it will take it. */
export function sendToProcess(process: Process, info: Siginfo): number {
  if (process.state !== 'alive') return 0;
  const sig = info.signo;
  prepare(process, sig);
  if (ignored(process.leader, info)) return 0;
  if (sig >= 32 && info.code < 0 && overLimit(process)) return -EAGAIN;
  const added = process.pending.add(seenBy(process.leader, info));
  if (added) notifySignalfd(process.leader);
  const taker = chooseTask(process, sig);
  if (taker !== null) signalWakeUp(taker);
  if (sig === SIGKILL) for (const t of process.tasks) signalWakeUp(t);
  return 0;
}

/** signalfds look whether the signal is one of theirs. */
function notifySignalfd(t: Task): void {
  t.kernel.signalQueue.wake(EPOLLIN);
}

function chooseTask(process: Process, sig: number): Task | null {
  const wants = (t: Task): boolean => t.state !== 'dead' && !t.exiting && (!t.blocked.has(sig) || sig === SIGKILL);
  const { leader } = process;
  if (wants(leader)) return leader;
  for (const t of process.tasks) if (wants(t)) return t;
  return null;
}

export function sendToGroup(group: ProcessGroup, info: Siginfo): void {
  for (const process of [...group.members]) sendToProcess(process, { ...info });
}

/** Shorthand for what the kernel itself sends (tty, SIGPIPE, timers). */
export function kernelSignal(sig: number): Siginfo {
  return siginfo(sig, SI_KERNEL);
}

/**
 * A signal the thread cannot escape, caused by its own instruction (signal.c, force_sig_info): a blocked or ignored one gets its
 * default action.
 */
export function forceSignal(t: Task, info: Siginfo): void {
  const sig = info.signo;
  const action = t.handlers.actions[sig]!;
  const blocked = t.blocked.has(sig);
  if (action.handler === SIG_DFL && t.trace === null) t.process.unkillable = false;
  if (blocked || action.handler === SIG_IGN) {
    t.handlers.actions[sig] = { handler: SIG_DFL, flags: 0, restorer: 0, mask: new SigSet() };
    t.blocked.delete(sig);
  }
  t.pending.add(info);
}

/** kill(2)'s permission rule: 0 or -EPERM. */
export function mayKill(sender: Task, target: Process, sig: number): number {
  const me = sender.cred;
  const its = target.leader.cred;
  if (me.euid === its.suid || me.euid === its.uid || me.uid === its.suid || me.uid === its.uid || me.hasIn(Cap.KILL, its.userNs)) return 0;
  if (sig === SIGCONT && sender.process.session === target.session) return 0;
  return -EPERM;
}
