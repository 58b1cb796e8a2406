/**
 * One region as one WebAssembly function (cpu: i32, depth: i32) -> i32: the guest address to go on at, or WILD_JUMP when the interpreter
 * shall take the instruction at Cpu.rip. All registers are in the CPU state when it returns.
 *
 *   block out
 *     block stored
 *       block leave (one for each set of registers that exits write back)
 *         block refuse (likewise)
 *           (the region's code, structured; exits set `pc` and branch)
 *         end refuse: Cpu.rip = pc; pc = WILD_JUMP
 *       end leave: write the registers back
 *     end stored: write the flags back
 *   end out: return pc
 */
import type { Columns } from '../ir/columns.ts';
import { MemFlag, opId, ops } from '../ir/ops.ts';
import { EngineField } from '../machine/codeLayout.ts';
import { Cpu } from '../machine/cpuState.ts';
import { Code } from '../wasm/code.ts';
import { WasmType } from '../wasm/opcodes.ts';
import { BodyEmitter } from './body.ts';
import type { CheckPlan } from './checkGroups.ts';
import { callFreeLoops, PageNotes } from './pageNotes.ts';
import { type CallImports, CPU, DEPTH, RegionCalls } from './regionCalls.ts';
import { flagsAtStart, planTests } from './regionFacts.ts';
import { deadFlags, flagFields, type FlagState, minuendRow } from './regionFlags.ts';
import type { RegionNode } from './regionNode.ts';
import { RegionState, RegisterUse } from './regionState.ts';
import { findHubs, RegionSync } from './regionSync.ts';
import { type PlainVersion, RegionTarget, WILD_JUMP } from './regionTarget.ts';
import { analyseFlow, emitStructured, type FlowGraph, type StructureSink } from './structure.ts';

/** Iterations of its loops after which a region is left once: optimised code is entered, interrupts are seen. */
const LOOP_BUDGET = 20_000;
/** Guest calls as nested WebAssembly calls, at the most; beyond, everything unwinds to the dispatcher. */
const MAX_DEPTH = 400;
const SET_FLAGS = opId('setFlags');
/** Ends of an instruction that the node's `end` stands for. */
const TRAILING = new Set(['next', 'jump', 'branch', 'call', 'callTo'].map(opId));
const NEXT = opId('next'), RET = opId('ret'), LEAVE_DOUBTFUL = opId('leaveDoubtful');
/** With more recent doubts than this (RegionTarget.leaveDoubtful) the plain version is not used. */
const MANY_DOUBTS = 1024;

/** Whether a memory operation may be refused: those that an earlier test of their block covers are not. */
function mayLeave(ir: Columns, n: number, plans: ReadonlyMap<number, CheckPlan>): boolean {
  const plan = plans.get(n), flags = ir.imm[n]!;
  if (plan !== undefined) return plan.group?.first === n || (flags & MemFlag.aligned16) !== 0;
  const isAccess = ops[ir.op[n]!]!.name.startsWith('load') || ops[ir.op[n]!]!.name.startsWith('store');
  return !isAccess || (flags & MemFlag.checked) === 0;
}

export class RegionEmitter implements StructureSink {
  private readonly wasm: Code;
  private readonly ir: Columns;
  private readonly nodes: readonly RegionNode[];
  private readonly successors: number[][];
  private readonly imports: CallImports;
  private readonly state: RegionState;
  private readonly target: RegionTarget;
  private readonly body: BodyEmitter;
  private readonly budget: number;
  private readonly calls: RegionCalls;
  private readonly notes: PageNotes;
  private flow!: FlowGraph;
  private clean: number[] = [];
  private hubs: Uint8Array = new Uint8Array(0);
  private flagsIn: (FlagState | null | undefined)[] = [];
  /** Labels of the code writer by nesting of the structure. */
  private readonly labels: number[] = [];
  private sync!: RegionSync;
  /** Labels of the exits by the set of registers they write back. */
  private readonly leaveLabels = new Map<number, number>();
  private readonly refuseLabels = new Map<number, number>();

  constructor(ir: Columns, nodes: readonly RegionNode[], successors: number[][], wide: boolean, imports: CallImports) {
    this.wasm = new Code([WasmType.i32, WasmType.i32]);
    this.ir = ir;
    this.nodes = nodes;
    this.successors = successors;
    this.imports = imports;
    const use = new RegisterUse();
    use.scan(ir);
    this.state = new RegionState(this.wasm, wide, use, imports.plain !== null);
    this.target = new RegionTarget(this.wasm, this.state, imports);
    this.body = new BodyEmitter(this.wasm, ir, this.target);
    this.target.exits.pc = this.wasm.local(WasmType.i32);
    this.budget = this.wasm.local(WasmType.i32);
    this.notes = new PageNotes(this.wasm, CPU);
    this.calls = new RegionCalls(this.wasm, imports, wide, nodes[0]!.start, this.target.exits.pc);
  }

  /** The function's entry of the code section. */
  emit(): Uint8Array {
    const wasm = this.wasm, exits = this.target.exits, cfg = { successors: this.successors, entry: 0 };
    this.flow = analyseFlow(cfg);
    this.hubs = findHubs(this.flow, this.nodes);
    this.flagsIn = flagsAtStart(this.ir, this.nodes, this.flow, this.hubs);
    this.simplify();
    this.body.prepare();
    this.sync = new RegionSync(this.ir, this.nodes, this.flow, this.state.wide, this.state.use, {
      mayLeave: (n, k) => this.leavesAt(n, k),
      leavesAmidst: (n, k) => this.hasExit(n, k),
    }, this.hubs);
    if (this.imports.plain !== null) this.unlessExact(this.imports.plain);
    this.state.load(this.sync.entryLoads);
    this.state.flagsInMemory();
    this.state.bounds.begin();
    this.note(this.nodes[0]!.start);
    wasm.i32(LOOP_BUDGET);
    wasm.set(this.budget);
    this.calls.out = wasm.block();
    const stored = wasm.block(), masks = this.sync.masks;
    for (const mask of masks) this.leaveLabels.set(mask, wasm.block());
    for (const mask of masks) this.refuseLabels.set(mask, wasm.block());
    emitStructured(cfg, this.flow, this);
    wasm.op('unreachable');
    for (let k = masks.length - 1; k >= 0; k--) {
      wasm.end();
      wasm.get(CPU);
      wasm.get(exits.pc);
      wasm.op('i64.extend_i32_u');
      wasm.mem('i64.store', Cpu.rip);
      wasm.i32(WILD_JUMP);
      wasm.set(exits.pc);
      wasm.br(this.leaveLabels.get(masks[k]!)!);
    }
    for (let k = masks.length - 1; k >= 0; k--) {
      wasm.end();
      this.state.store(masks[k]!);
      wasm.br(stored);
    }
    wasm.end();
    if (this.state.use.flagsWritten) this.state.storeFlags();
    wasm.end();
    this.note(0);
    wasm.get(exits.pc);
    return wasm.finish();
  }

  /** At the entry of the plain version: the exact one instead, while flags must be looked at or there were many doubts lately. */
  private unlessExact({ exact, doubts }: PlainVersion): void {
    const { wasm } = this;
    wasm.get(CPU);
    wasm.mem('i32.load', Cpu.sseExact, 2);
    wasm.globalGet(doubts);
    wasm.op('i32.or');
    wasm.if();
    wasm.globalGet(doubts);
    wasm.if();
    wasm.globalGet(doubts);
    wasm.i32(1);
    wasm.op('i32.sub');
    wasm.globalSet(doubts);
    wasm.end();
    wasm.get(CPU);
    wasm.mem('i32.load', Cpu.sseExact, 2);
    wasm.globalGet(doubts);
    wasm.i32(MANY_DOUBTS);
    wasm.op('i32.gt_u');
    wasm.op('i32.or');
    wasm.if();
    wasm.get(CPU);
    wasm.get(DEPTH);
    wasm.call(exact);
    wasm.op('return');
    wasm.end();
    wasm.end();
  }

  /** For the profiler: what runs from here on. The way to a callee counts for the caller; when the interpreter takes over on it, it says so. */
  private note(region: number): void {
    if (!this.imports.profiled) return;
    this.wasm.get(CPU);
    this.wasm.i32(region | 0);
    this.wasm.mem('i32.store', EngineField.region, 2);
  }

  /** Rows of instruction k that are emitted as code; the end of the node stands for the last one. */
  private rowsOf(n: RegionNode, k: number): [from: number, to: number] {
    const from = n.from[k]!, isLast = k === n.addresses.length - 1;
    const last = n.from[k + 1]! - 1;
    if (last < from) return [from, from];
    const op = this.ir.op[last]!;
    const trailing = TRAILING.has(op) || (isLast && n.end.kind === 'return' && op === RET);
    return [from, trailing ? last : last + 1];
  }

  private leavesAt(n: RegionNode, k: number): boolean {
    const { ir } = this, [from, to] = this.rowsOf(n, k);
    for (let row = from; row < to; row++) {
      const effect = ops[ir.op[row]!]!.effect;
      if (effect === 'exit' && ir.op[row] !== NEXT) return true;
      if ((effect === 'load' || effect === 'store' || effect === 'check') && mayLeave(ir, row, this.target.memory.plans)) return true;
    }
    return false;
  }

  private hasExit(n: RegionNode, k: number): boolean {
    const { ir } = this, [from, to] = this.rowsOf(n, k);
    for (let row = from; row < to; row++) if (ops[ir.op[row]!]!.effect === 'exit' && ir.op[row] !== NEXT && ir.op[row] !== LEAVE_DOUBTFUL) return true;
    return false;
  }

  private refuseWith(mask: number): void {
    const label = this.refuseLabels.get(mask)!;
    this.target.exits.refuse = label;
    this.target.memory.refuse = label;
  }

  private leaveWith(mask: number): void {
    this.target.exits.leave = this.leaveLabels.get(mask)!;
  }

  /** Shared permission tests, flags nobody sees. */
  private simplify(): void {
    const { ir, target, body } = this, plans = target.memory.plans;
    const loops = callFreeLoops(this.nodes, this.flow), { clean, groups } = planTests(ir, this.nodes, this.flow, this.state.wide, plans, loops);
    this.clean = clean;
    this.notes.plan(loops, this.flow.order, groups);
    for (const node of this.flow.order) {
      const { from } = this.nodes[node]!;
      for (const row of deadFlags(ir, from[0]!, from[from.length - 1]!, (n) => mayLeave(ir, n, plans))) body.skip(row);
    }
    for (let n = 0; n < ir.length; n++) {
      if (ir.op[n] !== SET_FLAGS || body.isSkipped(n)) continue;
      const row = minuendRow(ir, n);
      if (row >= 0) body.keep(row);
    }
  }

  // ---- StructureSink

  openBlock(): void { this.labels.push(this.wasm.block()); }
  openLoop(node: number): void {
    this.notes.reset(node);
    this.labels.push(this.wasm.loop());
  }
  openIf(): void { this.labels.push(this.wasm.if()); }
  openElse(): void { this.wasm.else(); }
  close(): void {
    this.labels.pop();
    this.wasm.end();
  }
  br(depth: number): void { this.wasm.br(this.label(depth)); }
  brIf(depth: number): void { this.wasm.brIf(this.label(depth)); }
  invert(): void { this.wasm.op('i32.eqz'); }
  private label(depth: number): number { return this.labels[this.labels.length - 1 - depth]!; }

  code(node: number): void {
    const n = this.nodes[node]!, exits = this.target.exits, refuse = this.sync.refuseMasks(node);
    this.target.flags.known = this.flagsIn[node] ?? null;
    this.target.memory.cleanRegisters = this.clean[node]!;
    const last = n.addresses.length - 1;
    if (this.hubs[node] !== 0) this.readAgain(this.sync.arrivals[node]!);
    this.leaveWith(n.end.kind === 'callTo' || n.end.kind === 'return' || n.end.kind === 'leave' ? this.sync.callMask(node) : this.sync.endMask(node));
    for (let k = 0; k <= last; k++) {
      this.refuseWith(refuse[k]!);
      this.instruction(n, k, k === last);
    }
    this.target.memory.endBlock(this.body);
    if (n.end.kind === 'interpret') {
      this.wasm.i32(n.end.address | 0);
      this.wasm.set(exits.pc);
      this.wasm.br(this.refuseLabels.get(this.sync.endMask(node))!);
    } else if (n.end.kind === 'call' || n.end.kind === 'callTo') this.call(node, n);
    else if (n.end.kind === 'return') this.returned(n, n.end.returnTo);
    if (n.end.kind !== 'call' && n.end.kind !== 'callTo' && this.sync.synchronises(node)) this.writeBack(node);
  }

  /** Registers and flags to the CPU state. */
  private writeBack(node: number): void {
    const known = this.target.flags.known;
    this.state.store(this.sync.changed[node]!);
    if (this.state.use.flagsWritten) this.state.storeFlags(known === null ? null : flagFields(known));
  }

  /** The registers needed from here on; the flags stay where they are. */
  private readAgain(registers: number): void {
    this.state.load(registers);
    this.state.flagsInMemory();
  }

  /** Leaves unless the callee returns to where it was called from. */
  private returned(n: RegionNode, returnTo: number): void {
    const wasm = this.wasm, row = this.ir.a[n.from[n.from.length - 1]! - 1]!, wide = this.ir.type[row] === 2;
    const local = this.body.borrow(wide ? WasmType.i64 : WasmType.i32);
    this.body.value(row);
    wasm.tee(local);
    if (wide) wasm.i64(returnTo | 0, 0);
    else wasm.i32(returnTo | 0);
    wasm.op(wide ? 'i64.ne' : 'i32.ne');
    wasm.if();
    this.target.targetOf(local, wide);
    wasm.br(this.target.exits.leave);
    wasm.end();
    this.body.giveBack(wide ? WasmType.i64 : WasmType.i32, local);
    this.body.recycle();
  }

  private instruction(n: RegionNode, k: number, isLast: boolean): void {
    const [from, to] = this.rowsOf(n, k);
    let early = false;
    for (let row = from; row < to; row++) if (this.ir.op[row] === NEXT) early = true;
    if (this.leavesAt(n, k)) {
      this.wasm.i32(n.addresses[k]! | 0);
      this.wasm.set(this.target.exits.pc);
    }
    if (early) this.target.exits.next = this.wasm.block();
    this.body.range(from, to);
    if (early) this.wasm.end();
    // A branch condition is emitted by condition(), a call's target by call(); both use values of this instruction.
    if (!isLast) this.body.recycle();
  }

  condition(node: number): void {
    const from = this.nodes[node]!.from;
    this.body.value(this.ir.a[from[from.length - 1]! - 1]!);
    this.body.recycle();
  }

  /** The callee finds all registers in the CPU state and leaves them there. */
  private call(node: number, n: RegionNode): void {
    const wasm = this.wasm, pc = this.target.exits.pc, end = n.end;
    if (end.kind === 'callTo') this.target.target(this.body, this.ir.a[n.from[n.from.length - 1]! - 1]!);
    else if (end.kind === 'call') {
      this.calls.address(end);
      wasm.set(pc);
    } else return;
    this.body.recycle();
    this.writeBack(node);
    wasm.get(DEPTH);
    wasm.i32(MAX_DEPTH);
    wasm.op('i32.ge_u');
    wasm.brIf(this.calls.out);
    if (end.kind === 'call') this.calls.direct(end);
    else this.calls.indirect(end.returnTo);
    this.note(this.nodes[0]!.start);
    if (this.imports.plain !== null) this.leaveIfExact(end.returnTo);
    this.readAgain(this.sync.reloads[node]!);
    this.state.bounds.load();
  }

  /** In the plain version, behind a call: what was called may have changed what is to be noted. */
  private leaveIfExact(returnTo: number): void {
    const { wasm } = this;
    wasm.i32(returnTo | 0);
    wasm.set(this.target.exits.pc);
    wasm.get(CPU);
    wasm.mem('i32.load', Cpu.sseExact, 2);
    wasm.brIf(this.calls.out);
  }

  backEdge(from: number, header: number): void {
    const wasm = this.wasm;
    this.leaveWith(this.sync.endMask(from));
    wasm.get(this.budget);
    wasm.i32(1);
    wasm.op('i32.sub');
    wasm.tee(this.budget);
    wasm.op('i32.eqz');
    wasm.if();
    this.leaveAt(this.nodes[header]!.start);
    wasm.end();
  }

  exitEdge(node: number, index: number): void {
    this.leaveWith(this.sync.endMask(node));
    this.leaveAt(this.nodes[node]!.successorAddresses[index]!);
  }

  private leaveAt(address: number): void {
    this.wasm.i32(address | 0);
    this.wasm.set(this.target.exits.pc);
    this.wasm.br(this.target.exits.leave);
  }
}
