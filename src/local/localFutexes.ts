import { EAGAIN } from '../abi/linux/errno.ts';
import * as F from '../abi/linux/futex.ts';
import type { Clock } from '../host/clock.ts';
import { Cpu } from '../machine/cpuState.ts';
import { LocalField } from '../machine/localState.ts';
import type { MailboxGuest } from '../machine/mailbox.ts';
import type { WaitCondition } from '../machine/waitTable.ts';
import type { GuestView } from './guestView.ts';
import { PASS, WAITS } from './outcome.ts';

const NSEC = 1e9;

/**
 * FUTEX_WAIT and FUTEX_WAKE (also with bits) of private futexes, which are most of all: the waker lets the waiter go on without the
 * kernel's thread in between (machine/waitTable.ts, docs/waiting.md). What is unusual goes to the kernel.
 */
export class LocalFutexes {
  private readonly view: GuestView;
  private readonly mailbox: MailboxGuest;
  private readonly now: () => number;
  private readonly clock: Clock;
  /** The wait that wait() begins. */
  private addr = 0;
  private pending: WaitCondition = { bitset: 0, expected: 0, deadlineNs: Infinity };

  constructor(view: GuestView, mailbox: MailboxGuest, clock: Clock) {
    this.view = view;
    this.mailbox = mailbox;
    this.clock = clock;
    this.now = () => clock.monotonicNs();
  }

  /** futex(2): a result, PASS or WAITS. `width`: of a time_t; the others: whether the guest's clocks are the host's. */
  call(width: 4 | 8, ownMonotonicClock: boolean, ownWallClock: boolean): number {
    const { view } = this, addr = view.arg(0), operation = view.int(1);
    if ((operation & F.FUTEX_PRIVATE_FLAG) === 0 || !view.readable(addr, 4)) return PASS;
    const bits = view.int(5);
    switch (operation & ~F.FUTEX_PRIVATE_FLAG) {
      case F.FUTEX_WAIT: return this.prepare(addr, -1, this.deadline(width, false, false));
      case F.FUTEX_WAIT_BITSET: return !ownMonotonicClock && view.arg(3) !== 0 ? PASS : this.prepare(addr, bits, this.deadline(width, true, false));
      case F.FUTEX_WAIT_BITSET | F.FUTEX_CLOCK_REALTIME: return ownWallClock ? this.prepare(addr, bits, this.deadline(width, true, true)) : PASS;
      case F.FUTEX_WAKE: return this.wake(addr, -1);
      case F.FUTEX_WAKE_BITSET: return this.wake(addr, bits);
      default: return PASS;
    }
  }

  /** Argument 3 on the monotonic clock; NaN: the kernel is asked. */
  private deadline(width: 4 | 8, absolute: boolean, realtime: boolean): number {
    const { view } = this, ptr = view.arg(3);
    if (ptr === 0) return Infinity;
    if (!view.readable(ptr, 2 * width)) return NaN;
    const { words } = view, at = view.index(ptr);
    const sec = words[at]!, nsec = words[width === 8 ? at + 2 : at + 1]!;
    if (sec < 0 || nsec < 0 || nsec >= NSEC || (width === 8 && (words[at + 1] !== 0 || (view.long && words[at + 3] !== 0)))) return NaN;
    if (!absolute) return this.now() + sec * NSEC + nsec;
    if (!realtime) return sec * NSEC + nsec;
    const now = this.clock.realtime();
    return Math.max(0, this.now() + (sec - now.sec) * NSEC + (nsec - now.nsec));
  }

  private prepare(addr: number, bitset: number, deadlineNs: number): number {
    if (bitset === 0 || Number.isNaN(deadlineNs)) return PASS;
    const expected = this.view.int(2);
    if (Atomics.load(this.view.words, this.view.index(addr)) !== expected) return -EAGAIN;
    this.addr = addr;
    this.pending = { bitset, expected, deadlineNs };
    return WAITS;
  }

  private wake(addr: number, bitset: number): number {
    const { view } = this;
    if (bitset === 0) return PASS;
    // At least one is woken, whatever the count (Linux).
    const count = Math.max(1, view.int(2));
    const woken = this.mailbox.waits.wake(view.word(Cpu.mailboxSlot), view.word(LocalField.memoryId), addr, count, bitset, this.now);
    return woken < 0 ? PASS : woken;
  }

  /** Begins to wait; false: the word has changed. */
  enter(slot: number): boolean {
    const { view } = this;
    return this.mailbox.waits.enter(slot, view.word(LocalField.memoryId), this.addr, view.words, view.index(this.addr), this.pending, this.now());
  }

  /** Of the wait that enter() began. */
  get deadlineNs(): number {
    return this.pending.deadlineNs;
  }
}
