/**
 * Functions that the cases share, themselves written in IR: flag evaluation, the slow half of a permission test, leaving.
 */
import { BodyEmitter } from '../../emit/body.ts';
import { IrBuilder, type Value } from '../../ir/builder.ts';
import { Field } from '../../ir/ops.ts';
import { EngineExit, EngineField, PAGE_HEADER_BITMAP } from '../../machine/codeLayout.ts';
import { CcOp, Cpu, Eflags } from '../../machine/cpuState.ts';
import { Access, Exit } from '../../machine/exit.ts';
import { ADDRESS_BITS, CODE_PAGE_TABLE, PERMISSION_TABLE, Perm } from '../../machine/memoryLayout.ts';
import { Code } from '../../wasm/code.ts';
import type { ModuleWriter } from '../../wasm/module.ts';
import { WasmType } from '../../wasm/opcodes.ts';
import type { RuntimeFunctions } from './caseCode.ts';
import { lookup } from './jumpCacheCode.ts';
import { InterpreterTarget } from './target.ts';

const I = WasmType.i32, L = WasmType.i64;

/** Adds the runtime functions to a module. */
export function addRuntime(module: ModuleWriter, helper: (name: string) => number, timeStamp: number, addressBits: number): RuntimeFunctions {
  const run: RuntimeFunctions = { slow: -1, span: -1, leaveFault: -1, leaveTrap: -1, leaveAt: -1, lookup: -1, flags: {}, cond: [], statusFlags: -1, regionType: module.type([I, I], [I]), timeStamp, addressBits, helper };
  const define = (params: number[], results: number[], write: (b: IrBuilder) => void): number => {
    const b = new IrBuilder(), code = new Code(params);
    write(b);
    const target = new InterpreterTarget(run, { goOn: (c) => c.return(), leave: (c) => c.return(), fuel: -1 });
    new BodyEmitter(code, b.code, target).emit();
    if (results.length > 0) code.op('unreachable');
    return module.function(module.type(params, results), code.finish());
  };
  addFlags(run, define);
  run.leaveAt = define([I, I, I, I], [], leaveAt);
  run.leaveTrap = define([I, I, I], [], leaveTrap);
  run.leaveFault = define([I, L, I, I], [], leaveFault);
  run.lookup = module.function(module.type([I], [I]), lookupBody());
  run.slow = define([I, I, L, I, I], [I], (b) => slow(b, addressBits));
  run.span = define([L, I, I], [I], (b) => span(b, addressBits));
  return run;
}

type Define = (params: number[], results: number[], write: (b: IrBuilder) => void) => number;

function p(b: IrBuilder, n: number): Value { return b.opImm('param.i32', n); }

function leaveAt(b: IrBuilder): void {
  b.put(4, EngineField.exitRecord, p(b, 1));
  b.put(8, Cpu.rip, b.op('i64.extend_i32_u', p(b, 2)));
  b.put(4, EngineField.exitKind, p(b, 3));
}

function leaveTrap(b: IrBuilder): void {
  b.put(4, Cpu.exitReason, b.i32(Exit.trap));
  b.put(4, Cpu.exitCode, p(b, 1));
  b.put(8, Cpu.rip, b.op('i64.extend_i32_u', p(b, 2)));
  b.put(4, EngineField.exitKind, b.i32(EngineExit.kernel));
}

function leaveFault(b: IrBuilder): void {
  b.put(4, Cpu.exitReason, b.i32(Exit.fault));
  b.put(8, Cpu.exitAddr, b.opImm('param.i64', 1));
  b.put(4, Cpu.exitCode, p(b, 2));
  b.put(8, Cpu.rip, b.op('i64.extend_i32_u', p(b, 3)));
  b.put(4, EngineField.exitKind, b.i32(EngineExit.kernel));
}

/** address -> its record in the jump cache, 0 = none. */
function lookupBody(): Uint8Array {
  const code = new Code([I]), address = 0;
  lookup(code, address, (record) => {
    code.get(record);
    code.return();
  });
  code.i32(0);
  return code.finish();
}

/** Bits of the address that must be 0. */
function tooHigh(b: IrBuilder, address: Value, addressBits: number): Value {
  return b.op('i32.wrap_i64', b.op('i64.shr_u', address, b.i64(addressBits)));
}

/** cpu, record, address, length, access: 1 when the access is allowed after all; else everything for the dispatcher is written. */
function slow(b: IrBuilder, addressBits: number): void {
  const wide = (): Value => b.opImm('param.i64', 2), length = (): Value => p(b, 3), access = (): Value => p(b, 4);
  const refuse = (at: Value): void => {
    b.put(8, Cpu.exitAddr, at);
    b.put(8, Cpu.rip, b.op('i64.extend_i32_u', b.opImm('raw.load32', Field.rip, 0, p(b, 1))));
    b.put(4, Cpu.exitReason, b.i32(Exit.fault));
    b.put(4, EngineField.exitKind, b.i32(EngineExit.kernel));
    const write = b.op('i32.and', access(), b.i32(Access.write));
    b.put(4, Cpu.exitCode, b.select(write, b.i32(Access.write), access()));
    b.op('return', b.i32(0));
  };
  b.if(tooHigh(b, wide(), addressBits), () => refuse(wide()));
  b.if(b.op('i32.eqz', length()), () => b.op('return', b.i32(1)));
  const at = b.var('i32', b.op('i32.wrap_i64', wide()));
  const last = b.var('i32', b.op('i32.add', b.getVar(at), b.op('i32.sub', length(), b.i32(1))));
  const perm = b.var('i32');
  // with the bits of a tall address space that do not count
  const whole = (low: Value): Value => {
    const address = b.op('i64.extend_i32_u', low);
    return addressBits === ADDRESS_BITS ? address : b.op('i64.or', address, b.op('i64.and', wide(), b.i64(0, -1)));
  };
  // wraps past 4 GiB, below which nothing is ever mapped
  b.if(b.op('i32.lt_u', b.getVar(last), b.getVar(at)), () => refuse(wide()));
  b.loop((repeat) => {
    b.setVar(perm, b.opImm('raw.load8', PERMISSION_TABLE, 0, b.op('i32.shr_u', b.getVar(at), b.i32(12))));
    b.if(b.op('i32.ne', b.op('i32.and', b.getVar(perm), access()), access()), () => {
      const full = b.i32(Perm.CODE | Perm.CODE_W);
      b.if(b.op('i32.ne', b.op('i32.and', b.getVar(perm), full), full), () => refuse(whole(b.getVar(at))));
      codeWrite(b, at, last);
    });
    const nextPage = b.op('i32.and', b.op('i32.add', b.getVar(at), b.i32(0x1000)), b.i32(-0x1000));
    b.setVar(at, nextPage);
    // the last page of the address space is never mapped, so the sum does not wrap
    repeat(b.op('i32.le_u', b.getVar(at), b.getVar(last)));
  });
  b.op('return', b.i32(1));
}

/** A write into a page with code: let through when it touches no 32 bytes that were decoded. */
function codeWrite(b: IrBuilder, at: number, last: number): void {
  b.if(b.op('i32.eqz', b.get(4, EngineField.allowWrite)), () => {
    const page = b.op('i32.shr_u', b.getVar(at), b.i32(12));
    const header = b.var('i32', b.opImm('raw.load32', CODE_PAGE_TABLE, 0, b.op('i32.shl', page, b.i32(2))));
    const hit = b.var('i32', b.i32(1));
    // within one 32-byte line pair of this page
    const near = b.op('i32.le_u', b.op('i32.sub', b.getVar(last), b.getVar(at)), b.i32(31));
    const samePage = b.op('i32.eqz', b.op('i32.shr_u', b.op('i32.xor', b.getVar(last), b.getVar(at)), b.i32(12)));
    b.if(b.op('i32.and', near, samePage), () => {
      b.setVar(hit, b.op('i32.or', codeBit(b, header, at), codeBit(b, header, last)));
    });
    b.if(b.op('i32.and', b.getVar(hit), b.i32(1)), () => {
      b.put(8, Cpu.exitAddr, b.op('i64.extend_i32_u', b.getVar(at)));
      b.put(4, EngineField.writeLength, b.op('i32.add', b.op('i32.sub', b.getVar(last), b.getVar(at)), b.i32(1)));
      b.put(8, Cpu.rip, b.op('i64.extend_i32_u', b.opImm('raw.load32', Field.rip, 0, p(b, 1))));
      b.put(4, EngineField.exitRecord, p(b, 1));
      b.put(4, EngineField.exitKind, b.i32(EngineExit.codeWrite));
      b.op('return', b.i32(0));
    });
  });
}

function codeBit(b: IrBuilder, header: number, addr: number): Value {
  const line = b.op('i32.and', b.op('i32.shr_u', b.getVar(addr), b.i32(5)), b.i32(127));
  const word = b.op('i32.add', b.getVar(header), b.op('i32.shl', b.op('i32.shr_u', line, b.i32(5)), b.i32(2)));
  return b.op('i32.shr_u', b.opImm('raw.load32', PAGE_HEADER_BITMAP, 0, word), line);
}

/** address, limit, access: how many bytes of at most `limit`, not beyond the page, may be accessed on the fast path. */
function span(b: IrBuilder, addressBits: number): void {
  const wide = (): Value => b.opImm('param.i64', 0), access = (): Value => p(b, 2);
  b.if(tooHigh(b, wide(), addressBits), () => b.op('return', b.i32(0)));
  const at = b.var('i32', b.op('i32.wrap_i64', wide()));
  const perm = b.opImm('raw.load8', PERMISSION_TABLE, 0, b.op('i32.shr_u', b.getVar(at), b.i32(12)));
  b.if(b.op('i32.ne', b.op('i32.and', perm, access()), access()), () => b.op('return', b.i32(0)));
  const room = b.var('i32', b.op('i32.sub', b.i32(0x1000), b.op('i32.and', b.getVar(at), b.i32(0xfff))));
  b.op('return', b.select(b.op('i32.lt_u', b.getVar(room), p(b, 1)), b.getVar(room), p(b, 1)));
}

// ---- flags

/** The lazy flags, shifted up so that the operand's top bit is bit 63. Each use computes its value anew. */
interface Lazy { kind: number; dst(): Value; src(): Value; carry(): Value; shift(): Value }

function lazy(b: IrBuilder): Lazy {
  const cc = b.var('i32', b.get(4, Cpu.ccOp));
  const kind = b.var('i32', b.op('i32.shr_u', b.getVar(cc), b.i32(2)));
  const shift = (): Value => {
    const bits = b.op('i32.shl', b.i32(8), b.op('i32.and', b.getVar(cc), b.i32(3)));
    return b.op('i64.extend_i32_u', b.op('i32.sub', b.i32(64), bits));
  };
  const dst = (): Value => b.op('i64.shl', b.get(8, Cpu.ccDst), shift());
  const src = (): Value => b.op('i64.shl', b.get(8, Cpu.ccSrc), shift());
  const carry = (): Value => b.op('i64.shl', b.op('i64.extend_i32_u', b.get(4, Cpu.ccSrc2)), shift());
  return { kind, dst, src, carry, shift };
}

function when(b: IrBuilder, v: Lazy, kind: keyof typeof CcOp, result: () => Value): void {
  b.if(b.op('i32.eq', b.getVar(v.kind), b.i32(CcOp[kind])), () => b.op('return', result()));
}

/** First operand of a subtraction / addition. */
function firstOfSub(b: IrBuilder, v: Lazy, carry: boolean): Value {
  const sum = b.op('i64.add', v.dst(), v.src());
  return carry ? b.op('i64.add', sum, v.carry()) : sum;
}
function firstOfAdd(b: IrBuilder, v: Lazy, carry: boolean): Value {
  const difference = b.op('i64.sub', v.dst(), v.src());
  return carry ? b.op('i64.sub', difference, v.carry()) : difference;
}

function storedBit(b: IrBuilder, flag: number): Value {
  return b.op('i32.and', b.op('i32.shr_u', b.get(4, Cpu.ccSrc), b.i32(31 - Math.clz32(flag))), b.i32(1));
}

function negative(b: IrBuilder, v: Value): Value { return b.op('i64.lt_s', v, b.i64(0)); }

function carryFlag(b: IrBuilder): void {
  const v = lazy(b), g = (x: number): Value => b.getVar(x);
  when(b, v, 'sub', () => b.op('i64.lt_u', firstOfSub(b, v, false), v.src()));
  when(b, v, 'logic', () => b.i32(0));
  when(b, v, 'add', () => b.op('i64.lt_u', v.dst(), v.src()));
  b.if(b.op('i32.le_u', b.op('i32.sub', g(v.kind), b.i32(CcOp.inc)), b.i32(1)), () => b.op('return', b.op('i32.and', b.get(4, Cpu.ccSrc), b.i32(1))));
  when(b, v, 'shr', () => b.op('i32.and', b.get(4, Cpu.ccSrc), b.i32(1)));
  when(b, v, 'shl', () => negative(b, v.src()));
  when(b, v, 'adc', () => b.select(b.op('i64.eqz', v.carry()), b.op('i64.lt_u', v.dst(), v.src()), b.op('i64.le_u', v.dst(), v.src())));
  when(b, v, 'sbb', () => {
    const first = b.var('i64', firstOfSub(b, v, true));
    return b.select(b.op('i64.eqz', v.carry()), b.op('i64.lt_u', g(first), v.src()), b.op('i64.le_u', g(first), v.src()));
  });
  when(b, v, 'mul', () => b.op('i64.ne', v.src(), b.i64(0)));
  when(b, v, 'bmi', () => b.op('i64.eqz', v.src()));
  b.op('return', storedBit(b, Eflags.CF));
}

function overflowFlag(b: IrBuilder): void {
  const v = lazy(b), g = (x: number): Value => b.getVar(x);
  const subtract = (carry: boolean) => (): Value => {
    const first = b.var('i64', firstOfSub(b, v, carry));
    return negative(b, b.op('i64.and', b.op('i64.xor', g(first), v.src()), b.op('i64.xor', g(first), v.dst())));
  };
  const add = (carry: boolean) => (): Value => {
    const first = firstOfAdd(b, v, carry);
    return negative(b, b.op('i64.and', b.op('i64.xor', v.src(), v.dst()), b.op('i64.xor', first, v.dst())));
  };
  when(b, v, 'sub', subtract(false));
  when(b, v, 'logic', () => b.i32(0));
  when(b, v, 'add', add(false));
  when(b, v, 'inc', () => b.op('i64.eq', v.dst(), b.i64(0, -0x80000000)));
  when(b, v, 'dec', () => b.op('i64.eq', v.dst(), b.op('i64.shl', b.op('i64.shr_u', b.i64(-1, 0x7fffffff), v.shift()), v.shift())));
  when(b, v, 'shl', () => b.op('i32.xor', negative(b, v.src()), negative(b, v.dst())));
  when(b, v, 'shr', () => negative(b, b.op('i64.xor', v.src(), v.dst())));
  when(b, v, 'adc', add(true));
  when(b, v, 'sbb', subtract(true));
  when(b, v, 'mul', () => b.op('i64.ne', v.src(), b.i64(0)));
  when(b, v, 'bmi', () => b.i32(0));
  b.op('return', storedBit(b, Eflags.OF));
}

function auxiliaryFlag(b: IrBuilder): void {
  const v = lazy(b);
  const low = (n: number): Value => b.get(4, n);
  const dst = (): Value => low(Cpu.ccDst), src = (): Value => low(Cpu.ccSrc), carry = (): Value => low(Cpu.ccSrc2);
  const bit4 = (x: Value): Value => b.op('i32.and', b.op('i32.shr_u', x, b.i32(4)), b.i32(1));
  const mix = (first: Value): Value => bit4(b.op('i32.xor', b.op('i32.xor', first, src()), dst()));
  when(b, v, 'sub', () => mix(b.op('i32.add', dst(), src())));
  when(b, v, 'add', () => mix(b.op('i32.sub', dst(), src())));
  when(b, v, 'adc', () => mix(b.op('i32.sub', b.op('i32.sub', dst(), src()), carry())));
  when(b, v, 'sbb', () => mix(b.op('i32.add', b.op('i32.add', dst(), src()), carry())));
  when(b, v, 'inc', () => b.op('i32.eqz', b.op('i32.and', dst(), b.i32(15))));
  when(b, v, 'dec', () => b.op('i32.eq', b.op('i32.and', dst(), b.i32(15)), b.i32(15)));
  when(b, v, 'eflags', () => storedBit(b, Eflags.AF));
  when(b, v, 'shl', () => b.i32(1));
  when(b, v, 'shr', () => b.i32(1));
  b.op('return', b.i32(0));
}

function zeroFlag(b: IrBuilder): void {
  const v = lazy(b);
  when(b, v, 'eflags', () => storedBit(b, Eflags.ZF));
  b.op('return', b.op('i64.eqz', v.dst()));
}

function signFlag(b: IrBuilder): void {
  const v = lazy(b);
  when(b, v, 'eflags', () => storedBit(b, Eflags.SF));
  b.op('return', negative(b, v.dst()));
}

function parityFlag(b: IrBuilder): void {
  b.if(b.op('i32.lt_u', b.get(4, Cpu.ccOp), b.i32(4)), () => b.op('return', storedBit(b, Eflags.PF)));
  const ones = b.op('i32.popcnt', b.op('i32.and', b.get(4, Cpu.ccDst), b.i32(0xff)));
  b.op('return', b.op('i32.and', b.op('i32.xor', ones, b.i32(1)), b.i32(1)));
}

function addFlags(run: RuntimeFunctions, define: Define): void {
  const one = (write: (b: IrBuilder) => void): number => define([I], [I], write);
  run.flags[Eflags.CF] = one(carryFlag);
  run.flags[Eflags.OF] = one(overflowFlag);
  run.flags[Eflags.AF] = one(auxiliaryFlag);
  run.flags[Eflags.ZF] = one(zeroFlag);
  run.flags[Eflags.SF] = one(signFlag);
  run.flags[Eflags.PF] = one(parityFlag);
  const flag = (b: IrBuilder, bit: number): Value => b.opImm('flag', bit);
  const compare = (b: IrBuilder, op: string): void => {
    const v = lazy(b);
    when(b, v, 'sub', () => b.op(op, firstOfSub(b, v, false), v.src()));
  };
  run.cond = [
    run.flags[Eflags.OF]!, run.flags[Eflags.CF]!, run.flags[Eflags.ZF]!,
    one((b) => { compare(b, 'i64.le_u'); b.op('return', b.op('i32.or', flag(b, Eflags.CF), flag(b, Eflags.ZF))); }),
    run.flags[Eflags.SF]!, run.flags[Eflags.PF]!,
    one((b) => { compare(b, 'i64.lt_s'); b.op('return', b.op('i32.xor', flag(b, Eflags.SF), flag(b, Eflags.OF))); }),
    one((b) => {
      compare(b, 'i64.le_s');
      b.op('return', b.op('i32.or', flag(b, Eflags.ZF), b.op('i32.xor', flag(b, Eflags.SF), flag(b, Eflags.OF))));
    }),
  ];
  run.statusFlags = one((b) => {
    b.if(b.op('i32.lt_u', b.get(4, Cpu.ccOp), b.i32(4)), () => b.op('return', b.op('i32.and', b.get(4, Cpu.ccSrc), b.i32(Eflags.STATUS))));
    let sum = flag(b, Eflags.CF);
    for (const bit of [Eflags.PF, Eflags.AF, Eflags.ZF, Eflags.SF, Eflags.OF]) {
      sum = b.op('i32.or', sum, b.op('i32.shl', flag(b, bit), b.i32(31 - Math.clz32(bit))));
    }
    b.op('return', sum);
  });
}
