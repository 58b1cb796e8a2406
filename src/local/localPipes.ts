import { EAGAIN } from '../abi/linux/errno.ts';
import { MSG_DONTWAIT, MSG_NOSIGNAL } from '../abi/linux/socket.ts';
import type { Clock } from '../host/clock.ts';
import { CHANNEL_PAGE, type Channels, End, Outcome } from '../machine/channels.ts';
import { Cpu } from '../machine/cpuState.ts';
import { BIAS, GUEST_END } from '../machine/memoryLayout.ts';
import { LocalField } from '../machine/localState.ts';
import type { MailboxGuest } from '../machine/mailbox.ts';
import { Transfer } from '../machine/waitTable.ts';
import type { GuestView } from './guestView.ts';
import { PASS, WAITS } from './outcome.ts';

/** Reading and writing of pipes that are nothing but pipes, and of connected Unix sockets (machine/channels.ts). */
export class LocalPipes {
  private readonly view: GuestView;
  private readonly mailbox: MailboxGuest;
  private readonly channels: Channels;
  private readonly now: () => number;
  /** It is read(2) or write(2), which are counted for /proc/PID/io. */
  private counted = false;
  /** The call says that it does not wait. */
  private noWait = false;
  /** The buffer of read(). */
  private target = 0;
  private readonly mayFill = (length: number): boolean => this.view.allowsBytes(this.target, length, true);
  private readonly guestBytes = (): Uint8Array => this.view.bytes;

  constructor(view: GuestView, mailbox: MailboxGuest, clock: Clock) {
    this.view = view;
    this.mailbox = mailbox;
    this.channels = mailbox.channels;
    this.now = () => clock.monotonicNs();
  }

  /** read(2): bytes, PASS, or WAITS while there is nothing. */
  read(): number {
    this.counted = true;
    this.noWait = false;
    return this.take();
  }

  /** recvfrom(2) without other flags than MSG_DONTWAIT, from anybody. */
  receive(): number {
    const flags = this.view.int(3);
    this.counted = false;
    this.noWait = flags === MSG_DONTWAIT;
    return (flags & ~MSG_DONTWAIT) === 0 && this.view.arg(4) === 0 && this.isSocket() ? this.take() : PASS;
  }

  /** sendto(2) to nobody in particular. */
  send(): number {
    const flags = this.view.int(3);
    this.counted = false;
    return (flags & ~MSG_NOSIGNAL) === 0 && this.view.arg(4) === 0 && this.isSocket() ? this.put() : PASS;
  }

  private isSocket(): boolean {
    return (this.channels.entry(this.view.word(LocalField.fdMap), this.view.int(0)) & 3) === End.both;
  }

  private take(): number {
    const { view } = this, map = view.word(LocalField.fdMap), fd = view.int(0);
    if (!this.channels.isOpen(map, fd, End.read)) return PASS;
    const target = view.arg(1), count = view.arg(2);
    if (target < 0 || count <= 0 || target + count > GUEST_END) return PASS;
    this.target = target;
    const done = this.channels.read(view.word(Cpu.mailboxSlot), map, fd, count, this.guestBytes, target + BIAS, this.mayFill, this.now);
    if (done >= 0) {
      if (this.counted) this.mailbox.waits.countTransfer(view.word(Cpu.mailboxSlot), Transfer.read, done);
      return done;
    }
    if (done === Outcome.kernel) return PASS;
    if (done === Outcome.empty && !this.noWait) return WAITS;
    if (this.counted) this.mailbox.waits.countTransfer(view.word(Cpu.mailboxSlot), Transfer.read, 0);
    return -EAGAIN;
  }

  /** write(2) of no more than is atomic. */
  write(): number {
    this.counted = true;
    return this.put();
  }

  private put(): number {
    const { view } = this, map = view.word(LocalField.fdMap), fd = view.int(0);
    if (!this.channels.isOpen(map, fd, End.write)) return PASS;
    const source = view.arg(1), count = view.arg(2);
    if (count <= 0 || count > CHANNEL_PAGE || !view.allowsBytes(source, count, false)) return PASS;
    const done = this.channels.write(view.word(Cpu.mailboxSlot), map, fd, count, view.bytes, source + BIAS, this.now);
    if (done > 0 && this.counted) this.mailbox.waits.countTransfer(view.word(Cpu.mailboxSlot), Transfer.write, done);
    return done >= 0 ? done : PASS;
  }

  /** Begins to wait for something to read; false: try again, or ask the kernel. */
  enter(slot: number): boolean {
    const { view } = this;
    return this.channels.enter(slot, view.word(LocalField.fdMap), view.int(0), this.now());
  }

  /** Reads what there is now; as read(). While the memory has to stand still nothing is read. */
  again(slot: number): number {
    return this.mailbox.waits.isHeld(slot) ? PASS : this.take();
  }
}
