// f2xm1 fyl2x fyl2xp1, in 128-bit fractions.

import { BIAS, flags, raise, resExp, resHi, resLo, setResult } from './core';
import {
  addFixed, divFixed, fExp, fHi, fLo, mulFixed, normalizeFixed, series, setFixed, shiftRight, subtractFrom,
} from './fixed';
import { DE, IE, PE, UE, ZE } from './layout';
import {
  chooseNan, classOf, FINITE, INFINITE, isDenormal, NAN, normalExp, normalize, normalSig, outIndefinite, outSe, outSig,
  quietNan, roundOut, setOut, UNSUPPORTED, ZERO,
} from './x87number';
import { enter, isEmpty, leave, popStack, put, putIndefinite, seOf, sigOf, st, underflow, unmasked } from './x87state';
import { CONSTANTS, EXPONENTIAL, LOGARITHMS, ODD_RECIPROCALS, POWERS } from './x87tables';

function invalid(): void {
  raise(IE);
  outIndefinite();
}

/** r (1 + r/2! + r^2/3! ...) = e^r - 1 of a floating r below 2^-5, which it replaces; negative r with `minus` (then 1 - e^r). */
function exponentialMinus1(minus: bool): void {
  const rHi = fHi;
  const rLo = fLo;
  const rExp = fExp;
  shiftRight(rHi, rLo, -rExp > 128 ? 128 : -rExp);
  const xHi = fHi;
  const xLo = fLo;
  series(EXPONENTIAL, 14, 4, 6, xHi, xLo, minus);
  mulFixed(fHi, fLo, xHi, xLo);
  mulFixed(fHi, fLo, rHi, rLo);
  if (minus) {
    subtractFrom(rHi, rLo);
    normalizeFixed(fHi, fLo, rExp);
  } else if (addFixed(rHi, rLo)) {
    shiftRight(fHi, fLo, 1);
    normalizeFixed(fHi | 0x8000000000000000, fLo, rExp + 1);
  } else {
    normalizeFixed(fHi, fLo, rExp);
  }
}

export function x87Exp2Minus1(cpu: usize): void {
  enter(cpu);
  if (isEmpty(cpu, 0)) {
    if (underflow()) putIndefinite(cpu, 0);
    return leave(cpu);
  }
  const reg = st(cpu, 0);
  const se = seOf(reg);
  const sig = sigOf(reg);
  const kind = classOf(se, sig);
  const minus = se >>> 15 != 0;
  if (kind == UNSUPPORTED) invalid();
  else if (kind == NAN) quietNan(se, sig);
  else if (kind == ZERO) setOut(se, sig);
  else if (kind == INFINITE) {
    if (minus) setOut(0x8000 | BIAS, 0x8000000000000000);
    else setOut(se, sig);
  } else {
    if (isDenormal(se, sig)) raise(DE);
    normalize(se, sig);
    const e = normalExp - BIAS;
    if (e >= 0) {
      // The manual leaves what lies beyond -1 and 1 undefined; processors leave it unchanged. PE even then.
      raise(PE);
      if (e == 0 && normalSig == 0x8000000000000000) setOut(minus ? 0xbffe : 0x3fff, 0x8000000000000000);
      else setOut(se, sig);
    } else if (e < -6) {
      mulFixed(normalSig, 0, load<u64>(CONSTANTS), load<u64>(CONSTANTS, 8));
      normalizeFixed(fHi, fLo, e + 1);
      exponentialMinus1(minus);
      setResult(u32(minus), fExp + (BIAS - 1), fHi, fLo | 1);
      roundOut(64);
    } else {
      powerMinus1(minus, e, normalSig);
    }
  }
  if (!unmasked(IE | DE)) put(cpu, 0, outSe, outSig);
  leave(cpu);
}
/** 2^x - 1 for 2^-6 <= |x| < 1: x = i/32 + f with 0 <= f < 1/32. */
function powerMinus1(minus: bool, e: i32, sig: u64): void {
  shiftRight(sig, 0, -1 - e);
  let hi = fHi;
  let lo = fLo;
  let i = hi >>> 59;
  if (minus) {
    // i rounded up: f = i/32 - |x|, and the power is that of 32 - i with a half
    if ((hi & 0x07ffffffffffffff) != 0 || lo != 0) i++;
    const l: u64 = 0 - lo;
    hi = (i << 59) - hi - u64(lo != 0);
    lo = l;
    i = 32 - i;
  } else {
    hi &= 0x07ffffffffffffff;
  }
  const pHi = load<u64>(POWERS + (<usize>i << 4));
  const pLo = load<u64>(POWERS + (<usize>i << 4), 8);
  setFixed(pHi, pLo);
  if ((hi | lo) != 0) {
    mulFixed(hi, lo, load<u64>(CONSTANTS), load<u64>(CONSTANTS, 8));
    normalizeFixed(fHi, fLo, 0);
    exponentialMinus1(false);
    shiftRight(fHi, fLo, -fExp);
    mulFixed(fHi, fLo, pHi, pLo);
    addFixed(pHi, pLo);
  }
  if (minus) {
    subtractFrom(0, 0);
    normalizeFixed(fHi, fLo, 0);
  } else {
    normalizeFixed(fHi - 0x8000000000000000, fLo, 1);
  }
  setResult(u32(minus), fExp + (BIAS - 1), fHi, fLo | 1);
  roundOut(64);
}

// A logarithm: its sign, whether it is exactly zero or an integer; the magnitude is the floating number of fixed.ts.
let logSign: u32 = 0;
let logExact: bool = false;

/** 2 atanh(u) / ln 2 of a floating u below 2^-7, which it replaces. */
function logOfQuotient(): void {
  const uHi = fHi;
  const uLo = fLo;
  const uExp = fExp;
  mulFixed(uHi, uLo, uHi, uLo);
  shiftRight(fHi, fLo, -2 * uExp > 128 ? 128 : -2 * uExp);
  const zHi = fHi;
  const zLo = fLo;
  series(ODD_RECIPROCALS, 9, 3, 2, zHi, zLo, false);
  mulFixed(fHi, fLo, zHi, zLo);
  mulFixed(fHi, fLo, uHi, uLo);
  let e = uExp;
  if (addFixed(uHi, uLo)) {
    shiftRight(fHi, fLo, 1);
    fHi |= 0x8000000000000000;
    e++;
  }
  // The constant is 1 / ln 2 / 2.
  mulFixed(fHi, fLo, load<u64>(CONSTANTS, 16), load<u64>(CONSTANTS, 24));
  normalizeFixed(fHi, fLo, e + 2);
}

/** log2 of mHi:mLo / 2^127 * 2^k, bit 127 set. Not for 1 itself. */
function log2(k: i32, mHi: u64, mLo: u64): void {
  logExact = false;
  if (mHi == 0x8000000000000000 && mLo == 0) {
    logExact = true;
    logSign = u32(k < 0);
    normalizeFixed(0, <u64>abs(k), 128);
    return;
  }
  // m in [sqrt 1/2, sqrt 2), in units of 2^-120
  let drop = 7;
  if (mHi >= 0xb504f333f9de6484) {
    k++;
    drop = 8;
  }
  shiftRight(mHi, mLo, drop);
  const xHi = fHi;
  const xLo = fLo;
  // c = j/64 nearest to m
  const j = (xHi + (1 << 49)) >>> 50;
  const cHi = j << 50;
  const minus = xHi < cHi;
  let uHi = minus ? cHi - xHi - u64(xLo != 0) : xHi - cHi;
  let uLo = minus ? 0 - xLo : xLo;
  logSign = u32(minus);
  if ((uHi | uLo) != 0) {
    normalizeFixed(xHi + cHi, xLo, 0);
    const vHi = fHi;
    const vLo = fLo;
    const vExp = fExp;
    normalizeFixed(uHi, uLo, 0);
    const uExp = fExp;
    divFixed(fHi, fLo, vHi, vLo);
    normalizeFixed(fHi, fLo, uExp - vExp + 1);
    logOfQuotient();
    if (k == 0 && j == 64) return;
    // to units of 2^-112, signed
    shiftRight(fHi, fLo, 16 - fExp);
    if (minus) subtractFrom(0, 0);
  } else {
    setFixed(0, 0);
  }
  const row = LOGARITHMS + (<usize>(j - 45) << 4);
  const hi = fHi;
  const lo = fLo;
  shiftRight(load<u64>(row), load<u64>(row, 8), 16);
  if (j < 64) subtractFrom(0, 0);
  addFixed(hi, lo);
  addFixed(<u64><i64>k << 48, 0);
  logSign = <u32>(fHi >>> 63);
  if (logSign != 0) subtractFrom(0, 0);
  normalizeFixed(fHi, fLo, 16);
}

/** out = y times the logarithm. */
function multiplyLog(ySe: u32, ySig: u64): void {
  const exact = logExact;
  const lExp = fExp;
  normalize(ySe, ySig);
  mulFixed(fHi, fLo, normalSig, 0);
  normalizeFixed(fHi, exact ? fLo : fLo | 1, lExp + 1 + normalExp - BIAS);
  setResult((ySe >>> 15) ^ logSign, fExp + (BIAS - 1), fHi, fLo);
  roundOut(64);
  // Reported even for an exact result.
  raise((outSe & 0x7fff) == 0 ? PE | UE : PE);
}

/** out = an infinity or zero of the product of y's sign and `sign`. */
function signed(ySe: u32, sign: u32, e: u32): void {
  setOut(((ySe & 0x8000) ^ (sign << 15)) | e, e != 0 ? 0x8000000000000000 : 0);
}

/** The operands of fyl2x and fyl2xp1; false when the result (in out) needs no logarithm. */
function finishLog(cpu: usize): void {
  if (!unmasked(IE | DE | ZE)) {
    put(cpu, 1, outSe, outSig);
    popStack(cpu);
  }
  leave(cpu);
}
function emptyLog(cpu: usize): void {
  if (underflow()) {
    putIndefinite(cpu, 1);
    popStack(cpu);
  }
  leave(cpu);
}

/** fyl2x: ST(1) = ST(1) * log2(ST(0)), pop. */
export function x87YLog2X(cpu: usize): void {
  enter(cpu);
  if (isEmpty(cpu, 0) || isEmpty(cpu, 1)) return emptyLog(cpu);
  const rx = st(cpu, 0);
  const ry = st(cpu, 1);
  const xSe = seOf(rx);
  const xSig = sigOf(rx);
  const ySe = seOf(ry);
  const ySig = sigOf(ry);
  const x = classOf(xSe, xSig);
  const y = classOf(ySe, ySig);
  const denormal = isDenormal(xSe, xSig) || isDenormal(ySe, ySig);
  if (x == UNSUPPORTED || y == UNSUPPORTED) {
    invalid();
  } else if (x == NAN || y == NAN) {
    chooseNan(xSe, xSig, ySe, ySig);
  } else if (xSe >>> 15 != 0 && x != ZERO) {
    invalid();
  } else if (x == ZERO) {
    if (y == ZERO) invalid();
    else {
      if (y == FINITE) raise(ZE);
      else if (denormal) raise(DE);
      signed(ySe, 1, 0x7fff);
    }
  } else if (x == INFINITE) {
    if (y == ZERO) invalid();
    else {
      if (denormal) raise(DE);
      signed(ySe, 0, 0x7fff);
    }
  } else {
    normalize(xSe, xSig);
    const one = normalExp == BIAS && normalSig == 0x8000000000000000;
    const below = normalExp < BIAS;
    if (y == INFINITE && one) {
      invalid();
    } else {
      if (denormal) raise(DE);
      if (y == INFINITE) signed(ySe, u32(below), 0x7fff);
      else if (y == ZERO || one) signed(ySe, u32(below), 0);
      else {
        log2(normalExp - BIAS, normalSig, 0);
        multiplyLog(ySe, ySig);
      }
    }
  }
  finishLog(cpu);
}

/** fyl2xp1: ST(1) = ST(1) * log2(ST(0) + 1), pop. */
export function x87YLog2XPlus1(cpu: usize): void {
  enter(cpu);
  if (isEmpty(cpu, 0) || isEmpty(cpu, 1)) return emptyLog(cpu);
  const rx = st(cpu, 0);
  const ry = st(cpu, 1);
  const xSe = seOf(rx);
  const xSig = sigOf(rx);
  const ySe = seOf(ry);
  const ySig = sigOf(ry);
  const x = classOf(xSe, xSig);
  const y = classOf(ySe, ySig);
  const denormal = isDenormal(xSe, xSig) || isDenormal(ySe, ySig);
  const minus = xSe >>> 15;
  if (x == UNSUPPORTED || y == UNSUPPORTED) {
    invalid();
  } else if (x == NAN || y == NAN) {
    chooseNan(xSe, xSig, ySe, ySig);
  } else if (x == ZERO) {
    if (y == INFINITE) invalid();
    else {
      if (denormal) raise(DE);
      signed(ySe, minus, 0);
    }
  } else if (x == INFINITE) {
    if (minus != 0 || y == ZERO) invalid();
    else {
      if (denormal) raise(DE);
      signed(ySe, 0, 0x7fff);
    }
  } else {
    if (denormal) raise(DE);
    if (y == INFINITE) signed(ySe, minus, 0x7fff);
    else if (y == ZERO) signed(ySe, minus, 0);
    else {
      normalize(xSe, xSig);
      log2Plus1(minus != 0, normalExp - BIAS, normalSig);
      multiplyLog(ySe, ySig);
    }
  }
  finishLog(cpu);
}
function log2Plus1(minus: bool, e: i32, sig: u64): void {
  logExact = false;
  if (e < -7) {
    // u = x / (2 + x); the denominator in units of 2^-126
    shiftRight(sig, 0, 1 - e > 128 ? 128 : 1 - e);
    if (minus) subtractFrom(0x8000000000000000, 0);
    else addFixed(0x8000000000000000, 0);
    normalizeFixed(fHi, fLo, 2);
    const dExp = fExp;
    divFixed(sig, 0, fHi, fLo);
    normalizeFixed(fHi, fLo, e + 1 - dExp + 1);
    logOfQuotient();
    logSign = u32(minus);
    return;
  }
  if (e > 62) {
    return log2(e, sig, 0);
  }
  // 1 + x in units of 2^-126, or beyond the instruction's domain of 2^-64
  const one: u64 = e < 0 ? 0x4000000000000000 : 1;
  shiftRight(sig, 0, e < 0 ? 1 - e : 63 - e);
  if (minus) subtractFrom(one, 0);
  else addFixed(one, 0);
  if (<i64>fHi < 0 || (fHi | fLo) == 0) {
    // x <= -1: outside the instruction's domain
    normalizeFixed(0x8000000000000000, 0, 1);
    logSign = 1;
    return;
  }
  normalizeFixed(fHi, fLo, e < 0 ? 2 : 64);
  if (fExp == 1 && fHi == 0x8000000000000000 && fLo == 0) return;
  log2(fExp - 1, fHi, fLo);
}
