// 128-bit multiplication and division of the general registers.

import { SCRATCH } from './layout';
import { divWide, mulHigh, wideLow } from './wide';

/** High half of the unsigned product. */
export function mulHighU64(_cpu: usize, a: u64, b: u64): u64 {
  return mulHigh(a, b);
}
/** High half of the signed product. */
export function mulHighS64(_cpu: usize, a: i64, b: i64): i64 {
  return <i64>mulHigh(a, b) - (a >> 63 & b) - (b >> 63 & a);
}
/** (hi:lo) / d unsigned: quotient to scratch, remainder to scratch + 8; 0 when there is no quotient (#DE), else 1. */
export function divU128(cpu: usize, hi: u64, lo: u64, d: u64): i32 {
  if (hi >= d) return 0;
  if (hi == 0) {
    const q = lo / d;
    store<u64>(cpu, q, SCRATCH);
    store<u64>(cpu, lo - q * d, SCRATCH + 8);
    return 1;
  }
  store<u64>(cpu, divWide(hi, lo, d), SCRATCH);
  store<u64>(cpu, wideLow, SCRATCH + 8);
  return 1;
}
/** The same signed, truncating, the remainder with the dividend's sign. */
export function divS128(cpu: usize, hi: i64, lo: i64, d: i64): i32 {
  const negative = hi < 0;
  let h = <u64>hi;
  let l = <u64>lo;
  if (negative) {
    l = 0 - l;
    h = ~h + u64(l == 0);
  }
  const magnitude: u64 = d < 0 ? 0 - <u64>d : <u64>d;
  if (h >= magnitude) return 0;
  const q = divWide(h, l, magnitude);
  const r = wideLow;
  const minus = negative != d < 0;
  if (q > 0x7fffffffffffffff + u64(minus)) return 0;
  store<u64>(cpu, minus ? 0 - q : q, SCRATCH);
  store<u64>(cpu, negative ? 0 - r : r, SCRATCH + 8);
  return 1;
}
