import { describe, expect, it } from 'vitest';
import { oracleMissing } from '../oracle/oracle.ts';
import { hostile, truncated } from './hostile.ts';

describe('random bytes: decoder and processor', () => {
  for (const mode of [64, 32] as const) {
    it.skipIf(oracleMissing(mode) !== undefined)(`refuse the same, ${mode}-bit mode`, () => {
      expect(hostile(mode, 20_000, 11)).toEqual([]);
    });
    it.skipIf(oracleMissing(mode) !== undefined)(`fault alike at the end of the code, ${mode}-bit mode`, () => {
      expect(truncated(mode, 10_000, 12)).toEqual([]);
    });
  }
});
