import { BASE_RIP, type Instruction, Kind } from '../../isa/instruction.ts';
import { mnemonics } from '../../isa/mnemonics.ts';
import { Cpu, Gpr, Seg } from '../../machine/cpuState.ts';
import type { GuestAccess } from './guestAccess.ts';

/** Offset of the memory operand in its segment; with 64-bit addresses the linear one. `popped`: what the instruction takes off the stack before it uses rsp as a base. */
export function effectiveAddress(g: GuestAccess, i: Instruction, popped: number): number {
  if (i.addressSize === 8) return wideAddress(g, i, popped);
  const modulus = 2 ** (8 * i.addressSize);
  const segment = g.wide && i.memSegment >= Seg.fs ? g.segments.base[i.memSegment]! : 0;
  let sum = i.disp;
  if (i.base === BASE_RIP) sum += g.ip + i.length;
  else if (i.base >= 0) sum += g.register(i.base, i.addressSize);
  if (i.base === Gpr.rsp) sum += popped;
  if (i.index >= 0) sum += g.register(i.index, i.addressSize) * (1 << i.scale);
  return segment + (((sum % modulus) + modulus) % modulus);
}

/** With the segment's base. */
function wideAddress(g: GuestAccess, i: Instruction, popped: number): number {
  let sum = (BigInt(i.dispHigh) << 32n) + BigInt(i.disp >>> 0);
  if (i.base === BASE_RIP) sum += BigInt(g.ip + i.length);
  else if (i.base >= 0) sum += g.wideWord(Cpu.gpr + 8 * i.base);
  if (i.base === Gpr.rsp) sum += BigInt(popped);
  if (i.index >= 0) sum += g.wideWord(Cpu.gpr + 8 * i.index) << BigInt(i.scale);
  if (i.memSegment >= Seg.fs) sum += g.wideWord(Cpu.segBase + 8 * i.memSegment);
  return Number(BigInt.asUintN(64, sum));
}

/** Whose first operand is only read. */
const readers = new Set([
  'cmp', 'test', 'bt', 'push', 'jmp', 'call', 'div', 'idiv', 'mul', 'imul', 'ldmxcsr', 'fxrstor', 'xrstor', 'fld', 'fild', 'fbld', 'fldcw', 'fldenv', 'frstor',
  'fadd', 'fsub', 'fsubr', 'fmul', 'fdiv', 'fdivr', 'fcom', 'fcomp', 'fiadd', 'fisub', 'fisubr', 'fimul', 'fidiv', 'fidivr', 'ficom', 'ficomp', 'verr', 'verw', 'nop',
]);

/** Whether the instruction writes its memory operand. */
export function writesMemory(i: Instruction): boolean {
  return i.op0.kind === Kind.mem && !readers.has(mnemonics[i.mnemonic]!);
}
