/** What holds at the start of each node of a region because of the nodes before it. */
import type { Columns } from '../ir/columns.ts';
import { type CheckPlan, type CleanEffect, cleanAtStart, NOTHING_TESTED, planChecks, type TestedAround, testedInBoth } from './checkGroups.ts';
import type { NodeGroups } from './pageNotes.ts';
import type { RegionNode } from './regionNode.ts';
import { type FlagState, flagsAfter, sameFlags } from './regionFlags.ts';
import type { FlowGraph } from './structure.ts';

/** What is called may change anything, and lets other threads do so. */
function calls({ end }: RegionNode): boolean {
  return end.kind === 'call' || end.kind === 'callTo';
}

/** Flag knowledge: what all predecessors agree on. At hubs the flags are in the CPU state. */
export function flagsAtStart(ir: Columns, nodes: readonly RegionNode[], { order, successors }: FlowGraph, hubs: Uint8Array): (FlagState | null | undefined)[] {
  const into: (FlagState | null | undefined)[] = nodes.map(() => undefined);
  into[0] = null;
  for (let changed = true; changed; ) {
    changed = false;
    for (const node of order) {
      const before = into[node];
      if (before === undefined) continue;
      const n = nodes[node]!;
      const after = calls(n) ? null : flagsAfter(ir, n.from[0]!, n.from[n.from.length - 1]!, before);
      for (const s of successors[node]!) {
        if (s < 0 || into[s] === null) continue;
        if (hubs[s] !== 0) into[s] = null;
        else if (into[s] === undefined) into[s] = after;
        else if (!sameFlags(into[s]!, after)) into[s] = null;
        else continue;
        changed = true;
      }
    }
  }
  return into;
}

/** Plans the permission tests of all nodes. `clean`: which registers' high halves are 0 where each node begins, a bit each. */
export function planTests(ir: Columns, nodes: readonly RegionNode[], { order, successors }: FlowGraph, wide: boolean, plans: Map<number, CheckPlan>, loops: readonly unknown[]): { clean: number[]; groups: (NodeGroups | undefined)[] } {
  const predecessors: number[][] = nodes.map(() => []);
  for (const node of order) for (const s of successors[node]!) if (s >= 0) predecessors[s]!.push(node);
  const effects: (CleanEffect | null)[] = nodes.map(() => null);
  const tested: (TestedAround | undefined)[] = [], groups: (NodeGroups | undefined)[] = [];
  for (const node of order) {
    const n = nodes[node]!;
    const planned = planChecks(ir, n.from, wide, plans, testedBefore(predecessors[node]!, tested), loops[node] !== undefined);
    groups[node] = planned.groups;
    if (!calls(n)) effects[node] = planned.clean;
    tested[node] = calls(n) ? NOTHING_TESTED : planned.tested;
  }
  return { clean: cleanAtStart(effects, successors, order), groups };
}

/** What all ways to a node have tested; nothing when one of them comes from behind it. */
function testedBefore(predecessors: readonly number[], tested: readonly (TestedAround | undefined)[]): TestedAround {
  let common: TestedAround | null = null;
  for (const p of predecessors) {
    const one = tested[p];
    if (one === undefined) return NOTHING_TESTED;
    common = common === null ? one : testedInBoth(common, one);
  }
  return common ?? NOTHING_TESTED;
}
