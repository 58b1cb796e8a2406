/** Makes the interpreter module at build time. Nothing here runs in the product. */
import { IrBuilder } from '../../ir/builder.ts';
import { helperSignatures } from '../../ir/helpers.ts';
import { Field } from '../../ir/ops.ts';
import { rows } from '../../isa/rows.ts';
import { lifters } from '../../lift/lifters.ts';
import { Case, EngineExit, EngineField, FOREIGN_REGION } from '../../machine/codeLayout.ts';
import { Vector } from '../../machine/exit.ts';
import { ADDRESS_BITS, TALL_ADDRESS_BITS } from '../../machine/memoryLayout.ts';
import { Code } from '../../wasm/code.ts';
import { ModuleWriter } from '../../wasm/module.ts';
import { ByteSink } from '../../wasm/byteSink.ts';
import { WasmType } from '../../wasm/opcodes.ts';
import { ADDRESS_CASES, FIRST_ADDRESS_CASE } from './cases.ts';
import { shapesOf } from './enumerate.ts';
import { type Fusible, fused, fusedName } from './fusedCases.ts';
import { followers } from './fusedPairs.ts';
import { isHot } from './hot.ts';
import { expectedFlags, knownFlagsKey } from './knownFlags.ts';
import { liftShape } from './liftShape.ts';
import { emitCase, isFreeOfCalls, run, runLoop } from './runLoop.ts';
import { addEnter } from './enter.ts';
import { addRuntime } from './runtime.ts';
import { addressRecord } from './source.ts';
import type { CaseEnd, RuntimeFunctions } from './caseCode.ts';
import { InterpreterTarget } from './target.ts';
import { goNext } from './transferCode.ts';

const I = WasmType.i32;
const letterTypes: Record<string, number> = { i: WasmType.i32, l: WasmType.i64, f: WasmType.f32, d: WasmType.f64, v: WasmType.v128 };

interface OneCase {
  /** What stands in the loop, if it is hot. */
  ir: IrBuilder;
  /** Function body, for the table. */
  body: Uint8Array;
  hot: boolean;
  name: string;
  /** The two cases that it stands for. */
  fused?: { readonly first: number; readonly second: number };
  /** Of a hot case: what it may be made from, by what fusedPairs.ts calls that. (mov and movsxd of 4 bytes are one case.) */
  fusible?: Map<string, Fusible>;
}

export interface Generated {
  module: Uint8Array;
  /** Mnemonics that no lifter serves. */
  missing: string[];
  /** Fused cases, as fusedPairs.ts calls the two. */
  pairs: string[];
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

/** The module's bytes; `tall`: for tall address spaces. Both have the same cases by the same numbers, so that records serve both. */
export function generateInterpreter(tall = false): Uint8Array {
  return generate(tall).module;
}

export function generate(tall = false): Generated {
  const module = new ModuleWriter();
  module.importMemory('env', 'memory', 1, 65536);
  const helpers = new Map<string, number>();
  for (const [name, signature] of Object.entries(helperSignatures)) {
    const [params, result] = signature.split(':') as [string, string];
    const type = module.type([I, ...[...params].map((l) => letterTypes[l]!)], result === '' ? [] : [letterTypes[result]!]);
    helpers.set(name, module.importFunction('helpers', name, type));
  }
  const timeStamp = module.importFunction('env', 'timeStamp', module.type([], [WasmType.i64]));
  const miss = module.importFunction('env', 'miss', module.type([I, I, I], [I])), goOn = module.importFunction('env', 'goOn', module.type([I, I, I], [I]));
  const learn = module.importFunction('env', 'learn', module.type([I, I, I], [I]));
  const runtime = addRuntime(module, (name) => helpers.get(name)!, timeStamp, tall ? TALL_ADDRESS_BITS : ADDRESS_BITS);
  const { cases, keys, missing } = collectCases(runtime);
  const inLoop = cases.slice(0, cases.findLastIndex((c) => c.hot) + 1).map((c) => (c.hot ? c.ir : null));
  const caseType = module.type([I, I], [I]);
  const functions: number[] = [];
  for (const one of cases) {
    const number = one.fused === undefined ? module.function(caseType, one.body) : functions[one.fused.first]!;
    functions.push(number);
    module.tableEntry(number);
  }
  const loop = runLoop(runtime, inLoop), loops = module.function(caseType, loop);
  const runs = module.function(module.type([I, I], []), run(runtime, loops, caseType));
  module.exportFunction('run', runs);
  // For who has it compiled beforehand.
  module.exportFunction('loop', loops);
  module.exportFunction('step', module.function(caseType, stepBody(caseType)));
  module.exportFunction('statusFlags', runtime.statusFlags);
  module.exportFunction('enter', addEnter(module, runtime, { run: runs, miss, goOn }));
  // Regions import it from here: V8 makes a way out to JavaScript for each module that has one.
  module.exportFunction('learn', module.function(module.type([I, I, I], [I]), learnBody(learn)));
  module.exportFunction('noRegion', module.function(runtime.regionType, noRegion()));
  module.exportTable('table');
  module.custom('cases', keyTable(keys));
  module.custom('fused', fusedTable(cases));
  const pairs = cases.flatMap((one) => (one.fused === undefined ? [] : [one.name]));
  return { module: module.finish(), missing, pairs, cases: cases.length, hot: inLoop.length, keys: keys.size, runBytes: loop.length };
}

function learnBody(learn: number): Uint8Array {
  const code = new Code([I, I, I]);
  for (const parameter of [0, 1, 2]) code.get(parameter);
  code.call(learn);
  return code.finish();
}

function caseBody(runtime: RuntimeFunctions, ir: IrBuilder): Uint8Array {
  const code = new Code([I, I]), target = new InterpreterTarget(runtime, functionEnd);
  emitCase(code, ir, target, () => goNext(target, code));
  code.op('unreachable');
  return code.finish();
}

/** Cases with the same code are one case. */
class Collection {
  private readonly byText = new Map<string, { one: OneCase; keys: number[] }>();

  /** `fusible`: of a hot case. */
  add(key: number, text: string, make: () => OneCase, fusible: Fusible | null): void {
    let known = this.byText.get(text);
    if (known === undefined) this.byText.set(text, (known = { one: make(), keys: [] }));
    known.keys.push(key);
    if (fusible === null) return;
    known.one.hot = true;
    known.one.fusible ??= new Map();
    const name = fusedName(fusible);
    if (!known.one.fusible.has(name)) known.one.fusible.set(name, fusible);
  }

  /** Hot cases first. */
  sorted(): { one: OneCase; keys: number[] }[] {
    return [...this.byText.values()].sort((x, y) => Number(y.one.hot) - Number(x.one.hot));
  }
}

function collectCases(runtime: RuntimeFunctions): { cases: OneCase[]; keys: Map<number, number>; missing: string[] } {
  const fixed = fixedCases().map((ir, k): OneCase => ({ ir, body: caseBody(runtime, ir), hot: k === Case.goto || k >= FIRST_ADDRESS_CASE, name: `fixed ${k}` }));
  const found = new Collection();
  const missing = new Set<string>();
  for (const row of rows) {
    const lifter = lifters[row.mnemonic];
    if (!lifter) { missing.add(row.mnemonic); continue; }
    for (const shape of shapesOf(row)) {
      const ir = liftShape(shape, lifter), body = caseBody(runtime, ir), text = binaryText(body), name = `${row.mnemonic} ${row.encoding}`;
      const wanted = isHot(row, shape), hot = wanted && isFreeOfCalls(ir);
      found.add(shape.key, text, () => ({ ir, body, hot, name }), hot ? { shape, lifter, ccOp: -1 } : null);
      if (!wanted) continue;
      for (const ccOp of expectedFlags(row)) {
        const known = (): OneCase => ({ ir: liftShape(shape, lifter, ccOp), body, hot: true, name: `${name} after ${ccOp}` });
        found.add(knownFlagsKey(shape.instruction, shape.form, ccOp), `${ccOp} ${text}`, known, { shape, lifter, ccOp });
      }
    }
  }
  const all = found.sorted(), hot = all.filter(({ one }) => one.hot), cold = all.slice(hot.length), keys = new Map<number, number>();
  const cases = [...fixed, ...hot.map(({ one }) => one)], pairs = fusedCases(cases);
  const number = (list: typeof all, from: number): void => list.forEach((entry, k) => { for (const key of entry.keys) keys.set(key, from + k); });
  number(hot, fixed.length);
  number(cold, cases.length + pairs.length);
  return { cases: [...cases, ...pairs, ...cold.map(({ one }) => one)], keys, missing: [...missing] };
}

/** A case for each pair that fusedPairs.ts names. */
function fusedCases(cases: readonly OneCase[]): OneCase[] {
  const pairs: OneCase[] = [];
  const add = (first: number, second: number): void => {
    for (const [name, one] of cases[first]!.fusible!) for (const [then, other] of cases[second]!.fusible!) {
      const ir = followers.get(name)?.has(then) === true ? fused(one, other) : null;
      if (ir === null || !isFreeOfCalls(ir)) continue;
      pairs.push({ ir, body: cases[first]!.body, hot: true, name: `${name}, ${then}`, fused: { first, second } });
      return;
    }
  };
  const hot = cases.flatMap((one, k) => (one.fusible === undefined ? [] : [k]));
  for (const first of hot) if ([...cases[first]!.fusible!.keys()].some((name) => followers.has(name))) for (const second of hot) add(first, second);
  return pairs;
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

/** The number of the first fused case, then for each its two cases; all u16. */
function fusedTable(cases: readonly OneCase[]): Uint8Array {
  const pairs = cases.filter((one) => one.fused !== undefined), out = new ByteSink(2 + pairs.length * 4);
  const half = (n: number): void => {
    out.u8(n & 0xff);
    out.u8(n >> 8);
  };
  half(cases.findIndex((one) => one.fused !== undefined));
  for (const { fused: pair } of pairs) {
    half(pair!.first);
    half(pair!.second);
  }
  return out.view();
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

