/** What the emitter is given of a region: its blocks, as nodes of a flow graph. */

/** How a node ends; `End` of the engine's regions in the emitter's terms. */
export type NodeEnd =
  | { kind: 'fall' | 'jump' }
  /** the last row is `call`; the callee's first node follows */
  | { kind: 'inlined' }
  /** the last row is the `ret` of a callee that is part of the region; goes on there when the address is `returnTo` */
  | { kind: 'return'; returnTo: number }
  /** the last row is the IR's `branch` */
  | { kind: 'branch' }
  /** the last row is `call`; goes on at `returnTo` when the callee returns there. `slot`: `target` is a stub that jumps to what this holds. */
  | { kind: 'call'; target: number; slot: { address: number; value: number } | null; returnTo: number }
  | { kind: 'callTo'; returnTo: number }
  /** the last row leaves by itself (ret, jumpTo) */
  | { kind: 'leave' }
  /** the interpreter takes the instruction at `address` */
  | { kind: 'interpret'; address: number };

export interface RegionNode {
  /** Rows of each instruction: from[k] .. from[k+1]-1; one more entry than instructions. */
  from: number[];
  addresses: number[];
  end: NodeEnd;
  /** Guest address of successor k, for edges that leave. */
  successorAddresses: number[];
  start: number;
}
