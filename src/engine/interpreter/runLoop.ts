/**
 * The interpreter's loop: hot cases stand in it. There are no calls in it: V8 would keep the record and the CPU pointer on its stack, and
 * load them again in each case. What is not plain is done by the case's function, which run() calls; ends of blocks are code that
 * the cases share.
 */
import { BodyEmitter } from '../../emit/body.ts';
import { IrBuilder } from '../../ir/builder.ts';
import { Field, ops } from '../../ir/ops.ts';
import { Case, EngineExit, EngineField, RECORD_SIZE } from '../../machine/codeLayout.ts';
import { Access } from '../../machine/exit.ts';
import { Code } from '../../wasm/code.ts';
import { WasmType } from '../../wasm/opcodes.ts';
import { CPU, RECORD, type RuntimeFunctions } from './caseCode.ts';
import { lookup } from './jumpCacheCode.ts';
import { noteRecord, poll, stopAt } from './transferCode.ts';
import { InterpreterTarget } from './target.ts';

const I = WasmType.i32, L = WasmType.i64;

/** Operations whose code calls something, or leaves in a way that the loop does not share. */
const calling = new Set([
  'cond', 'flag', 'statusFlags', 'helper', 'span', 'timeStamp', 'checkReadN', 'checkWriteN', 'rmw32', 'rmw64', 'cmpxchg32', 'cmpxchg64', 'region', 'exit', 'fault', 'again',
  'leaveNext', 'lockSplit', 'unlockSplit',
]);

/** Whether a case may stand in the loop. */
export function isFreeOfCalls(ir: IrBuilder): boolean {
  const { op, length } = ir.code;
  for (let n = 0; n < length; n++) if (calling.has(ops[op[n]!]!.name)) return false;
  return true;
}

/** Emits what an instruction does; without an end of its own it goes on with the next record. */
export function emitCase(code: Code, ir: IrBuilder, target: InterpreterTarget, goNext: () => void): void {
  new BodyEmitter(code, ir.code, target).emit();
  const last = ir.code.length - 1;
  if (last < 0 || ops[ir.code.op[last]!]!.effect !== 'exit') goNext();
}

/** run(cpu, record): the loop, the cases' functions for what it leaves to them, and translated regions. */
export function run(runtime: RuntimeFunctions, loop: number, caseType: number): Uint8Array {
  const code = new Code([I, I]), fuel = code.local(I), region = new IrBuilder();
  region.op('region');
  const again = code.loop();
  const target = new InterpreterTarget(runtime, {
    goOn: (c) => { c.set(RECORD); storeFuel(c, fuel); c.br(again); },
    leave: (c) => { storeFuel(c, fuel); c.return(); },
    fuel,
  });
  target.field(code, Field.caseId);
  code.i32(Case.region);
  code.op('i32.eq');
  code.if();
  emitCase(code, region, target, () => code.op('unreachable'));
  code.end();
  code.get(CPU);
  code.get(RECORD);
  code.call(loop);
  code.tee(RECORD);
  code.op('i32.eqz');
  code.if();
  code.return();
  code.end();
  // Often a region: it needs no call.
  target.field(code, Field.caseId);
  code.i32(Case.region);
  code.op('i32.eq');
  code.brIf(again);
  code.get(CPU);
  code.get(RECORD);
  target.field(code, Field.caseId);
  code.callIndirect(caseType);
  code.tee(RECORD);
  code.brIf(again);
  code.end();
  return code.finish();
}

/**
 * loop(cpu, record) -> the record of an instruction that its function has to do, or 0: to the dispatcher. `hot[k]` is the IR of case k,
 * or null: not in the loop, as all beyond.
 */
export function runLoop(runtime: RuntimeFunctions, hot: readonly (IrBuilder | null)[]): Uint8Array {
  const code = new Code([I, I]);
  const fuel = code.local(I), address = code.local(I), kind = code.local(I), wide = code.local(L);
  const keep = (): void => {
    code.recycle();
    code.local(I); code.local(I); code.local(I); code.local(L);
  };
  loadFuel(code, fuel);
  const leave = code.block(), leaveTo = code.block(), wild = code.block();
  const loop = code.loop(), next = code.block(), indirect = code.block(), taken = code.block(), whole = code.block();
  const labels = hot.filter((ir) => ir !== null).map(() => code.block());
  code.get(RECORD);
  code.mem('i32.load16_u', Field.caseId, 1);
  code.brTable(hot.map((ir) => (ir === null ? whole : labels.pop()!)), whole);
  const goOn = (c: Code): void => { c.set(RECORD); c.br(loop); };
  const leaveAt = (c: Code, exitKind: number): void => {
    c.set(address);
    c.i32(exitKind);
    c.set(kind);
    c.br(leaveTo);
  };
  const target = new InterpreterTarget(runtime, {
    goOn, leave: (c) => c.br(leave), fuel,
    shared: {
      whole, next, taken, leaveAt,
      indirect: (c) => { c.set(address); c.br(indirect); },
      wild: (c) => { c.set(wide); c.br(wild); },
    },
  });
  for (const ir of hot) {
    if (ir === null) continue;
    code.end();
    keep();
    emitCase(code, ir, target, () => code.br(next));
  }
  code.end();
  keep();
  storeFuel(code, fuel);
  code.get(RECORD);
  code.return();
  code.end();
  target.field(code, Field.imm);
  code.set(address);
  poll(target, code, () => code.get(address));
  const link = code.local(I);
  target.field(code, Field.link);
  code.tee(link);
  code.if();
  code.get(link);
  goOn(code);
  code.end();
  lookup(code, address, (found) => {
    // from now on without a lookup
    code.get(RECORD);
    code.get(found);
    code.mem('i32.atomic.store', Field.link, 2);
    code.get(found);
    goOn(code);
  });
  code.get(address);
  leaveAt(code, EngineExit.link);
  code.end();
  poll(target, code, () => code.get(address));
  stopAt(target, code, address);
  lookup(code, address, (found) => { code.get(found); goOn(code); });
  code.get(address);
  leaveAt(code, EngineExit.lookup);
  code.end();
  code.get(RECORD);
  code.i32(RECORD_SIZE);
  code.op('i32.add');
  goOn(code);
  code.end();
  code.end();
  noteRecord(code);
  code.get(CPU);
  code.get(wide);
  code.i32(Access.execute);
  code.get(wide);
  code.op('i32.wrap_i64');
  code.call(runtime.leaveFault);
  code.br(leave);
  code.end();
  code.get(CPU);
  code.get(RECORD);
  code.get(address);
  code.get(kind);
  code.call(runtime.leaveAt);
  code.end();
  storeFuel(code, fuel);
  code.i32(0);
  return code.finish();
}

function loadFuel(code: Code, fuel: number): void {
  code.get(CPU);
  code.mem('i32.load', EngineField.fuel, 2);
  code.set(fuel);
}

function storeFuel(code: Code, fuel: number): void {
  code.get(CPU);
  code.get(fuel);
  code.mem('i32.store', EngineField.fuel, 2);
}
