import { EAGAIN, EFAULT, EINVAL } from '../../abi/linux/errno.ts';
import { EFD_SEMAPHORE } from '../../abi/linux/epoll.ts';
import { EPOLLERR, EPOLLIN, EPOLLOUT, EPOLLRDNORM, EPOLLWRNORM } from '../../abi/linux/poll.ts';
import { getU32, putU32 } from '../../abi/layout.ts';
import { FileDescription, type FileCaller } from '../../vfs/fileDescription.ts';
import { WaitQueue } from '../../vfs/waitQueue.ts';
import { anonPath } from './anonFs.ts';

const ALL = 0xffffffff;

/** eventfd(2): a 64-bit counter, kept as two halves because programs use all of it. */
export class EventFile extends FileDescription {
  override readonly waitQueue = new WaitQueue();
  private lo: number;
  private hi = 0;
  private readonly semaphore: boolean;

  constructor(t: FileCaller, initial: number, eventFlags: number, flags: number) {
    super(anonPath(t, '[eventfd]'), flags, t.cred);
    this.lo = initial;
    this.semaphore = (eventFlags & EFD_SEMAPHORE) !== 0;
  }

  override read(buf: Uint8Array): number {
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
    this.waitQueue.wake(EPOLLOUT | EPOLLWRNORM);
    return 8;
  }

  override write(buf: Uint8Array): number {
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
    this.waitQueue.wake(EPOLLIN | EPOLLRDNORM);
    return 8;
  }

  override get canTakeSplice(): boolean {
    return false;
  }
  override writeInVain(length: number): number {
    return length === 8 ? -EFAULT : -EINVAL;
  }

  override readv(bufs: readonly Uint8Array[]): number {
    const first = bufs.find((b) => b.length > 0);
    return first === undefined ? -EINVAL : this.read(first);
  }

  /** Seeking is allowed and does nothing. */
  override seek(): number {
    return this.pos;
  }

  override poll(): number {
    let mask = 0;
    if ((this.lo | this.hi) !== 0) mask |= EPOLLIN;
    if (!(this.hi === ALL && this.lo >= ALL - 1)) mask |= EPOLLOUT;
    if (this.hi === ALL && this.lo === ALL) mask |= EPOLLERR;
    return mask;
  }

  override fdinfo(): string {
    const hex = (this.hi === 0 ? this.lo.toString(16) : this.hi.toString(16) + this.lo.toString(16).padStart(8, '0')).padStart(16);
    return `eventfd-count: ${hex}\neventfd-semaphore: ${this.semaphore ? 1 : 0}\n`;
  }
}
