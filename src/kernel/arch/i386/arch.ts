import { i386 } from '../../../abi/abi.ts';
import { EFAULT, EINVAL, ESRCH } from '../../../abi/linux/errno.ts';
import { Cpu, Gpr, Seg } from '../../../machine/cpuState.ts';
import { writeEflags } from '../../../machine/eflags.ts';
import type { Arch } from '../arch.ts';
import { initFpu } from '../fpuState.ts';
import { USER32_CS, USER_DS } from '../../../machine/descriptors.ts';
import { Convert } from '../../task/syscallTable.ts';
import { popSignal, pushSignal } from './signalFrame.ts';
import { setThreadArea } from './threadArea.ts';

const ARGUMENTS = [Gpr.rbx, Gpr.rcx, Gpr.rdx, Gpr.rsi, Gpr.rdi, Gpr.rbp] as const;
const TWO32 = 4294967296;

export const archI386: Arch = {
  name: 'i386',
  abi: i386,
  // Those that a 64-bit kernel translates (compat_sock_ioctl_trans).
  socketRequests: [
    [0x8910, 0x8910], [0x8913, 0x8924], [0x8927, 0x8927], [0x8931, 0x8937], [0x8942, 0x8943], [0x8946, 0x8949], [0x8970, 0x8971], [0x8990, 0x8994], [0x89a2, 0x89a3], [0x89b0, 0x89b1], [0x89f0, 0x89ff],
  ],
  wordSize: 4,
  elfClass: 1,
  elfMachine: 3,
  argumentRegisters: ARGUMENTS,
  restartSyscallNumber: 0,

  syscallNumber(regs) {
    return regs.lo(Gpr.rax);
  },

  args(t, kinds, out) {
    const { regs } = t;
    let r = 0;
    for (let i = 0; i < 6; i++) {
      if (i >= kinds.length) {
        out[i] = 0;
        continue;
      }
      const lo = regs.lo(ARGUMENTS[r++]!);
      switch (kinds[i]) {
        case Convert.i32:
        case Convert.sword: out[i] = lo; break;
        case Convert.loff: out[i] = regs.lo(ARGUMENTS[r++]!) * TWO32 + (lo >>> 0); break;
        default: out[i] = lo >>> 0; break;
      }
    }
  },

  setResult(regs, result) {
    // Sign-extended for a 64-bit program that came by int 0x80.
    regs.setHalves(Cpu.gpr + Gpr.rax * 8, result >>> 0, regs.long && result < 0 ? -1 : 0);
  },

  result(regs) {
    return regs.lo(Gpr.rax);
  },

  restart(regs, number) {
    regs.setHalves(Cpu.gpr + Gpr.rax * 8, number, 0);
    regs.rip = regs.rip - 2;
  },

  enterBySysenter(t) {
    const { regs } = t;
    // The vDSO's __kernel_vsyscall pushed ebp and put esp there (arch/x86/entry/vdso/vdso32/system_call.S).
    const sixth = t.memory.u32(regs.lo(Gpr.rbp) >>> 0);
    regs.setU32(Cpu.gpr + Gpr.rsp * 8, regs.lo(Gpr.rbp));
    if (t.mm.layout.sysenterReturn !== 0) regs.rip = t.mm.layout.sysenterReturn;
    if (sixth === null) {
      this.setResult(regs, -EFAULT);
      return false;
    }
    regs.setU32(Cpu.gpr + Gpr.rbp * 8, sixth);
    return true;
  },

  start(regs, entry, stack) {
    regs.bytes.fill(0, Cpu.gpr, Cpu.gpr + 128);
    regs.bytes.fill(0, Cpu.segBase, Cpu.interrupt);
    regs.bytes.fill(0, Cpu.tls, Cpu.tls + 24);
    regs.bytes.fill(0, Cpu.xmm, Cpu.mxcsr);
    regs.rip = entry;
    regs.setGpr(Gpr.rsp, stack);
    regs.setU32(Cpu.long, 0);
    regs.setU32(Cpu.segSelector + Seg.cs * 4, USER32_CS);
    for (const segment of [Seg.es, Seg.ss, Seg.ds]) regs.setU32(Cpu.segSelector + segment * 4, USER_DS);
    writeEflags(regs.view, 0x200);
    initFpu(regs);
  },

  childResult(child, stack) {
    child.setHalves(Cpu.gpr + Gpr.rax * 8, 0, 0);
    if (stack !== 0) child.setGpr(Gpr.rsp, stack);
  },

  setTls(t, _regs, tls) {
    const result = setThreadArea(t, tls, false);
    return result === -ESRCH ? -EINVAL : result;
  },

  pushSignal,
  popSignal,
};
