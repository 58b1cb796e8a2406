/**
 * Conditional jumps that expect the flags of a certain kind and size (the decoder saw what set them a few records before), so
 * that the condition is one comparison. A test of Cpu.ccOp keeps them right when the jump is reached some other way.
 */
import type { IrBuilder, Value } from '../../ir/builder.ts';
import { CcOp, Cpu } from '../../machine/cpuState.ts';
import { mnemonics, ROW_COUNT, rowChangesFlags } from '../../isa/mnemonics.ts';
import type { Instruction } from '../../isa/instruction.ts';
import { VARIANTS } from './cases.ts';

/** What setFlags each mnemonic ends with; the operand size is that of its first operand. */
const kindOf: Record<string, number> = {
  cmp: CcOp.sub, sub: CcOp.sub, neg: CcOp.sub, test: CcOp.logic, and: CcOp.logic, or: CcOp.logic, xor: CcOp.logic, add: CcOp.add,
  inc: CcOp.inc, dec: CcOp.dec,
};
const kinds = Int8Array.from(mnemonics, (m) => kindOf[m] ?? -1);

/** Cpu.ccOp after an instruction as far as the decoder can tell: -1 = unknown. */
export function flagsAfter(i: Instruction, before: number): number {
  if (rowChangesFlags[i.row] === 0) return before;
  const kind = kinds[i.mnemonic]!;
  return kind < 0 ? -1 : kind * 4 + (31 - Math.clz32(i.op0.size));
}

/** Kinds and conditions that are worth a case. */
export function* fastBranches(): Generator<{ cc: number; ccOp: number }> {
  for (const kind of [CcOp.sub, CcOp.logic, CcOp.add, CcOp.inc, CcOp.dec]) {
    for (let log = 0; log < 4; log++) for (let cc = 0; cc < 16; cc++) if (conditions(kind).includes(cc >> 1)) yield { cc, ccOp: kind * 4 + log };
  }
}

function conditions(kind: number): readonly number[] {
  if (kind === CcOp.sub) return [1, 2, 3, 4, 6, 7];
  if (kind === CcOp.logic) return [2, 3, 4, 6, 7];
  return kind === CcOp.add ? [1, 2, 4] : [2, 4];
}

export function fastBranchKey(cc: number, ccOp: number): number {
  return ROW_COUNT * VARIANTS + cc * 64 + ccOp;
}

/** The even condition of a pair, by comparison. */
function direct(b: IrBuilder, condition: number, kind: number, size: number): Value {
  const type = size === 8 ? 'i64' : 'i32', width = size === 8 ? 8 : 4;
  const shift = size < 4 ? 32 - 8 * size : 0;
  /** At the top of an i32, so that all comparisons work. */
  const up = (v: Value): Value => (shift === 0 ? v : b.op('i32.shl', v, b.i32(shift)));
  const raw = (at: number): Value => b.get(width, at);
  const dst = (): Value => up(raw(Cpu.ccDst)), src = (): Value => up(raw(Cpu.ccSrc));
  const zero = (): Value => (size === 8 ? b.i64(0) : b.i32(0));
  const first = (): Value => up(b.op(`${type}.add`, raw(Cpu.ccDst), raw(Cpu.ccSrc)));
  if (condition === 2 || (kind === CcOp.logic && condition === 3)) return b.op(`${type}.eqz`, dst());
  if (condition === 4) return b.op(`${type}.lt_s`, dst(), zero());
  if (kind === CcOp.logic) return b.op(`${type}.${condition === 6 ? 'lt_s' : 'le_s'}`, dst(), zero());
  if (kind === CcOp.add) return b.op(`${type}.lt_u`, dst(), src());
  const op = condition === 1 ? 'lt_u' : condition === 3 ? 'le_u' : condition === 6 ? 'lt_s' : 'le_s';
  return b.op(`${type}.${op}`, first(), src());
}

/** The whole case. */
export function fastBranch(b: IrBuilder, cc: number, ccOp: number): void {
  const size = 1 << (ccOp & 3), taken = b.var('i32');
  b.if(b.op('i32.eq', b.get(4, Cpu.ccOp), b.i32(ccOp)), () => {
    b.setVar(taken, direct(b, cc >> 1, ccOp >> 2, size));
  }, () => b.setVar(taken, b.opImm('cond', cc & 14)));
  b.op('branch', (cc & 1) !== 0 ? b.op('i32.eqz', b.getVar(taken)) : b.getVar(taken));
}
