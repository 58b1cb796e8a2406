import { EINTR, ERESTARTNOHAND, ERESTARTSYS, ERESTART_RESTARTBLOCK } from '../../abi/linux/errno.ts';
import {
  SA_NODEFER, SA_RESETHAND, SA_RESTART, SIGBUS, SIGFPE, SIGILL, SIGKILL, SIGSEGV, SIGSTOP, SIGSYS, SIGTRAP, SI_KERNEL, SI_TIMER,
} from '../../abi/linux/signal.ts';
import { Rlimit } from '../fd/rlimits.ts';
import { signalWakeUp } from '../task/park.ts';
import { exitGroup, exitTask } from '../task/exit.ts';
import { isLongProgram } from '../arch/segments.ts';
import type { Task } from '../task/task.ts';
import { SIG_DFL, SIG_IGN } from './handlers.ts';
import { DUMPS_CORE, IGNORED_BY_DEFAULT, STOP_SIGNALS } from './defaults.ts';
import { forceSignal, stopComplete } from './send.ts';
import { siginfo, type Siginfo } from './siginfo.ts';
import { stopForSignal, stopForTrap, stopWithGroup } from '../trace/signalStops.ts';
import { endStep } from '../trace/trace.ts';
import { SigSet } from './sigset.ts';

/** From the thread's own instruction: taken before all others. */
const SYNCHRONOUS = SigSet.of(SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGSYS);

/** The next signal to take, the thread's own first; null when there is none that is not blocked. */
export function dequeueSignal(t: Task, blocked: SigSet): Siginfo | null {
  const own = t.pending.set;
  const group = t.process.pending.set;
  let sig = SIGKILL;
  let from = t.pending;
  if (own.has(SIGKILL)) from = t.pending;
  else if (group.has(SIGKILL)) from = t.process.pending;
  else {
    const sync = new SigSet(own.lo & SYNCHRONOUS.lo, 0);
    sig = sync.firstNotIn(blocked) || own.firstNotIn(blocked);
    if (sig === 0) {
      sig = group.firstNotIn(blocked);
      from = t.process.pending;
    }
    if (sig === 0) return null;
  }
  const info = from.take(sig);
  if (info.code === SI_TIMER) t.process.timers.delivered(info);
  return info;
}

/**
 * On the way back to the guest: takes pending signals, runs default actions, pushes handler frames, settles the interrupted call.
 * False: the task does not go on now (stopped or ended).
 */
export function deliverSignals(t: Task): boolean {
  const { process, kernel } = t;
  for (;;) {
    if (process.exiting) {
      exitTask(t, process.exitStatus);
      return false;
    }
    const killed = t.pending.set.has(SIGKILL) || process.pending.set.has(SIGKILL);
    if (t.trace?.trapWanted && !killed) {
      stopForTrap(t);
      return false;
    }
    if (process.stopSignal !== 0 && !killed && t.injectedSignal === null && t.trace?.passesGroupStop !== true) {
      enterStop(t);
      return false;
    }
    let info = t.injectedSignal;
    t.injectedSignal = null;
    if (info === null) {
      info = dequeueSignal(t, t.blocked);
      if (info === null) break;
      if (t.trace !== null && info.signo !== SIGKILL) {
        stopForSignal(t, info);
        return false;
      }
    }
    kernel.hooks.signal?.(t, info);
    const sig = info.signo;
    const action = t.handlers.actions[sig]!;
    if (action.handler === SIG_IGN && sig !== SIGKILL && sig !== SIGSTOP) continue;
    if (action.handler !== SIG_DFL && sig !== SIGKILL && sig !== SIGSTOP) {
      if (!handle(t, info)) return false;
      continue;
    }
    if (IGNORED_BY_DEFAULT.has(sig) || (process.unkillable && sig !== SIGKILL && sig !== SIGSTOP)) continue;
    if (STOP_SIGNALS.has(sig)) {
      if (sig !== SIGSTOP && process.group.orphaned) continue;
      beginStop(t, sig);
      continue;
    }
    dieOf(t, sig);
    return false;
  }
  if (t.syscallNumber >= 0) restartWithoutHandler(t);
  if (t.savedMask !== null) {
    t.blocked.set(t.savedMask);
    t.savedMask = null;
    if (t.signalPending) return deliverSignals(t);
  }
  return true;
}

/** The signal's default action ends the process. */
export function dieOf(t: Task, sig: number): void {
  const dumped = DUMPS_CORE.has(sig) && t.process.rlimits.cur[Rlimit.CORE]! > 0 && t.kernel.hooks.coreDump?.(t, sig) === true;
  exitGroup(t, sig | (dumped ? 0x80 : 0));
}

/** Pushes a frame for the handler. False: the frame could not be written and the process has ended. */
function handle(t: Task, info: Siginfo): boolean {
  const sig = info.signo;
  const action = t.handlers.actions[sig]!;
  if (t.syscallNumber >= 0) restartForHandler(t, (action.flags & SA_RESTART) !== 0);
  const oldMask = t.savedMask ?? t.blocked.copy();
  t.savedMask = null;
  const arch = isLongProgram(t) ? t.kernel.parts.archs.x86_64 : t.kernel.parts.archs.i386;
  // The frame shows the program's own flags; a stepping debugger sees the handler's first instruction.
  const stepped = t.singleStep;
  endStep(t);
  if (!arch.pushSignal(t, info, action, oldMask)) {
    // Linux: SIGSEGV, by default action when it was SIGSEGV's own frame that failed.
    t.blocked.set(oldMask);
    if (sig === SIGSEGV) t.handlers.actions[SIGSEGV] = { handler: SIG_DFL, flags: 0, restorer: 0, mask: new SigSet() };
    forceSignal(t, siginfo(SIGSEGV, SI_KERNEL));
    return true;
  }
  const mask = t.blocked.copy();
  mask.addAll(action.mask);
  if ((action.flags & SA_NODEFER) === 0) mask.add(sig);
  t.setBlocked(mask);
  if ((action.flags & SA_RESETHAND) !== 0) t.handlers.actions[sig] = { ...action, handler: SIG_DFL };
  if (stepped) forceSignal(t, siginfo(SIGTRAP, 0));
  return true;
}

/** An interrupted call and a handler that runs: -EINTR or again after the handler. */
function restartForHandler(t: Task, saRestart: boolean): void {
  const arch = t.arch;
  const number = t.syscallNumber;
  t.syscallNumber = -1;
  const result = arch.result(t.regs);
  if (result === -ERESTARTSYS && saRestart) arch.restart(t.regs, number);
  else if (result === -ERESTARTSYS || result === -ERESTARTNOHAND || result === -ERESTART_RESTARTBLOCK) arch.setResult(t.regs, -EINTR);
}

/** No handler ran: the call happens again. */
function restartWithoutHandler(t: Task): void {
  const arch = t.arch;
  const number = t.syscallNumber;
  t.syscallNumber = -1;
  const result = arch.result(t.regs);
  if (result === -ERESTARTSYS || result === -ERESTARTNOHAND) arch.restart(t.regs, number);
  else if (result === -ERESTART_RESTARTBLOCK) arch.restart(t.regs, arch.restartSyscallNumber);
}

/** A stop signal acts: every thread of the group stops on its way to the guest. */
function beginStop(t: Task, sig: number): void {
  const { process } = t;
  process.stopSignal = sig;
  for (const other of process.tasks) if (other.trace !== null) other.trace.passesGroupStop = false;
  for (const other of process.tasks) if (other !== t) signalWakeUp(other);
}

function enterStop(t: Task): void {
  if (t.trace !== null) stopWithGroup(t);
  else t.state = 'stopped';
  for (const other of t.process.tasks) if (other.state !== 'stopped' && other.state !== 'dead') return;
  stopComplete(t.process);
}
