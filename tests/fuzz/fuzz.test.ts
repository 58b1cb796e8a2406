import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { oracleMissing } from '../oracle/oracle.ts';
import { makeExecutor } from './executor.ts';
import { failureText, fuzz } from './fuzz.ts';

const helpers = join(dirname(fileURLToPath(import.meta.url)), '../../dist/helpers.wasm');

describe.skipIf(oracleMissing(64) !== undefined || !existsSync(helpers))('a tall address space against the processor', () => {
  for (const name of ['tall interpreter', 'tall translator']) {
    it(`${name} agrees in every row`, async () => {
      const { failures, count } = fuzz({ mode: 64, seed: 5, count: 5, raised: true }, await makeExecutor(64, name));
      expect(failures.slice(0, 5).map(failureText)).toEqual([]);
      expect(count).toBeGreaterThan(2500);
    });

    it(`${name} agrees in random blocks`, async () => {
      const { failures } = fuzz({ mode: 64, seed: 6, count: 1000, block: 5, raised: true }, await makeExecutor(64, name));
      expect(failures.slice(0, 5).map(failureText)).toEqual([]);
    });
  }

  it('agrees in loops that become hot', async () => {
    const { failures } = fuzz({ mode: 64, seed: 7, count: 50, block: 4, loop: 200_000, raised: true }, await makeExecutor(64, 'tall interpreter'));
    expect(failures.slice(0, 5).map(failureText)).toEqual([]);
  });
});

/** Every row against the processor with a fixed seed; `node tools/fuzz.mjs` goes on from there. */
for (const mode of [64, 32] as const) {
  for (const name of ['interpreter', 'translator']) {
    describe.skipIf(oracleMissing(mode) !== undefined || !existsSync(helpers))(`${name} against the processor, ${mode}-bit mode`, () => {
      it('agrees in every row', async () => {
        const { failures, untested, count } = fuzz({ mode, seed: 1, count: 5 }, await makeExecutor(mode, name));
        expect(untested.map((row) => `${row.encoding} ${row.mnemonic}`)).toEqual([]);
        expect(failures.slice(0, 5).map(failureText)).toEqual([]);
        expect(count).toBeGreaterThan(2500);
      });

      it('agrees in random blocks', async () => {
        const { failures } = fuzz({ mode, seed: 2, count: 1000, block: 5 }, await makeExecutor(mode, name));
        expect(failures.slice(0, 5).map(failureText)).toEqual([]);
      });

      it.skipIf(name !== 'interpreter')('agrees in programs with control flow', async () => {
        const { failures } = fuzz({ mode, seed: 4, count: 60, graph: 150_000 }, await makeExecutor(mode, name));
        expect(failures.slice(0, 3).map(failureText)).toEqual([]);
      });

      it.skipIf(name !== 'interpreter')('agrees in loops that become hot', async () => {
        const { failures } = fuzz({ mode, seed: 3, count: 50, block: 4, loop: 200_000 }, await makeExecutor(mode, name));
        expect(failures.slice(0, 5).map(failureText)).toEqual([]);
      });
    });
  }
}
