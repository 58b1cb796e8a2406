// fadd fsub fsubr fmul fdiv fdivr fsqrt, on registers and memory operands.

import { addUnpacked, BIAS, divUnpacked, flags, mulUnpacked, raise, rounding, setResult, sqrtUnpacked } from './core';
import { DE, IE, X87_TAG, X87_TOP, ZE } from './layout';
import { fast } from './x87fast';
import {
  chooseNan, classOf, FINITE, INFINITE, isDenormal, isNormal, NAN, normalExp, normalize, normalSig, outIndefinite, outSe,
  outSig, quietNan, roundControlled, setOut, UNSUPPORTED, ZERO,
} from './x87number';
import { enter, isEmpty, leave, popTimes, put, putIndefinite, seOf, sigOf, st, underflow, unmasked } from './x87state';

// Operations by the reg field of the D8 row.
const ADD: i32 = 0;
const MUL: i32 = 1;
const SUB: i32 = 4;
const SUBR: i32 = 5;
const DIV: i32 = 6;
const DIVR: i32 = 7;

/** a op b into out, exceptions collected. */
// @ts-ignore: decorator
@inline
function compute(op: i32, aSe: u32, aSig: u64, bSe: u32, bSig: u64): void {
  if (!isNormal(aSe, aSig) || !isNormal(bSe, bSig)) {
    computeSpecial(op, aSe, aSig, bSe, bSig);
    return;
  }
  const aExp = <i32>(aSe & 0x7fff);
  const bExp = <i32>(bSe & 0x7fff);
  switch (op) {
    case ADD: addUnpacked(aSe >>> 15, aExp, aSig, bSe >>> 15, bExp, bSig); break;
    case MUL: mulUnpacked((aSe ^ bSe) >>> 15, aExp, aSig, bExp, bSig); break;
    case SUB: addUnpacked(aSe >>> 15, aExp, aSig, (bSe >>> 15) ^ 1, bExp, bSig); break;
    case SUBR: addUnpacked((aSe >>> 15) ^ 1, aExp, aSig, bSe >>> 15, bExp, bSig); break;
    case DIV: divUnpacked((aSe ^ bSe) >>> 15, aExp, aSig, bExp, bSig); break;
    default: divUnpacked((aSe ^ bSe) >>> 15, bExp, bSig, aExp, aSig); break;
  }
  roundControlled();
}

/** At least one operand is not a normal number. */
function computeSpecial(op: i32, aSe: u32, aSig: u64, bSe: u32, bSig: u64): void {
  if (op == SUBR || op == DIVR) {
    const se = aSe;
    aSe = bSe;
    bSe = se;
    const sig = aSig;
    aSig = bSig;
    bSig = sig;
    op--;
  }
  const a = classOf(aSe, aSig);
  const b = classOf(bSe, bSig);
  if (a == UNSUPPORTED || b == UNSUPPORTED) return invalid();
  if (a == NAN || b == NAN) return chooseNan(aSe, aSig, bSe, bSig);
  const aSign = aSe >>> 15;
  const bSign = (bSe >>> 15) ^ u32(op == SUB);
  const sign = aSign ^ bSign;
  const denormal = isDenormal(aSe, aSig) || isDenormal(bSe, bSig);
  if (op == ADD || op == SUB) {
    if (a == INFINITE || b == INFINITE) {
      if (a == b && sign != 0) return invalid();
      if (denormal) raise(DE);
      return setOut(((a == INFINITE ? aSign : bSign) << 15) | 0x7fff, 0x8000000000000000);
    }
    if (denormal) raise(DE);
    if (a == ZERO && b == ZERO) return setOut((sign == 0 ? aSign : u32(rounding == 1)) << 15, 0);
    if (b != ZERO) normalize(bSe, bSig);
    if (a == ZERO) {
      setResult(bSign, normalExp, normalSig, 0);
    } else {
      const e = normalExp;
      const s = normalSig;
      normalize(aSe, aSig);
      if (b == ZERO) setResult(aSign, normalExp, normalSig, 0);
      else addUnpacked(aSign, normalExp, normalSig, bSign, e, s);
    }
    return roundControlled();
  }
  if (op == MUL) {
    if ((a == INFINITE && b == ZERO) || (a == ZERO && b == INFINITE)) return invalid();
    if (denormal) raise(DE);
    if (a == INFINITE || b == INFINITE) return setOut((sign << 15) | 0x7fff, 0x8000000000000000);
    if (a == ZERO || b == ZERO) return setOut(sign << 15, 0);
  } else {
    if (a == b && a != FINITE) return invalid();
    if (b == ZERO && a == FINITE) {
      raise(ZE);
      return setOut((sign << 15) | 0x7fff, 0x8000000000000000);
    }
    if (denormal) raise(DE);
    if (a == INFINITE) return setOut((sign << 15) | 0x7fff, 0x8000000000000000);
    if (b == INFINITE || a == ZERO) return setOut(sign << 15, 0);
    if (b == ZERO) return setOut((sign << 15) | 0x7fff, 0x8000000000000000);
  }
  normalize(bSe, bSig);
  const e = normalExp;
  const s = normalSig;
  normalize(aSe, aSig);
  if (op == MUL) mulUnpacked(sign, normalExp, normalSig, e, s);
  else divUnpacked(sign, normalExp, normalSig, e, s);
  roundControlled();
}

function invalid(): void {
  raise(IE);
  outIndefinite();
}

/** Stores out to ST(i) and pops, unless an unmasked exception forbids it. */
// @ts-ignore: decorator
@inline
function complete(cpu: usize, i: u32, pops: i32): void {
  if ((flags & 7) == 0 || !unmasked(IE | DE | ZE)) {
    put(cpu, i, outSe, outSig);
    if (pops != 0) popTimes(cpu, pops);
  }
  leave(cpu);
}
function emptyOperand(cpu: usize, i: u32, pops: i32): void {
  if (underflow()) {
    putIndefinite(cpu, i);
    popTimes(cpu, pops);
  }
  leave(cpu);
}

/** Any op on any operands, dst's value given as a and the other as b. */
function general(cpu: usize, op: i32, dst: i32, aSe: u32, aSig: u64, bSe: u32, bSig: u64, pops: i32): void {
  enter(cpu);
  compute(op, aSe, aSig, bSe, bSig);
  complete(cpu, dst, pops);
}
function emptyGeneral(cpu: usize, dst: i32, pops: i32): void {
  enter(cpu);
  emptyOperand(cpu, dst, pops);
}

/** ST(dst) = ST(dst) op ST(src), then `pops` pops. */
// @ts-ignore: decorator
@inline
function arithReg(cpu: usize, op: i32, dst: i32, src: i32, pops: i32): void {
  const first = load<u32>(cpu, X87_TOP);
  const d = (first + dst) & 7;
  const i = (first + src) & 7;
  if ((load<u8>(cpu + d, X87_TAG) | load<u8>(cpu + i, X87_TAG)) != 0) return emptyGeneral(cpu, dst, pops);
  const to = cpu + (d << 4);
  const from = cpu + (i << 4);
  if (!fast(cpu, op, to, seOf(to), sigOf(to), seOf(from), sigOf(from))) {
    return general(cpu, op, dst, seOf(to), sigOf(to), seOf(from), sigOf(from), pops);
  }
  if (pops != 0) {
    // The only popping forms pop once.
    store<u8>(cpu + first, 1, X87_TAG);
    store<u32>(cpu, (first + 1) & 7, X87_TOP);
  }
}
/** ST(0) = ST(0) op m64fp. */
// @ts-ignore: decorator
@inline
function arithF64(cpu: usize, op: i32, bits: u64): void {
  const first = load<u32>(cpu, X87_TOP);
  if (load<u8>(cpu + first, X87_TAG) != 0) return emptyGeneral(cpu, 0, 0);
  const to = cpu + (first << 4);
  const e = <u32>(bits >>> 52) & 0x7ff;
  const sign = <u32>(bits >>> 63) << 15;
  if (e - 1 < 0x7fe) {
    const sig = (bits << 11) | 0x8000000000000000;
    if (!fast(cpu, op, to, seOf(to), sigOf(to), sign | (e + 15360), sig)) {
      general(cpu, op, 0, seOf(to), sigOf(to), sign | (e + 15360), sig, 0);
    }
    return;
  }
  enter(cpu);
  computeWide(op, seOf(to), sigOf(to), sign, e == 0x7ff, (bits << 12) >>> 1, 15361);
  complete(cpu, 0, 0);
}
/** ST(0) = ST(0) op m32fp. */
// @ts-ignore: decorator
@inline
function arithF32(cpu: usize, op: i32, bits: u32): void {
  const first = load<u32>(cpu, X87_TOP);
  if (load<u8>(cpu + first, X87_TAG) != 0) return emptyGeneral(cpu, 0, 0);
  const to = cpu + (first << 4);
  const e = (bits >>> 23) & 0xff;
  const sign = (bits >>> 31) << 15;
  if (e - 1 < 0xfe) {
    const sig = (<u64>bits << 40) | 0x8000000000000000;
    if (!fast(cpu, op, to, seOf(to), sigOf(to), sign | (e + 16256), sig)) {
      general(cpu, op, 0, seOf(to), sigOf(to), sign | (e + 16256), sig, 0);
    }
    return;
  }
  enter(cpu);
  computeWide(op, seOf(to), sigOf(to), sign, e == 0xff, <u64>(bits & 0x7fffff) << 40, 16257);
  complete(cpu, 0, 0);
}

export function x87AddReg(cpu: usize, dst: i32, src: i32, pops: i32): void { arithReg(cpu, ADD, dst, src, pops); }
export function x87MulReg(cpu: usize, dst: i32, src: i32, pops: i32): void { arithReg(cpu, MUL, dst, src, pops); }
export function x87SubReg(cpu: usize, dst: i32, src: i32, pops: i32): void { arithReg(cpu, SUB, dst, src, pops); }
export function x87SubrReg(cpu: usize, dst: i32, src: i32, pops: i32): void { arithReg(cpu, SUBR, dst, src, pops); }
export function x87DivReg(cpu: usize, dst: i32, src: i32, pops: i32): void { arithReg(cpu, DIV, dst, src, pops); }
export function x87DivrReg(cpu: usize, dst: i32, src: i32, pops: i32): void { arithReg(cpu, DIVR, dst, src, pops); }
export function x87AddF64(cpu: usize, bits: u64): void { arithF64(cpu, ADD, bits); }
export function x87MulF64(cpu: usize, bits: u64): void { arithF64(cpu, MUL, bits); }
export function x87SubF64(cpu: usize, bits: u64): void { arithF64(cpu, SUB, bits); }
export function x87SubrF64(cpu: usize, bits: u64): void { arithF64(cpu, SUBR, bits); }
export function x87DivF64(cpu: usize, bits: u64): void { arithF64(cpu, DIV, bits); }
export function x87DivrF64(cpu: usize, bits: u64): void { arithF64(cpu, DIVR, bits); }
export function x87AddF32(cpu: usize, bits: u32): void { arithF32(cpu, ADD, bits); }
export function x87MulF32(cpu: usize, bits: u32): void { arithF32(cpu, MUL, bits); }
export function x87SubF32(cpu: usize, bits: u32): void { arithF32(cpu, SUB, bits); }
export function x87SubrF32(cpu: usize, bits: u32): void { arithF32(cpu, SUBR, bits); }
export function x87DivF32(cpu: usize, bits: u32): void { arithF32(cpu, DIV, bits); }
export function x87DivrF32(cpu: usize, bits: u32): void { arithF32(cpu, DIVR, bits); }

/**
 * A memory operand that is zero, denormal (rebias is the exponent its denormals have), infinite or NaN. A denormal
 * becomes a normal 80-bit number and must still raise DE when nothing graver happens.
 */
function computeWide(op: i32, aSe: u32, aSig: u64, sign: u32, huge: bool, fraction: u64, rebias: i32): void {
  if (huge || fraction == 0) {
    computeSpecial(op, aSe, aSig, huge ? sign | 0x7fff : sign, huge ? fraction | 0x8000000000000000 : 0);
    return;
  }
  const shift = clz(fraction);
  computeSpecial(op, aSe, aSig, sign | (rebias - <i32>shift), fraction << shift);
  const kind = classOf(aSe, aSig);
  if (kind != NAN && (flags & (IE | ZE)) == 0) raise(DE);
}
/** ST(0) = ST(0) op integer (m16int sign-extended, m32int). */
export function x87ArithInt(cpu: usize, op: i32, value: i32): void {
  enter(cpu);
  if (isEmpty(cpu, 0)) return emptyOperand(cpu, 0, 0);
  const a = st(cpu, 0);
  const magnitude = <u64>(value < 0 ? -(<i64>value) : <i64>value);
  const shift = clz(magnitude);
  const se = value == 0 ? 0 : (u32(value < 0) << 15) | (BIAS + 63 - <u32>shift);
  compute(op, seOf(a), sigOf(a), se, value == 0 ? 0 : magnitude << shift);
  complete(cpu, 0, 0);
}

export function x87SquareRoot(cpu: usize): void {
  enter(cpu);
  if (isEmpty(cpu, 0)) return emptyOperand(cpu, 0, 0);
  const a = st(cpu, 0);
  const se = seOf(a);
  const sig = sigOf(a);
  const kind = classOf(se, sig);
  if (kind == UNSUPPORTED) invalid();
  else if (kind == NAN) quietNan(se, sig);
  else if (kind == ZERO) setOut(se, sig);
  else if (se >>> 15 != 0) invalid();
  else if (kind == INFINITE) setOut(se, sig);
  else {
    if (isDenormal(se, sig)) raise(DE);
    normalize(se, sig);
    sqrtUnpacked(normalExp, normalSig);
    roundControlled();
  }
  complete(cpu, 0, 0);
}
