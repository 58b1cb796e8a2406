import { CcOp, Cpu, Eflags, Gpr } from '../machine/cpuState.ts';
import { Case, EngineExit, EngineField, Globals } from '../machine/codeLayout.ts';
import { Access, Exit, Vector } from '../machine/exit.ts';
import { LocalAnswer, type LocalAnswerCode } from '../machine/localState.ts';
import { Reply, type ReplyCode } from '../machine/mailbox.ts';
import { RecentMemories } from '../machine/recentMemories.ts';
import { Field } from '../ir/ops.ts';
import { CodeCache, INTERRUPT_ENGINE } from './codeCache.ts';
import { FIRST_ADDRESS_CASE, FIRST_CASE } from './interpreter/cases.ts';
import { DecodedRuns } from './decodedRuns.ts';
import { Heats } from './heats.ts';
import { CaseTable } from './record.ts';
import { refineRefusal } from './refusals.ts';
import { type RegionHost, Regions } from './regions.ts';
import { SegmentedProcessor } from './segmented/segmentedProcessor.ts';
import type { Translator } from './translate/translation.ts';

export interface GuestThreadOptions {
  interpreterModule: WebAssembly.Module;
  /** The one for tall address spaces (memoryLayout.ts): asked for once, when a process has such a one. */
  tallInterpreter: () => WebAssembly.Module;
  helpersModule: WebAssembly.Module;
  /** Posts the slot and blocks until the kernel has answered. */
  mailbox: { call(slot: number): ReplyCode };
  /** Translates hot code, on another thread; without it everything is interpreted. */
  translator?: Translator;
  /** Memory for DecodedRuns, the same for all workers. */
  decodedRuns?: SharedArrayBuffer;
  /** Answers some system calls in the worker; what `waits` goes on as a mailbox call does. */
  local?: { answer(memory: WebAssembly.Memory, cpu: number): LocalAnswerCode; wait(slot: number): ReplyCode };
}

interface InterpreterExports extends RegionHost {
  run(cpu: number, record: number): void;
  step(cpu: number, record: number): number;
}

/** Jumps between two samples of what is hot. */
const SAMPLE_FUEL = 4000;
/**
 * The number varies by a half around it: with the same each time, a loop whose round has a divisor of it as its jumps was seen at one
 * place only, and its other places were never translated (a loop of Lua's took up to three times as long, in every other run).
 */
const FUEL_SPREAD = 4096;
/** Thrown through nested activations when the thread ends. */
const LEAVE = { reason: 'the thread leaves' };
/** The same when the address space has become tall: what is on the host's stack is for another. */
const TALLER = { reason: 'the address space has become tall' };

/** What serves all processes of a worker, one after another. */
interface WorkerState {
  readonly cases: CaseTable;
  readonly runs: DecodedRuns | null;
  readonly heats: Heats;
}

/** One process's memory with the interpreter bound to it. */
class Machine {
  readonly memory: WebAssembly.Memory;
  readonly code: CodeCache;
  readonly interpreter: InterpreterExports;
  readonly regions: Regions;
  readonly segmented: SegmentedProcessor;
  /** It takes the address space for a tall one. */
  readonly tall: boolean;

  constructor(memory: WebAssembly.Memory, tall: boolean, module: WebAssembly.Module, options: GuestThreadOptions, shared: WorkerState, miss: RegionHost['enter']) {
    const { cases, runs, heats } = shared;
    this.memory = memory;
    this.tall = tall;
    this.code = new CodeCache(memory, cases, runs);
    const helpers = new WebAssembly.Instance(options.helpersModule, { env: { memory, abort: helperAbort } });
    const timeStamp = (): bigint => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6));
    const learn: RegionHost['learn'] = (slot, place, address) => this.regions.learn(slot, place, address >>> 0);
    const instance = new WebAssembly.Instance(module, { env: { memory, timeStamp, miss, learn }, helpers: helpers.exports });
    this.interpreter = instance.exports as unknown as InterpreterExports;
    this.segmented = new SegmentedProcessor(this.code, this.interpreter, cases);
    this.regions = new Regions(memory, this.code, this.interpreter, helpers.exports, options.translator ?? null, heats, tall);
  }

  /** Another thread begins, maybe of another process. */
  restart(): void {
    this.code.restart();
    this.regions.restart();
  }
}

function helperAbort(): never {
  throw new Error('a compiled helper has failed');
}

/** Runs guest threads on the worker's thread: interpreter until it stops, then the local hook or the kernel, then on. */
export class GuestThread {
  private readonly options: GuestThreadOptions;
  private readonly shared: WorkerState;
  private tallModule: WebAssembly.Module | null = null;
  private machine: Machine | null = null;
  private memoryId = 0;
  private readonly recent = new RecentMemories<Machine>();
  private slot = 0;
  /** State of nextFuel(). */
  private random = 1;
  /** Regions were dropped below a nested dispatcher: whatever was called by regions before gives up as well (see nested). */
  private unwinding = false;

  constructor(options: GuestThreadOptions) {
    this.options = options;
    const section = WebAssembly.Module.customSections(options.interpreterModule, 'cases')[0];
    if (!section) throw new Error('the interpreter module has no case table');
    const runs = options.decodedRuns === undefined ? null : new DecodedRuns(options.decodedRuns);
    this.shared = { cases: new CaseTable(section), runs, heats: new Heats() };
  }

  /** Regions of the present process that this worker has instances of. */
  get regionCount(): number {
    return this.machine?.regions.count ?? 0;
  }

  /** From now on it runs in this memory, which is null when it is one of the last (machine/recentMemories.ts). */
  attach(memoryId: number, memory: WebAssembly.Memory | null): void {
    this.memoryId = memoryId;
    this.machine = this.recent.use(memoryId, () => {
      this.shared.heats.fade();
      return this.makeMachine(memory!);
    });
  }

  private makeMachine(memory: WebAssembly.Memory): Machine {
    const tall = new Int32Array(memory.buffer)[Globals.tall >> 2] !== 0;
    if (tall) this.tallModule ??= this.options.tallInterpreter();
    const miss: RegionHost['enter'] = (cpuOf, pc, depth, returnTo) => this.nested(cpuOf, pc, depth, returnTo);
    return new Machine(memory, tall, tall ? this.tallModule! : this.options.interpreterModule, this.options, this.shared, miss);
  }

  /** The attached memory's, for the address space that it is now. Records serve both; regions are each worker's own. */
  private presentMachine(): Machine {
    const { machine, memoryId } = this;
    if (!isOutgrown(machine!)) return machine!;
    this.recent.forget(memoryId);
    this.machine = this.recent.use(memoryId, () => this.makeMachine(machine!.memory));
    return this.machine;
  }

  forget(memoryId: number): void {
    this.recent.forget(memoryId);
    this.machine = null;
  }

  /** Returns when the kernel answers `leave`. */
  run(cpu: number, slot: number): void {
    this.slot = slot;
    while (this.runAs(this.presentMachine(), cpu));
  }

  /** True: the address space has become tall, the thread goes on as another machine's. */
  private runAs(machine: Machine, cpu: number): boolean {
    machine.restart();
    const words = machine.code.current().words;
    words[(cpu + EngineField.depth) >> 2] = 0;
    words[(cpu + EngineField.region) >> 2] = 0;
    words[(cpu + EngineField.fuel) >> 2] = this.nextFuel();
    try {
      this.activation(machine, cpu, -1, 0);
    } catch (error) {
      if (error !== LEAVE && error !== TALLER) throw error;
      return error === TALLER;
    }
    return false;
  }

  /** A linear congruential generator (Numerical Recipes), whose high bits are good enough. */
  private nextFuel(): number {
    this.random = (Math.imul(this.random, 1664525) + 1013904223) >>> 0;
    return SAMPLE_FUEL - FUEL_SPREAD / 2 + Math.floor((this.random / 2 ** 32) * FUEL_SPREAD);
  }

  /** Runs the guest until it is at `stop` with its stack above `stopSp`; -1: never. */
  private activation(machine: Machine, cpu: number, stop: number, stopSp: number): void {
    for (;;) {
      if (this.interpret(machine, cpu, stop, stopSp)) return;
      const { local, mailbox } = this.options, answer = local === undefined ? LocalAnswer.pass : local.answer(machine.memory, cpu);
      if (answer === LocalAnswer.done) continue;
      this.settleFlags(machine, cpu);
      if ((answer === LocalAnswer.waits ? local!.wait(this.slot) : mailbox.call(this.slot)) === Reply.leave) throw LEAVE;
      if (isOutgrown(machine)) throw TALLER;
    }
  }

  /**
   * A call inside a region came to something that is not translated: the dispatcher again, until the call has returned. When
   * regions were dropped meanwhile the callers' code may be among them: everything unwinds (-1), also where a caller asks to go on
   * because its callee has given up.
   */
  private nested(cpu: number, pc: number, depth: number, returnTo: number): number {
    const machine = this.machine!, code = machine.code;
    const words = code.current().words, dropped = words[Globals.regionsDropped >> 2];
    if (pc === -1 && this.unwinding) return -1;
    this.unwinding = false;
    if (pc !== -1) {
      setRip(words, cpu, pc);
      // It may only have lost its place in the jump cache.
      const here = code.lookup(pc >>> 0, cpu) !== 0 && machine.regions.canEnter(pc >>> 0) && words[Globals.regionsDropped >> 2] === dropped;
      if (here) return machine.interpreter.enter(cpu, pc, depth, returnTo);
      machine.regions.missed(pc >>> 0, cpu);
    }
    const outer = words[(cpu + EngineField.depth) >> 2]!;
    words[(cpu + EngineField.depth) >> 2] = depth;
    words[(cpu + EngineField.region) >> 2] = 0;
    code.hold(returnTo >>> 0);
    this.activation(machine, cpu, returnTo >>> 0, words[(cpu + SP) >> 2]! >>> 0);
    code.unhold();
    const after = code.current().words;
    after[(cpu + EngineField.depth) >> 2] = outer;
    // Back in translated code, which follows records.
    enter(after, cpu);
    machine.regions.renew();
    this.unwinding = after[Globals.regionsDropped >> 2] !== dropped;
    return this.unwinding ? -1 : returnTo;
  }

  /** The kernel finds the status flags as a plain value (`CcOp.eflags`). */
  private settleFlags(machine: Machine, cpu: number): void {
    const words = machine.code.current().words;
    words[(cpu + Cpu.ccSrc) >> 2] = machine.interpreter.statusFlags(cpu);
    words[(cpu + Cpu.ccOp) >> 2] = CcOp.eflags;
  }

  /** Runs until something is the kernel's (false), or the guest is at `stop` with its stack above `stopSp` (true). */
  private interpret(machine: Machine, cpu: number, stop: number, stopSp: number): boolean {
    const code = machine.code;
    let words = code.current().words;
    let from = 0, generation = 0;
    for (;;) {
      enter(words, cpu);
      if (machine.segmented.isNeeded(cpu)) {
        machine.segmented.run(cpu);
        leave(words, cpu);
        words = code.current().words;
        if (words[(cpu + EngineField.exitKind) >> 2] !== EngineExit.kernel || this.isOwnInterrupt(words, cpu)) continue;
        refineRefusal(code.current(), cpu);
        return false;
      }
      const rip = words[(cpu + Cpu.rip) >> 2]! >>> 0;
      if (words[(cpu + Cpu.rip + 4) >> 2] !== 0) return leaveFetchFault(words, cpu, rip);
      // Under TF nothing goes back into a region: it would not stop after each instruction.
      if (rip === stop && words[(cpu + SP) >> 2]! >>> 0 > stopSp && (words[(cpu + Cpu.eflagsSystem) >> 2]! & Eflags.TF) === 0) {
        leave(words, cpu);
        return true;
      }
      const record = code.lookup(rip, cpu);
      if (record === 0) {
        leave(words, cpu);
        return leaveFetchFault(words, cpu, code.faultAddress);
      }
      const found = code.generation;
      if (from !== 0) code.connect(from, record, generation, cpu);
      from = 0;
      // While it waited for the lock all records may have been dropped, this one too.
      if (code.generation !== found) continue;
      machine.regions.renew();
      generation = found;
      if ((words[(cpu + Cpu.eflagsSystem) >> 2]! & Eflags.TF) !== 0) {
        if (this.singleStep(machine, cpu, record)) return false;
        continue;
      }
      this.unwinding = false;
      machine.interpreter.run(cpu, record);
      leave(words, cpu);
      words = code.current().words;
      switch (words[(cpu + EngineField.exitKind) >> 2]) {
        case EngineExit.kernel:
          if (this.isOwnInterrupt(words, cpu)) continue;
          refineRefusal(code.current(), cpu);
          return false;
        case EngineExit.link: from = words[(cpu + EngineField.exitRecord) >> 2]!; break;
        case EngineExit.lookup: from = staleRecord(code, words, cpu); break;
        case EngineExit.codeWrite: if (this.writeOverCode(machine, cpu)) return false; break;
        case EngineExit.segments: if (!machine.segmented.one(cpu)) return false; break;
        case EngineExit.fuel:
          words[(cpu + EngineField.fuel) >> 2] = this.nextFuel();
          words[(cpu + EngineField.sampled) >> 2] = words[(cpu + Cpu.rip) >> 2]!;
          machine.regions.sample(words[(cpu + Cpu.rip) >> 2]! >>> 0, cpu);
          break;
        default: break;
      }
    }
  }

  /** Another thread wanted everybody out; the kernel may have wanted something too. */
  private isOwnInterrupt(words: Int32Array, cpu: number): boolean {
    if (words[(cpu + Cpu.exitReason) >> 2] !== Exit.interrupt) return false;
    const before = Atomics.and(words, (cpu + Cpu.interrupt) >> 2, ~INTERRUPT_ENGINE);
    return (before & ~INTERRUPT_ENGINE) === 0;
  }

  /** One instruction from `record`; then #DB unless it left by itself. Returns whether the kernel is wanted. */
  private singleStep(machine: Machine, cpu: number, record: number): boolean {
    const next = this.stepInstruction(machine, cpu, record), words = machine.code.current().words;
    leave(words, cpu);
    if (next === 0) {
      const kind = words[(cpu + EngineField.exitKind) >> 2];
      if (kind === EngineExit.kernel) {
        // a system call under TF traps when it returns; the kernel's signal code sees TF in eflags
        refineRefusal(machine.code.current(), cpu);
        return !this.isOwnInterrupt(words, cpu);
      }
      if (kind === EngineExit.codeWrite) return this.writeOverCode(machine, cpu);
      if (kind === EngineExit.segments && !machine.segmented.one(cpu)) return true;
    } else setRip(words, cpu, words[(next + Field.rip) >> 2]! >>> 0);
    words[(cpu + Cpu.exitReason) >> 2] = Exit.trap;
    words[(cpu + Cpu.exitCode) >> 2] = Vector.DB;
    words[(cpu + EngineField.exitKind) >> 2] = EngineExit.kernel;
    return true;
  }

  /** With its address record, and along forwarding records first. */
  private stepInstruction(machine: Machine, cpu: number, record: number): number {
    let at = record;
    for (;;) {
      const { halves, words } = machine.code.current();
      // not the region that begins here: the instruction itself
      if (halves[at >> 1] === Case.region) at = words[(at + Field.imm) >> 2]!;
      const caseId = halves[at >> 1]!;
      const next = machine.interpreter.step(cpu, at);
      const prefix = caseId === Case.goto || (caseId >= FIRST_ADDRESS_CASE && caseId < FIRST_CASE);
      if (next === 0 || !prefix) return next;
      at = next;
    }
  }

  /**
   * The instruction at rip writes into bytes that have been decoded: drops that code and runs this one instruction with the write
   * allowed. Returns whether the kernel is wanted.
   */
  private writeOverCode(machine: Machine, cpu: number): boolean {
    const { code } = machine;
    let { words } = code.current();
    const addr = words[(cpu + Cpu.exitAddr) >> 2]! >>> 0, length = words[(cpu + EngineField.writeLength) >> 2]!;
    enter(words, cpu);
    const next = code.overwrite(addr, length, cpu, () => {
      const record = code.lookupLocked(words[(cpu + Cpu.rip) >> 2]! >>> 0, cpu, 1);
      if (record === 0) return -1;
      words[(cpu + EngineField.allowWrite) >> 2] = 1;
      const after = this.stepInstruction(machine, cpu, record);
      words = code.current().words;
      words[(cpu + EngineField.allowWrite) >> 2] = 0;
      return after;
    });
    if (next === -1) {
      leave(words, cpu);
      leaveFetchFault(words, cpu, code.faultAddress);
      return true;
    }
    leave(words, cpu);
    if (next !== 0) setRip(words, cpu, words[(next + Field.rip) >> 2]! >>> 0);
    else if (words[(cpu + EngineField.exitKind) >> 2] === EngineExit.kernel) return !this.isOwnInterrupt(words, cpu);
    return false;
  }
}

function isOutgrown({ code, tall }: Machine): boolean {
  return (code.current().words[Globals.tall >> 2] !== 0) !== tall;
}

/** The low half of the stack pointer. */
const SP = Cpu.gpr + 8 * Gpr.rsp;

/** The record that left, if it was a dropped one (which may then forward to the new one). */
function staleRecord(code: CodeCache, words: Int32Array, cpu: number): number {
  const record = words[(cpu + EngineField.exitRecord) >> 2]!;
  if (code.current().halves[record >> 1] !== 0) return 0;
  return words[(record + Field.rip) >> 2] === words[(cpu + Cpu.rip) >> 2] ? record : 0;
}

function setRip(words: Int32Array, cpu: number, rip: number): void {
  words[(cpu + Cpu.rip) >> 2] = rip;
  words[(cpu + Cpu.rip + 4) >> 2] = 0;
}

function enter(words: Int32Array, cpu: number): void {
  for (;;) {
    Atomics.store(words, (cpu + EngineField.inside) >> 2, 1);
    if (Atomics.load(words, Globals.flushing >> 2) === 0) return;
    Atomics.store(words, (cpu + EngineField.inside) >> 2, 0);
  }
}

function leave(words: Int32Array, cpu: number): void {
  Atomics.store(words, (cpu + EngineField.inside) >> 2, 0);
}

function leaveFetchFault(words: Int32Array, cpu: number, addr: number): false {
  leave(words, cpu);
  words[(cpu + Cpu.exitReason) >> 2] = Exit.fault;
  words[(cpu + Cpu.exitCode) >> 2] = Access.execute;
  words[(cpu + Cpu.exitAddr) >> 2] = addr;
  words[(cpu + Cpu.exitAddr + 4) >> 2] = words[(cpu + Cpu.rip + 4) >> 2]!;
  words[(cpu + EngineField.exitKind) >> 2] = EngineExit.kernel;
  return false;
}

