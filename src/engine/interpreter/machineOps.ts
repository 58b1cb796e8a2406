/** Machine operations of the IR as code of interpreter cases. */
import type { BodyEmitter } from '../../emit/body.ts';
import { boundConstant } from '../../emit/boundCode.ts';
import { Field, Type } from '../../ir/ops.ts';
import { EngineExit, RECORD_SIZE } from '../../machine/codeLayout.ts';
import { CcOp, Cpu } from '../../machine/cpuState.ts';
import { Access } from '../../machine/exit.ts';
import { WasmType } from '../../wasm/opcodes.ts';
import { cmpxchg, lockSplit, rmw, unlockSplit } from './atomicCode.ts';
import { type CaseCode, CPU, RECORD } from './caseCode.ts';
import { bulk, check, checkN } from './memoryCode.ts';
import { enterRegion, goIndirect, goLink, goNext, poll } from './transferCode.ts';

function setFlags(e: BodyEmitter, row: number): void {
  const { ir, code } = e, size = ir.imm2[row]!;
  // All values before the first store: a deferred one may read the old flags, or load and fault.
  const values = [ir.a[row]!, ir.b[row]!, ir.c[row]!], places = [Cpu.ccDst, Cpu.ccSrc, Cpu.ccSrc2];
  for (const v of values) {
    if (v < 0) continue;
    code.get(CPU);
    e.value(v);
  }
  for (let k = 2; k >= 0; k--) {
    const v = values[k]!;
    if (v >= 0) code.mem(ir.type[v] === Type.i64 ? 'i64.store' : 'i32.store', places[k]!);
  }
  code.get(CPU);
  code.i32(ir.imm[row]! * 4 + Math.log2(size));
  code.mem('i32.store', Cpu.ccOp, 2);
}

/** The operations that are not a family by width. */
export const machineOps: Record<string, (t: CaseCode, e: BodyEmitter, row: number) => void> = {
  'field.i32': (t, e, row) => t.field(e.code, e.ir.imm[row]!),
  'field.i64': (t, e, row) => { e.code.get(RECORD); e.code.mem('i64.load32_s', e.ir.imm[row]!); },
  'field.imm64': (t, e) => {
    t.field(e.code, Field.imm); e.code.op('i64.extend_i32_u');
    t.field(e.code, Field.high); e.code.op('i64.extend_i32_u');
    e.code.i64(32, 0); e.code.op('i64.shl'); e.code.op('i64.or');
  },
  'bound.f32': (_t, e, row) => boundConstant(e.code, e.ir.imm[row]!),
  'bound.f64': (_t, e, row) => boundConstant(e.code, e.ir.imm[row]!),
  'bound.v128': (_t, e, row) => boundConstant(e.code, e.ir.imm[row]!),
  'param.i32': (_t, e, row) => e.code.get(e.ir.imm[row]!),
  'param.i64': (_t, e, row) => e.code.get(e.ir.imm[row]!),
  'raw.load8': (_t, e, row) => { e.value(e.ir.a[row]!); e.code.mem('i32.load8_u', e.ir.imm[row]!); },
  'raw.load32': (_t, e, row) => { e.value(e.ir.a[row]!); e.code.mem('i32.load', e.ir.imm[row]!); },
  'raw.load64': (_t, e, row) => { e.value(e.ir.a[row]!); e.code.mem('i64.load', e.ir.imm[row]!); },
  'raw.store32': (_t, e, row) => { e.value(e.ir.a[row]!); e.value(e.ir.b[row]!); e.code.mem('i32.store', e.ir.imm[row]!); },
  return: (_t, e, row) => { e.value(e.ir.a[row]!); e.code.return(); },
  checkRead: (t, e, row) => e.giveBack(WasmType.i32, check(t, e, e.ir.a[row]!, e.ir.imm[row]!, Access.read)),
  checkWrite: (t, e, row) => e.giveBack(WasmType.i32, check(t, e, e.ir.a[row]!, e.ir.imm[row]!, Access.write)),
  checkReadN: (t, e, row) => checkN(t, e, e.ir.a[row]!, e.ir.b[row]!, Access.read),
  checkWriteN: (t, e, row) => checkN(t, e, e.ir.a[row]!, e.ir.b[row]!, Access.write),
  span: (t, e, row) => {
    e.value(e.ir.a[row]!);
    if (e.ir.type[e.ir.a[row]!] === Type.i32) e.code.op('i64.extend_i32_u');
    e.value(e.ir.b[row]!);
    e.code.i32(e.ir.imm[row]!);
    e.code.call(t.run.span);
  },
  copy: (t, e, row) => bulk(t, e, row, 'memory.copy'),
  fill: (t, e, row) => bulk(t, e, row, 'memory.fill'),
  rmw32: (t, e, row) => rmw(t, e, row),
  rmw64: (t, e, row) => rmw(t, e, row),
  cmpxchg32: (t, e, row) => cmpxchg(t, e, row),
  cmpxchg64: (t, e, row) => cmpxchg(t, e, row),
  fence: (_t, e) => { e.code.op('atomic.fence'); e.code.out.u8(0); },
  lockSplit: (_t, e) => lockSplit(e.code),
  unlockSplit: (_t, e) => unlockSplit(e.code),
  timeStamp: (t, e) => e.code.call(t.run.timeStamp),
  setFlags: (_t, e, row) => setFlags(e, row),
  cond: (t, e, row) => {
    const cc = e.ir.imm[row]!;
    e.code.get(CPU);
    e.code.call(t.run.cond[cc >> 1]!);
    if (cc & 1) e.code.op('i32.eqz');
  },
  flag: (t, e, row) => { e.code.get(CPU); e.code.call(t.run.flags[e.ir.imm[row]!]!); },
  expectFlags: (t, e, row) => {
    e.code.get(CPU);
    e.code.mem('i32.load', Cpu.ccOp, 2);
    e.code.i32(e.ir.imm[row]!);
    e.code.op('i32.ne');
    e.code.brIf(t.end.shared!.whole);
  },
  statusFlags: (t, e) => { e.code.get(CPU); e.code.call(t.run.statusFlags); },
  putStatusFlags: (_t, e, row) => {
    e.code.get(CPU);
    e.value(e.ir.a[row]!);
    e.code.mem('i32.store', Cpu.ccSrc);
    e.code.get(CPU);
    e.code.i32(CcOp.eflags * 4);
    e.code.mem('i32.store', Cpu.ccOp);
  },
  helper: (t, e, row) => {
    const { ir, code } = e, h = e.helperSignature(row);
    code.get(CPU);
    for (const v of [ir.a[row]!, ir.b[row]!, ir.c[row]!]) if (v >= 0) e.value(v);
    code.call(t.run.helper(h.name));
  },
  exit: (t, e, row) => {
    e.code.get(CPU);
    e.code.i32(e.ir.imm[row]!);
    e.code.mem('i32.store', Cpu.exitReason, 2);
    t.leaveAt(e.code, EngineExit.kernel, () => t.field(e.code, Field.rip + RECORD_SIZE));
  },
  trap: (t, e, row) => t.trap(e.code, e.ir.imm[row]!, e.ir.imm2[row] !== 0),
  fault: (t, e, row) => t.leaveFault(e.code, e.ir.imm[row]!, () => {
    e.value(e.ir.a[row]!);
    if (e.ir.type[e.ir.a[row]!] === Type.i32) e.code.op('i64.extend_i32_u');
  }, () => t.field(e.code, Field.rip)),
  next: (t, e) => goNext(t, e.code),
  nextRecord: (_t, e) => {
    e.code.get(RECORD);
    e.code.i32(RECORD_SIZE);
    e.code.op('i32.add');
    e.code.set(RECORD);
  },
  again: (t, e) => { poll(t, e.code, () => t.field(e.code, Field.rip)); e.code.get(RECORD); t.end.goOn(e.code); },
  leaveNext: (t, e) => t.leaveAt(e.code, EngineExit.lookup, () => t.field(e.code, Field.rip + RECORD_SIZE)),
  leaveRegion: () => {},
  region: (t, e) => enterRegion(t, e),
  leaveHere: (t, e, row) => t.leaveAt(e.code, e.ir.imm[row]!, () => t.field(e.code, Field.rip)),
  follow: (t, e) => linked(t, e, false),
  jump: (t, e) => linked(t, e),
  call: (t, e) => linked(t, e),
  branch: (t, e, row) => {
    e.value(e.ir.a[row]!);
    if (t.end.shared) {
      e.code.brIf(t.end.shared.taken);
      return goNext(t, e.code);
    }
    e.code.if();
    linked(t, e);
    e.code.end();
    goNext(t, e.code);
  },
  jumpTo: (t, e, row) => goIndirect(t, e, e.ir.a[row]!),
  callTo: (t, e, row) => goIndirect(t, e, e.ir.a[row]!),
  ret: (t, e, row) => goIndirect(t, e, e.ir.a[row]!),
};

function linked(t: CaseCode, e: BodyEmitter, polled = true): void {
  const link = e.borrow(WasmType.i32);
  goLink(t, e.code, link, polled);
  e.giveBack(WasmType.i32, link);
}
