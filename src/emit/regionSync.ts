/**
 * Which registers of a region are loaded from and written back to the CPU state where. A local is written back at an exit or
 * call only if it may have changed since the last synchronisation, and loaded (at the entry, behind a call) only if it may
 * be used before it is overwritten; an exit that writes a register back uses it.
 *
 * Sets of registers are bit masks: bit r = general register r, bit 16 + r = xmm r.
 */
import type { Columns } from '../ir/columns.ts';
import { xmmHelpers, helperNames } from '../ir/helpers.ts';
import { opId, ops } from '../ir/ops.ts';
import { Cpu } from '../machine/cpuState.ts';
import { inLocal, type RegisterUse } from './regionState.ts';
import type { FlowGraph } from './structure.ts';
import type { RegionNode } from './regionNode.ts';

const IF = opId('if'), LOOP = opId('loop'), BLOCK = opId('block'), END = opId('end'), HELPER = opId('helper');
/** Ways to a node from which on it is a hub. */
const HUB = 8;
/** Different sets at exits; rarer ones take the place of a larger one. */
const MAX_MASKS = 32;

interface InstructionEffect {
  /** Needed before: read, or changed only in part or not always. */
  uses: number;
  /** Certainly overwritten as a whole. */
  defines: number;
  writes: number;
}

/** Facts about rows the emitter has and this analysis needs. */
export interface LeavingFacts {
  /** May the instruction leave the region before it has changed anything? */
  mayLeave(node: RegionNode, k: number): boolean;
  /** May it leave after it has changed registers (a repeated string instruction with work left)? */
  leavesAmidst(node: RegionNode, k: number): boolean;
}

export class RegionSync {
  /** Sets that exits write back. */
  masks: number[] = [];
  /** Of the region's entry. */
  entryLoads = 0;
  /** By node: registers that may have changed when its last instruction has run (a call writes them back). */
  readonly changed: number[];
  /** By node with a call: registers loaded behind it. */
  readonly reloads: number[];
  /** By hub: registers loaded when it begins. */
  readonly arrivals: number[];
  private readonly ir: Columns;
  private readonly nodes: readonly RegionNode[];
  private readonly flow: FlowGraph;
  private readonly wide: boolean;
  private readonly use: RegisterUse;
  private readonly facts: LeavingFacts;
  private readonly effects: InstructionEffect[][];
  private readonly changedIn: number[];
  private readonly canonical = new Map<number, number>();
  /** 1 = many ways meet here: registers are in the CPU state, as at the region's entry, and the needed ones are loaded. */
  private readonly hubs: Uint8Array;

  constructor(ir: Columns, nodes: readonly RegionNode[], flow: FlowGraph, wide: boolean, use: RegisterUse, facts: LeavingFacts, hubs: Uint8Array) {
    this.ir = ir;
    this.nodes = nodes;
    this.flow = flow;
    this.wide = wide;
    this.use = use;
    this.facts = facts;
    this.hubs = hubs;
    this.effects = nodes.map((n) => n.addresses.map((_, k) => this.effectOf(n.from[k]!, n.from[k + 1]!)));
    this.changedIn = nodes.map(() => 0);
    this.changed = nodes.map(() => 0);
    this.reloads = nodes.map(() => 0);
    this.arrivals = nodes.map(() => 0);
    this.solveChanged();
    this.chooseMasks();
    this.solveLive();
  }

  /** Whether many ways meet at `node` (see findHubs). */
  isHub(node: number): boolean { return this.hubs[node] !== 0; }

  /** The node writes back what has changed when it ends: before a call, and when it leads to a hub. */
  synchronises(node: number): boolean {
    const n = this.nodes[node]!;
    return isCall(n) || this.flow.successors[node]!.some((s) => s >= 0 && this.isHub(s));
  }

  /** What is written back when the region is left at the end of `node`, or on one of its edges. */
  endMask(node: number): number {
    return this.canonical.get(this.synchronises(node) ? 0 : this.changed[node]!)!;
  }

  /** The same before the node has written back what has changed. */
  callMask(node: number): number {
    return this.canonical.get(this.changed[node]!)!;
  }

  /** What is written back when instruction k of `node` is refused. */
  refuseMasks(node: number): number[] {
    return this.rawMasks(node).map((mask) => this.canonical.get(mask)!);
  }

  private rawMasks(node: number): number[] {
    const n = this.nodes[node]!;
    let changed = this.changedIn[node]!;
    return this.effects[node]!.map((effect, k) => {
      const before = changed;
      changed |= effect.writes;
      return this.facts.leavesAmidst(n, k) ? changed : before;
    });
  }

  private effectOf(from: number, to: number): InstructionEffect {
    const { ir } = this;
    const effect: InstructionEffect = { uses: 0, defines: 0, writes: 0 };
    let depth = 0;
    for (let n = from; n < to; n++) {
      const op = ir.op[n]!, info = ops[op]!;
      if (op === IF || op === LOOP || op === BLOCK) depth++;
      else if (op === END) depth--;
      else if (op === HELPER) {
        if (xmmHelpers.has(helperNames[ir.imm[n]!]!)) effect.uses |= this.use.xmmWritten << 16;
      } else if ((info.effect === 'state' || info.effect === 'put') && hasPlace(info.name) && inLocal(ir.imm[n]!)) {
        this.note(effect, ir.imm[n]!, info.name, info.effect === 'put', depth);
      }
    }
    return effect;
  }

  private note(effect: InstructionEffect, ref: number, name: string, put: boolean, depth: number): void {
    const xmm = ref >= Cpu.xmm;
    const bit = xmm ? 1 << (16 + ((ref - Cpu.xmm) >> 4)) : 1 << (ref >> 3);
    if (!put) {
      effect.uses |= bit;
      return;
    }
    effect.writes |= bit;
    const whole = xmm ? name === 'put128' : (ref & 7) === 0 && (name === 'put64' || (name === 'put32' && !this.wide));
    if (whole && depth === 0) effect.defines |= bit;
    else effect.uses |= bit;
  }

  private solveChanged(): void {
    const { order, successors } = this.flow;
    const own = this.effects.map((list) => list.reduce((mask, effect) => mask | effect.writes, 0));
    for (let again = true; again; ) {
      again = false;
      for (const node of order) {
        this.changed[node] = this.changedIn[node]! | own[node]!;
        const out = this.synchronises(node) ? 0 : this.changed[node]!;
        for (const s of successors[node]!) {
          if (s < 0 || (this.changedIn[s]! | out) === this.changedIn[s]!) continue;
          this.changedIn[s]! |= out;
          again = true;
        }
      }
    }
  }

  /** The most frequent sets stay; each other one becomes the smallest of them that contains it. */
  private chooseMasks(): void {
    const counts = new Map<number, number>([[0, 1]]);
    for (const node of this.flow.order) {
      for (const mask of [this.changed[node]!, ...this.rawMasks(node)]) counts.set(mask, (counts.get(mask) ?? 0) + 1);
    }
    const all = (this.use.gprWritten & 0xffff) | (this.use.xmmWritten << 16);
    const frequent = [...counts].filter(([mask]) => mask !== 0 && mask !== all).sort((a, b) => b[1] - a[1]);
    this.masks = [...new Set([0, ...frequent.slice(0, MAX_MASKS - 2).map(([mask]) => mask), all])];
    for (const mask of counts.keys()) {
      let best = all;
      for (const kept of this.masks) if ((kept & mask) === mask && bits(kept) < bits(best)) best = kept;
      this.canonical.set(mask, this.masks.includes(mask) ? mask : best);
    }
  }

  private solveLive(): void {
    const { order, successors, position } = this.flow;
    const liveIn = this.nodes.map(() => 0);
    const refuse = this.nodes.map((_, node) => (position[node]! >= 0 ? this.refuseMasks(node) : []));
    for (let again = true; again; ) {
      again = false;
      for (let i = order.length - 1; i >= 0; i--) {
        const node = order[i]!, n = this.nodes[node]!, list = successors[node]!;
        let live = 0, leaves = list.length === 0 || n.end.kind === 'return';
        for (const s of list) {
          if (s >= 0) live |= liveIn[s]!;
          if (s < 0 || position[s]! <= position[node]!) leaves = true;
        }
        if (leaves) live |= this.endMask(node);
        if (this.synchronises(node)) {
          if (isCall(n)) this.reloads[node] = live;
          live = (isCall(n) ? 0 : live) | this.changed[node]! | this.callMask(node);
        }
        for (let k = n.addresses.length - 1; k >= 0; k--) {
          const effect = this.effects[node]![k]!;
          live = (live & ~effect.defines) | effect.uses;
          if (this.facts.mayLeave(n, k)) live |= refuse[node]![k]!;
        }
        if (this.isHub(node)) {
          this.arrivals[node] = live;
          live = 0;
        }
        if (live !== liveIn[node]) {
          liveIn[node] = live;
          again = true;
        }
      }
    }
    this.entryLoads = liveIn[order[0]!]!;
  }
}

function isCall(n: RegionNode): boolean {
  return n.end.kind === 'call' || n.end.kind === 'callTo';
}

/** Nodes where many ways meet (1): V8 would move every register there from one place of its frame to another. */
export function findHubs(flow: FlowGraph, nodes: readonly RegionNode[]): Uint8Array {
  const ways = new Int32Array(nodes.length);
  for (const node of flow.order) for (const s of flow.successors[node]!) if (s >= 0) ways[s]!++;
  return Uint8Array.from(nodes, (_, k) => (ways[k]! >= HUB ? 1 : 0));
}

/** Operations whose immediate is a fixed place in the CPU state. */
function hasPlace(name: string): boolean {
  return (name.startsWith('get') || name.startsWith('put')) && !name.startsWith('getAt') && !name.startsWith('putAt') && name !== 'putStatusFlags';
}

function bits(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}
