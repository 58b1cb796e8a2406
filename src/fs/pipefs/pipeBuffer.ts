import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDNORM, EPOLLWRNORM } from '../../abi/linux/poll.ts';
import type { LocalChannel } from '../../kernel/ipc/localChannels.ts';
import { Lent } from '../../machine/channels.ts';
import { ClaimingQueue } from '../../vfs/waitQueue.ts';

/** Writes of up to this many bytes are atomic (pipe(7)). */
export const PIPE_BUF = 4096;
const DEFAULT_CAPACITY = 65536;
const PAGE = 4096;
const READABLE = EPOLLIN | EPOLLRDNORM;
const WRITABLE = EPOLLOUT | EPOLLWRNORM;

/** One of Linux's pipe buffers: a page, of which `length` bytes from `offset` on are in the pipe. */
interface Slot {
  offset: number;
  length: number;
  /** Written in packet mode (O_DIRECT): nothing is added, and what one read does not take is lost. */
  readonly packet: boolean;
}

function mark(set: Set<object>, end: object, is: boolean): void {
  if (is) set.add(end);
  else set.delete(end);
}

/**
 * The bytes between the ends of a pipe or fifo: a ring, and how many have each end open. What fits is counted in pages as
 * Linux counts it (fs/pipe.c): a write adds to the last page only when all its odd bytes fit there, so many small writes may
 * fill a pipe before its capacity in bytes is reached.
 *
 * A pipe may have a channel (machine/channels.ts): while no more is inside than the first page, it is lent to the workers, who read and write that.
 * Who waits in the kernel for something to read hears of it from the kernel, so writing is the kernel's then. Everything here claims the pipe back
 * before it looks.
 */
export class PipeBuffer {
  private ring: Uint8Array = new Uint8Array(0);
  private head = 0;
  private readonly slots: Slot[] = [];
  private maxSlots = DEFAULT_CAPACITY / PAGE;
  private inside = 0;
  channel: LocalChannel | null = null;
  private lent = false;
  private claiming = false;
  /** Open ends with flags that workers do not know; ends to read that never wait (O_NONBLOCK). */
  private readonly special = new Set<object>();
  private readonly waitless = new Set<object>();
  readers = 0;
  writers = 0;
  /** How often each end was ever opened: who waits in open(2) for the other end looks here. */
  readerOpens = 0;
  writerOpens = 0;
  readonly waitQueue = new ClaimingQueue(() => this.claim());

  // ---- the channel ----

  /** The pipe is new, its ends are open. */
  attach(channel: LocalChannel | null): void {
    this.channel = channel;
    this.lend();
  }

  /** Workers may use the pipe, if it is as they know pipes. Whoever is about to wait for it must not call this. */
  lend(): void {
    if (this.channel === null || this.lent || this.claiming || this.readers === 0 || this.writers === 0 || this.special.size > 0 || this.slots.length > 1) return;
    if (this.waitless.size > 0 && this.waitless.size < this.readers) return;
    const [slot] = this.slots, { wants } = this.waitQueue;
    // Of a single page the first byte read makes room, which others may wait for.
    if (slot?.packet || (this.maxSlots === 1 && (wants & WRITABLE) !== 0)) return;
    const bytes = new Uint8Array(this.inside);
    this.copyOut(bytes, 0);
    this.slots.length = this.inside = this.head = 0;
    this.lent = true;
    this.channel.give(Lent.read | ((wants & READABLE) === 0 ? Lent.write : 0) | (this.waitless.size > 0 ? Lent.noWait : 0), bytes, slot?.offset ?? 0);
  }

  /** The pipe is the kernel's alone again. */
  claim(): void {
    if (!this.lent) return;
    this.lent = false;
    const { offset, bytes } = this.channel!.takeBack();
    if (bytes.length > 0) {
      this.slots.push({ offset, length: bytes.length, packet: false });
      this.append(bytes);
    }
    // Their calls begin anew, and may empty the pipe; but who has claimed it has it.
    this.claiming = true;
    this.channel!.takeReaders();
    this.claiming = false;
  }

  /** An open end has flags that workers do not know, or no longer; it reads and never waits. */
  noteEnd(end: object, special: boolean, waitless: boolean): void {
    if (special === this.special.has(end) && waitless === this.waitless.has(end)) return;
    this.claim();
    mark(this.special, end, special);
    mark(this.waitless, end, waitless);
    this.lend();
  }

  // ---- contents ----

  /** Bytes inside. */
  get length(): number {
    this.claim();
    return this.inside;
  }

  get capacity(): number {
    return this.maxSlots * PAGE;
  }
  get isFull(): boolean {
    this.claim();
    return this.slots.length >= this.maxSlots;
  }
  /** Bytes that surely fit. */
  get free(): number {
    this.claim();
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
    this.copyOut(ring.subarray(0, this.inside), 0);
    this.ring = ring;
    this.head = 0;
  }

  /** Copies bytes from `offset` behind the head, without taking them. */
  copyOut(into: Uint8Array, offset: number): void {
    this.claim();
    const size = this.ring.length;
    if (into.length === 0) return;
    const from = (this.head + offset) % size;
    const first = Math.min(into.length, size - from);
    into.set(this.ring.subarray(from, from + first));
    if (first < into.length) into.set(this.ring.subarray(0, into.length - first), first);
  }

  private append(buf: Uint8Array): void {
    this.reserve(this.inside + buf.length);
    const size = this.ring.length;
    const at = (this.head + this.inside) % size;
    const first = Math.min(buf.length, size - at);
    this.ring.set(buf.subarray(0, first), at);
    if (first < buf.length) this.ring.set(buf.subarray(first), 0);
    this.inside += buf.length;
  }

  /** Adds as much of `buf` as fits; how much: 0 when nothing does. */
  put(buf: Uint8Array, packet: boolean): number {
    this.claim();
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
    this.waitQueue.wake(READABLE);
    return done;
  }

  /** Takes bytes out, at most one packet; of a packet the rest that does not fit is lost. */
  take(into: Uint8Array): number {
    this.claim();
    const packet = this.slots[0]?.packet ? this.slots[0].length : -1;
    const n = Math.min(into.length, packet >= 0 ? packet : this.bytesBeforePacket());
    this.copyOut(n === into.length ? into : into.subarray(0, n), 0);
    this.drop(packet >= 0 ? packet : n);
    return n;
  }

  /** How many bytes of a read of `wanted` go page by page into a buffer of `room`. */
  wholePages(room: number, wanted: number): number {
    this.claim();
    let n = 0;
    for (const slot of this.slots) {
      const part = Math.min(slot.length, wanted - n);
      if (n + part > room) break;
      n += part;
    }
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
    this.claim();
    if (n === 0) return;
    const wasFull = this.isFull;
    this.inside -= n;
    this.head = this.inside === 0 ? 0 : (this.head + n) % this.ring.length;
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
    if (wasFull && !this.isFull) this.waitQueue.wake(WRITABLE);
  }

  /** F_SETPIPE_SZ: false when what is inside would not fit. `capacity` is a multiple of the page size. */
  setCapacity(capacity: number): boolean {
    this.claim();
    if (capacity / PAGE < this.slots.length) return false;
    this.maxSlots = capacity / PAGE;
    this.waitQueue.wake(WRITABLE);
    return true;
  }

  endOpened(read: boolean, write: boolean): void {
    this.claim();
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
    this.claim();
    if (read) this.readers--;
    if (write) this.writers--;
    if (this.readers === 0 && this.writers === 0) {
      this.inside = this.head = 0;
      this.slots.length = 0;
      this.ring = new Uint8Array(0);
      this.channel?.close();
      this.channel = null;
      return;
    }
    this.waitQueue.wake(EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLERR | EPOLLRDNORM | EPOLLWRNORM);
  }
}
