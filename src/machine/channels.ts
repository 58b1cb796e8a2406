import { WAIT_WORDS } from './mailboxLayout.ts';
import { KERNEL, WAIT_TABLE_WORDS, type WaitTable } from './waitTable.ts';

/**
 * Pipes that workers read and write without the kernel's thread, in the mailbox's buffer behind the table of waits. A channel is the one page of
 * bytes that an almost empty pipe has (Linux's first pipe buffer): what does not fit there, and all that is more than a plain read or
 * write, is the kernel's, which takes the bytes and the waiting readers back before it looks. See docs/waiting.md.
 *
 *   a channel   how far it is the workers' (`lent`: Lent), where its bytes begin in the page and how many there are; the page. Under the lock
 *               of its key in the table of waits, where its readers wait
 *   a map       of a descriptor table: which of the first descriptors are ends of channels
 */
export const CHANNELS = 256;
/** Of two channels, there and back, beginning with an even one. */
export const PAIRS = 128;
/** eventCounters.ts: numbers from FIRST_COUNTER on, without pages. */
export const COUNTERS = 256;
export const FIRST_COUNTER = CHANNELS + 2 * PAIRS;
export const CHANNEL_PAGE = 4096;
const CHANNEL = { lent: 0, offset: 1, length: 2, words: 16 } as const;
export const FD_MAPS = 1024;
export const MAPPED_FDS = 64;
const FIRST_MAP = WAIT_WORDS + WAIT_TABLE_WORDS;
const FIRST_CHANNEL = FIRST_MAP + FD_MAPS * MAPPED_FDS;
const FIRST_PAGE = (FIRST_CHANNEL + (FIRST_COUNTER + COUNTERS) * CHANNEL.words) * 4;
export const CHANNELS_END = FIRST_PAGE + FIRST_COUNTER * CHANNEL_PAGE;

/** The table of waits knows channels by this for a memory, and by their number times 4. */
export const CHANNEL_KEY = -2;

/** Which end of a channel a descriptor is. `both`: reads from this channel and writes to the other of its pair. */
export const End = { read: 1, write: 2, both: 3 } as const;
export type EndKind = (typeof End)[keyof typeof End];

/** What workers may do with a channel; 0: nothing. */
export const Lent = {
  read: 1,
  /** Whoever hears of what is written does so from the kernel: without this, writing is the kernel's. */
  write: 2,
  /** Its reader does not wait. */
  noWait: 4,
} as const;

/** What a map says of a descriptor; 0: it is the kernel's. */
export const mapEntry = (channel: number, end: EndKind): number => (channel + 1) * 4 + end;

/** A transfer's outcome other than a number of bytes. */
export const Outcome = {
  /** The kernel does it. */
  kernel: -1,
  /** There is nothing to read. */
  empty: -2,
  /** The same, and the reader does not wait. */
  again: -3,
} as const;

export class Channels {
  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;
  private readonly waits: WaitTable;

  constructor(words: Int32Array, waits: WaitTable) {
    this.words = words;
    this.bytes = new Uint8Array(words.buffer);
    this.waits = waits;
  }

  // ---- the worker's side ----

  /** What descriptor `fd` is by map `map`. */
  entry(map: number, fd: number): number {
    return map > 0 && fd >= 0 && fd < MAPPED_FDS ? Atomics.load(this.words, mapAt(map) + fd) : 0;
  }

  /** Whether a worker may try to use `end` of descriptor `fd` now. */
  isOpen(map: number, fd: number, end: EndKind): boolean {
    const entry = this.entry(map, fd);
    return (entry & end) !== 0 && (Atomics.load(this.words, channelAt(end === End.read ? readChannel(entry) : writeChannel(entry)) + CHANNEL.lent) & end) !== 0;
  }

  /** Locks a channel of descriptor `fd`, which was `entry`, for the thread in `slot`, to read or to write: the locked bucket, 0 when it is the kernel's. */
  private begin(slot: number, map: number, fd: number, entry: number, channel: number, end: EndKind): number {
    const { words } = this, bucket = this.waits.lockKey(CHANNEL_KEY, channel * 4, slot + 1);
    // The descriptor may have become another meanwhile.
    if ((words[channelAt(channel) + CHANNEL.lent]! & end) !== 0 && this.entry(map, fd) === entry) return bucket;
    this.waits.unlock(bucket);
    return 0;
  }

  /** Reads up to `count` bytes to `target` at `to`, if `allows` says of how many there will be that they may be written there. */
  read(slot: number, map: number, fd: number, count: number, target: () => Uint8Array, to: number, allows: (length: number) => boolean, now: () => number): number {
    const { words, bytes, waits } = this, entry = this.entry(map, fd);
    if ((entry & End.read) === 0) return Outcome.kernel;
    const channel = readChannel(entry), bucket = this.begin(slot, map, fd, entry, channel, End.read);
    if (bucket === 0) return Outcome.kernel;
    const at = channelAt(channel), length = words[at + CHANNEL.length]!, offset = words[at + CHANNEL.offset]!, n = Math.min(length, count);
    let result: number = (words[at + CHANNEL.lent]! & Lent.noWait) !== 0 ? Outcome.again : Outcome.empty, next = -1;
    if (n > 0) {
      if (allows(n)) {
        copy(bytes, pageAt(at) + offset, target(), to, n);
        words[at + CHANNEL.length] = length - n;
        words[at + CHANNEL.offset] = length === n ? 0 : offset + n;
        // What is left is for others that wait.
        if (length > n) next = waits.endFirst(bucket, CHANNEL_KEY, channel * 4, now());
        result = n;
      } else result = Outcome.kernel;
    }
    waits.unlock(bucket);
    if (next >= 0) waits.notify(next);
    return result;
  }

  /** Waits for something to read. False: there is, or the kernel has to be asked. */
  enter(slot: number, map: number, fd: number, nowNs: number): boolean {
    const entry = this.entry(map, fd), channel = readChannel(entry), bucket = (entry & End.read) === 0 ? 0 : this.begin(slot, map, fd, entry, channel, End.read);
    if (bucket === 0) return false;
    const empty = this.words[channelAt(channel) + CHANNEL.length] === 0;
    if (empty) this.waits.admitReader(slot, bucket, CHANNEL_KEY, channel * 4, nowNs);
    this.waits.unlock(bucket);
    return empty;
  }

  /** Writes `count` bytes of `source` from `from` on: all, or the kernel does it. */
  write(slot: number, map: number, fd: number, count: number, source: Uint8Array, from: number, now: () => number): number {
    const { words, bytes, waits } = this, entry = this.entry(map, fd);
    if ((entry & End.write) === 0) return Outcome.kernel;
    const channel = writeChannel(entry), bucket = this.begin(slot, map, fd, entry, channel, End.write);
    if (bucket === 0) return Outcome.kernel;
    const at = channelAt(channel), end = words[at + CHANNEL.offset]! + words[at + CHANNEL.length]!;
    const fits = end + count <= CHANNEL_PAGE;
    let reader = -1;
    if (fits) {
      copy(source, from, bytes, pageAt(at) + end, count);
      words[at + CHANNEL.length] = words[at + CHANNEL.length]! + count;
      reader = waits.endFirst(bucket, CHANNEL_KEY, channel * 4, now());
    }
    waits.unlock(bucket);
    if (reader >= 0) waits.notify(reader);
    return fits ? count : Outcome.kernel;
  }

  // ---- the kernel's side ----

  /** A channel with these bytes, which begin at `offset` in its page, is the workers' from now on, as far as `lent` says. */
  give(channel: number, lent: number = Lent.read | Lent.write, bytes: Uint8Array | null = null, offset = 0): void {
    const at = channelAt(channel), bucket = this.waits.lockKey(CHANNEL_KEY, channel * 4, KERNEL);
    if (bytes !== null) this.bytes.set(bytes, pageAt(at) + offset);
    this.words[at + CHANNEL.offset] = offset;
    this.words[at + CHANNEL.length] = bytes?.length ?? 0;
    this.words[at + CHANNEL.lent] = lent;
    this.waits.unlock(bucket);
  }

  /** The channel is the kernel's again: what is in it, and where that begins in the page. */
  takeBack(channel: number): { readonly offset: number; readonly bytes: Uint8Array } {
    const { words } = this, at = channelAt(channel), bucket = this.waits.lockKey(CHANNEL_KEY, channel * 4, KERNEL);
    const offset = words[at + CHANNEL.offset]!, length = words[at + CHANNEL.length]!, start = pageAt(at) + offset;
    words[at + CHANNEL.lent] = 0;
    this.waits.unlock(bucket);
    return { offset, bytes: this.bytes.slice(start, start + length) };
  }

  /** The first reader that waits; -1: none. */
  firstReader(channel: number): number {
    return this.waits.first(CHANNEL_KEY, channel * 4, -1)?.slot ?? -1;
  }

  /** Says what descriptor `fd` of a table is. */
  setEntry(map: number, fd: number, entry: number): void {
    if (fd < MAPPED_FDS) Atomics.store(this.words, mapAt(map) + fd, entry);
  }
}

const mapAt = (map: number): number => FIRST_MAP + (map - 1) * MAPPED_FDS;
export const channelAt = (channel: number): number => FIRST_CHANNEL + channel * CHANNEL.words;
const pageAt = (at: number): number => FIRST_PAGE + ((at - FIRST_CHANNEL) / CHANNEL.words) * CHANNEL_PAGE;
const readChannel = (entry: number): number => (entry >> 2) - 1;
const writeChannel = (entry: number): number => ((entry & 3) === End.both ? readChannel(entry) ^ 1 : readChannel(entry));

/** Short pieces byte by byte: a view costs more. */
const SHORT = 32;
function copy(from: Uint8Array, at: number, to: Uint8Array, start: number, count: number): void {
  if (count > SHORT) to.set(from.subarray(at, at + count), start);
  else for (let i = 0; i < count; i++) to[start + i] = from[at + i]!;
}
