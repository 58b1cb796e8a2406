import * as L from '../abi/linux/tty.ts';
import type { Tty } from './tty.ts';

/** What waits to be echoed: plain characters as they are, operations as values above a byte. */
const CONTROL = 0x100;
const MARK_COLUMN = 0x200;
const MOVE_BACK = 0x300;
const ERASE_TAB = 0x400;

/** Echo of input. Queued, because a stopped terminal echoes later. */
export class Echo {
  private readonly tty: Tty;
  private queue: number[] = [];

  constructor(tty: Tty) {
    this.tty = tty;
  }

  /** A character as the user sees it: ^X for control characters with ECHOCTL. */
  char(c: number): void {
    const control = (this.tty.termios.lflag & L.ECHOCTL) !== 0 && (c < 32 || c === 127) && c !== 9;
    this.queue.push(control ? CONTROL | c : c);
  }
  /** A character to print as it is. */
  raw(c: number): void {
    this.queue.push(c);
  }
  /** The input line starts at the present column (for erasing tabs). */
  markColumn(): void {
    this.queue.push(MARK_COLUMN);
  }
  moveBack(): void {
    this.queue.push(MOVE_BACK);
  }
  /** Goes back over a tab that followed `columns` characters since the line's start, or since another tab. */
  eraseTab(columns: number, afterTab: boolean): void {
    this.queue.push(ERASE_TAB | (columns & 0x7f) | (afterTab ? 0x80 : 0));
  }
  clear(): void {
    this.queue = [];
  }

  /** Sends what can be sent. */
  flush(): void {
    const { tty } = this;
    const { output } = tty;
    let done = 0;
    while (done < this.queue.length && !tty.stopped && tty.transmitRoom() >= 8) {
      const op = this.queue[done++]!;
      const c = op & 0xff;
      switch (op & ~0xff) {
        case CONTROL:
          output.column += 2;
          tty.transmit(Uint8Array.of(0x5e, c ^ 0x40));
          break;
        case MARK_COLUMN:
          output.lineColumn = output.column;
          break;
        case MOVE_BACK:
          if (output.column > 0) output.column--;
          break;
        case ERASE_TAB: {
          const columns = c & 0x80 ? c & 0x7f : c + output.lineColumn;
          const back = 8 - (columns & 7);
          output.column = Math.max(0, output.column - back);
          tty.transmit(new Uint8Array(back).fill(8));
          break;
        }
        default:
          output.putChar(c);
      }
    }
    this.queue.splice(0, done);
    tty.transmitDone();
  }
}
