/** Register names, in encoding order, for printing and for tests. */
import { Cpu } from '../machine/cpuState.ts';

const names64 = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'] as const;
const names32 = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi', 'r8d', 'r9d', 'r10d', 'r11d', 'r12d', 'r13d', 'r14d', 'r15d'] as const;
const names16 = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di', 'r8w', 'r9w', 'r10w', 'r11w', 'r12w', 'r13w', 'r14w', 'r15w'] as const;
const names8 = [
  'al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil', 'r8b', 'r9b', 'r10b', 'r11b', 'r12b', 'r13b', 'r14b', 'r15b', 'ah', 'ch', 'dh', 'bh',
] as const;

/** First of the register numbers that mean ah, ch, dh, bh in a one-byte operand. */
export const HIGH_BYTE = 16;

export const segmentNames = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'] as const;

export function gprName(reg: number, size: number): string {
  return (size === 8 ? names64 : size === 4 ? names32 : size === 2 ? names16 : names8)[reg]!;
}

/** Offset in the CPU state of the lowest byte of general register `reg` (HIGH_BYTE.. for ah..bh). */
export function gprOffset(reg: number): number {
  return reg >= HIGH_BYTE ? Cpu.gpr + (reg - HIGH_BYTE) * 8 + 1 : Cpu.gpr + reg * 8;
}
