// 80-bit numbers: classes, NaN rules, and rounding an unpacked result to a register.

import { BIAS, raise, resExp, resHi, resLo, resSign, rounding } from './core';
import { C1, DE, IE, OE, PE, UE } from './layout';
import { roundsUp } from './pack';
import { control, INDEFINITE_SE, INDEFINITE_SIG } from './x87state';

export const ZERO: i32 = 0;
export const FINITE: i32 = 1;
export const INFINITE: i32 = 2;
export const NAN: i32 = 3;
/** Unnormals, pseudo-NaNs, pseudo-infinities: invalid operands on every processor since the 387. */
export const UNSUPPORTED: i32 = 4;

/** The value an operation produced. */
export let outSe: u32 = 0;
export let outSig: u64 = 0;

// @ts-ignore: decorator
@inline
export function setOut(se: u32, sig: u64): void {
  outSe = se;
  outSig = sig;
}
// @ts-ignore: decorator
@inline
export function outIndefinite(): void {
  setOut(INDEFINITE_SE, INDEFINITE_SIG);
}

export function classOf(se: u32, sig: u64): i32 {
  const e = se & 0x7fff;
  if (e == 0) return sig == 0 ? ZERO : FINITE;
  if (<i64>sig >= 0) return UNSUPPORTED;
  if (e != 0x7fff) return FINITE;
  return sig == 0x8000000000000000 ? INFINITE : NAN;
}
/** An ordinary normal number. */
// @ts-ignore: decorator
@inline
export function isNormal(se: u32, sig: u64): bool {
  return <i64>sig < 0 && (se & 0x7fff) - 1 < 0x7ffe;
}
/** Denormal or pseudo-denormal. */
// @ts-ignore: decorator
@inline
export function isDenormal(se: u32, sig: u64): bool {
  return (se & 0x7fff) == 0 && sig != 0;
}
// @ts-ignore: decorator
@inline
export function isSignalling(sig: u64): bool {
  return (sig & 0x4000000000000000) == 0;
}

/** Unpacked exponent and significand of a FINITE number. */
export let normalExp: i32 = 0;
export let normalSig: u64 = 0;
export function normalize(se: u32, sig: u64): void {
  const e = <i32>(se & 0x7fff);
  const shift = clz(sig);
  normalExp = (e == 0 ? 1 : e) - <i32>shift;
  normalSig = sig << shift;
}

/** NaN result for one NaN operand. */
export function quietNan(se: u32, sig: u64): void {
  if (isSignalling(sig)) raise(IE);
  setOut(se, sig | 0x4000000000000000);
}
/**
 * Result when a or b is a NaN, neither unsupported (SDM vol. 1, table 4-7): a signalling and a quiet one give the quiet
 * one, two alike the one with the larger significand.
 */
export function chooseNan(aSe: u32, aSig: u64, bSe: u32, bSig: u64): void {
  const aNan = classOf(aSe, aSig) == NAN;
  const bNan = classOf(bSe, bSig) == NAN;
  if (!aNan || !bNan) {
    if (aNan) quietNan(aSe, aSig);
    else quietNan(bSe, bSig);
    return;
  }
  const aSignals = isSignalling(aSig);
  const bSignals = isSignalling(bSig);
  if (aSignals || bSignals) raise(IE);
  let first: bool;
  if (aSignals != bSignals) first = bSignals;
  else if (aSig << 1 != bSig << 1) first = aSig << 1 > bSig << 1;
  else first = aSe < bSe;
  if (first) setOut(aSe, aSig | 0x4000000000000000);
  else setOut(bSe, bSig | 0x4000000000000000);
}

/** Significand bits that precision control keeps. The reserved value 1 acts as 64 bits. */
// @ts-ignore: decorator
@inline
export function precisionBits(): u64 {
  const pc = (control >>> 8) & 3;
  return pc == 0 ? 24 : pc == 2 ? 53 : 64;
}

/** Rounds the unpacked result to `bits` significand bits into out, with overflow, underflow and precision exceptions. */
export function roundOut(bits: u64): void {
  const sign = resSign << 15;
  let hi = resHi;
  let lo = resLo;
  let e = resExp;
  if (hi == 0) {
    setOut(sign, 0);
    return;
  }
  let tiny = false;
  if (e <= 0) {
    // Tininess is detected after rounding: a number that rounds up to the smallest normal is not tiny.
    tiny = e < 0 || !carries(bits, hi, lo);
    if (tiny && (control & UE) == 0) {
      raise(UE);
      e += 24576;
      tiny = false;
      if (e <= 0) {
        // Even the adjusted exponent is out of range (fscale only).
        raise(PE);
        setOut(sign, 0);
        return;
      }
    } else {
      const shift = <u64>(1 - e);
      if (shift < 64) {
        lo = (hi << (64 - shift)) | u64(lo != 0);
        hi >>>= shift;
      } else {
        lo = shift == 64 ? hi | u64(lo != 0) : 1;
        hi = 0;
      }
      e = 0;
    }
  }
  const unit: u64 = <u64>1 << (64 - bits);
  if (bits != 64) {
    lo = (hi << bits) | u64(lo != 0);
    hi = hi & (0 - unit);
  }
  if (lo != 0) {
    raise(tiny ? PE | UE : PE);
    if (roundsUp(resSign, u64((hi & unit) != 0), lo)) {
      raise(C1);
      hi += unit;
      if (hi == 0) {
        hi = 0x8000000000000000;
        e++;
      }
    }
  }
  if (e == 0 && <i64>hi < 0) e = 1;
  if (e >= 0x7fff) {
    raise(OE);
    if ((control & OE) == 0) {
      e -= 24576;
      if (e < 0x7fff) setOut(sign | e, hi);
      else {
        raise(PE | C1);
        setOut(sign | 0x7fff, 0x8000000000000000);
      }
      return;
    }
    raise(PE);
    if (rounding == 0 || (rounding == 2 && sign == 0) || (rounding == 1 && sign != 0)) {
      raise(C1);
      setOut(sign | 0x7fff, 0x8000000000000000);
    } else {
      setOut(sign | 0x7ffe, 0 - unit);
    }
    return;
  }
  setOut(sign | e, hi);
}

/** Whether a significand with exponent 0 rounds up to a power of two at `bits` bits. */
function carries(bits: u64, hi: u64, lo: u64): bool {
  const unit: u64 = <u64>1 << (64 - bits);
  if ((hi & (0 - unit)) != 0 - unit) return false;
  const frac = bits == 64 ? lo : (hi << bits) | u64(lo != 0);
  return frac != 0 && roundsUp(resSign, 1, frac);
}

/** Rounds to 64 bits whatever the precision control: the common case is one comparison. */
// @ts-ignore: decorator
@inline
export function roundControlled(): void {
  const e = resExp;
  const hi = resHi;
  // Round to nearest, 64 bits, exponent well inside: inline.
  if ((control & 0xf00) == 0x300 && e - 1 < 0x7ffd && e > 0 && hi != 0) {
    const lo = resLo;
    if (lo == 0) {
      setOut((resSign << 15) | e, hi);
      return;
    }
    raise(PE);
    if (lo > 0x8000000000000000 || (lo == 0x8000000000000000 && (hi & 1) != 0)) {
      raise(C1);
      const up = hi + 1;
      if (up == 0) setOut((resSign << 15) | (e + 1), 0x8000000000000000);
      else setOut((resSign << 15) | e, up);
      return;
    }
    setOut((resSign << 15) | e, hi);
    return;
  }
  roundOut(precisionBits());
}

/** DE for a denormal operand, unless a graver exception was found. */
// @ts-ignore: decorator
@inline
export function raiseDenormal(se: u32, sig: u64): void {
  if (isDenormal(se, sig)) raise(DE);
}
