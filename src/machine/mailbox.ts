import { Channels, CHANNELS_END } from './channels.ts';
import { EventCounters } from './eventCounters.ts';
import { BELL, BITMAP, KERNEL_SLEEPS, SlotState, STATES } from './mailboxLayout.ts';
import { WaitTable } from './waitTable.ts';

/**
 * The mailbox between guest threads (one worker each) and the kernel thread.
 *
 * One SharedArrayBuffer for the whole emulator (mailboxLayout.ts). A guest thread that stops writes its registers and exit reason to its CPU
 * state, posts its slot and waits; the kernel thread answers by writing the CPU state and the slot's reply word.
 */
export const MAILBOX_BYTES = CHANNELS_END;

/** The kernel's answer, stored in the slot's state word plus 16; the worker turns it into `running`. */
export const Reply = {
  /** Go on at the CPU state's rip. */
  resume: 16,
  /** The thread has ended or its worker gets another program: leave the run loop and go idle. */
  leave: 17,
} as const;
export type ReplyCode = (typeof Reply)[keyof typeof Reply];

/**
 * How long a worker looks for the answer before it sleeps, in milliseconds: longer after one that came in time, shorter after one that did
 * not. It is time and not a number of looks, which are a hundred times as fast when the loop has been optimised; and at the most about
 * what going to sleep and being woken costs both sides. Once both sides sleep every answer comes late, so now and then it looks as long
 * as it may.
 */
const MOST_MS = 0.01;
const LEAST_MS = 0.002;
const PATIENT_EVERY = 64;
/** Looks before the clock is asked for the first time, and between two times. */
const LOOKS = 100;
/** The global's name is a getter that costs as much as ten looks. */
const clock = performance;

/** How long it is worth while to look for one kind of answer. */
class Patience {
  private ms = MOST_MS;
  private calls = 0;

  /** Looks at the word for as long as it may, or until it is no longer `value`; what it is then. */
  look(words: Int32Array, at: number, value: number): number {
    if (++this.calls % PATIENT_EVERY === 0) this.ms = MOST_MS;
    let until = 0;
    for (;;) {
      for (let i = LOOKS; i > 0; i--) {
        const now = Atomics.load(words, at);
        if (now === value) continue;
        if (now === SlotState.running || now >= Reply.resume) this.ms = Math.min(this.ms * 2, MOST_MS);
        return now;
      }
      const time = clock.now();
      if (until === 0) until = time + this.ms;
      else if (time >= until) break;
    }
    this.ms = Math.max(this.ms / 4, LEAST_MS);
    return value;
  }
}

export class MailboxGuest {
  readonly words: Int32Array;
  /** Waits and pipes that need no kernel. */
  readonly waits: WaitTable;
  readonly channels: Channels;
  readonly counters: EventCounters;
  /** With the kernel, and with other threads. */
  private readonly kernelPatience = new Patience();
  private readonly othersPatience = new Patience();
  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
    this.waits = new WaitTable(this.words, true);
    this.channels = new Channels(this.words, this.waits);
    this.counters = new EventCounters(this.words, this.waits, this.channels);
  }

  /**
   * First thing a worker does with a thread (Cpu.exitReason is Exit.none then): waits for the kernel's leave to run it. The thread may have
   * been ended meanwhile: then the answer is there already, and nobody would give another.
   */
  begin(slot: number): ReplyCode {
    const { words } = this, state = STATES + slot;
    if (Atomics.compareExchange(words, state, SlotState.starting, SlotState.posted) !== Reply.leave) return this.answer(slot);
    Atomics.store(words, state, SlotState.running);
    return Reply.leave;
  }

  /** Posts `slot` and blocks until the kernel has answered. */
  call(slot: number): ReplyCode {
    Atomics.store(this.words, STATES + slot, SlotState.posted);
    return this.answer(slot);
  }

  /** Blocks while the slot waits in the table, until `deadlineNs`. `taken`: the kernel has it. */
  awaitWake(slot: number, deadlineNs: number, now: () => number): 'woken' | 'timedOut' | 'taken' {
    const { words, waits } = this, state = STATES + slot;
    let value = this.othersPatience.look(words, state, SlotState.waiting);
    for (;; value = Atomics.load(words, state)) {
      if (value === SlotState.running) return 'woken';
      if (value !== SlotState.waiting) return 'taken';
      const ms = deadlineNs === Infinity ? Infinity : (deadlineNs - now()) / 1e6;
      if (ms > 0) Atomics.wait(words, state, SlotState.waiting, ms);
      else if (waits.cancel(slot, now())) return 'timedOut';
    }
  }

  /** The kernel has taken the slot out of the table of waits: blocks until it has answered. */
  taken(slot: number): ReplyCode {
    const value = this.sleep(STATES + slot);
    Atomics.store(this.words, STATES + slot, SlotState.running);
    return value as ReplyCode;
  }

  /** The slot's state is `posted`: tells the kernel, and waits. */
  private answer(slot: number): ReplyCode {
    const words = this.words;
    const state = STATES + slot;
    Atomics.or(words, BITMAP + (slot >>> 5), 1 << (slot & 31));
    Atomics.add(words, BELL, 1);
    if (Atomics.load(words, KERNEL_SLEEPS) !== 0) Atomics.notify(words, BELL);
    let value = this.kernelPatience.look(words, state, SlotState.posted);
    if (value < Reply.resume) value = this.sleep(state);
    Atomics.store(words, state, SlotState.running);
    return value as ReplyCode;
  }

  /** Until the answer is there. */
  private sleep(state: number): number {
    const words = this.words;
    for (;;) {
      const value = Atomics.load(words, state);
      if (value >= Reply.resume) return value;
      if (value === SlotState.postedAsleep || Atomics.compareExchange(words, state, value, SlotState.postedAsleep) === value) {
        Atomics.wait(words, state, SlotState.postedAsleep);
      }
    }
  }
}

export class MailboxKernel {
  readonly words: Int32Array;
  /** Words of the bitmap up to the highest slot that was ever given out. */
  private bitmapWords = 0;
  readonly waits: WaitTable;
  readonly channels: Channels;
  readonly counters: EventCounters;
  /** `standsStill`: its thread may. */
  constructor(readonly buffer: SharedArrayBuffer, standsStill = true) {
    this.words = new Int32Array(buffer);
    this.waits = new WaitTable(this.words, standsStill);
    this.channels = new Channels(this.words, this.waits);
    this.counters = new EventCounters(this.words, this.waits, this.channels);
  }

  /** Calls `serve` for every slot posted since the last call; returns how many. */
  drain(serve: (slot: number) => void): number {
    const words = this.words;
    let served = 0;
    for (let w = 0; w < this.bitmapWords; w++) {
      if (Atomics.load(words, BITMAP + w) === 0) continue;
      let bits = Atomics.exchange(words, BITMAP + w, 0);
      while (bits !== 0) {
        const bit = 31 - Math.clz32(bits & -bits);
        bits &= bits - 1;
        serve(w * 32 + bit);
        served++;
      }
    }
    return served;
  }

  /** Answers a posted slot; its worker goes on. */
  reply(slot: number, code: ReplyCode): void {
    const before = Atomics.exchange(this.words, STATES + slot, code);
    if (before === SlotState.postedAsleep) Atomics.notify(this.words, STATES + slot, 1);
  }

  /** The posted slot's call waits for something. */
  hold(slot: number): void {
    Atomics.compareExchange(this.words, STATES + slot, SlotState.posted, SlotState.postedLong);
  }

  /** Before a worker is given the slot. */
  prepare(slot: number): void {
    this.bitmapWords = Math.max(this.bitmapWords, (slot >>> 5) + 1);
    this.waits.reset(slot);
    Atomics.store(this.words, STATES + slot, SlotState.starting);
  }

  /** Whether the worker may be in guest code: it was answered and has not posted since. */
  isRunning(slot: number): boolean {
    const state = Atomics.load(this.words, STATES + slot);
    return state === SlotState.running || state === Reply.resume;
  }

  /** Whether the slot's worker waits for an answer. */
  isPosted(slot: number): boolean {
    const state = Atomics.load(this.words, STATES + slot);
    return state === SlotState.posted || state === SlotState.postedAsleep || state === SlotState.postedLong;
  }

  /** Whether the worker has not yet read a Reply.leave: the slot cannot be given to another. */
  isLeaving(slot: number): boolean {
    return Atomics.load(this.words, STATES + slot) === Reply.leave;
  }

  /** No worker will read the answer. */
  forgetAnswer(slot: number): void {
    Atomics.store(this.words, STATES + slot, SlotState.running);
  }

  bell(): number {
    return Atomics.load(this.words, BELL);
  }

  /** Looks at the bell up to `rounds` times: whether it has rung since bell() returned `seen`. */
  spin(seen: number, rounds: number): boolean {
    const words = this.words;
    for (let i = 0; i < rounds; i++) if (Atomics.load(words, BELL) !== seen) return true;
    return false;
  }

  /** Waits as sleep() does, but keeps the thread: the wake-up takes a few microseconds, the event loop stands still. */
  block(seen: number, timeoutMs: number): void {
    Atomics.store(this.words, KERNEL_SLEEPS, 1);
    Atomics.wait(this.words, BELL, seen, timeoutMs);
    Atomics.store(this.words, KERNEL_SLEEPS, 0);
  }

  /** Resolves when a slot is posted after bell() returned `seen`, or after `timeoutMs`. The host's event loop runs meanwhile. */
  async sleep(seen: number, timeoutMs: number): Promise<void> {
    Atomics.store(this.words, KERNEL_SLEEPS, 1);
    const wait = Atomics.waitAsync(this.words, BELL, seen, timeoutMs);
    if (wait.async) await wait.value;
    Atomics.store(this.words, KERNEL_SLEEPS, 0);
  }

  /** Wakes sleep() from the kernel's own thread (a timer, a host callback). */
  ring(): void {
    Atomics.add(this.words, BELL, 1);
    Atomics.notify(this.words, BELL);
  }
}
