import { EAGAIN } from '../abi/linux/errno.ts';
import type { Clock } from '../host/clock.ts';
import { Outcome } from '../machine/channels.ts';
import { Cpu } from '../machine/cpuState.ts';
import { COUNTER_BYTES } from '../machine/eventCounters.ts';
import { BIAS } from '../machine/memoryLayout.ts';
import { LocalField } from '../machine/localState.ts';
import type { MailboxGuest } from '../machine/mailbox.ts';
import { Transfer } from '../machine/waitTable.ts';
import type { GuestView } from './guestView.ts';
import { PASS, WAITS } from './outcome.ts';

/** Reading and writing of eventfds (machine/eventCounters.ts). */
export class LocalEvents {
  private readonly view: GuestView;
  private readonly mailbox: MailboxGuest;
  private readonly now: () => number;

  constructor(view: GuestView, mailbox: MailboxGuest, clock: Clock) {
    this.view = view;
    this.mailbox = mailbox;
    this.now = () => clock.monotonicNs();
  }

  /** The counter that the call's descriptor is; -1: it is none. */
  get number(): number {
    return this.mailbox.counters.numberOf(this.view.word(LocalField.fdMap), this.view.int(0));
  }

  /** read(2): 8, PASS, or WAITS while the counter is 0. */
  read(number: number): number {
    const { view, mailbox } = this, target = view.arg(1);
    if (view.arg(2) < COUNTER_BYTES || !view.allowsBytes(target, COUNTER_BYTES, true)) return PASS;
    const slot = view.word(Cpu.mailboxSlot), done = mailbox.counters.read(slot, view.word(LocalField.fdMap), view.int(0), number, view.bytes, target + BIAS, this.now);
    if (done === Outcome.kernel) return PASS;
    if (done === Outcome.empty) return WAITS;
    mailbox.waits.countTransfer(slot, Transfer.read, Math.max(0, done));
    return done < 0 ? -EAGAIN : done;
  }

  /** write(2). */
  write(number: number): number {
    const { view, mailbox } = this, source = view.arg(1);
    if (view.arg(2) !== COUNTER_BYTES || !view.allowsBytes(source, COUNTER_BYTES, false)) return PASS;
    const slot = view.word(Cpu.mailboxSlot), lo = view.unaligned(source), hi = view.unaligned(source + 4);
    if ((lo & hi) === -1) return PASS;
    const done = mailbox.counters.write(slot, view.word(LocalField.fdMap), view.int(0), number, lo, hi, this.now);
    if (done < 0) return PASS;
    mailbox.waits.countTransfer(slot, Transfer.write, done);
    return done;
  }

  /** Begins to wait; false: try again, or ask the kernel. */
  enter(slot: number): boolean {
    const { view } = this;
    return this.mailbox.counters.enter(slot, view.word(LocalField.fdMap), view.int(0), this.now());
  }

  /** Reads what there is now; as read(). While the memory has to stand still nothing is read. */
  again(slot: number): number {
    const { number } = this;
    return number < 0 || this.mailbox.waits.isHeld(slot) ? PASS : this.read(number);
  }
}
