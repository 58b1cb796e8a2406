import * as L from '../abi/linux/tty.ts';
import { EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDNORM } from '../abi/linux/poll.ts';
import { SIGWINCH } from '../abi/linux/signal.ts';
import { makedev } from '../vfs/stat.ts';
import type { TtyServices } from './services.ts';
import { Termios } from './termios.ts';
import { Tty, type WinSize } from './tty.ts';

const PTMX_DEV = makedev(5, 2);
export const PTS_MAJOR = 136;

/** One side of a pty pair: what it transmits, the other side receives. */
class PtySide extends Tty {
  transmit(bytes: Uint8Array): void {
    this.link!.receive(bytes);
  }
  transmitRoom(): number {
    return this.stopped ? 0 : this.link!.receiveRoom();
  }
  override flushOutput(): void {
    this.link!.clearIncoming();
    if (this.link!.packet) {
      this.packetStatus |= L.TIOCPKT_FLUSHWRITE;
      this.link!.wake(EPOLLIN | EPOLLRDNORM | EPOLLPRI);
    }
  }
}

export class PtySlave extends PtySide {
  readonly index: number;
  /** TIOCSPTLCK: cannot be opened yet. */
  locked = true;
  readonly master: PtyMaster;

  constructor(services: TtyServices, index: number, master: PtyMaster) {
    super(services, `pts/${index}`, makedev(PTS_MAJOR, index), Termios.standard());
    this.index = index;
    this.master = master;
  }

  protected override firstOpened(): void {
    this.otherClosed = false;
    this.master.otherClosed = false;
  }

  protected override lastClosed(): void {
    this.master.otherClosed = true;
    this.packetStatus = 0;
    this.master.wake(EPOLLIN | EPOLLOUT | EPOLLHUP);
  }

  /** Packet mode tells of ^S/^Q flow control and of EXTPROC changes; ptys always have 8 bits. */
  protected override settingsChanged(old: Termios): void {
    const { termios, master } = this;
    if (master.packet) {
      const flow = (t: Termios): boolean => (t.iflag & L.IXON) !== 0 && t.cc[L.VSTOP] === 0x13 && t.cc[L.VSTART] === 0x11;
      const external = ((old.lflag | termios.lflag) & L.EXTPROC) !== 0;
      const now = flow(termios);
      if (flow(old) !== now) {
        this.packetStatus &= ~(L.TIOCPKT_DOSTOP | L.TIOCPKT_NOSTOP);
        this.packetStatus |= now ? L.TIOCPKT_DOSTOP : L.TIOCPKT_NOSTOP;
      }
      if (external) this.packetStatus |= L.TIOCPKT_IOCTL;
      if (flow(old) !== now || external) master.wake(EPOLLIN | EPOLLRDNORM | EPOLLPRI);
    }
    termios.cflag = ((termios.cflag & ~(L.CSIZE | L.PARENB)) | L.CS8 | L.CREAD) >>> 0;
  }

  protected override flowChanged(stopped: boolean): void {
    if (!this.master.packet) return;
    this.packetStatus &= ~(L.TIOCPKT_START | L.TIOCPKT_STOP);
    this.packetStatus |= stopped ? L.TIOCPKT_STOP : L.TIOCPKT_START;
    this.master.wake(EPOLLIN | EPOLLRDNORM | EPOLLPRI);
  }

  /** Both sides have one window size; the foreground groups of both hear of a change. */
  override setWinsize(size: WinSize): void {
    const old = this.winsize;
    if (old.rows === size.rows && old.columns === size.columns && old.xpixel === size.xpixel && old.ypixel === size.ypixel) return;
    this.winsize = size;
    this.master.winsize = size;
    this.signalForeground(SIGWINCH);
    if (this.master.group !== this.group) this.master.signalForeground(SIGWINCH);
  }
}

export class PtyMaster extends PtySide {
  readonly slave: PtySlave;
  /** Tells devpts that the slave's name goes. */
  private readonly gone: (index: number) => void;

  constructor(services: TtyServices, index: number, gone: (index: number) => void) {
    super(services, 'ptmx', PTMX_DEV, Termios.raw());
    this.slave = new PtySlave(services, index, this);
    this.link = this.slave;
    this.slave.link = this;
    this.gone = gone;
  }

  override setWinsize(size: WinSize): void {
    this.slave.setWinsize(size);
  }

  protected override lastClosed(): void {
    const { slave } = this;
    slave.otherClosed = true;
    this.packet = false;
    this.gone(slave.index);
    slave.hangUp(false);
  }
}
