/** Makes the interpreter module at build time. Nothing here runs in the product. */
import { BodyEmitter } from '../../emit/body.ts';
import { IrBuilder } from '../../ir/builder.ts';
import { helperSignatures } from '../../ir/helpers.ts';
import { Field, ops } from '../../ir/ops.ts';
import { rows } from '../../isa/rows.ts';
import { Lift } from '../../lift/context.ts';
import { lifters } from '../../lift/lifters.ts';
import { Case, EngineExit, EngineField, FOREIGN_REGION, RECORD_SIZE } from '../../machine/codeLayout.ts';
import { Vector } from '../../machine/exit.ts';
import { Code } from '../../wasm/code.ts';
import { ModuleWriter } from '../../wasm/module.ts';
import { ByteSink } from '../../wasm/byteSink.ts';
import { WasmType } from '../../wasm/opcodes.ts';
import { ADDRESS_CASES, FIRST_ADDRESS_CASE } from './cases.ts';
import { shapesOf, type Shape } from './enumerate.ts';
import { fastBranch, fastBranches, fastBranchKey } from './fastBranch.ts';
import { isHot } from './hot.ts';
import { addEnter, addRuntime } from './runtime.ts';
import { addressRecord, RecordSource } from './source.ts';
import type { CaseEnd, RuntimeFunctions } from './caseCode.ts';
import { InterpreterTarget } from './target.ts';
import { goLink, goNext } from './transferCode.ts';

const I = WasmType.i32;
const letterTypes: Record<string, number> = { i: WasmType.i32, l: WasmType.i64, f: WasmType.f32, d: WasmType.f64, v: WasmType.v128 };

interface OneCase {
  ir: IrBuilder;
  /** Function body, for comparing and for the table. */
  body: Uint8Array;
  hot: boolean;
  name: string;
}

export interface Generated {
  module: Uint8Array;
  /** Mnemonics that no lifter serves. */
  missing: string[];
  cases: number;
  hot: number;
  keys: number;
  runBytes: number;
}

/** Ends of a case that is a function of its own: (cpu, record) -> next record, or 0. */
const functionEnd: CaseEnd = {
  goOn: (code) => code.return(),
  leave: (code) => { code.i32(0); code.return(); },
  fuel: -1,
};

/** The module's bytes. */
export function generateInterpreter(): Uint8Array {
  return generate().module;
}

export function generate(): Generated {
  const module = new ModuleWriter();
  module.importMemory('env', 'memory', 1, 65536);
  const helpers = new Map<string, number>();
  for (const [name, signature] of Object.entries(helperSignatures)) {
    const [params, result] = signature.split(':') as [string, string];
    const type = module.type([I, ...[...params].map((l) => letterTypes[l]!)], result === '' ? [] : [letterTypes[result]!]);
    helpers.set(name, module.importFunction('helpers', name, type));
  }
  const timeStamp = module.importFunction('env', 'timeStamp', module.type([], [WasmType.i64]));
  const miss = module.importFunction('env', 'miss', module.type([I, I, I, I], [I]));
  const runtime = addRuntime(module, (name) => helpers.get(name)!, timeStamp);
  const { cases, keys, missing } = collectCases(runtime);
  const hotCount = cases.findIndex((c) => !c.hot);
  const caseType = module.type([I, I], [I]);
  for (const one of cases) module.tableEntry(module.function(caseType, one.body));
  const run = runLoop(runtime, cases.slice(0, hotCount), caseType);
  module.exportFunction('run', module.function(module.type([I, I], []), run));
  module.exportFunction('step', module.function(caseType, stepBody(caseType)));
  module.exportFunction('statusFlags', runtime.statusFlags);
  module.exportFunction('enter', addEnter(module, runtime, miss));
  module.exportFunction('noRegion', module.function(runtime.regionType, noRegion()));
  module.exportTable('table');
  module.custom('cases', keyTable(keys));
  return { module: module.finish(), missing, cases: cases.length, hot: hotCount, keys: keys.size, runBytes: run.length };
}

function caseBody(runtime: RuntimeFunctions, ir: IrBuilder): Uint8Array {
  const code = new Code([I, I]), target = new InterpreterTarget(runtime, functionEnd);
  emitCase(code, ir, target);
  code.op('unreachable');
  return code.finish();
}

function emitCase(code: Code, ir: IrBuilder, target: InterpreterTarget): void {
  new BodyEmitter(code, ir.code, target).emit();
  const last = ir.code.length - 1;
  if (last < 0 || ops[ir.code.op[last]!]!.effect !== 'exit') goNext(target, code);
}

function collectCases(runtime: RuntimeFunctions): { cases: OneCase[]; keys: Map<number, number>; missing: string[] } {
  const fixed = fixedCases().map((ir, k): OneCase => ({ ir, body: caseBody(runtime, ir), hot: true, name: `fixed ${k}` }));
  const found = new Map<string, { one: OneCase; keys: number[] }>();
  const missing = new Set<string>();
  for (const row of rows) {
    const lifter = lifters[row.mnemonic];
    if (!lifter) { missing.add(row.mnemonic); continue; }
    for (const shape of shapesOf(row)) {
      const ir = liftShape(shape, lifter);
      const body = caseBody(runtime, ir);
      const text = binaryText(body);
      const known = found.get(text);
      if (known) { known.keys.push(shape.key); known.one.hot ||= isHot(row, shape); }
      else found.set(text, { one: { ir, body, hot: isHot(row, shape), name: `${row.mnemonic} ${row.encoding}` }, keys: [shape.key] });
    }
  }
  for (const { cc, ccOp } of fastBranches()) {
    const ir = new IrBuilder();
    fastBranch(ir, cc, ccOp);
    const body = caseBody(runtime, ir);
    found.set(binaryText(body), { one: { ir, body, hot: true, name: `jcc ${cc} after ${ccOp}` }, keys: [fastBranchKey(cc, ccOp)] });
  }
  const all = [...found.values()].sort((x, y) => Number(y.one.hot) - Number(x.one.hot));
  const keys = new Map<number, number>();
  all.forEach((entry, k) => { for (const key of entry.keys) keys.set(key, fixed.length + k); });
  return { cases: [...fixed, ...all.map((entry) => entry.one)], keys, missing: [...missing] };
}

function liftShape(shape: Shape, lifter: (c: Lift) => void): IrBuilder {
  const b = new IrBuilder();
  lifter(new Lift(b, shape.instruction, rows[shape.instruction.row]!, new RecordSource(shape.instruction, shape.form)));
  return b;
}

function binaryText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Cases 0..: stale, goto, invalid, too long, then the address records. */
function fixedCases(): IrBuilder[] {
  const list: IrBuilder[] = [];
  const add = (write: (b: IrBuilder) => void): void => {
    const b = new IrBuilder();
    write(b);
    list.push(b);
  };
  add((b) => { b.opImm('leaveHere', EngineExit.lookup); });
  add((b) => { b.op('follow'); });
  add((b) => { b.opImm('trap', Vector.UD); });
  add((b) => { b.opImm('trap', Vector.GP); });
  add((b) => { b.op('region'); });
  for (let kind = 0; kind < ADDRESS_CASES; kind++) add((b) => b.put(8, EngineField.ea, addressRecord(b, kind)));
  if (list.length !== FIRST_ADDRESS_CASE + ADDRESS_CASES || Case.tooLong !== 3) throw new Error('fixed cases');
  return list;
}

/** run(cpu, record): the loop. Hot cases are in it, the others are called. */
function runLoop(runtime: RuntimeFunctions, hot: readonly OneCase[], caseType: number): Uint8Array {
  const code = new Code([I, I]);
  const fuel = code.local(I);
  code.get(0);
  code.mem('i32.load', EngineField.fuel, 2);
  code.set(fuel);
  const leave = code.block(), loop = code.loop(), next = code.block(), taken = code.block(), fallback = code.block();
  const labels = hot.map(() => code.block()).reverse();
  code.get(1);
  code.mem('i32.load16_u', Field.caseId, 1);
  code.brTable(labels, fallback);
  const plain: CaseEnd = { goOn: (c) => { c.set(1); c.br(loop); }, leave: (c) => c.br(leave), fuel };
  const target = new InterpreterTarget(runtime, { ...plain, next: (c) => c.br(next), taken: (c) => c.br(taken) });
  for (const one of hot) {
    code.end();
    code.recycle();
    code.local(I); // fuel
    emitCase(code, one.ir, target);
  }
  code.end();
  code.get(0);
  code.get(1);
  code.get(1);
  code.mem('i32.load16_u', Field.caseId, 1);
  code.callIndirect(caseType);
  code.tee(1);
  code.brIf(loop);
  code.br(leave);
  code.end();
  code.recycle();
  code.local(I);
  goLink(new InterpreterTarget(runtime, plain), code, code.local(I), true);
  code.end();
  code.get(1);
  code.i32(RECORD_SIZE);
  code.op('i32.add');
  plain.goOn(code);
  code.end();
  code.end();
  code.get(0);
  code.get(fuel);
  code.mem('i32.store', EngineField.fuel, 2);
  return code.finish();
}

/** What lies in the table where this worker has no region. */
function noRegion(): Uint8Array {
  const code = new Code([I, I]);
  code.i32(FOREIGN_REGION);
  return code.finish();
}

/** step(cpu, record): one record. */
function stepBody(caseType: number): Uint8Array {
  const code = new Code([I, I]);
  code.get(0);
  code.get(1);
  code.get(1);
  code.mem('i32.load16_u', Field.caseId, 1);
  code.callIndirect(caseType);
  return code.finish();
}

/** All keys as u32 in ascending order, then their cases as u16. */
function keyTable(keys: Map<number, number>): Uint8Array {
  const out = new ByteSink(keys.size * 6), sorted = [...keys].sort((x, y) => x[0] - y[0]);
  for (const [key] of sorted) out.u32(key);
  for (const [, number] of sorted) {
    out.u8(number & 0xff);
    out.u8(number >> 8);
  }
  return out.view();
}

