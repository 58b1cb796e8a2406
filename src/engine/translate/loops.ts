/** Loops of a region, as compilers lay them out. */
import type { Region } from './region.ts';

/**
 * The first block of the innermost loop around the block at `address`: the target of a backward jump that comes from behind
 * the block and can be reached from it. -1: it is in no loop.
 */
export function loopAround(region: Region, address: number): number {
  const at = region.blocks.findIndex((block) => block.inside === null && block.start === address);
  if (at < 0) return -1;
  const component = stronglyConnected(region, at);
  if (component === null) return -1;
  let head = -1;
  for (const n of component) {
    const block = region.blocks[n]!;
    for (const s of block.successors) {
      if (s < 0 || !component.has(s)) continue;
      const target = region.blocks[s]!;
      if (target.inside === null && block.inside === null && target.start <= address && block.end > address && target.start <= block.start) head = Math.max(head, target.start);
    }
  }
  return head < 0 ? address : head;
}

/** The blocks that can be reached from block `at` and lead to it again; null: none. */
function stronglyConnected(region: Region, at: number): Set<number> | null {
  const forward = reach(at, (n) => region.blocks[n]!.successors);
  if (!forward.has(at)) return null;
  const predecessors: number[][] = region.blocks.map(() => []);
  region.blocks.forEach((block, n) => {
    for (const s of block.successors) if (s >= 0) predecessors[s]!.push(n);
  });
  const backward = reach(at, (n) => predecessors[n]!);
  return new Set([...forward].filter((n) => backward.has(n)));
}

/** What can be reached from `from` in one step or more. */
function reach(from: number, next: (n: number) => readonly number[]): Set<number> {
  const seen = new Set<number>(), todo = [from];
  for (let n = todo.pop(); n !== undefined; n = todo.pop()) {
    for (const s of next(n)) {
      if (s < 0 || seen.has(s)) continue;
      seen.add(s);
      todo.push(s);
    }
  }
  return seen;
}
