/** String instructions, xlat and masked stores where a segment is not all of memory: one element at a time. */
import type { Instruction } from '../../isa/instruction.ts';
import { mnemonics } from '../../isa/mnemonics.ts';
import { Cpu, Eflags, Gpr, Seg } from '../../machine/cpuState.ts';
import type { GuestAccess } from './guestAccess.ts';

/** Elements done before interrupts are looked for; under TF every one is a stop. */
const ELEMENTS = 4096;

const strings: Partial<Record<string, { source: boolean; destination: boolean; writes: boolean; compares: boolean }>> = {
  movs: { source: true, destination: true, writes: true, compares: false },
  cmps: { source: true, destination: true, writes: false, compares: true },
  stos: { source: false, destination: true, writes: true, compares: false },
  lods: { source: true, destination: false, writes: false, compares: false },
  scas: { source: false, destination: true, writes: false, compares: true },
};

const masked = new Set(['maskmovq', 'maskmovdqu']);

/** Element size in bytes: byte forms have the even opcodes. */
function elementSize(i: Instruction, byte: boolean): number {
  return byte ? 1 : i.operandSize;
}

/**
 * Does the instruction, if it is one of these; `run` runs it in the interpreter without its repeat prefix and with linear addresses of
 * 32 bits in rsi and rdi.
 */
export function onString(g: GuestAccess, i: Instruction, byte: boolean, run: () => boolean, statusFlags: () => number): boolean {
  const name = mnemonics[i.mnemonic]!, next = g.ip + i.length, width = i.addressSize, segment = i.memSegment, kind = strings[name];
  if (kind === undefined && name !== 'xlat' && !masked.has(name)) return false;
  // what is run gets linear addresses: an override must not add its base again
  i.addressSize = 4;
  i.memSegment = Seg.ds;
  if (name === 'xlat') {
    const entry = g.register(Gpr.rax, 1), at = g.linear(segment, (g.register(Gpr.rbx, width) + entry) % 2 ** (8 * width), 1, false);
    return withLinear(g, Gpr.rbx, (at - entry) >>> 0, run);
  }
  if (kind === undefined) return withLinear(g, Gpr.rdi, g.linear(segment, g.register(Gpr.rdi, width), name === 'maskmovq' ? 8 : 16, true), run);
  const size = elementSize(i, byte), step = g.word(Cpu.df) === 1 ? size : -size, rep = i.rep;
  i.rep = 0;
  const most = (g.word(Cpu.eflagsSystem) & Eflags.TF) !== 0 ? 1 : ELEMENTS;
  for (let n = 0; n < most; n++) {
    const count = rep === 0 ? 1 : g.register(Gpr.rcx, width);
    if (count === 0) break;
    const si = g.register(Gpr.rsi, width), di = g.register(Gpr.rdi, width);
    const from = kind.source ? g.linear(segment, si, size, false) : 0, to = kind.destination ? g.linear(Seg.es, di, size, kind.writes) : 0;
    withLinear(g, Gpr.rsi, from, () => withLinear(g, Gpr.rdi, to, run));
    if (kind.source) g.setRegister(Gpr.rsi, width, (si + step + 2 ** 32) % 2 ** 32);
    if (kind.destination) g.setRegister(Gpr.rdi, width, (di + step + 2 ** 32) % 2 ** 32);
    if (rep !== 0) {
      g.setRegister(Gpr.rcx, width, count - 1);
      // it is at this instruction until it is over
      g.ip = next - i.length;
      if (count > 1 && !(kind.compares && ((statusFlags() & Eflags.ZF) !== 0) !== (rep === 1))) continue;
    }
    g.ip = next;
    return true;
  }
  if (rep !== 0 && g.register(Gpr.rcx, width) === 0) g.ip = next;
  return true;
}

/** Runs with a linear address in a register, which is as before afterwards. */
function withLinear(g: GuestAccess, register: number, address: number, run: () => boolean): boolean {
  const before = g.word(Cpu.gpr + 8 * register);
  g.setWord(Cpu.gpr + 8 * register, address);
  try {
    return run();
  } finally {
    g.setWord(Cpu.gpr + 8 * register, before);
  }
}
