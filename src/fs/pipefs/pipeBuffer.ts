import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDNORM, EPOLLWRNORM } from '../../abi/linux/poll.ts';
import { WaitQueue } from '../../vfs/waitQueue.ts';

/** Writes of up to this many bytes are atomic (pipe(7)). */
export const PIPE_BUF = 4096;
const DEFAULT_CAPACITY = 65536;
const FIRST_ALLOCATION = 4096;

/** The bytes between the ends of a pipe or fifo: a ring, and how many have each end open. */
export class PipeBuffer {
  private ring: Uint8Array = new Uint8Array(0);
  private head = 0;
  /** Bytes inside. */
  length = 0;
  capacity = DEFAULT_CAPACITY;
  readers = 0;
  writers = 0;
  /** How often each end was ever opened: who waits in open(2) for the other end looks here. */
  readerOpens = 0;
  writerOpens = 0;
  /** Lengths of the packets inside, when some were written in packet mode (O_DIRECT). */
  private readonly packets: number[] = [];
  readonly waitQueue = new WaitQueue();

  get free(): number {
    return this.capacity - this.length;
  }
  /** Bytes the next read may take: in packet mode those of one packet. */
  get nextLength(): number {
    return this.packets[0] ?? this.length;
  }
  get isPacketNext(): boolean {
    return this.packets.length > 0;
  }

  private reserve(length: number): void {
    if (length <= this.ring.length) return;
    let size = Math.max(this.ring.length, FIRST_ALLOCATION);
    while (size < length) size *= 2;
    this.resizeRing(Math.min(size, this.capacity));
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

  /** Adds as much of `buf` as fits; how much. */
  put(buf: Uint8Array, packet: boolean): number {
    const n = Math.min(buf.length, this.free);
    if (n === 0) return 0;
    this.reserve(this.length + n);
    const size = this.ring.length;
    const at = (this.head + this.length) % size;
    const first = Math.min(n, size - at);
    this.ring.set(buf.subarray(0, first), at);
    if (first < n) this.ring.set(buf.subarray(first, n), 0);
    if (packet) this.packets.push(n);
    else if (this.packets.length > 0) this.packets.push(n);
    this.length += n;
    this.waitQueue.wake(EPOLLIN | EPOLLRDNORM);
    return n;
  }

  /** Takes bytes out; of a packet the rest that does not fit is lost. */
  take(into: Uint8Array): number {
    const n = Math.min(into.length, this.nextLength);
    this.copyOut(n === into.length ? into : into.subarray(0, n), 0);
    this.drop(this.packets.length > 0 ? this.packets.shift()! : n);
    return n;
  }

  /** Removes `n` bytes from the head. */
  drop(n: number): void {
    if (n === 0) return;
    this.length -= n;
    this.head = this.length === 0 ? 0 : (this.head + n) % this.ring.length;
    this.waitQueue.wake(EPOLLOUT | EPOLLWRNORM);
  }

  /** F_SETPIPE_SZ: false when what is inside would not fit. */
  setCapacity(capacity: number): boolean {
    if (capacity < this.length) return false;
    this.capacity = capacity;
    if (this.ring.length > capacity) this.resizeRing(capacity);
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
      this.packets.length = 0;
      this.ring = new Uint8Array(0);
      return;
    }
    this.waitQueue.wake(EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLERR | EPOLLRDNORM | EPOLLWRNORM);
  }
}
