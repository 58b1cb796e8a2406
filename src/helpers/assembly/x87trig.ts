// fsin fcos fsincos fptan fpatan. Arguments are reduced with the processors' 66-bit pi (SDM vol. 1, 8.3.8); everything
// else is done in 128-bit fractions, so that the results are correctly rounded but for rare ties.

import { BIAS, flags, raise, setResult } from './core';
import {
  addFixed, divFixed, fExp, fHi, fLo, mulFixed, normalizeFixed, series, setFixed, shiftRight, subtractFrom,
} from './fixed';
import { C1, C2, DE, IE, X87_STATUS, X87_TOP } from './layout';
import { divWide, mulWide, wideLow } from './wide';
import {
  chooseNan, classOf, FINITE, INFINITE, isDenormal, NAN, normalExp, normalize, normalSig, outIndefinite, outSe, outSig,
  quietNan, roundOut, setOut, UNSUPPORTED, ZERO,
} from './x87number';
import {
  enter, isEmpty, leave, leaveWithCodes, popStack, push, pushOverflows, put, putIndefinite, seOf, sigOf, st, underflow,
  unmasked,
} from './x87state';
import { ARCTANGENTS, CONSTANTS, COSINE, ODD_RECIPROCALS, SINE } from './x87tables';

/** pi / 2 = (PI2_HIGH * 4 + 3) / 2^65. */
const PI2_HIGH: u64 = 0xc90fdaa22168c234;

// The reduced argument |r| <= pi/4 as a floating number, its square as a fraction, and the quadrant.
let rHi: u64 = 0;
let rLo: u64 = 0;
let rExp: i32 = 0;
let zHi: u64 = 0;
let zLo: u64 = 0;
let rSign: u32 = 0;
let quadrant: u32 = 0;

/** Reduces |x| = sig * 2^(exp - 16383 - 63). */
function reduce(exp: i32, sig: u64): void {
  const e = exp - BIAS;
  rSign = 0;
  quadrant = 0;
  if (e < -1 || (e == -1 && sig < PI2_HIGH)) {
    rHi = sig;
    rLo = 0;
    rExp = e + 1;
  } else {
    // x in units of 2^-65 is n = sig << (e + 2), pi/2 is p = PI2_HIGH:3 (66 bits). The quotient of n by p, first by p's high part.
    const shift = <u64>(e + 2);
    const nHi: u64 = shift == 64 ? sig : shift == 0 ? 0 : sig >>> (64 - shift);
    const nLo: u64 = shift == 64 ? 0 : sig << shift;
    let q = divWide(nHi >>> 2, (nLo >>> 2) | (nHi << 62), PI2_HIGH);
    // n - q * p
    const pLow = (PI2_HIGH << 2) | 3;
    const pHigh = PI2_HIGH >>> 62;
    let hi = mulWide(q, pLow);
    let lo = wideLow;
    hi += q * pHigh;
    const l = nLo - lo;
    let h = nHi - hi - u64(nLo < lo);
    lo = l;
    while (<i64>h < 0) {
      q--;
      const s = lo + pLow;
      h += pHigh + u64(s < pLow);
      lo = s;
    }
    // Past the middle of the interval: p - r, from the next multiple.
    const half = (pLow >>> 1) | (pHigh << 63);
    const halfHigh = pHigh >>> 1;
    if (h > halfHigh || (h == halfHigh && lo > half)) {
      const s = pLow - lo;
      h = pHigh - h - u64(pLow < lo);
      lo = s;
      q++;
      rSign = 1;
    }
    quadrant = <u32>q & 3;
    // In units of 2^-65: the fraction is h:lo << 63.
    normalizeFixed(h, lo, 63);
    rHi = fHi;
    rLo = fLo;
    rExp = fExp;
  }
  mulFixed(rHi, rLo, rHi, rLo);
  shiftRight(fHi, fLo, -2 * rExp > 128 ? 128 : -2 * rExp);
  zHi = fHi;
  zLo = fLo;
}

/** sin |r| as a floating number. */
function sineOfReduced(): void {
  series(SINE, 12, 4, 18, zHi, zLo, true);
  mulFixed(fHi, fLo, zHi, zLo);
  // 1 - z(1/3! - ...), a hair below so that it is never 1
  mulFixed(rHi, rLo, ~fHi, ~fLo);
  normalizeFixed(fHi, fLo, rExp);
}
/** cos r as a floating number. */
function cosineOfReduced(): void {
  series(COSINE, 12, 4, 15, zHi, zLo, true);
  mulFixed(fHi, fLo, zHi, zLo);
  normalizeFixed(~fHi, ~fLo, 0);
}

/** The floating number, never exact, as the pending result of core.ts. */
function deliver(sign: u32): void {
  setResult(sign, fExp + (BIAS - 1), fHi, fLo | 1);
}

/** out = sine (or cosine) of the reduced argument whose original sign is `sign`. */
function sineOut(sign: u32, cosine: u32): void {
  const k = (quadrant + cosine) & 3;
  // The sine's sign takes the argument's and the remainder's; the cosine's does not.
  if ((k & 1) == 0) {
    sineOfReduced();
    deliver((k >>> 1) ^ (cosine != 0 ? rSign : sign ^ rSign));
  } else {
    cosineOfReduced();
    deliver((k >>> 1) ^ (cosine != 0 ? 0 : sign));
  }
  roundOut(64);
}

function tooLarge(se: u32): bool {
  return <i32>(se & 0x7fff) >= BIAS + 63;
}
function invalid(): void {
  raise(IE);
  outIndefinite();
}
/** Operands without a finite non-zero value: out and true. */
function special(kind: i32, se: u32, sig: u64): bool {
  if (kind == NAN) quietNan(se, sig);
  else if (kind == UNSUPPORTED || kind == INFINITE) invalid();
  else return false;
  return true;
}

/** fsin (cosine = 0), fcos (1). */
export function x87Sine(cpu: usize, cosine: i32): void {
  enter(cpu);
  store<u32>(cpu, load<u32>(cpu, X87_STATUS) & ~C2, X87_STATUS);
  if (isEmpty(cpu, 0)) {
    if (underflow()) putIndefinite(cpu, 0);
    return leave(cpu);
  }
  const reg = st(cpu, 0);
  const se = seOf(reg);
  const sig = sigOf(reg);
  const kind = classOf(se, sig);
  if (special(kind, se, sig)) {
    // done
  } else if (kind == ZERO) {
    if (cosine != 0) setOut(BIAS, 0x8000000000000000);
    else setOut(se, sig);
  } else if (tooLarge(se)) {
    store<u32>(cpu, load<u32>(cpu, X87_STATUS) | C2, X87_STATUS);
    return leave(cpu);
  } else {
    if (isDenormal(se, sig)) raise(DE);
    normalize(se, sig);
    reduce(normalExp, normalSig);
    sineOut(se >>> 15, cosine);
  }
  if (!unmasked(IE | DE)) put(cpu, 0, outSe, outSig);
  leave(cpu);
}

/** Both registers of an instruction that replaces ST(0) and pushes, after a stack fault. */
function faultTwo(cpu: usize): void {
  if (!isEmpty(cpu, 0)) raise(C1);
  if (underflow()) {
    putIndefinite(cpu, 0);
    putIndefinite(cpu, 7);
    store<u32>(cpu, (load<u32>(cpu, X87_TOP) - 1) & 7, X87_TOP);
  }
  leave(cpu);
}

export function x87SineCosine(cpu: usize): void {
  enter(cpu);
  store<u32>(cpu, load<u32>(cpu, X87_STATUS) & ~C2, X87_STATUS);
  if (isEmpty(cpu, 0) || pushOverflows(cpu)) return faultTwo(cpu);
  const reg = st(cpu, 0);
  const se = seOf(reg);
  const sig = sigOf(reg);
  const kind = classOf(se, sig);
  let sineSe: u32 = 0;
  let sineSig: u64 = 0;
  if (special(kind, se, sig)) {
    sineSe = outSe;
    sineSig = outSig;
  } else if (kind == ZERO) {
    sineSe = se;
    sineSig = sig;
    setOut(BIAS, 0x8000000000000000);
  } else if (tooLarge(se)) {
    store<u32>(cpu, load<u32>(cpu, X87_STATUS) | C2, X87_STATUS);
    return leave(cpu);
  } else {
    if (isDenormal(se, sig)) raise(DE);
    normalize(se, sig);
    reduce(normalExp, normalSig);
    sineOut(se >>> 15, 0);
    sineSe = outSe;
    sineSig = outSig;
    sineOut(se >>> 15, 1);
  }
  if (!unmasked(IE | DE)) {
    put(cpu, 0, sineSe, sineSig);
    push(cpu, outSe, outSig);
  }
  leave(cpu);
}

export function x87Tangent(cpu: usize): void {
  enter(cpu);
  store<u32>(cpu, load<u32>(cpu, X87_STATUS) & ~C2, X87_STATUS);
  if (isEmpty(cpu, 0) || pushOverflows(cpu)) return faultTwo(cpu);
  const reg = st(cpu, 0);
  const se = seOf(reg);
  const sig = sigOf(reg);
  const kind = classOf(se, sig);
  let oneSe: u32 = BIAS;
  let oneSig: u64 = 0x8000000000000000;
  if (special(kind, se, sig)) {
    oneSe = outSe;
    oneSig = outSig;
  } else if (kind == ZERO) {
    setOut(se, sig);
  } else if (tooLarge(se)) {
    store<u32>(cpu, load<u32>(cpu, X87_STATUS) | C2, X87_STATUS);
    return leave(cpu);
  } else {
    if (isDenormal(se, sig)) raise(DE);
    normalize(se, sig);
    reduce(normalExp, normalSig);
    sineOfReduced();
    const sHi = fHi;
    const sLo = fLo;
    const sExp = fExp;
    cosineOfReduced();
    if (rExp < -34 && (quadrant & 1) == 0) {
      // A hair above the argument, which the quotient below would lose.
      normalizeFixed(rHi, rLo, rExp);
      deliver((se >>> 15) ^ rSign);
    } else if ((quadrant & 1) == 0) {
      const cExp = fExp;
      divFixed(sHi, sLo, fHi, fLo);
      normalizeFixed(fHi, fLo, sExp - cExp + 1);
      deliver((se >>> 15) ^ rSign);
    } else {
      const cExp = fExp;
      divFixed(fHi, fLo, sHi, sLo);
      normalizeFixed(fHi, fLo, cExp - sExp + 1);
      deliver((se >>> 15) ^ rSign ^ 1);
    }
    roundOut(64);
  }
  if (!unmasked(IE | DE)) {
    put(cpu, 0, outSe, outSig);
    push(cpu, oneSe, oneSig);
  }
  leave(cpu);
}

/** atan(u) for a floating u of at most about 1/64 in fHi:fLo, fExp; the result replaces it. */
function smallArctangent(): void {
  const uHi = fHi;
  const uLo = fLo;
  const uExp = fExp;
  mulFixed(uHi, uLo, uHi, uLo);
  shiftRight(fHi, fLo, -2 * uExp > 128 ? 128 : -2 * uExp);
  const sHi = fHi;
  const sLo = fLo;
  series(ODD_RECIPROCALS, 9, 3, 2, sHi, sLo, true);
  mulFixed(fHi, fLo, sHi, sLo);
  mulFixed(uHi, uLo, ~fHi, ~fLo);
  normalizeFixed(fHi, fLo, uExp);
}

/**
 * atan(n / d) for n <= d, both sig * 2^exp, as a floating number: n/d lies near c = i/32, and
 * atan(n/d) = atan(c) + atan((n - c d) / (d + c n)).
 */
function arctangentOfRatio(nExp: i32, n: u64, dExp: i32, d: u64): void {
  const diff = dExp - nExp;
  let i: u64 = 0;
  if (diff < 8) {
    const ratio = <f64>n / <f64>d / <f64>(1 << diff);
    i = <u64>(ratio * 32.0 + 0.5);
  }
  if (i == 0) {
    divFixed(n, 0, d, 0);
    normalizeFixed(fHi, fLo, 1 - diff);
    return smallArctangent();
  }
  // d in units of 2^-58 below its last bit; i * d / 32 and n are whole in them.
  const dHi = d >>> 6;
  const dLo = d << 58;
  shiftRight(n >>> 6, n << 58, diff);
  const nHi = fHi;
  const nLo = fLo;
  let cHi = mulWide(d >>> 6, i) << 5;
  // c * d = i * (d << 53)
  cHi = mulWide(d, i);
  let cLo = wideLow;
  cHi = (cHi << 53) | (cLo >>> 11);
  cLo <<= 53;
  let minus = nHi < cHi || (nHi == cHi && nLo < cLo);
  let uHi: u64;
  let uLo: u64;
  if (minus) {
    uLo = cLo - nLo;
    uHi = cHi - nHi - u64(cLo < nLo);
  } else {
    uLo = nLo - cLo;
    uHi = nHi - cHi - u64(nLo < cLo);
  }
  const tHi = load<u64>(ARCTANGENTS + (<usize>i << 4));
  const tLo = load<u64>(ARCTANGENTS + (<usize>i << 4), 8);
  if ((uHi | uLo) == 0) return normalizeFixed(tHi, tLo, 0);
  // d + c n, c n = i * (n << 53 >> diff)
  let vHi = mulWide(n, i);
  let vLo = wideLow;
  vHi = (vHi << 53) | (vLo >>> 11);
  vLo <<= 53;
  shiftRight(vHi, vLo, diff);
  addFixed(dHi, dLo);
  normalizeFixed(fHi, fLo, 0);
  vHi = fHi;
  vLo = fLo;
  const vExp = fExp;
  normalizeFixed(uHi, uLo, 0);
  const uExp = fExp;
  divFixed(fHi, fLo, vHi, vLo);
  normalizeFixed(fHi, fLo, uExp - vExp + 1);
  smallArctangent();
  shiftRight(fHi, fLo, -fExp);
  if (minus) subtractFrom(tHi, tLo);
  else addFixed(tHi, tLo);
  normalizeFixed(fHi, fLo, 0);
}

/** The pending result: `quarters` quarters of pi. */
function quartersOfPi(sign: u32, quarters: u64): void {
  const hi = load<u64>(CONSTANTS, 32);
  const lo = load<u64>(CONSTANTS, 40);
  if (quarters == 3) {
    // 3 pi/4 = pi/2 + pi/4
    shiftRight(hi, lo, 2);
    const h = fHi;
    const l = fLo;
    shiftRight(hi, lo, 1);
    addFixed(h, l);
    normalizeFixed(fHi, fLo, 2);
  } else {
    setFixed(hi, lo);
    normalizeFixed(hi, lo, quarters == 1 ? 0 : quarters == 2 ? 1 : 2);
  }
  deliver(sign);
  roundOut(64);
}

/** fpatan: ST(1) = atan2(ST(1), ST(0)), pop. */
export function x87Arctangent(cpu: usize): void {
  enter(cpu);
  if (isEmpty(cpu, 0) || isEmpty(cpu, 1)) {
    if (underflow()) {
      putIndefinite(cpu, 1);
      popStack(cpu);
    }
    return leave(cpu);
  }
  const rx = st(cpu, 0);
  const ry = st(cpu, 1);
  const xSe = seOf(rx);
  const xSig = sigOf(rx);
  const ySe = seOf(ry);
  const ySig = sigOf(ry);
  const x = classOf(xSe, xSig);
  const y = classOf(ySe, ySig);
  const sign = ySe >>> 15;
  const left = xSe >>> 15 != 0;
  if (x == UNSUPPORTED || y == UNSUPPORTED) {
    invalid();
  } else if (x == NAN || y == NAN) {
    chooseNan(ySe, ySig, xSe, xSig);
  } else {
    if (isDenormal(xSe, xSig) || isDenormal(ySe, ySig)) raise(DE);
    if (y == INFINITE) quartersOfPi(sign, x == INFINITE ? (left ? 3 : 1) : 2);
    else if (x == INFINITE || y == ZERO) {
      if (left) quartersOfPi(sign, 4);
      else setOut(sign << 15, 0);
    } else if (x == ZERO) quartersOfPi(sign, 2);
    else finiteArctangent(sign, left, xSe, xSig, ySe, ySig);
  }
  if (!unmasked(IE | DE)) {
    put(cpu, 1, outSe, outSig);
    popStack(cpu);
  }
  leave(cpu);
}
function finiteArctangent(sign: u32, left: bool, xSe: u32, xSig: u64, ySe: u32, ySig: u64): void {
  normalize(xSe, xSig);
  const xExp = normalExp;
  const xs = normalSig;
  normalize(ySe, ySig);
  const yExp = normalExp;
  const ys = normalSig;
  const steep = yExp > xExp || (yExp == xExp && ys > xs);
  if (steep) arctangentOfRatio(xExp, xs, yExp, ys);
  else arctangentOfRatio(yExp, ys, xExp, xs);
  if (steep || left) {
    // pi/2 -+ a, pi - a, in units of 2^-126
    shiftRight(fHi, fLo, 2 - fExp > 128 ? 128 : 2 - fExp);
    // never quite 0, so that the result is not exactly a multiple of pi
    fLo |= 1;
    const piHi = load<u64>(CONSTANTS, 32);
    const piLo = load<u64>(CONSTANTS, 40);
    if (!steep) {
      subtractFrom(piHi, piLo);
    } else {
      const aHi = fHi;
      const aLo = fLo;
      shiftRight(piHi, piLo, 1);
      if (left) {
        addFixed(aHi, aLo);
      } else {
        const h = fHi;
        const l = fLo;
        setFixed(aHi, aLo);
        subtractFrom(h, l);
      }
    }
    normalizeFixed(fHi, fLo, 2);
  }
  deliver(sign);
  roundOut(64);
}
