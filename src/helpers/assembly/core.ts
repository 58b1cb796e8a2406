// Arithmetic on unpacked finite non-zero numbers, shared by the x87 and the SSE soft floats.
//
// An unpacked number is (sign, exp, sig): (-1)^sign * sig * 2^(exp - 16383 - 63), sig with bit 63 set. A result has 64
// further bits in resLo, of which the last is sticky, so that any later rounding to at most 64 bits is correct.
// resHi = 0 means an exact zero.

import { divWide, mulWide, wideLow } from './wide';

export const BIAS: i32 = 16383;

export let resSign: u32 = 0;
export let resExp: i32 = 0;
export let resHi: u64 = 0;
export let resLo: u64 = 0;

/** Exception flags of the operation under way: bits of layout.ts. */
export let flags: u32 = 0;
/** Rounding mode of the operation under way. */
export let rounding: u32 = 0;

// @ts-ignore: decorator
@inline
export function begin(mode: u32): void {
  flags = 0;
  rounding = mode;
}

// @ts-ignore: decorator
@inline
export function raise(bits: u32): void {
  flags |= bits;
}

// @ts-ignore: decorator
@inline
export function setResult(sign: u32, exp: i32, hi: u64, lo: u64): void {
  resSign = sign;
  resExp = exp;
  resHi = hi;
  resLo = lo;
}

/** a + b; bSign already inverted for a subtraction. */
export function addUnpacked(aSign: u32, aExp: i32, aSig: u64, bSign: u32, bExp: i32, bSig: u64): void {
  if (aExp < bExp || (aExp == bExp && aSig < bSig)) {
    const s = aSign;
    aSign = bSign;
    bSign = s;
    const e = aExp;
    aExp = bExp;
    bExp = e;
    const g = aSig;
    aSig = bSig;
    bSig = g;
  }
  const d = <u32>(aExp - bExp);
  let bLo: u64 = 0;
  if (d != 0) {
    if (d < 64) {
      bLo = bSig << (64 - d);
      bSig >>>= d;
    } else {
      bLo = d == 64 ? bSig : d < 128 ? (bSig >>> (d - 64)) | u64((bSig << (128 - d)) != 0) : 1;
      bSig = 0;
    }
  }
  if (aSign == bSign) {
    let sum = aSig + bSig;
    if (sum < aSig) {
      bLo = (sum << 63) | (bLo >>> 1) | (bLo & 1);
      sum = (sum >>> 1) | 0x8000000000000000;
      aExp++;
    }
    setResult(aSign, aExp, sum, bLo);
    return;
  }
  let lo: u64 = 0 - bLo;
  let hi = aSig - bSig - u64(bLo != 0);
  if (hi >= 0x8000000000000000) {
    setResult(aSign, aExp, hi, lo);
    return;
  }
  if (hi == 0) {
    // The difference of numbers at most one exponent apart is exact: lo has no sticky bit in it.
    if (lo == 0) {
      setResult(u32(rounding == 1), 0, 0, 0);
      return;
    }
    hi = lo;
    lo = 0;
    aExp -= 64;
  }
  const shift = clz(hi);
  if (shift != 0) {
    hi = (hi << shift) | (lo >>> (64 - shift));
    lo <<= shift;
    aExp -= <i32>shift;
  }
  setResult(aSign, aExp, hi, lo);
}

// @ts-ignore: decorator
@inline
export function mulUnpacked(sign: u32, aExp: i32, aSig: u64, bExp: i32, bSig: u64): void {
  let hi = mulWide(aSig, bSig);
  let lo = wideLow;
  let exp = aExp + bExp - (BIAS - 1);
  if (<i64>hi >= 0) {
    hi = (hi << 1) | (lo >>> 63);
    lo <<= 1;
    exp--;
  }
  setResult(sign, exp, hi, lo);
}

export function divUnpacked(sign: u32, aExp: i32, aSig: u64, bExp: i32, bSig: u64): void {
  let exp = aExp - bExp + BIAS;
  let q: u64;
  if (aSig < bSig) {
    exp--;
    q = divWide(aSig, 0, bSig);
  } else {
    q = divWide(aSig >>> 1, aSig << 63, bSig);
  }
  const r = wideLow;
  let lo: u64 = 0;
  if (r != 0) {
    // 2r against the divisor tells the next bit; anything left is sticky.
    const rest = bSig - r;
    lo = r > rest ? 0xc000000000000000 : r == rest ? 0x8000000000000000 : 0x4000000000000000;
  }
  setResult(sign, exp, q, lo);
}

export function sqrtUnpacked(exp: i32, sig: u64): void {
  // value = m * 2^(2k) with m in [1, 4); the root is sqrt(m) * 2^k.
  const e = exp - BIAS;
  const odd = e & 1;
  // n = hi:0 is a 128-bit number in [2^126, 2^128) whose integer root has exactly 64 bits.
  const hi = odd != 0 ? sig : sig >>> 1;
  const lo: u64 = odd != 0 ? 0 : sig << 63;
  // An estimate good to about 52 bits, one Newton step with the exact remainder, then corrections by one.
  const f = sqrt<f64>(<f64>hi) * 4294967296.0;
  let s: u64 = f >= 18446744073709549568.0 ? 0xfffffffffffff800 : <u64>f;
  let sqHi = mulWide(s, s);
  let sqLo = wideLow;
  // remainder n - s*s, signed, fits well into 128 bits and (after the 52 good bits) into 79; take it >> 16.
  let rLo = lo - sqLo;
  let rHi = <i64>(hi - sqHi - u64(lo < sqLo));
  const step = ((rHi << 48) | <i64>(rLo >>> 16)) / <i64>(s >>> 15);
  const next = s + <u64>step;
  s = step > 0 && next < s ? 0xffffffffffffffff : next;
  sqHi = mulWide(s, s);
  sqLo = wideLow;
  rLo = lo - sqLo;
  rHi = <i64>(hi - sqHi - u64(lo < sqLo));
  // s is the integer root when the remainder is in 0..2s; it is at most one off or two.
  while (rHi < 0) {
    s--;
    const twice = (s << 1) | 1;
    rLo += twice;
    rHi += <i64>(s >>> 63) + i64(rLo < twice);
  }
  while (rHi > <i64>(s >>> 63) || (rHi == <i64>(s >>> 63) && rLo > s << 1)) {
    const twice = (s << 1) | 1;
    rHi -= <i64>(s >>> 63) + i64(rLo < twice);
    rLo -= twice;
    s++;
  }
  let extra: u64 = 0;
  if ((rLo | <u64>rHi) != 0) {
    // The root lies above s + 1/2 when the remainder exceeds s (it can never be exactly s + 1/2).
    extra = rHi != 0 || rLo > s ? 0xc000000000000000 : 0x4000000000000000;
  }
  setResult(0, (e >> 1) + BIAS, s, extra);
}
