/**
 * What is asked of operands and results of a plain SSE operation (docs/floating-point.md): whether there may be a flag to note
 * besides PE; the helper of the operation then looks exactly.
 */
import type { IrBuilder, Value } from '../ir/builder.ts';
import { words } from './sseCommon.ts';

/** f32, f64: the low lane alone; f32x4, f64x2: packed. */
export type FloatShape = 'f32' | 'f64' | 'f32x4' | 'f64x2';

export function isPacked(shape: FloatShape): boolean {
  return shape === 'f32x4' || shape === 'f64x2';
}

/** A value as the bits a helper takes. */
export function toBits(b: IrBuilder, shape: FloatShape, v: Value): Value {
  if (shape === 'f32') return b.op('i32.reinterpret_f32', v);
  if (shape === 'f64') return b.op('i64.reinterpret_f64', v);
  return v;
}

/**
 * Doubts as conditions (i32) that are not zero when the helper must look. Those of packed values, which are masks by lane, are
 * brought together for one test.
 */
export function conditions(b: IrBuilder, shape: FloatShape, doubts: readonly Value[]): Value[] {
  if (!isPacked(shape)) return [...doubts];
  return [b.op('v128.any_true', doubts.reduce((all, mask) => b.op('v128.or', all, mask)))];
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
