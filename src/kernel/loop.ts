import { SPIN_ROUNDS } from './guests.ts';
import type { Kernel } from './kernel.ts';
import { resumeParked, type Parked } from './task/park.ts';

/** The host's event loop gets a turn at least this often, however busy the guests are. */
const EVENT_LOOP_EVERY_NS = 4_000_000;
const SHORTEST_SPIN_NS = 3000;
/** With guests on all processors. */
const BUSY_SPIN_NS = 6000;
const SHORTEST_SLEEP_MS = 0.2;

/** The loop on the kernel thread: posted guests, timers, deferred work and woken calls, with turns for the host's events. */
export class KernelLoop {
  private readonly kernel: Kernel;
  private readonly serveSlot: (slot: number) => void;
  /** Parked calls that were woken and not yet looked at. */
  private ready: Parked[] = [];
  /** Work queued by host callbacks and by handlers, to run outside of any system call. */
  private deferred: (() => void)[] = [];
  /** How long to spin for the next call: longer while that succeeds, shorter when it was in vain. */
  private spinNs: number;
  private stopped = false;

  constructor(kernel: Kernel, serveSlot: (slot: number) => void) {
    this.kernel = kernel;
    this.serveSlot = serveSlot;
    this.spinNs = kernel.parts.spinNs;
  }

  /** The call will be looked at. */
  look(parked: Parked): void {
    this.ready.push(parked);
  }

  /** Runs `work` on the kernel loop, soon. Host callbacks come in through this. */
  defer(work: () => void): void {
    this.deferred.push(work);
    this.kernel.parts.mailbox.ring();
  }

  /** Ends run(). */
  stop(): void {
    this.stopped = true;
    this.kernel.parts.mailbox.ring();
  }

  /** Serves guests until stop(). */
  async run(): Promise<void> {
    const { mailbox, clock } = this.kernel.parts;
    let lastWork = clock.monotonicNs();
    let lastYield = lastWork;
    while (!this.stopped) {
      const seen = mailbox.bell();
      const { held } = this.kernel.hooks, began = held === null ? 0 : clock.monotonicNs();
      const worked = this.turn();
      const now = clock.monotonicNs();
      if (worked) {
        held?.('kernel', now - began);
        // The next call was worth waiting for.
        if (now - lastWork < this.kernel.parts.spinNs) this.spinNs = Math.min(this.spinNs * 2, this.kernel.parts.spinNs);
        lastWork = now;
      } else if (this.awaitGuests(seen, now, lastWork)) continue;
      else {
        await this.sleep(seen, now);
        lastYield = lastWork = clock.monotonicNs();
        continue;
      }
      if (now - lastYield < EVENT_LOOP_EVERY_NS) continue;
      await this.kernel.parts.yieldTurn();
      lastYield = clock.monotonicNs();
      held?.('host', lastYield - now);
    }
  }

  /**
   * While guests run one of them will soon want something: spins for it, not for long when that takes a processor from them, then
   * stands still for short whiles, from which it wakes in microseconds. False: it has been quiet for long, or nobody runs.
   */
  private awaitGuests(seen: number, now: number, lastWork: number): boolean {
    const { mailbox, blockMs, cpus } = this.kernel.parts;
    if (this.kernel.guests.running === 0) return false;
    const quiet = now - lastWork, longest = this.kernel.guests.running < cpus ? this.spinNs : Math.min(this.spinNs, BUSY_SPIN_NS);
    if (quiet < longest) {
      if (!mailbox.spin(seen, SPIN_ROUNDS) && quiet > this.spinNs / 2) this.spinNs = Math.max(this.spinNs / 2, SHORTEST_SPIN_NS);
      return true;
    }
    const ms = Math.min(blockMs, (this.kernel.timers.nextNs - now) / 1e6);
    if (quiet >= EVENT_LOOP_EVERY_NS || ms < SHORTEST_SLEEP_MS || this.deferred.length > 0) return false;
    mailbox.block(seen, ms);
    return true;
  }

  /** With turns for the host's event loop. */
  private async sleep(seen: number, now: number): Promise<void> {
    const ms = (this.kernel.timers.nextNs - now) / 1e6;
    // A wait shorter than the host's timer can do is spent spinning.
    if (ms < SHORTEST_SLEEP_MS) await this.kernel.parts.yieldTurn();
    else await this.kernel.parts.mailbox.sleep(seen, Math.min(ms, 1e6));
  }

  /** Everything that can be done now; whether anything was. */
  private turn(): boolean {
    let worked = this.kernel.parts.mailbox.drain(this.serveSlot) > 0;
    if (this.kernel.timers.nextNs !== Infinity && this.kernel.timers.run(this.kernel.nowNs()) > 0) worked = true;
    if (this.deferred.length > 0) {
      const list = this.deferred;
      this.deferred = [];
      for (const work of list) work();
      worked = true;
    }
    // What these make ready comes after the calls posted meanwhile.
    if (this.ready.length > 0) {
      const list = this.ready;
      this.ready = [];
      for (const parked of list) resumeParked(parked);
      worked = true;
    }
    this.kernel.guests.release();
    return worked;
  }
}
