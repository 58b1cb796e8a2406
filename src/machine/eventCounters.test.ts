import { expect, it } from 'vitest';
import { End, FIRST_COUNTER, Lent, mapEntry, Outcome } from './channels.ts';
import { MAILBOX_BYTES, MailboxGuest, MailboxKernel } from './mailbox.ts';

const FD = 5, MAP = 1, SLOT = 3, NUMBER = FIRST_COUNTER + 2;
const now = (): number => 0;

function setup() {
  const buffer = new SharedArrayBuffer(MAILBOX_BYTES), kernel = new MailboxKernel(buffer), guest = new MailboxGuest(buffer), bytes = new Uint8Array(24);
  kernel.channels.setEntry(MAP, FD, mapEntry(NUMBER, End.read));
  const read = (slot = SLOT): number => guest.counters.read(slot, MAP, FD, NUMBER, bytes, 3, now);
  const write = (lo: number, hi = 0): number => guest.counters.write(SLOT, MAP, FD, NUMBER, lo, hi, now);
  const value = (): bigint => new DataView(bytes.buffer).getBigUint64(3, true);
  return { kernel, guest, read, write, value };
}

it('adds, and a read takes all', () => {
  const { kernel, guest, read, write, value } = setup();
  expect(guest.counters.numberOf(MAP, FD)).toBe(NUMBER);
  expect(guest.counters.numberOf(MAP, FD + 1)).toBe(-1);
  expect(write(1)).toBe(Outcome.kernel);
  kernel.counters.give(NUMBER, Lent.read | Lent.write, 0xffffffff, 0, false);
  expect(write(2, 5)).toBe(8);
  expect(read()).toBe(8);
  expect(value()).toBe(0x6_0000_0001n);
  expect(read()).toBe(Outcome.empty);
  expect(write(0xfffffffe, 0xffffffff)).toBe(8);
  expect(write(1)).toBe(Outcome.kernel);
  expect(kernel.counters.takeBack(NUMBER)).toEqual({ lo: 0xfffffffe, hi: 0xffffffff });
  expect(read()).toBe(Outcome.kernel);
});

it('a semaphore gives one at a time, and wakes the next that waits while there is more', () => {
  const { kernel, guest, read, write, value } = setup();
  kernel.counters.give(NUMBER, Lent.read | Lent.write, 0, 0, true);
  for (const slot of [10, 11, 12]) {
    kernel.prepare(slot);
    expect(guest.counters.enter(slot, MAP, FD, 0)).toBe(true);
  }
  expect(write(2)).toBe(8);
  expect([10, 11, 12].map((slot) => kernel.waits.isWaiting(slot))).toEqual([false, true, true]);
  expect(read(10)).toBe(8);
  expect(value()).toBe(1n);
  expect([11, 12].map((slot) => kernel.waits.isWaiting(slot))).toEqual([false, true]);
  expect(read(11)).toBe(8);
  expect(kernel.waits.isWaiting(12)).toBe(true);
  expect(read(11)).toBe(Outcome.empty);
});

it('is lent for reading alone, and says that its reader does not wait', () => {
  const { kernel, read, write } = setup();
  kernel.counters.give(NUMBER, Lent.read | Lent.noWait, 4, 0, false);
  expect(write(1)).toBe(Outcome.kernel);
  expect(read()).toBe(8);
  expect(read()).toBe(Outcome.again);
});
