import { SIGSTOP, SIGTRAP } from '../../abi/linux/signal.ts';
import * as P from '../../abi/linux/ptrace.ts';
import { siginfo, type Siginfo } from '../signal/siginfo.ts';
import type { Task } from '../task/task.ts';
import { StopKind, stopForTracer, trapInfo } from './trace.ts';

/** A signal is about to be delivered to a tracee: the tracer decides. */
export function stopForSignal(t: Task, info: Siginfo): void {
  stopForTracer(t, StopKind.signal, info.signo, info, (signal) => {
    if (signal !== 0) {
      const tracer = t.trace?.tracer;
      // PTRACE_SETSIGINFO may have put another there.
      const own = stop.info ?? info;
      const given = signal === own.signo ? own : siginfo(signal, 0, { pid: tracer?.tgid ?? 0, uid: tracer?.cred.uid ?? 0 });
      if (t.blocked.has(signal)) t.pending.add(given);
      else t.injectedSignal = given;
    }
    t.kernel.leave(t);
  });
  const stop = t.trace!.stop!;
}

/** The group stops, and this tracee with it. */
export function stopWithGroup(t: Task): void {
  const trace = t.trace!;
  const signal = t.process.stopSignal;
  const code = trace.seized ? signal | (P.PTRACE_EVENT_STOP << 8) : signal;
  stopForTracer(t, StopKind.group, code, trace.seized ? trapInfo(t, code) : null, () => t.kernel.leave(t));
}

/** PTRACE_INTERRUPT and the first stop of what a seized tracee has cloned. */
export function stopForTrap(t: Task): void {
  const trace = t.trace!;
  trace.trapWanted = false;
  const code = (t.process.stopSignal !== 0 ? t.process.stopSignal : SIGTRAP) | (P.PTRACE_EVENT_STOP << 8);
  stopForTracer(t, t.process.stopSignal !== 0 ? StopKind.group : StopKind.trap, code, trapInfo(t, code), () => t.kernel.leave(t));
}

/** SIGCONT has ended the group's stop: a seized tracee tells so, at once when its tracer listens, else when it next goes on (ptrace_trap_notify). */
export function notifyContinued(t: Task): void {
  const trace = t.trace!;
  if (!trace.seized) return;
  trace.trapWanted = true;
  if (trace.listening) trapAgain(t);
  else if (t.state === 'running') t.kernel.guests.interrupt(t);
  else if (t.state === 'parked') t.parked!.queue();
}

/** A listening tracee has news. */
export function trapAgain(t: Task): void {
  const trace = t.trace!;
  trace.listening = false;
  trace.stop = null;
  t.state = 'served';
  stopForTrap(t);
}

/** The signal by which a tracee that was not seized begins. */
export const firstStop = (): Siginfo => siginfo(SIGSTOP, 0);
