/** Instructions that use the stack, where the stack segment is not all of memory. */
import { type Instruction, Kind } from '../../isa/instruction.ts';
import { mnemonics } from '../../isa/mnemonics.ts';
import { Cpu, Gpr } from '../../machine/cpuState.ts';
import type { GuestAccess } from './guestAccess.ts';

/** Bytes pushed (> 0) or popped (< 0) by an instruction that the interpreter can do with a linear stack pointer; 0: none. */
function movedBytes(i: Instruction): number {
  const size = i.operandSize;
  switch (mnemonics[i.mnemonic]) {
    case 'push': case 'pushf': case 'call': return size;
    case 'pusha': return 8 * size;
    case 'pop': case 'popf': case 'ret': return -size;
    case 'popa': return -8 * size;
    default: return 0;
  }
}

/**
 * Does a stack instruction: `run` runs it in the interpreter, with rsp as a linear address, and says whether it was done. False:
 * it is not one.
 */
export function onStack(g: GuestAccess, i: Instruction, run: () => boolean): boolean {
  const name = mnemonics[i.mnemonic];
  if (name === 'leave') leaveFrame(g, i);
  else if (name === 'enter') enterFrame(g, i);
  else if ((name === 'push' || name === 'pop') && i.op0.kind === Kind.gpr && i.op0.reg === Gpr.rsp) ownPointer(g, i, name === 'push');
  else return translated(g, i, run);
  g.ip += i.length;
  return true;
}

function ownPointer(g: GuestAccess, i: Instruction, push: boolean): void {
  const size = i.operandSize;
  if (push) {
    g.store(g.stackAt(g.sp - size, size, true), size, g.register(Gpr.rsp, size));
    g.sp -= size;
  } else g.setRegister(Gpr.rsp, size, g.load(g.stackAt(g.sp, size, false), size));
}

function translated(g: GuestAccess, i: Instruction, run: () => boolean): boolean {
  const bytes = movedBytes(i);
  if (bytes === 0) return false;
  const before = g.register(Gpr.rsp, 4), sp = g.sp;
  // the lowest byte and how many, and then where the pointer would be
  const lowest = bytes > 0 ? g.stackAt(sp - bytes, bytes, true) : g.stackAt(sp, -bytes, false);
  g.setWord(Cpu.gpr + 8 * Gpr.rsp, (bytes > 0 ? lowest + bytes : lowest) % 2 ** 32);
  const linear = g.register(Gpr.rsp, 4);
  let done = false;
  try {
    done = run();
  } finally {
    const moved = (g.register(Gpr.rsp, 4) - linear) | 0;
    g.setWord(Cpu.gpr + 8 * Gpr.rsp, before);
    if (done) g.sp = sp + moved;
  }
  // pusha has pushed the linear pointer
  if (done && mnemonics[i.mnemonic] === 'pusha') g.store((lowest + 3 * i.operandSize) % 2 ** 32, i.operandSize, i.operandSize === 2 ? before & 0xffff : before);
  return true;
}

function leaveFrame(g: GuestAccess, i: Instruction): void {
  const size = i.operandSize, bp = g.register(Gpr.rbp, g.stackSize);
  const value = g.load(g.stackAt(bp, size, false), size);
  g.sp = bp + size;
  g.setRegister(Gpr.rbp, size, value);
}

/** SDM vol. 2, ENTER. */
function enterFrame(g: GuestAccess, i: Instruction): void {
  const size = i.operandSize, level = i.op1.imm & 31;
  let sp = g.sp - size, bp = g.register(Gpr.rbp, g.stackSize);
  g.store(g.stackAt(sp, size, true), size, g.register(Gpr.rbp, size));
  const frame = g.inStack(sp);
  for (let k = 1; k < level; k++) {
    bp -= size;
    sp -= size;
    g.store(g.stackAt(sp, size, true), size, g.load(g.stackAt(bp, size, false), size));
  }
  if (level > 0) {
    sp -= size;
    g.store(g.stackAt(sp, size, true), size, frame);
  }
  g.setRegister(Gpr.rbp, size, frame);
  g.sp = sp - (i.op0.imm & 0xffff);
}
