import { expect, test, vi } from 'vitest';
import { MAILBOX_BYTES, MailboxGuest, MailboxKernel, Reply } from './mailbox.ts';

const MEMORY = 7, ADDR = 0x1000, OTHER = 0x2000;
const always = { bitset: -1, expected: 0, deadlineNs: Infinity };

/** Threads in slots 1 and up of a memory whose words are `guest`. */
function world(): { kernel: MailboxKernel; guest: MailboxGuest; enter: (slot: number, addr?: number, bitset?: number) => boolean; words: Int32Array } {
  const buffer = new SharedArrayBuffer(MAILBOX_BYTES), words = new Int32Array(new SharedArrayBuffer(16));
  const kernel = new MailboxKernel(buffer), guest = new MailboxGuest(buffer);
  const enter = (slot: number, addr = ADDR, bitset = -1): boolean => guest.waits.enter(slot, MEMORY, addr, words, addr === ADDR ? 0 : 1, { ...always, bitset }, 100);
  return { kernel, guest, enter, words };
}
const now = (): number => 300;

test('who waits is woken in order, by what they wait for; who finds another value does not wait', () => {
  const { guest, enter, words } = world(), { waits } = guest;
  for (const slot of [1, 2, 3]) expect(enter(slot)).toBe(true);
  expect(enter(4, OTHER)).toBe(true);
  expect(enter(5, ADDR, 2)).toBe(true);
  expect(waits.wake(9, MEMORY, ADDR, 1, -1, now)).toBe(1);
  expect([1, 2, 3, 4, 5].map((slot) => waits.isWaiting(slot))).toEqual([false, true, true, true, true]);
  expect(waits.wake(9, MEMORY, ADDR, 5, 2, now)).toBe(3);
  expect(waits.waiting).toBe(1);
  expect(waits.wake(9, MEMORY + 1, OTHER, 5, -1, now)).toBe(0);
  expect(guest.awaitWake(1, Infinity, now)).toBe('woken');
  words[0] = 1;
  expect(enter(1)).toBe(false);
});

test('a limit ends a wait, and what was woken before is woken', () => {
  const { guest, enter } = world();
  enter(1);
  expect(guest.awaitWake(1, 200, now)).toBe('timedOut');
  expect(guest.waits.waiting).toBe(0);
  enter(2);
  guest.waits.wake(9, MEMORY, ADDR, 1, -1, now);
  expect(guest.waits.cancel(2, 300)).toBe(false);
});

test('what the kernel takes is as posted, and counts as waiting there until it says so', () => {
  const { kernel, guest, enter } = world();
  enter(1);
  enter(2);
  const wait = kernel.waits.take(2, 300);
  expect(wait).toMatchObject({ memory: MEMORY, addr: ADDR, expected: 0, deadlineNs: Infinity });
  expect(kernel.isPosted(2)).toBe(true);
  expect(kernel.waits.take(2, 300)).toBeNull();
  expect(guest.waits.wake(9, MEMORY, ADDR, 1, -1, now)).toBe(-1);
  kernel.waits.countInKernel(MEMORY, ADDR, -1);
  expect(guest.waits.wake(9, MEMORY, ADDR, 5, -1, now)).toBe(1);
  expect(guest.awaitWake(2, Infinity, now)).toBe('taken');
  kernel.reply(2, Reply.resume);
  expect(guest.taken(2)).toBe(Reply.resume);
});

test('the kernel wakes and moves single ones, if they still are where it saw them', () => {
  const { kernel, guest, enter } = world(), { waits } = kernel;
  enter(1);
  enter(2);
  const first = waits.first(MEMORY, ADDR, -1)!;
  expect(first.slot).toBe(1);
  guest.waits.cancel(1, 300);
  enter(1);
  expect(waits.wakeSlot(first.slot, first.turn, 300)).toBe(false);
  expect(waits.first(MEMORY, ADDR, -1)!.slot).toBe(2);
  expect(waits.moveFirst(MEMORY, ADDR, OTHER)).toBe(true);
  expect([waits.count(MEMORY, ADDR), waits.count(MEMORY, OTHER)]).toEqual([1, 1]);
  expect(guest.waits.cancel(2, 300)).toBe(true);
  expect(waits.count(MEMORY, OTHER)).toBe(0);
});

test('time asleep is counted, also while it lasts', () => {
  const { kernel, guest, enter } = world();
  enter(1);
  expect(kernel.waits.sleptNs(1, 150)).toBe(50);
  guest.waits.cancel(1, 180);
  expect(kernel.waits.takeUse(1)).toMatchObject({ sleptNs: 80, waits: 1 });
  expect(kernel.waits.sleptNs(1, 500)).toBe(0);
});

test('a lock whose holder has died is opened, and no other', () => {
  const { kernel, guest, words } = world();
  // The thread in slot 1 dies while it compares the word.
  const load = vi.spyOn(Atomics, 'load').mockImplementationOnce(() => {
    throw new Error('dies');
  });
  expect(() => guest.waits.enter(1, MEMORY, ADDR, words, 0, always, 100)).toThrow('dies');
  load.mockRestore();
  kernel.waits.abandon(1);
  expect(guest.waits.wake(2, MEMORY, ADDR, 1, -1, now)).toBe(0);
});
