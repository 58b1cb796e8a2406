import { EAGAIN, EFAULT, EINVAL } from '../../abi/linux/errno.ts';
import { EFD_SEMAPHORE } from '../../abi/linux/epoll.ts';
import { O_ASYNC, O_NONBLOCK } from '../../abi/linux/openFlags.ts';
import { EPOLLERR, EPOLLIN, EPOLLOUT, EPOLLRDNORM, EPOLLWRNORM } from '../../abi/linux/poll.ts';
import { getU32, putU32 } from '../../abi/layout.ts';
import type { LocalCounter } from '../../kernel/ipc/localChannels.ts';
import { Lent } from '../../machine/channels.ts';
import { FileDescription, type FileCaller } from '../../vfs/fileDescription.ts';
import { ClaimingQueue } from '../../vfs/waitQueue.ts';
import { anonPath } from './anonFs.ts';

const ALL = 0xffffffff;

const READABLE = EPOLLIN | EPOLLRDNORM;
const WRITABLE = EPOLLOUT | EPOLLWRNORM;

/**
 * eventfd(2): a 64-bit counter, kept as two halves because programs use all of it. Workers read and write it (machine/eventCounters.ts) while
 * nobody waits in the kernel for what that changes; everything here claims it back before it looks.
 */
export class EventFile extends FileDescription {
  override readonly waitQueue = new ClaimingQueue(() => this.claim());
  private lo: number;
  private hi = 0;
  private readonly semaphore: boolean;
  private readonly counter: LocalCounter | null;
  private lent = false;
  private claiming = false;

  constructor(t: FileCaller, initial: number, eventFlags: number, flags: number, counter: LocalCounter | null = null) {
    super(anonPath(t, '[eventfd]'), flags, t.cred);
    this.lo = initial;
    this.semaphore = (eventFlags & EFD_SEMAPHORE) !== 0;
    this.counter = counter;
    this.lend();
  }

  // ---- what workers do by themselves ----

  /** Whoever is about to wait must not call this. Each read is an edge for who waits to write, each write for who waits to read. */
  private lend(): void {
    if (this.counter === null || this.lent || this.claiming || (this.flags & O_ASYNC) !== 0) return;
    const { wants } = this.waitQueue, may = ((wants & WRITABLE) === 0 ? Lent.read : 0) | ((wants & READABLE) === 0 ? Lent.write : 0);
    if (may === 0) return;
    this.lent = true;
    this.counter.give(may | ((this.flags & O_NONBLOCK) !== 0 ? Lent.noWait : 0), this.lo, this.hi, this.semaphore);
  }

  private claim(): void {
    if (!this.lent) return;
    this.lent = false;
    const { lo, hi } = this.counter!.takeBack();
    this.lo = lo;
    this.hi = hi;
    // Their calls begin anew, and may take all there is; but who has claimed it has it.
    this.claiming = true;
    this.counter!.takeReaders();
    this.claiming = false;
  }

  override get channelEntry(): number {
    return this.counter?.entry ?? 0;
  }
  override leaveChannel(): void {
    this.claim();
  }
  override waited(): void {
    this.lend();
  }
  override setFlags(flags: number): number {
    this.claim();
    return super.setFlags(flags);
  }
  protected override close(): void {
    this.claim();
    this.counter?.close();
  }

  // ---- the counter ----

  override read(buf: Uint8Array): number {
    this.claim();
    if (buf.length < 8) return -EINVAL;
    if ((this.lo | this.hi) === 0) return -EAGAIN;
    if (this.semaphore) {
      putU32(buf, 0, 1);
      putU32(buf, 4, 0);
      if (this.lo === 0) this.hi--;
      this.lo = (this.lo - 1) >>> 0;
    } else {
      putU32(buf, 0, this.lo);
      putU32(buf, 4, this.hi);
      this.lo = this.hi = 0;
    }
    this.waitQueue.wake(WRITABLE);
    this.lend();
    return 8;
  }

  override write(buf: Uint8Array): number {
    this.claim();
    if (buf.length !== 8) return -EINVAL;
    const lo = getU32(buf, 0);
    const hi = getU32(buf, 4);
    if (lo === ALL && hi === ALL) return -EINVAL;
    const sumLo = this.lo + lo;
    const sumHi = this.hi + hi + (sumLo > ALL ? 1 : 0);
    const overflow = sumHi > ALL || (sumHi === ALL && sumLo % 4294967296 === ALL);
    if (overflow) return -EAGAIN;
    this.lo = sumLo >>> 0;
    this.hi = sumHi;
    this.waitQueue.wake(READABLE);
    this.lend();
    return 8;
  }

  override get canTakeSplice(): boolean {
    return false;
  }
  override writeInVain(length: number): number {
    return length === 8 ? -EFAULT : -EINVAL;
  }

  override readv(bufs: readonly Uint8Array[]): number {
    if (bufs.reduce((sum, buf) => sum + buf.length, 0) < 8) return -EINVAL;
    const number = new Uint8Array(8), n = this.read(number);
    if (n < 0) return n;
    let done = 0;
    for (const buf of bufs) {
      buf.set(number.subarray(done, done + buf.length));
      done += Math.min(buf.length, 8 - done);
    }
    return n;
  }

  /** Seeking is allowed and does nothing. */
  override seek(): number {
    return this.pos;
  }

  override poll(): number {
    this.claim();
    let mask = 0;
    if ((this.lo | this.hi) !== 0) mask |= EPOLLIN;
    if (!(this.hi === ALL && this.lo >= ALL - 1)) mask |= EPOLLOUT;
    if (this.hi === ALL && this.lo === ALL) mask |= EPOLLERR;
    return mask;
  }

  override fdinfo(): string {
    this.claim();
    const hex = (this.hi === 0 ? this.lo.toString(16) : this.hi.toString(16) + this.lo.toString(16).padStart(8, '0')).padStart(16);
    return `eventfd-count: ${hex}\neventfd-semaphore: ${this.semaphore ? 1 : 0}\n`;
  }
}
