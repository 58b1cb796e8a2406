import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDNORM, EPOLLWRNORM } from '../../abi/linux/poll.ts';
import { WaitQueue } from '../../vfs/waitQueue.ts';

/** Writes of up to this many bytes are atomic (pipe(7)). */
export const PIPE_BUF = 4096;
const DEFAULT_CAPACITY = 65536;
const PAGE = 4096;

/** One of Linux's pipe buffers: a page, of which `length` bytes from `offset` on are in the pipe. */
interface Slot {
  offset: number;
  length: number;
  /** Written in packet mode (O_DIRECT): nothing is added, and what one read does not take is lost. */
  readonly packet: boolean;
}

/**
 * The bytes between the ends of a pipe or fifo: a ring, and how many have each end open. What fits is counted in pages as
 * Linux counts it (fs/pipe.c): a write adds to the last page only when all its odd bytes fit there, so many small writes may
 * fill a pipe before its capacity in bytes is reached.
 */
export class PipeBuffer {
  private ring: Uint8Array = new Uint8Array(0);
  private head = 0;
  private readonly slots: Slot[] = [];
  private maxSlots = DEFAULT_CAPACITY / PAGE;
  /** Bytes inside. */
  length = 0;
  readers = 0;
  writers = 0;
  /** How often each end was ever opened: who waits in open(2) for the other end looks here. */
  readerOpens = 0;
  writerOpens = 0;
  readonly waitQueue = new WaitQueue();

  get capacity(): number {
    return this.maxSlots * PAGE;
  }
  get isFull(): boolean {
    return this.slots.length >= this.maxSlots;
  }
  /** Bytes that surely fit. */
  get free(): number {
    return (this.maxSlots - this.slots.length) * PAGE;
  }

  private reserve(length: number): void {
    if (length <= this.ring.length) return;
    let size = Math.max(this.ring.length, PAGE);
    while (size < length) size *= 2;
    this.resizeRing(size);
  }
  private resizeRing(size: number): void {
    const ring = new Uint8Array(size);
    this.copyOut(ring.subarray(0, this.length), 0);
    this.ring = ring;
    this.head = 0;
  }

  /** Copies bytes from `offset` behind the head, without taking them. */
  copyOut(into: Uint8Array, offset: number): void {
    const size = this.ring.length;
    if (into.length === 0) return;
    const from = (this.head + offset) % size;
    const first = Math.min(into.length, size - from);
    into.set(this.ring.subarray(from, from + first));
    if (first < into.length) into.set(this.ring.subarray(0, into.length - first), first);
  }

  private append(buf: Uint8Array): void {
    this.reserve(this.length + buf.length);
    const size = this.ring.length;
    const at = (this.head + this.length) % size;
    const first = Math.min(buf.length, size - at);
    this.ring.set(buf.subarray(0, first), at);
    if (first < buf.length) this.ring.set(buf.subarray(first), 0);
    this.length += buf.length;
  }

  /** Adds as much of `buf` as fits; how much: 0 when nothing does. */
  put(buf: Uint8Array, packet: boolean): number {
    let done = 0;
    const odd = buf.length % PAGE;
    const last = this.slots[this.slots.length - 1];
    if (odd > 0 && !packet && last !== undefined && !last.packet && last.offset + last.length + odd <= PAGE) {
      last.length += odd;
      done = odd;
    }
    while (done < buf.length && !this.isFull) {
      const length = Math.min(PAGE, buf.length - done);
      this.slots.push({ offset: 0, length, packet });
      done += length;
    }
    if (done === 0) return 0;
    this.append(done === buf.length ? buf : buf.subarray(0, done));
    this.waitQueue.wake(EPOLLIN | EPOLLRDNORM);
    return done;
  }

  /** Takes bytes out, at most one packet; of a packet the rest that does not fit is lost. */
  take(into: Uint8Array): number {
    const packet = this.slots[0]?.packet ? this.slots[0].length : -1;
    const n = Math.min(into.length, packet >= 0 ? packet : this.bytesBeforePacket());
    this.copyOut(n === into.length ? into : into.subarray(0, n), 0);
    this.drop(packet >= 0 ? packet : n);
    return n;
  }

  private bytesBeforePacket(): number {
    let n = 0;
    for (const slot of this.slots) {
      if (slot.packet) break;
      n += slot.length;
    }
    return n;
  }

  /** Removes `n` bytes from the head. */
  drop(n: number): void {
    if (n === 0) return;
    const wasFull = this.isFull;
    this.length -= n;
    this.head = this.length === 0 ? 0 : (this.head + n) % this.ring.length;
    let used = 0;
    while (n > 0) {
      const slot = this.slots[used]!;
      const part = Math.min(n, slot.length);
      slot.offset += part;
      slot.length -= part;
      n -= part;
      if (slot.length === 0) used++;
    }
    if (used > 0) this.slots.splice(0, used);
    if (wasFull && !this.isFull) this.waitQueue.wake(EPOLLOUT | EPOLLWRNORM);
  }

  /** F_SETPIPE_SZ: false when what is inside would not fit. `capacity` is a multiple of the page size. */
  setCapacity(capacity: number): boolean {
    if (capacity / PAGE < this.slots.length) return false;
    this.maxSlots = capacity / PAGE;
    this.waitQueue.wake(EPOLLOUT | EPOLLWRNORM);
    return true;
  }

  endOpened(read: boolean, write: boolean): void {
    if (read) {
      this.readers++;
      this.readerOpens++;
    }
    if (write) {
      this.writers++;
      this.writerOpens++;
    }
    this.waitQueue.wake(0);
  }
  endClosed(read: boolean, write: boolean): void {
    if (read) this.readers--;
    if (write) this.writers--;
    if (this.readers === 0 && this.writers === 0) {
      this.length = this.head = 0;
      this.slots.length = 0;
      this.ring = new Uint8Array(0);
      return;
    }
    this.waitQueue.wake(EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLERR | EPOLLRDNORM | EPOLLWRNORM);
  }
}
