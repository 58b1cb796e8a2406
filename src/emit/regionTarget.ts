/** How machine operations of the IR become WebAssembly inside a region. */
import { opId, ops } from '../ir/ops.ts';

import { modeHelpers, xmmHelpers } from '../ir/helpers.ts';
import { Cpu, Eflags } from '../machine/cpuState.ts';
import { Access } from '../machine/exit.ts';
import { Perm } from '../machine/memoryLayout.ts';
import type { Code } from '../wasm/code.ts';
import { WasmType } from '../wasm/opcodes.ts';
import type { BodyEmitter, Target } from './body.ts';
import { type FlagName, RegionFlags } from './regionFlags.ts';
import { RegionMemory } from './regionMemory.ts';
import { inLocal, type RegionState } from './regionState.ts';

const WIDTHS: Record<string, { bytes: number; float: boolean; load: string; store: string }> = {
  '8': { bytes: 1, float: false, load: 'i32.load8_u', store: 'i32.store8' },
  '16': { bytes: 2, float: false, load: 'i32.load16_u', store: 'i32.store16' },
  '32': { bytes: 4, float: false, load: 'i32.load', store: 'i32.store' },
  '64': { bytes: 8, float: false, load: 'i64.load', store: 'i64.store' },
  '.f32': { bytes: 4, float: true, load: 'f32.load', store: 'f32.store' },
  '.f64': { bytes: 8, float: true, load: 'f64.load', store: 'f64.store' },
  '128': { bytes: 16, float: false, load: 'v128.load', store: 'v128.store' },
};
const FLAG_OF_BIT = new Map<number, FlagName>((['CF', 'PF', 'AF', 'ZF', 'SF', 'OF'] as const).map((name) => [Eflags[name], name]));

/** Numbers of the functions a region imports. */
export interface RegionImports {
  helper(name: string): number;
  /** (cpu) -> the six status flags from the lazy fields of the CPU state. */
  readonly statusFlags: number;
  /** ADDRESS_BITS, or TALL_ADDRESS_BITS. */
  readonly addressBits: number;
  /** For the plain version of a region. */
  readonly plain: PlainVersion | null;
}

/** What the version of a region that notes no floating-point flags (docs/floating-point.md) needs to know. */
export interface PlainVersion {
  /** Number of the function that notes them. */
  readonly exact: number;
  /** Global: how often an instruction was in doubt lately, times DOUBT. */
  readonly doubts: number;
}
/** Each doubt counts as so many entries without one. */
const DOUBT = 16;

/** Where the instruction being emitted stands, and how it leaves. */
export interface RegionExits {
  /** The region is left before this instruction, for the interpreter. */
  refuse: number;
  /** End of this instruction (an early `next`). */
  next: number;
  /** Registers are written back and the dispatcher takes over at the address in `pc`. */
  leave: number;
  /** Local with the guest address to go on at. */
  pc: number;
}

type Operation = (t: RegionTarget, e: BodyEmitter, n: number) => void;

export class RegionTarget implements Target {
  readonly state: RegionState;
  readonly flags: RegionFlags;
  readonly memory: RegionMemory;
  readonly exits: RegionExits = { refuse: 0, next: 0, leave: 0, pc: 0 };
  private readonly code: Code;
  private readonly imports: RegionImports;

  constructor(code: Code, state: RegionState, imports: RegionImports) {
    this.code = code;
    this.state = state;
    this.imports = imports;
    this.memory = new RegionMemory(code, state.wide, imports.addressBits);
    this.flags = new RegionFlags(state, () => this.materialiseFlags());
  }

  machine(e: BodyEmitter, row: number, name: string): void {
    const operation = operations[e.ir.op[row]!];
    if (operation === undefined) throw new Error(`IR operation ${name} cannot stand in a region`);
    operation(this, e, row);
  }

  fence(): void {
    this.code.op('atomic.fence');
    this.code.out.u8(0);
  }

  leave(label: number): void { this.code.br(label); }

  get(e: BodyEmitter, n: number, kind: string): void {
    const ref = e.ir.imm[n]!, w = WIDTHS[kind]!;
    if (inLocal(ref)) this.state.read(ref, w.bytes, w.float);
    else {
      this.code.get(this.state.cpu);
      this.code.mem(w.load, ref);
    }
  }

  put(e: BodyEmitter, n: number, kind: string): void {
    const ref = e.ir.imm[n]!, w = WIDTHS[kind]!;
    if (inLocal(ref)) {
      this.state.write(ref, w.bytes, e, e.ir.a[n]!, w.float);
      return;
    }
    this.code.get(this.state.cpu);
    e.value(e.ir.a[n]!);
    this.code.mem(w.store, ref);
    if (ref === Cpu.sseExact) this.state.bounds.load();
  }

  getAt(e: BodyEmitter, n: number, kind: string): void {
    this.place(e, n);
    this.code.mem(WIDTHS[kind]!.load, e.ir.imm[n]!);
  }

  putAt(e: BodyEmitter, n: number, kind: string): void {
    this.place(e, n);
    e.value(e.ir.b[n]!);
    this.code.mem(WIDTHS[kind]!.store, e.ir.imm[n]!);
  }

  private place(e: BodyEmitter, n: number): void {
    this.code.get(this.state.cpu);
    e.value(e.ir.a[n]!);
    this.code.op('i32.add');
  }

  /** Some helpers find xmm registers in the CPU state and may change them. */
  helper(e: BodyEmitter, n: number): void {
    const { name } = e.helperSignature(n);
    const s = this.state, synchronised = s.hasXmm && xmmHelpers.has(name);
    if (synchronised) s.storeXmms();
    this.code.get(s.cpu);
    for (const row of [e.ir.a[n]!, e.ir.b[n]!, e.ir.c[n]!]) if (row >= 0) e.value(row);
    this.code.call(this.imports.helper(name));
    // The result stays on the stack meanwhile.
    if (synchronised) s.loadXmms();
    if (modeHelpers.has(name)) s.bounds.load();
  }

  /** To the interpreter, before this instruction, which may have a floating-point flag to note. */
  leaveDoubtful(): void {
    const code = this.code, { doubts } = this.imports.plain!;
    code.globalGet(doubts);
    code.i32(DOUBT);
    code.op('i32.add');
    code.globalSet(doubts);
    code.br(this.exits.refuse);
  }

  private materialiseFlags(): void {
    this.state.storeFlags();
    this.code.get(this.state.cpu);
    this.code.call(this.imports.statusFlags);
  }

  /** Goes on at a computed address. One with a high half is kept whole in Cpu.rip for the interpreter to fault on. */
  leaveTo(e: BodyEmitter, n: number): void {
    const code = this.code, row = e.ir.a[n]!;
    this.target(e, row);
    code.br(this.exits.leave);
  }

  /** Puts the address of `row` in exits.pc; leaves for the interpreter when it is above 4 GiB. */
  target(e: BodyEmitter, row: number): void {
    const code = this.code, wide = e.ir.type[row] === 2;
    e.value(row);
    if (!wide) {
      code.set(this.exits.pc);
      return;
    }
    const local = e.borrow(WasmType.i64);
    code.set(local);
    this.targetOf(local, true);
    e.giveBack(WasmType.i64, local);
  }

  /** The same for an address in a local. */
  targetOf(local: number, wide: boolean): void {
    const code = this.code;
    code.get(local);
    if (wide) code.op('i32.wrap_i64');
    code.set(this.exits.pc);
    if (!wide) return;
    code.get(local);
    code.i64(32, 0);
    code.op('i64.shr_u');
    code.op('i32.wrap_i64');
    code.if();
    code.get(this.state.cpu);
    code.get(local);
    code.mem('i64.store', Cpu.rip);
    code.i32(WILD_JUMP);
    code.set(this.exits.pc);
    code.br(this.exits.leave);
    code.end();
  }
}

/** A region returns this in place of an address when the interpreter shall go on at Cpu.rip, without entering a region there. */
export const WILD_JUMP = -1;

/** By operation number; what is absent is left to the interpreter. */
const operations: (Operation | undefined)[] = [];

function buildOperations(): void {
  const on = (name: string, operation: Operation): void => {
    operations[opId(name)] = operation;
  };
  for (const kind of Object.keys(WIDTHS)) {
    const float = kind.startsWith('.');
    on(`get${kind}`, (t, e, n) => t.get(e, n, kind));
    on(`put${kind}`, (t, e, n) => t.put(e, n, kind));
    if (!float) on(`getAt${kind}`, (t, e, n) => t.getAt(e, n, kind));
    if (!float) on(`putAt${kind}`, (t, e, n) => t.putAt(e, n, kind));
    on(`load${kind}`, (t, e, n) => t.memory.load(e, n, kind));
    on(`store${kind}`, (t, e, n) => t.memory.store(e, n, kind));
  }
  on('checkRead', (t, e, n) => t.memory.check(e, n, Perm.R));
  on('checkWrite', (t, e, n) => t.memory.check(e, n, Perm.W));
  on('checkReadN', (t, e, n) => t.memory.checkN(e, n, Perm.R));
  on('checkWriteN', (t, e, n) => t.memory.checkN(e, n, Perm.W));
  on('span', (t, e, n) => t.memory.span(e, n, e.ir.imm[n] === Access.write ? Perm.W : Perm.R));
  on('copy', (t, e, n) => t.memory.copy(e, n));
  on('fill', (t, e, n) => t.memory.fill(e, n));
  for (const width of ['32', '64']) {
    on(`rmw${width}`, (t, e, n) => t.memory.rmw(e, n));
    on(`cmpxchg${width}`, (t, e, n) => t.memory.cmpxchg(e, n));
  }
  for (const type of ['f32', 'f64', 'v128']) on(`bound.${type}`, (t, e, n) => t.state.bounds.get(e.ir.imm[n]!));
  on('fence', (t) => t.fence());
  on('setFlags', (t, e, n) => t.flags.set(e, n, e.nesting > 0));
  on('putStatusFlags', (t, e, n) => t.flags.putStatus(e, n, e.nesting > 0));
  on('cond', (t, e, n) => t.flags.condition(e.ir.imm[n]!));
  on('flag', (t, e, n) => t.flags.flag(FLAG_OF_BIT.get(e.ir.imm[n]!)!));
  on('statusFlags', (t) => t.flags.allBits());
  on('helper', (t, e, n) => t.helper(e, n));
  on('next', (t) => t.leave(t.exits.next));
  // What the interpreter has to see: it starts at this instruction again, in which nothing has happened yet (or, for
  // `again`, in which all that has happened is in the registers).
  for (const name of ['exit', 'trap', 'fault', 'again', 'leaveNext', 'leaveHere', 'leaveRegion']) on(name, (t) => t.leave(t.exits.refuse));
  on('leaveDoubtful', (t) => t.leaveDoubtful());
  for (const name of ['jumpTo', 'ret']) on(name, (t, e, n) => t.leaveTo(e, n));
}
buildOperations();

/** Whether a region can hold the operation. Ends that the region's graph expresses count as held. */
export function regionHolds(op: number): boolean {
  const info = ops[op]!;
  return info.numeric || operations[op] !== undefined || info.effect === 'control' || info.effect === 'var' || CARRIED.has(info.name);
}
const CARRIED = new Set(['i32.const', 'i64.const', 'f32.const', 'f64.const', 'v128.const', 'i8x16.shuffle', 'jump', 'branch', 'call', 'callTo']);
