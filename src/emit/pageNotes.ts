/**
 * Permission tests in loops that walk through memory. Such a test notes the page it has found permitted, in the CPU state (a local
 * costs V8 three moves a round); while the address stays in it, one comparison is all there is to do. The notes are forgotten where the
 * loop is entered, and no loop with calls has them: permissions are taken away while no thread is in its code (kernel/mm), and the
 * write permission of pages with code is dealt with by CodeCache.watch.
 */
import { EngineField } from '../machine/codeLayout.ts';
import type { Code } from '../wasm/code.ts';
import type { CheckGroup } from './checkGroups.ts';
import { isSteady } from './linear.ts';
import type { RegionNode } from './regionNode.ts';
import type { FlowGraph } from './structure.ts';

/**
 * High half of what a note is before it has seen a page. No address is canonical there, so that none is taken for one of a known page. (One
 * that has just these bits would be read or written in page 0 instead of being refused.)
 */
const NOWHERE = 0x8b5e93a1 | 0;

/** What the tests of a node are about. */
export interface NodeGroups {
  readonly groups: readonly CheckGroup[];
  /** LinearTerms.steady of the node. */
  readonly steady: number;
}

/** Of a node: the header of the outermost natural loop without calls around it, and the nodes of the smallest way round that goes through it. */
export interface Loops {
  readonly header: number;
  round: ReadonlySet<number>;
}

/** By node; undefined: it is in no such loop. */
export function callFreeLoops(nodes: readonly RegionNode[], { order, position, successors, isLoopHeader }: FlowGraph): (Loops | undefined)[] {
  if (!isLoopHeader.includes(1)) return [];
  const predecessors: number[][] = nodes.map(() => []);
  for (const node of order) for (const s of successors[node]!) if (s >= 0) predecessors[s]!.push(node);
  const around: (Loops | undefined)[] = nodes.map(() => undefined);
  // An outer loop's header comes before those of the loops in it.
  for (const header of order) {
    if (isLoopHeader[header] === 0) continue;
    // A loop that is entered in the midst of another one has the header of both.
    const rounds = predecessors[header]!.filter((p) => position[p]! >= position[header]!).map((last) => roundThrough(header, last, predecessors));
    if (rounds.some((round) => [...round].some((node) => nodes[node]!.end.kind === 'call' || nodes[node]!.end.kind === 'callTo'))) continue;
    for (const round of rounds.sort((a, b) => b.size - a.size)) {
      for (const node of round) {
        const outer = around[node];
        if (outer === undefined) around[node] = { header, round };
        else outer.round = round;
      }
    }
  }
  return around;
}

/** The nodes from which `last` is reached without passing `header`. */
function roundThrough(header: number, last: number, predecessors: readonly (readonly number[])[]): Set<number> {
  const round = new Set([header]), work = [last];
  for (let node = work.pop(); node !== undefined; node = work.pop()) {
    if (round.has(node)) continue;
    round.add(node);
    work.push(...predecessors[node]!);
  }
  return round;
}

export class PageNotes {
  private readonly code: Code;
  private readonly cpu: number;
  /** Places to be reset before the loop of a header begins. */
  private readonly byHeader = new Map<number, number[]>();
  private count = 0;

  constructor(code: Code, cpu: number) {
    this.code = code;
    this.cpu = cpu;
  }

  /** Chooses the tests that get a note; `planned` by node. */
  plan(loops: readonly (Loops | undefined)[], order: Iterable<number>, planned: readonly (NodeGroups | undefined)[]): void {
    const steadyIn = new Map<ReadonlySet<number>, number>();
    for (const node of order) {
      const loop = loops[node], own = planned[node];
      if (loop === undefined || own === undefined) continue;
      let steady = steadyIn.get(loop.round);
      if (steady === undefined) steadyIn.set(loop.round, (steady = [...loop.round].reduce((mask, n) => mask & (planned[n]?.steady ?? 0), -1)));
      for (const group of own.groups) {
        // A single byte has one page to ask for: that is as short.
        if (this.count >= EngineField.pageNotes || group.high - group.low === 1 || !isSteady(group.terms, steady)) continue;
        group.note = EngineField.pageNote + 8 * this.count++;
        const list = this.byHeader.get(loop.header);
        if (list === undefined) this.byHeader.set(loop.header, [group.note]);
        else list.push(group.note);
      }
    }
  }

  /** To be emitted in front of a loop. */
  reset(header: number): void {
    for (const place of this.byHeader.get(header) ?? []) {
      this.code.get(this.cpu);
      this.code.i64(0, NOWHERE);
      this.code.mem('i64.store', place, 3);
    }
  }
}
