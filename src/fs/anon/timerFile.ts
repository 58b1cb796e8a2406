import { EAGAIN, EINVAL } from '../../abi/linux/errno.ts';
import { CLOCK_REALTIME, CLOCK_REALTIME_ALARM } from '../../abi/linux/time.ts';
import { EPOLLIN, EPOLLRDNORM } from '../../abi/linux/poll.ts';
import { O_RDWR } from '../../abi/linux/openFlags.ts';
import { putU64 } from '../../abi/layout.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { Timer } from '../../kernel/time/timerHeap.ts';
import { FileDescription, type FileCaller } from '../../vfs/fileDescription.ts';
import type { Timespec } from '../../vfs/stat.ts';
import { WaitQueue } from '../../vfs/waitQueue.ts';
import { anonPath } from './anonFs.ts';

/** timerfd(2). Times in ns; the timer runs on the monotonic clock, wall-clock deadlines are converted when set. */
export class TimerFile extends FileDescription {
  override readonly waitQueue = new WaitQueue();
  readonly clock: number;
  private readonly kernel: Kernel;
  private readonly timer = new Timer(() => this.expire());
  private interval: Timespec = { sec: 0, nsec: 0 };
  private intervalNs = 0;
  private ticks = 0;
  private setFlags_ = 0;

  constructor(t: FileCaller, kernel: Kernel, clock: number, flags: number) {
    super(anonPath(t, '[timerfd]'), O_RDWR | flags, t.cred);
    this.kernel = kernel;
    this.clock = clock;
  }

  get isRealtime(): boolean {
    return this.clock === CLOCK_REALTIME || this.clock === CLOCK_REALTIME_ALARM;
  }

  /** Arms it for a monotonic time; Infinity disarms. */
  arm(whenNs: number, interval: Timespec, flags: number): void {
    this.ticks = 0;
    this.interval = interval;
    this.intervalNs = interval.sec * 1e9 + interval.nsec;
    this.setFlags_ = flags;
    if (whenNs === Infinity) this.kernel.timers.cancel(this.timer);
    else this.kernel.timers.set(this.timer, whenNs);
  }

  /** What timerfd_gettime shows: time left until the next expiry (0: disarmed) and the interval. */
  state(): { leftNs: number; interval: Timespec } {
    const leftNs = this.timer.armed ? Math.max(1, this.timer.whenNs - this.kernel.nowNs()) : 0;
    return { leftNs, interval: this.interval };
  }

  private expire(): void {
    const now = this.kernel.nowNs();
    this.ticks++;
    if (this.intervalNs > 0) {
      const late = Math.floor((now - this.timer.whenNs) / this.intervalNs);
      this.ticks += late;
      this.kernel.timers.set(this.timer, this.timer.whenNs + (late + 1) * this.intervalNs);
    }
    this.waitQueue.wake(EPOLLIN | EPOLLRDNORM);
  }

  /** The timer may be due although the kernel loop has not come to it yet. */
  private catchUp(): void {
    if (this.timer.armed && this.timer.whenNs <= this.kernel.nowNs()) {
      this.kernel.timers.cancel(this.timer);
      this.expire();
    }
  }

  override read(buf: Uint8Array): number {
    if (buf.length < 8) return -EINVAL;
    this.catchUp();
    if (this.ticks === 0) return -EAGAIN;
    putU64(buf, 0, this.ticks);
    this.ticks = 0;
    return 8;
  }

  /** Seeking is allowed and does nothing. */
  override seek(): number {
    return this.pos;
  }

  override poll(): number {
    this.catchUp();
    return this.ticks > 0 ? EPOLLIN | EPOLLRDNORM : 0;
  }

  /** TFD_IOC_SET_TICKS. */
  setTicks(ticks: number): number {
    if (ticks === 0) return -EINVAL;
    this.ticks = ticks;
    this.waitQueue.wake(EPOLLIN | EPOLLRDNORM);
    return 0;
  }

  override fdinfo(): string {
    const { leftNs, interval } = this.state();
    return `clockid: ${this.clock}\nticks: ${this.ticks}\nsettime flags: 0${this.setFlags_.toString(8)}\nit_value: (${Math.floor(leftNs / 1e9)}, ${Math.floor(leftNs % 1e9)})\nit_interval: (${interval.sec}, ${interval.nsec})\n`;
  }

  protected override close(): void {
    this.kernel.timers.cancel(this.timer);
  }
}
