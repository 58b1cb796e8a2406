import { CcOp, Cpu, Eflags } from '../machine/cpuState.ts';
import { Case, EngineExit, EngineField, Globals, SAMPLE_FUEL } from '../machine/codeLayout.ts';
import { Exit, STEPPED } from '../machine/exit.ts';
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
import { enter, isAtStop, leave, leaveFetchFault, setRip } from './threadState.ts';
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

/**
 * The number varies by a half around it: with the same each time, a loop whose round has a divisor of it as its jumps was seen at one
 * place only, and its other places were never translated (a loop of Lua's took up to three times as long, in every other run).
 */
const FUEL_SPREAD = 4096;
/** Thrown through nested activations when the thread ends. */
const LEAVE = { reason: 'the thread leaves' };
/** The same when the address space has become tall: what is on the host's stack is for another. */
const TALLER = { reason: 'the address space has become tall' };

/** What the interpreter calls for activations that it cannot run by itself: see Activations of interpreter/enter.ts. */
interface Dispatcher {
  miss(cpu: number, pc: number, returnTo: number): number;
  goOn(cpu: number, dropped: number, returnTo: number): number;
}

/** What serves all processes of a worker, one after another. */
interface WorkerState {
  readonly cases: CaseTable;
  readonly runs: DecodedRuns | null;
  readonly heats: Heats;
}

/** What became of a run of the interpreter: it has left, with EngineField.exitKind; it did not run; something is the kernel's; the activation has ended. */
type Did = 'ran' | 'nothing' | 'left' | 'ended';

/** How the guest came to Cpu.rip: `from` wants to lead to its record (0: none does), if the code is still that of `generation`. */
interface Way {
  from: number;
  generation: number;
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

  constructor(memory: WebAssembly.Memory, tall: boolean, module: WebAssembly.Module, options: GuestThreadOptions, shared: WorkerState, { miss, goOn }: Dispatcher) {
    const { cases, runs, heats } = shared;
    this.memory = memory;
    this.tall = tall;
    this.code = new CodeCache(memory, cases, runs);
    const helpers = new WebAssembly.Instance(options.helpersModule, { env: { memory, abort: helperAbort } });
    const timeStamp = (): bigint => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6));
    const learn: RegionHost['learn'] = (slot, place, address) => this.regions.learn(slot, place, address >>> 0);
    const instance = new WebAssembly.Instance(module, { env: { memory, timeStamp, miss, goOn, learn }, helpers: helpers.exports });
    this.interpreter = instance.exports as unknown as InterpreterExports;
    this.segmented = new SegmentedProcessor(this.code, this.interpreter, cases);
    this.regions = new Regions(memory, this.code, this.interpreter, helpers.exports, options.translator ?? null, heats, tall);
  }

  /** Another thread begins, maybe of another process. */
  restart(): void {
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
  /** The call that the thread has left for waits in the worker (GuestThreadOptions.local). */
  private waits = false;
  /** State of nextFuel(). */
  private random = 1;

  constructor(options: GuestThreadOptions) {
    this.options = options;
    const runs = options.decodedRuns === undefined ? null : new DecodedRuns(options.decodedRuns);
    this.shared = { cases: new CaseTable(options.interpreterModule), runs, heats: new Heats() };
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
    const dispatcher: Dispatcher = {
      miss: (cpu, pc, returnTo) => this.miss(cpu, pc, returnTo),
      goOn: (cpu, dropped, returnTo) => this.nested(cpu, returnTo, dropped, true),
    };
    return new Machine(memory, tall, tall ? this.tallModule! : this.options.interpreterModule, this.options, this.shared, dispatcher);
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
    words[(cpu + EngineField.stop) >> 2] = words[(cpu + EngineField.stopSp) >> 2] = -1;
    try {
      this.activation(machine, cpu, false);
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

  /** Runs the guest until the activation ends (EngineField.stop); `ran`: the interpreter has just left. */
  private activation(machine: Machine, cpu: number, ran: boolean): void {
    for (;; ran = false) {
      if (this.interpret(machine, cpu, ran)) return;
      const { local, mailbox } = this.options;
      this.settleFlags(machine, cpu);
      if ((this.waits ? local!.wait(this.slot) : mailbox.call(this.slot)) === Reply.leave) throw LEAVE;
      if (isOutgrown(machine)) throw TALLER;
    }
  }

  /**
   * A call inside a region came to something that is not translated, or a region gave up what it was called for (`pc` -1). Where regions
   * were dropped below a caller asks in vain to go on because its callee has given up: it gives up, too.
   */
  private miss(cpu: number, pc: number, returnTo: number): number {
    const machine = this.machine!, { code, regions } = machine;
    const { words } = code.current(), dropped = words[Globals.regionsDropped >> 2]!, unwinding = (cpu + EngineField.unwinding) >> 2;
    if (pc === -1 && words[unwinding] !== 0) return -1;
    words[unwinding] = 0;
    if (pc !== -1) {
      setRip(words, cpu, pc);
      // It may only have lost its place in the jump cache.
      const here = code.lookup(pc >>> 0, cpu) !== 0 && regions.canEnter(pc >>> 0) && words[Globals.regionsDropped >> 2] === dropped;
      if (here) return machine.interpreter.enter(cpu, pc, words[(cpu + EngineField.depth) >> 2]!, returnTo);
      if (words[(cpu + EngineField.fuel) >> 2]! > 0) regions.missed(pc >>> 0, cpu);
      else {
        words[(cpu + EngineField.fuel) >> 2] = this.nextFuel();
        regions.sample(pc >>> 0, cpu);
      }
    }
    return this.nested(cpu, returnTo, dropped, false);
  }

  /**
   * An activation below a region's call. When regions were dropped meanwhile the callers' code may be among them: everything unwinds (-1).
   */
  private nested(cpu: number, returnTo: number, dropped: number, ran: boolean): number {
    const machine = this.machine!;
    this.activation(machine, cpu, ran);
    const { words } = machine.code.current();
    // Back in translated code, which follows records.
    enter(words, cpu);
    machine.regions.renew();
    const unwinding = words[Globals.regionsDropped >> 2] !== dropped;
    words[(cpu + EngineField.unwinding) >> 2] = unwinding ? 1 : 0;
    return unwinding ? -1 : returnTo;
  }

  /** The kernel finds the status flags as a plain value (`CcOp.eflags`). */
  private settleFlags(machine: Machine, cpu: number): void {
    const words = machine.code.current().words;
    words[(cpu + Cpu.ccSrc) >> 2] = machine.interpreter.statusFlags(cpu);
    words[(cpu + Cpu.ccOp) >> 2] = CcOp.eflags;
  }

  /** Runs until something is the kernel's (false), or the activation ends (true). `ran`: the interpreter has just left, begin behind that. */
  private interpret(machine: Machine, cpu: number, ran: boolean): boolean {
    const way: Way = { from: 0, generation: machine.code.generation };
    for (let did: Did = ran ? 'ran' : 'nothing'; ; did = 'nothing') {
      if (did === 'nothing') did = this.runFrom(machine, cpu, way);
      if (did === 'nothing') continue;
      if (did !== 'ran') return did === 'ended';
      if (!this.dealWithExit(machine, cpu, way)) return false;
    }
  }

  /** Runs the interpreter from Cpu.rip on. */
  private runFrom(machine: Machine, cpu: number, way: Way): Did {
    const { code } = machine, { words } = code.current();
    this.waits = false;
    enter(words, cpu);
    if (machine.segmented.isNeeded(cpu)) {
      machine.segmented.run(cpu);
      leave(words, cpu);
      const after = code.current();
      if (after.words[(cpu + EngineField.exitKind) >> 2] !== EngineExit.kernel || this.isOwnInterrupt(after.words, cpu)) return 'nothing';
      refineRefusal(after, cpu);
      return 'left';
    }
    const rip = words[(cpu + Cpu.rip) >> 2]! >>> 0;
    if (words[(cpu + Cpu.rip + 4) >> 2] !== 0) return leaveFetchFault(words, cpu, rip);
    // Under TF nothing goes back into a region: it would not stop after each instruction.
    const stepping = (words[(cpu + Cpu.eflagsSystem) >> 2]! & Eflags.TF) !== 0;
    if (isAtStop(words, cpu) && !stepping) return 'ended';
    const record = code.lookup(rip, cpu);
    if (record === 0) return leaveFetchFault(words, cpu, code.faultAddress);
    const { generation } = code;
    if (way.from !== 0) code.connect(way.from, record, way.generation, cpu);
    way.from = 0;
    // While it waited for the lock all records may have been dropped, this one too.
    if (code.generation !== generation) return 'nothing';
    machine.regions.renew();
    way.generation = generation;
    if (stepping) return this.singleStep(machine, cpu, record) ? 'left' : 'nothing';
    words[(cpu + EngineField.unwinding) >> 2] = 0;
    machine.interpreter.run(cpu, record);
    return 'ran';
  }

  /** What the interpreter has left for; false: something is the kernel's. */
  private dealWithExit(machine: Machine, cpu: number, way: Way): boolean {
    const { code } = machine, { words } = code.current(), kind = words[(cpu + EngineField.exitKind) >> 2];
    // Stepping out and in again takes as long as such a call.
    if (kind === EngineExit.stop || (kind === EngineExit.kernel && this.isAnswered(machine, cpu))) return true;
    leave(words, cpu);
    switch (kind) {
      case EngineExit.kernel:
        if (this.isOwnInterrupt(words, cpu)) return true;
        refineRefusal(code.current(), cpu);
        return false;
      case EngineExit.link: way.from = words[(cpu + EngineField.exitRecord) >> 2]!; return true;
      case EngineExit.lookup: way.from = staleRecord(code, words, cpu); return true;
      case EngineExit.codeWrite: return !this.writeOverCode(machine, cpu);
      case EngineExit.segments: return machine.segmented.one(cpu);
      case EngineExit.fuel:
        words[(cpu + EngineField.fuel) >> 2] = this.nextFuel();
        words[(cpu + EngineField.sampled) >> 2] = words[(cpu + Cpu.rip) >> 2]!;
        machine.regions.sample(words[(cpu + Cpu.rip) >> 2]! >>> 0, cpu);
        return true;
      default: return true;
    }
  }

  /** Whether it was a system call that needs no kernel; it may be one that waits. */
  private isAnswered(machine: Machine, cpu: number): boolean {
    const { local } = this.options, answer = local === undefined ? LocalAnswer.pass : local.answer(machine.memory, cpu);
    this.waits = answer === LocalAnswer.waits;
    return answer === LocalAnswer.done;
  }

  /** Another thread wanted everybody out; the kernel may have wanted something too. */
  private isOwnInterrupt(words: Int32Array, cpu: number): boolean {
    if (words[(cpu + Cpu.exitReason) >> 2] !== Exit.interrupt) return false;
    const before = Atomics.and(words, (cpu + Cpu.interrupt) >> 2, ~INTERRUPT_ENGINE);
    return (before & ~INTERRUPT_ENGINE) === 0;
  }

  /** One instruction from `record`; then #DB unless it left by itself. Returns whether the kernel is wanted. */
  private singleStep(machine: Machine, cpu: number, record: number): boolean {
    const delayed = machine.segmented.delaysTrap(cpu);
    const next = this.stepInstruction(machine, cpu, record), words = machine.code.current().words;
    leave(words, cpu);
    if (next === 0) {
      const kind = words[(cpu + EngineField.exitKind) >> 2];
      if (kind === EngineExit.kernel) {
        // a system call under TF traps when it returns; the kernel's signal code sees TF in eflags
        refineRefusal(machine.code.current(), cpu);
        return !this.isOwnInterrupt(words, cpu);
      }
      if (kind === EngineExit.codeWrite) {
        if (this.writeOverCode(machine, cpu)) return true;
        if (words[(cpu + EngineField.exitKind) >> 2] === EngineExit.kernel) return false;
      }
      if (kind === EngineExit.segments && !machine.segmented.one(cpu)) return true;
    } else setRip(words, cpu, words[(next + Field.rip) >> 2]! >>> 0);
    if (delayed) return false;
    words[(cpu + Cpu.exitReason) >> 2] = Exit.trap;
    words[(cpu + Cpu.exitCode) >> 2] = STEPPED;
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

/** The record that left, if it was a dropped one (which may then forward to the new one). */
function staleRecord(code: CodeCache, words: Int32Array, cpu: number): number {
  const record = words[(cpu + EngineField.exitRecord) >> 2]!;
  if (code.current().halves[record >> 1] !== 0) return 0;
  return words[(record + Field.rip) >> 2] === words[(cpu + Cpu.rip) >> 2] ? record : 0;
}
