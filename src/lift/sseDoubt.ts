/**
 * What is asked of operands and results of a plain SSE operation (docs/floating-point.md): whether there may be a flag to note
 * besides PE; the helper of the operation then looks exactly.
 */
import { boundNumber } from '../ir/bounds.ts';
import type { IrBuilder, Value } from '../ir/builder.ts';
import type { FloatShape } from './floatFacts.ts';
import { words } from './sseCommon.ts';

/**
 * Questions as conditions (i32, not 0 = yes). `quick` is short, and says yes for some zeros and others too, and in translated regions
 * while flags must be looked at anyhow (ir/bounds.ts); then `sure` is asked. They are functions because each makes its values in a block of
 * its own.
 */
export interface Doubts {
  quick(): Value[];
  sure(): Value[];
}

export function isPacked(shape: FloatShape): boolean {
  return shape === 'f32x4' || shape === 'f64x2';
}

/** A value as the bits a helper takes. */
export function toBits(b: IrBuilder, shape: FloatShape, v: Value): Value {
  if (shape === 'f32') return b.op('i32.reinterpret_f32', v);
  if (shape === 'f64') return b.op('i64.reinterpret_f64', v);
  return v;
}

/** Conditions, or masks by lane of packed values, that are asked once and for all. */
export function certain(b: IrBuilder, shape: FloatShape, ask: () => Value[]): Doubts {
  const conditions = () => any(b, shape, ask());
  return { quick: conditions, sure: conditions };
}

export function both(one: Doubts, other: Doubts): Doubts {
  return { quick: () => [...one.quick(), ...other.quick()], sure: () => [...one.sure(), ...other.sure()] };
}

/** A sum or difference: OE, IE; its operands: DE. (A sum that is tiny is exact.) */
export function sumDoubts(b: IrBuilder, shape: FloatShape, sum: Value, ...operands: Value[]): Doubts {
  const finite: Doubts = {
    quick: () => {
      const below = b.op(`${shape}.lt`, b.op(`${shape}.abs`, sum), bound(b, shape, 'infinity'));
      return [isPacked(shape) ? fails(b, shape, b.op('v128.and', below, isNormal(b, shape, operands))) : b.op('i32.eqz', below)];
    },
    sure: () => any(b, shape, [isInfinite(b, shape, sum)]),
  };
  return both(finite, denormalDoubts(b, shape, operands, isPacked(shape)));
}

/** A product, quotient or narrowed number: UE, OE, ZE, IE; its operands: DE. One that is 0 because one of `zeros` is 0 has nothing to note. */
export function productDoubts(b: IrBuilder, shape: FloatShape, product: Value, operands: readonly Value[], zeros: () => Value[]): Doubts {
  const packed = isPacked(shape);
  const usual: Doubts = {
    quick: () => {
      if (packed) return [mayBeOdd(b, shape, product, operands)];
      const size = b.op(`${shape}.abs`, product), below = b.op(`${shape}.lt`, size, bound(b, shape, 'infinity'));
      return [b.op('i32.eqz', b.op(`${shape}.gt`, size, bound(b, shape, 'least'))), b.op('i32.eqz', below)];
    },
    sure: () => any(b, shape, [isUnnatural(b, shape, product, zeros())]),
  };
  return both(usual, denormalDoubts(b, shape, operands, packed));
}

/** Operands of a comparison, minimum or maximum, or of a conversion that gives flags for a NaN and DE only. */
export function compareDoubts(b: IrBuilder, shape: FloatShape, ...operands: Value[]): Doubts {
  return {
    quick: () => {
      if (isPacked(shape)) return [fails(b, shape, operands.map((x) => isNormal(b, shape, [x])).reduce((all, one) => b.op('v128.and', all, one)))];
      const numbers = operands.map((x) => b.op('i32.eqz', b.op(`${shape}.le`, b.op(`${shape}.abs`, x), bound(b, shape, 'infinity'))));
      return [...numbers, ...operands.map((x) => isDenormal(b, shape, x))];
    },
    sure: () => any(b, shape, operands.flatMap((x) => [isNan(b, shape, x), isDenormal(b, shape, x)])),
  };
}

/** A square root and what it was taken of: IE for negative numbers and NaN, DE. */
export function rootDoubts(b: IrBuilder, shape: FloatShape, root: Value, x: Value): Doubts {
  return {
    quick: () => {
      const large = b.op(`${shape}.ge`, x, bound(b, shape, 'least'));
      return [isPacked(shape) ? fails(b, shape, large) : b.op('i32.eqz', large)];
    },
    sure: () => any(b, shape, [isNan(b, shape, root), isDenormal(b, shape, x)]),
  };
}

/** Denormal operands. `covered`: the quick question has been asked together with another. */
export function denormalDoubts(b: IrBuilder, shape: FloatShape, operands: readonly Value[], covered = false): Doubts {
  return {
    quick: () => {
      if (covered) return [];
      if (isPacked(shape)) return [fails(b, shape, isNormal(b, shape, operands))];
      // By integers: the floating-point units have enough to do.
      return operands.map((x) => isDenormal(b, shape, x));
    },
    sure: () => any(b, shape, operands.map((x) => isDenormal(b, shape, x))),
  };
}

/** A product, quotient or narrowed number in doubt that is not 0 because one of `zeros` (conditions) says so. */
export function isUnnatural(b: IrBuilder, shape: FloatShape, product: Value, zeros: readonly Value[]): Value {
  const natural = isNaturalZero(b, shape, product, zeros), odd = isOdd(b, shape, product);
  return isPacked(shape) ? b.op('v128.andnot', odd, natural) : b.op('i32.gt_u', odd, natural);
}

/** Whether it is 0 and one of `zeros` holds. */
export function isNaturalZero(b: IrBuilder, shape: FloatShape, product: Value, zeros: readonly Value[]): Value {
  const packed = isPacked(shape);
  return b.op(packed ? 'v128.and' : 'i32.and', isZero(b, shape, product), zeros.reduce((all, one) => b.op(packed ? 'v128.or' : 'i32.or', all, one)));
}

/** Whether a lane of a packed result may not be finite, or one of it or `others` not a normal number above the smallest. */
export function mayBeOdd(b: IrBuilder, shape: FloatShape, result: Value, others: readonly Value[]): Value {
  const below = b.op(`${shape}.lt`, b.op(`${shape}.abs`, result), bound(b, shape, 'infinity'));
  return fails(b, shape, b.op('v128.and', below, isNormal(b, shape, [...others, result], 'above')));
}

/** Masks by lane are brought together for one test. */
export function any(b: IrBuilder, shape: FloatShape, list: Value[]): Value[] {
  if (!isPacked(shape) || list.length === 0) return list;
  return [b.op('v128.any_true', list.reduce((all, mask) => b.op('v128.or', all, mask)))];
}

function bound(b: IrBuilder, shape: FloatShape, which: 'least' | 'above' | 'infinity'): Value {
  return b.bound(boundNumber(shape, which));
}

/** Whether the mask has a lane that is 0. */
function fails(b: IrBuilder, shape: FloatShape, mask: Value): Value {
  const single = shape === 'f32x4';
  return b.op('i32.ne', b.op(single ? 'i32x4.bitmask' : 'i64x2.bitmask', mask), b.i32(single ? 15 : 3));
}

/** Mask of lanes in which no value is 0, denormal or NaN; nor, with `above`, the smallest normal number. (One NaN may be hidden by a smaller number.) */
function isNormal(b: IrBuilder, shape: FloatShape, values: readonly Value[], above: 'least' | 'above' = 'least'): Value {
  const smallest = values.map((v) => b.op(`${shape}.abs`, v)).reduce((low, v) => b.op(`${shape}.pmin`, low, v));
  return b.op(`${shape}.ge`, smallest, bound(b, shape, above));
}

export function isZero(b: IrBuilder, shape: FloatShape, v: Value): Value {
  const zero = isPacked(shape) ? words(b, 0) : shape === 'f32' ? b.f32(0) : b.f64(0);
  return b.op(`${shape}.eq`, v, zero);
}

/** A NaN. */
export function isNan(b: IrBuilder, shape: FloatShape, v: Value): Value {
  return b.op(`${shape}.ne`, v, v);
}

/** A NaN or an infinity: only these differ from themselves by something that is not a number. */
export function isInfinite(b: IrBuilder, shape: FloatShape, v: Value): Value {
  return isNan(b, shape, b.op(`${shape}.sub`, v, v));
}

/** A denormal number (DE as an operand). Zero, less one, is beyond them all. */
export function isDenormal(b: IrBuilder, shape: FloatShape, v: Value): Value {
  const bits = toBits(b, shape, v);
  switch (shape) {
    case 'f64': return b.op('i64.eqz', b.op('i64.shr_u', b.op('i64.sub', b.op('i64.shl', bits, b.i64(1)), b.i64(1)), b.i64(53)));
    case 'f32': return b.op('i32.lt_u', b.op('i32.sub', b.op('i32.shl', bits, b.i32(1)), b.i32(1)), b.i32(0xffffff));
    case 'f32x4': {
      const magnitude = b.op('v128.and', v, words(b, 0x7fffffff));
      return b.op('i32x4.le_u', b.op('i32x4.add', magnitude, words(b, -1)), words(b, 0x7ffffe));
    }
    case 'f64x2': {
      // a signed comparison is the only one: everything moved by half the range
      const moved = b.op('i64x2.add', b.op('v128.and', v, b.v128(-1, 0x7fffffff, -1, 0x7fffffff)), b.v128(-1, 0x7fffffff, -1, 0x7fffffff));
      return b.op('i64x2.lt_s', moved, b.v128(-1, 0x800fffff | 0, -1, 0x800fffff | 0));
    }
  }
}

/**
 * Anything but a normal number above the smallest normal one, which may have been tiny before rounding: in doubt as the result of
 * a multiplication, division or narrowing (UE, OE).
 */
export function isOdd(b: IrBuilder, shape: FloatShape, v: Value): Value {
  switch (shape) {
    case 'f64': {
      const high = b.op('i32.wrap_i64', b.op('i64.shr_u', toBits(b, shape, v), b.i64(32)));
      return b.op('i32.ge_u', b.op('i32.sub', b.op('i32.shl', high, b.i32(1)), b.i32(0x00400000)), b.i32(0xffa00000 | 0));
    }
    case 'f32': return b.op('i32.ge_u', b.op('i32.sub', b.op('i32.shl', toBits(b, shape, v), b.i32(1)), b.i32(0x02000000)), b.i32(0xfd000000 | 0));
    case 'f32x4': {
      const doubled = b.op('i32x4.shl', v, b.i32(1));
      return b.op('i32x4.ge_u', b.op('i32x4.add', doubled, words(b, -0x02000000)), words(b, 0xfd000000 | 0));
    }
    case 'f64x2': {
      const magnitude = b.op('f64x2.abs', v);
      const above = b.op('f64x2.gt', magnitude, b.v128(0, 0x00100000, 0, 0x00100000));
      return b.op('v128.not', b.op('v128.and', above, b.op('f64x2.lt', magnitude, b.v128(0, 0x7ff00000, 0, 0x7ff00000))));
    }
  }
}
