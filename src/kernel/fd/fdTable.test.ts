import { expect, test } from 'vitest';
import type { FileDescription } from '../../vfs/fileDescription.ts';
import { FdTable } from './fdTable.ts';

const file = { acquire: () => file, release: () => {}, closedIn: () => 0 } as unknown as FileDescription;

test("the table's length follows Linux's: in powers of two, not shrinking, a copy as long as what is open", () => {
  const table = new FdTable();
  expect(table.capacity).toBe(64);
  table.set(63, file, false);
  expect(table.capacity).toBe(64);
  table.set(64, file, false);
  expect(table.capacity).toBe(128);
  table.set(300, file, false);
  expect(table.capacity).toBe(512);
  expect(table.fork().capacity).toBe(512);
  table.close(300);
  expect(table.capacity).toBe(512);
  expect(table.fork().capacity).toBe(128);
  table.close(64);
  expect(table.fork().capacity).toBe(64);
  table.close(63);
  expect(table.fork().capacity).toBe(64);
});
