import { SIGKILL, SIGSYS } from '../../abi/linux/signal.ts';
import * as S from '../../abi/linux/seccomp.ts';
import { ENOSYS } from '../../abi/linux/errno.ts';
import { Cpu } from '../../machine/cpuState.ts';
import { LocalField, LocalFlag } from '../../machine/localState.ts';
import { dieOf } from '../signal/deliver.ts';
import { forceSignal } from '../signal/send.ts';
import { siginfo } from '../signal/siginfo.ts';
import { exitTask } from '../task/exit.ts';
import type { Task } from '../task/task.ts';
import { traceSeccomp } from '../trace/syscallStops.ts';
import { runFilter, type BpfProgram } from './bpf.ts';

/** A thread's filters, newest first; shared by threads and children that inherited them, never changed. */
export interface FilterChain {
  readonly program: BpfProgram;
  readonly older: FilterChain | null;
  /** Filters in the chain, and their instructions as the limit counts them. */
  readonly count: number;
  readonly cost: number;
}

export type Seccomp = { readonly mode: typeof S.SECCOMP_MODE_STRICT } | { readonly mode: typeof S.SECCOMP_MODE_FILTER; readonly filters: FilterChain };

const SYS_SECCOMP = 1;
const MAX_ERRNO = 4095;
/** read, write, exit, rt_sigreturn; i386: sigreturn (mode1_syscalls). */
const STRICT = { x86_64: new Set([0, 1, 60, 15]), i386: new Set([3, 4, 1, 119]) };

/** The thread is watched from now on: its worker answers no calls any more. */
export function setSeccomp(t: Task, seccomp: Seccomp): void {
  t.seccomp = seccomp;
  t.regs.setU32(LocalField.flags, t.regs.u32(LocalField.flags) | LocalFlag.off);
}

/** What the filters are given, and what PTRACE_GET_SYSCALL_INFO shows: struct seccomp_data as words. */
export function callData(t: Task, number: number): Uint32Array {
  const { regs } = t;
  const out = new Uint32Array(16);
  out[0] = number;
  out[1] = t.arch.name === 'x86_64' ? S.AUDIT_ARCH_X86_64 : S.AUDIT_ARCH_I386;
  out[2] = regs.u32(Cpu.rip);
  out[3] = regs.u32(Cpu.rip + 4);
  t.arch.argumentRegisters.forEach((n, i) => {
    out[4 + 2 * i] = regs.lo(n);
    out[5 + 2 * i] = t.arch.wordSize === 8 ? regs.hi(n) : 0;
  });
  return out;
}

const actionOf = (verdict: number): number => (verdict & S.SECCOMP_RET_ACTION_FULL) | 0;

/** Every filter is asked; the strictest answer counts, of equal ones the newest. */
function verdictOf(filters: FilterChain, data: Uint32Array): number {
  let verdict: number = S.SECCOMP_RET_ALLOW;
  for (let f: FilterChain | null = filters; f !== null; f = f.older) {
    const one = runFilter(f.program, data);
    if (actionOf(one) < actionOf(verdict)) verdict = one;
  }
  return verdict;
}

/** Whether the call may go on; if not, everything about it has been done. `recheck`: a tracer has seen it already. */
export function seccompAllows(t: Task, recheck: boolean): boolean {
  const { seccomp, kernel } = t;
  if (seccomp === null) return true;
  const number = t.syscallNumber;
  if (seccomp.mode === S.SECCOMP_MODE_STRICT) {
    if (STRICT[t.arch.name].has(number)) return true;
    exitTask(t, SIGKILL);
    return false;
  }
  const verdict = verdictOf(seccomp.filters, callData(t, number));
  const data = verdict & S.SECCOMP_RET_DATA;
  switch (actionOf(verdict) >>> 0) {
    case S.SECCOMP_RET_ALLOW:
    case S.SECCOMP_RET_LOG: return true;
    case S.SECCOMP_RET_ERRNO: kernel.finishCall(t, -Math.min(data, MAX_ERRNO)); return false;
    case S.SECCOMP_RET_TRAP:
      t.syscallNumber = -1;
      forceSignal(t, siginfo(SIGSYS, SYS_SECCOMP, {
        errno: data, addrLo: t.regs.u32(Cpu.rip), addrHi: t.regs.u32(Cpu.rip + 4), status: number,
        band: t.arch.name === 'x86_64' ? S.AUDIT_ARCH_X86_64 : S.AUDIT_ARCH_I386,
      }));
      kernel.leave(t);
      return false;
    case S.SECCOMP_RET_TRACE:
      // Already stopped for it: the tracer has allowed the call.
      if (recheck) return true;
      if (!traceSeccomp(t, data)) kernel.finishCall(t, -ENOSYS);
      return false;
    case S.SECCOMP_RET_USER_NOTIF: kernel.finishCall(t, -ENOSYS); return false;
    case S.SECCOMP_RET_KILL_THREAD:
      if (t.process.tasks.size > 1) exitTask(t, SIGSYS);
      else dieOf(t, SIGSYS);
      return false;
    default:
      dieOf(t, SIGSYS);
      return false;
  }
}

