import { expect, test } from 'vitest';
import { EIO } from '../abi/linux/errno.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { KernelLoop } from '../kernel/loop.ts';
import { type BlockSpec, PARKED } from '../kernel/task/block.ts';
import { park } from '../kernel/task/park.ts';
import type { Task } from '../kernel/task/task.ts';
import type { FileDescription } from '../vfs/fileDescription.ts';
import { inPieces, MORE, moveInPieces, PIECE } from './pieces.ts';

/** A task in a kernel that only runs its loop; `results` are those of its calls, `drained` says when the mailbox is looked at. */
function world(drained: () => void = () => {}): { t: Task; run: () => Promise<void>; results: number[] } {
  const results: number[] = [];
  const kernel = {
    parts: {
      mailbox: { bell: () => 0, drain: () => {
        drained();
        return 0;
      }, ring: () => {}, sleep: () => Promise.resolve(), waits: { waiting: 0 } },
      clock: { monotonicNs: () => 0 },
      spinNs: 0,
    },
    hooks: { held: null },
    timers: { nextNs: Infinity },
    guests: { running: 0, release: () => {} },
    finishCall: (_: Task, result: number) => {
      results.push(result);
      loop.stop();
    },
    look: (parked: Parameters<KernelLoop['look']>[0]) => loop.look(parked),
  };
  const loop = new KernelLoop(kernel as unknown as Kernel, () => {});
  const t = { kernel, parked: null, process: { exiting: false }, exiting: false, signalPending: false, state: 'served' } as unknown as Task;
  Object.assign(t, { block: (spec: BlockSpec) => park(t, spec) });
  return { t, run: () => loop.run(), results };
}

test('between two pieces the kernel looks for calls', async () => {
  const seen: string[] = [];
  const { t, run, results } = world(() => seen.push('look'));
  let left = 3;
  const piece = (): number => {
    seen.push('piece');
    return left-- > 0 ? MORE : 7;
  };
  expect(inPieces(t, [], piece)).toBe(PARKED);
  await run();
  expect(results).toEqual([7]);
  expect(seen.slice(0, 7)).toEqual(['piece', 'look', 'piece', 'look', 'piece', 'look', 'piece']);
});

test('what is done in one piece waits for nothing', () => {
  const { t } = world();
  expect(inPieces(t, [], () => 5)).toBe(5);
  expect(t.parked).toBe(null);
});

test('a transfer ends where a piece is short or fails, and holds its files', async () => {
  for (const [last, result] of [[10, PIECE + 10], [0, PIECE], [-EIO, PIECE]] as const) {
    const { t, run, results } = world();
    let held = 0;
    const file = { acquire: () => held++, release: () => held-- } as unknown as FileDescription;
    expect(moveInPieces(t, [file], 3 * PIECE, (done) => (done === 0 ? PIECE : last))).toBe(PARKED);
    expect(held).toBe(1);
    await run();
    expect([results, held]).toEqual([[result], 0]);
  }
  expect(moveInPieces(world().t, [], PIECE, () => -EIO)).toBe(-EIO);
});
