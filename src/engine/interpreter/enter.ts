/** Calls of translated regions to what is not known to be translated. */
import { Field } from '../../ir/ops.ts';
import { Case, EngineExit, EngineField, FOREIGN_REGION, Globals, MISS_FUEL } from '../../machine/codeLayout.ts';
import { Cpu, SP } from '../../machine/cpuState.ts';
import { Code } from '../../wasm/code.ts';
import type { ModuleWriter } from '../../wasm/module.ts';
import { WasmType } from '../../wasm/opcodes.ts';
import type { RuntimeFunctions } from './caseCode.ts';
import { findRecord } from './jumpCacheCode.ts';

const I = WasmType.i32, L = WasmType.i64;

/** Parameters of enter(). */
const CPU = 0, PC = 1, DEPTH = 2, RETURN_TO = 3;

/** Fields that say where an activation ends; they are its caller's again behind it. */
const ACTIVATION = [EngineField.depth, EngineField.stop, EngineField.stopSp];

/** What enter() calls: numbers in the module. */
export interface Activations {
  /** (cpu, record): the interpreter. */
  readonly run: number;
  /** (cpu, pc, returnTo) -> i32, in the dispatcher: an activation from `pc` on, or from Cpu.rip on if it is -1. Result as that of enter(). */
  readonly miss: number;
  /** (cpu, dropped, returnTo) -> i32: the same from where run() has left; `dropped`: Globals.regionsDropped when the activation began. */
  readonly goOn: number;
}

/**
 * enter(cpu, pc, depth, returnTo): runs translated regions from `pc` on until the guest is at `returnTo`. What has no region,
 * and what a region leaves to the interpreter (-1), is interpreted in an activation of its own. Returns another
 * address than `returnTo` when everything has to unwind to the dispatcher.
 */
export function addEnter(module: ModuleWriter, run: RuntimeFunctions, activations: Activations): number {
  const code = new Code([I, I, I, I]), record = code.local(I), next = code.local(I), entry = code.local(L);
  const again = code.loop(), missing = code.block(), decoded = code.block();
  findRecord(code, PC, entry, run.lookup);
  code.set(record);
  // -1 is no address of an entry that has a record.
  code.get(PC);
  code.i32(-1);
  code.op('i32.eq');
  code.get(record);
  code.op('i32.eqz');
  code.op('i32.or');
  code.brIf(missing);
  code.get(record);
  code.mem('i32.load16_u', Field.caseId, 1);
  code.i32(Case.region);
  code.op('i32.ne');
  code.brIf(decoded);
  code.get(record);
  code.mem('i32.load', Field.link, 2);
  code.tableSize();
  code.op('i32.ge_u');
  code.brIf(decoded);
  code.get(CPU);
  code.get(DEPTH);
  code.get(record);
  code.mem('i32.load', Field.link, 2);
  code.callIndirect(run.regionType);
  code.tee(next);
  code.i32(FOREIGN_REGION);
  code.op('i32.eq');
  code.brIf(decoded);
  code.get(next);
  code.tee(PC);
  code.get(RETURN_TO);
  code.op('i32.eq');
  code.if();
  code.get(PC);
  code.return();
  code.end();
  code.get(CPU);
  code.mem('i32.load', Cpu.interrupt, 2);
  code.op('i32.eqz');
  code.brIf(again);
  code.get(PC);
  code.return();
  code.end();
  // The dispatcher is asked now and then: it counts what is hot.
  code.get(CPU);
  code.get(CPU);
  code.mem('i32.load', EngineField.fuel, 2);
  code.i32(MISS_FUEL);
  code.op('i32.sub');
  code.tee(next);
  code.mem('i32.store', EngineField.fuel, 2);
  code.get(next);
  code.i32(0);
  code.op('i32.le_s');
  code.brIf(missing);
  activation(code, () => interpretFrom(code, record, next, activations));
  code.return();
  code.end();
  activation(code, () => {
    code.get(CPU);
    code.get(PC);
    code.get(RETURN_TO);
    code.call(activations.miss);
  });
  code.return();
  code.end();
  code.op('unreachable');
  return module.function(module.type([I, I, I, I], [I]), code.finish());
}

/** Does what `body` emits, whose i32 stays on the stack, in an activation that ends at RETURN_TO. */
function activation(code: Code, body: () => void): void {
  const outer = ACTIVATION.map(() => code.local(I));
  ACTIVATION.forEach((field, k) => {
    code.get(CPU);
    code.mem('i32.load', field, 2);
    code.set(outer[k]!);
  });
  const begin = (field: number, value: () => void): void => {
    code.get(CPU);
    value();
    code.mem('i32.store', field, 2);
  };
  begin(EngineField.depth, () => code.get(DEPTH));
  begin(EngineField.stop, () => code.get(RETURN_TO));
  begin(EngineField.stopSp, () => { code.get(CPU); code.mem('i32.load', SP, 2); });
  begin(EngineField.region, () => code.i32(0));
  body();
  ACTIVATION.forEach((field, k) => begin(field, () => code.get(outer[k]!)));
}

/** Runs the interpreter from `record` on; what it leaves for before the activation has ended is the dispatcher's. */
function interpretFrom(code: Code, record: number, dropped: number, { run, goOn }: Activations): void {
  const regionsDropped = (): void => {
    code.i32(0);
    code.mem('i32.load', Globals.regionsDropped, 2);
  };
  regionsDropped();
  code.set(dropped);
  code.get(CPU);
  code.i32(0);
  code.mem('i32.store', EngineField.unwinding, 2);
  code.get(CPU);
  code.get(record);
  code.call(run);
  code.get(CPU);
  code.mem('i32.load', EngineField.exitKind, 2);
  code.i32(EngineExit.stop);
  code.op('i32.eq');
  regionsDropped();
  code.get(dropped);
  code.op('i32.eq');
  code.op('i32.and');
  code.if(I);
  code.get(RETURN_TO);
  code.else();
  code.get(CPU);
  code.get(dropped);
  code.get(RETURN_TO);
  code.call(goOn);
  code.end();
}
