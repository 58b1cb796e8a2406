import { expect, test } from 'vitest';
import type { GuestRun } from '../host/workers.ts';
import { PoolWorker, WorkerPool } from './workerPool.ts';

class FakeWorker extends PoolWorker {
  readonly slots: number[] = [];
  readonly end: string[] = [];
  override post(message: { type: string; slot?: number }): void {
    if (message.type === 'run') this.slots.push(message.slot!);
  }
  override retire(): void {
    this.end.push('retired');
  }
  override terminate(): void {
    this.end.push('terminated');
  }
}

const job = (slot: number, memoryId = 1): GuestRun => ({ memory: {} as WebAssembly.Memory, memoryId, cpu: 0, slot });

function pooled(mostBooting: number) {
  const workers: FakeWorker[] = [], later: (() => void)[] = [], dead: string[] = [];
  const pool = new WorkerPool(() => {
    workers.push(new FakeWorker());
    return workers.at(-1)!;
  }, mostBooting, (work) => later.push(work));
  const start = (slot: number, memoryId?: number) => pool.start(job(slot, memoryId), (reason) => dead.push(`${slot}: ${reason}`));
  const settle = (): void => {
    while (later.length > 0) later.shift()!();
  };
  return { pool, workers, dead, start, settle, ran: () => workers.map(({ slots }) => slots.join(' ')) };
}

test('the first thread is given to a worker that boots, and no other is booted for it', () => {
  const { workers, start, settle, ran } = pooled(2);
  start(10);
  settle();
  expect(ran()).toEqual(['10']);
  expect(workers.length).toBe(1);
});

test('who waits takes the first worker that is ready, in the order of waiting', () => {
  const { pool, workers, start, settle, ran } = pooled(3);
  start(10);
  start(11);
  start(12);
  start(13);
  settle();
  expect(workers.length).toBe(4);
  pool.booted(workers[3]!);
  pool.booted(workers[1]!);
  expect(ran()).toEqual(['10', '12', '', '11']);
  pool.booted(workers[2]!);
  expect(ran()).toEqual(['10', '12', '13', '11']);
});

test('a worker that has been left goes to who has waited longest', () => {
  const { pool, workers, start, settle, ran } = pooled(2);
  const first = start(10);
  start(11);
  start(12);
  settle();
  expect(first.free()).toBe(true);
  expect(ran()[0]).toBe('10 11');
  pool.booted(workers[1]!);
  expect(ran()).toEqual(['10 11', '12', '']);
});

test('no more boot at a time than may', () => {
  const { pool, workers, start, settle, ran } = pooled(2);
  start(10);
  for (let slot = 11; slot < 31; slot++) start(slot);
  settle();
  expect(workers.length).toBe(3);
  pool.booted(workers[1]!);
  settle();
  expect(workers.length).toBe(4);
  for (let i = 2; i < workers.length; i++) {
    pool.booted(workers[i]!);
    settle();
  }
  expect(ran().slice(0, 21).sort()).toEqual(Array.from({ length: 21 }, (_, i) => String(10 + i)));
});

test('who ends before there was a worker is not run', () => {
  const { pool, workers, start, settle, ran } = pooled(2);
  start(10);
  const waits = start(11);
  settle();
  expect(waits.free()).toBe(false);
  pool.booted(workers[1]!);
  expect(ran()).toEqual(['10', '', '']);
});

test('a worker that cannot boot fails who has waited longest', () => {
  const { pool, workers, dead, start, settle } = pooled(2);
  start(10);
  start(11);
  settle();
  pool.ended(workers[1]!, 'no memory');
  expect(dead).toEqual(['11: no memory']);
  pool.ended(workers[0]!, 'gone');
  expect(dead).toEqual(['11: no memory', '10: gone']);
});

test('a new program takes an idle worker that knows its memory; the old one is free then', () => {
  const { pool, workers, start, settle, ran } = pooled(2);
  const first = start(10, 1);
  const second = start(11, 2);
  settle();
  pool.booted(workers[1]!);
  second.free();
  first.run(job(12, 2));
  expect(ran().slice(0, 2)).toEqual(['10', '11 12']);
  start(13, 1);
  expect(ran()[0]).toBe('10 13');
});
