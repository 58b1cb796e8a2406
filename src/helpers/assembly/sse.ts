// The exact path of SSE arithmetic. Scalars are bit patterns (i32 for binary32, i64 for binary64).
// Every function here adds its exceptions to MXCSR and leaves in scratch word 0 whether an unmasked one occurred
// (then the caller raises #XM and drops the result).

import {
  arith32, arith64, compare32, compare64, finish, inexactNoted, integerTo32, interrupted, integerTo64, minMax32, minMax64, narrow, OP_ADD, OP_DIV,
  OP_MUL, OP_SUB, prepare, quiet, relate32, relate64, round32, round64, sqrt32, sqrt64, toInteger32, toInteger64, widen,
} from './soft';
import { SCRATCH } from './layout';

// @ts-ignore: decorator
@inline
function d(v: v128, lane: u8): u64 {
  return lane == 0 ? v128.extract_lane<u64>(v, 0) : v128.extract_lane<u64>(v, 1);
}
// @ts-ignore: decorator
@inline
function s0(v: v128): u32 {
  return v128.extract_lane<u32>(v, 0);
}
// @ts-ignore: decorator
@inline
function s1(v: v128): u32 {
  return v128.extract_lane<u32>(v, 1);
}
// @ts-ignore: decorator
@inline
function s2(v: v128): u32 {
  return v128.extract_lane<u32>(v, 2);
}
// @ts-ignore: decorator
@inline
function s3(v: v128): u32 {
  return v128.extract_lane<u32>(v, 3);
}
// @ts-ignore: decorator
@inline
function pd(a: u64, b: u64): v128 {
  return v128.replace_lane<u64>(i64x2.splat(a), 1, b);
}
// @ts-ignore: decorator
@inline
function ps(a: u32, b: u32, c: u32, e: u32): v128 {
  return v128.replace_lane<u32>(v128.replace_lane<u32>(v128.replace_lane<u32>(i32x4.splat(a), 1, b), 2, c), 3, e);
}

// The plain operator serves while exceptions are masked and rounding is to nearest, for normal operands and results: then only
// PE can be missing, and DAZ and FTZ do not matter. (A result at the lower edge may have been tiny before rounding.)

// @ts-ignore: decorator
@inline
function plain64(a: u64, b: u64, r: u64): bool {
  return ((a >>> 52) & 0x7ff) - 1 < 0x7fe && ((b >>> 52) & 0x7ff) - 1 < 0x7fe && ((r >>> 52) & 0x7ff) - 2 < 0x7fd;
}
// @ts-ignore: decorator
@inline
function plain32(a: u32, b: u32, r: u32): bool {
  return ((a >>> 23) & 0xff) - 1 < 0xfe && ((b >>> 23) & 0xff) - 1 < 0xfe && ((r >>> 23) & 0xff) - 2 < 0xfd;
}
// @ts-ignore: decorator
@inline
function normals64(v: v128): v128 {
  const e = v128.and(v128.shr<u64>(v, 52), i64x2.splat(0x7ff));
  return v128.and(v128.gt<i64>(e, i64x2.splat(0)), v128.lt<i64>(e, i64x2.splat(0x7ff)));
}
// @ts-ignore: decorator
@inline
function normals32(v: v128): v128 {
  const e = v128.sub<u32>(v128.and(v128.shr<u32>(v, 23), i32x4.splat(0xff)), i32x4.splat(1));
  return v128.lt<u32>(e, i32x4.splat(0xfe));
}

/** Whether the plain, normal result r of normal operands is exact; false also when that is not cheap to say. */
// @ts-ignore: decorator
@inline
function known64(op: i32, a: u64, b: u64, r: u64): bool {
  const x = reinterpret<f64>(a);
  const z = reinterpret<f64>(r);
  if (op <= OP_SUB) {
    // Knuth's TwoSum: the rounding error is a number itself.
    const y = op == OP_SUB ? -reinterpret<f64>(b) : reinterpret<f64>(b);
    const w = z - x;
    return (x - (z - w)) + (y - w) == 0;
  }
  // 26 significant bits each: the product fits.
  if (op == OP_MUL) return ((a | b) & 0x7ffffff) == 0;
  return ((r | b) & 0x7ffffff) == 0 && z * reinterpret<f64>(b) == x;
}
// @ts-ignore: decorator
@inline
function known32(op: i32, a: u32, b: u32, r: u32): bool {
  const x = <f64>reinterpret<f32>(a);
  const y = <f64>reinterpret<f32>(b);
  const z = <f64>reinterpret<f32>(r);
  // Products of binary32 are exact in binary64; so is a sum that equals the rounded one when nothing was lost on the way.
  if (op == OP_MUL) return x * y == z;
  if (op == OP_DIV) return z * y == x;
  const w = z - x;
  const d = op == OP_SUB ? -y : y;
  return (x - (z - w)) + (d - w) == 0;
}

/** As plain, for operands of which one is zero, and for differences that cancel: exact results all. */
function zero64(op: i32, a: u64, b: u64, r: u64): bool {
  const a0 = a << 1 == 0;
  const b0 = b << 1 == 0;
  if (!a0 && ((a >>> 52) & 0x7ff) - 1 >= 0x7fe) return false;
  if (!b0 && ((b >>> 52) & 0x7ff) - 1 >= 0x7fe) return false;
  if (op <= OP_SUB) return a0 || b0 || r << 1 == 0;
  return op == OP_MUL ? a0 || b0 : a0 && !b0;
}
function zero32(op: i32, a: u32, b: u32, r: u32): bool {
  const a0 = a << 1 == 0;
  const b0 = b << 1 == 0;
  if (!a0 && ((a >>> 23) & 0xff) - 1 >= 0xfe) return false;
  if (!b0 && ((b >>> 23) & 0xff) - 1 >= 0xfe) return false;
  if (op <= OP_SUB) return a0 || b0 || r << 1 == 0;
  return op == OP_MUL ? a0 || b0 : a0 && !b0;
}

/** Whether the plain result r stands and there is no flag to note for it. */
// @ts-ignore: decorator
@inline
function stands64(op: i32, a: u64, b: u64, r: u64, noted: bool): bool {
  return plain64(a, b, r) ? noted || known64(op, a, b, r) : zero64(op, a, b, r);
}
// @ts-ignore: decorator
@inline
function stands32(op: i32, a: u32, b: u32, r: u32, noted: bool): bool {
  return plain32(a, b, r) ? noted || known32(op, a, b, r) : zero32(op, a, b, r);
}

// @ts-ignore: decorator
@inline
function scalar64(cpu: usize, op: i32, a: u64, b: u64): u64 {
  if (quiet(cpu)) {
    const x = reinterpret<f64>(a);
    const y = reinterpret<f64>(b);
    const r = reinterpret<u64>(op == OP_ADD ? x + y : op == OP_SUB ? x - y : op == OP_MUL ? x * y : x / y);
    if (stands64(op, a, b, r, inexactNoted(cpu))) {
      store<u32>(cpu, 0, SCRATCH);
      return r;
    }
  }
  prepare(cpu);
  const r = arith64(op, a, b);
  finish(cpu);
  return r;
}
// @ts-ignore: decorator
@inline
function scalar32(cpu: usize, op: i32, a: u32, b: u32): u32 {
  if (quiet(cpu)) {
    const x = reinterpret<f32>(a);
    const y = reinterpret<f32>(b);
    const r = reinterpret<u32>(op == OP_ADD ? x + y : op == OP_SUB ? x - y : op == OP_MUL ? x * y : x / y);
    if (stands32(op, a, b, r, inexactNoted(cpu))) {
      store<u32>(cpu, 0, SCRATCH);
      return r;
    }
  }
  prepare(cpu);
  const r = arith32(op, a, b);
  finish(cpu);
  return r;
}
// @ts-ignore: decorator
@inline
function packed64(cpu: usize, op: i32, a: v128, b: v128): v128 {
  if (quiet(cpu)) {
    const r = op == OP_ADD ? v128.add<f64>(a, b) : op == OP_SUB ? v128.sub<f64>(a, b) : op == OP_MUL ? v128.mul<f64>(a, b) : v128.div<f64>(a, b);
    const edge = v128.gt<i64>(v128.and(v128.shr<u64>(r, 52), i64x2.splat(0x7ff)), i64x2.splat(1));
    const noted = inexactNoted(cpu);
    if ((noted && v128.all_true<u64>(v128.and(v128.and(normals64(a), normals64(b)), v128.and(normals64(r), edge)))) || lanesStand64(op, a, b, r, noted)) {
      store<u32>(cpu, 0, SCRATCH);
      return r;
    }
  }
  return slowPacked64(cpu, op, a, b);
}
function lanesStand64(op: i32, a: v128, b: v128, r: v128, noted: bool): bool {
  return stands64(op, d(a, 0), d(b, 0), d(r, 0), noted) && stands64(op, d(a, 1), d(b, 1), d(r, 1), noted);
}
function slowPacked64(cpu: usize, op: i32, a: v128, b: v128): v128 {
  prepare(cpu);
  const r = pd(arith64(op, d(a, 0), d(b, 0)), arith64(op, d(a, 1), d(b, 1)));
  finish(cpu);
  return r;
}
// @ts-ignore: decorator
@inline
function packed32(cpu: usize, op: i32, a: v128, b: v128): v128 {
  if (quiet(cpu)) {
    const r = op == OP_ADD ? v128.add<f32>(a, b) : op == OP_SUB ? v128.sub<f32>(a, b) : op == OP_MUL ? v128.mul<f32>(a, b) : v128.div<f32>(a, b);
    const edge = v128.gt<i32>(v128.and(v128.shr<u32>(r, 23), i32x4.splat(0xff)), i32x4.splat(1));
    const noted = inexactNoted(cpu);
    if ((noted && v128.all_true<u32>(v128.and(v128.and(normals32(a), normals32(b)), v128.and(normals32(r), edge)))) || lanesStand32(op, a, b, r, noted)) {
      store<u32>(cpu, 0, SCRATCH);
      return r;
    }
  }
  return slowPacked32(cpu, op, a, b);
}
function lanesStand32(op: i32, a: v128, b: v128, r: v128, noted: bool): bool {
  return stands32(op, s0(a), s0(b), s0(r), noted) && stands32(op, s1(a), s1(b), s1(r), noted) &&
    stands32(op, s2(a), s2(b), s2(r), noted) && stands32(op, s3(a), s3(b), s3(r), noted);
}
function slowPacked32(cpu: usize, op: i32, a: v128, b: v128): v128 {
  prepare(cpu);
  const r = ps(arith32(op, s0(a), s0(b)), arith32(op, s1(a), s1(b)), arith32(op, s2(a), s2(b)), arith32(op, s3(a), s3(b)));
  finish(cpu);
  return r;
}

export function f64Add(cpu: usize, a: u64, b: u64): u64 { return scalar64(cpu, OP_ADD, a, b); }
export function f64Sub(cpu: usize, a: u64, b: u64): u64 { return scalar64(cpu, OP_SUB, a, b); }
export function f64Mul(cpu: usize, a: u64, b: u64): u64 { return scalar64(cpu, OP_MUL, a, b); }
export function f64Div(cpu: usize, a: u64, b: u64): u64 { return scalar64(cpu, OP_DIV, a, b); }
export function f32Add(cpu: usize, a: u32, b: u32): u32 { return scalar32(cpu, OP_ADD, a, b); }
export function f32Sub(cpu: usize, a: u32, b: u32): u32 { return scalar32(cpu, OP_SUB, a, b); }
export function f32Mul(cpu: usize, a: u32, b: u32): u32 { return scalar32(cpu, OP_MUL, a, b); }
export function f32Div(cpu: usize, a: u32, b: u32): u32 { return scalar32(cpu, OP_DIV, a, b); }
export function f64x2Add(cpu: usize, a: v128, b: v128): v128 { return packed64(cpu, OP_ADD, a, b); }
export function f64x2Sub(cpu: usize, a: v128, b: v128): v128 { return packed64(cpu, OP_SUB, a, b); }
export function f64x2Mul(cpu: usize, a: v128, b: v128): v128 { return packed64(cpu, OP_MUL, a, b); }
export function f64x2Div(cpu: usize, a: v128, b: v128): v128 { return packed64(cpu, OP_DIV, a, b); }
export function f32x4Add(cpu: usize, a: v128, b: v128): v128 { return packed32(cpu, OP_ADD, a, b); }
export function f32x4Sub(cpu: usize, a: v128, b: v128): v128 { return packed32(cpu, OP_SUB, a, b); }
export function f32x4Mul(cpu: usize, a: v128, b: v128): v128 { return packed32(cpu, OP_MUL, a, b); }
export function f32x4Div(cpu: usize, a: v128, b: v128): v128 { return packed32(cpu, OP_DIV, a, b); }

/** addsubpd: even lanes subtract, odd lanes add. */
export function f64x2AddSub(cpu: usize, a: v128, b: v128): v128 {
  prepare(cpu);
  const r = pd(arith64(OP_SUB, d(a, 0), d(b, 0)), arith64(OP_ADD, d(a, 1), d(b, 1)));
  finish(cpu);
  return r;
}
/** addsubps. */
export function f32x4AddSub(cpu: usize, a: v128, b: v128): v128 {
  prepare(cpu);
  const r = ps(
    arith32(OP_SUB, s0(a), s0(b)), arith32(OP_ADD, s1(a), s1(b)),
    arith32(OP_SUB, s2(a), s2(b)), arith32(OP_ADD, s3(a), s3(b)));
  finish(cpu);
  return r;
}
// @ts-ignore: decorator
@inline
function horizontal64(cpu: usize, op: i32, a: v128, b: v128): v128 {
  prepare(cpu);
  const r = pd(arith64(op, d(a, 0), d(a, 1)), arith64(op, d(b, 0), d(b, 1)));
  finish(cpu);
  return r;
}
// @ts-ignore: decorator
@inline
function horizontal32(cpu: usize, op: i32, a: v128, b: v128): v128 {
  prepare(cpu);
  const r = ps(arith32(op, s0(a), s1(a)), arith32(op, s2(a), s3(a)), arith32(op, s0(b), s1(b)), arith32(op, s2(b), s3(b)));
  finish(cpu);
  return r;
}
export function f64x2HorizontalAdd(cpu: usize, a: v128, b: v128): v128 { return horizontal64(cpu, OP_ADD, a, b); }
export function f64x2HorizontalSub(cpu: usize, a: v128, b: v128): v128 { return horizontal64(cpu, OP_SUB, a, b); }
export function f32x4HorizontalAdd(cpu: usize, a: v128, b: v128): v128 { return horizontal32(cpu, OP_ADD, a, b); }
export function f32x4HorizontalSub(cpu: usize, a: v128, b: v128): v128 { return horizontal32(cpu, OP_SUB, a, b); }

export function f64Sqrt(cpu: usize, a: u64): u64 {
  // A positive normal number: its root is normal.
  if (quiet(cpu) && inexactNoted(cpu) && (a >>> 52) - 1 < 0x7fe) {
    store<u32>(cpu, 0, SCRATCH);
    return reinterpret<u64>(sqrt<f64>(reinterpret<f64>(a)));
  }
  prepare(cpu);
  const r = sqrt64(a);
  finish(cpu);
  return r;
}
export function f32Sqrt(cpu: usize, a: u32): u32 {
  if (quiet(cpu) && inexactNoted(cpu) && (a >>> 23) - 1 < 0xfe) {
    store<u32>(cpu, 0, SCRATCH);
    return reinterpret<u32>(sqrt<f32>(reinterpret<f32>(a)));
  }
  prepare(cpu);
  const r = sqrt32(a);
  finish(cpu);
  return r;
}
export function f64x2Sqrt(cpu: usize, a: v128): v128 {
  prepare(cpu);
  const r = pd(sqrt64(d(a, 0)), sqrt64(d(a, 1)));
  finish(cpu);
  return r;
}
export function f32x4Sqrt(cpu: usize, a: v128): v128 {
  prepare(cpu);
  const r = ps(sqrt32(s0(a)), sqrt32(s1(a)), sqrt32(s2(a)), sqrt32(s3(a)));
  finish(cpu);
  return r;
}

/** minsd (max = 0) and maxsd (max = 1). */
export function f64MinMax(cpu: usize, a: u64, b: u64, max: i32): u64 {
  prepare(cpu);
  const r = minMax64(a, b, max != 0);
  finish(cpu);
  return r;
}
export function f32MinMax(cpu: usize, a: u32, b: u32, max: i32): u32 {
  prepare(cpu);
  const r = minMax32(a, b, max != 0);
  finish(cpu);
  return r;
}
export function f64x2MinMax(cpu: usize, a: v128, b: v128, max: i32): v128 {
  prepare(cpu);
  const m = max != 0;
  const r = pd(minMax64(d(a, 0), d(b, 0), m), minMax64(d(a, 1), d(b, 1), m));
  finish(cpu);
  return r;
}
export function f32x4MinMax(cpu: usize, a: v128, b: v128, max: i32): v128 {
  prepare(cpu);
  const m = max != 0;
  const r = ps(minMax32(s0(a), s0(b), m), minMax32(s1(a), s1(b), m), minMax32(s2(a), s2(b), m), minMax32(s3(a), s3(b), m));
  finish(cpu);
  return r;
}

/** cmpsd and kin: all ones or zero. predicate is the immediate, 0..7 (0..31 for the VEX forms). */
export function f64Compare(cpu: usize, a: u64, b: u64, predicate: i32): u64 {
  prepare(cpu);
  const r: u64 = compare64(a, b, predicate) ? 0xffffffffffffffff : 0;
  finish(cpu);
  return r;
}
export function f32Compare(cpu: usize, a: u32, b: u32, predicate: i32): u32 {
  prepare(cpu);
  const r: u32 = compare32(a, b, predicate) ? 0xffffffff : 0;
  finish(cpu);
  return r;
}
export function f64x2Compare(cpu: usize, a: v128, b: v128, predicate: i32): v128 {
  prepare(cpu);
  const x: u64 = compare64(d(a, 0), d(b, 0), predicate) ? 0xffffffffffffffff : 0;
  const y: u64 = compare64(d(a, 1), d(b, 1), predicate) ? 0xffffffffffffffff : 0;
  finish(cpu);
  return pd(x, y);
}
export function f32x4Compare(cpu: usize, a: v128, b: v128, predicate: i32): v128 {
  prepare(cpu);
  const x: u32 = compare32(s0(a), s0(b), predicate) ? 0xffffffff : 0;
  const y: u32 = compare32(s1(a), s1(b), predicate) ? 0xffffffff : 0;
  const z: u32 = compare32(s2(a), s2(b), predicate) ? 0xffffffff : 0;
  const w: u32 = compare32(s3(a), s3(b), predicate) ? 0xffffffff : 0;
  finish(cpu);
  return ps(x, y, z, w);
}

/** ZF, PF, CF in their EFLAGS positions for a relation. */
// @ts-ignore: decorator
@inline
function relationFlags(relation: i32): i32 {
  return relation == 1 ? 0x01 : relation == 2 ? 0x40 : relation == 4 ? 0 : 0x45;
}
/** comisd (signal = 1) and ucomisd (signal = 0): ZF PF CF in their EFLAGS positions. */
export function f64CompareFlags(cpu: usize, a: u64, b: u64, signal: i32): i32 {
  prepare(cpu);
  const r = relationFlags(relate64(a, b, signal != 0));
  finish(cpu);
  return r;
}
export function f32CompareFlags(cpu: usize, a: u32, b: u32, signal: i32): i32 {
  prepare(cpu);
  const r = relationFlags(relate32(a, b, signal != 0));
  finish(cpu);
  return r;
}

export function f32ToF64(cpu: usize, a: u32): u64 {
  prepare(cpu);
  const r = widen(a);
  finish(cpu);
  return r;
}
export function f64ToF32(cpu: usize, a: u64): u32 {
  prepare(cpu);
  const r = narrow(a);
  finish(cpu);
  return r;
}
/** cvtps2pd: the low two lanes. */
export function f32x2ToF64x2(cpu: usize, a: v128): v128 {
  prepare(cpu);
  const r = pd(widen(s0(a)), widen(s1(a)));
  finish(cpu);
  return r;
}
/** cvtpd2ps: into the low two lanes, the rest zero. */
export function f64x2ToF32x2(cpu: usize, a: v128): v128 {
  prepare(cpu);
  const r = ps(narrow(d(a, 0)), narrow(d(a, 1)), 0, 0);
  finish(cpu);
  return r;
}
export function i32ToF32(cpu: usize, v: i32): u32 {
  prepare(cpu);
  const r = integerTo32(v);
  finish(cpu);
  return r;
}
export function i64ToF32(cpu: usize, v: i64): u32 {
  prepare(cpu);
  const r = integerTo32(v);
  finish(cpu);
  return r;
}
export function i64ToF64(cpu: usize, v: i64): u64 {
  prepare(cpu);
  const r = integerTo64(v);
  finish(cpu);
  return r;
}
/** cvtdq2ps. */
export function i32x4ToF32x4(cpu: usize, a: v128): v128 {
  prepare(cpu);
  const r = ps(integerTo32(<i32>s0(a)), integerTo32(<i32>s1(a)), integerTo32(<i32>s2(a)), integerTo32(<i32>s3(a)));
  finish(cpu);
  return r;
}
/** cvtss2si (truncate = 0) and cvttss2si (truncate = 1); likewise below. */
export function f32ToI32(cpu: usize, a: u32, truncate: i32): i32 {
  prepare(cpu);
  const r = <i32>toInteger32(a, 32, truncate != 0);
  finish(cpu);
  return r;
}
export function f32ToI64(cpu: usize, a: u32, truncate: i32): i64 {
  prepare(cpu);
  const r = toInteger32(a, 64, truncate != 0);
  finish(cpu);
  return r;
}
export function f64ToI32(cpu: usize, a: u64, truncate: i32): i32 {
  prepare(cpu);
  const r = <i32>toInteger64(a, 32, truncate != 0);
  finish(cpu);
  return r;
}
export function f64ToI64(cpu: usize, a: u64, truncate: i32): i64 {
  prepare(cpu);
  const r = toInteger64(a, 64, truncate != 0);
  finish(cpu);
  return r;
}
/** cvtps2dq, cvttps2dq (and cvtps2pi with the upper lanes zero in `a`). */
export function f32x4ToI32x4(cpu: usize, a: v128, truncate: i32): v128 {
  prepare(cpu);
  const t = truncate != 0;
  const r = ps(
    <u32>toInteger32(s0(a), 32, t), <u32>toInteger32(s1(a), 32, t),
    <u32>toInteger32(s2(a), 32, t), <u32>toInteger32(s3(a), 32, t));
  finish(cpu);
  return r;
}
/** cvtpd2dq, cvttpd2dq: into the low two lanes, the rest zero. */
export function f64x2ToI32x2(cpu: usize, a: v128, truncate: i32): v128 {
  prepare(cpu);
  const t = truncate != 0;
  const r = ps(<u32>toInteger64(d(a, 0), 32, t), <u32>toInteger64(d(a, 1), 32, t), 0, 0);
  finish(cpu);
  return r;
}

/** roundss and kin; control is the immediate. */
export function f32Round(cpu: usize, a: u32, control: i32): u32 {
  prepare(cpu);
  const r = round32(a, control);
  finish(cpu);
  return r;
}
export function f64Round(cpu: usize, a: u64, control: i32): u64 {
  prepare(cpu);
  const r = round64(a, control);
  finish(cpu);
  return r;
}
export function f32x4Round(cpu: usize, a: v128, control: i32): v128 {
  prepare(cpu);
  const r = ps(round32(s0(a), control), round32(s1(a), control), round32(s2(a), control), round32(s3(a), control));
  finish(cpu);
  return r;
}
export function f64x2Round(cpu: usize, a: v128, control: i32): v128 {
  prepare(cpu);
  const r = pd(round64(d(a, 0), control), round64(d(a, 1), control));
  finish(cpu);
  return r;
}

/** dpps: products selected by control[7:4], summed pairwise, spread by control[3:0]. */
export function f32x4Dot(cpu: usize, a: v128, b: v128, control: i32): v128 {
  prepare(cpu);
  const p0: u32 = (control & 0x10) != 0 ? arith32(OP_MUL, s0(a), s0(b)) : 0;
  const p1: u32 = (control & 0x20) != 0 ? arith32(OP_MUL, s1(a), s1(b)) : 0;
  const p2: u32 = (control & 0x40) != 0 ? arith32(OP_MUL, s2(a), s2(b)) : 0;
  const p3: u32 = (control & 0x80) != 0 ? arith32(OP_MUL, s3(a), s3(b)) : 0;
  let sum: u32 = 0;
  if (!interrupted()) {
    const low = arith32(OP_ADD, p0, p1);
    const high = arith32(OP_ADD, p2, p3);
    if (!interrupted()) sum = arith32(OP_ADD, low, high);
  }
  finish(cpu);
  return ps(
    (control & 1) != 0 ? sum : 0, (control & 2) != 0 ? sum : 0, (control & 4) != 0 ? sum : 0, (control & 8) != 0 ? sum : 0);
}
/** dppd. */
export function f64x2Dot(cpu: usize, a: v128, b: v128, control: i32): v128 {
  prepare(cpu);
  const p0: u64 = (control & 0x10) != 0 ? arith64(OP_MUL, d(a, 0), d(b, 0)) : 0;
  const p1: u64 = (control & 0x20) != 0 ? arith64(OP_MUL, d(a, 1), d(b, 1)) : 0;
  const sum: u64 = interrupted() ? 0 : arith64(OP_ADD, p0, p1);
  finish(cpu);
  return pd((control & 1) != 0 ? sum : 0, (control & 2) != 0 ? sum : 0);
}
