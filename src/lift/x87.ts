// x87 arithmetic, moves and comparisons. The work is done in src/helpers/assembly/x87*.ts, exactly in 80 bits.

import type { Value, Width } from '../ir/builder.ts';
import { Cpu } from '../machine/cpuState.ts';
import type { Lift, Lifter } from './context.ts';
import { changeSign, exchange, loadRegister, storeRegister } from './x87Stack.ts';
import { linearOffset, notePointers, useHelpers, waitForX87 } from './x87Common.ts';

useHelpers(
  'x87AddReg', 'x87AddF32', 'x87AddF64', 'x87MulReg', 'x87MulF32', 'x87MulF64', 'x87SubReg', 'x87SubF32', 'x87SubF64', 'x87SubrReg', 'x87SubrF32', 'x87SubrF64',
  'x87DivReg', 'x87DivF32', 'x87DivF64', 'x87DivrReg', 'x87DivrF32', 'x87DivrF64', 'x87ArithInt', 'x87CompareReg', 'x87CompareF32', 'x87CompareF64', 'x87CompareInt', 'x87CompareFlags', 'x87Examine',
  'x87LoadF32', 'x87LoadF64', 'x87LoadF80', 'x87LoadInt', 'x87LoadBcd', 'x87LoadReg', 'x87LoadConstant', 'x87StoreF32', 'x87StoreF64', 'x87StoreF80', 'x87StoreInt', 'x87StoreBcd',
  'x87StoreReg', 'x87Exchange', 'x87ConditionalMove', 'x87Sign', 'x87Free', 'x87Turn', 'x87SquareRoot', 'x87RoundInt', 'x87Scale', 'x87Extract', 'x87Remainder',
  'x87Sine', 'x87SineCosine', 'x87Tangent', 'x87Arctangent', 'x87Exp2Minus1', 'x87YLog2X', 'x87YLog2XPlus1',
);

/** The memory operand of `size` bytes as the helpers take it: i32 for 4, sign-extended i32 for 2, i64 for 8. */
function loadOperand(c: Lift, k: number): { addr: Value; value: Value } {
  const size = c.opSize(k), addr = c.addr(k);
  const v = c.b.load(size as Width, addr);
  return { addr, value: size === 2 ? c.b.op('i32.extend16_s', v) : v };
}

/** fadd and the like, in registers (helper x87AddReg) or with memory (x87AddF32, x87AddF64). */
function liftArith(op: 'Add' | 'Mul' | 'Sub' | 'Subr' | 'Div' | 'Divr', pops = 0): Lifter {
  return (c) => {
    const b = c.b;
    waitForX87(c);
    if (c.isMem(1)) {
      const { addr, value } = loadOperand(c, 1);
      notePointers(c, addr);
      c.callHelper(`x87${op}${c.opSize(1) === 4 ? 'F32' : 'F64'}`, value);
    } else {
      notePointers(c);
      c.callHelper(`x87${op}Reg`, c.number(0), c.number(1), b.i32(pops));
    }
  };
}
/** fiadd and the like: op is the reg field of opcode DA. */
function liftArithInt(op: number): Lifter {
  return (c) => {
    waitForX87(c);
    const { addr, value } = loadOperand(c, 1);
    notePointers(c, addr);
    c.callHelper('x87ArithInt', c.b.i32(op), value);
  };
}

/** fcom fcomp fucom fucomp: operand 1 is ST(i) or memory. */
function liftCompare(pops: number, quiet: boolean): Lifter {
  return (c) => {
    const b = c.b;
    waitForX87(c);
    if (c.isMem(1)) {
      const { addr, value } = loadOperand(c, 1);
      notePointers(c, addr);
      c.callHelper(c.opSize(1) === 4 ? 'x87CompareF32' : 'x87CompareF64', value, b.i32(pops));
    } else {
      notePointers(c);
      c.callHelper('x87CompareReg', c.number(1), b.i32(pops), b.i32(quiet ? 1 : 0));
    }
  };
}
/** fcompp, fucompp. */
function liftCompareTwice(quiet: boolean): Lifter {
  return plain((c) => c.callHelper('x87CompareReg', c.b.i32(1), c.b.i32(2), c.b.i32(quiet ? 1 : 0)));
}
function liftCompareInt(pops: number): Lifter {
  return (c) => {
    waitForX87(c);
    const { addr, value } = loadOperand(c, 1);
    notePointers(c, addr);
    c.callHelper('x87CompareInt', value, c.b.i32(pops));
  };
}
/** fcomi fcomip fucomi fucomip: ZF PF CF; OF SF AF become 0. */
function liftCompareFlags(pops: number, quiet: boolean): Lifter {
  return plain((c) => c.putStatusFlags(c.callHelper('x87CompareFlags', c.number(1), c.b.i32(pops), c.b.i32(quiet ? 1 : 0))));
}

function liftLoad(c: Lift): void {
  const b = c.b;
  waitForX87(c);
  if (!c.isMem(0)) {
    notePointers(c);
    loadRegister(c, c.number(0));
    return;
  }
  const size = c.opSize(0), addr = c.addr(0);
  if (size === 10) {
    const { low, high } = loadTen(c, addr);
    notePointers(c, addr);
    c.callHelper('x87LoadF80', low, high);
    return;
  }
  const v = b.load(size as Width, addr);
  notePointers(c, addr);
  c.callHelper(size === 4 ? 'x87LoadF32' : 'x87LoadF64', v);
}
/** Ten bytes at addr: the low eight (i64) and the high two (i32). */
function loadTen(c: Lift, addr: Value): { low: Value; high: Value } {
  c.checkRead(addr, 10);
  const low = c.b.load(8, addr);
  return { low, high: c.b.load(2, c.offset(addr, 8)) };
}
function liftLoadInt(c: Lift): void {
  waitForX87(c);
  const { addr, value } = loadOperand(c, 0);
  notePointers(c, addr);
  c.callHelper('x87LoadInt', c.opSize(0) === 8 ? value : c.b.op('i64.extend_i32_s', value));
}
function liftLoadBcd(c: Lift): void {
  waitForX87(c);
  const addr = c.addr(0), { low, high } = loadTen(c, addr);
  notePointers(c, addr);
  c.callHelper('x87LoadBcd', low, high);
}
function liftConstant(k: number): Lifter {
  return plain((c) => c.callHelper('x87LoadConstant', c.b.i32(k)));
}

/** The checked linear offset of memory operand 0 that a helper is to write. */
function target(c: Lift): Value {
  waitForX87(c);
  const addr = c.addr(0);
  c.checkWrite(addr, c.opSize(0));
  notePointers(c, addr);
  return linearOffset(c, addr);
}
/** fst, fstp. */
function liftStore(pops: number): Lifter {
  return (c) => {
    const b = c.b;
    if (!c.isMem(0)) {
      waitForX87(c);
      notePointers(c);
      storeRegister(c, c.number(0), pops);
      return;
    }
    const at = target(c), size = c.opSize(0);
    if (size === 10) c.callHelper('x87StoreF80', at);
    else c.callHelper(size === 4 ? 'x87StoreF32' : 'x87StoreF64', at, b.i32(pops));
  };
}
/** fstpnce: fstp, but an empty ST(0) is only popped, without a stack fault. */
function liftStoreNoUnderflow(c: Lift): void {
  const b = c.b;
  waitForX87(c);
  notePointers(c);
  b.if(b.getAt(1, b.get(4, Cpu.x87Top), Cpu.x87Tag), () => void c.callHelper('x87Turn', b.i32(1)), () => void c.callHelper('x87StoreReg', c.number(0), b.i32(1)));
}
/** fist (0), fistp (1), fisttp (3). */
function liftStoreInt(how: number): Lifter {
  return (c) => {
    const at = target(c);
    c.callHelper('x87StoreInt', at, c.b.i32(c.opSize(0)), c.b.i32(how));
  };
}
function liftStoreBcd(c: Lift): void {
  c.callHelper('x87StoreBcd', target(c));
}

/** An instruction on the stack alone. */
function plain(body: (c: Lift) => unknown): Lifter {
  return (c) => {
    waitForX87(c);
    notePointers(c);
    body(c);
  };
}
function liftConditionalMove(cc: number): Lifter {
  return plain((c) => c.callHelper('x87ConditionalMove', c.number(1), c.cond(cc)));
}

export const x87Lifters = {
  fadd: liftArith('Add'), fmul: liftArith('Mul'), fsub: liftArith('Sub'), fsubr: liftArith('Subr'), fdiv: liftArith('Div'), fdivr: liftArith('Divr'),
  faddp: liftArith('Add', 1), fmulp: liftArith('Mul', 1), fsubp: liftArith('Sub', 1), fsubrp: liftArith('Subr', 1), fdivp: liftArith('Div', 1), fdivrp: liftArith('Divr', 1),
  fiadd: liftArithInt(0), fimul: liftArithInt(1), fisub: liftArithInt(4), fisubr: liftArithInt(5), fidiv: liftArithInt(6), fidivr: liftArithInt(7),
  fcom: liftCompare(0, false), fcomp: liftCompare(1, false), fcompp: liftCompareTwice(false),
  fucom: liftCompare(0, true), fucomp: liftCompare(1, true), fucompp: liftCompareTwice(true),
  ficom: liftCompareInt(0), ficomp: liftCompareInt(1),
  fcomi: liftCompareFlags(0, false), fcomip: liftCompareFlags(1, false), fucomi: liftCompareFlags(0, true), fucomip: liftCompareFlags(1, true),
  ftst: plain((c) => c.callHelper('x87CompareInt', c.b.i32(0), c.b.i32(0))), fxam: plain((c) => c.callHelper('x87Examine')),
  fld: liftLoad, fild: liftLoadInt, fbld: liftLoadBcd,
  fld1: liftConstant(0), fldl2t: liftConstant(1), fldl2e: liftConstant(2), fldpi: liftConstant(3), fldlg2: liftConstant(4), fldln2: liftConstant(5), fldz: liftConstant(6),
  fst: liftStore(0), fstp: liftStore(1), fstpnce: liftStoreNoUnderflow, fist: liftStoreInt(0), fistp: liftStoreInt(1), fisttp: liftStoreInt(3), fbstp: liftStoreBcd,
  fxch: plain((c) => exchange(c, c.number(0))),
  fcmovb: liftConditionalMove(2), fcmovnb: liftConditionalMove(3), fcmove: liftConditionalMove(4), fcmovne: liftConditionalMove(5),
  fcmovbe: liftConditionalMove(6), fcmovnbe: liftConditionalMove(7), fcmovu: liftConditionalMove(10), fcmovnu: liftConditionalMove(11),
  fchs: plain((c) => changeSign(c, (se) => c.b.op('i32.xor', se, c.b.i32(0x8000)), 0)),
  fabs: plain((c) => changeSign(c, (se) => c.b.op('i32.and', se, c.b.i32(0x7fff)), 1)),
  ffree: plain((c) => c.callHelper('x87Free', c.number(0), c.b.i32(0))), ffreep: plain((c) => c.callHelper('x87Free', c.number(0), c.b.i32(1))),
  fincstp: plain((c) => c.callHelper('x87Turn', c.b.i32(1))), fdecstp: plain((c) => c.callHelper('x87Turn', c.b.i32(-1))),
  fnop: plain(() => undefined),
  fsqrt: plain((c) => c.callHelper('x87SquareRoot')), frndint: plain((c) => c.callHelper('x87RoundInt')), fscale: plain((c) => c.callHelper('x87Scale')),
  fxtract: plain((c) => c.callHelper('x87Extract')), fprem: plain((c) => c.callHelper('x87Remainder', c.b.i32(0))), fprem1: plain((c) => c.callHelper('x87Remainder', c.b.i32(1))),
  fsin: plain((c) => c.callHelper('x87Sine', c.b.i32(0))), fcos: plain((c) => c.callHelper('x87Sine', c.b.i32(1))), fsincos: plain((c) => c.callHelper('x87SineCosine')),
  fptan: plain((c) => c.callHelper('x87Tangent')), fpatan: plain((c) => c.callHelper('x87Arctangent')), f2xm1: plain((c) => c.callHelper('x87Exp2Minus1')),
  fyl2x: plain((c) => c.callHelper('x87YLog2X')), fyl2xp1: plain((c) => c.callHelper('x87YLog2XPlus1')),
} satisfies Record<string, Lifter>;
