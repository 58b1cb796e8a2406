// 128-bit fractions (value / 2^128) and floating numbers made of one and an exponent; results are left in fHi:fLo, fExp.
// Errors are a few units of 2^-128, far below the 64 bits that are wanted.

import { divWide, mulHigh, mulWide, wideLow } from './wide';

export let fHi: u64 = 0;
export let fLo: u64 = 0;
/** A floating result is fHi:fLo / 2^128 * 2^fExp with bit 63 of fHi set. */
export let fExp: i32 = 0;

// @ts-ignore: decorator
@inline
export function setFixed(hi: u64, lo: u64): void {
  fHi = hi;
  fLo = lo;
}

/** a * b. */
export function mulFixed(aHi: u64, aLo: u64, bHi: u64, bLo: u64): void {
  let hi = mulWide(aHi, bHi);
  const lo = wideLow;
  const x = mulHigh(aHi, bLo);
  const y = mulHigh(aLo, bHi);
  const sum = lo + x;
  hi += u64(sum < x);
  const total = sum + y;
  hi += u64(total < y);
  fHi = hi;
  fLo = total;
}

/** n / 2 / d for d with bit 127 set and any n. */
export function divFixed(nHi: u64, nLo: u64, dHi: u64, dLo: u64): void {
  nLo = (nLo >>> 1) | (nHi << 63);
  nHi >>>= 1;
  let q = divWide(nHi, nLo, dHi);
  const r = wideLow;
  // Remainder r:0 - q * dLo, made non-negative.
  const pHi = mulWide(q, dLo);
  const pLo = wideLow;
  let rLo: u64 = 0 - pLo;
  let rHi = r - pHi - u64(pLo != 0);
  let borrow = r < pHi || (r == pHi && pLo != 0);
  while (borrow) {
    q--;
    const sum = rLo + dLo;
    const carry = u64(sum < dLo);
    const top = rHi + dHi;
    const over = top < dHi;
    const whole = top + carry;
    borrow = !(over || whole < top);
    rHi = whole;
    rLo = sum;
  }
  fHi = q;
  fLo = rHi >= dHi ? 0xffffffffffffffff : divWide(rHi, rLo, dHi);
}

/** Brings hi:lo (not zero) to the floating form; the value given is hi:lo / 2^128 * 2^exp. */
export function normalizeFixed(hi: u64, lo: u64, exp: i32): void {
  if (hi == 0) {
    hi = lo;
    lo = 0;
    exp -= 64;
  }
  const shift = clz(hi);
  if (shift != 0) {
    hi = (hi << shift) | (lo >>> (64 - shift));
    lo <<= shift;
  }
  fHi = hi;
  fLo = lo;
  fExp = exp - <i32>shift;
}

/** hi:lo >> n, n >= 0; bits shifted out are lost. */
export function shiftRight(hi: u64, lo: u64, n: i32): void {
  if (n == 0) setFixed(hi, lo);
  else if (n < 64) setFixed(hi >>> <u64>n, (lo >>> <u64>n) | (hi << <u64>(64 - n)));
  else if (n < 128) setFixed(0, hi >>> <u64>(n - 64));
  else setFixed(0, 0);
}

/** fHi:fLo += hi:lo; true when it carries out. */
export function addFixed(hi: u64, lo: u64): bool {
  const l = fLo + lo;
  const c = u64(l < lo);
  const h = fHi + hi;
  const over = h < hi;
  const t = h + c;
  fHi = t;
  fLo = l;
  return over || t < c;
}
/** fHi:fLo = hi:lo - fHi:fLo. */
export function subtractFrom(hi: u64, lo: u64): void {
  const l = lo - fLo;
  fHi = hi - fHi - u64(lo < fLo);
  fLo = l;
}

/**
 * c[1] - z c[2] + z^2 c[3] ... (alternating) or with plus signs, up to c[count]; the table's row n is c[n + 1], 16 bytes each.
 * The terms from c[tail] on are summed in 64 bits, scaled up by 2^scale: c[tail] < 2^-scale, and what they lose is multiplied by
 * z^(tail - 1) 2^-scale.
 */
export function series(table: usize, count: i32, tail: i32, scale: u64, zHi: u64, zLo: u64, alternating: bool): void {
  let row = table + (<usize>(count - 1) << 4);
  const last = table + (<usize>(tail - 1) << 4);
  let sum = scaled(row, scale);
  while (row != last) {
    row -= 16;
    const product = mulHigh(sum, zHi);
    sum = alternating ? scaled(row, scale) - product : scaled(row, scale) + product;
  }
  setFixed(sum >>> scale, scale == 0 ? 0 : sum << (64 - scale));
  while (row != table) {
    row -= 16;
    mulFixed(fHi, fLo, zHi, zLo);
    if (alternating) subtractFrom(load<u64>(row), load<u64>(row, 8));
    else addFixed(load<u64>(row), load<u64>(row, 8));
  }
}
// @ts-ignore: decorator
@inline
function scaled(row: usize, scale: u64): u64 {
  return (load<u64>(row) << scale) | ((load<u64>(row, 8) >>> 1) >>> (63 - scale));
}
