import * as L from '../abi/linux/tty.ts';
import { x86_64 } from '../abi/abi.ts';

/** Value of a disabled control character (_POSIX_VDISABLE). */
export const DISABLED = 0;

const INIT_CC = [3, 0x1c, 0x7f, 0x15, 4, 0, 1, 0, 0x11, 0x13, 0x1a, 0, 0x12, 0x0f, 0x17, 0x16, 0, 0, 0];

/** Baud rates by the low bits of c_cflag (CBAUD without CBAUDEX), then those with CBAUDEX. */
const RATES = [0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400];
const RATES_EX = [0, 57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000];

/** Settings of a terminal (the kernel's struct ktermios). */
export class Termios {
  iflag = 0;
  oflag = 0;
  cflag = 0;
  lflag = 0;
  line = 0;
  cc = Uint8Array.from(INIT_CC);
  ispeed = 38400;
  ospeed = 38400;

  copy(): Termios {
    const c = new Termios();
    Object.assign(c, this);
    c.cc = this.cc.slice();
    return c;
  }

  /** tty_std_termios, as consoles and pty slaves start. */
  static standard(): Termios {
    const t = new Termios();
    t.iflag = L.ICRNL | L.IXON;
    t.oflag = L.OPOST | L.ONLCR;
    t.cflag = L.B38400 | L.CS8 | L.CREAD;
    t.lflag = L.ISIG | L.ICANON | L.ECHO | L.ECHOE | L.ECHOK | L.ECHOCTL | L.ECHOKE | L.IEXTEN;
    return t;
  }

  /** As the master side of a pty starts and stays. */
  static raw(): Termios {
    const t = new Termios();
    t.cflag = L.B38400 | L.CS8 | L.CREAD;
    return t;
  }
}

function rate(cflag: number, explicit: number): number {
  if ((cflag & L.CBAUD) === L.BOTHER) return explicit;
  return (cflag & L.CBAUDEX) !== 0 ? RATES_EX[cflag & 15]! : RATES[cflag & 15]!;
}

/** Sets the speeds from c_cflag, as tty_termios_baud_rate does; `given` are those of a termios2. */
function setSpeeds(t: Termios, given: { ispeed: number; ospeed: number }): void {
  t.ospeed = rate(t.cflag, given.ospeed);
  const input = (t.cflag & L.CIBAUD) >>> L.IBSHIFT;
  t.ispeed = input === L.B0 ? t.ospeed : rate(input, given.ispeed);
}

// The structures are the same bytes on both ABIs, so one set of layouts serves.
const { termios, termios2, termio } = x86_64;
export const TERMIOS_SIZE = termios.size;
export const TERMIOS2_SIZE = termios2.size;
export const TERMIO_SIZE = termio.size;

export function writeTermios(t: Termios, buf: Uint8Array): void {
  termios.write(buf, { c_iflag: t.iflag, c_oflag: t.oflag, c_cflag: t.cflag, c_lflag: t.lflag, c_line: t.line });
  termios.bytes(buf, 'c_cc').set(t.cc);
}
export function writeTermios2(t: Termios, buf: Uint8Array): void {
  termios2.write(buf, { c_iflag: t.iflag, c_oflag: t.oflag, c_cflag: t.cflag, c_lflag: t.lflag, c_line: t.line, c_ispeed: t.ispeed, c_ospeed: t.ospeed });
  termios2.bytes(buf, 'c_cc').set(t.cc);
}
export function writeTermio(t: Termios, buf: Uint8Array): void {
  termio.write(buf, { c_iflag: t.iflag, c_oflag: t.oflag, c_cflag: t.cflag, c_lflag: t.lflag, c_line: t.line });
  termio.bytes(buf, 'c_cc').set(t.cc.subarray(0, 8));
}

function readFlags(t: Termios, f: { c_iflag: number; c_oflag: number; c_cflag: number; c_lflag: number; c_line: number }): void {
  t.iflag = f.c_iflag;
  t.oflag = f.c_oflag;
  t.cflag = f.c_cflag;
  t.lflag = f.c_lflag;
  t.line = f.c_line;
}

/** A copy of `old` with what the guest's struct termios says. */
export function readTermios(old: Termios, buf: Uint8Array): Termios {
  const t = old.copy();
  readFlags(t, termios.read(buf));
  t.cc = termios.bytes(buf, 'c_cc').slice();
  setSpeeds(t, old);
  return t;
}
export function readTermios2(old: Termios, buf: Uint8Array): Termios {
  const t = old.copy();
  const f = termios2.read(buf);
  readFlags(t, f);
  t.cc = termios2.bytes(buf, 'c_cc').slice();
  setSpeeds(t, { ispeed: f.c_ispeed, ospeed: f.c_ospeed });
  return t;
}
/** struct termio has the low halves of the flags and 8 control characters. */
export function readTermio(old: Termios, buf: Uint8Array): Termios {
  const t = old.copy();
  const f = termio.read(buf);
  t.iflag = ((old.iflag & 0xffff0000) | f.c_iflag) >>> 0;
  t.oflag = ((old.oflag & 0xffff0000) | f.c_oflag) >>> 0;
  t.cflag = ((old.cflag & 0xffff0000) | f.c_cflag) >>> 0;
  t.lflag = ((old.lflag & 0xffff0000) | f.c_lflag) >>> 0;
  t.cc.set(termio.bytes(buf, 'c_cc'));
  setSpeeds(t, old);
  return t;
}
