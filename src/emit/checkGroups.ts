/**
 * Shares permission tests inside a basic block: accesses whose addresses differ by a constant from one common base make a
 * group, the first of them tests the whole range for all. When that fails the interpreter takes over before the first
 * access, so nothing can be observed; a group spans at most a page, so the pages of its two ends are all its pages.
 */
import type { Columns } from '../ir/columns.ts';
import { MemFlag, opId, ops } from '../ir/ops.ts';
import { Cpu } from '../machine/cpuState.ts';
import { LinearTerms, OTHER } from './linear.ts';
import type { NodeGroups } from './pageNotes.ts';

/** Accesses around one base. The first one tests [low, high) and keeps the address of `low` for all. */
export interface CheckGroup {
  readonly first: number;
  /** What the first access's address is made of (linear.ts). */
  readonly terms: number;
  /** Offsets from the common base. */
  low: number;
  high: number;
  write: boolean;
  /** Local with the address of `low` as i32; the emitter's. */
  local: number;
  /** Place in the CPU state of the page it has tested last (pageNotes.ts), or -1. */
  note: number;
  /** `low` is a multiple of 16, as has been tested. */
  aligned: boolean;
  /** Whether the first access's address surely has a high half of 0, or is refused anyway; `registers`: whose is 0 at the block's start. */
  isClean(registers: number): boolean;
}

export interface CheckPlan {
  /** null: the bytes were tested on every way here. */
  readonly group: CheckGroup | null;
  /** The access's own offset from the common base. */
  readonly offset: number;
}

/** Bytes [low, high) around a register's value that have been tested, for writing as well if `write`. */
export interface Tested {
  readonly low: number;
  readonly high: number;
  readonly write: boolean;
}

/** By register; null: nothing. */
export type TestedAround = readonly (Tested | null)[];
export const NOTHING_TESTED: TestedAround = new Array<Tested | null>(16).fill(null);

/** What both have in common. */
export function testedInBoth(a: TestedAround, b: TestedAround): TestedAround {
  return a.map((one, r) => {
    const other = b[r]!;
    if (one === null || other === null) return null;
    const low = Math.max(one.low, other.low), high = Math.min(one.high, other.high);
    return low < high ? { low, high, write: one.write && other.write } : null;
  });
}

function bothTested(a: Tested, b: Tested | null): Tested {
  if (b === null) return a;
  if (a.write === b.write && a.low <= b.high && b.low <= a.high) return { low: Math.min(a.low, b.low), high: Math.max(a.high, b.high), write: a.write };
  if (a.write !== b.write) return a.write ? a : b;
  return a.high - a.low >= b.high - b.low ? a : b;
}

interface Symbol {
  root: string;
  offset: number;
}

/** High halves (of a tall address space: bits from TALL_ADDRESS_BITS on): a register's is 0 after the block always, or when register `from` had it so before (-1: always, -2: not known). */
export type CleanEffect = Int8Array;
const ALWAYS = -1, UNKNOWN = -2;
/**
 * Of a base that an access was made from, or whose high half is 0: with less distance than this the sum is an address, or wraps
 * into pages that are never mapped (below GUEST_MIN, from GUEST_END on), where the access is refused.
 */
const SHORT = 0x4000;

const MAX_SPAN = 4096;
const GPR_END = Cpu.gpr + 16 * 8;
const id = (name: string): number => opId(name);
const IF = id('if'), LOOP = id('loop'), BLOCK = id('block'), END = id('end'), NEXT = id('next');
const ADD = new Set([id('i32.add'), id('i64.add')]), SUB = new Set([id('i32.sub'), id('i64.sub')]), SHL = new Set([id('i32.shl'), id('i64.shl')]);
const EXTEND_U = id('i64.extend_i32_u');
const I32_CONST = id('i32.const'), I64_CONST = id('i64.const');
const BYTES = new Map<number, number>();
for (const [suffix, bytes] of [['8', 1], ['16', 2], ['32', 4], ['64', 8], ['.f32', 4], ['.f64', 8], ['128', 16]] as const) {
  BYTES.set(id(`load${suffix}`), bytes);
  BYTES.set(id(`store${suffix}`), bytes);
}

/** What the registers hold where a block begins; and their numbers by the roots of that. */
const AT_START: readonly Symbol[] = Array.from({ length: 16 }, (_, r) => ({ root: `r${r}`, offset: 0 }));
const REGISTERS: ReadonlyMap<string, number> = new Map(AT_START.map(({ root }, r) => [root, r]));

/** Symbolic values of registers and rows through one block. */
class Symbols {
  private readonly ir: Columns;
  private readonly wide: boolean;
  private readonly registers: Symbol[] = [...AT_START];
  private readonly rows = new Map<number, Symbol>();
  private version = 0;
  /** Roots whose high half is 0, and of these those that an access was made around: their neighbourhood is within 4 GiB too. */
  private readonly clean = new Set<string>();
  private readonly accessed = new Set<string>();

  constructor(ir: Columns, wide: boolean) {
    this.ir = ir;
    this.wide = wide;
  }

  of(row: number): Symbol {
    return this.rows.get(row) ?? { root: `v${row}`, offset: 0 };
  }

  /** An access at `symbol` is made: its base is an address now. */
  access(symbol: Symbol): void {
    if (Math.abs(symbol.offset) >= SHORT) return;
    this.accessed.add(symbol.root);
    this.clean.add(symbol.root);
  }

  /** ALWAYS, UNKNOWN or the register it depends on: whether an address `symbol` has no high half or is refused. */
  addressClean({ root, offset }: Symbol): number {
    if (root === 'c') return offset >= 0 && offset < 0x1_0000_0000 ? ALWAYS : UNKNOWN;
    if (Math.abs(offset) >= SHORT) return UNKNOWN;
    return this.clean.has(root) ? ALWAYS : this.registerOf(root);
  }

  /** The same for the value itself. */
  private valueClean({ root, offset }: Symbol): number {
    if (root === 'c') return offset >= 0 && offset < 0x1_0000_0000 ? ALWAYS : UNKNOWN;
    if (this.accessed.has(root) && Math.abs(offset) < SHORT) return ALWAYS;
    if (offset !== 0) return UNKNOWN;
    return this.clean.has(root) ? ALWAYS : this.registerOf(root);
  }

  private registerOf(root: string): number {
    return REGISTERS.get(root) ?? UNKNOWN;
  }

  /** What is tested around each register as it is now; `tested`: around roots. */
  testedAround(tested: (root: string) => Tested | null): TestedAround {
    return this.registers.map(({ root, offset }) => {
      const found = tested(root);
      return found === null ? null : { low: found.low - offset, high: found.high - offset, write: found.write };
    });
  }

  /** Of all registers, as they are now. */
  cleanEffect(): CleanEffect {
    const effect = new Int8Array(this.registers.length);
    for (let r = 0; r < effect.length; r++) effect[r] = this.valueClean(this.registers[r]!);
    return effect;
  }

  /** Notes what row `n` computes or changes. */
  step(n: number, nested: boolean): void {
    const ir = this.ir, op = ir.op[n]!, info = ops[op]!;
    if (info.effect === 'state' && ir.imm[n]! < GPR_END && info.name === (this.wide ? 'get64' : 'get32') && (ir.imm[n]! & 7) === 0) {
      this.rows.set(n, this.registers[ir.imm[n]! >> 3]!);
    } else if (info.effect === 'put' && info.name.startsWith('put') && !info.name.startsWith('putAt') && ir.imm[n]! >= 0 && ir.imm[n]! < GPR_END) {
      const whole = info.name === (this.wide ? 'put64' : 'put32') && (ir.imm[n]! & 7) === 0 && !nested;
      this.registers[ir.imm[n]! >> 3] = whole ? this.of(ir.a[n]!) : { root: `n${this.version++}`, offset: 0 };
    } else if (info.effect === 'pure') this.pure(n, op);
  }

  private pure(n: number, op: number): void {
    const ir = this.ir;
    if (op === EXTEND_U) this.clean.add(`v${n}`);
    else if (op === I32_CONST) this.rows.set(n, { root: 'c', offset: ir.imm[n]! });
    else if (op === I64_CONST) this.rows.set(n, { root: 'c', offset: ir.imm2[n]! * 0x1_0000_0000 + (ir.imm[n]! >>> 0) });
    else if (ADD.has(op) || SUB.has(op)) {
      const a = this.of(ir.a[n]!), b = this.of(ir.b[n]!), sign = ADD.has(op) ? 1 : -1;
      if (b.root === 'c') this.rows.set(n, { root: a.root, offset: a.offset + sign * b.offset });
      else if (sign > 0 && a.root === 'c') this.rows.set(n, { root: b.root, offset: a.offset + b.offset });
      else if (sign > 0) this.rows.set(n, { root: `(${a.root}+${b.root})`, offset: a.offset + b.offset });
    } else if (SHL.has(op)) {
      const a = this.of(ir.a[n]!), b = this.of(ir.b[n]!);
      if (b.root === 'c' && b.offset >= 0 && b.offset <= 3) this.rows.set(n, { root: `(${a.root}<<${b.offset})`, offset: a.offset * (1 << b.offset) });
    }
  }
}

/**
 * Plans the tests of one block; `from` as in RegionNode, `known`: what was tested on every way to it. Rows without a plan test for
 * themselves. `loops`: it stands in a loop whose tests may have notes
 * (pageNotes.ts). Returns what the block does to high halves, what is tested at its end, and its groups.
 */
export function planChecks(ir: Columns, from: readonly number[], wide: boolean, plans: Map<number, CheckPlan>, known: TestedAround, loops: boolean): { clean: CleanEffect; tested: TestedAround; groups: NodeGroups } {
  const end = from[from.length - 1]!;
  const symbols = new Symbols(ir, wide), linear = loops ? new LinearTerms(ir, from[0]!, end) : null;
  const groups = new Map<string, CheckGroup>(), all: CheckGroup[] = [];
  const before = new Map<string, Tested>();
  known.forEach((tested, r) => { if (tested !== null) before.set(`r${r}`, tested); });
  let depth = 0, instruction = 0;
  /** The instruction may have ended early by now: what follows in it does not always happen. */
  let ended = false;
  for (let n = from[0]!; n < end; n++) {
    const op = ir.op[n]!;
    while (n >= from[instruction + 1]!) {
      instruction++;
      ended = false;
    }
    if (op === NEXT) ended = true;
    if (op === IF || op === LOOP || op === BLOCK) depth++;
    else if (op === END) depth--;
    const bytes = BYTES.get(op);
    if (bytes !== undefined && depth === 0 && !ended && (ir.imm[n]! & MemFlag.checked) === 0) {
      const symbol = symbols.of(ir.a[n]!);
      if (Math.abs(symbol.offset) < 0x4000_0000 || symbol.root === 'c') join(n, symbol, bytes, ops[op]!.effect === 'store' || (ir.imm[n]! & MemFlag.forWrite) !== 0);
    }
    symbols.step(n, depth > 0);
    linear?.step(n, depth > 0);
  }
  return { groups: { groups: all, steady: linear?.steady() ?? 0 }, clean: symbols.cleanEffect(), tested: symbols.testedAround((root) => {
    const group = groups.get(root), earlier = before.get(root) ?? null;
    return group === undefined ? earlier : bothTested({ low: group.low, high: group.high, write: group.write }, earlier);
  }) };

  function join(n: number, symbol: Symbol, bytes: number, write: boolean): void {
    const group = groups.get(symbol.root), earlier = before.get(symbol.root);
    if (earlier !== undefined && symbol.offset >= earlier.low && symbol.offset + bytes <= earlier.high && (!write || earlier.write)) {
      plans.set(n, { group: null, offset: symbol.offset });
      return;
    }
    if (group !== undefined) {
      const low = Math.min(group.low, symbol.offset), high = Math.max(group.high, symbol.offset + bytes);
      if (high - low <= MAX_SPAN) {
        group.low = low;
        group.high = high;
        group.write ||= write;
        plans.set(n, { group, offset: symbol.offset });
        return;
      }
    }
    const clean = symbols.addressClean(symbol);
    const alone: CheckGroup = {
      first: n, low: symbol.offset, high: symbol.offset + bytes, write, local: -1, terms: linear?.of(ir.a[n]!) ?? OTHER, note: -1, aligned: false,
      // The test is made at `low`, which later accesses may have moved.
      isClean(registers) {
        return Math.abs(this.low) < SHORT && (clean === ALWAYS || (clean >= 0 && ((registers >> clean) & 1) !== 0));
      },
    };
    groups.set(symbol.root, alone);
    all.push(alone);
    plans.set(n, { group: alone, offset: symbol.offset });
    symbols.access(symbol);
  }
}

/** Which registers' high halves are 0 at the start of each node, as far as the nodes before it tell. `effects`: by node, null = not known. */
export function cleanAtStart(effects: readonly (CleanEffect | null)[], successors: readonly (readonly number[])[], order: Iterable<number>): number[] {
  const into = effects.map(() => 0xffff), nodes = [...order];
  into[nodes[0]!] = 0;
  for (let again = true; again; ) {
    again = false;
    for (const node of nodes) {
      const effect = effects[node];
      let out = 0;
      if (effect) for (let r = 0; r < 16; r++) if (effect[r] === ALWAYS || (effect[r]! >= 0 && ((into[node]! >> effect[r]!) & 1) !== 0)) out |= 1 << r;
      for (const s of successors[node]!) {
        if (s < 0 || (into[s]! & out) === into[s]) continue;
        into[s]! &= out;
        again = true;
      }
    }
  }
  return into;
}
