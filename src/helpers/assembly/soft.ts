// Scalar binary32/binary64 operations with MXCSR's rounding, masks, DAZ and FTZ: lanes of the SSE helpers in sse.ts.
// A lane function works between prepare() and finish() and adds to core.ts's flags.

import {
  addUnpacked, begin, BIAS, divUnpacked, flags, mulUnpacked, raise, resSign, rounding, setResult, sqrtUnpacked,
} from './core';
import { DE, IE, MXCSR, MXCSR_CONTROL, MXCSR_DAZ, MXCSR_DEFAULT, MXCSR_FTZ, PE, SCRATCH, SSE_EXACT, UE, ZE } from './layout';
import { masked, overflowed, packF32, packF64, roundToInteger, setMasks } from './pack';

export const OP_ADD: i32 = 0;
export const OP_SUB: i32 = 1;
export const OP_MUL: i32 = 2;
export const OP_DIV: i32 = 3;

const ZERO: i32 = 0;
const FINITE: i32 = 1;
const INFINITE: i32 = 2;
const NAN: i32 = 3;

let daz: bool = false;

/** Reads MXCSR before the first lane. */
export function prepare(cpu: usize): void {
  const mx = load<u32>(cpu, MXCSR);
  begin((mx >>> 13) & 3);
  const mask = (mx >>> 7) & 0x3f;
  setMasks(mask, (mx & MXCSR_FTZ) != 0 && (mask & UE) != 0);
  daz = (mx & MXCSR_DAZ) != 0;
}

/** Whether everything is masked and rounding is to nearest: then plain operations on normal numbers have at most PE to report. */
// @ts-ignore: decorator
@inline
export function quiet(cpu: usize): bool {
  return (load<u32>(cpu, MXCSR) & 0x7f80) == 0x1f80;
}

/** Whether PE is set already. */
// @ts-ignore: decorator
@inline
export function inexactNoted(cpu: usize): bool {
  return (load<u32>(cpu, MXCSR) & PE) != 0;
}

/** What SSE_EXACT is at a value of MXCSR: 0 when the control bits are at their default and PE is noted. */
export function exactFor(mx: u32): u32 {
  return u32((mx & (MXCSR_CONTROL | PE)) != (MXCSR_DEFAULT | PE));
}

/** Adds the flags to MXCSR; scratch word 0 becomes 1 when one of them is unmasked, else 0. */
export function finish(cpu: usize): void {
  let f = flags & 0x3f;
  // An unmasked invalid, denormal or divide-by-zero is reported before any lane is computed (SDM vol. 1, 11.5.3).
  if ((f & 7 & ~masked) != 0) f &= 7;
  const mx = load<u32>(cpu, MXCSR) | f;
  store<u32>(cpu, mx, MXCSR);
  store<u32>(cpu, exactFor(mx), SSE_EXACT);
  store<u32>(cpu, u32((f & ~masked) != 0), SCRATCH);
}

/** Between two steps of one instruction (dpps): whether the first already met an unmasked exception, which ends it. */
export function interrupted(): bool {
  return (flags & 0x3f & ~masked) != 0;
}

let aClass: i32 = 0;
let aSign: u32 = 0;
let aExp: i32 = 0;
let aSig: u64 = 0;
let bClass: i32 = 0;
let bSign: u32 = 0;
let bExp: i32 = 0;
let bSig: u64 = 0;
let xClass: i32 = 0;
let xExp: i32 = 0;
let xSig: u64 = 0;

/** Splits the magnitude given by an exponent field and a fraction moved up to bit 62. Raises nothing. */
// @ts-ignore: decorator
@inline
function classify(e: i32, fraction: u64, maxE: i32, rebias: i32): void {
  if (e == maxE) {
    xClass = fraction == 0 ? INFINITE : NAN;
  } else if (e != 0) {
    xClass = FINITE;
    xExp = e + rebias;
    xSig = fraction | 0x8000000000000000;
  } else if (fraction == 0) {
    xClass = ZERO;
  } else {
    const shift = clz(fraction);
    xClass = FINITE;
    xExp = 1 + rebias - <i32>shift;
    xSig = fraction << shift;
  }
}

function unpackA64(a: u64): void {
  classify(<i32>((a >>> 52) & 0x7ff), (a << 12) >>> 1, 0x7ff, BIAS - 1023);
  aClass = xClass;
  aExp = xExp;
  aSig = xSig;
  aSign = <u32>(a >>> 63);
}
function unpackB64(b: u64): void {
  classify(<i32>((b >>> 52) & 0x7ff), (b << 12) >>> 1, 0x7ff, BIAS - 1023);
  bClass = xClass;
  bExp = xExp;
  bSig = xSig;
  bSign = <u32>(b >>> 63);
}
function unpackA32(a: u32): void {
  classify(<i32>((a >>> 23) & 0xff), <u64>(a & 0x7fffff) << 40, 0xff, BIAS - 127);
  aClass = xClass;
  aExp = xExp;
  aSig = xSig;
  aSign = a >>> 31;
}
function unpackB32(b: u32): void {
  classify(<i32>((b >>> 23) & 0xff), <u64>(b & 0x7fffff) << 40, 0xff, BIAS - 127);
  bClass = xClass;
  bExp = xExp;
  bSig = xSig;
  bSign = b >>> 31;
}

// @ts-ignore: decorator
@inline
function isDenormal64(a: u64): bool {
  return (a & 0x7ff0000000000000) == 0 && a << 1 != 0;
}
// @ts-ignore: decorator
@inline
function isDenormal32(a: u32): bool {
  return (a & 0x7f800000) == 0 && a << 1 != 0;
}
// @ts-ignore: decorator
@inline
export function isNan64(a: u64): bool {
  return a << 1 > 0xffe0000000000000;
}
// @ts-ignore: decorator
@inline
export function isNan32(a: u32): bool {
  return a << 1 > 0xff000000;
}
// @ts-ignore: decorator
@inline
function isSnan64(a: u64): bool {
  return isNan64(a) && (a & 0x0008000000000000) == 0;
}
// @ts-ignore: decorator
@inline
function isSnan32(a: u32): bool {
  return isNan32(a) && (a & 0x00400000) == 0;
}
/** A denormal operand is a zero of its sign under DAZ. */
// @ts-ignore: decorator
@inline
function zeroed64(a: u64): u64 {
  return daz && isDenormal64(a) ? a & 0x8000000000000000 : a;
}
// @ts-ignore: decorator
@inline
function zeroed32(a: u32): u32 {
  return daz && isDenormal32(a) ? a & 0x80000000 : a;
}

/** NaN result of a two-operand instruction: the first operand that is one, made quiet (SDM vol. 1, table 4-7). */
function nan64(a: u64, b: u64): u64 {
  if (isSnan64(a) || isSnan64(b)) raise(IE);
  return (isNan64(a) ? a : b) | 0x0008000000000000;
}
function nan32(a: u32, b: u32): u32 {
  if (isSnan32(a) || isSnan32(b)) raise(IE);
  return (isNan32(a) ? a : b) | 0x00400000;
}

/** Computes unpacked a op b, neither a NaN; answers the result's class. resSign is always set, the rest when FINITE. */
function binary(op: i32): i32 {
  if (op == OP_SUB) bSign ^= 1;
  const sign = aSign ^ bSign;
  if (op <= OP_SUB) {
    if (aClass == INFINITE || bClass == INFINITE) {
      if (aClass == bClass && sign != 0) {
        raise(IE);
        return NAN;
      }
      setResult(aClass == INFINITE ? aSign : bSign, 0, 0, 0);
      return INFINITE;
    }
    if (aClass == ZERO) {
      if (bClass == ZERO) {
        setResult(sign == 0 ? aSign : u32(rounding == 1), 0, 0, 0);
        return ZERO;
      }
      setResult(bSign, bExp, bSig, 0);
    } else if (bClass == ZERO) {
      setResult(aSign, aExp, aSig, 0);
    } else {
      addUnpacked(aSign, aExp, aSig, bSign, bExp, bSig);
    }
    return FINITE;
  }
  if (op == OP_MUL) {
    if (aClass == FINITE && bClass == FINITE) {
      mulUnpacked(sign, aExp, aSig, bExp, bSig);
      return FINITE;
    }
    setResult(sign, 0, 0, 0);
    if (aClass == INFINITE || bClass == INFINITE) {
      if (aClass != ZERO && bClass != ZERO) return INFINITE;
      raise(IE);
      return NAN;
    }
    return ZERO;
  }
  if (aClass == FINITE && bClass == FINITE) {
    divUnpacked(sign, aExp, aSig, bExp, bSig);
    return FINITE;
  }
  setResult(sign, 0, 0, 0);
  if (aClass == bClass) {
    raise(IE);
    return NAN;
  }
  if (aClass == INFINITE) return INFINITE;
  if (bClass == INFINITE || aClass == ZERO) return ZERO;
  raise(ZE);
  return INFINITE;
}

function encode64(kind: i32): u64 {
  if (kind == FINITE) return packF64();
  if (kind == NAN) return 0xfff8000000000000;
  return ((<u64>resSign) << 63) | (kind == INFINITE ? 0x7ff0000000000000 : 0);
}
function encode32(kind: i32): u32 {
  if (kind == FINITE) return packF32();
  if (kind == NAN) return 0xffc00000;
  return (resSign << 31) | (kind == INFINITE ? 0x7f800000 : 0);
}

export function arith64(op: i32, a: u64, b: u64): u64 {
  a = zeroed64(a);
  b = zeroed64(b);
  if (isNan64(a) || isNan64(b)) return nan64(a, b);
  unpackA64(a);
  unpackB64(b);
  // Of this lane alone: another may have divided by zero before.
  const before = flags;
  flags = 0;
  const kind = binary(op);
  if ((isDenormal64(a) || isDenormal64(b)) && (flags & (IE | ZE)) == 0) raise(DE);
  flags |= before;
  return encode64(kind);
}
export function arith32(op: i32, a: u32, b: u32): u32 {
  a = zeroed32(a);
  b = zeroed32(b);
  if (isNan32(a) || isNan32(b)) return nan32(a, b);
  unpackA32(a);
  unpackB32(b);
  // Of this lane alone: another may have divided by zero before.
  const before = flags;
  flags = 0;
  const kind = binary(op);
  if ((isDenormal32(a) || isDenormal32(b)) && (flags & (IE | ZE)) == 0) raise(DE);
  flags |= before;
  return encode32(kind);
}

function root(): i32 {
  setResult(aSign, 0, 0, 0);
  if (aClass == ZERO) return ZERO;
  if (aSign != 0) {
    raise(IE);
    return NAN;
  }
  if (aClass == INFINITE) return INFINITE;
  sqrtUnpacked(aExp, aSig);
  return FINITE;
}
export function sqrt64(a: u64): u64 {
  a = zeroed64(a);
  if (isNan64(a)) return nan64(a, a);
  unpackA64(a);
  const kind = root();
  if (isDenormal64(a) && kind != NAN) raise(DE);
  return encode64(kind);
}
export function sqrt32(a: u32): u32 {
  a = zeroed32(a);
  if (isNan32(a)) return nan32(a, a);
  unpackA32(a);
  const kind = root();
  if (isDenormal32(a) && kind != NAN) raise(DE);
  return encode32(kind);
}

// Relations, as bits.
const LT: i32 = 1;
const EQ: i32 = 2;
const GT: i32 = 4;
const UN: i32 = 8;

/** Relation of a to b; IE for a signalling NaN, for any NaN when `signal`; DE for a denormal. */
export function relate64(a: u64, b: u64, signal: bool): i32 {
  a = zeroed64(a);
  b = zeroed64(b);
  if (isNan64(a) || isNan64(b)) {
    if (signal || isSnan64(a) || isSnan64(b)) raise(IE);
    return UN;
  }
  if (isDenormal64(a) || isDenormal64(b)) raise(DE);
  const x = reinterpret<f64>(a);
  const y = reinterpret<f64>(b);
  return x < y ? LT : x == y ? EQ : GT;
}
export function relate32(a: u32, b: u32, signal: bool): i32 {
  a = zeroed32(a);
  b = zeroed32(b);
  if (isNan32(a) || isNan32(b)) {
    if (signal || isSnan32(a) || isSnan32(b)) raise(IE);
    return UN;
  }
  if (isDenormal32(a) || isDenormal32(b)) raise(DE);
  const x = reinterpret<f32>(a);
  const y = reinterpret<f32>(b);
  return x < y ? LT : x == y ? EQ : GT;
}

/** min (max = false) or max as minsd/maxsd: the second operand when equal or unordered. */
export function minMax64(a: u64, b: u64, max: bool): u64 {
  const relation = relate64(a, b, true);
  return zeroed64(relation == (max ? GT : LT) ? a : b);
}
export function minMax32(a: u32, b: u32, max: bool): u32 {
  const relation = relate32(a, b, true);
  return zeroed32(relation == (max ? GT : LT) ? a : b);
}

/** Relations (LT 1, EQ 2, GT 4, UN 8) for which each of the 16 basic predicates of cmppd/vcmppd holds. */
const PREDICATES: usize = memory.data<u8>([2, 1, 3, 8, 13, 14, 12, 7, 10, 9, 11, 0, 5, 6, 4, 15]);
/** Bit n: predicate n signals on a quiet NaN. */
const SIGNALLING: u32 = 0x99996666;

export function compare64(a: u64, b: u64, predicate: u32): bool {
  const relation = relate64(a, b, ((SIGNALLING >>> (predicate & 31)) & 1) != 0);
  return (load<u8>(PREDICATES + (predicate & 15)) & relation) != 0;
}
export function compare32(a: u32, b: u32, predicate: u32): bool {
  const relation = relate32(a, b, ((SIGNALLING >>> (predicate & 31)) & 1) != 0);
  return (load<u8>(PREDICATES + (predicate & 15)) & relation) != 0;
}

export function widen(a: u32): u64 {
  a = zeroed32(a);
  if (isNan32(a)) {
    if (isSnan32(a)) raise(IE);
    return (<u64>(a & 0x80000000) << 32) | (<u64>(a & 0x7fffff) << 29) | 0x7ff8000000000000;
  }
  if (isDenormal32(a)) raise(DE);
  return reinterpret<u64>(<f64>reinterpret<f32>(a));
}
export function narrow(a: u64): u32 {
  a = zeroed64(a);
  if (isNan64(a)) {
    if (isSnan64(a)) raise(IE);
    return (<u32>(a >>> 32) & 0x80000000) | (<u32>(a >>> 29) & 0x7fffff) | 0x7fc00000;
  }
  if (isDenormal64(a)) raise(DE);
  unpackA64(a);
  setResult(aSign, aExp, aSig, 0);
  return encode32(aClass);
}

/** The unpacked a as an integer of `bits` bits, the integer indefinite and IE when it does not fit. */
function toInteger(bits: u32, truncate: bool): i64 {
  if (aClass == ZERO) return 0;
  const top: u64 = <u64>1 << (bits - 1);
  if (aClass == FINITE) {
    const saved = flags;
    const mode = rounding;
    if (truncate) begin(3);
    const m = roundToInteger(aSign, aExp, aSig);
    const inexact = flags & PE;
    begin(mode);
    raise(saved);
    if (!overflowed && (m < top || (m == top && aSign != 0))) {
      raise(inexact);
      return aSign != 0 ? -(<i64>m) : <i64>m;
    }
  }
  raise(IE);
  return <i64>top;
}
export function toInteger64(a: u64, bits: u32, truncate: bool): i64 {
  unpackA64(zeroed64(a));
  return toInteger(bits, truncate);
}
export function toInteger32(a: u32, bits: u32, truncate: bool): i64 {
  unpackA32(zeroed32(a));
  return toInteger(bits, truncate);
}

function fromInteger(v: i64): i32 {
  if (v == 0) {
    setResult(0, 0, 0, 0);
    return ZERO;
  }
  const magnitude: u64 = v < 0 ? 0 - <u64>v : <u64>v;
  const shift = clz(magnitude);
  setResult(u32(v < 0), BIAS + 63 - <i32>shift, magnitude << shift, 0);
  return FINITE;
}
export function integerTo64(v: i64): u64 {
  return encode64(fromInteger(v));
}
export function integerTo32(v: i64): u32 {
  return encode32(fromInteger(v));
}

/** roundsd and kin; control is the instruction's immediate: bits 1:0 mode, 2 use MXCSR's, 3 no PE. */
function integral(control: u32): i32 {
  if (aClass != FINITE) {
    setResult(aSign, 0, 0, 0);
    return aClass;
  }
  if (aExp >= BIAS + 63) {
    setResult(aSign, aExp, aSig, 0);
    return FINITE;
  }
  const saved = flags;
  const mode = rounding;
  if ((control & 4) == 0) begin(control & 3);
  const m = roundToInteger(aSign, aExp, aSig);
  const inexact = (control & 8) == 0 ? flags & PE : 0;
  begin(mode);
  raise(saved | inexact);
  const kind = fromInteger(<i64>m);
  resSign = aSign;
  return kind;
}
export function round64(a: u64, control: u32): u64 {
  a = zeroed64(a);
  if (isNan64(a)) return nan64(a, a);
  unpackA64(a);
  if (aExp >= BIAS + 62 && aClass == FINITE) return a;
  return encode64(integral(control));
}
export function round32(a: u32, control: u32): u32 {
  a = zeroed32(a);
  if (isNan32(a)) return nan32(a, a);
  unpackA32(a);
  if (aExp >= BIAS + 62 && aClass == FINITE) return a;
  return encode32(integral(control));
}
