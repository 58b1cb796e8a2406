// fcom fucom fcomi fucomi ficom ftst fxam.

import { BIAS, raise } from './core';
import { C0, C1, C2, C3, DE, IE } from './layout';
import {
  classOf, FINITE, INFINITE, isDenormal, isNormal, isSignalling, NAN, normalExp, normalize, normalSig, UNSUPPORTED, ZERO,
} from './x87number';
import { enter, isEmpty, leaveKeepingC1, leaveWithCodes, popTimes, seOf, sigOf, st, underflow, unmasked } from './x87state';

// Relations.
const LESS: i32 = 0;
const EQUAL: i32 = 1;
const GREATER: i32 = 2;
const UNORDERED: i32 = 3;

/** A normal number or zero: what compares without exceptions. */
// @ts-ignore: decorator
@inline
function isOrdinary(se: u32, sig: u64): bool {
  return isNormal(se, sig) || ((se & 0x7fff) == 0 && sig == 0);
}
/** The relation of two ordinary numbers. */
// @ts-ignore: decorator
@inline
function relateOrdinary(aSe: u32, aSig: u64, bSe: u32, bSig: u64): i32 {
  if (aSig == bSig && (aSe == bSe || aSig == 0)) return EQUAL;
  const sign = aSe >>> 15;
  if (sign != bSe >>> 15) return sign != 0 ? LESS : GREATER;
  const less = aSe != bSe ? aSe < bSe : aSig < bSig;
  return less != (sign != 0) ? LESS : GREATER;
}

function relate(aSe: u32, aSig: u64, bSe: u32, bSig: u64, quiet: bool): i32 {
  if (isOrdinary(aSe, aSig) && isOrdinary(bSe, bSig)) return relateOrdinary(aSe, aSig, bSe, bSig);
  const a = classOf(aSe, aSig);
  const b = classOf(bSe, bSig);
  if (a >= NAN || b >= NAN) {
    if (!quiet || a == UNSUPPORTED || b == UNSUPPORTED || (a == NAN && isSignalling(aSig)) || (b == NAN && isSignalling(bSig))) raise(IE);
    return UNORDERED;
  }
  if (isDenormal(aSe, aSig) || isDenormal(bSe, bSig)) raise(DE);
  if (a == ZERO && b == ZERO) return EQUAL;
  const aSign = aSe >>> 15;
  const bSign = bSe >>> 15;
  if (a == ZERO) return bSign != 0 ? GREATER : LESS;
  if (b == ZERO) return aSign != 0 ? LESS : GREATER;
  if (aSign != bSign) return aSign != 0 ? LESS : GREATER;
  // A pseudo-denormal (exponent 0, bit 63 set) has the value it would have with exponent 1.
  const aExp = (aSe & 0x7fff) | u32((aSe & 0x7fff) == 0);
  const bExp = (bSe & 0x7fff) | u32((bSe & 0x7fff) == 0);
  if (aExp == bExp && aSig == bSig) return EQUAL;
  const less = aExp != bExp ? aExp < bExp : aSig < bSig;
  return less != (aSign != 0) ? LESS : GREATER;
}

const CODES: usize = memory.data<u32>([0x100, 0x4000, 0, 0x4500]);
const EFLAGS: usize = memory.data<u32>([0x01, 0x40, 0, 0x45]);

/** Condition codes (also when an exception is unmasked), and the pops (then not). */
function conclude(cpu: usize, relation: i32, pops: i32): void {
  if (pops != 0 && !unmasked(IE | DE)) popTimes(cpu, pops);
  leaveWithCodes(cpu, load<u32>(CODES + (<usize>relation << 2)));
}
function compareWith(cpu: usize, se: u32, sig: u64, denormal: bool, pops: i32): void {
  if (isEmpty(cpu, 0)) {
    underflow();
    return conclude(cpu, UNORDERED, pops);
  }
  const a = st(cpu, 0);
  const relation = relate(seOf(a), sigOf(a), se, sig, false);
  if (denormal && relation != UNORDERED) raise(DE);
  conclude(cpu, relation, pops);
}

/** fcom/fucom (quiet) st(i) with `pops` pops. */
export function x87CompareReg(cpu: usize, i: i32, pops: i32, quiet: i32): void {
  enter(cpu);
  if (isEmpty(cpu, 0) || isEmpty(cpu, i)) {
    underflow();
    return conclude(cpu, UNORDERED, pops);
  }
  const a = st(cpu, 0);
  const b = st(cpu, i);
  conclude(cpu, relate(seOf(a), sigOf(a), seOf(b), sigOf(b), quiet != 0), pops);
}
export function x87CompareF64(cpu: usize, bits: u64, pops: i32): void {
  enter(cpu);
  const e = <u32>(bits >>> 52) & 0x7ff;
  const sign = <u32>(bits >>> 63) << 15;
  const fraction = (bits << 12) >>> 1;
  if (e == 0 && fraction != 0) {
    const shift = clz(fraction);
    return compareWith(cpu, sign | (15361 - <u32>shift), fraction << shift, true, pops);
  }
  const se = e == 0 ? 0 : e == 0x7ff ? 0x7fff : e + 15360;
  compareWith(cpu, sign | se, e == 0 ? 0 : fraction | 0x8000000000000000, false, pops);
}
export function x87CompareF32(cpu: usize, bits: u32, pops: i32): void {
  enter(cpu);
  const e = (bits >>> 23) & 0xff;
  const sign = (bits >>> 31) << 15;
  const fraction = <u64>(bits & 0x7fffff) << 40;
  if (e == 0 && fraction != 0) {
    const shift = clz(fraction);
    return compareWith(cpu, sign | (16257 - <u32>shift), fraction << shift, true, pops);
  }
  const se = e == 0 ? 0 : e == 0xff ? 0x7fff : e + 16256;
  compareWith(cpu, sign | se, e == 0 ? 0 : fraction | 0x8000000000000000, false, pops);
}
/** ficom, and ftst with value 0. */
export function x87CompareInt(cpu: usize, value: i32, pops: i32): void {
  enter(cpu);
  const magnitude = <u64>(value < 0 ? -(<i64>value) : <i64>value);
  const shift = clz(magnitude);
  if (value == 0) compareWith(cpu, 0, 0, false, pops);
  else compareWith(cpu, (u32(value < 0) << 15) | (BIAS + 63 - <u32>shift), magnitude << shift, false, pops);
}
/** fcomi/fucomi: ZF PF CF in their EFLAGS positions. */
export function x87CompareFlags(cpu: usize, i: i32, pops: i32, quiet: i32): i32 {
  enter(cpu);
  let relation = UNORDERED;
  if (isEmpty(cpu, 0) || isEmpty(cpu, i)) {
    underflow();
  } else {
    const a = st(cpu, 0);
    const b = st(cpu, i);
    relation = relate(seOf(a), sigOf(a), seOf(b), sigOf(b), quiet != 0);
  }
  if (pops != 0 && !unmasked(IE | DE)) popTimes(cpu, pops);
  leaveKeepingC1(cpu);
  return <i32>load<u32>(EFLAGS + (<usize>relation << 2));
}
export function x87Examine(cpu: usize): void {
  enter(cpu);
  const a = st(cpu, 0);
  const se = seOf(a);
  const sig = sigOf(a);
  if (se >>> 15 != 0) raise(C1);
  let codes: u32;
  if (isEmpty(cpu, 0)) {
    codes = C3 | C0;
  } else {
    const kind = classOf(se, sig);
    codes = kind == ZERO ? C3 : kind == INFINITE ? C2 | C0 : kind == NAN ? C0 : kind == UNSUPPORTED ? 0 : isDenormal(se, sig) ? C3 | C2 : C2;
  }
  leaveWithCodes(cpu, codes);
}
