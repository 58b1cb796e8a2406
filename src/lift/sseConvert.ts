/** SSE conversions. The integer indefinite (0x80000000...) of values that do not fit comes from the helpers, with the flags. */
import type { IrBuilder, Value } from '../ir/builder.ts';
import { defineHelpers } from '../ir/helpers.ts';
import type { Lift, Lifter } from './context.ts';
import { beginMmx, joinLow, readVector, shuffleLanes, words, writeLow, writeMmx, zeroVector } from './sseCommon.ts';
import { both, certain, denormalDoubts, isDenormal, isNan, isOdd, isZero, productDoubts, toBits } from './sseDoubt.ts';
import { fromBits, orExact, orExactFloat, readFloat } from './sseFloat.ts';
import { areClean, noteClean, operandDoubts, resultDoubts } from './ssePlain.ts';

defineHelpers({
  f32ToF64: 'i:l', f64ToF32: 'l:i', f32x2ToF64x2: 'v:v', f64x2ToF32x2: 'v:v',
  i32ToF32: 'i:i', i64ToF32: 'l:i', i64ToF64: 'l:l', i32x4ToF32x4: 'v:v',
  f32ToI32: 'ii:i', f32ToI64: 'ii:l', f64ToI32: 'li:i', f64ToI64: 'li:l', f32x4ToI32x4: 'vi:v', f64x2ToI32x2: 'vi:v',
});

/** cvtsi2ss, cvtsi2sd. */
function liftFromInteger(shape: 'f32' | 'f64'): Lifter {
  return (c) => {
    const b = c.b, long = c.opSize(1) === 8, v = c.read(1);
    let result = b.op(`${shape}.convert_${long ? 'i64' : 'i32'}_s`, v);
    if (long || shape === 'f32') {
      const name = `${long ? 'i64' : 'i32'}To${shape.toUpperCase()}`;
      result = orExact(c, shape, result, certain(b, shape, () => []), () => fromBits(b, shape, c.callHelper(name, v)));
    }
    writeLow(c, 0, result);
    noteClean(c, shape);
  };
}

/** cvtss2si, cvtsd2si and their truncating forms. */
function liftToInteger(shape: 'f32' | 'f64', truncate: boolean): Lifter {
  return (c) => {
    const b = c.b, size = c.opSize(0), int = size === 8 ? 'i64' : 'i32', x = readFloat(c, shape, 1);
    const rounded = truncate ? x : b.op(`${shape}.nearest`, x);
    const limit = size === 8 ? 2 ** 63 : 2 ** 31;
    const fits = b.op(`${shape}.lt`, b.op(`${shape}.abs`, rounded), shape === 'f32' ? b.f32(limit) : b.f64(limit));
    const plain = b.op(`${int}.trunc_sat_${shape}_s`, rounded);
    const name = `${shape}To${int.toUpperCase()}`;
    c.write(0, orExact(c, int, plain, certain(b, shape, () => [b.op('i32.eqz', fits)]), () => c.callHelper(name, toBits(b, shape, x), b.i32(truncate ? 1 : 0))));
  };
}

/** cvtss2sd and cvtsd2ss. */
function liftScalarFloat(from: 'f32' | 'f64'): Lifter {
  return (c) => {
    const b = c.b, x = readFloat(c, from, 1);
    if (from === 'f32') {
      const wide = b.op('f64.promote_f32', x);
      if (areClean(c, from, 1)) noteClean(c, 'f64');
      writeLow(c, 0, orExactFloat(c, 'f64', wide, operandDoubts(c, from, [1, x]), () => c.callHelper('f32ToF64', toBits(b, from, x))));
    } else {
      const narrow = b.op('f32.demote_f64', x), zeros = () => [isZero(b, from, x)];
      const doubts = c.source.floats !== null ? resultDoubts(c, 'f32', narrow, [[1, x]], zeros, from) : both(productDoubts(b, 'f32', narrow, [], zeros), denormalDoubts(b, from, [x]));
      noteClean(c, 'f32');
      writeLow(c, 0, orExactFloat(c, 'f32', narrow, doubts, () => c.callHelper('f64ToF32', toBits(b, from, x))));
    }
  };
}

function liftCvtps2pd(c: Lift): void {
  const b = c.b, x = readVector(c, 1);
  const wide = b.op('f64x2.promote_low_f32x4', x), doubts = certain(b, 'f64x2', () => [isNan(b, 'f64x2', wide), isDenormal(b, 'f32x4', joinLow(b, x, x))]);
  c.setXmm(0, orExact(c, 'v128', wide, doubts, () => c.callHelper('f32x2ToF64x2', x)));
}

function liftCvtpd2ps(c: Lift): void {
  const b = c.b, x = readVector(c, 1);
  const narrow = b.op('f32x4.demote_f64x2_zero', x), doubts = certain(b, 'f64x2', () => [isOdd(b, 'f32x4', joinLow(b, narrow, narrow)), isDenormal(b, 'f64x2', x)]);
  c.setXmm(0, orExact(c, 'v128', narrow, doubts, () => c.callHelper('f64x2ToF32x2', x)));
}

function int32ToFloat32(c: Lift, v: Value): Value {
  const b = c.b;
  return orExact(c, 'v128', b.op('f32x4.convert_i32x4_s', v), certain(b, 'f32x4', () => []), () => c.callHelper('i32x4ToF32x4', v));
}

function liftCvtdq2ps(c: Lift): void {
  c.setXmm(0, int32ToFloat32(c, readVector(c, 1)));
}

function liftCvtdq2pd(c: Lift): void {
  c.setXmm(0, c.b.op('f64x2.convert_low_i32x4_s', readVector(c, 1)));
}

/** Packed floats to 32-bit integers; f64x2 gives the low two lanes and zeros. */
function toInt32(c: Lift, shape: 'f32x4' | 'f64x2', x: Value, truncate: boolean): Value {
  const b = c.b;
  const rounded = truncate ? x : b.op(`${shape}.nearest`, x);
  const limit = shape === 'f32x4' ? words(b, 0x4f000000) : b.v128(0, 0x41e00000, 0, 0x41e00000);
  const fits = b.op(`${shape === 'f32x4' ? 'i32x4' : 'i64x2'}.all_true`, b.op(`${shape}.lt`, b.op(`${shape}.abs`, rounded), limit));
  const plain = b.op(shape === 'f32x4' ? 'i32x4.trunc_sat_f32x4_s' : 'i32x4.trunc_sat_f64x2_s_zero', rounded);
  const name = shape === 'f32x4' ? 'f32x4ToI32x4' : 'f64x2ToI32x2';
  return orExact(c, 'v128', plain, certain(b, 'f64', () => [b.op('i32.eqz', fits)]), () => c.callHelper(name, x, b.i32(truncate ? 1 : 0)));
}

function liftPackedToInt(shape: 'f32x4' | 'f64x2', truncate: boolean): Lifter {
  return (c) => c.setXmm(0, toInt32(c, shape, readVector(c, 1), truncate));
}

/** The low half of a vector, the upper half 0, so that its lanes raise nothing. */
function lowOnly(b: IrBuilder, v: Value): Value {
  return joinLow(b, v, zeroVector(b));
}

/** cvtps2pi, cvtpd2pi and their truncating forms. */
function liftToMmx(shape: 'f32x4' | 'f64x2', truncate: boolean): Lifter {
  return (c) => {
    const b = c.b;
    beginMmx(c);
    const x = readVector(c, 1);
    // Before a possible #XM: the processor does not undo the change to MMX state.
    c.mmxState();
    const result = toInt32(c, shape, shape === 'f32x4' ? lowOnly(b, x) : x, truncate);
    writeMmx(c, 0, b.lane('i64x2.extract_lane', 0, result));
  };
}

function liftCvtpi2ps(c: Lift): void {
  const b = c.b;
  beginMmx(c);
  const v = readVector(c, 1);
  if (!c.isMem(1)) c.mmxState();
  const converted = int32ToFloat32(c, lowOnly(b, v));
  c.setXmm(0, shuffleLanes(b, converted, c.xmm(0), [0, 3]));
}

function liftCvtpi2pd(c: Lift): void {
  const b = c.b;
  beginMmx(c);
  const v = readVector(c, 1);
  if (!c.isMem(1)) c.mmxState();
  c.setXmm(0, b.op('f64x2.convert_low_i32x4_s', v));
}

export const sseConvertLifters = {
  cvtsi2ss: liftFromInteger('f32'), cvtsi2sd: liftFromInteger('f64'),
  cvtss2si: liftToInteger('f32', false), cvttss2si: liftToInteger('f32', true),
  cvtsd2si: liftToInteger('f64', false), cvttsd2si: liftToInteger('f64', true),
  cvtss2sd: liftScalarFloat('f32'), cvtsd2ss: liftScalarFloat('f64'),
  cvtps2pd: liftCvtps2pd, cvtpd2ps: liftCvtpd2ps, cvtdq2ps: liftCvtdq2ps, cvtdq2pd: liftCvtdq2pd,
  cvtps2dq: liftPackedToInt('f32x4', false), cvttps2dq: liftPackedToInt('f32x4', true),
  cvtpd2dq: liftPackedToInt('f64x2', false), cvttpd2dq: liftPackedToInt('f64x2', true),
  cvtps2pi: liftToMmx('f32x4', false), cvttps2pi: liftToMmx('f32x4', true),
  cvtpd2pi: liftToMmx('f64x2', false), cvttpd2pi: liftToMmx('f64x2', true),
  cvtpi2ps: liftCvtpi2ps, cvtpi2pd: liftCvtpi2pd,
} satisfies Record<string, Lifter>;
