/** BMI1 and BMI2 on general registers (VEX-encoded). tzcnt is with the bit scans. */
import type { Value } from '../ir/builder.ts';
import type { Lift, Lifter } from './context.ts';
import { mulHighUnsigned } from './wide.ts';

function liftAndn(c: Lift): void {
  const size = c.opSize(0);
  const value = c.int(size, 'and', c.int(size, 'xor', c.read(1), c.constant(size, -1)), c.read(2));
  c.write(0, value);
  c.setFlags('logic', size, value);
}

/** blsr and blsmsk: CF = source is zero. */
function lowestBit(name: 'and' | 'xor'): Lifter {
  return (c) => {
    const size = c.opSize(0), src = c.read(1);
    const value = c.int(size, name, c.int(size, 'sub', src, c.constant(size, 1)), src);
    c.write(0, value);
    c.setFlags('bmi', size, value, src);
  };
}

/** CF = source is not zero: the flag kind says CF = (second operand is zero). */
function liftBlsi(c: Lift): void {
  const size = c.opSize(0), src = c.read(1);
  const value = c.int(size, 'and', c.int(size, 'sub', c.constant(size, 0), src), src);
  const isZero = c.b.op(size === 8 ? 'i64.eqz' : 'i32.eqz', src);
  c.write(0, value);
  c.setFlags('bmi', size, value, c.extendU(4, size, isZero));
}

/** (1 << count) - 1; all ones when count (i32, 0..255) is the width or more. */
function lowMask(c: Lift, size: number, count: Value): Value {
  const wide = c.extendU(4, size, count);
  const mask = c.int(size, 'sub', c.int(size, 'shl', c.constant(size, 1), wide), c.constant(size, 1));
  return c.b.op(`${c.type(size)}.select`, mask, c.constant(size, -1), c.b.op('i32.lt_u', count, c.b.i32(8 * size)));
}

function liftBextr(c: Lift): void {
  const b = c.b, size = c.opSize(0), src = c.read(1), control = c.toI32(c.read(2));
  const start = b.op('i32.and', control, b.i32(0xff)), length = b.op('i32.and', b.op('i32.shr_u', control, b.i32(8)), b.i32(0xff));
  const shifted = c.int(size, 'shr_u', src, c.extendU(4, size, start));
  const inside = b.op(`${c.type(size)}.select`, shifted, c.constant(size, 0), b.op('i32.lt_u', start, b.i32(8 * size)));
  const value = c.int(size, 'and', inside, lowMask(c, size, length));
  c.write(0, value);
  c.setFlags('logic', size, value);
}

function liftBzhi(c: Lift): void {
  const b = c.b, size = c.opSize(0), count = b.op('i32.and', c.toI32(c.read(2)), b.i32(0xff));
  const value = c.int(size, 'and', c.read(1), lowMask(c, size, count));
  const carryClear = b.op('i32.lt_u', count, b.i32(8 * size));
  c.write(0, value);
  c.setFlags('bmi', size, value, c.extendU(4, size, carryClear));
}

/** The high half goes to the first operand, which wins when both are the same register. */
function liftMulx(c: Lift): void {
  const b = c.b, size = c.opSize(0), src = c.read(2);
  if (size === 4) {
    const product = b.op('i64.mul', b.op('i64.extend_i32_u', c.gpr(2, 4)), b.op('i64.extend_i32_u', src));
    c.write(1, b.op('i32.wrap_i64', product));
    c.write(0, b.op('i32.wrap_i64', b.op('i64.shr_u', product, b.i64(32))));
    return;
  }
  const a = c.gpr(2, 8), low = b.op('i64.mul', a, src), high = mulHighUnsigned(b, a, src);
  c.write(1, low);
  c.write(0, high);
}

/** Walks the set bits of the mask (operand 2) from the lowest, `bit` counting along from 1. */
function scatter(deposit: boolean): Lifter {
  return (c) => {
    const b = c.b, size = c.opSize(0), type = c.type(size), src = c.read(1);
    const mask = b.var(type, c.read(2)), bit = b.var(type, c.constant(size, 1)), value = b.var(type, c.constant(size, 0));
    b.loop((repeat) => {
      const m = b.getVar(mask), lowest = c.int(size, 'and', m, c.int(size, 'sub', c.constant(size, 0), m));
      const [from, to] = deposit ? [b.getVar(bit), lowest] : [lowest, b.getVar(bit)];
      const found = b.op(`${type}.ne`, c.int(size, 'and', src, from), c.constant(size, 0));
      b.setVar(value, c.int(size, 'or', b.getVar(value), b.op(`${type}.select`, to, c.constant(size, 0), found)));
      b.setVar(bit, c.int(size, 'shl', b.getVar(bit), c.constant(size, 1)));
      const rest = c.int(size, 'and', m, c.int(size, 'sub', m, c.constant(size, 1)));
      b.setVar(mask, rest);
      repeat(b.op(`${type}.ne`, rest, c.constant(size, 0)));
    });
    c.write(0, b.getVar(value));
  };
}

function liftRorx(c: Lift): void {
  const size = c.opSize(0);
  c.write(0, c.int(size, 'rotr', c.read(1), c.extendU(4, size, c.imm(2))));
}

/** The count is taken modulo the width, as WebAssembly does. */
function shift(name: 'shl' | 'shr_u' | 'shr_s'): Lifter {
  return (c) => {
    const size = c.opSize(0);
    c.write(0, c.int(size, name, c.read(1), c.read(2)));
  };
}

export const bmiLifters = {
  andn: liftAndn, blsr: lowestBit('and'), blsmsk: lowestBit('xor'), blsi: liftBlsi, bextr: liftBextr, bzhi: liftBzhi, mulx: liftMulx,
  pdep: scatter(true), pext: scatter(false), rorx: liftRorx, sarx: shift('shr_s'), shlx: shift('shl'), shrx: shift('shr_u'),
} satisfies Record<string, Lifter>;
