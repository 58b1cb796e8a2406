import { expect, test } from 'vitest';
import { Heats } from './heats.ts';

test('heat is of an address and the code there, and fades from process to process', () => {
  const heats = new Heats();
  expect([heats.add(0x1000, 1, 8), heats.add(0x1000, 1, 8), heats.add(0x1000, 2, 8), heats.add(0xffff_f000, 1, 1)]).toEqual([8, 16, 8, 1]);
  heats.fade();
  expect([heats.add(0x1000, 1, 8), heats.add(0x1000, 2, 8), heats.add(0xffff_f000, 1, 1)]).toEqual([16, 12, 1]);
  heats.forget(0x1000, 1);
  expect([heats.add(0x1000, 1, 8), heats.add(0x1000, 2, 8)]).toEqual([8, 20]);
});

test('what is seen once in each of many processes never becomes hot, and is not kept for ever', () => {
  const heats = new Heats();
  for (let n = 0; n < 100; n++) {
    expect(heats.add(0x1000, 7, 8)).toBeLessThanOrEqual(16);
    heats.fade();
  }
  for (let n = 0; n < 3; n++) heats.fade();
  expect(heats.size).toBe(0);
});

test('addresses beyond a number make all counts fade', () => {
  const heats = new Heats();
  for (let n = 0; n < 50_000; n++) heats.add(4 * n, n, 1);
  expect(heats.size).toBeLessThanOrEqual(20_000);
});
