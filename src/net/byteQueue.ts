import { Fifo } from './fifo.ts';
import { spread } from './buffers.ts';

/** Bytes on their way to a reader. Takes over the chunks it is given. */
export class ByteQueue {
  private readonly chunks = new Fifo<Uint8Array>();
  /** Bytes of the first chunk that are gone. */
  private skip = 0;
  length = 0;

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.chunks.push(chunk);
    this.length += chunk.length;
  }

  /** Fills the vector as far as there are bytes; they stay when `peek`. How many. */
  take(bufs: readonly Uint8Array[], wanted: number, peek: boolean): number {
    let done = 0;
    let index = 0;
    while (done < wanted) {
      const chunk = this.chunks.at(peek ? index : 0);
      if (chunk === undefined) break;
      const start = index === 0 ? this.skip : 0;
      const part = chunk.subarray(start, Math.min(chunk.length, start + wanted - done));
      const n = spread(part, bufs, done);
      done += n;
      if (n === 0) break;
      if (peek) index++;
      else this.consume(chunk, n);
    }
    return done;
  }

  /** Drops bytes without giving them to anybody (MSG_TRUNC). */
  drop(count: number): number {
    let done = 0;
    while (done < count) {
      const chunk = this.chunks.first;
      if (chunk === undefined) break;
      const n = Math.min(count - done, chunk.length - this.skip);
      this.consume(chunk, n);
      done += n;
    }
    return done;
  }

  private consume(chunk: Uint8Array, n: number): void {
    this.length -= n;
    this.skip += n;
    if (this.skip < chunk.length) return;
    this.chunks.shift();
    this.skip = 0;
  }
}
