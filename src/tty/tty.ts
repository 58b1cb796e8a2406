import * as L from '../abi/linux/tty.ts';
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDNORM, EPOLLWRNORM } from '../abi/linux/poll.ts';
import { SIGCONT, SIGHUP, SIGWINCH } from '../abi/linux/signal.ts';
import type { ControllingTty, ProcessGroup, Session } from '../kernel/task/session.ts';
import { WaitQueue } from '../vfs/waitQueue.ts';
import { LineDiscipline } from './lineDiscipline.ts';
import { Output } from './output.ts';
import type { Termios } from './termios.ts';
import type { TtyServices } from './services.ts';

export interface WinSize {
  rows: number;
  columns: number;
  xpixel: number;
  ypixel: number;
}

/** An open description of the terminal, as the terminal knows it. */
export interface TtyUser {
  /** Set when the terminal was hung up under it. */
  hungUp: boolean;
}

const READ = EPOLLIN | EPOLLRDNORM;
const WRITE = EPOLLOUT | EPOLLWRNORM;

/** Bytes that may wait between the sender and the line discipline (tty_buffer's limit). */
const INPUT_LIMIT = 65536;

/**
 * A terminal (struct tty_struct): settings, line discipline, session. A subclass is the hardware: where `transmit` sends and
 * what calls `receive`.
 *
 *   receive -> incoming queue -> LineDiscipline -> read        write -> Output -> transmit
 */
export abstract class Tty implements ControllingTty {
  readonly services: TtyServices;
  readonly dev: number;
  /** As in /proc/tty and ttyname: 'pts/3'. */
  readonly name: string;
  termios: Termios;
  /** TIOCSLCKTRMIOS: what may not be changed. */
  lockedSettings: Termios | null = null;
  winsize: WinSize = { rows: 0, columns: 0, xpixel: 0, ypixel: 0 };
  readonly discipline: LineDiscipline;
  readonly output: Output;
  readonly waitQueue = new WaitQueue();
  readonly users = new Set<TtyUser>();
  session: Session | null = null;
  /** Foreground process group. */
  group: ProcessGroup | null = null;
  /** TIOCEXCL. */
  exclusive = false;
  /** Output is stopped (^S, TCOOFF); `stoppedByCall`: by TCOOFF, so that ^Q does not start it. */
  stopped = false;
  stoppedByCall = false;
  /** The other side of the pty pair. */
  link: Tty | null = null;
  /** A pty whose other side has closed. */
  otherClosed = false;
  /** Packet mode of a pty master, and the status bits its reader has not seen. They are set by the slave. */
  packet = false;
  packetStatus = 0;
  /** Monotonic ns of the last input, for VTIME. */
  lastInputNs = 0;
  private incoming: Uint8Array[] = [];
  private incomingBytes = 0;
  private pumping = false;

  constructor(services: TtyServices, name: string, dev: number, termios: Termios) {
    this.services = services;
    this.name = name;
    this.dev = dev;
    this.termios = termios;
    this.discipline = new LineDiscipline(this);
    this.output = new Output(this);
  }

  // ---- the hardware ----

  /** Sends bytes; there is room for them. They may be a view of guest memory. */
  abstract transmit(bytes: Uint8Array): void;
  abstract transmitRoom(): number;
  /** A batch of transmit() calls is over. */
  transmitDone(): void {}
  /** Bytes sent but not yet gone (TIOCOUTQ, TCSADRAIN). */
  outputPending(): number {
    return 0;
  }
  /** Throws away what has not gone yet. */
  flushOutput(): void {}
  /** The settings have changed (packet mode, host mode). */
  protected settingsChanged(_old: Termios): void {}
  protected flowChanged(_stopped: boolean): void {}
  /** The line discipline threw its input away. */
  inputFlushed(): void {
    const { link } = this;
    if (link === null || !link.packet) return;
    this.packetStatus |= L.TIOCPKT_FLUSHREAD;
    link.wake(READ | EPOLLPRI);
  }
  /** The first description of it opens or the last one closes. */
  protected firstOpened(): void {}
  protected lastClosed(): void {}

  // ---- input ----

  /** Room for receive(). */
  receiveRoom(): number {
    return INPUT_LIMIT - this.incomingBytes;
  }

  /** Bytes have come from the hardware. */
  receive(bytes: Uint8Array): void {
    this.incoming.push(bytes.slice());
    this.incomingBytes += bytes.length;
    this.pump();
  }

  /** Hands on to the line discipline what it has room for. */
  pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    let moved = false;
    for (let chunk = this.incoming[0]; chunk !== undefined; chunk = this.incoming[0]) {
      let at = 0;
      while (at < chunk.length && this.discipline.room > 0) {
        this.discipline.receive(chunk[at++]!);
        // A signal character may have flushed the queue.
        if (this.incoming[0] !== chunk) break;
      }
      moved ||= at > 0;
      if (this.incoming[0] !== chunk) continue;
      this.incomingBytes -= at;
      if (at === chunk.length) this.incoming.shift();
      else {
        this.incoming[0] = chunk.subarray(at);
        break;
      }
    }
    this.pumping = false;
    if (!moved) return;
    this.lastInputNs = this.services.nowNs();
    this.wake(READ);
    this.link?.wake(WRITE);
  }

  /** What lies between sender and line discipline is thrown away. */
  clearIncoming(): void {
    this.incoming = [];
    this.incomingBytes = 0;
    this.link?.wake(WRITE);
  }

  // ---- state ----

  wake(events: number): void {
    this.waitQueue.wake(events);
  }

  /** Readiness for a description that was not hung up. */
  poll(): number {
    let mask = 0;
    if (this.discipline.available(true)) mask |= READ;
    if (this.packet && this.link !== null && this.link.packetStatus !== 0) mask |= EPOLLPRI | READ;
    if (this.otherClosed) mask |= EPOLLHUP;
    if (!this.stopped && this.transmitRoom() > 0 && this.outputPending() < 256) mask |= WRITE;
    return mask;
  }

  setTermios(termios: Termios): void {
    const old = this.termios;
    this.termios = termios;
    this.settingsChanged(old);
    this.discipline.termiosChanged(old);
    this.wake(READ | WRITE);
  }

  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.flowChanged(true);
  }

  start(): void {
    if (!this.stopped || this.stoppedByCall) return;
    this.stopped = false;
    this.flowChanged(false);
    this.wake(WRITE);
  }

  setWinsize(size: WinSize): void {
    const old = this.winsize;
    if (old.rows === size.rows && old.columns === size.columns && old.xpixel === size.xpixel && old.ypixel === size.ypixel) return;
    this.winsize = size;
    this.signalForeground(SIGWINCH);
  }

  // ---- sessions ----

  get foregroundGroup(): number {
    return this.group?.id ?? 0;
  }

  signalForeground(sig: number): void {
    if (this.group !== null) this.services.signalGroup(this.group, sig);
  }

  /** Becomes the controlling terminal of `session`, with `group` in the foreground. */
  control(session: Session, group: ProcessGroup): void {
    this.session = session;
    this.group = group;
    session.tty = this;
  }

  release(): void {
    if (this.session !== null && this.session.tty === this) this.session.tty = null;
    this.session = null;
    this.group = null;
  }

  disassociate(session: Session, leaderExited: boolean): void {
    if (this.session !== session) return;
    if (leaderExited && this.link === null) {
      this.hangUp(true);
      return;
    }
    if (this.group !== null) {
      this.services.signalGroup(this.group, SIGHUP);
      if (!leaderExited) this.services.signalGroup(this.group, SIGCONT);
    }
    this.release();
  }

  /** Settings as wanted, but for the bits and characters that TIOCSLCKTRMIOS has locked. */
  keepLocked(wanted: Termios): Termios {
    const { lockedSettings: locked, termios } = this;
    if (locked === null) return wanted;
    const mix = (name: 'iflag' | 'oflag' | 'cflag' | 'lflag'): number => (wanted[name] & ~locked[name]) | (termios[name] & locked[name]);
    wanted.iflag = mix('iflag');
    wanted.oflag = mix('oflag');
    wanted.cflag = mix('cflag');
    wanted.lflag = mix('lflag');
    for (let i = 0; i < wanted.cc.length; i++) if (locked.cc[i] !== 0) wanted.cc[i] = termios.cc[i]!;
    return wanted;
  }

  /** vhangup: all descriptions are dead from now on; the session's leader gets SIGHUP and SIGCONT. */
  hangUp(leaderExited: boolean): void {
    for (const user of this.users) user.hungUp = true;
    const { session, group } = this;
    if (session !== null) {
      this.services.signalLeader(session, SIGHUP);
      this.services.signalLeader(session, SIGCONT);
      if (leaderExited && group !== null) this.services.signalGroup(group, SIGHUP);
    }
    this.release();
    this.discipline.flushInput();
    this.clearIncoming();
    if (this.users.size > 0) this.otherSideLost();
    this.users.clear();
    this.wake(READ | WRITE | EPOLLHUP | EPOLLERR);
  }

  /** The users of a hung-up terminal count as closed. */
  protected otherSideLost(): void {
    this.lastClosed();
  }

  open(user: TtyUser): void {
    this.users.add(user);
    if (this.users.size === 1) this.firstOpened();
  }

  close(user: TtyUser): void {
    if (!this.users.delete(user)) return;
    if (this.users.size === 0) {
      this.exclusive = false;
      this.lastClosed();
    }
  }
}
