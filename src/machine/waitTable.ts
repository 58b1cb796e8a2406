import { MAILBOX_SLOTS, SlotState, STATES, WAIT_WORDS, WAITING } from './mailboxLayout.ts';

/**
 * Threads that wait for a word of their memory (private futexes) without the kernel's thread: a waker finds them here and lets them
 * go on. In the mailbox's buffer. See docs/waiting.md.
 *
 *   a bucket    lock (0 free, else slot + 1 of its holder, -1 the kernel), first and last waiter (slot + 1), and how many wait there
 *               in the kernel: who finds any leaves waking to the kernel
 *   a waiter    by slot: what it waits for, its neighbours in the bucket, when it came
 *
 * A slot becomes `waiting` and stops being so only under its bucket's lock: the waker makes it `running`, the waiter itself too when it
 * gives up, the kernel `postedAsleep` (take): then all is as if the call had been posted.
 */
const BUCKETS = 512;
const BUCKET = { lock: 0, first: 1, last: 2, inKernel: 3, words: 16 } as const;
const WAITER = { memory: 0, addr: 1, bitset: 2, expected: 3, next: 4, previous: 5, bucket: 6, turn: 7, deadline: 8, began: 10, slept: 12, held: 14, waits: 15, use: 16, words: 24 } as const;
const TURN = WAIT_WORDS;
const NAP = WAIT_WORDS + 1;
const FIRST_BUCKET = WAIT_WORDS + 16;
const FIRST_WAITER = FIRST_BUCKET + BUCKETS * BUCKET.words;
export const WAIT_TABLE_WORDS = FIRST_WAITER + MAILBOX_SLOTS * WAITER.words - WAIT_WORDS;

/** Looks at a lock before the thread sleeps in between: its holder may have lost its processor. */
const LOCK_LOOKS = 200;
const NAP_MS = 0.05;
/** A holder's number of the kernel's thread. */
export const KERNEL = -1;

/** What a wait needs besides a place. */
export interface WaitCondition {
  readonly bitset: number;
  readonly expected: number;
  /** Monotonic ns; Infinity: none. */
  readonly deadlineNs: number;
}

/** What a thread has done without the kernel. */
export interface LocalUse {
  readonly sleptNs: number;
  readonly waits: number;
  readonly reads: number;
  readonly readBytes: number;
  readonly writes: number;
  readonly writtenBytes: number;
}

/** Words into WAITER.use: how many, how many bytes. */
export const Transfer = { read: 0, write: 4 } as const;
export type TransferKind = (typeof Transfer)[keyof typeof Transfer];

/** A thread that waits, as the kernel takes it over. */
export interface LocalWait extends WaitCondition {
  readonly memory: number;
  readonly addr: number;
  readonly turn: number;
}

/** Both sides' view. `holder` of a lock: slot + 1, or none for the kernel. */
export class WaitTable {
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;
  private readonly naps: boolean;

  /** `naps`: the thread may stand still. */
  constructor(words: Int32Array, naps: boolean) {
    this.words = words;
    this.doubles = new Float64Array(words.buffer, words.byteOffset, words.length >>> 1);
    this.naps = naps;
  }

  // ---- locks ----

  private bucketOf(memory: number, addr: number): number {
    const mixed = Math.imul((addr >>> 2) ^ Math.imul(memory, 0x9e3779b1), 0x85ebca6b);
    return FIRST_BUCKET + (mixed >>> 16) % BUCKETS * BUCKET.words;
  }

  /** Locks what belongs to a key; answers the bucket, for unlock(). `holder`: slot + 1, or KERNEL. */
  lockKey(memory: number, addr: number, holder: number): number {
    const bucket = this.bucketOf(memory, addr);
    this.lock(bucket, holder);
    return bucket;
  }

  private lock(bucket: number, holder: number): void {
    const { words } = this;
    for (let looks = 0; Atomics.compareExchange(words, bucket + BUCKET.lock, 0, holder) !== 0; looks++) {
      if (this.naps && looks >= LOCK_LOOKS) Atomics.wait(words, NAP, 0, NAP_MS);
    }
  }

  unlock(bucket: number): void {
    Atomics.store(this.words, bucket + BUCKET.lock, 0);
  }

  /** The slot's worker is no more: what it held is free. */
  abandon(slot: number): void {
    for (let n = 0; n < BUCKETS; n++) Atomics.compareExchange(this.words, FIRST_BUCKET + n * BUCKET.words, slot + 1, 0);
  }

  // ---- lists (under the lock) ----

  private link(slot: number, bucket: number): void {
    const { words } = this, at = waiterAt(slot), last = words[bucket + BUCKET.last]!;
    words[at + WAITER.bucket] = bucket;
    words[at + WAITER.next] = 0;
    words[at + WAITER.previous] = last;
    if (last === 0) words[bucket + BUCKET.first] = slot + 1;
    else words[waiterAt(last - 1) + WAITER.next] = slot + 1;
    words[bucket + BUCKET.last] = slot + 1;
  }

  private unlink(slot: number, bucket: number): void {
    const { words } = this, at = waiterAt(slot), next = words[at + WAITER.next]!, previous = words[at + WAITER.previous]!;
    if (previous === 0) words[bucket + BUCKET.first] = next;
    else words[waiterAt(previous - 1) + WAITER.next] = next;
    if (next === 0) words[bucket + BUCKET.last] = previous;
    else words[waiterAt(next - 1) + WAITER.previous] = previous;
  }

  /** The waiter leaves the table, and its slot has another state. */
  private end(slot: number, bucket: number, state: number, nowNs: number): void {
    const { words, doubles } = this, at = waiterAt(slot) >>> 1;
    this.unlink(slot, bucket);
    doubles[at + (WAITER.slept >>> 1)] = doubles[at + (WAITER.slept >>> 1)]! + Math.max(0, nowNs - doubles[at + (WAITER.began >>> 1)]!);
    Atomics.sub(words, WAITING, 1);
    Atomics.store(words, STATES + slot, state);
  }

  /** Locks the bucket that the slot waits in; 0 when it does not wait. It may be moved meanwhile. */
  private lockOf(slot: number, holder: number): number {
    const { words } = this;
    while (this.isWaiting(slot)) {
      const bucket = Atomics.load(words, waiterAt(slot) + WAITER.bucket);
      this.lock(bucket, holder);
      if (this.isWaiting(slot) && words[waiterAt(slot) + WAITER.bucket] === bucket) return bucket;
      this.unlock(bucket);
    }
    return 0;
  }

  private matches(slot: number, memory: number, addr: number, bitset: number): boolean {
    const { words } = this, at = waiterAt(slot);
    return words[at + WAITER.addr] === (addr | 0) && words[at + WAITER.memory] === memory && (words[at + WAITER.bitset]! & bitset) !== 0;
  }

  /** The first in the bucket that waits for the word; -1: nobody. */
  private find(bucket: number, memory: number, addr: number, bitset: number): number {
    const { words } = this;
    let next = words[bucket + BUCKET.first]!;
    while (next !== 0 && !this.matches(next - 1, memory, addr, bitset)) next = words[waiterAt(next - 1) + WAITER.next]!;
    return next - 1;
  }

  // ---- the worker's side ----

  /**
   * Begins to wait for the word at guest address `addr`, if it is `expected`: `guest` are the words of its memory, `index` its place
   * there. False: it is another.
   */
  enter(slot: number, memory: number, addr: number, guest: Int32Array, index: number, wait: WaitCondition, nowNs: number): boolean {
    const bucket = this.lockKey(memory, addr, slot + 1), same = Atomics.load(guest, index) === wait.expected;
    if (same) this.admit(slot, bucket, memory, addr, wait, nowNs);
    this.unlock(bucket);
    return same;
  }

  /** Begins to wait. Precondition: the key's bucket is locked. */
  admit(slot: number, bucket: number, memory: number, addr: number, wait: WaitCondition, nowNs: number): void {
    const { words, doubles } = this, at = waiterAt(slot);
    words[at + WAITER.memory] = memory;
    words[at + WAITER.addr] = addr;
    words[at + WAITER.bitset] = wait.bitset;
    words[at + WAITER.expected] = wait.expected;
    words[at + WAITER.turn] = Atomics.add(words, TURN, 1);
    words[at + WAITER.waits] = words[at + WAITER.waits]! + 1;
    doubles[(at + WAITER.deadline) >>> 1] = wait.deadlineNs;
    doubles[(at + WAITER.began) >>> 1] = nowNs;
    this.link(slot, bucket);
    Atomics.add(words, WAITING, 1);
    Atomics.store(words, STATES + slot, SlotState.waiting);
  }

  /** The same for whoever waits for something to read, however long that takes. */
  admitReader(slot: number, bucket: number, memory: number, addr: number, nowNs: number): void {
    this.admit(slot, bucket, memory, addr, UNLIMITED, nowNs);
  }

  /** Lets the first waiter of a key go on, once it is notified; its slot, or -1. Precondition: the key's bucket is locked. */
  endFirst(bucket: number, memory: number, addr: number, nowNs: number): number {
    const slot = this.find(bucket, memory, addr, -1);
    if (slot >= 0) this.end(slot, bucket, SlotState.running, nowNs);
    return slot;
  }

  notify(slot: number): void {
    Atomics.notify(this.words, STATES + slot, 1);
  }

  /** Counts a read or write that the kernel has not seen. */
  countTransfer(slot: number, kind: TransferKind, bytes: number): void {
    const { doubles } = this, at = (waiterAt(slot) + WAITER.use + kind) >>> 1;
    doubles[at] = doubles[at]! + 1;
    doubles[at + 1] = doubles[at + 1]! + bytes;
  }

  /** The waiter gives up; false: it waits no more (it was woken, or the kernel has it). */
  cancel(slot: number, nowNs: number): boolean {
    const bucket = this.lockOf(slot, slot + 1);
    if (bucket === 0) return false;
    this.end(slot, bucket, SlotState.running, nowNs);
    this.unlock(bucket);
    return true;
  }

  /** Wakes up to `count` waiters; how many, or -1 when the kernel has to do it. `slot`: the caller's. */
  wake(slot: number, memory: number, addr: number, count: number, bitset: number, now: () => number): number {
    const { words } = this, bucket = this.bucketOf(memory, addr);
    this.lock(bucket, slot + 1);
    if (words[bucket + BUCKET.inKernel] !== 0) {
      this.unlock(bucket);
      return -1;
    }
    let woken = 0, first = -1, others: number[] | null = null;
    for (let next = words[bucket + BUCKET.first]!; next !== 0 && woken < count; ) {
      const other = next - 1;
      next = words[waiterAt(other) + WAITER.next]!;
      if (!this.matches(other, memory, addr, bitset)) continue;
      this.end(other, bucket, SlotState.running, now());
      if (woken++ === 0) first = other;
      else (others ??= []).push(other);
    }
    this.unlock(bucket);
    if (first >= 0) Atomics.notify(words, STATES + first, 1);
    if (others !== null) for (const other of others) Atomics.notify(words, STATES + other, 1);
    return woken;
  }

  /** Whether the slot's thread was in the table when its memory had to stand still: it must not go on by itself. */
  isHeld(slot: number): boolean {
    return Atomics.load(this.words, waiterAt(slot) + WAITER.held) !== 0;
  }

  // ---- the kernel's side ----

  isWaiting(slot: number): boolean {
    return Atomics.load(this.words, STATES + slot) === SlotState.waiting;
  }

  /** Threads in the table. */
  get waiting(): number {
    return Atomics.load(this.words, WAITING);
  }

  /** Before a slot is given to a thread. */
  reset(slot: number): void {
    this.words.fill(0, waiterAt(slot), waiterAt(slot) + WAITER.words);
  }

  /** One more or less waits in the kernel for the word. From the first on nobody wakes without the kernel. */
  countInKernel(memory: number, addr: number, change: number): void {
    Atomics.add(this.words, this.bucketOf(memory, addr) + BUCKET.inKernel, change);
  }

  /** A place in the order of waiters. */
  takeTurn(): number {
    return Atomics.add(this.words, TURN, 1);
  }

  /**
   * The waiter is the kernel's from now on, as if its call had been posted; null: it does not wait. It counts as waiting in the kernel,
   * so that no wake-up is lost: the kernel takes that back (countInKernel) when it has noted it in its own way.
   */
  take(slot: number, nowNs: number): LocalWait | null {
    const bucket = this.lockOf(slot, KERNEL);
    if (bucket === 0) return null;
    const { words, doubles } = this, at = waiterAt(slot);
    this.end(slot, bucket, SlotState.postedAsleep, nowNs);
    Atomics.add(words, bucket + BUCKET.inKernel, 1);
    this.unlock(bucket);
    return {
      memory: words[at + WAITER.memory]!, addr: words[at + WAITER.addr]! >>> 0, bitset: words[at + WAITER.bitset]! >>> 0, expected: words[at + WAITER.expected]! >>> 0,
      deadlineNs: doubles[(at + WAITER.deadline) >>> 1]!, turn: words[at + WAITER.turn]!,
    };
  }

  /** The first that waits for the word, and its turn; null: nobody. */
  first(memory: number, addr: number, bitset: number): { readonly slot: number; readonly turn: number } | null {
    const { words } = this, bucket = this.bucketOf(memory, addr);
    if (Atomics.load(words, bucket + BUCKET.first) === 0) return null;
    this.lock(bucket, KERNEL);
    const slot = this.find(bucket, memory, addr, bitset), turn = slot < 0 ? 0 : words[waiterAt(slot) + WAITER.turn]!;
    this.unlock(bucket);
    return slot < 0 ? null : { slot, turn };
  }

  /** How many wait for the word. */
  count(memory: number, addr: number): number {
    const { words } = this, bucket = this.bucketOf(memory, addr);
    if (Atomics.load(words, bucket + BUCKET.first) === 0) return 0;
    this.lock(bucket, KERNEL);
    let n = 0;
    for (let next = words[bucket + BUCKET.first]!; next !== 0; next = words[waiterAt(next - 1) + WAITER.next]!) if (this.matches(next - 1, memory, addr, -1)) n++;
    this.unlock(bucket);
    return n;
  }

  /** Wakes this one, if it is still the wait of that turn. */
  wakeSlot(slot: number, turn: number, nowNs: number): boolean {
    const { words } = this, bucket = this.lockOf(slot, KERNEL);
    if (bucket === 0) return false;
    const same = words[waiterAt(slot) + WAITER.turn] === turn;
    if (same) this.end(slot, bucket, SlotState.running, nowNs);
    this.unlock(bucket);
    if (same) Atomics.notify(words, STATES + slot, 1);
    return same;
  }

  /** The first waiter of the word at `from` waits for that at `to` from now on, as the last. False: there is none. */
  moveFirst(memory: number, from: number, to: number): boolean {
    const { words } = this, source = this.bucketOf(memory, from), target = this.bucketOf(memory, to);
    this.lock(Math.min(source, target), KERNEL);
    if (source !== target) this.lock(Math.max(source, target), KERNEL);
    const slot = this.find(source, memory, from, -1);
    if (slot >= 0) {
      this.unlink(slot, source);
      words[waiterAt(slot) + WAITER.addr] = to;
      words[waiterAt(slot) + WAITER.turn] = Atomics.add(words, TURN, 1);
      this.link(slot, target);
    }
    if (source !== target) this.unlock(Math.max(source, target));
    this.unlock(Math.min(source, target));
    return slot >= 0;
  }

  hold(slot: number, held: boolean): void {
    Atomics.store(this.words, waiterAt(slot) + WAITER.held, held ? 1 : 0);
  }

  /** The same for the slot's own thread, which does not wait now. */
  ownSleptNs(slot: number): number {
    return this.doubles[(waiterAt(slot) + WAITER.slept) >>> 1]!;
  }

  /** Time the slot's thread has slept here since takeUse(), a wait under way included. */
  sleptNs(slot: number, nowNs: number): number {
    const { doubles } = this, at = waiterAt(slot) >>> 1, bucket = this.lockOf(slot, KERNEL);
    let ns = doubles[at + (WAITER.slept >>> 1)]!;
    if (bucket === 0) return ns;
    ns += Math.max(0, nowNs - doubles[at + (WAITER.began >>> 1)]!);
    this.unlock(bucket);
    return ns;
  }

  /** What the thread has used since the last time without the kernel. Precondition: it is the kernel's. */
  takeUse(slot: number): LocalUse {
    const { words, doubles } = this, at = waiterAt(slot), transfers = (at + WAITER.use) >>> 1;
    const use = {
      sleptNs: doubles[(at + WAITER.slept) >>> 1]!, waits: words[at + WAITER.waits]!,
      reads: doubles[transfers]!, readBytes: doubles[transfers + 1]!, writes: doubles[transfers + 2]!, writtenBytes: doubles[transfers + 3]!,
    };
    doubles[(at + WAITER.slept) >>> 1] = 0;
    words[at + WAITER.waits] = 0;
    doubles.fill(0, transfers, transfers + 4);
    return use;
  }
}

const UNLIMITED: WaitCondition = { bitset: -1, expected: 0, deadlineNs: Infinity };
const waiterAt = (slot: number): number => FIRST_WAITER + slot * WAITER.words;
