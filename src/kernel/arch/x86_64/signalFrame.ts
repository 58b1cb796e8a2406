import { layoutOf } from '../../../abi/layout.ts';
import { SA_ONSTACK, SA_RESTORER, SA_SIGINFO } from '../../../abi/linux/signal.ts';
import * as frames from '../../../abi/x86_64/sigframe.ts';
import { Cpu, Eflags, Gpr, Seg } from '../../../machine/cpuState.ts';
import { readEflags, writeEflags } from '../../../machine/eflags.ts';
import { afterPush, frameStack, restoreAltStack } from '../../signal/altStack.ts';
import type { SigAction } from '../../signal/handlers.ts';
import type { Siginfo } from '../../signal/siginfo.ts';
import { writeSiginfo } from '../../signal/siginfoLayout.ts';
import { SigSet } from '../../signal/sigset.ts';
import type { Task } from '../../task/task.ts';
import { FRAME_FPU_BYTES, clearFpu, restoreFrameFpu, saveFrameFpu } from '../fpuState.ts';
import { USER_CS, USER_DS } from '../../../machine/descriptors.ts';
import { setCode } from '../segments.ts';

const rtSigframe = layoutOf(frames.rtSigframe);
const ucontext = layoutOf(frames.ucontext);
const RED_ZONE = 128;
/** UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS */
const UC_FLAGS = 7;

type RegisterName = 'r8' | 'r9' | 'r10' | 'r11' | 'r12' | 'r13' | 'r14' | 'r15' | 'di' | 'si' | 'bp' | 'bx' | 'dx' | 'ax' | 'cx' | 'sp';
const REGISTERS: readonly (readonly [RegisterName, number])[] = [
  ['r8', 8], ['r9', 9], ['r10', 10], ['r11', 11], ['r12', 12], ['r13', 13], ['r14', 14], ['r15', 15],
  ['di', Gpr.rdi], ['si', Gpr.rsi], ['bp', Gpr.rbp], ['bx', Gpr.rbx], ['dx', Gpr.rdx], ['ax', Gpr.rax], ['cx', Gpr.rcx], ['sp', Gpr.rsp],
];
/** Flags a frame may change (FIX_EFLAGS). */
const FIX_EFLAGS = Eflags.AC | Eflags.OF | Eflags.DF | Eflags.TF | Eflags.SF | Eflags.ZF | Eflags.AF | Eflags.PF | Eflags.CF | Eflags.RF;

/** arch/x86/kernel/signal_64.c, x64_setup_rt_frame. */
export function pushSignal(t: Task, info: Siginfo, action: SigAction, oldMask: SigSet): boolean {
  const { regs, memory } = t;
  if ((action.flags & SA_RESTORER) === 0) return false;
  const sp = frameStack(t, regs.gpr(Gpr.rsp) - RED_ZONE, (action.flags & SA_ONSTACK) !== 0);
  if (sp < 0) return false;
  const fpu = Math.floor((sp - FRAME_FPU_BYTES) / 64) * 64;
  const frame = Math.floor((fpu - rtSigframe.size) / 16) * 16 - 8;
  const buf = memory.writable(frame, fpu + FRAME_FPU_BYTES - frame);
  if (buf === null) return false;
  saveFrameFpu(regs, buf.subarray(fpu - frame), true, FRAME_FPU_BYTES);
  buf.fill(0, 0, rtSigframe.size);
  rtSigframe.put(buf, 'pretcode', action.restorer);
  const uc = rtSigframe.bytes(buf, 'uc');
  for (const [name, n] of REGISTERS) ucontext.putHalves(uc, name, regs.lo(n), regs.hi(n));
  ucontext.putHalves(uc, 'ip', regs.u32(Cpu.rip), regs.u32(Cpu.rip + 4));
  ucontext.update(uc, {
    uc_flags: UC_FLAGS, ss_sp: t.altStack.sp, ss_flags: t.altStack.flags, ss_size: t.altStack.size,
    flags: readEflags(regs.view), cs: regs.u32(Cpu.segSelector + Seg.cs * 4), ss: regs.u32(Cpu.segSelector + Seg.ss * 4) || USER_DS,
    err: t.trap.error, trapno: t.trap.number, fpstate: fpu, sigmask: oldMask.lo, sigmask_hi: oldMask.hi,
  });
  ucontext.putHalves(uc, 'oldmask', oldMask.lo, oldMask.hi);
  ucontext.putHalves(uc, 'cr2', t.trap.cr2Lo, t.trap.cr2Hi);
  const infoAt = frame + rtSigframe.offset.info;
  if ((action.flags & SA_SIGINFO) !== 0) writeSiginfo(t.kernel.parts.archs.x86_64.abi, rtSigframe.bytes(buf, 'info'), info);
  regs.setGpr(Gpr.rdi, info.signo);
  regs.setGpr(Gpr.rax, 0);
  regs.setGpr(Gpr.rsi, infoAt);
  regs.setGpr(Gpr.rdx, frame + rtSigframe.offset.uc);
  regs.rip = action.handler;
  regs.setGpr(Gpr.rsp, frame);
  setCode(regs, USER_CS);
  regs.setU32(Cpu.segSelector + Seg.ss * 4, USER_DS);
  writeEflags(regs.view, readEflags(regs.view) & ~(Eflags.DF | Eflags.RF | Eflags.TF));
  clearFpu(regs);
  afterPush(t);
  return true;
}

/** rt_sigreturn. */
export function popSignal(t: Task): boolean {
  const { regs, memory } = t;
  const frame = regs.gpr(Gpr.rsp) - 8;
  const buf = memory.readable(frame, rtSigframe.size);
  if (buf === null) return false;
  const uc = rtSigframe.bytes(buf, 'uc');
  t.setBlocked(new SigSet(ucontext.lo(uc, 'sigmask'), ucontext.lo(uc, 'sigmask_hi')));
  for (const [name, n] of REGISTERS) regs.setHalves(Cpu.gpr + n * 8, ucontext.lo(uc, name), ucontext.hi(uc, name));
  regs.setHalves(Cpu.rip, ucontext.lo(uc, 'ip'), ucontext.hi(uc, 'ip'));
  writeEflags(regs.view, (readEflags(regs.view) & ~FIX_EFLAGS) | (ucontext.get(uc, 'flags') & FIX_EFLAGS));
  setCode(regs, ucontext.get(uc, 'cs') | 3);
  regs.setU32(Cpu.segSelector + Seg.ss * 4, ucontext.get(uc, 'ss') | 3);
  const fpu = ucontext.get(uc, 'fpstate');
  restoreAltStack(t, ucontext.get(uc, 'ss_sp'), ucontext.get(uc, 'ss_flags'), ucontext.get(uc, 'ss_size'));
  if (fpu === 0) {
    clearFpu(regs);
    return true;
  }
  const state = memory.readable(fpu, FRAME_FPU_BYTES) ?? memory.readable(fpu, 512);
  return state !== null && restoreFrameFpu(regs, state, true);
}
