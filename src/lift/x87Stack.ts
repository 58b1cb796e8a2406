// x87 instructions that only move or touch registers, in line while no stack fault is in sight; else by the helpers.

import type { Value } from '../ir/builder.ts';
import { Cpu } from '../machine/cpuState.ts';
import type { Lift } from './context.ts';

const C1 = 0x200;

/** Number of the physical register of ST(i), and where its 16 bytes lie from Cpu.x87Reg on. */
interface Slot { number: Value; offset: Value }

function slot(c: Lift, top: Value, i: Value): Slot {
  const b = c.b, number = b.op('i32.and', b.op('i32.add', top, i), b.i32(7));
  return { number, offset: b.op('i32.shl', number, b.i32(4)) };
}
function topSlot(c: Lift): Slot {
  const b = c.b, number = b.get(4, Cpu.x87Top);
  return { number, offset: b.op('i32.shl', number, b.i32(4)) };
}
/** 1 when the register is empty, 0 when not. */
function empty(c: Lift, s: Slot): Value { return c.b.getAt(1, s.number, Cpu.x87Tag); }
function clearC1(c: Lift): void {
  c.b.put(4, Cpu.x87Status, c.b.op('i32.and', c.b.get(4, Cpu.x87Status), c.b.i32(~C1)));
}
/** The 16 bytes of a register; the upper 6 are 0. */
function value(c: Lift, s: Slot): Value { return c.b.getAt(16, s.offset, Cpu.x87Reg); }
function setValue(c: Lift, s: Slot, v: Value): void { c.b.putAt(16, s.offset, v, Cpu.x87Reg); }
function popped(c: Lift, top: Slot): void {
  const b = c.b;
  b.putAt(1, top.number, b.i32(1), Cpu.x87Tag);
  b.put(4, Cpu.x87Top, b.op('i32.and', b.op('i32.add', top.number, b.i32(1)), b.i32(7)));
}

/** fxch. */
export function exchange(c: Lift, i: Value): void {
  const b = c.b, x = topSlot(c), y = slot(c, x.number, i);
  b.if(b.op('i32.or', empty(c, x), empty(c, y)), () => void c.callHelper('x87Exchange', i), () => {
    const old = value(c, x);
    setValue(c, x, value(c, y));
    setValue(c, y, old);
    clearC1(c);
  });
}

/** fst, fstp to a register. */
export function storeRegister(c: Lift, i: Value, pops: number): void {
  const b = c.b, x = topSlot(c), y = slot(c, x.number, i);
  b.if(empty(c, x), () => void c.callHelper('x87StoreReg', i, b.i32(pops)), () => {
    setValue(c, y, value(c, x));
    b.putAt(1, y.number, b.i32(0), Cpu.x87Tag);
    if (pops > 0) popped(c, x);
    clearC1(c);
  });
}

/** fld st(i). */
export function loadRegister(c: Lift, i: Value): void {
  const b = c.b, top = b.get(4, Cpu.x87Top), x = slot(c, top, b.i32(-1)), y = slot(c, top, i);
  // The register above the top must be free, the source not.
  b.if(b.op('i32.lt_u', empty(c, y), empty(c, x)), () => {
    setValue(c, x, value(c, y));
    b.putAt(1, x.number, b.i32(0), Cpu.x87Tag);
    b.put(4, Cpu.x87Top, x.number);
    clearC1(c);
  }, () => void c.callHelper('x87LoadReg', i));
}

/** fchs and fabs: `change` makes the new sign and exponent of the old. */
export function changeSign(c: Lift, change: (signAndExponent: Value) => Value, absolute: number): void {
  const b = c.b, x = topSlot(c);
  b.if(empty(c, x), () => void c.callHelper('x87Sign', b.i32(absolute)), () => {
    b.putAt(2, x.offset, change(b.getAt(2, x.offset, Cpu.x87Reg + 8)), Cpu.x87Reg + 8);
    clearC1(c);
  });
}
