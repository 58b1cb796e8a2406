// fprem fprem1 frndint fscale fxtract.

import { BIAS, flags, raise, setResult } from './core';
import { C0, C1, C2, C3, DE, IE, X87_STATUS, X87_TOP, ZE } from './layout';
import { roundToInteger } from './pack';
import { divWide, wideLow } from './wide';
import {
  chooseNan, classOf, FINITE, INFINITE, isDenormal, NAN, normalExp, normalize, normalSig, outIndefinite, outSe, outSig,
  quietNan, roundOut, setOut, UNSUPPORTED, ZERO,
} from './x87number';
import {
  enter, isEmpty, leave, leaveWithCodes, push, pushOverflows, put, putIndefinite, seOf, sigOf, st, underflow, unmasked,
} from './x87state';

function finish(cpu: usize): void {
  if (!unmasked(IE | DE | ZE)) put(cpu, 0, outSe, outSig);
  leave(cpu);
}
function invalid(): void {
  raise(IE);
  outIndefinite();
}
function empty(cpu: usize): void {
  if (underflow()) putIndefinite(cpu, 0);
  leave(cpu);
}

let quotient: u64 = 0;
let incomplete: bool = false;

/** out = remainder of finite a by finite b; `nearest` rounds the quotient to nearest even (fprem1), else it truncates. */
function remainder(aSe: u32, aSig: u64, bSe: u32, bSig: u64, nearest: bool): void {
  normalize(bSe, bSig);
  const bExp = normalExp;
  const b = normalSig;
  normalize(aSe, aSig);
  const exp = normalExp;
  const a = normalSig;
  let sign = aSe >>> 15;
  const d = exp - bExp;
  if (d < -1 || (d < 0 && !nearest)) {
    setResult(sign, exp, a, 0);
    return roundOut(64);
  }
  if (d >= 64) {
    // Reduce the exponent difference by 32..63 (as many as leave a multiple of 32) and report a partial remainder.
    incomplete = true;
    const n = (<u64>d & 31) + 32;
    divWide(a >>> (64 - n), a << n, b);
    finishRemainder(sign, exp - <i32>n, wideLow);
    return;
  }
  let r: u64;
  let q: u64;
  let rExp = bExp;
  if (d < 0) {
    // a lies in (b/4, b): the quotient is 0 or 1. In units of a's exponent b is 2b.
    q = 0;
    r = a;
    rExp = exp;
    if (a > b) {
      // |a| > b/2: a - b is nearer, of the other sign.
      q = 1;
      sign ^= 1;
      r = (b << 1) - a;
    }
    quotient = q;
    finishRemainder(sign, rExp, r);
    return;
  }
  if (d == 0) {
    q = u64(a >= b);
    r = a - (b & (0 - q));
  } else {
    q = divWide(a >>> <u64>(64 - d), a << <u64>d, b);
    r = wideLow;
  }
  if (nearest) {
    const rest = b - r;
    if (r > rest || (r == rest && (q & 1) != 0)) {
      q++;
      r = rest;
      sign ^= 1;
    }
  }
  quotient = q;
  finishRemainder(sign, rExp, r);
}
/** r in units of the last place of exponent exp. */
function finishRemainder(sign: u32, exp: i32, r: u64): void {
  if (r == 0) return setOut(sign << 15, 0);
  const shift = clz(r);
  setResult(sign, exp - <i32>shift, r << shift, 0);
  roundOut(64);
}

/** fprem (nearest = 0) and fprem1. C2: incomplete; C0 C3 C1: quotient bits 2 1 0. */
export function x87Remainder(cpu: usize, nearest: i32): void {
  enter(cpu);
  // Without a quotient (invalid operands, NaNs) C0 and C3 stay and C2 is cleared.
  const kept = load<u32>(cpu, X87_STATUS) & (C0 | C3);
  if (isEmpty(cpu, 0) || isEmpty(cpu, 1)) {
    if (underflow()) putIndefinite(cpu, 0);
    return leaveWithCodes(cpu, kept);
  }
  const ra = st(cpu, 0);
  const rb = st(cpu, 1);
  const aSe = seOf(ra);
  const aSig = sigOf(ra);
  const bSe = seOf(rb);
  const bSig = sigOf(rb);
  const a = classOf(aSe, aSig);
  const b = classOf(bSe, bSig);
  quotient = 0;
  incomplete = false;
  let defined = false;
  if (a == UNSUPPORTED || b == UNSUPPORTED) {
    invalid();
  } else if (a == NAN || b == NAN) {
    chooseNan(aSe, aSig, bSe, bSig);
  } else if (a == INFINITE || b == ZERO) {
    invalid();
  } else {
    defined = true;
    if (isDenormal(aSe, aSig) || isDenormal(bSe, bSig)) raise(DE);
    if (a == ZERO) setOut(aSe, aSig);
    else if (b == INFINITE) {
      normalize(aSe, aSig);
      setResult(aSe >>> 15, normalExp, normalSig, 0);
      roundOut(64);
    } else remainder(aSe, aSig, bSe, bSig, nearest != 0);
  }
  if (unmasked(IE | DE)) return leaveWithCodes(cpu, kept);
  put(cpu, 0, outSe, outSig);
  if (!defined) return leaveWithCodes(cpu, kept);
  let codes: u32 = incomplete ? C2 : 0;
  if (!incomplete) {
    if ((quotient & 1) != 0) raise(C1);
    if ((quotient & 2) != 0) codes |= C3;
    if ((quotient & 4) != 0) codes |= C0;
  }
  leaveWithCodes(cpu, codes);
}

export function x87RoundInt(cpu: usize): void {
  enter(cpu);
  if (isEmpty(cpu, 0)) return empty(cpu);
  const reg = st(cpu, 0);
  const se = seOf(reg);
  const sig = sigOf(reg);
  const kind = classOf(se, sig);
  if (kind == UNSUPPORTED) invalid();
  else if (kind == NAN) quietNan(se, sig);
  else if (kind != FINITE) setOut(se, sig);
  else {
    if (isDenormal(se, sig)) raise(DE);
    normalize(se, sig);
    if (normalExp >= BIAS + 63) {
      setOut(se, sig);
    } else {
      const m = roundToInteger(se >>> 15, normalExp, normalSig);
      const shift = clz(m);
      setOut(m == 0 ? se & 0x8000 : (se & 0x8000) | (BIAS + 63 - <u32>shift), m == 0 ? 0 : m << shift);
    }
  }
  finish(cpu);
}

export function x87Scale(cpu: usize): void {
  enter(cpu);
  if (isEmpty(cpu, 0) || isEmpty(cpu, 1)) return empty(cpu);
  const ra = st(cpu, 0);
  const rb = st(cpu, 1);
  const aSe = seOf(ra);
  const aSig = sigOf(ra);
  const bSe = seOf(rb);
  const bSig = sigOf(rb);
  const a = classOf(aSe, aSig);
  const b = classOf(bSe, bSig);
  if (a == UNSUPPORTED || b == UNSUPPORTED) {
    invalid();
  } else if (a == NAN || b == NAN) {
    chooseNan(aSe, aSig, bSe, bSig);
  } else if (b == INFINITE && (bSe >>> 15 != 0 ? a == INFINITE : a == ZERO)) {
    invalid();
  } else {
    if (isDenormal(aSe, aSig) || isDenormal(bSe, bSig)) raise(DE);
    if (b == INFINITE) {
      if (bSe >>> 15 != 0) setOut(aSe & 0x8000, 0);
      else setOut((aSe & 0x8000) | 0x7fff, 0x8000000000000000);
    } else if (a != FINITE) {
      setOut(aSe, aSig);
    } else {
      const e = <i32>(bSe & 0x7fff) - BIAS;
      let n: i32 = e < 0 ? 0 : e > 16 ? 0x1ffff : <i32>(bSig >>> <u64>(63 - e));
      if (bSe >>> 15 != 0) n = -n;
      normalize(aSe, aSig);
      setResult(aSe >>> 15, normalExp + n, normalSig, 0);
      roundOut(64);
    }
  }
  finish(cpu);
}

export function x87Extract(cpu: usize): void {
  enter(cpu);
  if (isEmpty(cpu, 0) || pushOverflows(cpu)) {
    if (!isEmpty(cpu, 0)) raise(C1);
    if (underflow()) {
      putIndefinite(cpu, 0);
      putIndefinite(cpu, 7);
      store<u32>(cpu, (load<u32>(cpu, X87_TOP) - 1) & 7, X87_TOP);
    }
    return leave(cpu);
  }
  const reg = st(cpu, 0);
  const se = seOf(reg);
  const sig = sigOf(reg);
  const kind = classOf(se, sig);
  let exponentSe: u32 = 0x7fff;
  let exponentSig: u64 = 0x8000000000000000;
  if (kind == UNSUPPORTED || kind == NAN) {
    if (kind == NAN) quietNan(se, sig);
    else invalid();
    exponentSe = outSe;
    exponentSig = outSig;
  } else if (kind == INFINITE) {
    setOut(se, sig);
  } else if (kind == ZERO) {
    raise(ZE);
    exponentSe = 0xffff;
    setOut(se, sig);
  } else {
    if (isDenormal(se, sig)) raise(DE);
    normalize(se, sig);
    setOut((se & 0x8000) | BIAS, normalSig);
    const e = normalExp - BIAS;
    if (e == 0) {
      exponentSe = 0;
      exponentSig = 0;
    } else {
      const magnitude = <u64>abs(e);
      const shift = clz(magnitude);
      exponentSe = (u32(e < 0) << 15) | (BIAS + 63 - <u32>shift);
      exponentSig = magnitude << shift;
    }
  }
  if (!unmasked(IE | DE | ZE)) {
    put(cpu, 0, exponentSe, exponentSig);
    push(cpu, outSe, outSig);
  }
  leave(cpu);
}
