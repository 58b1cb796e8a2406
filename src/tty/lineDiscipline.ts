import * as L from '../abi/linux/tty.ts';
import { SIGINT, SIGQUIT, SIGTSTP } from '../abi/linux/signal.ts';
import { DISABLED, type Termios } from './termios.ts';
import { Echo } from './echo.ts';
import type { Tty } from './tty.ts';

/** N_TTY_BUF_SIZE: one byte of it is never used. */
const SIZE = 4096;

const isControl = (c: number): boolean => c < 32 || c === 127;
const isAlnum = (c: number): boolean => (c >= 48 && c <= 57) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122) || (c >= 0xc0 && c !== 0xd7 && c !== 0xf7);

/**
 * The N_TTY line discipline (drivers/tty/n_tty.c): input editing, echo, signals and flow control by character, canonical and
 * raw reading. Output processing is in output.ts; both keep the cursor column in `column`.
 */
export class LineDiscipline {
  private readonly tty: Tty;
  /** Received and not yet read; `lineEnd[i]` marks the last byte of a canonical line. */
  private data: number[] = [];
  private lineEnd: boolean[] = [];
  /** data.slice(0, complete) are complete lines (canonical mode). */
  private complete = 0;
  /** Data from before a switch to canonical mode: readable as it is. */
  private pushed = false;
  /** The next character is taken literally (VLNEXT). */
  private literalNext = false;
  /** Between '\' and '/' of ECHOPRT. */
  private erasing = false;
  readonly echo: Echo;

  constructor(tty: Tty) {
    this.tty = tty;
    this.echo = new Echo(tty);
  }

  private get canonical(): boolean {
    return (this.tty.termios.lflag & L.ICANON) !== 0;
  }
  private get byLine(): boolean {
    return this.canonical && (this.tty.termios.lflag & L.EXTPROC) === 0;
  }

  /** How many characters receive() will take now. */
  get room(): number {
    let room = SIZE - this.data.length;
    if (this.tty.termios.iflag & L.PARMRK) room = Math.ceil(room / 3);
    room--;
    // A line that is too long is not refused: each further character replaces the last one.
    if (room <= 0) return this.canonical && this.complete === 0 ? 1 : 0;
    return room;
  }

  /** One character has come in. Preconditions: room > 0. */
  receive(c: number): void {
    const t = this.tty.termios;
    if (this.canonical && this.complete === 0 && this.data.length >= SIZE) {
      this.data.pop();
      this.lineEnd.pop();
    }
    if (t.iflag & L.ISTRIP) c &= 0x7f;
    if ((t.iflag & L.IUCLC) && (t.lflag & L.IEXTEN) && c >= 65 && c <= 90) c += 32;
    if (t.lflag & L.EXTPROC) return this.put(c);
    if (this.literalNext) {
      this.literalNext = false;
      return this.ordinary(c, t);
    }
    if (c === DISABLED) return this.ordinary(c, t);
    if (this.flowControl(c, t) || this.signalChar(c, t)) return;
    if (this.tty.stopped && !this.tty.stoppedByCall && (t.iflag & L.IXON) && (t.iflag & L.IXANY)) {
      this.tty.start();
      this.echo.flush();
    }
    if (c === 13) {
      if (t.iflag & L.IGNCR) return;
      if (t.iflag & L.ICRNL) c = 10;
    } else if (c === 10 && (t.iflag & L.INLCR)) c = 13;
    if (this.canonical && this.edit(c, t)) return;
    this.ordinary(c, t);
  }

  private ordinary(c: number, t: Termios): void {
    if (t.lflag & L.ECHO) {
      this.finishErasing();
      if (c === 10) this.echo.raw(10);
      else {
        if (this.data.length === this.complete) this.echo.markColumn();
        this.echo.char(c);
      }
      this.echo.flush();
    }
    if (c === 0xff && (t.iflag & L.PARMRK)) this.put(c);
    this.put(c);
  }

  private put(c: number): void {
    this.data.push(c);
    this.lineEnd.push(false);
  }

  private flowControl(c: number, t: Termios): boolean {
    if (!(t.iflag & L.IXON)) return false;
    if (c === t.cc[L.VSTART]) {
      this.tty.start();
      this.echo.flush();
      return true;
    }
    if (c === t.cc[L.VSTOP]) {
      this.tty.stop();
      return true;
    }
    return false;
  }

  private signalChar(c: number, t: Termios): boolean {
    if (!(t.lflag & L.ISIG)) return false;
    const sig = c === t.cc[L.VINTR] ? SIGINT : c === t.cc[L.VQUIT] ? SIGQUIT : c === t.cc[L.VSUSP] ? SIGTSTP : 0;
    if (sig === 0) return false;
    this.tty.signalForeground(sig);
    if (!(t.lflag & L.NOFLSH)) {
      this.echo.clear();
      this.tty.flushOutput();
      this.flushInput();
    }
    if (t.iflag & L.IXON) this.tty.start();
    if (t.lflag & L.ECHO) this.echo.char(c);
    this.echo.flush();
    return true;
  }

  /** Canonical mode's special characters. False: an ordinary one. */
  private edit(c: number, t: Termios): boolean {
    const { cc, lflag } = t;
    const extended = (lflag & L.IEXTEN) !== 0;
    if (c === cc[L.VERASE] || c === cc[L.VKILL] || (c === cc[L.VWERASE] && extended)) {
      this.erase(c, t);
      this.echo.flush();
      return true;
    }
    if (c === cc[L.VLNEXT] && extended) {
      this.literalNext = true;
      if (lflag & L.ECHO) {
        this.finishErasing();
        if (lflag & L.ECHOCTL) {
          this.echo.raw(0x5e);
          this.echo.raw(8);
          this.echo.flush();
        }
      }
      return true;
    }
    if (c === cc[L.VREPRINT] && (lflag & L.ECHO) && extended) {
      this.finishErasing();
      this.echo.char(c);
      this.echo.raw(10);
      for (let i = this.complete; i < this.data.length; i++) this.echo.char(this.data[i]!);
      this.echo.flush();
      return true;
    }
    if (c === 10) {
      if (lflag & (L.ECHO | L.ECHONL)) {
        this.echo.raw(10);
        this.echo.flush();
      }
      this.endLine(10);
      return true;
    }
    if (c === cc[L.VEOF]) {
      this.endLine(DISABLED);
      return true;
    }
    if (c === cc[L.VEOL] || (c === cc[L.VEOL2] && extended)) {
      if (lflag & L.ECHO) {
        if (this.data.length === this.complete) this.echo.markColumn();
        this.echo.char(c);
        this.echo.flush();
      }
      if (c === 0xff && (t.iflag & L.PARMRK)) this.put(c);
      this.endLine(c);
      return true;
    }
    return false;
  }

  private endLine(c: number): void {
    this.data.push(c);
    this.lineEnd.push(true);
    this.complete = this.data.length;
  }

  private finishErasing(): void {
    if (!this.erasing) return;
    this.echo.raw(0x2f);
    this.erasing = false;
  }

  private cut(length: number): void {
    this.data.length = length;
    this.lineEnd.length = length;
  }

  private isContinuation(c: number): boolean {
    return (this.tty.termios.iflag & L.IUTF8) !== 0 && (c & 0xc0) === 0x80;
  }

  /** ERASE, WERASE and KILL. */
  private erase(c: number, t: Termios): void {
    if (this.data.length === this.complete) return;
    const { cc, lflag } = t;
    const kind = c === cc[L.VERASE] ? 'char' : c === cc[L.VWERASE] ? 'word' : 'line';
    if (kind === 'line') {
      if (!(lflag & L.ECHO)) return this.cut(this.complete);
      if (!(lflag & L.ECHOK) || !(lflag & L.ECHOKE) || !(lflag & L.ECHOE)) {
        this.cut(this.complete);
        this.finishErasing();
        this.echo.char(cc[L.VKILL]!);
        if (lflag & L.ECHOK) this.echo.raw(10);
        return;
      }
    }
    let seenAlnum = false;
    while (this.data.length > this.complete) {
      let head = this.data.length;
      let ch: number;
      do {
        head--;
        ch = this.data[head]!;
      } while (this.isContinuation(ch) && head > this.complete);
      if (this.isContinuation(ch)) break;
      if (kind === 'word') {
        if (isAlnum(ch) || ch === 0x5f) seenAlnum = true;
        else if (seenAlnum) break;
      }
      const removed = this.data.slice(head);
      this.cut(head);
      if (lflag & L.ECHO) this.echoErase(ch, removed, kind, t);
      if (kind === 'char') break;
    }
    if (this.data.length === this.complete && (lflag & L.ECHO)) this.finishErasing();
  }

  private echoErase(ch: number, removed: number[], kind: string, t: Termios): void {
    const { lflag } = t;
    if (lflag & L.ECHOPRT) {
      if (!this.erasing) {
        this.echo.raw(0x5c);
        this.erasing = true;
      }
      this.echo.char(ch);
      for (const c of removed.slice(1)) {
        this.echo.raw(c);
        this.echo.moveBack();
      }
    } else if (kind === 'char' && !(lflag & L.ECHOE)) {
      this.echo.char(t.cc[L.VERASE]!);
    } else if (ch === 9) {
      let columns = 0;
      let afterTab = false;
      for (let i = this.data.length - 1; i >= this.complete; i--) {
        const c = this.data[i]!;
        if (c === 9) {
          afterTab = true;
          break;
        }
        if (isControl(c)) columns += lflag & L.ECHOCTL ? 2 : 0;
        else if (!this.isContinuation(c)) columns++;
      }
      this.echo.eraseTab(columns, afterTab);
    } else {
      const rubOut = (): void => {
        this.echo.raw(8);
        this.echo.raw(0x20);
        this.echo.raw(8);
      };
      if (isControl(ch) && (lflag & L.ECHOCTL)) rubOut();
      if (!isControl(ch) || (lflag & L.ECHOCTL)) rubOut();
    }
  }

  // ---- reading ----

  /** Whether a read (or, with `forPoll`, a poll) finds something. */
  available(forPoll: boolean): boolean {
    if (this.byLine) return this.complete > 0;
    const { cc } = this.tty.termios;
    const least = forPoll && cc[L.VTIME] === 0 && cc[L.VMIN]! > 0 ? cc[L.VMIN]! : 1;
    return this.data.length >= least;
  }

  /** Bytes in the buffer that a raw read would give. */
  get count(): number {
    return this.data.length;
  }

  /** FIONREAD: canonical mode counts complete lines without their EOF characters. */
  get readable(): number {
    if (!this.byLine) return this.data.length;
    let n = 0;
    for (let i = 0; i < this.complete; i++) if (!(this.lineEnd[i] && this.data[i] === DISABLED)) n++;
    return n;
  }

  /** Takes what one read gets: a line in canonical mode. Preconditions: available(false). */
  take(buf: Uint8Array): number {
    return this.byLine ? this.takeLine(buf) : this.takeRaw(buf);
  }

  private takeRaw(buf: Uint8Array): number {
    const n = Math.min(buf.length, this.data.length);
    for (let i = 0; i < n; i++) buf[i] = this.data[i]!;
    this.drop(n);
    // EXTPROC: a lone EOF character means end of file.
    if ((this.tty.termios.lflag & (L.EXTPROC | L.ICANON)) === (L.EXTPROC | L.ICANON) && n === 1 && buf[0] === this.tty.termios.cc[L.VEOF]) return 0;
    return n;
  }

  private takeLine(buf: Uint8Array): number {
    let n = 0;
    while (n < buf.length && n < this.complete) {
      if (this.lineEnd[n]) break;
      buf[n] = this.data[n]!;
      n++;
    }
    if (n < this.complete && this.lineEnd[n]) {
      // The end itself: an EOF character is swallowed (also when the buffer has just filled up), others are given if there is room.
      const end = this.data[n]!;
      if (end === DISABLED && !this.pushed) {
        this.drop(n + 1);
        return n;
      }
      if (n < buf.length) {
        buf[n] = end;
        n++;
      }
    }
    this.drop(n);
    return n;
  }

  private drop(n: number): void {
    this.data.splice(0, n);
    this.lineEnd.splice(0, n);
    this.complete = Math.max(0, this.complete - n);
    if (this.complete === 0) this.pushed = false;
  }

  /** TCIFLUSH, and what a signal character does. */
  flushInput(): void {
    this.data = [];
    this.lineEnd = [];
    this.complete = 0;
    this.pushed = false;
    this.literalNext = false;
    this.erasing = false;
    this.tty.inputFlushed();
  }

  /** The settings have changed from `old`. */
  termiosChanged(old: Termios): void {
    const t = this.tty.termios;
    if ((old.lflag ^ t.lflag) & (L.ICANON | L.EXTPROC)) {
      this.lineEnd.fill(false);
      if (!(t.lflag & L.ICANON) || this.data.length === 0) {
        this.complete = 0;
        this.pushed = false;
      } else {
        this.lineEnd[this.data.length - 1] = true;
        this.complete = this.data.length;
        this.pushed = true;
      }
      this.erasing = false;
      this.literalNext = false;
    }
    if (!(t.iflag & L.IXON) && (old.iflag & L.IXON) && !this.tty.stoppedByCall) {
      this.tty.start();
      this.echo.flush();
    }
  }
}
