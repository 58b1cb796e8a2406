/**
 * Packed integers: MMX, SSE2, SSSE3, SSE4.1, SSE4.2. One function serves the MMX and the xmm form of an instruction: an MMX
 * operand is a v128 with both halves alike, of which the low half of the result counts.
 */
import { Kind } from '../isa/instruction.ts';
import type { IrBuilder, Value } from '../ir/builder.ts';
import type { Lift, Lifter } from './context.ts';
import { beginMmx, joinLow, readVector, shuffleLanes, words, writeVector, zeroVector } from './sseCommon.ts';
import { noteZero } from './ssePlain.ts';

/** x = first operand (destination), y = second. */
type Binary = (b: IrBuilder, x: Value, y: Value) => Value;

/** `mmx` where the halves of a vector interact and MMX needs an expression of its own. */
function packed(compute: Binary, mmx: Binary = compute): Lifter {
  return (c) => {
    beginMmx(c);
    const y = readVector(c, 1), x = readVector(c, 0);
    writeVector(c, 0, (c.kind(0) === Kind.mmx ? mmx : compute)(c.b, x, y));
  };
}

function op(name: string): Lifter {
  return packed((b, x, y) => b.op(name, x, y));
}

function liftPxor(c: Lift): void {
  op('v128.xor')(c);
  if (c.kind(0) === Kind.xmm) noteZero(c);
}

/** The destination is not read. */
function unary(compute: (b: IrBuilder, y: Value) => Value): Lifter {
  return (c) => {
    beginMmx(c);
    writeVector(c, 0, compute(c.b, readVector(c, 1)));
  };
}

const lanesOf = { 1: 16, 2: 8, 4: 4, 8: 2 } as const;

/** punpckl / punpckh of lanes of `size` bytes. */
function unpack(size: 1 | 2 | 4 | 8, high: boolean): Lifter {
  const n = lanesOf[size], half = n / 2;
  const interleave = (start: number) => Array.from({ length: n }, (_, i) => start + (i >> 1) + (i & 1) * n);
  const low: Binary = (b, x, y) => shuffleLanes(b, x, y, interleave(0));
  if (!high) return packed(low);
  // The upper half of a 16-byte punpckl is what MMX's punpckh gives.
  return packed((b, x, y) => shuffleLanes(b, x, y, interleave(half)), (b, x, y) => {
    const wide = low(b, x, y);
    return shuffleLanes(b, wide, wide, [1, 1]);
  });
}

/** packsswb and kin: MMX packs [x, y] as one vector. */
function pack(name: string): Lifter {
  return packed((b, x, y) => b.op(name, x, y), (b, x, y) => {
    const both = joinLow(b, x, y);
    return b.op(name, both, both);
  });
}

/** phadd, phsub: even lanes OP odd lanes of [x, y]. */
function horizontal(size: 2 | 4, name: string): Lifter {
  const n = lanesOf[size];
  const even = Array.from({ length: n }, (_, i) => 2 * i), odd = even.map((i) => i + 1);
  const compute: Binary = (b, x, y) => b.op(name, shuffleLanes(b, x, y, even), shuffleLanes(b, x, y, odd));
  return packed(compute, (b, x, y) => {
    const both = joinLow(b, x, y);
    return compute(b, both, both);
  });
}

/** Upper 16 bits of the products. */
function mulHigh(sign: 's' | 'u'): Lifter {
  return packed((b, x, y) => {
    const low = b.op(`i32x4.extmul_low_i16x8_${sign}`, x, y), high = b.op(`i32x4.extmul_high_i16x8_${sign}`, x, y);
    return shuffleLanes(b, low, high, [1, 3, 5, 7, 9, 11, 13, 15]);
  });
}

/** pmulhrsw: as q15mulr_sat_s, but -1 * -1 wraps to -1. */
const pmulhrsw = packed((b, x, y) => {
  const lowest = words(b, 0x80008000 | 0);
  const wraps = b.op('v128.and', b.op('i16x8.eq', x, lowest), b.op('i16x8.eq', y, lowest));
  return b.op('v128.xor', b.op('i16x8.q15mulr_sat_s', x, y), wraps);
});

/** pmaddubsw: unsigned bytes of x by signed bytes of y, pairs added with saturation. */
const pmaddubsw = packed((b, x, y) => {
  const eight = b.i32(8);
  const even = b.op('i16x8.mul', b.op('v128.and', x, words(b, 0x00ff00ff)), b.op('i16x8.shr_s', b.op('i16x8.shl', y, eight), eight));
  const odd = b.op('i16x8.mul', b.op('i16x8.shr_u', x, eight), b.op('i16x8.shr_s', y, eight));
  return b.op('i16x8.add_sat_s', even, odd);
});

/** pmuludq, pmuldq: the even dwords. */
function mulEven(sign: 's' | 'u'): Lifter {
  return packed((b, x, y) => b.op(`i64x2.extmul_low_i32x4_${sign}`, shuffleLanes(b, x, x, [0, 2, 0, 2]), shuffleLanes(b, y, y, [0, 2, 0, 2])));
}

const psadbw = packed((b, x, y) => {
  const difference = b.op('v128.or', b.op('i8x16.sub_sat_u', x, y), b.op('i8x16.sub_sat_u', y, x));
  const sums = b.op('i32x4.extadd_pairwise_i16x8_u', b.op('i16x8.extadd_pairwise_i8x16_u', difference));
  return b.op('i64x2.add', b.op('v128.and', sums, b.v128(-1, 0, -1, 0)), b.op('i64x2.shr_u', sums, b.i32(32)));
});

/** psign: negated where y is negative, zero where y is zero. */
function psign(lane: 'i8x16' | 'i16x8' | 'i32x4'): Lifter {
  return packed((b, x, y) => {
    const zero = zeroVector(b);
    const signed = b.op('v128.bitselect', b.op(`${lane}.neg`, x), x, b.op(`${lane}.lt_s`, y, zero));
    return b.op('v128.andnot', signed, b.op(`${lane}.eq`, y, zero));
  });
}

/** Shift of every lane by one count: the low 64 bits of operand 1, or an immediate byte. Counts past the lane: 0 or sign. */
function shift(lane: 'i16x8' | 'i32x4' | 'i64x2', kind: 'shl' | 'shr_u' | 'shr_s'): Lifter {
  const bits = lane === 'i16x8' ? 16 : lane === 'i32x4' ? 32 : 64;
  return (c) => {
    const b = c.b;
    beginMmx(c);
    const count = shiftCount(c, bits, kind === 'shr_s');
    const v = readVector(c, 0);
    const shifted = b.op(`${lane}.${kind}`, v, count);
    // Beyond the lane: WebAssembly takes the count modulo the lane, x86 gives zeros.
    if (kind === 'shr_s') writeVector(c, 0, shifted);
    else writeVector(c, 0, b.select(b.op('i32.lt_u', count, b.i32(bits)), shifted, zeroVector(b)));
  };
}

/** The count as i32, at most `bits` (`bits - 1` for arithmetic shifts). */
function shiftCount(c: Lift, bits: number, arithmetic: boolean): Value {
  const b = c.b, most = arithmetic ? bits - 1 : bits;
  if (c.isImm(1)) {
    const count = b.op('i32.and', c.imm(1), b.i32(0xff));
    return b.select(b.op('i32.gt_u', count, b.i32(most)), b.i32(most), count);
  }
  const wide = c.isMem(1) && c.opSize(1) === 16 ? b.lane('i64x2.extract_lane', 0, readVector(c, 1)) : c.isMem(1) ? c.read(1) : b.get(8, c.reg(1));
  return b.select(b.op('i64.gt_u', wide, b.i64(most)), b.i32(most), b.op('i32.wrap_i64', wide));
}

/** pmovsx, pmovzx: widening step by step from the low lanes. */
function widening(steps: readonly ('16' | '32' | '64')[], sign: 's' | 'u'): Lifter {
  const names = { '16': `i16x8.extend_low_i8x16_${sign}`, '32': `i32x4.extend_low_i16x8_${sign}`, '64': `i64x2.extend_low_i32x4_${sign}` };
  return (c) => {
    const b = c.b;
    // A 2-byte memory operand comes as i32.
    let v = c.isMem(1) && c.opSize(1) < 4 ? b.op('i32x4.splat', c.read(1)) : c.isMem(1) ? readVector(c, 1) : c.xmm(1);
    for (const step of steps) v = b.op(names[step], v);
    c.setXmm(0, v);
  };
}

/** phminposuw: the smallest word and its number; value * 65536 + number makes both one minimum. */
function liftPhminposuw(c: Lift): void {
  const b = c.b, v = readVector(c, 1), sixteen = b.i32(16);
  const low = b.op('v128.or', b.op('i32x4.shl', b.op('i32x4.extend_low_i16x8_u', v), sixteen), b.v128(0, 1, 2, 3));
  const high = b.op('v128.or', b.op('i32x4.shl', b.op('i32x4.extend_high_i16x8_u', v), sixteen), b.v128(4, 5, 6, 7));
  let least = b.op('i32x4.min_u', low, high);
  least = b.op('i32x4.min_u', least, shuffleLanes(b, least, least, [2, 3, 0, 1]));
  least = b.op('i32x4.min_u', least, shuffleLanes(b, least, least, [1, 0, 3, 2]));
  const word = b.op('i32.rotl', b.lane('i32x4.extract_lane', 0, least), sixteen);
  c.setXmm(0, b.lane('i32x4.replace_lane', 0, zeroVector(b), word));
}

/** ZF = (y & x) == 0, CF = (y & ~x) == 0. */
function liftPtest(c: Lift): void {
  const b = c.b, y = readVector(c, 1), x = c.xmm(0);
  const zero = b.op('i32.shl', b.op('i32.eqz', b.op('v128.any_true', b.op('v128.and', y, x))), b.i32(6));
  const carry = b.op('i32.eqz', b.op('v128.any_true', b.op('v128.andnot', y, x)));
  c.putStatusFlags(b.op('i32.or', zero, carry));
}

function liftPmovmskb(c: Lift): void {
  const b = c.b;
  beginMmx(c);
  const mask = b.op('i8x16.bitmask', readVector(c, 1));
  if (c.kind(1) === Kind.mmx) c.mmxState();
  writeMask(c, c.kind(1) === Kind.mmx ? b.op('i32.and', mask, b.i32(0xff)) : mask);
}

function liftMovmsk(name: 'i32x4.bitmask' | 'i64x2.bitmask'): Lifter {
  return (c) => writeMask(c, c.b.op(name, c.xmm(1)));
}

function writeMask(c: Lift, mask: Value): void {
  c.write(0, c.opSize(0) === 8 ? c.b.op('i64.extend_i32_u', mask) : mask);
}

export const sseIntegerLifters = {
  punpcklbw: unpack(1, false), punpcklwd: unpack(2, false), punpckldq: unpack(4, false), punpcklqdq: unpack(8, false),
  punpckhbw: unpack(1, true), punpckhwd: unpack(2, true), punpckhdq: unpack(4, true), punpckhqdq: unpack(8, true),
  unpcklps: unpack(4, false), unpcklpd: unpack(8, false), unpckhps: unpack(4, true), unpckhpd: unpack(8, true),
  packsswb: pack('i8x16.narrow_i16x8_s'), packuswb: pack('i8x16.narrow_i16x8_u'),
  packssdw: pack('i16x8.narrow_i32x4_s'), packusdw: pack('i16x8.narrow_i32x4_u'),
  pcmpeqb: op('i8x16.eq'), pcmpeqw: op('i16x8.eq'), pcmpeqd: op('i32x4.eq'), pcmpeqq: op('i64x2.eq'),
  pcmpgtb: op('i8x16.gt_s'), pcmpgtw: op('i16x8.gt_s'), pcmpgtd: op('i32x4.gt_s'), pcmpgtq: op('i64x2.gt_s'),
  paddb: op('i8x16.add'), paddw: op('i16x8.add'), paddd: op('i32x4.add'), paddq: op('i64x2.add'),
  psubb: op('i8x16.sub'), psubw: op('i16x8.sub'), psubd: op('i32x4.sub'), psubq: op('i64x2.sub'),
  paddsb: op('i8x16.add_sat_s'), paddsw: op('i16x8.add_sat_s'), paddusb: op('i8x16.add_sat_u'), paddusw: op('i16x8.add_sat_u'),
  psubsb: op('i8x16.sub_sat_s'), psubsw: op('i16x8.sub_sat_s'), psubusb: op('i8x16.sub_sat_u'), psubusw: op('i16x8.sub_sat_u'),
  pand: op('v128.and'), por: op('v128.or'), pxor: liftPxor, pandn: packed((b, x, y) => b.op('v128.andnot', y, x)),
  pavgb: op('i8x16.avgr_u'), pavgw: op('i16x8.avgr_u'),
  pminub: op('i8x16.min_u'), pminuw: op('i16x8.min_u'), pminud: op('i32x4.min_u'),
  pminsb: op('i8x16.min_s'), pminsw: op('i16x8.min_s'), pminsd: op('i32x4.min_s'),
  pmaxub: op('i8x16.max_u'), pmaxuw: op('i16x8.max_u'), pmaxud: op('i32x4.max_u'),
  pmaxsb: op('i8x16.max_s'), pmaxsw: op('i16x8.max_s'), pmaxsd: op('i32x4.max_s'),
  pabsb: unary((b, y) => b.op('i8x16.abs', y)), pabsw: unary((b, y) => b.op('i16x8.abs', y)), pabsd: unary((b, y) => b.op('i32x4.abs', y)),
  pmullw: op('i16x8.mul'), pmulld: op('i32x4.mul'), pmulhw: mulHigh('s'), pmulhuw: mulHigh('u'), pmulhrsw,
  pmaddwd: op('i32x4.dot_i16x8_s'), pmaddubsw, pmuludq: mulEven('u'), pmuldq: mulEven('s'), psadbw,
  phaddw: horizontal(2, 'i16x8.add'), phaddd: horizontal(4, 'i32x4.add'), phaddsw: horizontal(2, 'i16x8.add_sat_s'),
  phsubw: horizontal(2, 'i16x8.sub'), phsubd: horizontal(4, 'i32x4.sub'), phsubsw: horizontal(2, 'i16x8.sub_sat_s'),
  psignb: psign('i8x16'), psignw: psign('i16x8'), psignd: psign('i32x4'),
  psllw: shift('i16x8', 'shl'), pslld: shift('i32x4', 'shl'), psllq: shift('i64x2', 'shl'),
  psrlw: shift('i16x8', 'shr_u'), psrld: shift('i32x4', 'shr_u'), psrlq: shift('i64x2', 'shr_u'),
  psraw: shift('i16x8', 'shr_s'), psrad: shift('i32x4', 'shr_s'),
  pmovsxbw: widening(['16'], 's'), pmovsxbd: widening(['16', '32'], 's'), pmovsxbq: widening(['16', '32', '64'], 's'),
  pmovsxwd: widening(['32'], 's'), pmovsxwq: widening(['32', '64'], 's'), pmovsxdq: widening(['64'], 's'),
  pmovzxbw: widening(['16'], 'u'), pmovzxbd: widening(['16', '32'], 'u'), pmovzxbq: widening(['16', '32', '64'], 'u'),
  pmovzxwd: widening(['32'], 'u'), pmovzxwq: widening(['32', '64'], 'u'), pmovzxdq: widening(['64'], 'u'),
  phminposuw: liftPhminposuw, ptest: liftPtest, pmovmskb: liftPmovmskb,
  movmskps: liftMovmsk('i32x4.bitmask'), movmskpd: liftMovmsk('i64x2.bitmask'),
} satisfies Record<string, Lifter>;
