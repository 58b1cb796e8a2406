// Loads, stores, exchanges, constants, sign changes.

import { BIAS, begin, flags, raise, rounding, setResult } from './core';
import { C1, DE, IE, OE, PE, UE, X87_CONTROL, X87_REG, X87_STATUS, X87_TAG, X87_TOP } from './layout';
import { overflowed, packF32, packF64, roundToInteger } from './pack';
import {
  classOf, FINITE, INFINITE, isSignalling, NAN, normalExp, normalize, normalSig, UNSUPPORTED, ZERO,
} from './x87number';
import {
  control, enter, INDEFINITE_SE, INDEFINITE_SIG, isEmpty, leave, leaveKeepingC1, physical, popStack, popTimes, push, pushOverflows, put, quickPush,
  putIndefinite, seOf, sigOf, st, top, underflow, unmasked, usePackMasks,
} from './x87state';
import { divWide, wideLow } from './wide';

export function x87LoadF64(cpu: usize, bits: u64): void {
  const e = <u32>(bits >>> 52) & 0x7ff;
  const sign = <u32>(bits >>> 63) << 15;
  if (e - 1 < 0x7fe) {
    if (quickPush(cpu, sign | (e + 15360), (bits << 11) | 0x8000000000000000)) return;
  } else if (bits << 1 == 0) {
    if (quickPush(cpu, sign, 0)) return;
  }
  enter(cpu);
  if (e - 1 < 0x7fe) push(cpu, sign | (e + 15360), (bits << 11) | 0x8000000000000000);
  else loadSpecial(cpu, sign, e != 0, (bits << 12) >>> 1, 15361);
  leave(cpu);
}
export function x87LoadF32(cpu: usize, bits: u32): void {
  const e = (bits >>> 23) & 0xff;
  const sign = (bits >>> 31) << 15;
  if (e - 1 < 0xfe) {
    if (quickPush(cpu, sign | (e + 16256), (<u64>bits << 40) | 0x8000000000000000)) return;
  } else if (bits << 1 == 0) {
    if (quickPush(cpu, sign, 0)) return;
  }
  enter(cpu);
  if (e - 1 < 0xfe) push(cpu, sign | (e + 16256), (<u64>bits << 40) | 0x8000000000000000);
  else loadSpecial(cpu, sign, e != 0, <u64>(bits & 0x7fffff) << 40, 16257);
  leave(cpu);
}
function loadSpecial(cpu: usize, sign: u32, huge: bool, fraction: u64, rebias: i32): void {
  if (pushOverflows(cpu)) {
    push(cpu, 0, 0);
  } else if (huge) {
    let sig = fraction | 0x8000000000000000;
    if (fraction != 0 && isSignalling(sig)) {
      raise(IE);
      if ((control & IE) == 0) return;
      sig |= 0x4000000000000000;
    }
    push(cpu, sign | 0x7fff, sig);
  } else if (fraction == 0) {
    push(cpu, sign, 0);
  } else {
    // Pushed even when DE is unmasked.
    raise(DE);
    const shift = clz(fraction);
    push(cpu, sign | (rebias - <i32>shift), fraction << shift);
  }
}
export function x87LoadF80(cpu: usize, sig: u64, se: i32): void {
  if (quickPush(cpu, se, sig)) return;
  enter(cpu);
  push(cpu, se & 0xffff, sig);
  leave(cpu);
}
export function x87LoadInt(cpu: usize, value: i64): void {
  const magnitude: u64 = value < 0 ? 0 - <u64>value : <u64>value;
  const shift = clz(magnitude);
  const se = value == 0 ? 0 : (u32(value < 0) << 15) | (BIAS + 63 - <u32>shift);
  if (quickPush(cpu, se, magnitude << shift)) return;
  enter(cpu);
  push(cpu, se, 0);
  leave(cpu);
}
/** fbld: 18 digits in the low 72 bits, sign in bit 79. */
export function x87LoadBcd(cpu: usize, low: u64, high: i32): void {
  enter(cpu);
  let value: u64 = 0;
  value = <u64>((high >> 4) & 15) * 10 + <u64>(high & 15);
  for (let shift: i32 = 60; shift >= 0; shift -= 4) value = value * 10 + ((low >>> <u64>shift) & 15);
  const sign = <u32>high & 0x8000;
  if (value == 0) {
    push(cpu, sign, 0);
  } else {
    const shift = clz(value);
    push(cpu, sign | (BIAS + 63 - <u32>shift), value << shift);
  }
  leave(cpu);
}
/** fld st(i). */
export function x87LoadReg(cpu: usize, i: i32): void {
  const from = (load<u32>(cpu, X87_TOP) + i) & 7;
  const source = cpu + (from << 4);
  if (load<u8>(cpu + from, X87_TAG) == 0 && quickPush(cpu, seOf(source), sigOf(source))) return;
  enter(cpu);
  if (isEmpty(cpu, i)) {
    if (underflow()) {
      top = (top - 1) & 7;
      store<u32>(cpu, top, X87_TOP);
      putIndefinite(cpu, 0);
    }
  } else {
    const reg = st(cpu, i);
    push(cpu, seOf(reg), sigOf(reg));
  }
  leave(cpu);
}

/** fld1 fldl2t fldl2e fldpi fldlg2 fldln2 fldz: se, then the 64 bits rounded down; the next bits decide for RC. */
const CONSTANTS: usize = memory.data<u64>([
  0x3fff, 0x8000000000000000,
  0x4000, 0xd49a784bcd1b8afe,
  0x3fff, 0xb8aa3b295c17f0bb,
  0x4000, 0xc90fdaa22168c234,
  0x3ffd, 0x9a209a84fbcff798,
  0x3ffe, 0xb17217f7d1cf79ab,
  0x0000, 0x0000000000000000,
]);
/** Constants whose tail is above one half in the last place (rounded up to nearest); fldl2t's tail is below. */
const TAIL_ABOVE: u32 = 0x3c;

/** k: 0 fld1 ... 6 fldz, the low bits of opcode D9 E8..EE. */
export function x87LoadConstant(cpu: usize, k: i32): void {
  if (k == 0 || k == 6) {
    if (quickPush(cpu, k == 0 ? BIAS : 0, k == 0 ? 0x8000000000000000 : 0)) return;
  }
  enter(cpu);
  const row = CONSTANTS + (<usize>k << 4);
  let sig = load<u64>(row, 8);
  if (k >= 1 && k <= 5 && (rounding == 2 || (rounding == 0 && ((TAIL_ABOVE >>> k) & 1) != 0))) sig++;
  push(cpu, <u32>load<u64>(row), sig);
  leave(cpu);
}

/** Ends a store to memory: pops unless an exception of `fatal` is unmasked. */
// @ts-ignore: decorator
@inline
function stored(cpu: usize, pop: i32, fatal: u32): void {
  if (unmasked(fatal)) {
    // Nothing was stored, so nothing was rounded.
    const f = flags;
    begin(rounding);
    raise(f & ~(PE | C1));
  } else if (pop != 0) {
    popStack(cpu);
  }
  leave(cpu);
}

/**
 * The common store: rounds a normal ST(0) to nearest at `bits` bits (exponents rebased by `rebias`, result normal) with the
 * exceptions masked, sets PE and C1 and pops; the value, or 0 with nothing done.
 */
// @ts-ignore: decorator
@inline
function quickStore(cpu: usize, pop: i32, bits: u64, rebias: u32, maxExp: u32): u64 {
  if ((load<u32>(cpu, X87_CONTROL) & 0xc3f) != 0x3f) return 0;
  const first = load<u32>(cpu, X87_TOP);
  if (load<u8>(cpu + first, X87_TAG) != 0) return 0;
  const reg = cpu + (first << 4);
  const se = seOf(reg);
  const sig = sigOf(reg);
  // One below the largest, so that rounding up cannot overflow.
  const e = (se & 0x7fff) - rebias;
  if (<i64>sig >= 0 || e - 1 >= maxExp - 2) return 0;
  const frac = sig << bits;
  let m = sig >>> (64 - bits);
  const up = (frac >>> 63) & (u64(frac << 1 != 0) | m);
  m += up;
  store<u32>(cpu, (load<u32>(cpu, X87_STATUS) & ~C1) | (u32(frac != 0) << 5) | (<u32>up << 9), X87_STATUS);
  if (pop != 0) {
    store<u8>(cpu + first, 1, X87_TAG);
    store<u32>(cpu, (first + 1) & 7, X87_TOP);
  }
  // The leading bit adds one to the exponent field, and so does a carry out of the significand.
  return (<u64>(se >>> 15) << (bits == 53 ? 63 : 31)) | ((<u64>(e - 1) << (bits - 1)) + m);
}

/** fst/fstp m64fp at linear-memory offset `at`, already checked for writing. */
export function x87StoreF64(cpu: usize, at: usize, pop: i32): void {
  const quick = quickStore(cpu, pop, 53, 15360, 0x7ff);
  if (quick != 0) {
    store<u64>(at, quick);
    return;
  }
  enter(cpu);
  if (isEmpty(cpu, 0)) {
    if (underflow()) store<u64>(at, 0xfff8000000000000);
  } else {
    const reg = st(cpu, 0);
    const se = seOf(reg);
    const sig = sigOf(reg);
    const kind = classOf(se, sig);
    let bits: u64 = (<u64>se >>> 15) << 63;
    if (kind == FINITE) {
      usePackMasks();
      normalize(se, sig);
      setResult(se >>> 15, normalExp, normalSig, 0);
      bits = packF64();
    } else if (kind == INFINITE) {
      bits |= 0x7ff0000000000000;
    } else if (kind == NAN) {
      if (isSignalling(sig)) raise(IE);
      bits |= 0x7ff8000000000000 | ((sig << 1) >>> 12);
    } else if (kind == UNSUPPORTED) {
      raise(IE);
      bits = 0xfff8000000000000;
    }
    if (!unmasked(IE | OE | UE)) store<u64>(at, bits);
  }
  stored(cpu, pop, IE | OE | UE);
}
export function x87StoreF32(cpu: usize, at: usize, pop: i32): void {
  const quick = quickStore(cpu, pop, 24, 16256, 0xff);
  if (quick != 0) {
    store<u32>(at, <u32>quick);
    return;
  }
  enter(cpu);
  if (isEmpty(cpu, 0)) {
    if (underflow()) store<u32>(at, 0xffc00000);
  } else {
    const reg = st(cpu, 0);
    const se = seOf(reg);
    const sig = sigOf(reg);
    const kind = classOf(se, sig);
    let bits: u32 = (se >>> 15) << 31;
    if (kind == FINITE) {
      usePackMasks();
      normalize(se, sig);
      setResult(se >>> 15, normalExp, normalSig, 0);
      bits = packF32();
    } else if (kind == INFINITE) {
      bits |= 0x7f800000;
    } else if (kind == NAN) {
      if (isSignalling(sig)) raise(IE);
      bits |= 0x7fc00000 | <u32>((sig << 1) >>> 41);
    } else if (kind == UNSUPPORTED) {
      raise(IE);
      bits = 0xffc00000;
    }
    if (!unmasked(IE | OE | UE)) store<u32>(at, bits);
  }
  stored(cpu, pop, IE | OE | UE);
}
/** fstp m80fp. */
export function x87StoreF80(cpu: usize, at: usize): void {
  enter(cpu);
  if (!isEmpty(cpu, 0)) {
    const reg = st(cpu, 0);
    store<u64>(at, sigOf(reg));
    store<u16>(at, seOf(reg), 8);
  } else if (underflow()) {
    store<u64>(at, INDEFINITE_SIG);
    store<u16>(at, INDEFINITE_SE, 8);
  }
  stored(cpu, 1, IE);
}

/** ST(0) as an integer of `bits` bits; the integer indefinite and IE when it has none. */
function integerOf(cpu: usize, bits: u32, truncate: bool): i64 {
  const least: u64 = <u64>1 << (bits - 1);
  if (isEmpty(cpu, 0)) {
    underflow();
    return <i64>least;
  }
  const reg = st(cpu, 0);
  const se = seOf(reg);
  const sig = sigOf(reg);
  const kind = classOf(se, sig);
  if (kind == ZERO) return 0;
  if (kind == FINITE) {
    normalize(se, sig);
    if (truncate) begin(3);
    const m = roundToInteger(se >>> 15, normalExp, normalSig);
    if (!overflowed && (m < least || (m == least && se >>> 15 != 0))) return se >>> 15 != 0 ? -(<i64>m) : <i64>m;
  }
  begin(rounding);
  raise(IE);
  return <i64>least;
}
/** fist (how = 0), fistp (1), fisttp (3) to 2, 4 or 8 bytes at `at`. */
export function x87StoreInt(cpu: usize, at: usize, size: i32, how: i32): void {
  enter(cpu);
  const pop = how & 1;
  const value = integerOf(cpu, size << 3, (how & 2) != 0);
  if (!unmasked(IE)) {
    if (size == 2) store<u16>(at, <u16>value);
    else if (size == 4) store<u32>(at, <u32>value);
    else store<u64>(at, <u64>value);
  }
  stored(cpu, pop, IE);
}
/** fbstp: 18 digits and a sign, or the packed decimal indefinite. */
export function x87StoreBcd(cpu: usize, at: usize): void {
  enter(cpu);
  let value = integerOf(cpu, 64, false);
  if ((flags & IE) == 0 && (value > 999999999999999999 || value < -999999999999999999)) {
    begin(rounding);
    raise(IE);
  }
  if ((flags & IE) != 0) {
    if (!unmasked(IE)) {
      store<u64>(at, 0xc000000000000000);
      store<u16>(at, 0xffff, 8);
    }
  } else {
    let rest: u64 = value < 0 ? 0 - <u64>value : <u64>value;
    let low: u64 = 0;
    for (let shift: u64 = 0; shift < 64; shift += 4) {
      const q = rest / 10;
      low |= (rest - q * 10) << shift;
      rest = q;
    }
    const tens = rest / 10;
    const negative = seOf(st(cpu, 0)) >>> 15;
    store<u64>(at, low);
    store<u16>(at, <u16>((tens << 4) | (rest - tens * 10) | (<u64>negative << 15)), 8);
  }
  stored(cpu, 1, IE);
}
/** fst/fstp st(i). */
export function x87StoreReg(cpu: usize, i: i32, pops: i32): void {
  const first = load<u32>(cpu, X87_TOP);
  if (load<u8>(cpu + first, X87_TAG) == 0) {
    const from = cpu + (first << 4);
    const d = (first + i) & 7;
    const to = cpu + (d << 4);
    store<u64>(to, sigOf(from), X87_REG);
    store<u16>(to, seOf(from), X87_REG + 8);
    store<u8>(cpu + d, 0, X87_TAG);
    if (pops != 0) {
      store<u8>(cpu + first, 1, X87_TAG);
      store<u32>(cpu, (first + 1) & 7, X87_TOP);
    }
    store<u32>(cpu, load<u32>(cpu, X87_STATUS) & ~C1, X87_STATUS);
    return;
  }
  enter(cpu);
  if (underflow()) {
    putIndefinite(cpu, i);
    popTimes(cpu, pops);
  }
  leave(cpu);
}

export function x87Exchange(cpu: usize, i: i32): void {
  const first = load<u32>(cpu, X87_TOP);
  const other = (first + i) & 7;
  if ((load<u8>(cpu + first, X87_TAG) | load<u8>(cpu + other, X87_TAG)) == 0) {
    const x = cpu + (first << 4);
    const y = cpu + (other << 4);
    const ySe = seOf(y);
    const ySig = sigOf(y);
    store<u64>(y, sigOf(x), X87_REG);
    store<u16>(y, seOf(x), X87_REG + 8);
    store<u64>(x, ySig, X87_REG);
    store<u16>(x, ySe, X87_REG + 8);
    store<u32>(cpu, load<u32>(cpu, X87_STATUS) & ~C1, X87_STATUS);
    return;
  }
  enter(cpu);
  if (isEmpty(cpu, 0) || isEmpty(cpu, i)) {
    if (!underflow()) return leave(cpu);
    if (isEmpty(cpu, 0)) putIndefinite(cpu, 0);
    if (isEmpty(cpu, i)) putIndefinite(cpu, i);
  }
  const a = st(cpu, 0);
  const b = st(cpu, i);
  const se = seOf(a);
  const sig = sigOf(a);
  put(cpu, 0, seOf(b), sigOf(b));
  put(cpu, i, se, sig);
  leave(cpu);
}
/** fcmovcc: `condition` says whether to move ST(i) to ST(0). */
export function x87ConditionalMove(cpu: usize, i: i32, condition: i32): void {
  enter(cpu);
  if (isEmpty(cpu, 0) || isEmpty(cpu, i)) {
    if (underflow()) putIndefinite(cpu, 0);
  } else if (condition != 0) {
    const reg = st(cpu, i);
    put(cpu, 0, seOf(reg), sigOf(reg));
  }
  leaveKeepingC1(cpu);
}
/** fchs (absolute = 0) and fabs. */
export function x87Sign(cpu: usize, absolute: i32): void {
  enter(cpu);
  if (!isEmpty(cpu, 0)) {
    const reg = st(cpu, 0);
    const se = seOf(reg);
    store<u16>(reg, absolute != 0 ? se & 0x7fff : se ^ 0x8000, X87_REG + 8);
  } else if (underflow()) {
    putIndefinite(cpu, 0);
  }
  leave(cpu);
}
/** ffree st(i) and, with pops, ffreep. */
export function x87Free(cpu: usize, i: i32, pops: i32): void {
  top = load<u32>(cpu, X87_TOP);
  store<u8>(cpu + physical(i), 1, X87_TAG);
  store<u32>(cpu, load<u32>(cpu, X87_STATUS) & ~C1, X87_STATUS);
  popTimes(cpu, pops);
}
/** fincstp (1), fdecstp (-1). */
export function x87Turn(cpu: usize, by: i32): void {
  store<u32>(cpu, (load<u32>(cpu, X87_TOP) + by) & 7, X87_TOP);
  store<u32>(cpu, load<u32>(cpu, X87_STATUS) & ~C1, X87_STATUS);
}
