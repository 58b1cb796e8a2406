// The x87 control word, status word and state images. fn... forms do not wait for pending exceptions.

import { Cpu, Gpr } from '../machine/cpuState.ts';
import { Vector } from '../machine/exit.ts';
import type { Value } from '../ir/builder.ts';
import type { Lift, Lifter } from './context.ts';
import { linearOffset, useHelpers, waitForX87 } from './x87Common.ts';

useHelpers(
  'x87Init', 'x87ClearExceptions', 'x87LoadControl', 'x87StatusWord', 'x87SaveEnv', 'x87LoadEnv', 'x87Save', 'x87Restore', 'x87FxSave', 'x87FxRestore', 'xsave', 'xrstor',
);

function liftFldcw(c: Lift): void {
  waitForX87(c);
  c.callHelper('x87LoadControl', c.read(0));
}
function liftFnstcw(c: Lift): void {
  c.write(0, c.b.get(4, Cpu.x87Control));
}
function liftFnstsw(c: Lift): void {
  c.write(0, c.callHelper('x87StatusWord'));
}

/** Images with a narrow form: fnstenv fldenv fnsave frstor with a 16-bit operand size. */
function liftSaveImage(helper: 'x87SaveEnv' | 'x87Save'): Lifter {
  return (c) => {
    const addr = c.addr(0);
    c.checkWrite(addr, c.opSize(0));
    c.callHelper(helper, linearOffset(c, addr), c.b.i32(c.size === 2 ? 1 : 0));
  };
}
function liftLoadImage(helper: 'x87LoadEnv' | 'x87Restore'): Lifter {
  return (c) => {
    waitForX87(c);
    const addr = c.addr(0);
    c.checkRead(addr, c.opSize(0));
    c.callHelper(helper, linearOffset(c, addr), c.b.i32(c.size === 2 ? 1 : 0));
  };
}

/** fxsave and fxrstor demand 16-byte alignment, xsave and xrstor 64. */
function alignedAddress(c: Lift, alignment = 16): Value {
  const b = c.b, addr = c.addr(0);
  b.if(b.op('i32.and', c.toI32(addr), b.i32(alignment - 1)), () => c.trap(Vector.GP));
  return addr;
}
function liftFxsave(c: Lift): void {
  const b = c.b, addr = alignedAddress(c);
  c.checkWrite(addr, 512);
  c.callHelper('x87FxSave', linearOffset(c, addr), b.i32(c.i.w), b.i32(c.mode64 ? 16 : 8));
}
function liftFxrstor(c: Lift): void {
  const b = c.b, addr = alignedAddress(c);
  c.checkRead(addr, 512);
  const done = c.callHelper('x87FxRestore', linearOffset(c, addr), b.i32(c.i.w), b.i32(c.mode64 ? 16 : 8));
  b.if(b.op('i32.eqz', done), () => c.trap(Vector.GP));
}

/** Legacy area and header, standard format. The components wanted are in edx:eax; XCR0 has only low ones. */
const XSAVE_BYTES = 576;
function liftXsave(c: Lift): void {
  const b = c.b, addr = alignedAddress(c, 64);
  c.checkWrite(addr, XSAVE_BYTES);
  c.callHelper('xsave', linearOffset(c, addr), b.i32((c.mode64 ? 16 : 8) | (c.i.w << 8)), c.gpr(Gpr.rax, 4));
}
function liftXrstor(c: Lift): void {
  const b = c.b, addr = alignedAddress(c, 64);
  c.checkRead(addr, XSAVE_BYTES);
  const done = c.callHelper('xrstor', linearOffset(c, addr), b.i32((c.mode64 ? 16 : 8) | (c.i.w << 8)), c.gpr(Gpr.rax, 4));
  b.if(b.op('i32.eqz', done), () => c.trap(Vector.GP));
}

export const x87ControlLifters = {
  fninit: (c) => void c.callHelper('x87Init'), fnclex: (c) => void c.callHelper('x87ClearExceptions'), fwait: waitForX87,
  fldcw: liftFldcw, fnstcw: liftFnstcw, fnstsw: liftFnstsw,
  fnstenv: liftSaveImage('x87SaveEnv'), fnsave: liftSaveImage('x87Save'), fldenv: liftLoadImage('x87LoadEnv'), frstor: liftLoadImage('x87Restore'),
  fxsave: liftFxsave, fxrstor: liftFxrstor, xsave: liftXsave, xrstor: liftXrstor,
} satisfies Record<string, Lifter>;
