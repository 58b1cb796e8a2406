import { Cpu, Gpr } from '../../../machine/cpuState.ts';
import { Access } from '../../../machine/exit.ts';
import type { Task } from '../../task/task.ts';

/** The page's lower half; it lies at 0xffffffffff600000, can be called and not be read. */
const PAGE = 0xff600000;
/** gettimeofday, time, getcpu. */
const CALLS = [96, 201, 309];

/**
 * A fetch fault at one of the three entries of the vsyscall page becomes the call (emulate_vsyscall): the registers are as if the
 * caller had made it by itself. False: it is another fault.
 */
export function enterVsyscall(t: Task): boolean {
  const { regs } = t, lo = regs.u32(Cpu.exitAddr);
  if (regs.u32(Cpu.exitCode) !== Access.execute || regs.u32(Cpu.exitAddr + 4) !== 0xffffffff || (lo & ~0xc00) >>> 0 !== PAGE) return false;
  const call = CALLS[(lo >>> 10) & 3], caller = t.memory.u64(regs.gpr(Gpr.rsp));
  if (call === undefined || caller === null) return false;
  regs.setGpr(Gpr.rax, call);
  regs.setGpr(Gpr.rsp, regs.gpr(Gpr.rsp) + 8);
  regs.rip = caller;
  return true;
}
