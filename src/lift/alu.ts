import type { Value } from '../ir/builder.ts';
import { Rmw } from '../ir/ops.ts';
import { Vector } from '../machine/exit.ts';
import type { Lift, Lifter } from './context.ts';
import { divideSigned128, divideUnsigned128, mulHighSigned, mulHighUnsigned } from './wide.ts';

function liftAdd(c: Lift): void {
  const size = c.opSize(0), src = c.read(1);
  const { value } = c.modify(0, (old) => c.int(size, 'add', old, src), Rmw.add, src);
  c.setFlags('add', size, value, src);
}

function liftSub(c: Lift): void {
  const size = c.opSize(0), src = c.read(1);
  const { value } = c.modify(0, (old) => c.int(size, 'sub', old, src), Rmw.sub, src);
  c.setFlags('sub', size, value, src);
}

function liftAdc(c: Lift): void {
  const size = c.opSize(0), src = c.read(1), carry = c.flag('CF'), wide = c.extendU(4, size, carry);
  const { value } = c.modify(0, (old) => c.int(size, 'add', c.int(size, 'add', old, src), wide));
  c.setFlags('adc', size, value, src, carry);
}

function liftSbb(c: Lift): void {
  const size = c.opSize(0), src = c.read(1), carry = c.flag('CF'), wide = c.extendU(4, size, carry);
  const { value } = c.modify(0, (old) => c.int(size, 'sub', c.int(size, 'sub', old, src), wide));
  c.setFlags('sbb', size, value, src, carry);
}

function logic(name: 'and' | 'or' | 'xor'): Lifter {
  return (c) => {
    const size = c.opSize(0), src = c.read(1);
    const { value } = c.modify(0, (old) => c.int(size, name, old, src), Rmw[name], src);
    c.setFlags('logic', size, value);
  };
}

function liftCmp(c: Lift): void {
  const size = c.opSize(0), a = c.read(0), b = c.read(1);
  c.setFlags('sub', size, c.int(size, 'sub', a, b), b);
}

function liftTest(c: Lift): void {
  const size = c.opSize(0);
  c.setFlags('logic', size, c.int(size, 'and', c.read(0), c.read(1)));
}

function liftInc(c: Lift): void {
  const size = c.opSize(0), carry = c.flag('CF'), one = c.constant(size, 1);
  const { value } = c.modify(0, (old) => c.int(size, 'add', old, one), Rmw.add, one);
  c.setFlags('inc', size, value, c.extendU(4, size, carry));
}

function liftDec(c: Lift): void {
  const size = c.opSize(0), carry = c.flag('CF'), one = c.constant(size, 1);
  const { value } = c.modify(0, (old) => c.int(size, 'sub', old, one), Rmw.sub, one);
  c.setFlags('dec', size, value, c.extendU(4, size, carry));
}

function liftNeg(c: Lift): void {
  const size = c.opSize(0);
  const { old, value } = c.modify(0, (x) => c.int(size, 'sub', c.constant(size, 0), x));
  c.setFlags('sub', size, value, old);
}

function liftNot(c: Lift): void {
  const size = c.opSize(0), ones = c.constant(size, -1);
  c.modify(0, (x) => c.int(size, 'xor', x, ones), Rmw.xor, ones);
}

/** CF = OF = `over` (i32) for a product of `size` bytes. */
function productFlags(c: Lift, size: number, low: Value, over: Value): void {
  c.setFlags('mul', size, low, c.extendU(4, size, over));
}

function liftMul(c: Lift): void {
  const b = c.b, size = c.opSize(0), src = c.read(0);
  if (size <= 2) {
    const product = b.op('i32.mul', c.gpr(0, size as 1 | 2), src);
    const high = b.op('i32.shr_u', product, b.i32(8 * size));
    if (size === 1) c.setGpr(0, 2, product);
    else { c.setGpr(0, 2, product); c.setGpr(2, 2, high); }
    productFlags(c, size, product, b.op('i32.ne', high, b.i32(0)));
  } else if (size === 4) {
    const product = b.op('i64.mul', b.op('i64.extend_i32_u', c.gpr(0, 4)), b.op('i64.extend_i32_u', src));
    const low = b.op('i32.wrap_i64', product), high = b.op('i32.wrap_i64', b.op('i64.shr_u', product, b.i64(32)));
    c.setGpr(0, 4, low);
    c.setGpr(2, 4, high);
    productFlags(c, 4, low, b.op('i32.ne', high, b.i32(0)));
  } else {
    const a = c.gpr(0, 8), low = b.op('i64.mul', a, src), high = mulHighUnsigned(b, a, src);
    c.setGpr(0, 8, low);
    c.setGpr(2, 8, high);
    productFlags(c, 8, low, b.op('i64.ne', high, b.i64(0)));
  }
}

function liftImul(c: Lift): void {
  if (c.operandCount === 1) return imulWide(c);
  const b = c.b, size = c.opSize(0), last = c.operandCount - 1;
  const x = c.read(last - 1), y = c.read(last);
  if (size === 2) {
    const product = b.op('i32.mul', b.op('i32.extend16_s', x), b.op('i32.extend16_s', y));
    c.write(0, product);
    productFlags(c, 2, product, b.op('i32.ne', b.op('i32.extend16_s', product), product));
  } else if (size === 4) {
    const product = b.op('i64.mul', b.op('i64.extend_i32_s', x), b.op('i64.extend_i32_s', y)), low = b.op('i32.wrap_i64', product);
    c.write(0, low);
    productFlags(c, 4, low, b.op('i64.ne', b.op('i64.extend_i32_s', low), product));
  } else {
    const low = b.op('i64.mul', x, y), high = mulHighSigned(b, x, y);
    c.write(0, low);
    productFlags(c, 8, low, b.op('i64.ne', high, b.op('i64.shr_s', low, b.i64(63))));
  }
}

function imulWide(c: Lift): void {
  const b = c.b, size = c.opSize(0), src = c.read(0);
  if (size <= 2) {
    const product = b.op('i32.mul', c.signExtend(size, c.gpr(0, size as 1 | 2)), c.signExtend(size, src));
    c.setGpr(0, 2, product);
    if (size === 2) c.setGpr(2, 2, b.op('i32.shr_u', product, b.i32(16)));
    productFlags(c, size, product, b.op('i32.ne', c.signExtend(size, product), product));
  } else if (size === 4) {
    const product = b.op('i64.mul', b.op('i64.extend_i32_s', c.gpr(0, 4)), b.op('i64.extend_i32_s', src)), low = b.op('i32.wrap_i64', product);
    c.setGpr(0, 4, low);
    c.setGpr(2, 4, b.op('i32.wrap_i64', b.op('i64.shr_u', product, b.i64(32))));
    productFlags(c, 4, low, b.op('i64.ne', b.op('i64.extend_i32_s', low), product));
  } else {
    const a = c.gpr(0, 8), low = b.op('i64.mul', a, src), high = mulHighSigned(b, a, src);
    c.setGpr(0, 8, low);
    c.setGpr(2, 8, high);
    productFlags(c, 8, low, b.op('i64.ne', high, b.op('i64.shr_s', low, b.i64(63))));
  }
}

function trapIf(c: Lift, cond: Value): void {
  c.b.if(cond, () => c.trap(Vector.DE));
}

/** dx:ax or edx:eax (ax for bytes) as one integer: i32 for bytes, i64 for 2 and 4 bytes. */
function dividend(c: Lift, size: number, signed: boolean): Value {
  const b = c.b;
  if (size === 1) return signed ? b.op('i32.extend16_s', c.gpr(0, 2)) : c.gpr(0, 2);
  if (size === 2) return b.op('i32.or', b.op('i32.shl', c.gpr(2, 2), b.i32(16)), c.gpr(0, 2));
  return b.op('i64.or', b.op('i64.shl', b.op('i64.extend_i32_u', c.gpr(2, 4)), b.i64(32)), b.op('i64.extend_i32_u', c.gpr(0, 4)));
}

function quotient(c: Lift, size: number, q: Value, r: Value): void {
  if (size === 1) {
    c.setGpr(0, 2, c.b.op('i32.or', c.b.op('i32.and', q, c.b.i32(0xff)), c.b.op('i32.shl', r, c.b.i32(8))));
    return;
  }
  c.setGpr(0, size, q);
  c.setGpr(2, size, r);
}

function liftDiv(c: Lift): void {
  const b = c.b, size = c.opSize(0), src = c.read(0);
  if (size === 8) return divideUnsigned128(c, src);
  trapIf(c, b.op('i32.eqz', src));
  if (size <= 2) {
    const n = dividend(c, size, false), q = b.op('i32.div_u', n, src), r = b.op('i32.rem_u', n, src);
    trapIf(c, b.op('i32.shr_u', q, b.i32(8 * size)));
    return quotient(c, size, q, r);
  }
  const n = dividend(c, 4, false), d = b.op('i64.extend_i32_u', src), q = b.op('i64.div_u', n, d), r = b.op('i64.rem_u', n, d);
  trapIf(c, b.op('i64.ne', b.op('i64.shr_u', q, b.i64(32)), b.i64(0)));
  quotient(c, 4, b.op('i32.wrap_i64', q), b.op('i32.wrap_i64', r));
}

function liftIdiv(c: Lift): void {
  const b = c.b, size = c.opSize(0), src = c.read(0);
  if (size === 8) return divideSigned128(c, src);
  trapIf(c, b.op('i32.eqz', src));
  if (size <= 2) {
    // in 64 bits, so that -2^31 / -1 does not overflow
    const n = b.op('i64.extend_i32_s', dividend(c, size, true)), d = b.op('i64.extend_i32_s', c.signExtend(size, src));
    const q = b.op('i64.div_s', n, d), r = b.op('i64.rem_s', n, d);
    trapIf(c, b.op('i64.ne', b.op(size === 1 ? 'i64.extend8_s' : 'i64.extend16_s', q), q));
    return quotient(c, size, b.op('i32.wrap_i64', q), b.op('i32.wrap_i64', r));
  }
  const n = dividend(c, 4, true), d = b.op('i64.extend_i32_s', src);
  // INT64_MIN / -1 would trap in WebAssembly
  trapIf(c, b.op('i32.and', b.op('i64.eq', n, b.i64(0, -0x80000000)), b.op('i64.eq', d, b.i64(-1))));
  const q = b.op('i64.div_s', n, d), r = b.op('i64.rem_s', n, d);
  trapIf(c, b.op('i64.ne', b.op('i64.extend32_s', q), q));
  quotient(c, 4, b.op('i32.wrap_i64', q), b.op('i32.wrap_i64', r));
}

/** cbw cwde cdqe */
function liftCbw(c: Lift): void {
  const b = c.b;
  if (c.size === 2) c.setGpr(0, 2, b.op('i32.extend8_s', c.gpr(0, 1)));
  else if (c.size === 4) c.setGpr(0, 4, b.op('i32.extend16_s', c.gpr(0, 2)));
  else c.setGpr(0, 8, b.op('i64.extend32_s', c.gpr(0, 8)));
}

/** cwd cdq cqo */
function liftCwd(c: Lift): void {
  const b = c.b;
  if (c.size === 2) c.setGpr(2, 2, b.op('i32.shr_s', b.op('i32.extend16_s', c.gpr(0, 2)), b.i32(15)));
  else if (c.size === 4) c.setGpr(2, 4, b.op('i32.shr_s', c.gpr(0, 4), b.i32(31)));
  else c.setGpr(2, 8, b.op('i64.shr_s', c.gpr(0, 8), b.i64(63)));
}

export const aluLifters = {
  add: liftAdd, adc: liftAdc, sub: liftSub, sbb: liftSbb, and: logic('and'), or: logic('or'), xor: logic('xor'),
  cmp: liftCmp, test: liftTest, inc: liftInc, dec: liftDec, neg: liftNeg, not: liftNot,
  mul: liftMul, imul: liftImul, div: liftDiv, idiv: liftIdiv, cbw: liftCbw, cwd: liftCwd,
} satisfies Record<string, Lifter>;
