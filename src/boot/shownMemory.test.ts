import { expect, test } from 'vitest';
import { shownMemory } from './shownMemory.ts';

const GIB = 2 ** 30;

test('a small machine is shown as it is', () => {
  expect(shownMemory(() => ({ total: 2 * GIB, free: GIB }))()).toEqual({ total: 2 * GIB, free: GIB });
});

test('of a large machine no more than a process can address, with the same part of it free', () => {
  expect(shownMemory(() => ({ total: 96 * GIB, free: 48 * GIB }))()).toEqual({ total: 3 * GIB, free: 1.5 * GIB });
});
