/**
 * Shuffles, inserts, extracts and blends that an immediate byte controls.
 *
 * The region translator knows the immediate: one i8x16.shuffle. In the interpreter it is a field of the record; the byte
 * selection is then computed with vector arithmetic and applied with i8x16.swizzle (an index above 15 gives 0).
 */
import { Kind } from '../isa/instruction.ts';
import type { IrBuilder, Value } from '../ir/builder.ts';
import { Cpu } from '../machine/cpuState.ts';
import type { Lift, Lifter } from './context.ts';
import { beginMmx, constantOf, joinLow, readVector, shuffleLanes, words, writeMmx, writeVector, zeroVector } from './sseCommon.ts';

const IOTA = [0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c] as const;

function iota(b: IrBuilder): Value {
  return b.v128(IOTA[0], IOTA[1], IOTA[2], IOTA[3]);
}

/** Bits 2i+1..2i of the immediate as numbers in the four 32-bit lanes. */
function lanes32(b: IrBuilder, imm: Value): Value {
  const spread = b.op('i32x4.mul', b.op('i32x4.splat', imm), b.v128(1 << 30, 1 << 28, 1 << 26, 1 << 24));
  return b.op('i32x4.shr_u', spread, b.i32(30));
}

/** Byte indexes of a dword selection: 4n+3..4n in every lane with number n. */
function mask32(b: IrBuilder, imm: Value): Value {
  return b.op('i32x4.add', b.op('i32x4.mul', lanes32(b, imm), words(b, 0x04040404)), words(b, 0x03020100));
}

/** Byte indexes that move the words of one half as the immediate says and keep the other half. */
function mask16(b: IrBuilder, imm: Value, high: boolean): Value {
  const f0 = (1 << 12 << 16) | (1 << 14), f1 = (1 << 8 << 16) | (1 << 10);
  const factors = high ? b.v128(0, 0, f0, f1) : b.v128(f0, f1, 0, 0);
  const lanes = b.op('i16x8.shr_u', b.op('i16x8.mul', b.op('i16x8.splat', imm), factors), b.i32(14));
  const base = high
    ? b.v128(IOTA[0], IOTA[1], 0x09080908, 0x09080908)
    : b.v128(0x01000100, 0x01000100, IOTA[2], IOTA[3]);
  return b.op('i16x8.add', b.op('i16x8.mul', lanes, words(b, 0x02020202)), base);
}

function fields(imm: number): [number, number, number, number] {
  return [imm & 3, (imm >> 2) & 3, (imm >> 4) & 3, (imm >> 6) & 3];
}

function pshufd(b: IrBuilder, v: Value, imm: Value): Value {
  const k = constantOf(b, imm);
  return k !== undefined ? shuffleLanes(b, v, v, fields(k)) : b.op('i8x16.swizzle', v, mask32(b, imm));
}

function pshufw(b: IrBuilder, v: Value, imm: Value, high: boolean): Value {
  const k = constantOf(b, imm);
  if (k === undefined) return b.op('i8x16.swizzle', v, mask16(b, imm, high));
  const f = fields(k);
  return shuffleLanes(b, v, v, high ? [0, 1, 2, 3, ...f.map((n) => n + 4)] : [...f, 4, 5, 6, 7]);
}

function liftPshufd(c: Lift): void {
  c.setXmm(0, pshufd(c.b, readVector(c, 1), c.imm(2)));
}

function liftPshufWords(high: boolean): Lifter {
  return (c) => {
    beginMmx(c);
    writeVector(c, 0, pshufw(c.b, readVector(c, 1), c.imm(2), high));
  };
}

function liftShufps(c: Lift): void {
  const b = c.b, y = readVector(c, 1), x = c.xmm(0), imm = c.imm(2), k = constantOf(b, imm);
  if (k !== undefined) {
    const f = fields(k);
    c.setXmm(0, shuffleLanes(b, x, y, [f[0], f[1], f[2] + 4, f[3] + 4]));
    return;
  }
  const mask = mask32(b, imm);
  c.setXmm(0, shuffleLanes(b, b.op('i8x16.swizzle', x, mask), b.op('i8x16.swizzle', y, mask), [0, 3]));
}

/** Bit `bit` of an i32 as 0 or 1. */
function bitOf(b: IrBuilder, v: Value, bit: number): Value {
  const shifted = bit === 0 ? v : b.op('i32.shr_u', v, b.i32(bit));
  return b.op('i32.and', shifted, b.i32(1));
}

function liftShufpd(c: Lift): void {
  const b = c.b, y = readVector(c, 1), x = c.xmm(0), imm = c.imm(2), k = constantOf(b, imm);
  if (k !== undefined) {
    c.setXmm(0, shuffleLanes(b, x, y, [k & 1, 2 + ((k >> 1) & 1)]));
    return;
  }
  const lowX = b.select(bitOf(b, imm, 0), shuffleLanes(b, x, x, [1, 1]), x);
  const lowY = b.select(bitOf(b, imm, 1), shuffleLanes(b, y, y, [1, 1]), y);
  c.setXmm(0, joinLow(b, lowX, lowY));
}

/** v shifted right by `count` bytes (0..255), zeros coming in. */
function shiftBytesRight(b: IrBuilder, v: Value, count: Value): Value {
  const k = constantOf(b, count);
  if (k !== undefined) return shiftedBytes(b, v, k & 0xff);
  return b.op('i8x16.swizzle', v, b.op('i8x16.add_sat_u', iota(b), b.op('i8x16.splat', count)));
}

/** By a constant; negative = left. */
function shiftedBytes(b: IrBuilder, v: Value, count: number): Value {
  if (Math.abs(count) > 15) return zeroVector(b);
  const bytes = Array.from({ length: 16 }, (_, i) => (i + count >= 0 && i + count < 16 ? i + count : 16));
  return b.shuffle(v, zeroVector(b), bytes);
}

function liftPsrldq(c: Lift): void {
  c.setXmm(0, shiftBytesRight(c.b, c.xmm(0), c.imm(1)));
}

function liftPslldq(c: Lift): void {
  const b = c.b, count = c.imm(1), k = constantOf(b, count), v = c.xmm(0);
  if (k !== undefined) {
    c.setXmm(0, shiftedBytes(b, v, -(k & 0xff)));
    return;
  }
  const clamped = b.op('i8x16.min_u', b.op('i8x16.splat', count), words(b, 0x10101010));
  c.setXmm(0, b.op('i8x16.swizzle', v, b.op('i8x16.sub', iota(b), clamped)));
}

function liftPalignr(c: Lift): void {
  const b = c.b;
  beginMmx(c);
  const low = readVector(c, 1), high = readVector(c, 0), count = c.imm(2), k = constantOf(b, count);
  if (c.kind(0) === Kind.mmx) {
    writeMmx(c, 0, b.lane('i64x2.extract_lane', 0, shiftBytesRight(b, joinLow(b, low, high), count)));
    return;
  }
  if (k !== undefined) {
    const n = k & 0xff;
    if (n > 15) c.setXmm(0, shiftedBytes(b, high, n - 16));
    else c.setXmm(0, b.shuffle(low, high, Array.from({ length: 16 }, (_, i) => i + n)));
    return;
  }
  const index = b.op('i8x16.add_sat_u', iota(b), b.op('i8x16.splat', count));
  const fromHigh = b.op('i8x16.swizzle', high, b.op('i8x16.sub', index, words(b, 0x10101010)));
  c.setXmm(0, b.op('v128.or', b.op('i8x16.swizzle', low, index), fromHigh));
}

/** All-ones lanes where bit i of the immediate is set, for 2, 4 or 8 lanes. */
export function immMask(b: IrBuilder, imm: Value, lanes: 2 | 4 | 8): Value {
  if (lanes === 4) {
    const one = b.v128(1, 2, 4, 8);
    return b.op('i32x4.eq', b.op('v128.and', b.op('i32x4.splat', imm), one), one);
  }
  if (lanes === 8) {
    const one = b.v128(0x00020001, 0x00080004, 0x00200010, 0x00800040);
    return b.op('i16x8.eq', b.op('v128.and', b.op('i16x8.splat', imm), one), one);
  }
  const one = b.v128(1, 1, 2, 2);
  return b.op('i32x4.eq', b.op('v128.and', b.op('i32x4.splat', imm), one), one);
}

function liftBlend(lanes: 2 | 4 | 8): Lifter {
  return (c) => {
    const b = c.b, y = readVector(c, 1), x = c.xmm(0), imm = c.imm(2), k = constantOf(b, imm);
    if (k !== undefined) c.setXmm(0, shuffleLanes(b, x, y, Array.from({ length: lanes }, (_, i) => ((k >> i) & 1 ? i + lanes : i))));
    else c.setXmm(0, b.op('v128.bitselect', y, x, immMask(b, imm, lanes)));
  };
}

/** pblendvb, blendvps, blendvpd: the top bit of each lane of xmm0 chooses. */
function liftBlendVariable(lane: 'i8x16' | 'i32x4' | 'i64x2', top: number): Lifter {
  return (c) => {
    const b = c.b, y = readVector(c, 1), x = c.xmm(0);
    const mask = b.op(`${lane}.shr_s`, b.get(16, Cpu.xmm), b.i32(top));
    c.setXmm(0, b.op('v128.bitselect', y, x, mask));
  };
}

const laneName = { 1: 'i8x16', 2: 'i16x8', 4: 'i32x4', 8: 'i64x2' } as const;

/** Lane number `imm` (taken modulo the number of lanes) of a vector: i32, i64 for 8 bytes. */
function extractLane(b: IrBuilder, v: Value, size: 1 | 2 | 4 | 8, imm: Value, lanes = 16 / size): Value {
  const name = `${laneName[size]}.extract_lane${size < 4 ? '_u' : ''}`;
  const k = constantOf(b, imm);
  if (k !== undefined) return b.lane(name, k & (lanes - 1), v);
  const number = b.op('i32.and', imm, b.i32(lanes - 1));
  if (size === 8) return b.select(number, b.lane(name, 1, v), b.lane(name, 0, v));
  const first = size === 1 ? number : b.op('i32.mul', number, b.i32(size));
  return b.lane(name, 0, b.op('i8x16.swizzle', v, b.op('i8x16.add', b.op('i8x16.splat', first), iota(b))));
}

function insertLane(b: IrBuilder, v: Value, size: 1 | 2 | 4 | 8, imm: Value, value: Value, lanes = 16 / size): Value {
  const name = laneName[size];
  const k = constantOf(b, imm);
  if (k !== undefined) return b.lane(`${name}.replace_lane`, k & (lanes - 1), v, value);
  const number = b.op('i32.and', imm, b.i32(lanes - 1));
  if (size === 8) return b.select(number, b.lane(`${name}.replace_lane`, 1, v, value), b.lane(`${name}.replace_lane`, 0, v, value));
  const numbers = size === 1 ? iota(b) : size === 2 ? b.v128(0x00010000, 0x00030002, 0x00050004, 0x00070006) : b.v128(0, 1, 2, 3);
  const mask = b.op(`${name}.eq`, numbers, b.op(`${name}.splat`, number));
  return b.op('v128.bitselect', b.op(`${name}.splat`, value), v, mask);
}

/** pextrb, pextrw, pextrd/q, extractps: to memory in the lane's size, to a register zero-extended. */
function liftExtract(size: 1 | 2 | 4): Lifter {
  return (c) => {
    const b = c.b, mmx = c.kind(1) === Kind.mmx;
    beginMmx(c);
    const lane = size === 4 && c.opSize(0) === 8 ? 8 : size;
    const value = extractLane(b, readVector(c, 1), lane, c.imm(2), mmx ? 4 : 16 / lane);
    if (mmx) c.mmxState();
    c.write(0, c.opSize(0) === 8 && lane !== 8 ? b.op('i64.extend_i32_u', value) : value);
  };
}

function liftInsert(size: 1 | 2 | 4): Lifter {
  return (c) => {
    const b = c.b, mmx = c.kind(0) === Kind.mmx;
    beginMmx(c);
    const lane = size === 4 && c.opSize(1) === 8 ? 8 : size;
    const raw = c.read(1);
    const value = lane !== 8 ? c.toI32(raw) : raw;
    writeVector(c, 0, insertLane(b, readVector(c, 0), lane, c.imm(2), value, mmx ? 4 : 16 / lane));
  };
}

function liftInsertps(c: Lift): void {
  const b = c.b, imm = c.imm(2), fromMemory = c.isMem(1);
  const value = fromMemory ? c.read(1) : extractLane(b, c.xmm(1), 4, b.op('i32.and', b.op('i32.shr_u', imm, b.i32(6)), b.i32(3)));
  const target = b.op('i32.and', b.op('i32.shr_u', imm, b.i32(4)), b.i32(3));
  const merged = insertLane(b, c.xmm(0), 4, target, value);
  c.setXmm(0, b.op('v128.andnot', merged, immMask(b, imm, 4)));
}

function liftPshufb(c: Lift): void {
  const b = c.b;
  beginMmx(c);
  const control = readVector(c, 1), v = readVector(c, 0);
  const bits = c.kind(0) === Kind.mmx ? 0x87878787 : 0x8f8f8f8f;
  writeVector(c, 0, b.op('i8x16.swizzle', v, b.op('v128.and', control, words(b, bits | 0))));
}

/** mpsadbw: eight sums of four absolute differences, of a sliding window of the first operand against one block of the second. */
function liftMpsadbw(c: Lift): void {
  const b = c.b, y = readVector(c, 1), x = c.xmm(0), imm = c.imm(2);
  const window = b.op('i8x16.splat', b.op('i32.and', imm, b.i32(4)));
  const block = b.op('i8x16.splat', b.op('i32.shl', b.op('i32.and', imm, b.i32(3)), b.i32(2)));
  const slid = b.op('i8x16.swizzle', x, b.op('i8x16.add', iota(b), window));
  const blockBytes = b.op('i8x16.swizzle', y, b.op('i8x16.add', b.v128(0x03020100, 0x03020100, 0x03020100, 0x03020100), block));
  let sum = -1;
  for (let k = 0; k < 4; k++) {
    const part = b.op('i16x8.extend_low_i8x16_u', shiftedBytes(b, slid, k));
    const byte = b.op('i16x8.extend_low_i8x16_u', b.shuffle(blockBytes, blockBytes, new Array(16).fill(k)));
    const difference = b.op('i16x8.abs', b.op('i16x8.sub', part, byte));
    sum = k === 0 ? difference : b.op('i16x8.add', sum, difference);
  }
  c.setXmm(0, sum);
}

export const sseShuffleLifters = {
  pshufd: liftPshufd, pshufw: liftPshufWords(false), pshuflw: liftPshufWords(false), pshufhw: liftPshufWords(true),
  shufps: liftShufps, shufpd: liftShufpd,
  psrldq: liftPsrldq, pslldq: liftPslldq, palignr: liftPalignr, pshufb: liftPshufb,
  blendps: liftBlend(4), blendpd: liftBlend(2), pblendw: liftBlend(8),
  pblendvb: liftBlendVariable('i8x16', 7), blendvps: liftBlendVariable('i32x4', 31), blendvpd: liftBlendVariable('i64x2', 63),
  pextrb: liftExtract(1), pextrw: liftExtract(2), pextrd: liftExtract(4), extractps: liftExtract(4),
  pinsrb: liftInsert(1), pinsrw: liftInsert(2), pinsrd: liftInsert(4), insertps: liftInsertps,
  mpsadbw: liftMpsadbw,
} satisfies Record<string, Lifter>;
