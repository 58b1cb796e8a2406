/**
 * Two instructions in a row as one case: no dispatch between them, and a conditional jump compares the operands themselves. The second
 * instruction keeps its own record, for who jumps to it; the first one's says that both are to be done. When the first refuses, its own
 * function does it alone, and the second follows by its record.
 */
import type { IrBuilder } from '../../ir/builder.ts';
import { opId, ops } from '../../ir/ops.ts';
import { Kind } from '../../isa/instruction.ts';
import { rows } from '../../isa/rows.ts';
import { Lift, type Lifter } from '../../lift/context.ts';
import { Form } from './cases.ts';
import type { Shape } from './enumerate.ts';
import { BehindSetterLift } from './knownFlagsLift.ts';
import { liftShape } from './liftShape.ts';
import { RecordSource } from './source.ts';

/** A hot case, as far as fusing it matters. */
export interface Fusible {
  readonly shape: Shape;
  readonly lifter: Lifter;
  /** Flags it expects; -1: none. */
  readonly ccOp: number;
}

const SET_FLAGS = opId('setFlags');
const letters: Record<number, string> = { [Kind.gpr]: 'r', [Kind.imm]: 'i' };
const formLetters: Record<number, string> = { [Form.base64]: 'm', [Form.base32]: 'm', [Form.index64]: 'x', [Form.index32]: 'x', [Form.absolute64]: 'a' };
const conditions = ['o', 'no', 'b', 'nb', 'z', 'nz', 'be', 'a', 's', 'ns', 'p', 'np', 'l', 'nl', 'le', 'nle'];

/** As fusedPairs.ts calls it. */
export function fusedName({ shape: { instruction: i, form } }: Fusible): string {
  const { mnemonic, cc } = rows[i.row]!;
  if (mnemonic === 'jcc') return `j${conditions[cc]}`;
  const operands = i.op.slice(0, i.operandCount).map((o) => (o.kind === Kind.mem ? formLetters[form] : letters[o.kind]) ?? '?');
  return `${mnemonic}${i.op[0]!.size || i.operandSize} ${operands.join('')}`;
}

/** `first`, then `second`; null where they cannot be a pair. */
export function fused(first: Fusible, second: Fusible): IrBuilder | null {
  const ofTwoModes = first.shape.mode !== second.shape.mode && first.shape.form >= 0 && second.shape.form >= 0;
  if (first.ccOp >= 0 || ofTwoModes) return null;
  const b = liftShape(first.shape, first.lifter), { code } = b, i = second.shape.instruction, row = rows[i.row]!;
  let setter = -1;
  for (let n = 0; n < code.length; n++) {
    const { effect } = ops[code.op[n]!]!;
    if (effect === 'control' || effect === 'exit') throw new Error(`${fusedName(first)} does not go straight on`);
    if (code.op[n] === SET_FLAGS) setter = n;
  }
  b.op('nextRecord');
  const source = new RecordSource(i, second.shape.form);
  if (row.mnemonic === 'jcc') {
    if (setter < 0 || second.ccOp < 0 || code.imm[setter]! * 4 + Math.log2(code.imm2[setter]!) !== second.ccOp) return null;
    second.lifter(new BehindSetterLift(b, i, row, source, setter));
    return b;
  }
  second.lifter(new Lift(b, i, row, source));
  return b;
}
