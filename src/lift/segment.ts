import type { Value, Width } from '../ir/builder.ts';
import { EngineExit } from '../machine/codeLayout.ts';
import { Cpu, Seg } from '../machine/cpuState.ts';
import { USER_DS } from '../machine/descriptors.ts';
import type { Lift, Lifter } from './context.ts';

/**
 * What is about segments other than the flat ones is done by the dispatcher (engine/segmented), which knows the descriptors.
 * Nothing has happened yet.
 */
export function leaveToSegments(c: Lift): void {
  c.b.opImm('leaveHere', EngineExit.segments);
}

/**
 * Loads segment register `number` (i32) with a selector: null and flat selectors here, others in the dispatcher. `before` runs
 * once the load is certain.
 */
export function loadSegment(c: Lift, number: Value, selector: Value, before?: () => void): void {
  const b = c.b, n = b.var('i32', number), s = b.var('i32', b.op('i32.and', selector, b.i32(0xffff)));
  const flat = b.op('i32.eq', b.getVar(s), b.i32(USER_DS));
  // 32-bit code cannot use a null es, ss or ds; ss must not be null
  const nullable = c.mode64 ? b.op('i32.ne', b.getVar(n), b.i32(Seg.ss)) : b.op('i32.ge_u', b.getVar(n), b.i32(Seg.fs));
  const isNull = b.op('i32.and', b.op('i32.lt_u', b.getVar(s), b.i32(4)), nullable);
  b.if(b.op('i32.eqz', b.op('i32.or', flat, isNull)), () => leaveToSegments(c));
  before?.();
  b.putAt(4, b.op('i32.shl', b.getVar(n), b.i32(2)), b.getVar(s), Cpu.segSelector);
  b.putAt(8, b.op('i32.shl', b.getVar(n), b.i32(3)), b.i64(0), Cpu.segBase);
}

/** lds les lfs lgs lss: offset, then selector, from memory. */
function farLoad(segment: number): Lifter {
  return (c) => {
    const size = c.size, addr = c.addr(1);
    c.checkRead(addr, size + 2);
    const offset = c.load(size as Width, addr), selector = c.load(2, c.offset(addr, size));
    loadSegment(c, c.b.i32(segment), selector, () => c.write(0, offset));
  };
}

function zeroFlagOnly(c: Lift, zf: Value): void {
  const b = c.b;
  c.putStatusFlags(b.op('i32.or', b.op('i32.and', c.statusFlags(), b.i32(~0x40)), b.op('i32.shl', zf, b.i32(6))));
}

/** str, smsw to a register take the operand size, to memory 16 bits. */
function systemWord(value: number): Lifter {
  return (c) => {
    const size = c.opSize(0);
    c.write(0, size === 8 ? c.b.i64(value | 0, 0) : c.constant(size, value | 0));
  };
}

/** sgdt, sidt: user-mode instruction prevention answers with dummy tables (Documentation/arch/x86, UMIP). */
function tableRegister(low: number, high: number): Lifter {
  return (c) => {
    const addr = c.addr(0);
    c.checkWrite(addr, c.mode64 ? 10 : 6);
    c.store(2, addr, c.b.i32(0));
    if (c.mode64) c.store(8, c.offset(addr, 2), c.b.i64(low, high));
    else c.store(4, c.offset(addr, 2), c.b.i32(low));
  };
}

/** adjusts the privilege level of a selector */
function liftArpl(c: Lift): void {
  const b = c.b, src = b.op('i32.and', c.read(1), b.i32(3));
  const less = (old: Value): Value => b.op('i32.lt_u', b.op('i32.and', old, b.i32(3)), src);
  const old = c.read(0), lower = less(old);
  if (c.isMem(0)) c.addr(0);
  b.if(lower, () => c.write(0, b.op('i32.or', b.op('i32.and', old, b.i32(0xfffc)), src)));
  zeroFlagOnly(c, lower);
}

export const segmentLifters = {
  les: farLoad(Seg.es), lds: farLoad(Seg.ds), lss: farLoad(Seg.ss), lfs: farLoad(Seg.fs), lgs: farLoad(Seg.gs),
  lar: leaveToSegments, lsl: leaveToSegments, verr: leaveToSegments, verw: leaveToSegments, sldt: leaveToSegments, str: systemWord(0x40), smsw: systemWord(0x80050033),
  sgdt: tableRegister(-0x20000, -1), sidt: tableRegister(-0x10000, -1), arpl: liftArpl,
} satisfies Record<string, Lifter>;
