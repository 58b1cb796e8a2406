import { expect, test } from 'vitest';
import { ByteQueue } from './byteQueue.ts';
import { copyOf, spread } from './buffers.ts';
import { Fifo } from './fifo.ts';

const bytes = (...n: number[]): Uint8Array => Uint8Array.from(n);

test('bytes come out in order, across chunks and pieces', () => {
  const q = new ByteQueue();
  q.push(bytes(1, 2, 3));
  q.push(bytes());
  q.push(bytes(4, 5));
  const a = new Uint8Array(2);
  const b = new Uint8Array(2);
  expect(q.take([a, b], 4, true)).toBe(4);
  expect([...a, ...b]).toEqual([1, 2, 3, 4]);
  expect(q.length).toBe(5);
  expect(q.take([a], 1, false)).toBe(1);
  expect(q.take([a, b], 4, true)).toBe(4);
  expect([...a, ...b]).toEqual([2, 3, 4, 5]);
  expect(q.drop(3)).toBe(3);
  expect(q.take([a, b], 4, false)).toBe(1);
  expect(a[0]).toBe(5);
  expect(q.length).toBe(0);
  expect(q.take([a], 2, false)).toBe(0);
});

test('vectors are copied and filled from any byte on', () => {
  const v = [bytes(1, 2), bytes(), bytes(3, 4, 5)];
  expect([...copyOf(v, 1, 3)]).toEqual([2, 3, 4]);
  expect([...copyOf([bytes(1, 2, 3)], 1, 2)]).toEqual([2, 3]);
  expect(spread(bytes(9, 8, 7), v, 1)).toBe(3);
  expect(v.map((part) => [...part])).toEqual([[1, 9], [], [8, 7, 5]]);
  expect(spread(bytes(1, 1, 1), [new Uint8Array(2)])).toBe(2);
});

test('a queue keeps its order when much goes through it', () => {
  const q = new Fifo<number>();
  let next = 0;
  for (let i = 0; i < 3000; i++) {
    q.push(i);
    if (i % 3 !== 0) expect(q.shift()).toBe(next++);
  }
  q.unshift(-1);
  expect(q.shift()).toBe(-1);
  expect([...q][0]).toBe(next);
  expect(q.length).toBe(3000 - next);
});
