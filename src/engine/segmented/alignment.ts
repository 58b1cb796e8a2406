import { type Instruction, Kind } from '../../isa/instruction.ts';
import { mnemonics } from '../../isa/mnemonics.ts';
import { Gpr, Seg } from '../../machine/cpuState.ts';
import type { GuestAccess } from './guestAccess.ts';
import { effectiveAddress } from './operands.ts';

const onStack = new Set(['push', 'pop', 'pushf', 'popf', 'pusha', 'popa', 'call', 'ret', 'leave', 'enter', 'callf', 'retf', 'iret']);
/** Of 16 bytes, wherever they are. */
const unaligned = new Set(['movups', 'movupd', 'movdqu', 'lddqu', 'pcmpestri', 'pcmpestrm', 'pcmpistri', 'pcmpistrm']);
const throughSource = new Set(['movs', 'cmps', 'lods']);
const throughDestination = new Set(['movs', 'cmps', 'stos', 'scas']);

/** Alignment that an operand of `size` bytes must have under EFLAGS.AC (SDM vol. 3, table 6-7). */
function alignmentOf(size: number): number {
  if (size <= 1) return 1;
  return size === 2 || size === 4 || size === 8 || size === 16 ? size : size === 10 ? 8 : 4;
}

/** Whether an access of the instruction is misaligned in the sense of EFLAGS.AC. `element`: bytes of a string's element. */
export function isMisaligned(g: GuestAccess, i: Instruction, element: number): boolean {
  for (let k = 0; k < i.operandCount; k++) {
    const { kind, size } = i.op[k]!;
    if (kind !== Kind.mem || size === 0) continue;
    // the others raise #GP, always
    if (size === 16 && !unaligned.has(mnemonics[i.mnemonic]!)) return false;
    const offset = effectiveAddress(g, i, 0);
    const at = g.wide ? offset : offset + g.segments.base[i.memSegment]!;
    return at % alignmentOf(size) !== 0;
  }
  const name = mnemonics[i.mnemonic]!;
  if (onStack.has(name)) return (g.sp + (g.wide ? 0 : g.segments.base[Seg.ss]!)) % i.operandSize !== 0;
  if (i.rep !== 0 && g.register(Gpr.rcx, i.addressSize) === 0) return false;
  if (throughSource.has(name) && (g.register(Gpr.rsi, i.addressSize) + g.segments.base[i.memSegment]!) % element !== 0) return true;
  return throughDestination.has(name) && (g.register(Gpr.rdi, i.addressSize) + (g.wide ? 0 : g.segments.base[Seg.es]!)) % element !== 0;
}
