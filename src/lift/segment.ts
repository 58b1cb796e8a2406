import type { Value, Width } from '../ir/builder.ts';
import { Cpu, Seg } from '../machine/cpuState.ts';
import { Exit, Vector } from '../machine/exit.ts';
import type { Lift, Lifter } from './context.ts';

/** Linux's flat user data segment, in both modes; and its code segments, which may be read through too. */
export const USER_DS = 0x2b;
const USER_CS32 = 0x23;
const USER_CS64 = 0x33;

/**
 * Loads segment register `number` (i32) with a selector. Null and flat selectors are done here, others by the kernel, which knows
 * the descriptors. The instruction ends in a branch when it goes to the kernel, so this comes last. `before` runs on every path
 * once the load can no longer be refused here; `popped` is what it adds to the stack pointer, for the kernel to undo.
 */
export function loadSegment(c: Lift, number: Value, selector: Value, before?: () => void, popped = 0): void {
  const b = c.b, n = b.var('i32', number), s = b.var('i32', b.op('i32.and', selector, b.i32(0xffff)));
  const stack = b.op('i32.eq', b.getVar(n), b.i32(Seg.ss));
  const is = (number: number): Value => b.op('i32.eq', b.op('i32.or', b.getVar(s), b.i32(3)), b.i32(number));
  // ss wants exactly the data segment with privilege level 3
  const readable = b.op('i32.or', b.op('i32.or', is(USER_DS), is(USER_CS32)), is(USER_CS64));
  const flat = b.select(stack, b.op('i32.eq', b.getVar(s), b.i32(USER_DS)), readable);
  const isNull = b.op('i32.lt_u', b.getVar(s), b.i32(4));
  b.if(b.op('i32.and', isNull, stack), () => c.trap(Vector.GP));
  // left: local descriptors and the three for thread-local storage
  const tls = b.op('i32.lt_u', b.op('i32.sub', b.op('i32.shr_u', b.getVar(s), b.i32(3)), b.i32(12)), b.i32(3));
  const possible = b.op('i32.or', b.op('i32.or', flat, isNull), b.op('i32.or', tls, b.op('i32.and', b.getVar(s), b.i32(4))));
  b.if(b.op('i32.eqz', possible), () => c.trap(Vector.GP));
  before?.();
  b.if(b.op('i32.or', flat, isNull), () => {
    b.putAt(4, b.op('i32.shl', b.getVar(n), b.i32(2)), b.getVar(s), Cpu.segSelector);
    b.putAt(8, b.op('i32.shl', b.getVar(n), b.i32(3)), b.i64(0), Cpu.segBase);
    c.next();
  });
  const length = c.toI32(c.int(c.wordSize, 'sub', c.nextIp(), c.thisIp()));
  const code = b.op('i32.or', b.getVar(n), b.op('i32.shl', length, b.i32(8)));
  b.put(4, Cpu.exitCode, b.op('i32.or', code, b.i32(popped << 16)));
  b.put(8, Cpu.exitAddr, b.op('i64.extend_i32_u', b.getVar(s)));
  c.exit(Exit.loadSegment);
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

/** What lar and lsl tell of the selectors Linux has; others are unknown (ZF = 0). */
function describe(c: Lift, cs64: number, code: number, data: number): void {
  const b = c.b, selector = b.op('i32.or', b.op('i32.and', c.toI32(c.read(1)), b.i32(0xffff)), b.i32(3)), size = c.opSize(0);
  const known = b.var('i32', b.i32(0)), value = b.var('i32');
  for (const [number, bits] of [[USER_CS64, cs64], [USER_CS32, code], [USER_DS, data]] as const) {
    b.if(b.op('i32.eq', selector, b.i32(number)), () => {
      b.setVar(known, b.i32(1));
      b.setVar(value, b.i32(bits));
    });
  }
  b.if(b.getVar(known), () => c.write(0, c.extendU(4, size, b.getVar(value))));
  zeroFlagOnly(c, b.getVar(known));
}

function zeroFlagOnly(c: Lift, zf: Value): void {
  const b = c.b;
  c.putStatusFlags(b.op('i32.or', b.op('i32.and', c.statusFlags(), b.i32(~0x40)), b.op('i32.shl', zf, b.i32(6))));
}

function verify(write: boolean): Lifter {
  return (c) => {
    const b = c.b, selector = b.op('i32.or', b.op('i32.and', c.toI32(c.read(0)), b.i32(0xffff)), b.i32(3));
    const data = b.op('i32.eq', selector, b.i32(USER_DS));
    const code = b.op('i32.or', b.op('i32.eq', selector, b.i32(USER_CS64)), b.op('i32.eq', selector, b.i32(USER_CS32)));
    zeroFlagOnly(c, write ? data : b.op('i32.or', data, code));
  };
}

/** sldt, str, smsw to a register take the operand size, to memory 16 bits. */
function systemWord(value: number): Lifter {
  return (c) => {
    const size = c.opSize(0);
    c.write(0, c.constant(size, value));
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
  lar: (c) => describe(c, 0xaffb00, 0xcffb00, 0xcff300), lsl: (c) => describe(c, -1, -1, -1),
  verr: verify(false), verw: verify(true), sldt: systemWord(0), str: systemWord(0x40), smsw: systemWord(0x80050033 | 0),
  sgdt: tableRegister(-0x1ff0000, -1), sidt: tableRegister(-0x2000000, -1), arpl: liftArpl,
} satisfies Record<string, Lifter>;
