import { expect, test } from 'vitest';
import { followers } from './fusedPairs.ts';
import { generate } from './generate.ts';

test('there is a case for every pair of the table, and few for each', () => {
  const { pairs } = generate(), made = new Set(pairs);
  const wanted = [...followers].flatMap(([first, seconds]) => [...seconds].map((second) => `${first}, ${second}`));
  expect(wanted.filter((pair) => !made.has(pair))).toEqual([]);
  expect(pairs.length).toBeLessThan(2 * wanted.length);
});
