import { SIGTRAP, TRAP_BRKPT } from '../../abi/linux/signal.ts';
import { ENOSYS } from '../../abi/linux/errno.ts';
import * as P from '../../abi/linux/ptrace.ts';
import { Cpu } from '../../machine/cpuState.ts';
import { seccompAllows } from '../seccomp/filters.ts';
import { forceSignal, sendToTask } from '../signal/send.ts';
import { siginfo } from '../signal/siginfo.ts';
import type { Task } from '../task/task.ts';
import { Mode, StopKind, stopForTracer, trapInfo } from './trace.ts';

/** clock_gettime, gettimeofday, time, getcpu, clock_getres and their kin: what the vDSO answers without a call on a real kernel. */
const VDSO_CALLS = { x86_64: new Set([228, 96, 201, 309, 229]), i386: new Set([265, 403, 78, 13, 318, 266]) };
const VDSO_BYTES = 8192;

/** Calls of our own vDSO, which nobody would see elsewhere. __kernel_vsyscall's are the program's. */
function ofVdso(t: Task): boolean {
  const { vdso, sysenterReturn } = t.mm.layout;
  const { rip } = t.regs;
  return vdso !== 0 && rip >= vdso && rip < vdso + VDSO_BYTES && rip !== sysenterReturn && VDSO_CALLS[t.arch.name].has(t.syscallNumber);
}

/** The signal the tracer injects at a stop that is not for a signal is sent to the tracee. */
function inject(t: Task, signal: number): void {
  if (signal !== 0) sendToTask(t, siginfo(signal, 0, { pid: t.trace?.tracer.tgid ?? 0, uid: t.trace?.tracer.cred.uid ?? 0 }));
}

const syscallCode = (t: Task): number => SIGTRAP | ((t.trace!.options & P.PTRACE_O_TRACESYSGOOD) !== 0 ? 0x80 : 0);
const tracesCalls = (t: Task): boolean => t.trace !== null && t.trace.mode !== Mode.cont && t.trace.mode !== Mode.step;

/** A call of a thread that is traced or filtered: stops and filters come before it. */
export function enterWatched(t: Task): void {
  if (ofVdso(t)) return t.kernel.dispatch(t);
  if (!tracesCalls(t)) return filtered(t, false);
  const emulated = t.trace!.mode === Mode.sysemu || t.trace!.mode === Mode.sysemuStep;
  t.arch.setResult(t.regs, -ENOSYS);
  t.trace!.message = P.PTRACE_EVENTMSG_SYSCALL_ENTRY;
  stopForTracer(t, StopKind.syscallEntry, syscallCode(t), trapInfo(t, syscallCode(t)), (signal) => {
    inject(t, signal);
    if (t.process.exiting || t.pending.set.has(9)) return t.kernel.leave(t);
    if (emulated) t.syscallNumber = -1;
    // Without a call the result is what the tracer left in the register.
    if (t.syscallNumber < 0) return skipped(t);
    // The call finds its number where the program had put it.
    t.arch.setResult(t.regs, t.syscallNumber);
    filtered(t, false);
  });
}

function filtered(t: Task, recheck: boolean): void {
  if (seccompAllows(t, recheck)) t.kernel.dispatch(t);
}

function skipped(t: Task): void {
  if (!stopAtExit(t)) t.kernel.leave(t);
}

/** SECCOMP_RET_TRACE: stops for a tracer that asked for it; false: there is none. */
export function traceSeccomp(t: Task, data: number): boolean {
  if (t.trace === null || (t.trace.options & P.PTRACE_O_TRACESECCOMP) === 0) return false;
  t.arch.setResult(t.regs, -ENOSYS);
  t.trace.message = data;
  const code = SIGTRAP | (P.PTRACE_EVENT_SECCOMP << 8);
  stopForTracer(t, StopKind.seccomp, code, trapInfo(t, code), (signal) => {
    inject(t, signal);
    if (t.process.exiting || t.pending.set.has(9)) return t.kernel.leave(t);
    if (t.syscallNumber < 0) return skipped(t);
    t.arch.setResult(t.regs, t.syscallNumber);
    filtered(t, true);
  });
  return true;
}

/** The call is over, its result in the registers. True: the thread stops first and goes on to the guest from there. */
export function stopAtExit(t: Task): boolean {
  if (t.trace === null) return false;
  if (tracesCalls(t) && t.trace.mode === Mode.syscall && !ofVdso(t)) {
    t.trace.message = P.PTRACE_EVENTMSG_SYSCALL_EXIT;
    stopForTracer(t, StopKind.syscallExit, syscallCode(t), trapInfo(t, syscallCode(t)), (signal) => {
      inject(t, signal);
      t.kernel.leave(t);
    });
    return true;
  }
  // The instruction that was stepped was the call.
  if (t.singleStep) forceSignal(t, siginfo(SIGTRAP, TRAP_BRKPT, { addrLo: t.regs.u32(Cpu.rip), addrHi: t.regs.u32(Cpu.rip + 4) }));
  return false;
}

/** PTRACE_EVENT_*: stops if the tracer asked for it, then `then`. False: nobody asked, nothing was done. */
export function stopForEvent(t: Task, event: number, message: number, then: () => void): boolean {
  // PTRACE_O_TRACEx is the bit of its event.
  if (t.trace === null || (t.trace.options & (1 << event)) === 0) return false;
  t.trace.message = message;
  const code = SIGTRAP | (event << 8);
  stopForTracer(t, StopKind.event, code, trapInfo(t, code), (signal) => {
    inject(t, signal);
    then();
  });
  return true;
}

/** What a new program's tracer is told before its first instruction. True: the thread has stopped, and comes back here later. */
export function stopAfterExec(t: Task): boolean {
  const trace = t.trace!;
  const from = trace.execedFrom;
  trace.execedFrom = 0;
  const number = t.arch.name === 'x86_64' ? 59 : 11;
  const exitStop = (): void => {
    t.syscallNumber = number;
    if (!stopAtExit(t)) t.kernel.leave(t);
  };
  if (stopForEvent(t, P.PTRACE_EVENT_EXEC, trace.tracer.pidNs.out(from), exitStop)) {
    t.syscallNumber = number;
    return true;
  }
  if (!trace.seized) sendToTask(t, siginfo(SIGTRAP, 0, { pid: t.tgid, uid: t.cred.uid }));
  t.syscallNumber = number;
  if (stopAtExit(t)) return true;
  t.syscallNumber = -1;
  return false;
}
