import { CHANNEL_KEY, type Channels, FIRST_COUNTER, Lent, Outcome, channelAt } from './channels.ts';
import { KERNEL, type WaitTable } from './waitTable.ts';

/**
 * eventfd's counters that workers read and write without the kernel's thread: a channel each (channels.ts) that has a number of 64 bits instead of a page.
 * Who finds it 0 waits as for a channel. The maps know both.
 */
const COUNTER = { lent: 0, lo: 1, hi: 2, semaphore: 3 } as const;
const ALL = 0xffffffff;
export const COUNTER_BYTES = 8;

export class EventCounters {
  private readonly words: Int32Array;
  private readonly waits: WaitTable;
  private readonly channels: Channels;

  constructor(words: Int32Array, waits: WaitTable, channels: Channels) {
    this.words = words;
    this.waits = waits;
    this.channels = channels;
  }

  // ---- the worker's side ----

  /** Which counter descriptor `fd` is by map `map`; -1: none. */
  numberOf(map: number, fd: number): number {
    const number = (this.channels.entry(map, fd) >> 2) - 1;
    return number >= FIRST_COUNTER ? number : -1;
  }

  /** Locks what descriptor `fd` is; 0: the kernel does what `right` (Lent) would allow. */
  private begin(slot: number, map: number, fd: number, number: number, right: number): number {
    const at = channelAt(number);
    if ((Atomics.load(this.words, at + COUNTER.lent) & right) === 0) return 0;
    const bucket = this.waits.lockKey(CHANNEL_KEY, number * 4, slot + 1);
    // The descriptor may have become another meanwhile.
    if ((this.words[at + COUNTER.lent]! & right) !== 0 && this.numberOf(map, fd) === number) return bucket;
    this.waits.unlock(bucket);
    return 0;
  }

  /** Reads to `to` of `bytes`, where it may be written. */
  read(slot: number, map: number, fd: number, number: number, bytes: Uint8Array, to: number, now: () => number): number {
    const { words, waits } = this, bucket = this.begin(slot, map, fd, number, Lent.read);
    if (bucket === 0) return Outcome.kernel;
    const at = channelAt(number), lo = words[at + COUNTER.lo]!, hi = words[at + COUNTER.hi]!;
    let result: number = (words[at + COUNTER.lent]! & Lent.noWait) !== 0 ? Outcome.again : Outcome.empty, next = -1;
    if ((lo | hi) !== 0) {
      const one = words[at + COUNTER.semaphore] !== 0, leftLo = one ? (lo - 1) | 0 : 0, leftHi = one ? (lo === 0 ? hi - 1 : hi) : 0;
      put(bytes, to, one ? 1 : lo);
      put(bytes, to + 4, one ? 0 : hi);
      words[at + COUNTER.lo] = leftLo;
      words[at + COUNTER.hi] = leftHi;
      // What is left is for others that wait.
      if ((leftLo | leftHi) !== 0) next = waits.endFirst(bucket, CHANNEL_KEY, number * 4, now());
      result = COUNTER_BYTES;
    }
    waits.unlock(bucket);
    if (next >= 0) waits.notify(next);
    return result;
  }

  /** Waits until it is not 0. False: it is not, or the kernel has to be asked. */
  enter(slot: number, map: number, fd: number, nowNs: number): boolean {
    const number = this.numberOf(map, fd), bucket = number < 0 ? 0 : this.begin(slot, map, fd, number, Lent.read);
    if (bucket === 0) return false;
    const at = channelAt(number), empty = (this.words[at + COUNTER.lo]! | this.words[at + COUNTER.hi]!) === 0;
    if (empty) this.waits.admitReader(slot, bucket, CHANNEL_KEY, number * 4, nowNs);
    this.waits.unlock(bucket);
    return empty;
  }

  /** Adds; the kernel does it where that would be too much. */
  write(slot: number, map: number, fd: number, number: number, lo: number, hi: number, now: () => number): number {
    const { words, waits } = this, bucket = this.begin(slot, map, fd, number, Lent.write);
    if (bucket === 0) return Outcome.kernel;
    const at = channelAt(number), sumLo = (words[at + COUNTER.lo]! >>> 0) + (lo >>> 0), sumHi = (words[at + COUNTER.hi]! >>> 0) + (hi >>> 0) + (sumLo > ALL ? 1 : 0);
    const fits = sumHi < ALL || (sumHi === ALL && sumLo >>> 0 !== ALL);
    let reader = -1;
    if (fits) {
      words[at + COUNTER.lo] = sumLo | 0;
      words[at + COUNTER.hi] = sumHi | 0;
      if ((sumLo | 0 | sumHi) !== 0) reader = waits.endFirst(bucket, CHANNEL_KEY, number * 4, now());
    }
    waits.unlock(bucket);
    if (reader >= 0) waits.notify(reader);
    return fits ? COUNTER_BYTES : Outcome.kernel;
  }

  // ---- the kernel's side ----

  /** The counter is the workers' from now on, as far as `lent` says. */
  give(number: number, lent: number, lo: number, hi: number, semaphore: boolean): void {
    const { words } = this, at = channelAt(number), bucket = this.waits.lockKey(CHANNEL_KEY, number * 4, KERNEL);
    words[at + COUNTER.lo] = lo;
    words[at + COUNTER.hi] = hi;
    words[at + COUNTER.semaphore] = semaphore ? 1 : 0;
    words[at + COUNTER.lent] = lent;
    this.waits.unlock(bucket);
  }

  /** It is the kernel's again: its number. */
  takeBack(number: number): { readonly lo: number; readonly hi: number } {
    const { words } = this, at = channelAt(number), bucket = this.waits.lockKey(CHANNEL_KEY, number * 4, KERNEL);
    words[at + COUNTER.lent] = 0;
    const lo = words[at + COUNTER.lo]! >>> 0, hi = words[at + COUNTER.hi]! >>> 0;
    this.waits.unlock(bucket);
    return { lo, hi };
  }
}

/** At any address. */
function put(bytes: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) bytes[at + i] = value >>> (8 * i);
}
