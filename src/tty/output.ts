import * as L from '../abi/linux/tty.ts';
import type { Tty } from './tty.ts';

const CRLF = Uint8Array.of(13, 10);
const SPACES = new Uint8Array(8).fill(0x20);

/** Output processing (OPOST): newlines, tabs, case. */
export class Output {
  private readonly tty: Tty;
  /** Cursor column, as far as the line discipline can know it. */
  column = 0;
  /** Column where the present input line started. */
  lineColumn = 0;

  constructor(tty: Tty) {
    this.tty = tty;
  }

  /** One character, processed if OPOST is on. Preconditions: room for 8. */
  putChar(c: number): void {
    if ((this.tty.termios.oflag & L.OPOST) === 0) this.tty.transmit(Uint8Array.of(c));
    else this.process(c);
  }

  private process(c: number): void {
    const { oflag, iflag } = this.tty.termios;
    switch (c) {
      case 10:
        if (oflag & L.ONLRET) this.column = 0;
        if (oflag & L.ONLCR) {
          this.column = this.lineColumn = 0;
          this.tty.transmit(CRLF);
          return;
        }
        this.lineColumn = this.column;
        break;
      case 13:
        if ((oflag & L.ONOCR) && this.column === 0) return;
        if (oflag & L.OCRNL) {
          c = 10;
          if (oflag & L.ONLRET) this.column = this.lineColumn = 0;
          break;
        }
        this.column = this.lineColumn = 0;
        break;
      case 9: {
        const spaces = 8 - (this.column & 7);
        this.column += spaces;
        if ((oflag & L.TABDLY) === L.XTABS) {
          this.tty.transmit(SPACES.subarray(0, spaces));
          return;
        }
        break;
      }
      case 8:
        if (this.column > 0) this.column--;
        break;
      default:
        if (c >= 32 && c !== 127) {
          if ((oflag & L.OLCUC) && c >= 97 && c <= 122) c -= 32;
          if (!((iflag & L.IUTF8) && (c & 0xc0) === 0x80)) this.column++;
        }
    }
    this.tty.transmit(Uint8Array.of(c));
  }

  /** Writes as much as there is room for; bytes taken. */
  write(buf: Uint8Array): number {
    const { tty } = this;
    if (tty.stopped) return 0;
    if ((tty.termios.oflag & L.OPOST) === 0) {
      const n = Math.min(buf.length, tty.transmitRoom());
      if (n > 0) tty.transmit(buf.subarray(0, n));
      tty.transmitDone();
      return n;
    }
    let at = 0;
    while (at < buf.length) {
      const room = tty.transmitRoom();
      if (room < 8) break;
      // A run of printable characters goes out as one piece.
      let end = at;
      const limit = Math.min(buf.length, at + room);
      while (end < limit && this.plain(buf[end]!)) end++;
      if (end > at) {
        tty.transmit(buf.subarray(at, end));
        at = end;
      } else this.process(buf[at++]!);
    }
    tty.transmitDone();
    return at;
  }

  /** Notes a character that needs no processing. */
  private plain(c: number): boolean {
    const { oflag, iflag } = this.tty.termios;
    if (c < 32 || c === 127 || (oflag & L.OLCUC)) return false;
    if (!((iflag & L.IUTF8) && (c & 0xc0) === 0x80)) this.column++;
    return true;
  }
}
