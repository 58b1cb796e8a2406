/**
 * Turns the control-flow graph of a region into structured WebAssembly control flow, after Ramsey, "Beyond Relooper:
 * recursive translation of unstructured control flow to structured control flow" (ICFP 2022). Blocks are placed along
 * the dominator tree: a loop header opens a `loop`, a node with several forward predecessors (a merge node) is placed
 * behind a `block` that its predecessors leave by `br`, everything else stands where its only predecessor jumps to it.
 *
 * A retreating edge whose target does not dominate its source makes the graph irreducible. Such an edge is cut: the
 * emitter is asked to leave the region there, and the dispatcher takes the guest on.
 */

/** Where a block goes. Targets are node numbers; -1 - k means "leave by the block's exit number k". */
export interface Cfg {
  /** successors of each node, in the order the terminator names them. */
  readonly successors: readonly (readonly number[])[];
  readonly entry: number;
}

/** What `emitStructured` asks of the code emitter. Depths count enclosing wasm labels, 0 = innermost. */
export interface StructureSink {
  openBlock(): void;
  openLoop(node: number): void;
  close(): void;
  /** the straight-line code of `node`, up to but without its terminator. */
  code(node: number): void;
  /** two-way terminator: leaves the condition (successor 0 taken when non-zero) on the stack. */
  condition(node: number): void;
  openIf(): void;
  openElse(): void;
  br(depth: number): void;
  brIf(depth: number): void;
  /** pops the condition and inverts it. */
  invert(): void;
  /** before a branch along a back edge to `header` (counts, polls); may leave the region by itself. */
  backEdge(from: number, header: number): void;
  /** the edge leaves the region: successor `index` of `node`, whose target is negative or was cut. Must not fall through. */
  exitEdge(node: number, index: number): void;
}

export interface FlowGraph {
  /** nodes in reverse post-order. */
  readonly order: Int32Array;
  /** position in `order`, -1 when unreachable. */
  readonly position: Int32Array;
  readonly idom: Int32Array;
  /** for each node the successors, cut edges replaced by -1. */
  readonly successors: number[][];
  readonly isLoopHeader: Uint8Array;
  readonly isMerge: Uint8Array;
  readonly cutEdges: number;
}

function reversePostOrder(successors: readonly (readonly number[])[], entry: number): Int32Array {
  const seen = new Uint8Array(successors.length);
  const out: number[] = [];
  const stack: number[] = [entry];
  const next: number[] = [0];
  seen[entry] = 1;
  while (stack.length > 0) {
    const node = stack[stack.length - 1]!;
    const list = successors[node]!;
    const i = next[next.length - 1]!;
    if (i < list.length) {
      next[next.length - 1] = i + 1;
      const target = list[i]!;
      if (target >= 0 && seen[target] === 0) {
        seen[target] = 1;
        stack.push(target);
        next.push(0);
      }
    } else {
      out.push(node);
      stack.pop();
      next.pop();
    }
  }
  return Int32Array.from(out.reverse());
}

/** Cooper, Harvey, Kennedy: "A simple, fast dominance algorithm". */
function immediateDominators(order: Int32Array, position: Int32Array, predecessors: number[][], entry: number): Int32Array {
  const idom = new Int32Array(position.length).fill(-1);
  idom[entry] = entry;
  const meet = (a: number, b: number): number => {
    while (a !== b) {
      while (position[a]! > position[b]!) a = idom[a]!;
      while (position[b]! > position[a]!) b = idom[b]!;
    }
    return a;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (let i = 1; i < order.length; i++) {
      const node = order[i]!;
      let dominator = -1;
      for (const p of predecessors[node]!) {
        if (idom[p] === -1) continue;
        dominator = dominator === -1 ? p : meet(p, dominator);
      }
      if (dominator !== idom[node]) {
        idom[node] = dominator;
        changed = true;
      }
    }
  }
  return idom;
}

function predecessorsOf(successors: readonly (readonly number[])[], order: Int32Array): number[][] {
  const predecessors: number[][] = successors.map(() => []);
  for (const node of order) for (const target of successors[node]!) if (target >= 0) predecessors[target]!.push(node);
  return predecessors;
}

export function analyseFlow(cfg: Cfg): FlowGraph {
  const count = cfg.successors.length;
  const successors = cfg.successors.map((list) => [...list]);
  let cutEdges = 0;
  for (;;) {
    const order = reversePostOrder(successors, cfg.entry);
    const position = new Int32Array(count).fill(-1);
    for (let i = 0; i < order.length; i++) position[order[i]!] = i;
    const predecessors = predecessorsOf(successors, order);
    const idom = immediateDominators(order, position, predecessors, cfg.entry);
    const dominates = (a: number, b: number): boolean => {
      while (position[b]! > position[a]!) b = idom[b]!;
      return a === b;
    };
    const isLoopHeader = new Uint8Array(count);
    const isMerge = new Uint8Array(count);
    const forward = new Int32Array(count);
    let cut = 0;
    for (const node of order) {
      const list = successors[node]!;
      for (let i = 0; i < list.length; i++) {
        const target = list[i]!;
        if (target < 0) continue;
        if (position[target]! > position[node]!) {
          if (++forward[target]! > 1) isMerge[target] = 1;
        } else if (dominates(target, node)) {
          isLoopHeader[target] = 1;
        } else {
          list[i] = -1;
          cut++;
        }
      }
    }
    if (cut === 0) return { order, position, idom, successors, isLoopHeader, isMerge, cutEdges };
    cutEdges += cut;
  }
}

/** Calls `sink` in the order in which the wasm code has to stand. Every path ends in a branch, an exit or a code() that does not return. */
export function emitStructured(cfg: Cfg, flow: FlowGraph, sink: StructureSink): void {
  const { position, idom, successors, isLoopHeader, isMerge } = flow;
  const mergeChildren: number[][] = cfg.successors.map(() => []);
  // Far children first, so that the block around the nearest one is the innermost.
  for (let i = flow.order.length - 1; i > 0; i--) {
    const node = flow.order[i]!;
    if (isMerge[node]) mergeChildren[idom[node]!]!.push(node);
  }
  /** what each open label leads to: node >= 0 of a block's follower, -2 - node of a loop header, -1 of an `if`. */
  const labels: number[] = [];

  const depthOf = (label: number): number => {
    for (let i = labels.length - 1; i >= 0; i--) if (labels[i] === label) return labels.length - 1 - i;
    throw new Error(`no open label for ${label}`);
  };
  const isBack = (from: number, to: number): boolean => position[to]! <= position[from]!;

  const placeTree = (node: number): void => {
    if (isLoopHeader[node]) {
      sink.openLoop(node);
      labels.push(-2 - node);
      placeWithin(node, 0);
      labels.pop();
      sink.close();
    } else placeWithin(node, 0);
  };

  const placeWithin = (node: number, child: number): void => {
    const merges = mergeChildren[node]!;
    if (child < merges.length) {
      const merge = merges[child]!;
      sink.openBlock();
      labels.push(merge);
      placeWithin(node, child + 1);
      labels.pop();
      sink.close();
      placeTree(merge);
      return;
    }
    sink.code(node);
    terminate(node);
  };

  /** The edge `index` of `node`, in place. */
  const branch = (node: number, index: number): void => {
    const target = successors[node]![index]!;
    if (target < 0) sink.exitEdge(node, index);
    else if (isBack(node, target)) {
      sink.backEdge(node, target);
      sink.br(depthOf(-2 - target));
    } else if (isMerge[target]) sink.br(depthOf(target));
    else placeTree(target);
  };

  /** Depth of the label when the edge is a plain `br`, else -1. */
  const plainDepth = (node: number, index: number): number => {
    const target = successors[node]![index]!;
    if (target < 0 || isBack(node, target) || !isMerge[target]) return -1;
    return depthOf(target);
  };

  const terminate = (node: number): void => {
    const list = successors[node]!;
    if (list.length === 0) return;
    if (list.length === 1) {
      branch(node, 0);
      return;
    }
    sink.condition(node);
    const taken = plainDepth(node, 0);
    if (taken >= 0) {
      sink.brIf(taken);
      branch(node, 1);
      return;
    }
    const other = plainDepth(node, 1);
    if (other >= 0) {
      sink.invert();
      sink.brIf(other);
      branch(node, 0);
      return;
    }
    sink.openIf();
    labels.push(-1);
    branch(node, 0);
    labels.pop();
    sink.openElse();
    labels.push(-1);
    branch(node, 1);
    labels.pop();
    sink.close();
  };

  placeTree(cfg.entry);
}
