/** How interpreter cases go on: to the next record, along a link, to a computed address, into a translated region. */
import type { BodyEmitter } from '../../emit/body.ts';
import { Field, Type } from '../../ir/ops.ts';
import { Case, EngineExit, EngineField, FOREIGN_REGION, RECORD_SIZE } from '../../machine/codeLayout.ts';
import { Cpu, SP } from '../../machine/cpuState.ts';
import { Access, Exit } from '../../machine/exit.ts';
import type { Code } from '../../wasm/code.ts';
import { WasmType } from '../../wasm/opcodes.ts';
import { type CaseCode, CPU, RECORD } from './caseCode.ts';
import { findRecord } from './jumpCacheCode.ts';

/** A run of records without a jump out of it counts as that many jumps: it is as long as the code between so many. */
const FOLLOW_FUEL = 10;

export function poll(t: CaseCode, code: Code, target: () => void): void {
  code.get(CPU);
  code.mem('i32.load', Cpu.interrupt, 2);
  code.if();
  code.get(CPU);
  code.i32(Exit.interrupt);
  code.mem('i32.store', Cpu.exitReason, 2);
  t.leaveAt(code, EngineExit.kernel, target);
  code.end();
  if (t.end.fuel < 0) return;
  code.get(t.end.fuel);
  code.i32(-1);
  code.op('i32.add');
  code.tee(t.end.fuel);
  code.i32(0);
  code.op('i32.le_s');
  code.if();
  t.leaveAt(code, EngineExit.fuel, target);
  code.end();
}

/** To the address in local `a`, unless the activation ends there. */
export function stopAt(t: CaseCode, code: Code, a: number): void {
  code.get(CPU);
  code.mem('i32.load', EngineField.stop, 2);
  code.get(a);
  code.op('i32.eq');
  code.if();
  code.get(CPU);
  code.mem('i32.load', SP, 2);
  code.get(CPU);
  code.mem('i32.load', EngineField.stopSp, 2);
  code.op('i32.gt_u');
  code.if();
  t.leaveAt(code, EngineExit.stop, () => code.get(a));
  code.end();
  code.end();
}

export function goNext(t: CaseCode, code: Code): void {
  if (t.end.shared) return code.br(t.end.shared.next);
  code.get(RECORD);
  code.i32(RECORD_SIZE);
  code.op('i32.add');
  t.end.goOn(code);
}

/** To the instruction's own target, through the link. */
export function goLink(t: CaseCode, code: Code, link: number, polled: boolean): void {
  if (polled && t.end.shared) return code.br(t.end.shared.taken);
  if (polled) poll(t, code, () => t.field(code, Field.imm));
  else if (t.end.fuel >= 0) {
    // code without jumps becomes hot, too: the next jump looks whether fuel is left
    code.get(t.end.fuel);
    code.i32(FOLLOW_FUEL);
    code.op('i32.sub');
    code.set(t.end.fuel);
  }
  t.field(code, Field.link);
  code.tee(link);
  code.op('i32.eqz');
  code.if();
  t.leaveAt(code, EngineExit.link, () => t.field(code, Field.imm));
  code.end();
  code.get(link);
  t.end.goOn(code);
}

/** To a computed address. */
export function goIndirect(t: CaseCode, e: BodyEmitter, addr: number): void {
  const { code, ir } = e, a = e.borrow(WasmType.i32);
  e.value(addr);
  if (ir.type[addr] === Type.i64) {
    const wide = e.borrow(WasmType.i64);
    code.tee(wide);
    code.i64(32, 0);
    code.op('i64.shr_u');
    code.op('i32.wrap_i64');
    code.if();
    leaveWild(t, code, wide);
    code.end();
    code.get(wide);
    code.op('i32.wrap_i64');
    e.giveBack(WasmType.i64, wide);
  }
  if (t.end.shared) t.end.shared.indirect(code);
  else {
    code.set(a);
    poll(t, code, () => code.get(a));
    stopAt(t, code, a);
    goLookup(t, e, a);
  }
  e.giveBack(WasmType.i32, a);
}

/** Which instruction leaves. */
export function noteRecord(code: Code): void {
  code.get(CPU);
  code.get(RECORD);
  code.mem('i32.store', EngineField.exitRecord, 2);
}

function leaveWild(t: CaseCode, code: Code, wide: number): void {
  code.get(wide);
  if (t.end.shared) return t.end.shared.wild(code);
  code.op('drop');
  noteRecord(code);
  t.leaveFault(code, Access.execute, () => code.get(wide), () => { code.get(wide); code.op('i32.wrap_i64'); });
}

function goLookup(t: CaseCode, e: BodyEmitter, a: number): void {
  const link = e.borrow(WasmType.i32);
  e.code.get(a);
  e.code.call(t.run.lookup);
  e.code.set(link);
  goRecord(t, e.code, link, a);
  e.giveBack(WasmType.i32, link);
}

/** To the record in local `record`; 0 = to the dispatcher, which makes one for the address in `a`. */
function goRecord(t: CaseCode, code: Code, record: number, a: number): void {
  code.get(record);
  code.op('i32.eqz');
  code.if();
  t.leaveAt(code, EngineExit.lookup, () => code.get(a));
  code.end();
  code.get(record);
  t.end.goOn(code);
}

/** Case.region: calls the translation, goes on where it left off; -1 = at Cpu.rip with the instruction's own record. */
export function enterRegion(t: CaseCode, e: BodyEmitter): void {
  if (t.end.shared) return e.code.br(t.end.shared.whole);
  const { code } = e, a = e.borrow(WasmType.i32), link = e.borrow(WasmType.i32);
  const here = code.block(), foreign = code.block();
  t.field(code, Field.link);
  code.tableSize();
  code.op('i32.ge_u');
  code.brIf(foreign);
  code.get(CPU);
  code.get(CPU);
  code.mem('i32.load', EngineField.depth, 2);
  t.field(code, Field.link);
  code.callIndirect(t.run.regionType);
  code.set(a);
  // what the region has called may have used some
  if (t.end.fuel >= 0) {
    code.get(CPU);
    code.mem('i32.load', EngineField.fuel, 2);
    code.set(t.end.fuel);
  }
  code.get(a);
  code.i32(FOREIGN_REGION);
  code.op('i32.ne');
  code.brIf(here);
  code.end();
  // another worker of the process has it: the instruction's own record
  t.field(code, Field.imm);
  t.end.goOn(code);
  code.end();
  code.get(a);
  code.i32(-1);
  code.op('i32.eq');
  code.if();
  code.get(CPU);
  code.mem('i32.load', Cpu.rip, 2);
  code.tee(a);
  code.call(t.run.lookup);
  code.tee(link);
  code.if();
  code.get(link);
  code.mem('i32.load16_u', Field.caseId, 1);
  code.i32(Case.region);
  code.op('i32.eq');
  code.if();
  code.get(link);
  code.mem('i32.load', Field.imm, 2);
  code.set(link);
  code.end();
  code.end();
  code.else();
  poll(t, code, () => code.get(a));
  stopAt(t, code, a);
  const entry = e.borrow(WasmType.i64);
  findRecord(code, a, entry, t.run.lookup);
  e.giveBack(WasmType.i64, entry);
  code.set(link);
  code.end();
  goRecord(t, code, link, a);
  e.giveBack(WasmType.i32, a); e.giveBack(WasmType.i32, link);
}
