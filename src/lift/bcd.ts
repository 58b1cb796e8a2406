/**
 * Decimal adjustment (Intel SDM vol. 2); 32-bit mode only. The flags that the manual leaves undefined are those of the one addition or
 * subtraction that adjusts, as AMD's processors have them.
 */
import type { Value } from '../ir/builder.ts';
import { Eflags, Gpr } from '../machine/cpuState.ts';
import { Vector } from '../machine/exit.ts';
import type { Lift, Lifter } from './context.ts';

/** SF, ZF and PF of a byte in their EFLAGS positions. */
function byteFlags(c: Lift, v: Value): Value {
  const b = c.b, low = b.var('i32', b.op('i32.and', v, b.i32(0xff)));
  const zf = b.op('i32.shl', b.op('i32.eqz', b.getVar(low)), b.i32(6));
  const sf = b.op('i32.and', b.getVar(low), b.i32(Eflags.SF));
  const even = b.op('i32.xor', b.op('i32.and', b.op('i32.popcnt', b.getVar(low)), b.i32(1)), b.i32(1));
  return b.op('i32.or', b.op('i32.or', zf, sf), b.op('i32.shl', even, b.i32(2)));
}

/** The flags of `old` plus or minus `by`, but AF and CF as they are given. */
function status(c: Lift, op: 'i32.add' | 'i32.sub', size: number, result: Value, by: Value, af: Value, cf: Value): void {
  const b = c.b;
  c.setFlags(op === 'i32.add' ? 'add' : 'sub', size, result, by);
  const others = b.op('i32.and', c.statusFlags(), b.i32(~(Eflags.AF | Eflags.CF)));
  c.putStatusFlags(b.op('i32.or', others, b.op('i32.or', b.op('i32.shl', af, b.i32(4)), cf)));
}

function decimalAdjust(op: 'i32.add' | 'i32.sub'): Lifter {
  return (c) => {
    const b = c.b, old = b.var('i32', c.gpr(Gpr.rax, 1)), oldCf = b.var('i32', c.flag('CF')), cf = b.var('i32', b.i32(0));
    const lowOver = b.op('i32.gt_u', b.op('i32.and', b.getVar(old), b.i32(15)), b.i32(9));
    const af = b.var('i32', b.op('i32.or', c.flag('AF'), lowOver)), by = b.var('i32', b.i32(0));
    b.if(b.getVar(af), () => {
      b.setVar(by, b.i32(6));
      // carry or borrow out of the byte
      b.setVar(cf, b.op('i32.or', b.getVar(oldCf), b.op('i32.gt_u', b.op(op, b.getVar(old), b.i32(6)), b.i32(0xff))));
    });
    const high = b.op('i32.or', b.op('i32.gt_u', b.getVar(old), b.i32(0x99)), b.getVar(oldCf));
    b.if(high, () => {
      b.setVar(by, b.op('i32.add', b.getVar(by), b.i32(0x60)));
      b.setVar(cf, b.i32(1));
    });
    const al = b.var('i32', b.op('i32.and', b.op(op, b.getVar(old), b.getVar(by)), b.i32(0xff)));
    c.setGpr(Gpr.rax, 1, b.getVar(al));
    status(c, op, 1, b.getVar(al), b.getVar(by), b.getVar(af), b.getVar(cf));
  };
}

/** aaa, aas: AX plus or minus 0x106, of which the digit stays. */
function asciiAdjust(op: 'i32.add' | 'i32.sub'): Lifter {
  return (c) => {
    const b = c.b, ax = b.var('i32', c.gpr(Gpr.rax, 2));
    const adjust = b.var('i32', b.op('i32.or', c.flag('AF'), b.op('i32.gt_u', b.op('i32.and', b.getVar(ax), b.i32(15)), b.i32(9))));
    const by = b.var('i32', b.op('i32.mul', b.getVar(adjust), b.i32(0x106)));
    const sum = b.var('i32', b.op('i32.and', b.op(op, b.getVar(ax), b.getVar(by)), b.i32(0xffff)));
    c.setGpr(Gpr.rax, 2, b.op('i32.and', b.getVar(sum), b.i32(0xff0f)));
    status(c, op, 2, b.getVar(sum), b.getVar(by), b.getVar(adjust), b.getVar(adjust));
  };
}

function liftAam(c: Lift): void {
  const b = c.b, base = b.var('i32', b.op('i32.and', c.imm(0), b.i32(0xff)));
  b.if(b.op('i32.eqz', b.getVar(base)), () => c.trap(Vector.DE));
  const al = b.var('i32', c.gpr(Gpr.rax, 1)), low = b.var('i32', b.op('i32.rem_u', b.getVar(al), b.getVar(base)));
  const high = b.op('i32.div_u', b.getVar(al), b.getVar(base));
  c.setGpr(Gpr.rax, 2, b.op('i32.or', b.op('i32.shl', high, b.i32(8)), b.getVar(low)));
  c.putStatusFlags(byteFlags(c, b.getVar(low)));
}

function liftAad(c: Lift): void {
  const b = c.b, ax = b.var('i32', c.gpr(Gpr.rax, 2));
  const high = b.op('i32.mul', b.op('i32.shr_u', b.getVar(ax), b.i32(8)), c.imm(0));
  const al = b.var('i32', b.op('i32.and', b.op('i32.add', b.getVar(ax), high), b.i32(0xff)));
  c.setGpr(Gpr.rax, 2, b.getVar(al));
  c.setFlags('add', 1, b.getVar(al), b.op('i32.and', b.getVar(ax), b.i32(0xff)));
}

export const bcdLifters = {
  daa: decimalAdjust('i32.add'), das: decimalAdjust('i32.sub'), aaa: asciiAdjust('i32.add'), aas: asciiAdjust('i32.sub'), aam: liftAam, aad: liftAad,
} satisfies Record<string, Lifter>;
