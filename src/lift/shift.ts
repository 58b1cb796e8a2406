import type { Value } from '../ir/builder.ts';
import { Eflags } from '../machine/cpuState.ts';
import type { Lift, Lifter } from './context.ts';

/** The masked count as i32, and in the operand's integer type. */
function counts(c: Lift, k: number, size: number): { count: Value; wide: Value; less: Value; always: boolean } {
  const b = c.b;
  if (c.row.operands[k] === '1') return { count: b.i32(1), wide: c.constant(size, 1), less: c.constant(size, 0), always: true };
  const count = b.op('i32.and', c.read(k), b.i32(size === 8 ? 63 : 31));
  const wide = c.extendU(4, size, count);
  return { count, wide, less: c.int(size, 'sub', wide, c.constant(size, 1)), always: false };
}

function unlessZero(c: Lift, n: { count: Value; always: boolean }, flags: () => void): void {
  if (n.always) flags();
  else c.b.if(n.count, flags);
}

function liftShl(c: Lift): void {
  const size = c.opSize(0), n = counts(c, 1, size);
  const { old, value } = c.modify(0, (x) => c.int(size, 'shl', x, n.wide));
  unlessZero(c, n, () => c.setFlags('shl', size, value, c.int(size, 'shl', old, n.less)));
}

function liftShr(c: Lift): void {
  const size = c.opSize(0), n = counts(c, 1, size);
  const { old, value } = c.modify(0, (x) => c.int(size, 'shr_u', x, n.wide));
  unlessZero(c, n, () => c.setFlags('shr', size, value, c.int(size, 'shr_u', old, n.less)));
}

function liftSar(c: Lift): void {
  const size = c.opSize(0), n = counts(c, 1, size);
  const { old, value } = c.modify(0, (x) => c.int(size, 'shr_s', c.signExtend(size, x), n.wide));
  unlessZero(c, n, () => c.setFlags('shr', size, value, c.int(size, 'shr_s', c.signExtend(size, old), n.less)));
}

/** Bit `bit` of a value of `size` bytes as i32 0/1. */
function bitAt(c: Lift, size: number, v: Value, bit: number): Value {
  return c.toI32(c.int(size, 'and', c.int(size, 'shr_u', v, c.constant(size, bit)), c.constant(size, 1)));
}

/** Rotates change CF and OF only. */
function rotateFlags(c: Lift, n: { count: Value; always: boolean }, carry: () => Value, overflow: (carry: Value) => Value): void {
  const b = c.b;
  unlessZero(c, n, () => {
    const cf = carry();
    const of = b.op('i32.shl', overflow(cf), b.i32(11));
    const kept = b.op('i32.and', c.statusFlags(), b.i32(~(Eflags.CF | Eflags.OF)));
    c.putStatusFlags(b.op('i32.or', b.op('i32.or', kept, cf), of));
  });
}

/** Plain rotation left or right of a clean value. */
function rotated(c: Lift, size: number, x: Value, n: Value, left: boolean): Value {
  const b = c.b;
  if (size >= 4) return c.int(size, left ? 'rotl' : 'rotr', x, n);
  const bits = size * 8, m = b.op('i32.and', n, b.i32(bits - 1)), rest = b.op('i32.sub', b.i32(bits), m);
  const joined = left ? b.op('i32.or', b.op('i32.shl', x, m), b.op('i32.shr_u', x, rest)) : b.op('i32.or', b.op('i32.shr_u', x, m), b.op('i32.shl', x, rest));
  return c.clean(size, joined);
}

function liftRol(c: Lift): void {
  const size = c.opSize(0), n = counts(c, 1, size);
  const { value } = c.modify(0, (x) => rotated(c, size, x, n.wide, true));
  rotateFlags(c, n, () => bitAt(c, size, value, 0), (cf) => c.b.op('i32.xor', bitAt(c, size, value, size * 8 - 1), cf));
}

function liftRor(c: Lift): void {
  const size = c.opSize(0), n = counts(c, 1, size), top = size * 8 - 1;
  const { value } = c.modify(0, (x) => rotated(c, size, x, n.wide, false));
  rotateFlags(c, n, () => bitAt(c, size, value, top), (cf) => c.b.op('i32.xor', bitAt(c, size, value, top - 1), cf));
}

/** The value and the carry of a rotation through carry: i64 with the carry at bit `bits` for sizes up to 4. */
function throughCarry(c: Lift, size: number, count: Value, x: Value, cf: Value, left: boolean): { value: Value; carry: Value } {
  const b = c.b, bits = size * 8;
  if (size === 8) return throughCarry64(c, count, x, cf, left);
  const width = bits + 1;
  const n = b.op('i64.extend_i32_u', size === 4 ? count : b.op('i32.rem_u', count, b.i32(width)));
  const rest = b.op('i64.sub', b.i64(width), n);
  const v = b.op('i64.or', b.op('i64.extend_i32_u', x), b.op('i64.shl', b.op('i64.extend_i32_u', cf), b.i64(bits)));
  const joined = left ? b.op('i64.or', b.op('i64.shl', v, n), b.op('i64.shr_u', v, rest)) : b.op('i64.or', b.op('i64.shr_u', v, n), b.op('i64.shl', v, rest));
  const carry = b.op('i32.wrap_i64', b.op('i64.and', b.op('i64.shr_u', joined, b.i64(bits)), b.i64(1)));
  return { value: c.clean(size, b.op('i32.wrap_i64', joined)), carry };
}

function throughCarry64(c: Lift, count: Value, x: Value, cf: Value, left: boolean): { value: Value; carry: Value } {
  const b = c.b, n = b.op('i64.extend_i32_u', count), one = b.i64(1);
  const less = b.op('i64.sub', n, one), rest = b.op('i64.sub', b.i64(64), n), in64 = b.op('i64.extend_i32_u', cf);
  const main = left ? b.op('i64.shl', x, n) : b.op('i64.shr_u', x, n);
  const entering = left ? b.op('i64.shl', in64, less) : b.op('i64.shl', in64, rest);
  // 65 - n in two steps, so that n = 1 shifts everything out
  const wrapped = left ? b.op('i64.shr_u', b.op('i64.shr_u', x, one), rest) : b.op('i64.shl', b.op('i64.shl', x, one), rest);
  const out = left ? b.op('i64.shr_u', x, rest) : b.op('i64.shr_u', x, less);
  const value = b.op('i64.or', b.op('i64.or', main, entering), wrapped);
  const carry = b.op('i32.wrap_i64', b.op('i64.and', out, one));
  return { value: b.select(count, value, x), carry: b.select(count, carry, cf) };
}

function rotateThroughCarry(left: boolean): Lifter {
  return (c) => {
    const size = c.opSize(0), n = counts(c, 1, size), cf = c.flag('CF'), top = size * 8 - 1;
    const { old, value } = c.modify(0, (x) => throughCarry(c, size, n.count, x, cf, left).value);
    rotateFlags(c, n, () => throughCarry(c, size, n.count, old, cf, left).carry,
      (out) => c.b.op('i32.xor', bitAt(c, size, value, top), left ? out : bitAt(c, size, value, top - 1)));
  };
}

/** For 16 bits and counts above 16, which the manual leaves undefined, AMD's processors go on shifting the source in. */
function triple(c: Lift, high: Value, middle: Value, low: Value): Value {
  const b = c.b, wide = (v: Value, by: number): Value => b.op('i64.shl', b.op('i64.extend_i32_u', v), b.i64(by));
  return b.op('i64.or', b.op('i64.or', wide(high, 32), wide(middle, 16)), b.op('i64.extend_i32_u', low));
}

function pair(c: Lift, high: Value, low: Value): Value {
  const b = c.b;
  return b.op('i64.or', b.op('i64.shl', b.op('i64.extend_i32_u', high), b.i64(32)), b.op('i64.extend_i32_u', low));
}

/** Result of a double shift by `n` (in the operand's integer type, not 0 for 8 bytes unless selected away). */
function shiftDouble(c: Lift, size: number, dst: Value, src: Value, n: Value, left: boolean): Value {
  const b = c.b;
  if (size === 8) {
    const rest = b.op('i64.sub', b.i64(63), n), one = b.i64(1);
    return left
      ? b.op('i64.or', b.op('i64.shl', dst, n), b.op('i64.shr_u', b.op('i64.shr_u', src, one), rest))
      : b.op('i64.or', b.op('i64.shr_u', dst, n), b.op('i64.shl', b.op('i64.shl', src, one), rest));
  }
  const wide = b.op('i64.extend_i32_u', n);
  if (size === 4) {
    if (left) return b.op('i32.wrap_i64', b.op('i64.shr_u', b.op('i64.shl', pair(c, dst, src), wide), b.i64(32)));
    return b.op('i32.wrap_i64', b.op('i64.shr_u', pair(c, src, dst), wide));
  }
  if (left) return c.clean(2, b.op('i32.wrap_i64', b.op('i64.shr_u', b.op('i64.shl', triple(c, dst, src, src), wide), b.i64(32))));
  return c.clean(2, b.op('i32.wrap_i64', b.op('i64.shr_u', triple(c, src, src, dst), wide)));
}

/**
 * ccSrc of kind `shr` after a double shift of 16 bits: bit 0 is CF, the last bit out of the destination (0 when all are out); the top bit
 * differs from the result's when OF is set. OF is CF ^ SF to the left, unless the count is above 16, then 0.
 */
function doubleCarry16(c: Lift, old: Value, value: Value, src: Value, n: { count: Value; wide: Value; less: Value }, left: boolean): Value {
  const b = c.b, top = b.i32(0x8000);
  if (!left) {
    const carry = b.op('i32.and', b.op('i32.shr_u', old, n.less), b.i32(1));
    return b.op('i32.or', b.op('i32.and', shiftDouble(c, 2, old, src, n.less, false), top), carry);
  }
  const carry = b.op('i32.and', b.op('i32.shr_u', b.op('i32.shl', old, n.less), b.i32(15)), b.i32(1));
  const differing = b.select(b.op('i32.gt_u', n.count, b.i32(16)), value, b.op('i32.shl', carry, b.i32(15)));
  return b.op('i32.or', b.op('i32.and', differing, top), carry);
}

function doubleShift(left: boolean): Lifter {
  return (c) => {
    const size = c.opSize(0), src = c.read(1), n = counts(c, 2, size);
    const { old, value } = c.modify(0, (x) => shiftDouble(c, size, x, src, n.wide, left));
    unlessZero(c, n, () => {
      if (size === 2) c.setFlags('shr', 2, value, doubleCarry16(c, old, value, src, n, left));
      else c.setFlags(left ? 'shl' : 'shr', size, value, shiftDouble(c, size, old, src, n.less, left));
    });
  };
}

export const shiftLifters = {
  shl: liftShl, shr: liftShr, sar: liftSar, rol: liftRol, ror: liftRor,
  rcl: rotateThroughCarry(true), rcr: rotateThroughCarry(false), shld: doubleShift(true), shrd: doubleShift(false),
} satisfies Record<string, Lifter>;
