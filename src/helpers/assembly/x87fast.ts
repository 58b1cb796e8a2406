// The common case of x87 arithmetic in one piece, without the globals of core.ts: two normal numbers, round to nearest, 64
// bits, all exceptions masked, a normal result. Everything else answers false with nothing changed.

import { C1, PE, X87_CONTROL, X87_REG, X87_STATUS } from './layout';
import { divWide, mulHigh, wideLow } from './wide';
import { isNormal } from './x87number';

/** Rounds hi.lo to hi, stores it to the register at `to`, and sets PE and C1; false when the exponent is out of range. */
// @ts-ignore: decorator
@inline
function deliver(cpu: usize, to: usize, signBit: u32, exp: i32, hi: u64, lo: u64): bool {
  if (<u32>(exp - 1) >= 0x7ffd) return false;
  let status = load<u32>(cpu, X87_STATUS) & ~C1;
  if (lo != 0) {
    status |= PE;
    // Up when above one half, or at it and odd.
    const up = u64(lo + (hi & 1) > 0x8000000000000000 || lo > 0x8000000000000000);
    hi += up;
    status |= <u32>up << 9;
    if (hi == 0) {
      hi = 0x8000000000000000;
      exp++;
    }
  }
  store<u64>(to, hi, X87_REG);
  store<u16>(to, signBit | exp, X87_REG + 8);
  store<u32>(cpu, status, X87_STATUS);
  return true;
}

// @ts-ignore: decorator
@inline
function fastAdd(cpu: usize, to: usize, aSe: u32, aSig: u64, bSe: u32, bSig: u64): bool {
  let exp = <i32>(aSe & 0x7fff);
  let d = exp - <i32>(bSe & 0x7fff);
  let sign = aSe & 0x8000;
  const subtract = (aSe ^ bSe) & 0x8000;
  if (d < 0 || (d == 0 && aSig < bSig)) {
    const t = aSig;
    aSig = bSig;
    bSig = t;
    exp -= d;
    d = -d;
    sign = bSe & 0x8000;
  }
  if (d >= 64) return false;
  // Wasm takes shift counts modulo 64: for d = 0 the lost part would be all of bSig.
  let lo: u64 = d == 0 ? 0 : bSig << <u64>(-d);
  bSig >>>= <u64>d;
  let hi: u64;
  if (subtract == 0) {
    hi = aSig + bSig;
    if (hi < aSig) {
      lo = (hi << 63) | (lo >>> 1) | (lo & 1);
      hi = (hi >>> 1) | 0x8000000000000000;
      exp++;
    }
    return deliver(cpu, to, sign, exp, hi, lo);
  }
  hi = aSig - bSig - u64(lo != 0);
  lo = 0 - lo;
  if (hi == 0) return false;
  const shift = clz(hi);
  if (shift != 0) {
    hi = (hi << shift) | (lo >>> (64 - shift));
    lo <<= shift;
    exp -= <i32>shift;
  }
  return deliver(cpu, to, sign, exp, hi, lo);
}

// @ts-ignore: decorator
@inline
function fastMul(cpu: usize, to: usize, aSe: u32, aSig: u64, bSe: u32, bSig: u64): bool {
  let hi = mulHigh(aSig, bSig);
  let lo = aSig * bSig;
  let exp = <i32>(aSe & 0x7fff) + <i32>(bSe & 0x7fff) - 16382;
  if (<i64>hi >= 0) {
    hi = (hi << 1) | (lo >>> 63);
    lo <<= 1;
    exp--;
  }
  return deliver(cpu, to, (aSe ^ bSe) & 0x8000, exp, hi, lo);
}

// @ts-ignore: decorator
@inline
function fastDiv(cpu: usize, to: usize, aSe: u32, aSig: u64, bSe: u32, bSig: u64): bool {
  let exp = <i32>(aSe & 0x7fff) - <i32>(bSe & 0x7fff) + 16383;
  let q: u64;
  if (aSig < bSig) {
    exp--;
    q = divWide(aSig, 0, bSig);
  } else {
    q = divWide(aSig >>> 1, aSig << 63, bSig);
  }
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
