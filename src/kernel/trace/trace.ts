import { CLD_TRAPPED, SA_NOCLDSTOP, SIGCHLD, SIGTRAP } from '../../abi/linux/signal.ts';
import { EPOLLIN } from '../../abi/linux/poll.ts';
import { Cpu, Eflags } from '../../machine/cpuState.ts';
import { LocalField, LocalFlag } from '../../machine/localState.ts';
import { SIG_IGN } from '../signal/handlers.ts';
import { sendToProcess } from '../signal/send.ts';
import { siginfo, type Siginfo } from '../signal/siginfo.ts';
import type { Task } from '../task/task.ts';

/** How a tracee goes on (the request that resumed it). */
export const Mode = { cont: 0, syscall: 1, step: 2, sysemu: 3, sysemuStep: 4 } as const;
export type ModeCode = (typeof Mode)[keyof typeof Mode];

/** Why a tracee stands still. */
export const StopKind = { signal: 0, group: 1, syscallEntry: 2, syscallExit: 3, event: 4, seccomp: 5, trap: 6 } as const;
export type StopKindCode = (typeof StopKind)[keyof typeof StopKind];

export interface TraceStop {
  readonly kind: StopKindCode;
  /** What wait gives above the 0x7f: signal, and the event above it. */
  readonly code: number;
  /** PTRACE_GETSIGINFO; null in group stops of a tracee that was not seized: EINVAL. */
  info: Siginfo | null;
  /** Goes on; `signal` is what the tracer injects (0: none), as far as this kind of stop takes one. */
  readonly then: (signal: number) => void;
  /** A wait has told the tracer. */
  reported: boolean;
}

/**
 * One thread traced by another (ptrace(2)).
 *
 *   going on --(signal, call, event)--> stopped --(PTRACE_CONT...)--> going on
 */
export class Trace {
  readonly tracer: Task;
  readonly seized: boolean;
  options: number;
  mode: ModeCode = Mode.cont;
  stop: TraceStop | null = null;
  /** PTRACE_GETEVENTMSG */
  message = 0;
  /** The group stop it is in does not hold it back: its tracer made it go on. */
  passesGroupStop = false;
  /** PTRACE_LISTEN: stays in its group stop, but tells of its end. */
  listening = false;
  /** PTRACE_INTERRUPT, or the first stop of a seized child: stops at the next chance. */
  trapWanted = false;
  /** The program was replaced: the tid before; told when the new program is about to begin. */
  execedFrom = 0;
  exitReported = false;

  constructor(tracer: Task, options: number, seized: boolean) {
    this.tracer = tracer;
    this.options = options;
    this.seized = seized;
  }
}

/** Stops `t`, which is in the kernel, and tells its tracer. */
export function stopForTracer(t: Task, kind: StopKindCode, code: number, info: Siginfo | null, then: (signal: number) => void): void {
  const trace = t.trace!;
  endStep(t);
  t.state = 'stopped';
  trace.stop = { kind, code, info, then, reported: false };
  tellTracer(trace.tracer, t.tid, t.cred.uid, CLD_TRAPPED, code & 0x7f);
}

/** SIGCHLD for something that happened to a tracee, and a look for waiting threads. */
export function tellTracer(tracer: Task, pid: number, uid: number, code: number, status: number): void {
  const { process } = tracer;
  if (process.state !== 'alive') return;
  const action = process.leader.handlers.actions[SIGCHLD]!;
  if (action.handler !== SIG_IGN && (code !== CLD_TRAPPED || (action.flags & SA_NOCLDSTOP) === 0)) sendToProcess(process, siginfo(SIGCHLD, code, { pid, uid, status }));
  process.childQueue.wake(EPOLLIN);
}

/** si_code of a stop for `event` is the code itself. */
export function trapInfo(t: Task, code: number): Siginfo {
  return siginfo(SIGTRAP, code, { pid: t.tid, uid: t.cred.uid });
}

/** Lets a stopped tracee go on. */
export function resumeTracee(t: Task, mode: ModeCode, signal: number): void {
  const trace = t.trace!;
  const stop = trace.stop!;
  trace.stop = null;
  trace.mode = mode;
  trace.listening = false;
  if (stop.kind === StopKind.group) trace.passesGroupStop = true;
  t.state = 'served';
  if (mode === Mode.step || mode === Mode.sysemuStep) beginStep(t);
  t.kernel.defer(() => {
    if (t.state !== 'served') return;
    stop.then(signal);
  });
}

/** The next instruction of the guest ends in #DB. A TF of the program's own stays its own. */
export function beginStep(t: Task): void {
  const flags = t.regs.u32(Cpu.eflagsSystem);
  if ((flags & Eflags.TF) !== 0) return;
  t.singleStep = true;
  t.regs.setU32(Cpu.eflagsSystem, flags | Eflags.TF);
}

/** The TF in the flags is a debugger's. */
export function stepped(t: Task): boolean {
  return t.singleStep || t.debug?.stepping === true;
}

export function endStep(t: Task): void {
  if (!stepped(t)) return;
  t.singleStep = false;
  if (t.debug !== null) t.debug.stepping = false;
  t.regs.setU32(Cpu.eflagsSystem, t.regs.u32(Cpu.eflagsSystem) & ~Eflags.TF);
}

/** All calls of the thread come to the kernel: somebody looks on. */
export function watchCalls(t: Task): void {
  t.regs.setU32(LocalField.flags, t.regs.u32(LocalField.flags) | LocalFlag.off);
}

/** Whether anything but the tracer may wake the stopped tracee: its end. */
export function heldByTracer(t: Task): boolean {
  return t.trace !== null && t.trace.stop !== null;
}
