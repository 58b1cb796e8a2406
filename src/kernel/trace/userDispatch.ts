import { EFAULT, EINVAL } from '../../abi/linux/errno.ts';
import { PR_SYS_DISPATCH_OFF, PR_SYS_DISPATCH_ON } from '../../abi/linux/prctl.ts';
import { AUDIT_ARCH_I386, AUDIT_ARCH_X86_64 } from '../../abi/linux/seccomp.ts';
import { SIGSEGV, SIGSYS, SYS_USER_DISPATCH } from '../../abi/linux/signal.ts';
import { Cpu } from '../../machine/cpuState.ts';
import { LocalField, LocalFlag } from '../../machine/localState.ts';
import { TASK_SIZE } from '../../machine/memoryLayout.ts';
import { forceSignal } from '../signal/send.ts';
import { siginfo } from '../signal/siginfo.ts';
import { exitGroup } from '../task/exit.ts';
import type { Task } from '../task/task.ts';

/** Since Linux 6.17: calls of the range are the ones that go to the program. */
const PR_SYS_DISPATCH_INCLUSIVE_ON = 2;
const ALLOW = 0;
const BLOCK = 1;

/** Syscall user dispatch (Documentation/admin-guide/syscall-user-dispatch.rst): which calls go to a handler of SIGSYS. */
export interface UserDispatch {
  readonly start: number;
  readonly length: number;
  /** Calls of the range are dispatched, rather than those outside of it. */
  readonly inclusive: boolean;
  /** A byte that lets all calls through, or not; 0: none. */
  readonly selector: number;
}

/** PR_SET_SYSCALL_USER_DISPATCH. */
export function setUserDispatch(t: Task, mode: number, start: number, length: number, selector: number): number {
  if (mode === PR_SYS_DISPATCH_OFF) {
    if (start !== 0 || length !== 0 || selector !== 0) return -EINVAL;
    t.userDispatch = null;
    return 0;
  }
  // Beyond 2^53 sums are not exact, but too large they are.
  const wraps = length === 0 || start + length >= 2 ** 64;
  if (mode === PR_SYS_DISPATCH_ON ? start !== 0 && wraps : mode !== PR_SYS_DISPATCH_INCLUSIVE_ON || wraps) return -EINVAL;
  if (selector >= TASK_SIZE) return -EFAULT;
  t.userDispatch = { start, length, inclusive: mode === PR_SYS_DISPATCH_INCLUSIVE_ON, selector };
  // The worker answers no calls any more.
  t.regs.setU32(LocalField.flags, t.regs.u32(LocalField.flags) | LocalFlag.off);
  return 0;
}

/** Whether the call of t goes to the program's handler: then all about it has been done. */
export function dispatchesToUser(t: Task): boolean {
  const { start, length, inclusive, selector } = t.userDispatch!;
  const { regs } = t, { rip } = regs;
  const inside = rip >= start && rip - start < length;
  const { sigreturn, rtSigreturn, vdso } = t.mm.layout;
  if (inside !== inclusive) return false;
  // The vDSO's way back from a handler is not one of the program's calls.
  if (vdso !== 0 && [sigreturn, rtSigreturn].some((place) => place !== 0 && rip > place && rip <= place + 9)) return false;
  if (selector !== 0) {
    const state = t.memory.u8(selector);
    if (state === ALLOW) return false;
    if (state !== BLOCK) {
      t.syscallNumber = -1;
      exitGroup(t, state === null ? SIGSEGV : SIGSYS);
      return true;
    }
  }
  const number = t.syscallNumber;
  t.syscallNumber = -1;
  forceSignal(t, siginfo(SIGSYS, SYS_USER_DISPATCH, {
    addrLo: regs.u32(Cpu.rip), addrHi: regs.u32(Cpu.rip + 4), status: number, band: t.arch.name === 'x86_64' ? AUDIT_ARCH_X86_64 : AUDIT_ARCH_I386,
  }));
  t.kernel.leave(t);
  return true;
}
