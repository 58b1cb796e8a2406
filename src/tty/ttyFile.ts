import * as L from '../abi/linux/tty.ts';
import { EAGAIN, EBUSY, EIO, ENOTTY } from '../abi/linux/errno.ts';
import { TIOCSPGRP } from '../abi/linux/ioctl.ts';
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDNORM, EPOLLWRNORM } from '../abi/linux/poll.ts';
import { SIGTTIN, SIGTTOU } from '../abi/linux/signal.ts';
import { O_NOCTTY, O_NONBLOCK } from '../abi/linux/openFlags.ts';
import { FileDescription, type FileCaller } from '../vfs/fileDescription.ts';
import type { Path } from '../vfs/path.ts';
import { checkChange, takeControl, taskOf } from './jobControl.ts';
import type { Tty, TtyUser } from './tty.ts';
import { ttyIoctl } from './ttyIoctl.ts';
import { Cap } from '../vfs/cred.ts';

const DECISECOND_NS = 1e8;

/** An open terminal. */
export class TtyFile extends FileDescription implements TtyUser {
  readonly tty: Tty;
  override readonly waitQueue;
  hungUp = false;
  /** Start of the read under way, for VTIME: which caller, since when, and with how much input. */
  private waiting: { t: FileCaller; sinceNs: number } | null = null;

  constructor(tty: Tty, path: Path, flags: number, t: FileCaller) {
    super(path, flags & ~O_NOCTTY, t.cred);
    this.tty = tty;
    this.waitQueue = tty.waitQueue;
    tty.open(this);
  }

  override get canSignal(): boolean {
    return true;
  }

  override read(buf: Uint8Array, t: FileCaller): number {
    const { tty } = this;
    // A reader that was waiting when the other side went hears of it as an error, later ones see the end.
    if (this.hungUp) return tty.otherClosed && taskOf(t).parked !== null ? -EIO : 0;
    const control = checkChange(tty, t, SIGTTIN);
    if (control < 0) return control;
    if (buf.length === 0) return 0;
    if (tty.packet && tty.link !== null) {
      if (tty.link.packetStatus !== 0) {
        buf[0] = tty.link.packetStatus;
        tty.link.packetStatus = 0;
        return 1;
      }
      if (tty.discipline.available(false)) {
        buf[0] = L.TIOCPKT_DATA;
        const n = buf.length > 1 ? tty.discipline.take(buf.subarray(1)) : 0;
        tty.pump();
        return n + 1;
      }
    }
    return this.readData(buf, t);
  }

  private readData(buf: Uint8Array, t: FileCaller): number {
    const { tty } = this;
    const { cc, lflag } = tty.termios;
    const { discipline } = tty;
    const raw = (lflag & L.ICANON) === 0;
    const least = raw ? Math.min(cc[L.VMIN]!, buf.length) : 1;
    const time = raw ? cc[L.VTIME]! * DECISECOND_NS : 0;
    if (discipline.available(false) && (!raw || discipline.count >= least || (this.flags & O_NONBLOCK) !== 0)) {
      return this.finish(discipline.take(buf));
    }
    if (tty.otherClosed) return discipline.available(false) ? this.finish(discipline.take(buf)) : this.finish(-EIO);
    if (raw && cc[L.VMIN] === 0 && time === 0) return this.finish(0);
    if (time === 0 || (this.flags & O_NONBLOCK) !== 0) return -EAGAIN;
    // Waiting with a time limit: from the start of the read (MIN = 0), or from the last byte (MIN > 0).
    const now = tty.services.nowNs();
    const firstTry = taskOf(t).parked === null;
    if (firstTry || this.waiting === null || this.waiting.t !== t) this.waiting = { t, sinceNs: now };
    const begun = cc[L.VMIN] === 0 || discipline.available(false);
    if (!begun) return -EAGAIN;
    const deadline = (cc[L.VMIN] === 0 ? this.waiting.sinceNs : Math.max(tty.lastInputNs, this.waiting.sinceNs)) + time;
    if (now >= deadline) return this.finish(discipline.available(false) ? discipline.take(buf) : 0);
    tty.services.at(deadline, () => tty.wake(EPOLLIN | EPOLLRDNORM));
    return -EAGAIN;
  }

  private finish(result: number): number {
    this.waiting = null;
    this.tty.pump();
    return result;
  }

  override write(buf: Uint8Array, t: FileCaller): number {
    const { tty } = this;
    if (this.hungUp) return -EIO;
    if (tty.termios.lflag & L.TOSTOP) {
      const control = checkChange(tty, t, SIGTTOU);
      if (control < 0) return control;
    }
    if (buf.length === 0) return 0;
    tty.discipline.echo.flush();
    const n = tty.output.write(buf);
    return n > 0 ? n : -EAGAIN;
  }

  override poll(): number {
    if (this.hungUp) return EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDNORM | EPOLLWRNORM;
    return this.tty.poll();
  }

  override ioctl(t: FileCaller, cmd: number, arg: number): number {
    if (this.hungUp) return cmd === TIOCSPGRP ? -ENOTTY : -EIO;
    return ttyIoctl(this, t, cmd, arg);
  }

  protected override close(): void {
    this.tty.close(this);
  }
}

/** Opens a terminal as open(2) does: EBUSY when it is exclusive, and the session's leader may get it as controlling terminal. */
export function openTty(tty: Tty, path: Path, flags: number, t: FileCaller, mayControl = true): TtyFile | number {
  if (tty.exclusive && tty.users.size > 0 && !t.cred.has(Cap.SYS_ADMIN)) return -EBUSY;
  const file = new TtyFile(tty, path, flags, t);
  if (mayControl && (flags & O_NOCTTY) === 0) {
    const { process } = taskOf(t);
    const { session } = process;
    if (session.id === process.pid && session.tty === null && tty.session === null && file.readable) takeControl(tty, t);
  }
  return file;
}
