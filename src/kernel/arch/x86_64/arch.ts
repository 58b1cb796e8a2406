import { x86_64 } from '../../../abi/abi.ts';
import { EPERM } from '../../../abi/linux/errno.ts';
import { Cpu, Gpr, Seg } from '../../../machine/cpuState.ts';
import { writeEflags } from '../../../machine/eflags.ts';
import type { Arch } from '../arch.ts';
import { initFpu } from '../fpuState.ts';
import type { Registers } from '../registers.ts';
import { USER_CS, USER_DS } from '../../../machine/descriptors.ts';
import { Convert } from '../../task/syscallTable.ts';
import { popSignal, pushSignal } from './signalFrame.ts';

const ARGUMENTS = [Gpr.rdi, Gpr.rsi, Gpr.rdx, Gpr.r10, Gpr.r8, Gpr.r9] as const;
const TWO32 = 4294967296;
/** TASK_SIZE_MAX: a segment base above it is refused. */
const TASK_SIZE_MAX = 0x7ffffffff000;

export const archX86_64: Arch = {
  name: 'x86_64',
  abi: x86_64,
  socketRequests: null,
  wordSize: 8,
  elfClass: 2,
  elfMachine: 62,
  argumentRegisters: ARGUMENTS,
  restartSyscallNumber: 219,

  syscallNumber(regs) {
    return regs.lo(Gpr.rax);
  },

  args(t, kinds, out) {
    const { regs } = t;
    for (let i = 0; i < 6; i++) {
      if (i >= kinds.length) {
        out[i] = 0;
        continue;
      }
      const n = ARGUMENTS[i]!;
      const lo = regs.lo(n);
      switch (kinds[i]) {
        case Convert.i32: out[i] = lo; break;
        case Convert.u32: out[i] = lo >>> 0; break;
        case Convert.word: out[i] = (regs.hi(n) >>> 0) * TWO32 + (lo >>> 0); break;
        default: out[i] = regs.hi(n) * TWO32 + (lo >>> 0); break;
      }
    }
  },

  setResult(regs, result) {
    regs.setHalves(Cpu.gpr + Gpr.rax * 8, result >>> 0, Math.floor(result / TWO32));
  },

  result(regs) {
    return regs.hi(Gpr.rax) * TWO32 + (regs.lo(Gpr.rax) >>> 0);
  },

  restart(regs, number) {
    regs.setHalves(Cpu.gpr + Gpr.rax * 8, number, 0);
    regs.rip = regs.rip - 2;
  },

  enterBySysenter() {
    return true;
  },

  start(regs, entry, stack) {
    regs.bytes.fill(0, Cpu.gpr, Cpu.gpr + 128);
    regs.bytes.fill(0, Cpu.segBase, Cpu.interrupt);
    regs.bytes.fill(0, Cpu.tls, Cpu.tls + 24);
    regs.bytes.fill(0, Cpu.xmm, Cpu.mxcsr);
    regs.rip = entry;
    regs.setGpr(Gpr.rsp, stack);
    regs.setU32(Cpu.long, 1);
    regs.setU32(Cpu.segSelector + Seg.cs * 4, USER_CS);
    regs.setU32(Cpu.segSelector + Seg.ss * 4, USER_DS);
    writeEflags(regs.view, 0x200);
    initFpu(regs);
  },

  childResult(child, stack) {
    child.setHalves(Cpu.gpr + Gpr.rax * 8, 0, 0);
    if (stack !== 0) child.setGpr(Gpr.rsp, stack);
  },

  setTls(_t, regs, tls) {
    if (tls >= TASK_SIZE_MAX) return -EPERM;
    setFsBase(regs, tls);
    return 0;
  },

  pushSignal,
  popSignal,
};

export function setFsBase(regs: Registers, base: number): void {
  regs.setU32(Cpu.segSelector + Seg.fs * 4, 0);
  regs.setU64(Cpu.segBase + Seg.fs * 8, base);
}
