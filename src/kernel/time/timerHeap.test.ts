import { expect, test } from 'vitest';
import { Timer, TimerHeap } from './timerHeap.ts';

test('timers fire in order of time; cancelled and moved ones as they should', () => {
  const heap = new TimerHeap();
  const fired: number[] = [];
  let seed = 7;
  const random = (): number => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) >>> 8;
  const timers = Array.from({ length: 300 }, (_, i) => new Timer(() => fired.push(i)));
  const when = timers.map(() => random() % 1000);
  timers.forEach((timer, i) => heap.set(timer, when[i]!));
  for (let i = 0; i < 300; i += 3) heap.cancel(timers[i]!);
  for (let i = 1; i < 300; i += 3) heap.set(timers[i]!, (when[i] = random() % 1000));
  expect(heap.run(-1)).toBe(0);
  expect(heap.run(1000)).toBe(200);
  expect(fired.some((i) => i % 3 === 0)).toBe(false);
  for (let i = 1; i < fired.length; i++) expect(when[fired[i]!]!).toBeGreaterThanOrEqual(when[fired[i - 1]!]!);
  expect(heap.nextNs).toBe(Infinity);
  expect(timers.every((timer) => !timer.armed)).toBe(true);
});

test('a timer armed again while it fires, for the past, fires again', () => {
  const heap = new TimerHeap();
  let count = 0;
  const timer: Timer = new Timer(() => {
    if (++count < 3) heap.set(timer, 5);
  });
  heap.set(timer, 5);
  expect(heap.run(10)).toBe(3);
});
