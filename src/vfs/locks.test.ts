import { expect, it } from 'vitest';
import { EAGAIN, EDEADLK } from '../abi/linux/errno.ts';
import { F_RDLCK, F_UNLCK, F_WRLCK, LOCK_TO_EOF, LockTable } from './locks.ts';

const a = {};
const b = {};
const c = {};

function ranges(table: LockTable, owner: object): string {
  return table.list().filter((l) => l.owner === owner).sort((x, y) => x.start - y.start).map((l) => `${l.start}-${l.end}${l.type === F_WRLCK ? 'w' : 'r'}`).join(' ');
}

it('splits, joins and converts ranges', () => {
  const table = new LockTable();
  expect(table.setRecord(a, 1, F_WRLCK, 0, 100)).toBe(0);
  table.setRecord(a, 1, F_UNLCK, 40, 60);
  expect(ranges(table, a)).toBe('0-40w 60-100w');
  table.setRecord(a, 1, F_RDLCK, 30, 70);
  expect(ranges(table, a)).toBe('0-30w 30-70r 70-100w');
  table.setRecord(a, 1, F_WRLCK, 30, 70);
  expect(ranges(table, a)).toBe('0-100w');
  table.setRecord(a, 1, F_RDLCK, 100, 110);
  expect(ranges(table, a)).toBe('0-100w 100-110r');
  table.setRecord(a, 1, F_UNLCK, 0, LOCK_TO_EOF);
  expect(table.empty).toBe(true);
});

it('lets readers share and keeps writers apart', () => {
  const table = new LockTable();
  let woken = 0;
  table.waitQueue.add({ onWake: () => woken++ });
  expect(table.setRecord(a, 1, F_RDLCK, 0, LOCK_TO_EOF)).toBe(0);
  expect(table.setRecord(b, 2, F_RDLCK, 10, 20)).toBe(0);
  expect(table.setRecord(b, 2, F_WRLCK, 10, 20)).toBe(-EAGAIN);
  expect(table.conflict(b, F_WRLCK, 10, 20)).toMatchObject({ pid: 1, start: 0, end: LOCK_TO_EOF });
  table.setRecord(a, 1, F_UNLCK, 5, 30);
  expect(woken).toBe(1);
  expect(table.setRecord(b, 2, F_WRLCK, 10, 20)).toBe(0);
  table.removeOwner(b);
  expect(woken).toBe(2);
});

it('finds deadlocks through several owners', () => {
  const one = new LockTable();
  const two = new LockTable();
  const three = new LockTable();
  one.setRecord(a, 1, F_WRLCK, 0, 1);
  two.setRecord(b, 2, F_WRLCK, 0, 1);
  three.setRecord(c, 3, F_WRLCK, 0, 1);
  expect(two.startWaiting(a, F_WRLCK, 0, 1)).toBe(0);
  expect(three.startWaiting(b, F_WRLCK, 0, 1)).toBe(0);
  expect(one.startWaiting(c, F_WRLCK, 0, 1)).toBe(-EDEADLK);
  three.stopWaiting(b);
  expect(one.startWaiting(c, F_WRLCK, 0, 1)).toBe(0);
  for (const table of [one, two, three]) for (const owner of [a, b, c]) table.stopWaiting(owner);
});

it('flock: shared, exclusive, conversion, end of the description', () => {
  const table = new LockTable();
  expect(table.flock(a, F_RDLCK)).toBe(0);
  expect(table.flock(b, F_RDLCK)).toBe(0);
  expect(table.flock(a, F_WRLCK)).toBe(-EAGAIN);
  expect(table.flockList().has(a)).toBe(false);
  expect(table.flock(b, F_WRLCK)).toBe(0);
  table.closeDescription(b);
  expect(table.empty).toBe(true);
});
