import type { Siginfo } from './siginfo.ts';
import { SigSet } from './sigset.ts';

const SIGRTMIN = 32;

/**
 * Signals sent and not yet taken, of one thread or of a thread group. A standard signal is kept once, with the siginfo of the
 * first; real-time signals queue in order.
 */
export class PendingSignals {
  readonly set = new SigSet();
  private queue: Siginfo[] = [];

  /** Number queued, for RLIMIT_SIGPENDING. */
  get length(): number {
    return this.queue.length;
  }

  /** False when a standard signal is already pending (and this one is lost). */
  add(info: Siginfo): boolean {
    if (info.signo < SIGRTMIN && this.set.has(info.signo)) return false;
    this.set.add(info.signo);
    this.queue.push(info);
    return true;
  }

  /** Takes the first of signal `sig`, which is pending. */
  take(sig: number): Siginfo {
    const index = this.queue.findIndex((info) => info.signo === sig);
    const [info] = this.queue.splice(index, 1);
    if (!this.queue.some((other) => other.signo === sig)) this.set.delete(sig);
    return info!;
  }

  /** Forgets all of these. */
  discard(signals: SigSet): void {
    if (!this.set.meets(signals)) return;
    this.queue = this.queue.filter((info) => !signals.has(info.signo));
    this.set.deleteAll(signals);
  }

  /** Forgets what a timer has queued (timer_delete). */
  discardIf(test: (info: Siginfo) => boolean): void {
    this.queue = this.queue.filter((info) => !test(info));
    this.set.clear();
    for (const info of this.queue) this.set.add(info.signo);
  }

  /** All, in the order they came. */
  list(): readonly Siginfo[] {
    return this.queue;
  }

  /** The first queued one that satisfies `test`, left where it is. */
  find(test: (info: Siginfo) => boolean): Siginfo | undefined {
    return this.queue.find(test);
  }
}
