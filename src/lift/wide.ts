/** 128-bit products and quotients of 64-bit operands. */
import type { IrBuilder, Value } from '../ir/builder.ts';
import { Vector } from '../machine/exit.ts';
import type { Lift } from './context.ts';

/** High 64 bits of an unsigned product, from four 32-bit products. */
export function mulHighUnsigned(b: IrBuilder, x: Value, y: Value): Value {
  const mask = b.i64(-1, 0), n32 = b.i64(32);
  const xl = b.op('i64.and', x, mask), xh = b.op('i64.shr_u', x, n32), yl = b.op('i64.and', y, mask), yh = b.op('i64.shr_u', y, n32);
  const low = b.op('i64.mul', xl, yl), mid1 = b.op('i64.mul', xh, yl), mid2 = b.op('i64.mul', xl, yh), high = b.op('i64.mul', xh, yh);
  const t = b.op('i64.add', mid1, b.op('i64.shr_u', low, n32));
  const u = b.op('i64.add', b.op('i64.and', t, mask), mid2);
  return b.op('i64.add', b.op('i64.add', high, b.op('i64.shr_u', t, n32)), b.op('i64.shr_u', u, n32));
}

export function mulHighSigned(b: IrBuilder, x: Value, y: Value): Value {
  const high = mulHighUnsigned(b, x, y), n63 = b.i64(63);
  const fixX = b.op('i64.and', b.op('i64.shr_s', x, n63), y), fixY = b.op('i64.and', b.op('i64.shr_s', y, n63), x);
  return b.op('i64.sub', b.op('i64.sub', high, fixX), fixY);
}

/**
 * high:low / divisor for high < divisor: quotient and remainder (Knuth's algorithm D with two 32-bit digits; Hacker's Delight, divlu).
 */
function longDivision(b: IrBuilder, high: Value, low: Value, divisor: Value): { q: Value; r: Value } {
  const n32 = b.i64(32), mask = b.i64(-1, 0), base = b.i64(0, 1);
  const s = b.op('i64.clz', divisor);
  const v = b.op('i64.shl', divisor, s);
  const v1 = b.op('i64.shr_u', v, n32), v0 = b.op('i64.and', v, mask);
  // (low >> 1) >> (63 - s) = low >> (64 - s), also for s = 0
  const spill = b.op('i64.shr_u', b.op('i64.shr_u', low, b.i64(1)), b.op('i64.sub', b.i64(63), s));
  const u32 = b.op('i64.or', b.op('i64.shl', high, s), spill), u10 = b.op('i64.shl', low, s);
  const u1 = b.op('i64.shr_u', u10, n32), u0 = b.op('i64.and', u10, mask);
  const digit = (upper: Value, next: Value): Value => {
    const q = b.var('i64', b.op('i64.div_u', upper, v1));
    const rest = b.var('i64', b.op('i64.sub', upper, b.op('i64.mul', b.getVar(q), v1)));
    b.loop((repeat) => {
      const tooBig = b.op('i64.ge_u', b.getVar(q), base);
      const over = b.op('i64.gt_u', b.op('i64.mul', b.getVar(q), v0), b.op('i64.add', b.op('i64.shl', b.getVar(rest), n32), next));
      b.if(b.op('i32.or', tooBig, over), () => {
        b.setVar(q, b.op('i64.sub', b.getVar(q), b.i64(1)));
        b.setVar(rest, b.op('i64.add', b.getVar(rest), v1));
        repeat(b.op('i64.lt_u', b.getVar(rest), base));
      });
    });
    return b.getVar(q);
  };
  const q1 = digit(u32, u1);
  const u21 = b.op('i64.sub', b.op('i64.add', b.op('i64.shl', u32, n32), u1), b.op('i64.mul', q1, v));
  const q0 = digit(u21, u0);
  const r = b.op('i64.shr_u', b.op('i64.sub', b.op('i64.add', b.op('i64.shl', u21, n32), u0), b.op('i64.mul', q0, v)), s);
  return { q: b.op('i64.add', b.op('i64.shl', q1, n32), q0), r };
}

/** div r/m64 */
export function divideUnsigned128(c: Lift, divisor: Value): void {
  const b = c.b, low = c.gpr(0, 8), high = c.gpr(2, 8);
  // covers division by 0 too
  b.if(b.op('i64.ge_u', high, divisor), () => c.trap(Vector.DE));
  const q = b.var('i64'), r = b.var('i64');
  b.if(b.op('i64.eqz', high), () => {
    b.setVar(q, b.op('i64.div_u', low, divisor));
    b.setVar(r, b.op('i64.rem_u', low, divisor));
  }, () => {
    const wide = longDivision(b, high, low, divisor);
    b.setVar(q, wide.q);
    b.setVar(r, wide.r);
  });
  c.setGpr(0, 8, b.getVar(q));
  c.setGpr(2, 8, b.getVar(r));
}

/** idiv r/m64 */
export function divideSigned128(c: Lift, divisor: Value): void {
  const b = c.b, low = c.gpr(0, 8), high = c.gpr(2, 8), n63 = b.i64(63);
  b.if(b.op('i64.eqz', divisor), () => c.trap(Vector.DE));
  const q = b.var('i64'), r = b.var('i64');
  const fits = b.op('i64.eq', high, b.op('i64.shr_s', low, n63));
  const awkward = b.op('i64.eq', divisor, b.i64(-1));
  b.if(b.op('i32.and', fits, b.op('i32.eqz', awkward)), () => {
    b.setVar(q, b.op('i64.div_s', low, divisor));
    b.setVar(r, b.op('i64.rem_s', low, divisor));
  }, () => {
    const signN = b.op('i64.shr_s', high, n63), signD = b.op('i64.shr_s', divisor, n63);
    // |high:low|: negate both halves, with the borrow of a non-zero low half
    const absLow = b.op('i64.sub', b.op('i64.xor', low, signN), signN);
    const carry = b.op('i64.and', signN, b.op('i64.extend_i32_u', b.op('i64.eqz', low)));
    const absHigh = b.op('i64.add', b.op('i64.xor', high, signN), b.op('i64.and', carry, b.i64(1)));
    const absD = b.op('i64.sub', b.op('i64.xor', divisor, signD), signD);
    b.if(b.op('i64.ge_u', absHigh, absD), () => c.trap(Vector.DE));
    const wide = longDivision(b, absHigh, absLow, absD);
    const sign = b.op('i64.xor', signN, signD);
    // |q| may be 2^63 only when the quotient is negative
    b.if(b.op('i64.gt_u', wide.q, b.op('i64.sub', b.i64(-1, 0x7fffffff), sign)), () => c.trap(Vector.DE));
    b.setVar(q, b.op('i64.sub', b.op('i64.xor', wide.q, sign), sign));
    b.setVar(r, b.op('i64.sub', b.op('i64.xor', wide.r, signN), signN));
  });
  c.setGpr(0, 8, b.getVar(q));
  c.setGpr(2, 8, b.getVar(r));
}
