/** Loads, stores and permission tests of interpreter cases. */
import type { BodyEmitter } from '../../emit/body.ts';
import { MemFlag, Type } from '../../ir/ops.ts';
import { Access, Vector } from '../../machine/exit.ts';
import { ADDRESS_BITS, BIAS, PERMISSION_TABLE } from '../../machine/memoryLayout.ts';
import type { Code } from '../../wasm/code.ts';
import { WasmType } from '../../wasm/opcodes.ts';
import { type CaseCode, CPU, RECORD } from './caseCode.ts';

export const widthOps: Record<string, [load: string, store: string]> = {
  8: ['i32.load8_u', 'i32.store8'], 16: ['i32.load16_u', 'i32.store16'], 32: ['i32.load', 'i32.store'], 64: ['i64.load', 'i64.store'],
  '.f32': ['f32.load', 'f32.store'], '.f64': ['f64.load', 'f64.store'], 128: ['v128.load', 'v128.store'],
};
const widthBytes: Record<string, number> = { 8: 1, 16: 2, 32: 4, 64: 8, '.f32': 4, '.f64': 8, 128: 16 };

/**
 * Tests an access; leaves if it is refused. Afterwards the returned local holds the guest address as i32.
 * The local belongs to the caller (giveBack).
 */
export function check(t: CaseCode, e: BodyEmitter, addr: number, bytes: number, access: number, aligned = false): number {
  const { code, ir } = e;
  const a = e.borrow(WasmType.i32);
  const long = ir.type[addr] === Type.i64;
  e.value(addr);
  let wide = -1;
  if (long) {
    wide = e.borrow(WasmType.i64);
    code.tee(wide);
    code.op('i32.wrap_i64');
  }
  code.set(a);
  // #GP of a misaligned operand comes before any page fault.
  if (aligned) checkAligned(t, e, a);
  const mayCross = bytes > 1 && !aligned;
  if (t.end.shared) testEach(t, e, a, wide, bytes, mayCross, access, t.end.shared.whole);
  else testAll(t, e, a, wide, bytes, mayCross, access);
  if (wide >= 0) e.giveBack(WasmType.i64, wide);
  return a;
}

/** Whether the page's permissions lack `access`. */
function lacksPermission(e: BodyEmitter, a: number, access: number): void {
  const { code } = e;
  code.get(a);
  code.i32(12);
  code.op('i32.shr_u');
  code.mem('i32.load8_u', PERMISSION_TABLE);
  code.i32(access);
  code.op('i32.and');
  if (access === 1 || access === 2) code.op('i32.eqz');
  else { code.i32(access); code.op('i32.ne'); }
}

/** Bits of the address that must be 0. */
function tooHigh(t: CaseCode, code: Code, wide: number): void {
  code.get(wide);
  code.i64(t.run.addressBits, 0);
  code.op('i64.shr_u');
  code.op('i32.wrap_i64');
}

/** Whether an access of `bytes` leaves its page. */
function leavesPage(e: BodyEmitter, a: number, bytes: number): void {
  const { code } = e;
  code.get(a);
  code.i32(0xfff);
  code.op('i32.and');
  code.i32(0x1000 - bytes);
  code.op('i32.gt_u');
}

/** A branch for each reason to refuse: nearly never taken, each is one instruction with its comparison. */
function testEach(t: CaseCode, e: BodyEmitter, a: number, wide: number, bytes: number, mayCross: boolean, access: number, refused: number): void {
  const { code } = e;
  if (wide >= 0) {
    if (t.run.addressBits === ADDRESS_BITS) {
      code.get(wide);
      code.get(a);
      code.op('i64.extend_i32_u');
      code.op('i64.ne');
    } else tooHigh(t, code, wide);
    code.brIf(refused);
  }
  if (mayCross) {
    leavesPage(e, a, bytes);
    code.brIf(refused);
  }
  lacksPermission(e, a, access);
  code.brIf(refused);
}

/** One branch, to the slow half of the test. */
function testAll(t: CaseCode, e: BodyEmitter, a: number, wide: number, bytes: number, mayCross: boolean, access: number): void {
  const { code } = e;
  lacksPermission(e, a, access);
  if (wide >= 0) {
    tooHigh(t, code, wide);
    code.op('i32.or');
  }
  if (mayCross) {
    leavesPage(e, a, bytes);
    code.op('i32.or');
  }
  code.if();
  callSlow(t, e, a, wide, () => code.i32(bytes), access);
  code.end();
}

function callSlow(t: CaseCode, e: BodyEmitter, a: number, wide: number, bytes: () => void, access: number): void {
  const { code } = e;
  code.get(CPU);
  code.get(RECORD);
  if (wide >= 0) code.get(wide);
  else { code.get(a); code.op('i64.extend_i32_u'); }
  bytes();
  code.i32(access);
  code.call(t.run.slow);
  code.op('i32.eqz');
  code.if();
  t.end.leave(code);
  code.end();
}

/** As check, for a length known at run time only. */
export function checkN(t: CaseCode, e: BodyEmitter, addr: number, length: number, access: number): void {
  const { code, ir } = e;
  const a = e.borrow(WasmType.i32), wide = e.borrow(WasmType.i64), n = e.borrow(WasmType.i32);
  e.value(addr);
  if (ir.type[addr] === Type.i32) code.op('i64.extend_i32_u');
  code.set(wide);
  e.value(length);
  code.set(n);
  callSlow(t, e, a, wide, () => code.get(n), access);
  e.giveBack(WasmType.i32, a); e.giveBack(WasmType.i64, wide); e.giveBack(WasmType.i32, n);
}

function plainAddress(e: BodyEmitter, addr: number): void {
  e.value(addr);
  if (e.ir.type[addr] === Type.i64) e.code.op('i32.wrap_i64');
}

export function load(t: CaseCode, e: BodyEmitter, row: number, width: string): void {
  const { ir, code } = e, flags = ir.imm[row]!, addr = ir.a[row]!, bytes = widthBytes[width]!;
  const op = widthOps[width]![0];
  if (flags & MemFlag.checked) {
    plainAddress(e, addr);
    code.mem(op, BIAS);
    return;
  }
  const a = check(t, e, addr, bytes, flags & MemFlag.forWrite ? Access.read | Access.write : Access.read, (flags & MemFlag.aligned16) !== 0);
  code.get(a);
  code.mem(op, BIAS);
  e.giveBack(WasmType.i32, a);
}

export function store(t: CaseCode, e: BodyEmitter, row: number, width: string): void {
  const { ir, code } = e, flags = ir.imm[row]!, addr = ir.a[row]!, bytes = widthBytes[width]!;
  const op = widthOps[width]![1];
  if (flags & MemFlag.checked) {
    plainAddress(e, addr);
    e.value(ir.b[row]!);
    code.mem(op, BIAS);
    return;
  }
  const a = check(t, e, addr, bytes, Access.write, (flags & MemFlag.aligned16) !== 0);
  code.get(a);
  e.value(ir.b[row]!);
  code.mem(op, BIAS);
  e.giveBack(WasmType.i32, a);
}

function checkAligned(t: CaseCode, e: BodyEmitter, a: number): void {
  const { code } = e;
  code.get(a);
  code.i32(15);
  code.op('i32.and');
  if (t.end.shared) return code.brIf(t.end.shared.whole);
  code.if();
  t.trap(code, Vector.GP, false);
  code.end();
}

export function bulk(t: CaseCode, e: BodyEmitter, row: number, op: string): void {
  const { ir, code } = e;
  const address = (v: number): void => {
    plainAddress(e, v);
    code.i32(BIAS);
    code.op('i32.add');
  };
  address(ir.a[row]!);
  if (op === 'memory.copy') address(ir.b[row]!);
  else e.value(ir.b[row]!);
  e.value(ir.c[row]!);
  code.op(op);
  code.out.u8(0);
  if (op === 'memory.copy') code.out.u8(0);
}
