/**
 * A region -> a WebAssembly module. Pure: bytes in, bytes out; installing the result is the region cache's work.
 *
 * The module imports `env.memory`, `engine.enter`, `engine.statusFlags` and the helpers it calls. For each
 * function that it calls directly, and for each indirect call, it has a place in the table `callees` and a global `record<place>`, in the order of calleesOf(),
 * that are filled when that has a region: its function and its record. Indirect calls ask for that (`engine.learn`) by the place's
 * number and that of the region itself, the global `slot`. It exports the function
 * `region`: (cpu, depth) -> guest address to go on at, or -1 (see emit/regionEmitter.ts).
 */
import { RegionEmitter } from '../../emit/regionEmitter.ts';
import type { NodeEnd, RegionNode } from '../../emit/regionNode.ts';
import { helpersOf } from '../../emit/regionState.ts';
import { type PlainVersion, regionHolds } from '../../emit/regionTarget.ts';
import { IrBuilder } from '../../ir/builder.ts';
import { Columns } from '../../ir/columns.ts';
import { helperNames, helperSignatures, modeHelpers, xmmHelpers } from '../../ir/helpers.ts';
import { opId, ops } from '../../ir/ops.ts';
import { Instruction } from '../../isa/instruction.ts';
import { rowAt } from '../../isa/rows.ts';
import { ConstantSource } from '../../lift/constantSource.ts';
import { Lift, type Lifter } from '../../lift/context.ts';
import { FloatFacts } from '../../lift/floatFacts.ts';
import { Cpu } from '../../machine/cpuState.ts';
import { ADDRESS_BITS, TALL_ADDRESS_BITS } from '../../machine/memoryLayout.ts';
import { ModuleWriter } from '../../wasm/module.ts';
import { WasmType } from '../../wasm/opcodes.ts';
import { type Block, End, type Region } from './region.ts';

const LETTERS: Record<string, number> = { i: WasmType.i32, l: WasmType.i64, f: WasmType.f32, d: WasmType.f64, v: WasmType.v128 };
const IF = opId('if'), LOOP = opId('loop'), BLOCK = opId('block'), END = opId('end');
const EXPECTED_END: Record<number, number> = {
  [End.jump]: opId('jump'), [End.branch]: opId('branch'), [End.call]: opId('call'), [End.callTo]: opId('callTo'), [End.inlined]: opId('call'),
};
const RET = opId('ret');
const LEAVES = new Set([RET, opId('jumpTo')]);
const GET = opId('get32'), PUT = opId('put32'), HELPER = opId('helper');
const XMM_PUTS = new Set(['put8', 'put16', 'put32', 'put64', 'put128', 'put.f32', 'put.f64'].map(opId));

/** An indirect call has been made so often when what it called is learnt first. */
const FIRST_TURNS = 8;

/** The lifter of a row, or undefined: the interpreter takes such instructions. */
export type LifterOf = (row: number) => Lifter | undefined;

/** IR, a node per block. */
export interface LiftedCode {
  ir: Columns;
  nodes: RegionNode[];
  successors: number[][];
}

/** IR of a whole region. */
export interface LiftedRegion extends LiftedCode {
  region: Region;
  /** The same without noting floating-point flags (docs/floating-point.md), where that makes a difference. */
  plain: LiftedCode | null;
}

export function liftRegion(region: Region, lifterOf: LifterOf): LiftedRegion {
  const exact = liftCode(region, lifterOf, null);
  return { region, ...exact, plain: hasPlainVersion(exact.ir) ? liftPlain(region, lifterOf) : null };
}

const EVERYTHING = (1n << 64n) - 1n;
/** Rounds after which no more is taken for known from one block to another. */
const MAX_ROUNDS = 5;

/** Lifts again and again, with what the round before has found to be known at the ends of blocks, until that is what it began with. */
function liftPlain(region: Region, lifterOf: LifterOf): LiftedCode {
  let known = region.blocks.map((_, k) => (k === 0 ? 0n : EVERYTHING));
  for (let round = 0; ; round++) {
    const floats = new FloatFacts(), atEnd: bigint[] = [];
    const lifted = liftCode(region, lifterOf, floats, (block) => {
      if (block > 0) atEnd.push(floats.state);
      floats.begin(known[block] ?? 0n);
    });
    atEnd.push(floats.state);
    const next = known.map((state, k) => (k === 0 ? 0n : state));
    lifted.successors.forEach((list, k) => {
      const { kind } = lifted.nodes[k]!.end, state = kind === 'call' || kind === 'callTo' ? 0n : atEnd[k]!;
      for (const s of list) if (s >= 0) next[s]! &= state;
    });
    if (next.every((state, k) => state === known[k])) return lifted;
    known = round < MAX_ROUNDS ? next : known.map(() => 0n);
  }
}

/** Whether there are instructions that note floating-point flags, and none that changes which are to be noted. */
function hasPlainVersion(ir: Columns): boolean {
  let notes = false;
  for (let n = 0; n < ir.length; n++) {
    const op = ir.op[n]!;
    if (op === GET && ir.imm[n] === Cpu.sseExact) notes = true;
    else if ((op === PUT && ir.imm[n] === Cpu.sseExact) || (op === HELPER && modeHelpers.has(helperNames[ir.imm[n]!]!))) return false;
  }
  return notes;
}

function liftCode(region: Region, lifterOf: LifterOf, floats: FloatFacts | null, begin?: (block: number) => void): LiftedCode {
  const ir = new Columns();
  const builder = new IrBuilder(ir);
  const source = new ConstantSource(new Instruction(), floats);
  const nodes: RegionNode[] = [];
  const successors: number[][] = [];
  for (const [k, block] of region.blocks.entries()) {
    begin?.(k);
    const node = liftBlock(block, builder, source, lifterOf);
    nodes.push(node);
    const goesOn = node.end.kind !== 'interpret' && node.end.kind !== 'leave';
    successors.push(goesOn ? block.successors : []);
    if (!goesOn) node.successorAddresses = [];
  }
  return { ir, nodes, successors };
}

function liftBlock(block: Block, builder: IrBuilder, source: ConstantSource, lifterOf: LifterOf): RegionNode {
  const ir = builder.code;
  const node: RegionNode = { from: [ir.length], addresses: [], end: { kind: 'fall' }, successorAddresses: block.outside, start: block.start };
  const count = block.instructions.length, { floats } = source;
  for (let k = 0; k < count; k++) {
    const i = block.instructions[k]!, address = block.addresses[k]!, isLast = k === count - 1;
    const lifter = lifterOf(i.row);
    const start = ir.length;
    const interpreted = lifter === undefined || (isLast && block.kind === End.interpret);
    if (!interpreted) lifter(new Lift(builder, i, rowAt(i.row), source.at(i, address)));
    floats?.settle(xmmsWritten(ir, start));
    const end = interpreted ? null : endOf(ir, start, block, isLast);
    if (end === null) {
      ir.length = start;
      builder.depth = 0;
      node.end = { kind: 'interpret', address };
      return node;
    }
    node.addresses.push(address);
    node.from.push(ir.length);
    if (isLast) node.end = end;
  }
  return node;
}

/** Which xmm registers the rows from `from` on write, a bit each. */
function xmmsWritten(ir: Columns, from: number): number {
  let written = 0;
  for (let n = from; n < ir.length; n++) {
    const op = ir.op[n]!, ref = ir.imm[n]!;
    if (op === HELPER && xmmHelpers.has(helperNames[ref]!)) return 0xffff;
    if (XMM_PUTS.has(op) && ref >= Cpu.xmm && ref < Cpu.xmm + 16 * 16) written |= 1 << ((ref - Cpu.xmm) >> 4);
  }
  return written;
}

/** What the instruction's IR ends with, if that is what its block expects; null = leave it to the interpreter. */
function endOf(ir: Columns, from: number, block: Block, isLast: boolean): NodeEnd | null {
  let depth = 0;
  const last = ir.length - 1;
  for (let n = from; n <= last; n++) {
    const op = ir.op[n]!;
    if (op === IF || op === LOOP || op === BLOCK) depth++;
    else if (op === END) depth--;
    const transfers = op === EXPECTED_END[End.jump] || op === EXPECTED_END[End.branch] || op === EXPECTED_END[End.call] || op === EXPECTED_END[End.callTo];
    if (transfers && (n !== last || depth !== 0 || !isLast)) return null;
    if ((LEAVES.has(op) && !isLast) || !regionHolds(op)) return null;
  }
  if (!isLast) return { kind: 'fall' };
  const lastOp = last >= from ? ir.op[last]! : -1;
  const expected = EXPECTED_END[block.kind];
  if (expected !== undefined && lastOp !== expected) return null;
  switch (block.kind) {
    case End.jump: return { kind: 'jump' };
    case End.branch: return { kind: 'branch' };
    case End.call: return { kind: 'call', target: block.target, slot: block.slot, returnTo: block.end };
    case End.inlined: return { kind: 'inlined' };
    case End.return: return lastOp === RET ? { kind: 'return', returnTo: block.inside!.returnTo } : null;
    case End.callTo: return { kind: 'callTo', returnTo: block.end };
    case End.jumpTo: case End.leave: return lastOp >= 0 && LEAVES.has(lastOp) ? { kind: 'leave' } : null;
    default: return lastOp >= 0 && ops[lastOp]!.effect === 'exit' && LEAVES.has(lastOp) ? null : { kind: 'fall' };
  }
}

/** How a region's module is made. */
export interface ModuleOptions {
  /** It says when it runs. */
  readonly profiled?: boolean;
  /** It is for a tall address space. */
  readonly tall?: boolean;
}

/** Writes the module of a region. */
export function emitModule({ region, ir, nodes, successors, plain }: LiftedRegion, { profiled = false, tall = false }: ModuleOptions = {}): Uint8Array {
  const module = new ModuleWriter();
  const I = WasmType.i32;
  module.importMemory('env', 'memory', 1, 65536);
  const enter = module.importFunction('engine', 'enter', module.type([I, I, I, I], [I]));
  const statusFlags = module.importFunction('engine', 'statusFlags', module.type([I], [I]));
  const learn = module.importFunction('engine', 'learn', module.type([I, I, I], [I]));
  const helpers = new Map<string, number>();
  for (const name of helpersOf(ir)) {
    const [params, result] = helperSignatures[name]!.split(':') as [string, string];
    const type = module.type([I, ...[...params].map((c) => LETTERS[c]!)], [...result].map((c) => LETTERS[c]!));
    helpers.set(name, module.importFunction('helpers', name, type));
  }
  const callees = new Map(calleesOf(nodes, region.start).map((address, place) => [address, { place, record: module.exportGlobal(`record${place}`) }]));
  const sites = nodes.filter(({ end }) => end.kind === 'callTo').map((_, k) => {
    const place = callees.size + k;
    return { place, record: module.exportGlobal(`record${place}`), turns: module.global(FIRST_TURNS) };
  });
  const places = callees.size + sites.length;
  if (places > 0) {
    module.table(places);
    module.exportTable('callees');
  }
  const signature = module.type([I, I], [I]), body = module.declare(signature), exact = plain === null ? body : module.declare(signature);
  module.exportFunction('region', body);
  const slot = sites.length > 0 ? module.exportGlobal('slot') : -1;
  const imports = (version: PlainVersion | null) => ({
    enter,
    statusFlags,
    addressBits: tall ? TALL_ADDRESS_BITS : ADDRESS_BITS,
    helper: (name: string): number => helpers.get(name)!,
    itself: body,
    signature,
    callee: (address: number) => callees.get(address)!,
    site: inTurn(sites),
    slot,
    learn,
    profiled,
    plain: version,
  });
  const wide = region.mode === 64;
  module.define(exact, new RegionEmitter(ir, nodes, successors, wide, imports(null)).emit());
  if (plain !== null) module.define(body, new RegionEmitter(plain.ir, plain.nodes, plain.successors, wide, imports({ exact, doubts: module.global(0) })).emit());
  return module.finish();
}

function inTurn<T>(list: readonly T[]): () => T {
  let next = 0;
  return () => list[next++]!;
}

/** Guest functions that are called directly, without the region itself. */
export function calleesOf(nodes: readonly RegionNode[], start: number): number[] {
  const found = new Set<number>();
  for (const { end } of nodes) if (end.kind === 'call') found.add(end.slot?.value ?? end.target);
  found.delete(start);
  return [...found];
}
