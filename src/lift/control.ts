import type { Value } from '../ir/builder.ts';
import { Cpu, Eflags, Gpr, Seg } from '../machine/cpuState.ts';
import { Exit, Vector } from '../machine/exit.ts';
import { Kind } from '../isa/instruction.ts';
import type { Lift, Lifter } from './context.ts';
import { leaveToSegments } from './segment.ts';

/** A code address of the instruction's operand size as a linear one. */
function codeAddress(c: Lift, v: Value): Value {
  if (!c.mode64) return c.size === 2 ? c.clean(2, v) : v;
  return c.b.typeOf(v) === 2 ? v : c.b.op('i64.extend_i32_u', v);
}

/** The return address in the operand size. */
function returnAddress(c: Lift): Value {
  const ip = c.nextIp();
  return c.size === 8 ? ip : c.size === 2 ? c.clean(2, c.toI32(ip)) : c.toI32(ip);
}

function liftJmp(c: Lift): void {
  if (c.kind(0) === Kind.rel) return c.jump();
  c.jumpTo(codeAddress(c, c.read(0)));
}

function liftCall(c: Lift): void {
  if (c.kind(0) === Kind.rel) {
    c.push(c.size, returnAddress(c));
    return c.call();
  }
  const target = c.b.var(c.wordType, codeAddress(c, c.read(0)));
  c.push(c.size, returnAddress(c));
  c.callTo(c.b.getVar(target));
}

function liftRet(c: Lift): void {
  const size = c.size, target = c.b.var(c.wordType, codeAddress(c, c.top(size)));
  if (c.operandCount === 0) c.drop(size);
  else c.setSp(c.int(c.wordSize, 'add', c.offset(c.sp(), size), c.extendU(4, c.wordSize, c.imm(0))));
  c.ret(c.b.getVar(target));
}

function liftJcc(c: Lift): void {
  c.branch(c.cond(c.cc));
}

/** loop, loopz, loopnz: the counter has the address size. */
function liftLoop(zero: number): Lifter {
  return (c) => {
    const b = c.b, size = c.addressSize;
    const count = c.int(size, 'sub', c.gpr(Gpr.rcx, size), c.constant(size, 1));
    const left = b.var('i32', c.int(size, 'ne', c.clean(size, count), c.constant(size, 0)));
    if (zero >= 0) b.setVar(left, b.op('i32.and', b.getVar(left), c.cond(zero)));
    c.setGpr(Gpr.rcx, size, count);
    c.branch(b.getVar(left));
  };
}

function liftJcxz(c: Lift): void {
  const size = c.addressSize;
  c.branch(c.int(size, 'eqz', c.gpr(Gpr.rcx, size)));
}

/** Far transfers within the code segment. Any other selector (a change between 32 and 64 bits) is the dispatcher's. */
function sameCodeSegment(c: Lift, selector: Value): void {
  const b = c.b;
  const different = b.op('i32.ne', b.op('i32.and', selector, b.i32(0xffff)), b.get(4, Cpu.segSelector + 4 * Seg.cs));
  b.if(different, () => leaveToSegments(c));
}

/** Offset and selector of a far pointer in the code or in memory. */
function farTarget(c: Lift): { offset: Value; selector: Value } {
  if (c.kind(0) === Kind.far) return { offset: c.imm(0), selector: c.source.immHigh(c.b, 0) };
  const size = c.size, addr = c.addr(0);
  c.checkRead(addr, size + 2);
  return { offset: c.load(size, addr), selector: c.load(2, c.offset(addr, size)) };
}

function liftJmpf(c: Lift): void {
  const { offset, selector } = farTarget(c);
  sameCodeSegment(c, selector);
  c.jumpTo(codeAddress(c, offset));
}

function liftCallf(c: Lift): void {
  const size = c.size, { offset, selector } = farTarget(c);
  const target = c.b.var(c.wordType, codeAddress(c, offset));
  sameCodeSegment(c, selector);
  const sp = c.offset(c.sp(), -2 * size);
  c.checkWrite(c.offset(sp, size), size);
  c.checkWrite(sp, size);
  c.store(size, c.offset(sp, size), c.extendU(4, size, c.b.get(4, Cpu.segSelector + 4 * Seg.cs)));
  c.store(size, sp, returnAddress(c));
  c.setSp(sp);
  c.callTo(c.b.getVar(target));
}

function liftRetf(c: Lift): void {
  const size = c.size, sp = c.sp();
  c.checkRead(sp, 2 * size);
  const target = c.b.var(c.wordType, codeAddress(c, c.load(size, sp)));
  sameCodeSegment(c, c.toI32(c.load(size, c.offset(sp, size))));
  const after = c.offset(sp, 2 * size);
  c.setSp(c.operandCount === 0 ? after : c.int(c.wordSize, 'add', after, c.extendU(4, c.wordSize, c.imm(0))));
  c.ret(c.b.getVar(target));
}

/** Within ring 3: ip, cs, flags; in 64-bit mode also sp and ss. */
function liftIret(c: Lift): void {
  const b = c.b, size = c.size, sp = c.sp(), slots = c.mode64 ? 5 : 3;
  c.checkRead(sp, slots * size);
  const slot = (n: number): Value => c.load(size, c.offset(sp, n * size));
  const target = b.var(c.wordType, codeAddress(c, slot(0)));
  sameCodeSegment(c, c.toI32(slot(1)));
  const flags = b.var('i32', c.toI32(slot(2)));
  b.if(b.op('i32.and', b.getVar(flags), b.i32(Eflags.TF | Eflags.AC)), () => leaveToSegments(c));
  if (c.mode64) {
    b.if(b.op('i32.ne', c.toI32(slot(4)), b.get(4, Cpu.segSelector + 4 * Seg.ss)), () => leaveToSegments(c));
    const top = slot(3);
    c.setSp(size === 8 ? top : b.op('i64.extend_i32_u', top));
  } else c.drop(3 * size);
  c.putEflags(b.getVar(flags), size === 2 ? Eflags.TF | Eflags.NT : undefined);
  c.jumpTo(b.getVar(target));
}

function liftInt(c: Lift): void {
  const b = c.b, vector = b.var('i32', c.imm(0)), is = (n: number): Value => b.op('i32.eq', b.getVar(vector), b.i32(n));
  b.if(is(0x80), () => c.exit(Exit.int80));
  b.if(is(3), () => c.trap(Vector.BP, true));
  b.if(is(4), () => c.trap(Vector.OF, true));
  c.trap(Vector.GP);
}

function liftInto(c: Lift): void {
  c.b.if(c.flag('OF'), () => c.trap(Vector.OF, true));
}

/** Signed bounds in memory: #BR unless lower <= index <= upper. */
function liftBound(c: Lift): void {
  const b = c.b, size = c.size as 2 | 4, addr = c.addr(1);
  c.checkRead(addr, 2 * size);
  const index = c.signExtend(size, c.read(0));
  const lower = c.signExtend(size, c.load(size, addr)), upper = c.signExtend(size, c.load(size, c.offset(addr, size)));
  b.if(b.op('i32.or', b.op('i32.lt_s', index, lower), b.op('i32.gt_s', index, upper)), () => c.trap(Vector.BR));
}

function liftSyscall(c: Lift): void {
  if (!c.mode64) return c.exit(Exit.sysenter);
  c.setGpr(Gpr.rcx, 8, c.nextIp());
  c.setGpr(Gpr.r11, 8, c.b.op('i64.extend_i32_u', c.eflags()));
  c.exit(Exit.syscall64);
}

function liftSysenter(c: Lift): void {
  if (c.mode64) return c.trap(Vector.UD);
  c.exit(Exit.sysenter);
}

function trapping(vector: number, after = false): Lifter {
  return (c) => c.trap(vector, after);
}

const undefinedOpcode = trapping(Vector.UD);

export const controlLifters = {
  jmp: liftJmp, call: liftCall, ret: liftRet, jcc: liftJcc, loop: liftLoop(-1), loopz: liftLoop(4), loopnz: liftLoop(5), jcxz: liftJcxz,
  jmpf: liftJmpf, callf: liftCallf, retf: liftRetf, iret: liftIret, int: liftInt, int3: trapping(Vector.BP, true), int1: trapping(Vector.DB, true),
  into: liftInto, bound: liftBound, syscall: liftSyscall, sysenter: liftSysenter, ud0: undefinedOpcode, ud1: undefinedOpcode, ud2: undefinedOpcode,
} satisfies Record<string, Lifter>;
