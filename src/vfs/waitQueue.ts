/** Somebody who wants to hear of readiness changes: a parked task, an epoll item, a poll call. */
export interface Waiter {
  /** `events` are EPOLL bits that may have become true. Must not block; may add or remove waiters of any queue. */
  onWake(events: number): void;
  /** The EPOLL bits that it wants to hear of; none: all. */
  readonly wants?: number;
}

const NO_WAITERS: readonly Waiter[] = [];

/**
 * The waiters of one object. A wake is a hint: whoever is woken looks at the object again (its `poll()` or a retry).
 * The list is copied on change while a wake is under way, so waiters may come and go inside onWake.
 */
export class WaitQueue {
  private waiters: Waiter[] = NO_WAITERS as Waiter[];
  private waking = 0;

  get empty(): boolean {
    return this.waiters.length === 0;
  }

  /** All that its waiters want to hear of. */
  get wants(): number {
    let wants = 0;
    for (const waiter of this.waiters) wants |= waiter.wants ?? -1;
    return wants;
  }

  /** A waiter is about to want something else. */
  reconsider(): void {}

  add(waiter: Waiter): void {
    if (this.waking > 0 || this.waiters === NO_WAITERS) this.waiters = [...this.waiters, waiter];
    else this.waiters.push(waiter);
  }

  /** Before all others: the order in which Linux tells epoll instances and their items. */
  addFirst(waiter: Waiter): void {
    if (this.waking > 0 || this.waiters === NO_WAITERS) this.waiters = [waiter, ...this.waiters];
    else this.waiters.unshift(waiter);
  }

  /** Removes one registration of `waiter`; nothing happens when there is none. */
  remove(waiter: Waiter): void {
    const index = this.waiters.indexOf(waiter);
    if (index < 0) return;
    if (this.waking > 0) this.waiters = this.waiters.filter((_, i) => i !== index);
    else this.waiters.splice(index, 1);
  }

  wake(events: number): void {
    const waiters = this.waiters;
    if (waiters.length === 0) return;
    this.waking++;
    for (const waiter of waiters) waiter.onWake(events);
    this.waking--;
  }
}

/** Something is claimed before anybody waits: what workers use by themselves (machine/channels.ts). */
export class ClaimingQueue extends WaitQueue {
  private readonly claim: () => void;
  constructor(claim: () => void) {
    super();
    this.claim = claim;
  }
  override reconsider(): void {
    this.claim();
  }
  override add(waiter: Waiter): void {
    this.claim();
    super.add(waiter);
  }
  override addFirst(waiter: Waiter): void {
    this.claim();
    super.addFirst(waiter);
  }
}
