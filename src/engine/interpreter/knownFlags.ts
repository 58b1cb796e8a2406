/**
 * Cases for readers of flags that expect the flags of a certain kind and size (the decoder saw what set them a few records before),
 * so that a condition is one comparison. They look at Cpu.ccOp first: when the instruction is reached some other way, the
 * general case does it.
 */
import { CcOp } from '../../machine/cpuState.ts';
import { conditionOfRow, mnemonics, ROW_COUNT, rowChangesFlags } from '../../isa/mnemonics.ts';
import { Kind, type Instruction } from '../../isa/instruction.ts';
import type { Row } from '../../isa/row.ts';
import { caseKey, VARIANTS } from './cases.ts';

/** What setFlags each mnemonic ends with; the operand size is that of its first operand. */
const kindOf: Record<string, number> = {
  cmp: CcOp.sub, sub: CcOp.sub, neg: CcOp.sub, test: CcOp.logic, and: CcOp.logic, or: CcOp.logic, xor: CcOp.logic, add: CcOp.add,
  inc: CcOp.inc, dec: CcOp.dec, adc: CcOp.adc, sbb: CcOp.sbb, shl: CcOp.shl, shr: CcOp.shr, sar: CcOp.shr,
};
const kinds = Int8Array.from(mnemonics, (m) => kindOf[m] ?? -1);
/** 1: changes no flags when its second operand is a register that holds 0. */
const byCount = Uint8Array.from(mnemonics, (m) => (m === 'shl' || m === 'shr' || m === 'sar' ? 1 : 0));

/** Cpu.ccOp after an instruction as far as the decoder can tell: -1 = unknown. */
export function flagsAfter(i: Instruction, before: number): number {
  if (rowChangesFlags[i.row] === 0) return before;
  const kind = kinds[i.mnemonic]!;
  if (kind < 0 || (byCount[i.mnemonic] !== 0 && i.operandCount > 1 && i.op[1]!.kind === Kind.gpr)) return -1;
  return kind * 4 + (31 - Math.clz32(i.op0.size));
}

/** Even condition codes by number, half of it (1: CF, 2: ZF, 3: CF or ZF, 4: SF, 6: SF != OF, 7: that or ZF), that each kind decides by comparison. */
const decided: Record<number, readonly number[]> = {
  [CcOp.sub]: [1, 2, 3, 4, 6, 7], [CcOp.logic]: [1, 2, 3, 4, 6, 7], [CcOp.add]: [1, 2, 4], [CcOp.adc]: [1, 2, 4], [CcOp.sbb]: [1, 2, 4],
  [CcOp.inc]: [1, 2, 4], [CcOp.dec]: [1, 2, 4], [CcOp.shl]: [2, 4], [CcOp.shr]: [1, 2, 4],
};

/** After which kinds, and in which sizes (log2), a reader has cases of its own. */
interface Reader { kinds: readonly number[]; sizes: readonly number[] }
const all = [0, 1, 2, 3], words = [2, 3];
const carryReader: Reader = { kinds: [CcOp.sub, CcOp.logic, CcOp.add, CcOp.inc, CcOp.dec], sizes: words };
const readers: Record<string, Reader> = {
  jcc: { kinds: Object.keys(decided).map(Number), sizes: all },
  setcc: { kinds: [CcOp.sub, CcOp.logic], sizes: all },
  cmovcc: { kinds: [CcOp.sub, CcOp.logic], sizes: all },
  adc: { kinds: [CcOp.add, CcOp.adc], sizes: words },
  sbb: { kinds: [CcOp.sub, CcOp.sbb, CcOp.add], sizes: words },
  inc: carryReader, dec: carryReader,
};
const isReader = Uint8Array.from(mnemonics, (m) => (m in readers ? 1 : 0));

/** Values of Cpu.ccOp after which an instruction of the row has a case of its own. */
export function expectedFlags(row: Row): number[] {
  const reader = readers[row.mnemonic];
  if (reader === undefined) return [];
  const condition = conditionOfRow[row.id]! < 0 ? 1 : conditionOfRow[row.id]! >> 1;
  return reader.kinds.filter((kind) => decided[kind]!.includes(condition)).flatMap((kind) => reader.sizes.map((log) => kind * 4 + log));
}

/** Whether there may be such cases at all. */
export function readsFlags(i: Instruction): boolean {
  return isReader[i.mnemonic] !== 0;
}

/** First key of such cases. */
export const FIRST_KNOWN_KEY = ROW_COUNT * VARIANTS;

export function knownFlagsKey(i: Instruction, form: number, ccOp: number): number {
  return (ccOp + 1) * FIRST_KNOWN_KEY + caseKey(i, form);
}
