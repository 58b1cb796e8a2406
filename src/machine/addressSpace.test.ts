import { expect, test } from 'vitest';
import { PermissionTable } from './addressSpace.ts';
import { CodePages } from './codePages.ts';
import { BIAS, Perm } from './memoryLayout.ts';

const { R, W, X, CODE, CODE_W, ASK } = Perm;

function table(): { table: PermissionTable; code: CodePages } {
  const memory = new WebAssembly.Memory({ initial: BIAS / 65536, maximum: 65536, shared: true });
  const code = new CodePages(memory.buffer as unknown as SharedArrayBuffer);
  return { table: new PermissionTable(memory, (_memory, page) => code.dropPages(page, page)), code };
}

test('a page with code keeps it while it stays executable', () => {
  const { table: t, code } = table();
  t.set(5, R | W | X);
  code.watch(5);
  expect(t.bytes[5]).toBe(R | X | CODE | CODE_W);
  t.set(5, R | X);
  expect(t.bytes[5]).toBe(R | X | CODE);
  t.set(5, R | W | X);
  expect(t.bytes[5]).toBe(R | X | CODE | CODE_W);
  t.set(5, R | W);
  expect(t.bytes[5]).toBe(R | W);
});

test('code that is forgotten gives write permission back', () => {
  const { table: t, code } = table();
  t.set(5, R | W | X);
  code.watch(5);
  t.forgetCode(5);
  expect(t.bytes[5]).toBe(R | W | X);
  t.set(5, R | X);
  code.watch(5);
  t.forgetCode(5);
  expect(t.bytes[5]).toBe(R | X);
});

test('withheld write permission is asked for, with code or without', () => {
  const { table: t, code } = table();
  t.set(5, R | W | X);
  code.watch(5);
  t.withholdWrites(5, 6);
  expect(t.bytes[5]).toBe(R | X | CODE | ASK);
  t.set(6, R | W);
  t.withholdWrites(6, 7);
  expect(t.bytes[6]).toBe(R | ASK);
  t.set(7, R);
  t.withholdWrites(7, 8);
  expect(t.bytes[7]).toBe(R);
});

test('a guest thread that begins to watch the page meanwhile is not overlooked', () => {
  const { table: t, code } = table();
  t.set(5, R | X);
  // It decodes between the kernel's look at the byte and its store.
  const { compareExchange } = Atomics;
  let raced = false;
  Atomics.compareExchange = ((...args: Parameters<typeof compareExchange>) => {
    if (!raced) {
      raced = true;
      code.watch(5);
    }
    return compareExchange(...args);
  }) as typeof compareExchange;
  try {
    t.set(5, R | W | X);
  } finally {
    Atomics.compareExchange = compareExchange;
  }
  expect(t.bytes[5]).toBe(R | X | CODE | CODE_W);
});
