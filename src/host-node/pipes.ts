/**
 * Pipes and sockets as standard streams. libuv makes the descriptor non-blocking (and Node restores it at exit); after
 * that plain reads and writes say EAGAIN, so the guest gets exactly the bytes it asks for and the kernel thread never
 * blocks. The stream object only tells when to try again: reading, it is given a buffer of one byte, which is all that
 * can be read ahead of the guest.
 */
import { readSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { EAGAIN, EIO, EPIPE } from '../abi/linux/errno.ts';
import type { HostInput, HostOutput, StreamKind } from '../host/console.ts';
import { errnoOf } from './errnoOf.ts';

const EMPTY = new Uint8Array(0);

export class PipeInput implements HostInput {
  readonly kind: StreamKind = 'pipe';
  readonly fd: number;
  onReadable: (() => void) | null = null;
  #socket: Socket | null = null;
  /** The byte read ahead, or -1. */
  #ahead = -1;
  #ended = false;
  #watching = false;

  constructor(fd: number) {
    this.fd = fd;
  }

  #open(): void {
    if (this.#socket !== null) return;
    const buffer = new Uint8Array(1);
    const callback = (count: number): boolean => {
      if (count > 0) this.#ahead = buffer[0]!;
      this.#watching = false;
      this.onReadable?.();
      return false;
    };
    const socket = new Socket({ fd: this.fd, readable: true, writable: false, onread: { buffer, callback } } as ConstructorParameters<typeof Socket>[0]);
    const ended = (): void => {
      this.#ended = true;
      this.onReadable?.();
    };
    socket.on('end', ended).on('error', ended);
    socket.pause();
    // Waiting for input must not hold up the end of the program.
    socket.unref();
    this.#socket = socket;
  }

  #watch(): void {
    if (this.#watching || this.#ended) return;
    this.#watching = true;
    this.#socket!.resume();
  }

  read(into: Uint8Array): number {
    this.#open();
    if (into.length === 0) return 0;
    let had = 0;
    if (this.#ahead >= 0) {
      into[0] = this.#ahead;
      this.#ahead = -1;
      had = 1;
      if (into.length === 1) return 1;
    }
    if (this.#ended) return had;
    try {
      return had + readSync(this.fd, into, had, into.length - had, null);
    } catch (error) {
      if (had > 0) return had;
      const errno = errnoOf(error, EIO);
      if (errno === EAGAIN) this.#watch();
      return -errno;
    }
  }

  readable(): boolean {
    this.#open();
    if (this.#ahead >= 0 || this.#ended) return true;
    this.#watch();
    return false;
  }
}

export class PipeOutput implements HostOutput {
  readonly kind: StreamKind = 'pipe';
  readonly fd: number;
  onWritable: (() => void) | null = null;
  #socket: Socket | null = null;
  /** A chunk the host did not take at once is on its way. */
  #busy = false;
  #broken = false;
  #flushed: (() => void)[] = [];

  constructor(fd: number) {
    this.fd = fd;
  }

  #open(): void {
    if (this.#socket !== null) return;
    this.#socket = new Socket({ fd: this.fd, readable: false, writable: true });
    this.#socket.on('error', () => {
      this.#broken = true;
      this.#done();
    });
  }

  #done(): void {
    this.#busy = false;
    this.onWritable?.();
    for (const call of this.#flushed.splice(0)) call();
  }

  write(from: Uint8Array): number {
    this.#open();
    if (this.#broken) return -EPIPE;
    if (this.#busy) return -EAGAIN;
    try {
      return writeSync(this.fd, from, 0, from.length, null);
    } catch (error) {
      const errno = errnoOf(error, EIO);
      if (errno !== EAGAIN) {
        this.#broken = errno === EPIPE;
        return -errno;
      }
    }
    // Full: one chunk waits in the stream, whose callback says when there is room. A copy, the guest reuses its memory.
    const chunk = from.slice(0, 65536);
    this.#busy = true;
    this.#socket!.write(chunk, (error) => {
      if (error) this.#broken = true;
      this.#done();
    });
    return chunk.length;
  }

  writable(): boolean {
    return !this.#busy;
  }

  flush(): Promise<void> {
    return this.#busy ? new Promise((resolve) => this.#flushed.push(resolve)) : Promise.resolve();
  }
}

/** Where a descriptor cannot be read without blocking (Windows): what the stream brings is kept until it is asked for. */
export class StreamInput implements HostInput {
  readonly kind: StreamKind;
  readonly fd: number;
  onReadable: (() => void) | null = null;
  readonly #stream: NodeJS.ReadableStream & { unref?(): void };
  #chunk: Uint8Array = EMPTY;
  #ended = false;
  #started = false;
  #held = false;

  constructor(kind: StreamKind, fd: number, stream: NodeJS.ReadableStream) {
    this.kind = kind;
    this.fd = fd;
    this.#stream = stream;
  }

  #start(): void {
    if (this.#started) return;
    this.#started = true;
    const ended = (): void => {
      this.#ended = true;
      this.onReadable?.();
    };
    this.#stream.on('data', (chunk: Uint8Array | string) => {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      this.#chunk = this.#chunk.length === 0 ? bytes : Buffer.concat([this.#chunk, bytes]);
      if (this.#chunk.length > 65536) this.#stream.pause();
      this.onReadable?.();
    });
    this.#stream.on('end', ended);
    this.#stream.on('error', ended);
    this.#stream.unref?.();
  }

  read(into: Uint8Array): number {
    this.#start();
    if (into.length === 0) return 0;
    if (this.#chunk.length === 0) {
      if (this.#ended) return 0;
      if (!this.#held) this.#stream.resume();
      return -EAGAIN;
    }
    const count = Math.min(into.length, this.#chunk.length);
    into.set(this.#chunk.subarray(0, count));
    this.#chunk = this.#chunk.subarray(count);
    return count;
  }

  readable(): boolean {
    this.#start();
    return this.#chunk.length > 0 || this.#ended;
  }

  stop(): void {
    if (this.#started) this.#stream.pause();
  }

  /** What comes while it is held is not for us. */
  hold(held: boolean): void {
    this.#held = held;
    if (!this.#started) return;
    if (held) this.#stream.pause();
    else this.#stream.resume();
  }
}

/** Plain blocking writes: terminals, files, and pipes on Windows. A full descriptor is tried again soon. */
export class DirectOutput implements HostOutput {
  readonly kind: StreamKind;
  readonly fd: number;
  onWritable: (() => void) | null = null;
  #waiting = false;

  constructor(kind: StreamKind, fd: number) {
    this.kind = kind;
    this.fd = fd;
  }

  write(from: Uint8Array): number {
    if (from.length === 0) return 0;
    try {
      return writeSync(this.fd, from, 0, from.length, null);
    } catch (error) {
      const errno = errnoOf(error, EIO);
      if (errno === EAGAIN && !this.#waiting) {
        this.#waiting = true;
        setTimeout(() => {
          this.#waiting = false;
          this.onWritable?.();
        }, 2);
      }
      return -errno;
    }
  }

  writable(): boolean {
    return !this.#waiting;
  }
}
