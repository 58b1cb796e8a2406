/**
 * SSE operations in the plain version of a region (docs/floating-point.md): there is nothing to note but what is rare, and that is left to the
 * interpreter. What an operation has let pass is clean (floatFacts.ts), so its result is not asked about again as an operand.
 */
import type { IrBuilder, Value } from '../ir/builder.ts';
import type { Lift } from './context.ts';
import type { FloatShape } from './floatFacts.ts';
import { any, compareDoubts, type Doubts, isDenormal, isInfinite, isNaturalZero, isOdd, isPacked, isUnnatural, mayBeOdd } from './sseDoubt.ts';

const NONE: Doubts = { quick: () => [], sure: () => [] };

/** An operand's number and value. */
export type FloatOperand = readonly [k: number, value: Value];

/** Leaves before this instruction when there are doubts. */
export function leaveIfDoubtful(b: IrBuilder, doubts: Doubts): void {
  const leave = () => {
    for (const doubt of doubts.sure()) b.if(doubt, () => void b.op('leaveDoubtful'));
  };
  if (doubts.quick === doubts.sure) {
    leave();
    return;
  }
  b.block((done) => {
    b.block((perhaps) => {
      for (const doubt of doubts.quick()) perhaps(doubt);
      done();
    });
    leave();
  });
}

function isCleanOperand(c: Lift, shape: FloatShape, k: number): boolean {
  return c.source.floats !== null && !c.isMem(k) && c.source.floats.isClean(c.reg(k), shape);
}

/** Those that must be asked about; two that are one register are one. */
function unclean(c: Lift, shape: FloatShape, operands: readonly FloatOperand[]): Value[] {
  const [first, second] = operands;
  const list = second !== undefined && !c.isMem(first![0]) && !c.isMem(second[0]) && c.reg(first![0]) === c.reg(second[0]) ? [first!] : operands;
  return list.filter(([k]) => !isCleanOperand(c, shape, k)).map(([, value]) => value);
}

/** Whether this is the plain version and the numbers are clean. */
export function areClean(c: Lift, shape: FloatShape, ...operands: readonly number[]): boolean {
  return operands.every((k) => isCleanOperand(c, shape, k));
}

/** The destination is clean from here on. */
export function noteClean(c: Lift, shape: FloatShape): void {
  c.source.floats?.noteResult(c.reg(0), shape);
}

/** The destination becomes what operand 1, a register, is: all of it or the low lane of `shape`. */
export function noteCopy(c: Lift, shape: FloatShape | null): void {
  c.source.floats?.copy(c.reg(0), c.reg(1), shape);
}

/** Operands of a comparison, minimum or maximum, or conversion that gives flags for a NaN and DE only. */
export function operandDoubts(c: Lift, shape: FloatShape, ...operands: readonly FloatOperand[]): Doubts {
  const { b } = c, exact = compareDoubts(b, shape, ...operands.map(([, value]) => value));
  if (c.source.floats === null) return exact;
  const list = unclean(c, shape, operands);
  if (isPacked(shape)) return list.length === 0 ? NONE : compareDoubts(b, shape, ...list);
  // Infinities set no flag, but are rare in registers; in memory they may be what all is compared with.
  for (const [k] of operands) if (!c.isMem(k)) c.source.floats.noteOperand(c.reg(k), shape);
  const kept = operands.filter(([k, x]) => c.isMem(k) && list.includes(x)).map(([, x]) => x), moving = list.filter((x) => !kept.includes(x));
  return {
    quick: () => list.map((x) => isOdd(b, shape, x)),
    sure: () => [...compareDoubts(b, shape, ...kept).sure(), ...moving.flatMap((x) => [isInfinite(b, shape, x), isDenormal(b, shape, x)])],
  };
}

/** A sum, product or quotient: OE, UE, ZE, IE, and its operands' DE. `zeros`: a product that is 0 because one of them is 0 has nothing to note; null for a sum. */
export function resultDoubts(c: Lift, shape: FloatShape, result: Value, operands: readonly FloatOperand[], zeros: (() => Value[]) | null, source: FloatShape = shape): Doubts {
  const { b } = c, asked = unclean(c, source, operands);
  return {
    quick: () => {
      if (isPacked(shape)) return [mayBeOdd(b, shape, result, asked)];
      return [isOdd(b, shape, result), ...asked.map((x) => isDenormal(b, source, x))];
    },
    sure: () => {
      const flagged = any(b, source, asked.map((x) => isDenormal(b, source, x)));
      if (zeros === null) return [...any(b, shape, [isInfinite(b, shape, result), isDenormal(b, shape, result)]), ...flagged];
      if (isPacked(shape)) return [...any(b, shape, [isUnnatural(b, shape, result, zeros())]), ...flagged];
      // A scalar is asked for because it is odd itself, or else by an operand that has a flag.
      return [b.op('i32.eqz', isNaturalZero(b, shape, result, zeros())), ...flagged];
    },
  };
}

/** A register that is combined with itself by an exclusive or is 0. */
export function noteZero(c: Lift): void {
  if (c.source.floats === null || c.isMem(1) || c.reg(0) !== c.reg(1)) return;
  noteClean(c, 'f32x4');
  noteClean(c, 'f64x2');
}
