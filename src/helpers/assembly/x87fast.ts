// The common case of x87 arithmetic in one piece, without the globals of core.ts: two normal numbers, round to nearest, 64
// bits, all exceptions masked, a normal result. Everything else answers false with nothing changed.

import { C1, X87_CONTROL, X87_REG, X87_STATUS } from './layout';
import { divWide, mulHigh, wideLow } from './wide';
import { isNormal } from './x87number';

/** Rounds hi.lo to hi, stores it to the register at `to`, and sets PE and C1; false when the exponent is out of range. */
// @ts-ignore: decorator
@inline
function deliver(cpu: usize, to: usize, signBit: u32, exp: i32, hi: u64, lo: u64): bool {
  if (<u32>(exp - 1) >= 0x7ffd) return false;
  // Up when above one half, or at it and odd. No branches: they would be guessed wrong half of the time.
  const up = (lo >>> 63) & (u64(lo << 1 != 0) | hi);
  const status = (load<u32>(cpu, X87_STATUS) & ~C1) | (u32(lo != 0) << 5) | (<u32>up << 9);
  hi += up;
  if (hi == 0) {
    hi = 0x8000000000000000;
    exp++;
  }
  store<u64>(to, hi, X87_REG);
  store<u16>(to, signBit | exp, X87_REG + 8);
  store<u32>(cpu, status, X87_STATUS);
  return true;
}

// @ts-ignore: decorator
@inline
function fastAdd(cpu: usize, to: usize, aSe: u32, aSig: u64, bSe: u32, bSig: u64): bool {
  let d = <i32>(aSe & 0x7fff) - <i32>(bSe & 0x7fff);
  // The larger first.
  const swap = u32(d < 0) | (u32(d == 0) & u32(aSig < bSig));
  const mask: u64 = 0 - <u64>swap;
  const sigs = (aSig ^ bSig) & mask;
  aSig ^= sigs;
  bSig ^= sigs;
  const subtract = (aSe ^ bSe) & 0x8000;
  aSe ^= (aSe ^ bSe) & <u32>mask;
  d = (d ^ <i32>mask) - <i32>mask;
  if (d >= 64) return false;
  // Two shifts: for d = 0 nothing is lost.
  let lo: u64 = (bSig << 1) << <u64>(63 - d);
  bSig >>>= <u64>d;
  let hi: u64;
  let exp = <i32>(aSe & 0x7fff);
  if (subtract == 0) {
    hi = aSig + bSig;
    const carry = u64(hi < aSig);
    lo = ((hi & carry) << 63) | (lo >>> carry) | (lo & carry);
    hi = (hi >>> carry) | (carry << 63);
    return deliver(cpu, to, aSe & 0x8000, exp + <i32>carry, hi, lo);
  }
  hi = aSig - bSig - u64(lo != 0);
  lo = 0 - lo;
  if (hi == 0) return false;
  const shift = clz(hi);
  hi = (hi << shift) | ((lo >>> 1) >>> (63 - shift));
  lo <<= shift;
  return deliver(cpu, to, aSe & 0x8000, exp - <i32>shift, hi, lo);
}

// @ts-ignore: decorator
@inline
function fastMul(cpu: usize, to: usize, aSe: u32, aSig: u64, bSe: u32, bSig: u64): bool {
  const high = mulHigh(aSig, bSig);
  const low = aSig * bSig;
  const small = (high >>> 63) ^ 1;
  const hi = (high << small) | ((low >>> 63) & small);
  const exp = <i32>(aSe & 0x7fff) + <i32>(bSe & 0x7fff) - 16382 - <i32>small;
  return deliver(cpu, to, (aSe ^ bSe) & 0x8000, exp, hi, low << small);
}

// @ts-ignore: decorator
@inline
function fastDiv(cpu: usize, to: usize, aSe: u32, aSig: u64, bSe: u32, bSig: u64): bool {
  const large = u64(aSig >= bSig);
  const exp = <i32>(aSe & 0x7fff) - <i32>(bSe & 0x7fff) + 16382 + <i32>large;
  const q = divWide(aSig >>> large, (aSig & large) << 63, bSig);
  const r = wideLow;
  const rest = bSig - r;
  const lo: u64 = r == 0 ? 0 : r > rest ? 0xc000000000000000 : r == rest ? 0x8000000000000000 : 0x4000000000000000;
  return deliver(cpu, to, (aSe ^ bSe) & 0x8000, exp, q, lo);
}

/** a op b into the register at `to`; op is a constant, the reg field of opcode D8. */
// @ts-ignore: decorator
@inline
export function fast(cpu: usize, op: i32, to: usize, aSe: u32, aSig: u64, bSe: u32, bSig: u64): bool {
  if ((load<u32>(cpu, X87_CONTROL) & 0xf3f) != 0x33f || !isNormal(aSe, aSig) || !isNormal(bSe, bSig)) return false;
  if (op == 0) return fastAdd(cpu, to, aSe, aSig, bSe, bSig);
  if (op == 1) return fastMul(cpu, to, aSe, aSig, bSe, bSig);
  if (op == 4) return fastAdd(cpu, to, aSe, aSig, bSe ^ 0x8000, bSig);
  if (op == 5) return fastAdd(cpu, to, aSe ^ 0x8000, aSig, bSe, bSig);
  if (op == 6) return fastDiv(cpu, to, aSe, aSig, bSe, bSig);
  return fastDiv(cpu, to, bSe, bSig, aSe, aSig);
}
