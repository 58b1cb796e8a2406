import * as C from '../abi/linux/ioctl.ts';
import * as L from '../abi/linux/tty.ts';
import { EAGAIN, EFAULT, EINVAL, EIO, ENOTTY, EPERM, ESRCH } from '../abi/linux/errno.ts';
import { SIGTTOU } from '../abi/linux/signal.ts';
import { x86_64 } from '../abi/abi.ts';
import { Rlimit } from '../kernel/fd/rlimits.ts';
import type { ProcessGroup } from '../kernel/task/session.ts';
import { O_CLOEXEC } from '../abi/linux/openFlags.ts';
import { Cap } from '../vfs/cred.ts';
import { openPath } from '../vfs/open.ts';
import type { FileCaller } from '../vfs/fileDescription.ts';
import { checkChange, takeControl, taskOf, ttyOf } from './jobControl.ts';
import { PtyMaster } from './pty.ts';
import {
  readTermio, readTermios, readTermios2, TERMIO_SIZE, TERMIOS2_SIZE, TERMIOS_SIZE, type Termios, writeTermio, writeTermios, writeTermios2,
} from './termios.ts';
import type { Tty } from './tty.ts';
import type { TtyFile } from './ttyFile.ts';

const { winsize } = x86_64;

/** struct serial_struct */
const SERIAL_SIZE = 60;

type Request = (f: TtyFile, tty: Tty, t: FileCaller, arg: number) => number;

/** How tcgetattr's and tcsetattr's requests differ: structure, and what happens to pending data. */
function getSettings(size: number, write: (t: Termios, buf: Uint8Array) => void): Request {
  return (_f, tty, t, arg) => {
    const buf = t.memory.writable(arg, size);
    if (buf === null) return -EFAULT;
    write(tty.termios, buf);
    return 0;
  };
}
function setSettings(size: number, read: (old: Termios, buf: Uint8Array) => Termios, wait: boolean, flush: boolean): Request {
  return (f, tty, t, arg) => {
    const control = checkChange(tty, t, SIGTTOU);
    if (control < 0) return control;
    const buf = t.memory.readable(arg, size);
    if (buf === null) return -EFAULT;
    const wanted = tty.keepLocked(read(tty.termios, buf));
    if (flush) tty.discipline.flushInput();
    if (wait && tty.outputPending() > 0) return -EAGAIN;
    if (f.hungUp) return -EIO;
    tty.setTermios(wanted);
    return 0;
  };
}

/** Requests with an int result. */
function getInt(value: (tty: Tty, f: TtyFile, t: FileCaller) => number): Request {
  return (f, tty, t, arg) => {
    const n = value(tty, f, t);
    if (n < 0 && n > -4096) return n;
    return t.memory.setU32(arg, n) ? 0 : -EFAULT;
  };
}
function withInt(use: (n: number, tty: Tty, f: TtyFile, t: FileCaller) => number): Request {
  return (f, tty, t, arg) => {
    const n = t.memory.i32(arg);
    return n === null ? -EFAULT : use(n, tty, f, t);
  };
}

function ownTerminal(t: FileCaller, tty: Tty): boolean {
  return ttyOf(taskOf(t).process) === tty;
}

const setControlling: Request = (f, tty, t, arg) => {
  const { process } = taskOf(t);
  const leader = process.session.id === process.pid;
  if (leader && tty.session === process.session) return 0;
  if (!leader || process.session.tty !== null) return -EPERM;
  if (tty.session !== null) {
    if (arg !== 1 || !t.cred.has(Cap.SYS_ADMIN)) return -EPERM;
    tty.release();
  }
  if (!f.readable && !t.cred.has(Cap.SYS_ADMIN)) return -EPERM;
  takeControl(tty, t);
  return 0;
};

const giveUpControlling: Request = (f, _tty, t) => {
  const { process } = taskOf(t);
  if (ttyOf(process) !== f.tty) return -ENOTTY;
  // The session's leader takes it from everybody, others only from themselves.
  if (process.session.id === process.pid) f.tty.disassociate(process.session, false);
  else process.gaveUpTty = true;
  return 0;
};

const setForeground: Request = (_f, tty, t, arg) => {
  const control = checkChange(tty, t, SIGTTOU);
  if (control < 0) return control === -EIO ? -ENOTTY : control;
  const given = t.memory.i32(arg);
  if (given === null) return -EFAULT;
  const { session, pidNs } = taskOf(t).process;
  if (given < 0) return -EINVAL;
  const id = pidNs.in(given);
  if (!ownTerminal(t, tty) || tty.session !== session) return -ENOTTY;
  let group: ProcessGroup | null = null;
  for (const g of session.groups) if (g.id === id && g.members.size > 0) group = g;
  if (group === null) return tty.services.groupExists(id) ? -EPERM : -ESRCH;
  tty.group = group;
  return 0;
};

const injectInput: Request = (_f, tty, t, arg) => {
  if (!t.cred.has(Cap.SYS_ADMIN)) return -EIO;
  const c = t.memory.u8(arg);
  if (c === null) return -EFAULT;
  tty.receive(Uint8Array.of(c));
  return 0;
};

const flush: Request = (f, _tty, t, arg) => {
  const control = checkChange(f.tty, t, SIGTTOU);
  if (control < 0) return control;
  // The master's own queues are meant, not the slave's.
  const own = f.tty;
  if (arg === L.TCIFLUSH || arg === L.TCIOFLUSH) own.discipline.flushInput();
  if (arg === L.TCOFLUSH || arg === L.TCIOFLUSH) own.flushOutput();
  if (arg < 0 || arg > 2) return -EINVAL;
  if (arg !== L.TCOFLUSH) own.pump();
  return 0;
};

const flowControl: Request = (f, _tty, t, arg) => {
  const control = checkChange(f.tty, t, SIGTTOU);
  if (control < 0) return control;
  const own = f.tty;
  switch (arg) {
    case L.TCOOFF:
      own.stop();
      own.stoppedByCall = true;
      return 0;
    case L.TCOON:
      own.stoppedByCall = false;
      own.start();
      own.discipline.echo.flush();
      return 0;
    case L.TCIOFF: case L.TCION: {
      const c = own.termios.cc[arg === L.TCIOFF ? L.VSTOP : L.VSTART]!;
      if (c !== 0) own.transmit(Uint8Array.of(c));
      return 0;
    }
    default:
      return -EINVAL;
  }
};

const sendBreak: Request = (f, tty, t) => {
  const control = checkChange(f.tty, t, SIGTTOU);
  if (control < 0) return control;
  return tty.outputPending() > 0 ? -EAGAIN : 0;
};

const masterOnly = (request: (m: PtyMaster, t: FileCaller, arg: number) => number): Request =>
  (f, _tty, t, arg) => (f.tty instanceof PtyMaster ? request(f.tty, t, arg) : -ENOTTY);

const requests: Readonly<Record<number, Request>> = {
  [C.TCGETS]: getSettings(TERMIOS_SIZE, writeTermios),
  [C.TCGETS2]: getSettings(TERMIOS2_SIZE, writeTermios2),
  [C.TCGETA]: getSettings(TERMIO_SIZE, writeTermio),
  [C.TCSETS]: setSettings(TERMIOS_SIZE, readTermios, false, false),
  [C.TCSETSW]: setSettings(TERMIOS_SIZE, readTermios, true, false),
  [C.TCSETSF]: setSettings(TERMIOS_SIZE, readTermios, true, true),
  [C.TCSETS2]: setSettings(TERMIOS2_SIZE, readTermios2, false, false),
  [C.TCSETSW2]: setSettings(TERMIOS2_SIZE, readTermios2, true, false),
  [C.TCSETSF2]: setSettings(TERMIOS2_SIZE, readTermios2, true, true),
  [C.TCSETA]: setSettings(TERMIO_SIZE, readTermio, false, false),
  [C.TCSETAW]: setSettings(TERMIO_SIZE, readTermio, true, false),
  [C.TCSETAF]: setSettings(TERMIO_SIZE, readTermio, true, true),
  [C.TCSBRK]: sendBreak,
  [C.TCSBRKP]: sendBreak,
  [C.TIOCSBRK]: () => 0,
  [C.TIOCCBRK]: () => 0,
  [C.TCXONC]: flowControl,
  [C.TCFLSH]: flush,
  [C.TIOCGLCKTRMIOS]: (_f, tty, t, arg) => {
    const buf = t.memory.writable(arg, TERMIOS_SIZE);
    if (buf === null) return -EFAULT;
    if (tty.lockedSettings === null) buf.fill(0);
    else writeTermios(tty.lockedSettings, buf);
    return 0;
  },
  [C.TIOCSLCKTRMIOS]: (_f, tty, t, arg) => {
    if (!t.cred.has(Cap.SYS_ADMIN)) return -EPERM;
    const buf = t.memory.readable(arg, TERMIOS_SIZE);
    if (buf === null) return -EFAULT;
    tty.lockedSettings = readTermios(tty.termios, buf);
    return 0;
  },
  // No hardware line is behind a terminal here.
  [C.TIOCSSERIAL]: (_f, _tty, t, arg) => (t.memory.readable(arg, SERIAL_SIZE) === null ? -EFAULT : -ENOTTY),
  [C.TIOCGWINSZ]: (_f, tty, t, arg) => {
    const buf = t.memory.writable(arg, winsize.size);
    if (buf === null) return -EFAULT;
    const w = tty.winsize;
    winsize.write(buf, { ws_row: w.rows, ws_col: w.columns, ws_xpixel: w.xpixel, ws_ypixel: w.ypixel });
    return 0;
  },
  [C.TIOCSWINSZ]: (_f, tty, t, arg) => {
    const buf = t.memory.readable(arg, winsize.size);
    if (buf === null) return -EFAULT;
    const w = winsize.read(buf);
    tty.setWinsize({ rows: w.ws_row, columns: w.ws_col, xpixel: w.ws_xpixel, ypixel: w.ws_ypixel });
    return 0;
  },
  [C.TIOCSCTTY]: setControlling,
  [C.TIOCNOTTY]: giveUpControlling,
  [C.TIOCGPGRP]: getInt((tty, f, t) => (f.tty === tty && !ownTerminal(t, tty) ? -ENOTTY : taskOf(t).pidNs.out(tty.foregroundGroup))),
  [C.TIOCSPGRP]: setForeground,
  [C.TIOCGSID]: getInt((tty, f, t) => (tty.session === null || (f.tty === tty && !ownTerminal(t, tty)) ? -ENOTTY : taskOf(t).pidNs.out(tty.session.id))),
  [C.TIOCEXCL]: (f) => {
    f.tty.exclusive = true;
    return 0;
  },
  [C.TIOCNXCL]: (f) => {
    f.tty.exclusive = false;
    return 0;
  },
  [C.TIOCGEXCL]: getInt((_tty, f) => (f.tty.exclusive ? 1 : 0)),
  [C.TIOCGETD]: getInt(() => 0),
  [C.TIOCSETD]: withInt((n) => (n === L.N_TTY ? 0 : -EINVAL)),
  [C.TIOCSTI]: injectInput,
  [C.FIONREAD]: getInt((_tty, f) => f.tty.discipline.readable),
  [C.TIOCOUTQ]: getInt((_tty, f) => f.tty.outputPending()),
  [C.TIOCGDEV]: getInt((tty) => tty.dev),
  [C.TIOCGSOFTCAR]: getInt((tty) => (tty.termios.cflag & L.CLOCAL ? 1 : 0)),
  [C.TIOCSSOFTCAR]: withInt((n, tty) => {
    const next = tty.termios.copy();
    next.cflag = ((next.cflag & ~L.CLOCAL) | (n ? L.CLOCAL : 0)) >>> 0;
    tty.setTermios(next);
    return 0;
  }),
  [C.TIOCVHANGUP]: (f, _tty, t) => {
    if (!t.cred.has(Cap.SYS_ADMIN)) return -EPERM;
    f.tty.hangUp(false);
    return 0;
  },
  [C.TIOCPKT]: masterOnly((m, t, arg) => {
    const on = t.memory.i32(arg);
    if (on === null) return -EFAULT;
    if (on !== 0 && !m.packet) m.slave.packetStatus = 0;
    m.packet = on !== 0;
    return 0;
  }),
  [C.TIOCGPKT]: masterOnly((m, t, arg) => (t.memory.setU32(arg, m.packet ? 1 : 0) ? 0 : -EFAULT)),
  [C.TIOCSPTLCK]: masterOnly((m, t, arg) => {
    const on = t.memory.i32(arg);
    if (on === null) return -EFAULT;
    m.slave.locked = on !== 0;
    return 0;
  }),
  [C.TIOCGPTLCK]: masterOnly((m, t, arg) => (t.memory.setU32(arg, m.slave.locked ? 1 : 0) ? 0 : -EFAULT)),
  [C.TIOCGPTN]: masterOnly((m, t, arg) => (t.memory.setU32(arg, m.slave.index) ? 0 : -EFAULT)),
  [C.TIOCGPTPEER]: masterOnly((m, t, flags) => {
    const file = openPath(t, null, `/dev/pts/${m.slave.index}`, { flags, mode: 0, resolve: 0 });
    if (typeof file === 'number') return file;
    const { fds, rlimits } = taskOf(t);
    const fd = fds.install(file, (flags & O_CLOEXEC) !== 0, rlimits.cur[Rlimit.NOFILE]!);
    if (fd < 0) file.release();
    return fd;
  }),
  [C.TIOCSIG]: masterOnly((m, _t, arg) => {
    if (arg < 1 || arg > 64) return -EINVAL;
    m.slave.signalForeground(arg);
    return 0;
  }),
};

/** ioctl(2) of a terminal. Requests on a master mean the slave's settings, window and session. */
export function ttyIoctl(f: TtyFile, t: FileCaller, cmd: number, arg: number): number {
  const request = requests[cmd];
  if (request === undefined) return -ENOTTY;
  const tty = f.tty instanceof PtyMaster ? f.tty.slave : f.tty;
  return request(f, tty, t, arg);
}

