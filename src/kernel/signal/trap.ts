import {
  BUS_ADRALN, BUS_ADRERR, FPE_FLTDIV, FPE_FLTINV, FPE_FLTOVF, FPE_FLTRES, FPE_FLTUND, FPE_INTDIV, ILL_ILLOPN, SEGV_ACCERR, SEGV_MAPERR, SIGBUS, SIGFPE,
  SIGILL, SIGKILL, SIGSEGV, SIGTRAP, SI_KERNEL, TRAP_BRKPT, TRAP_HWBKPT, TRAP_TRACE,
} from '../../abi/linux/signal.ts';
import { Cpu, Eflags } from '../../machine/cpuState.ts';
import { Access, STEPPED, Vector } from '../../machine/exit.ts';
import { FaultResult } from '../mm/fault.ts';
import { Page, pageOf } from '../mm/page.ts';
import type { Task } from '../task/task.ts';
import { forceSignal, sendToTask } from './send.ts';
import { siginfo } from './siginfo.ts';

/** A refused access (Exit.fault): page it in, or raise SIGSEGV, SIGBUS. `addrHi` is the address's upper half. */
export function raiseFault(t: Task, addr: number, access: number, addrHi: number): void {
  const canonicalUser = addrHi < 0x8000;
  const code = t.mm.fault(addr, access);
  t.kernel.hooks.fault?.(t, addr, access, code);
  if (code === FaultResult.ok) return;
  if (code === FaultResult.noMemory) {
    sendToTask(t, siginfo(SIGKILL, SI_KERNEL));
    return;
  }
  if (!canonicalUser && addrHi < 0xffff8000) {
    // Not canonical: a general protection fault, which names no address.
    t.trap = { number: Vector.GP, error: 0, cr2Lo: t.trap.cr2Lo, cr2Hi: t.trap.cr2Hi };
    forceSignal(t, siginfo(SIGSEGV, SI_KERNEL));
    return;
  }
  const present = isPresent(t, addr, access, addrHi) ? 1 : 0;
  const error = present | (access === Access.write ? 2 : 0) | 4 | (access === Access.execute ? 16 : 0);
  const addrLo = addr % 0x100000000;
  t.trap = { number: Vector.PF, error, cr2Lo: addrLo, cr2Hi: addrHi };
  const where = { addrLo, addrHi };
  if (code === FaultResult.busError) forceSignal(t, siginfo(SIGBUS, BUS_ADRERR, where));
  else forceSignal(t, siginfo(SIGSEGV, code === FaultResult.accessError ? SEGV_ACCERR : SEGV_MAPERR, where));
}

/** The error code's P bit: whether the page table would have had the page. PROT_NONE pages and untouched ones are not there. */
function isPresent(t: Task, addr: number, access: number, addrHi: number): boolean {
  if (addrHi >= 0x8000) return true;
  const vma = t.mm.areas.find(addr);
  // A fetch from a page that may be read has it mapped first, and faults again for want of permission.
  return vma !== null && vma.prot !== 0 && (access === Access.execute || (t.mm.pages[pageOf(addr)]! & (Page.present | Page.shared | Page.lazy)) !== 0);
}

/** The error code of #GP by `int n`: the descriptor it would have needed. */
function interruptError(t: Task): number {
  const { rip } = t.regs;
  return t.memory.u8(rip) === 0xcd ? (t.memory.u8(rip + 1) ?? 0) * 8 + 2 : 0;
}

/** The last 11 bits of the x87 instruction at its instruction pointer. Frames show them while an unmasked exception is pending. */
function floatOpcode(t: Task): number {
  let at = t.regs.u32(Cpu.x87Fip);
  for (let n = 0; n < 15; n++, at++) {
    const byte = t.memory.u8(at);
    if (byte === null) return 0;
    if ((byte & 0xf8) === 0xd8) return ((byte & 7) << 8) | (t.memory.u8(at + 1) ?? 0);
  }
  return 0;
}

/** x87 and SSE exceptions that are unmasked, by priority (fpu__exception_code). */
function floatCode(errors: number): number {
  if ((errors & 0x01) !== 0) return FPE_FLTINV;
  if ((errors & 0x04) !== 0) return FPE_FLTDIV;
  if ((errors & 0x08) !== 0) return FPE_FLTOVF;
  if ((errors & 0x12) !== 0) return FPE_FLTUND;
  return (errors & 0x20) !== 0 ? FPE_FLTRES : 0;
}

/** A processor exception (Exit.trap) becomes its signal (arch/x86/kernel/traps.c). `code`: vector, error code << 16. */
export function raiseTrap(t: Task, code: number): void {
  const vector = code & 0xffff;
  const { regs } = t;
  const where = { addrLo: regs.u32(Cpu.rip), addrHi: regs.u32(Cpu.rip + 4) };
  t.trap = { number: vector, error: vector === Vector.DB ? 0 : code >>> 16, cr2Lo: t.trap.cr2Lo, cr2Hi: t.trap.cr2Hi };
  switch (vector) {
    case Vector.DE: return forceSignal(t, siginfo(SIGFPE, FPE_INTDIV, where));
    case Vector.DB:
      if (t.debug?.stepping) {
        const { singleStep } = t;
        if (t.debug.stepped(t)) return forceSignal(t, siginfo(SIGTRAP, TRAP_HWBKPT, where));
        return singleStep ? forceSignal(t, siginfo(SIGTRAP, TRAP_TRACE, where)) : undefined;
      }
      // int1 (get_si_code of DR6 without a reason)
      if (code !== STEPPED) return forceSignal(t, siginfo(SIGTRAP, TRAP_BRKPT, where));
      regs.setU32(Cpu.eflagsSystem, regs.u32(Cpu.eflagsSystem) & ~(t.singleStep ? Eflags.TF : 0));
      return forceSignal(t, siginfo(SIGTRAP, TRAP_TRACE, where));
    case Vector.BP: return forceSignal(t, siginfo(SIGTRAP, SI_KERNEL));
    case Vector.UD: return forceSignal(t, siginfo(SIGILL, ILL_ILLOPN, where));
    case Vector.NP: case Vector.SS: return forceSignal(t, siginfo(SIGBUS, SI_KERNEL));
    case Vector.AC: return forceSignal(t, siginfo(SIGBUS, BUS_ADRALN));
    case Vector.MF: {
      regs.setU32(Cpu.x87Fop, floatOpcode(t));
      const errors = regs.u32(Cpu.x87Status) & ~regs.u32(Cpu.x87Control) & 0x3f;
      return forceSignal(t, siginfo(SIGFPE, floatCode(errors), where));
    }
    case Vector.XM: {
      const mxcsr = regs.u32(Cpu.mxcsr);
      return forceSignal(t, siginfo(SIGFPE, floatCode(mxcsr & ~(mxcsr >>> 7) & 0x3f), where));
    }
    default:
      if (vector === Vector.GP && t.trap.error === 0) t.trap.error = interruptError(t);
      return forceSignal(t, siginfo(SIGSEGV, SI_KERNEL));
  }
}
