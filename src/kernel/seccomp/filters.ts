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
import { runFilter } from './dialect.ts';
import type { Filter } from './filter.ts';

export type Seccomp = { readonly mode: typeof S.SECCOMP_MODE_STRICT } | { readonly mode: typeof S.SECCOMP_MODE_FILTER; readonly filters: Filter };

const SYS_SECCOMP = 1;
const MAX_ERRNO = 4095;
/** read, write, exit, rt_sigreturn; i386: sigreturn (mode1_syscalls). */
const STRICT = { x86_64: new Set([0, 1, 60, 15]), i386: new Set([3, 4, 1, 119]) };

/** The thread's filters, newest first; null without. */
export const filtersOf = (t: Task): Filter | null => (t.seccomp !== null && t.seccomp.mode === S.SECCOMP_MODE_FILTER ? t.seccomp.filters : null);

const letGo = (t: Task): void => filtersOf(t)?.drop();

/** The thread is watched from now on: its worker answers no calls any more. It takes over the caller's hold of the filters; what it had is the caller's to drop. */
export function setSeccomp(t: Task, seccomp: Seccomp): void {
  t.seccomp = seccomp;
  t.atExit.add(letGo);
  t.regs.setU32(LocalField.flags, t.regs.u32(LocalField.flags) | LocalFlag.off);
}

/** A child has its parent's. */
export function inheritSeccomp(t: Task, child: Task): void {
  if (t.seccomp === null) return;
  filtersOf(t)?.hold();
  child.seccomp = t.seccomp;
  child.atExit.add(letGo);
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
function verdictOf(filters: Filter, data: Uint32Array): { readonly verdict: number; readonly by: Filter } {
  let verdict: number = S.SECCOMP_RET_ALLOW, by = filters;
  for (let f: Filter | null = filters; f !== null; f = f.older) {
    const one = runFilter(f.program, data);
    if (actionOf(one) >= actionOf(verdict)) continue;
    verdict = one;
    by = f;
  }
  return { verdict, by };
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
  const call = callData(t, number);
  const { verdict, by } = verdictOf(seccomp.filters, call);
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
    case S.SECCOMP_RET_USER_NOTIF:
      if (by.listener === null) kernel.finishCall(t, -ENOSYS);
      else by.listener.ask(t, call);
      return false;
    case S.SECCOMP_RET_KILL_THREAD:
      if (t.process.tasks.size > 1) exitTask(t, SIGSYS);
      else dieOf(t, SIGSYS);
      return false;
    default:
      dieOf(t, SIGSYS);
      return false;
  }
}
