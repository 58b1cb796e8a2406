import { layoutOf, type Layout } from '../../../abi/layout.ts';
import { SA_ONSTACK, SA_RESTORER, SA_SIGINFO } from '../../../abi/linux/signal.ts';
import * as frames from '../../../abi/i386/sigframe.ts';
import { Cpu, Eflags, Gpr, Seg } from '../../../machine/cpuState.ts';
import { readEflags, writeEflags } from '../../../machine/eflags.ts';
import { afterPush, frameStack, restoreAltStack } from '../../signal/altStack.ts';
import type { SigAction } from '../../signal/handlers.ts';
import type { Siginfo } from '../../signal/siginfo.ts';
import { writeSiginfo } from '../../signal/siginfoLayout.ts';
import { SigSet } from '../../signal/sigset.ts';
import type { Task } from '../../task/task.ts';
import { FRAME_FPU_BYTES, clearFpu, restoreFrameFpu, restoreLegacyFpu, saveFrameFpu, saveLegacyFpu } from '../fpuState.ts';
import { USER32_CS, USER_DS } from '../../../machine/descriptors.ts';
import { setCode, setSegment } from '../segments.ts';

const sigframe = layoutOf(frames.sigframe);
const rtSigframe = layoutOf(frames.rtSigframe);
const sigcontext = layoutOf(frames.sigcontext);
const ucontext = layoutOf(frames.ucontext);
/** struct fregs_state, before the fxsave area. */
const LEGACY_FPU_BYTES = 112;
/** sigcontext's place in ucontext. */
const MCONTEXT_AT = frames.ucontext.fields.gs[0];
/** popl %eax; movl $__NR_sigreturn, %eax; int $0x80 | movl $__NR_rt_sigreturn, %eax; int $0x80: gdb knows frames by it. */
const RETCODE = [0x58, 0xb8, 0x77, 0, 0, 0, 0xcd, 0x80];
const RT_RETCODE = [0xb8, 0xad, 0, 0, 0, 0xcd, 0x80, 0];
const FIX_EFLAGS = Eflags.AC | Eflags.OF | Eflags.DF | Eflags.TF | Eflags.SF | Eflags.ZF | Eflags.AF | Eflags.PF | Eflags.CF | Eflags.RF;

type RegisterName = 'di' | 'si' | 'bp' | 'sp' | 'bx' | 'dx' | 'cx' | 'ax';
const REGISTERS: readonly (readonly [RegisterName, number])[] = [
  ['di', Gpr.rdi], ['si', Gpr.rsi], ['bp', Gpr.rbp], ['sp', Gpr.rsp], ['bx', Gpr.rbx], ['dx', Gpr.rdx], ['cx', Gpr.rcx], ['ax', Gpr.rax],
];
const SEGMENTS = [['gs', Seg.gs], ['fs', Seg.fs], ['es', Seg.es], ['ds', Seg.ds]] as const;

function writeContext(t: Task, sc: Uint8Array, layout: Layout<keyof typeof frames.sigcontext.fields>, fpu: number, oldMask: SigSet): void {
  const { regs } = t;
  for (const [name, n] of REGISTERS) layout.put(sc, name, regs.lo(n) >>> 0);
  for (const [name, n] of SEGMENTS) layout.put(sc, name, regs.u32(Cpu.segSelector + n * 4));
  layout.update(sc, {
    trapno: t.trap.number, err: t.trap.error, ip: regs.u32(Cpu.rip), cs: regs.u32(Cpu.segSelector + Seg.cs * 4), flags: readEflags(regs.view),
    sp_at_signal: regs.lo(Gpr.rsp) >>> 0, ss: regs.u32(Cpu.segSelector + Seg.ss * 4), fpstate: fpu, oldmask: oldMask.lo, cr2: t.trap.cr2Lo,
  });
}

/** arch/x86/kernel/signal_32.c: a frame with siginfo when SA_SIGINFO asks for one, else the old one. */
export function pushSignal(t: Task, info: Siginfo, action: SigAction, oldMask: SigSet): boolean {
  const { regs, memory } = t;
  const sp = frameStack(t, regs.lo(Gpr.rsp) >>> 0, (action.flags & SA_ONSTACK) !== 0);
  if (sp < 0) return false;
  const rt = (action.flags & SA_SIGINFO) !== 0;
  const fx = Math.floor((sp - FRAME_FPU_BYTES) / 64) * 64;
  const fpu = fx - LEGACY_FPU_BYTES;
  const size = rt ? rtSigframe.size : sigframe.size;
  const frame = Math.floor((fpu - size + 4) / 16) * 16 - 4;
  const buf = memory.writable(frame, fx + FRAME_FPU_BYTES - frame);
  if (buf === null) return false;
  saveLegacyFpu(regs, buf.subarray(fpu - frame));
  saveFrameFpu(regs, buf.subarray(fx - frame), false, FRAME_FPU_BYTES + LEGACY_FPU_BYTES);
  buf.fill(0, 0, size);
  const { layout } = t.mm;
  const restorer = (action.flags & SA_RESTORER) !== 0 ? action.restorer : rt ? layout.rtSigreturn : layout.sigreturn;
  if (rt) {
    rtSigframe.update(buf, { pretcode: restorer, sig: info.signo, pinfo: frame + rtSigframe.offset.info, puc: frame + rtSigframe.offset.uc });
    writeSiginfo(t.kernel.parts.archs.i386.abi, rtSigframe.bytes(buf, 'info'), info);
    const uc = rtSigframe.bytes(buf, 'uc');
    ucontext.update(uc, { uc_flags: 1, ss_sp: t.altStack.sp, ss_flags: t.altStack.flags, ss_size: t.altStack.size, sigmask: oldMask.lo, sigmask_hi: oldMask.hi });
    writeContext(t, uc.subarray(MCONTEXT_AT), sigcontext, fpu, oldMask);
    rtSigframe.bytes(buf, 'retcode').set(RT_RETCODE);
    regs.setGpr(Gpr.rdx, frame + rtSigframe.offset.info);
    regs.setGpr(Gpr.rcx, frame + rtSigframe.offset.uc);
  } else {
    sigframe.update(buf, { pretcode: restorer, sig: info.signo, extramask: oldMask.hi });
    writeContext(t, sigframe.bytes(buf, 'sc'), sigcontext, fpu, oldMask);
    sigframe.bytes(buf, 'retcode').set(RETCODE);
    regs.setGpr(Gpr.rdx, 0);
    regs.setGpr(Gpr.rcx, 0);
  }
  regs.setGpr(Gpr.rax, info.signo);
  regs.setGpr(Gpr.rsp, frame);
  regs.rip = action.handler;
  setCode(regs, USER32_CS);
  for (const segment of [Seg.es, Seg.ss, Seg.ds]) setSegment(t, segment, USER_DS);
  writeEflags(regs.view, readEflags(regs.view) & ~(Eflags.DF | Eflags.RF | Eflags.TF));
  clearFpu(regs);
  afterPush(t);
  return true;
}

/** sigreturn and rt_sigreturn. */
export function popSignal(t: Task, rt: boolean): boolean {
  const { regs, memory } = t;
  const sp = regs.lo(Gpr.rsp) >>> 0;
  // The handler's ret took pretcode; sigreturn's stub also popped the signal number.
  const frame = rt ? sp - 4 : sp - 8;
  const buf = memory.readable(frame, rt ? rtSigframe.offset.retcode : sigframe.offset.retcode);
  if (buf === null) return false;
  let sc: Uint8Array;
  if (rt) {
    const uc = rtSigframe.bytes(buf, 'uc');
    t.setBlocked(new SigSet(ucontext.lo(uc, 'sigmask'), ucontext.lo(uc, 'sigmask_hi')));
    restoreAltStack(t, ucontext.get(uc, 'ss_sp'), ucontext.get(uc, 'ss_flags'), ucontext.get(uc, 'ss_size'));
    sc = uc.subarray(MCONTEXT_AT);
  } else {
    sc = sigframe.bytes(buf, 'sc');
    t.setBlocked(new SigSet(sigcontext.get(sc, 'oldmask'), sigframe.get(buf, 'extramask')));
  }
  for (const [name, n] of REGISTERS) regs.setHalves(Cpu.gpr + n * 8, sigcontext.lo(sc, name), 0);
  regs.setHalves(Cpu.rip, sigcontext.lo(sc, 'ip'), 0);
  setCode(regs, sigcontext.get(sc, 'cs') | 3);
  setSegment(t, Seg.ss, sigcontext.get(sc, 'ss') | 3);
  for (const [name, n] of SEGMENTS) {
    const selector = sigcontext.get(sc, name);
    if (!setSegment(t, n, selector > 3 ? selector | 3 : selector)) setSegment(t, n, 0);
  }
  writeEflags(regs.view, (readEflags(regs.view) & ~FIX_EFLAGS) | (sigcontext.get(sc, 'flags') & FIX_EFLAGS));
  return restoreFpu(t, sigcontext.get(sc, 'fpstate'));
}

function restoreFpu(t: Task, fpu: number): boolean {
  const { regs, memory } = t;
  if (fpu === 0) {
    clearFpu(regs);
    return true;
  }
  const legacy = memory.readable(fpu, LEGACY_FPU_BYTES)?.slice();
  const at = fpu + LEGACY_FPU_BYTES;
  const state = memory.readable(at, FRAME_FPU_BYTES) ?? memory.readable(at, 512);
  if (legacy === undefined || state === null || !restoreFrameFpu(regs, state, false)) return false;
  restoreLegacyFpu(regs, legacy);
  return true;
}
