import { afterEach, expect, test, vi } from 'vitest';
import { MAILBOX_BYTES, MailboxGuest, MailboxKernel, Reply } from './mailbox.ts';

afterEach(() => vi.restoreAllMocks());

test('a thread that is ended before its worker begins leaves the worker free', () => {
  vi.spyOn(Atomics, 'wait').mockImplementation(() => { throw new Error('waits for an answer that nobody gives'); });
  const buffer = new SharedArrayBuffer(MAILBOX_BYTES), kernel = new MailboxKernel(buffer), guest = new MailboxGuest(buffer);
  kernel.prepare(5);
  kernel.reply(5, Reply.leave);
  expect(kernel.isLeaving(5)).toBe(true);
  expect(guest.begin(5)).toBe(Reply.leave);
  expect(kernel.isLeaving(5)).toBe(false);
});
