// 64 x 64 -> 128 bit products and 128 / 64 bit quotients. Wasm has neither; the second half of a result is left in a global.

/** Low half of the last mulWide, remainder of the last divWide. */
export let wideLow: u64 = 0;

/** High half of a * b; the low half goes to wideLow. */
// @ts-ignore: decorator
@inline
export function mulWide(a: u64, b: u64): u64 {
  const al = a & 0xffffffff;
  const ah = a >>> 32;
  const bl = b & 0xffffffff;
  const bh = b >>> 32;
  const ll = al * bl;
  const lh = al * bh;
  const hl = ah * bl;
  const mid = (ll >>> 32) + (lh & 0xffffffff) + hl;
  wideLow = (mid << 32) | (ll & 0xffffffff);
  return ah * bh + (lh >>> 32) + (mid >>> 32);
}

/** High half of a * b alone. */
// @ts-ignore: decorator
@inline
export function mulHigh(a: u64, b: u64): u64 {
  const al = a & 0xffffffff;
  const ah = a >>> 32;
  const bl = b & 0xffffffff;
  const bh = b >>> 32;
  const lh = al * bh;
  const mid = ((al * bl) >>> 32) + (lh & 0xffffffff) + ah * bl;
  return ah * bh + (lh >>> 32) + (mid >>> 32);
}

/**
 * (hi:lo) / d for hi < d; the remainder goes to wideLow. Knuth's algorithm D with two 32-bit digits
 * (TAOCP vol. 2, 4.3.1), each estimate corrected at most twice.
 */
export function divWide(hi: u64, lo: u64, d: u64): u64 {
  const shift = clz(d);
  d <<= shift;
  if (shift != 0) {
    hi = (hi << shift) | (lo >>> (64 - shift));
    lo <<= shift;
  }
  const dh = d >>> 32;
  const dl = d & 0xffffffff;
  const lo1 = lo >>> 32;
  const lo0 = lo & 0xffffffff;

  let q1 = hi / dh;
  let r = hi - q1 * dh;
  while (q1 >>> 32 != 0 || q1 * dl > ((r << 32) | lo1)) {
    q1--;
    r += dh;
    if (r >>> 32 != 0) break;
  }
  const middle = ((hi << 32) | lo1) - q1 * d;
  let q0 = middle / dh;
  r = middle - q0 * dh;
  while (q0 >>> 32 != 0 || q0 * dl > ((r << 32) | lo0)) {
    q0--;
    r += dh;
    if (r >>> 32 != 0) break;
  }
  wideLow = (((middle << 32) | lo0) - q0 * d) >>> shift;
  return (q1 << 32) | q0;
}
