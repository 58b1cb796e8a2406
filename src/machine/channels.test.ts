import { expect, test } from 'vitest';
import { End, Lent, mapEntry, Outcome } from './channels.ts';
import { MAILBOX_BYTES, MailboxGuest, MailboxKernel } from './mailbox.ts';
import { Transfer } from './waitTable.ts';

const MAP = 1, READER = 3, WRITER = 4, SLOT = 9, CHANNEL = 5;
const now = (): number => 0;

function world(): { kernel: MailboxKernel; guest: MailboxGuest; write: (text: string) => number; read: (count: number) => string | number } {
  const buffer = new SharedArrayBuffer(MAILBOX_BYTES), memory = new Uint8Array(5000);
  const kernel = new MailboxKernel(buffer), guest = new MailboxGuest(buffer);
  kernel.channels.setEntry(MAP, READER, mapEntry(CHANNEL, End.read));
  kernel.channels.setEntry(MAP, WRITER, mapEntry(CHANNEL, End.write));
  kernel.channels.give(CHANNEL);
  const write = (text: string): number => guest.channels.write(SLOT, MAP, WRITER, text.length, new TextEncoder().encode(text), 0, now);
  const read = (count: number): string | number => {
    const n = guest.channels.read(SLOT, MAP, READER, count, () => memory, 0, () => true, now);
    return n < 0 ? n : new TextDecoder().decode(memory.slice(0, n));
  };
  return { kernel, guest, write, read };
}

test('a page of bytes goes through in order; what does not fit in it is the kernel\'s', () => {
  const { write, read } = world();
  expect(read(10)).toBe(Outcome.empty);
  expect(write('abc')).toBe(3);
  expect(write('defg')).toBe(4);
  expect(read(2)).toBe('ab');
  expect(write('x'.repeat(4090))).toBe(Outcome.kernel);
  expect(write('x'.repeat(4089))).toBe(4089);
  expect(read(5)).toBe('cdefg');
  expect(write('y')).toBe(Outcome.kernel);
  expect(read(5000)).toBe('x'.repeat(4089));
  expect(write('z'.repeat(4096))).toBe(4096);
});

test('each end is only what it is, and other descriptors are the kernel\'s', () => {
  const { kernel, guest, write } = world(), memory = new Uint8Array(9);
  const read = (map: number, fd: number): number => guest.channels.read(SLOT, map, fd, 1, () => memory, 0, () => true, now);
  write('a');
  for (const [map, fd] of [[MAP, WRITER], [MAP, 5], [MAP, -1], [MAP, 1000], [0, READER]] as const) expect(read(map, fd)).toBe(Outcome.kernel);
  expect(guest.channels.write(SLOT, MAP, READER, 1, memory, 0, now)).toBe(Outcome.kernel);
  kernel.channels.setEntry(MAP, READER, 0);
  expect(read(MAP, READER)).toBe(Outcome.kernel);
});

test('of a pair each side reads what the other writes', () => {
  const { kernel, guest } = world(), at = [20, 21], bytes = Uint8Array.of(7, 8), memory = new Uint8Array(4);
  for (const side of [0, 1]) {
    kernel.channels.setEntry(MAP, at[side]!, mapEntry(10 + side, End.both));
    kernel.channels.give(10 + side);
  }
  expect(guest.channels.write(SLOT, MAP, at[0]!, 2, bytes, 0, now)).toBe(2);
  expect(guest.channels.read(SLOT, MAP, at[0]!, 4, () => memory, 0, () => true, now)).toBe(Outcome.empty);
  expect(guest.channels.read(SLOT, MAP, at[1]!, 4, () => memory, 0, () => true, now)).toBe(2);
  expect(memory).toEqual(Uint8Array.of(7, 8, 0, 0));
});

test('a write wakes one reader, and a reader that leaves bytes the next', () => {
  const { guest, write, read } = world(), { channels, waits } = guest;
  for (const slot of [1, 2]) expect(channels.enter(slot, MAP, READER, 0)).toBe(true);
  write('ab');
  expect([waits.isWaiting(1), waits.isWaiting(2)]).toEqual([false, true]);
  expect(read(1)).toBe('a');
  expect(waits.isWaiting(2)).toBe(false);
  expect(channels.enter(1, MAP, READER, 0)).toBe(false);
});

test('the kernel gets back what is in it, and who waits; nobody else touches it then', () => {
  const { kernel, guest, write, read } = world();
  write('abcd');
  expect(read(1)).toBe('a');
  const { offset, bytes } = kernel.channels.takeBack(CHANNEL);
  expect([offset, new TextDecoder().decode(bytes)]).toEqual([1, 'bcd']);
  expect(write('e')).toBe(Outcome.kernel);
  expect(read(1)).toBe(Outcome.kernel);
  kernel.channels.give(CHANNEL);
  expect(read(1)).toBe(Outcome.empty);
  expect(guest.channels.enter(1, MAP, READER, 0)).toBe(true);
  kernel.channels.takeBack(CHANNEL);
  expect(kernel.channels.firstReader(CHANNEL)).toBe(1);
  expect(guest.channels.enter(2, MAP, READER, 0)).toBe(false);
});

test('it may be lent for reading alone, with bytes in it, to a reader that does not wait', () => {
  const { kernel, write, read } = world();
  kernel.channels.takeBack(CHANNEL);
  kernel.channels.give(CHANNEL, Lent.read | Lent.noWait, new TextEncoder().encode('abc'));
  expect(write('d')).toBe(Outcome.kernel);
  expect([read(2), read(2), read(2)]).toEqual(['ab', 'c', Outcome.again]);
});

test('bytes that may not be written to the buffer stay', () => {
  const { guest, write, read } = world();
  write('abc');
  const asked: number[] = [];
  const refuse = (length: number): boolean => asked.push(length) < 0;
  expect(guest.channels.read(SLOT, MAP, READER, 9, () => new Uint8Array(9), 0, refuse, now)).toBe(Outcome.kernel);
  expect(asked).toEqual([3]);
  expect(read(9)).toBe('abc');
});

test('what was moved is told the kernel once', () => {
  const { kernel, guest } = world();
  guest.waits.countTransfer(SLOT, Transfer.read, 3);
  for (const bytes of [3, 1]) guest.waits.countTransfer(SLOT, Transfer.write, bytes);
  expect(kernel.waits.takeUse(SLOT)).toMatchObject({ reads: 1, readBytes: 3, writes: 2, writtenBytes: 4 });
  expect(kernel.waits.takeUse(SLOT)).toMatchObject({ reads: 0, readBytes: 0, writes: 0, writtenBytes: 0 });
});
