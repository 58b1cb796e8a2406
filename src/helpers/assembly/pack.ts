// Rounding an unpacked result (core.ts) to binary32 or binary64, with the x86 exceptions.

import { BIAS, flags, raise, resExp, resHi, resLo, resSign, rounding } from './core';
import { C1, OE, PE, UE } from './layout';

/** Masked exceptions of the operation under way (a set bit is masked), and MXCSR's flush-to-zero. */
export let masked: u32 = 0x3f;
export let flushToZero: bool = false;

// @ts-ignore: decorator
@inline
export function setMasks(mask: u32, ftz: bool): void {
  masked = mask;
  flushToZero = ftz;
}

/** Whether a magnitude with last bit `odd` and discarded bits `frac` (scaled to 64 bits, non-zero) goes one up. */
// @ts-ignore: decorator
@inline
export function roundsUp(sign: u32, odd: u64, frac: u64): bool {
  if (rounding == 0) return frac > 0x8000000000000000 || (frac == 0x8000000000000000 && (odd & 1) != 0);
  if (rounding == 3) return false;
  return (rounding == 1) == (sign != 0) && frac != 0;
}

// @ts-ignore: decorator
@inline
function packTo(p: u64, bias: i32, maxExp: i32): u64 {
  const sign = resSign;
  const signBit = <u64>sign << (p == 53 ? 63 : 31);
  const hi = resHi;
  if (hi == 0) return signBit;
  const sticky = u64(resLo != 0);
  const shift: u64 = 64 - p;
  let e = resExp - BIAS + bias;
  let m: u64;
  let frac: u64;
  if (e <= 0) {
    // Tininess is detected after rounding (SDM vol. 1, 4.9.1.5).
    let tiny = true;
    m = hi >>> shift;
    frac = (hi << p) | sticky;
    if (e == 0 && (m + 1) >>> p != 0 && roundsUp(sign, m, frac)) tiny = false;
    if (tiny && (masked & UE) == 0) {
      raise(UE);
      if (frac != 0) raise(PE);
      return signBit;
    }
    if (tiny && flushToZero) {
      raise(UE | PE);
      return signBit;
    }
    const s = shift + <u64>(1 - e);
    if (s >= 64) {
      m = 0;
      frac = s == 64 ? hi | sticky : 1;
    } else {
      m = hi >>> s;
      frac = (hi << (64 - s)) | sticky;
    }
    if (frac != 0) {
      raise(tiny ? UE | PE : PE);
      if (roundsUp(sign, m, frac)) {
        m++;
        raise(C1);
      }
    }
    return signBit | m;
  }
  m = hi >>> shift;
  frac = (hi << p) | sticky;
  if (frac != 0) {
    raise(PE);
    if (roundsUp(sign, m, frac)) {
      raise(C1);
      m++;
      if (m >>> p != 0) {
        m >>>= 1;
        e++;
      }
    }
  }
  if (e >= maxExp) {
    raise(OE);
    if ((masked & OE) == 0) return signBit;
    raise(PE);
    const infinite = rounding == 0 || (rounding == 2 && sign == 0) || (rounding == 1 && sign != 0);
    const inf = <u64>maxExp << (p - 1);
    if (infinite) raise(C1);
    return signBit | (infinite ? inf : inf - 1);
  }
  return signBit | ((<u64>e << (p - 1)) + (m - (<u64>1 << (p - 1))));
}

/** The pending result as binary64. */
export function packF64(): u64 {
  return packTo(53, 1023, 0x7ff);
}

/** The pending result as binary32. */
export function packF32(): u32 {
  return <u32>packTo(24, 127, 0xff);
}

/** An unpacked magnitude rounded to an integer below 2^64; `overflowed` when it does not fit. Raises PE and C1. */
export let overflowed: bool = false;
export function roundToInteger(sign: u32, exp: i32, sig: u64): u64 {
  overflowed = false;
  const e = exp - BIAS;
  if (e > 63) {
    overflowed = true;
    return 0;
  }
  if (e == 63) return sig;
  let m: u64;
  let frac: u64;
  if (e < -1) {
    m = 0;
    frac = 1;
  } else if (e == -1) {
    m = 0;
    frac = sig;
  } else {
    m = sig >>> <u64>(63 - e);
    frac = sig << <u64>(e + 1);
  }
  if (frac != 0) {
    raise(PE);
    if (roundsUp(sign, m, frac)) {
      m++;
      raise(C1);
      if (m == 0) overflowed = true;
    }
  }
  return m;
}
