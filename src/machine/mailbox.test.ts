import { afterEach, expect, test, vi } from 'vitest';
import { MAILBOX_BYTES, MailboxGuest, MailboxKernel, Reply } from './mailbox.ts';

afterEach(() => vi.restoreAllMocks());

/** A clock of 1 us a look, on which the kernel answers slot 3 after `answerMs`; how often the guest has asked the time. */
function answerAfter(kernel: MailboxKernel, answerMs: number): { asked: number } {
  const clock = { asked: 0 };
  let now = 100;
  vi.spyOn(performance, 'now').mockImplementation(() => {
    clock.asked++;
    now += 0.001;
    if (now >= 100 + answerMs) kernel.reply(3, Reply.resume);
    return now;
  });
  return clock;
}

test('a call that takes the kernel some microseconds is not slept for', () => {
  const buffer = new SharedArrayBuffer(MAILBOX_BYTES);
  const kernel = new MailboxKernel(buffer), guest = new MailboxGuest(buffer);
  kernel.prepare(3);
  // Were it slept for, nobody would wake us.
  const sleeps = vi.spyOn(Atomics, 'wait').mockImplementation(() => {
    kernel.reply(3, Reply.resume);
    return 'ok';
  });
  for (const answerMs of [0.003, 0.005, 0.008]) {
    const clock = answerAfter(kernel, answerMs);
    expect(guest.call(3)).toBe(Reply.resume);
    expect(clock.asked).toBeGreaterThan(answerMs * 900);
  }
  expect(sleeps).not.toHaveBeenCalled();
});

test('answers that come late are looked for shortly, and now and then for long', () => {
  const buffer = new SharedArrayBuffer(MAILBOX_BYTES);
  const kernel = new MailboxKernel(buffer), guest = new MailboxGuest(buffer);
  kernel.prepare(3);
  vi.spyOn(Atomics, 'wait').mockImplementation(() => {
    kernel.reply(3, Reply.resume);
    return 'ok';
  });
  const asked: number[] = [];
  for (let k = 0; k < 70; k++) {
    const clock = answerAfter(kernel, Number.POSITIVE_INFINITY);
    guest.call(3);
    asked.push(clock.asked);
  }
  expect(asked[0]).toBeGreaterThan(8);
  expect(Math.max(...asked.slice(5, 60))).toBeLessThan(6);
  expect(Math.max(...asked.slice(60))).toBeGreaterThan(8);
});
