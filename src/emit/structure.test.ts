import { describe, expect, it } from 'vitest';
import wabtInit from 'wabt';
import { analyseFlow, type Cfg, emitStructured, type StructureSink } from './structure.ts';

/** A small deterministic generator (mulberry32). */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function randomCfg(next: () => number, nodes: number): Cfg {
  const successors: number[][] = [];
  for (let i = 0; i < nodes; i++) {
    const kind = next();
    const count = kind < 0.1 ? 0 : kind < 0.35 ? 1 : 2;
    const list: number[] = [];
    for (let k = 0; k < count; k++) {
      const where = next();
      // Mostly near and forward, some back edges, a few exits.
      if (where < 0.07) list.push(-1);
      else if (where < 0.3) list.push(Math.floor(next() * nodes));
      else list.push(Math.min(nodes - 1, i + 1 + Math.floor(next() * 4)));
    }
    successors.push(list);
  }
  return { successors, entry: 0 };
}

/** Emits WAT: node n calls visit(n); conditions come from pick(n, count). */
function toWat(cfg: Cfg): string {
  const lines: string[] = [];
  const flow = analyseFlow(cfg);
  const put = (text: string): void => void lines.push(text);
  const sink: StructureSink = {
    openBlock: () => put('block'),
    openLoop: () => put('loop'),
    close: () => put('end'),
    code: (node) => {
      put(`i32.const ${node} call $visit`);
      put('if call $stop return end');
      if (cfg.successors[node]!.length === 0) put('return');
    },
    condition: (node) => put(`i32.const ${node} i32.const 2 call $pick i32.eqz`),
    openIf: () => put('if'),
    openElse: () => put('else'),
    br: (depth) => put(`br ${depth}`),
    brIf: (depth) => put(`br_if ${depth}`),
    invert: () => put('i32.eqz'),
    backEdge: () => {},
    exitEdge: (node, index) => put(`i32.const ${node} i32.const ${index} call $exit return`),
  };
  emitStructured(cfg, flow, sink);
  return `(module (import "t" "visit" (func $visit (param i32) (result i32))) (import "t" "stop" (func $stop))
    (import "t" "pick" (func $pick (param i32 i32) (result i32))) (import "t" "exit" (func $exit (param i32 i32)))
    (func (export "run") ${lines.join('\n')} ))`;
}

describe('emitStructured', () => {
  it('walks random graphs as the graph itself says', async () => {
    const wabt = await wabtInit();
    let cutSeen = 0;
    for (let seed = 1; seed <= 300; seed++) {
      const next = random(seed);
      const cfg = randomCfg(next, 2 + Math.floor(next() * 30));
      const flow = analyseFlow(cfg);
      cutSeen += flow.cutEdges;
      const parsed = wabt.parseWat('t.wat', toWat(cfg));
      const bytes = parsed.toBinary({}).buffer;
      for (let run = 0; run < 5; run++) {
        const limit = 200;
        const walkPick = random(seed * 31 + run);
        const expected: string[] = [];
        for (let node = 0, steps = 0; ; ) {
          expected.push(`v${node}`);
          const list = cfg.successors[node]!;
          if (++steps >= limit || list.length === 0) break;
          const index = list.length === 1 ? 0 : Math.floor(walkPick() * list.length);
          if (flow.successors[node]![index]! < 0) {
            expected.push(`x${node}.${index}`);
            break;
          }
          node = list[index]!;
        }
        const seenPick = random(seed * 31 + run);
        const seen: string[] = [];
        let steps = 0;
        const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>), {
          t: {
            visit: (node: number) => {
              seen.push(`v${node}`);
              return ++steps >= limit ? 1 : 0;
            },
            stop: () => {},
            pick: (_node: number, count: number) => Math.floor(seenPick() * count),
            exit: (node: number, index: number) => void seen.push(`x${node}.${index}`),
          },
        });
        (instance.exports['run'] as () => void)();
        expect(seen, `seed ${seed}`).toEqual(expected);
      }
    }
    expect(cutSeen).toBeGreaterThan(0);
  });
});
