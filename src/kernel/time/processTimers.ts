import { SI_KERNEL, SI_TIMER, SIGALRM, SIGPROF, SIGVTALRM, SIGXCPU, SIGKILL } from '../../abi/linux/signal.ts';
import { Rlimit } from '../fd/rlimits.ts';
import type { Kernel } from '../kernel.ts';
import { siginfo, type Siginfo } from '../signal/siginfo.ts';
import { sendToProcess, sendToTask } from '../signal/send.ts';
import type { Process } from '../task/process.ts';
import type { Timespec } from '../../vfs/stat.ts';
import { type CpuClockTarget, cpuTimeOf } from './clocks.ts';
import { Timer } from './timerHeap.ts';

const DELAYTIMER_MAX = 0x7fffffff;
const toNs = ({ sec, nsec }: Timespec): number => sec * 1e9 + nsec;

/** When a timer with an interval fires next; 0: never. */
function nextAfter(whenNs: number, interval: Timespec): number {
  const intervalNs = toNs(interval);
  return intervalNs === 0 ? 0 : whenNs + intervalNs;
}

/** What a POSIX timer does when it fires. */
export interface TimerEvent {
  notify: 'none' | 'signal' | 'thread';
  signo: number;
  valueLo: number;
  valueHi: number;
  /** SIGEV_THREAD_ID */
  tid: number;
}

/** A timer of timer_create. One on CPU time has no Timer; its target's ProcessTimers look at it when they are charged time. */
export class IntervalTimer {
  /** Next expiry on its clock, ns; 0 = disarmed. */
  nextNs = 0;
  intervalNs = 0;
  /** The interval as it was given: in ns it may be beyond what a number holds exactly. */
  interval: Timespec = { sec: 0, nsec: 0 };
  /** Expiries that no signal has told yet; the count of the delivered signal. */
  overrun = 0;
  lastOverrun = 0;
  readonly clock: number;
  readonly event: TimerEvent;
  readonly id: number;
  /** Of the process that made it. */
  readonly owner: ProcessTimers;
  /** What its clock counts, when that is CPU time. */
  readonly target: CpuClockTarget | null;
  timer: Timer | null = null;
  constructor(owner: ProcessTimers, id: number, clock: number, event: TimerEvent, target: CpuClockTarget | null) {
    this.owner = owner;
    this.id = id;
    this.clock = clock;
    this.event = event;
    this.target = target;
    if (target === null) this.timer = new Timer(() => owner.fireMonotonic(this));
  }

  setInterval(interval: Timespec): void {
    this.interval = interval;
    this.intervalNs = toNs(interval);
  }
}

/** setitimer, alarm and timer_create of one process. Times are of the timer's clock in ns. */
export class ProcessTimers {
  readonly real: Timer;
  realInterval: Timespec = { sec: 0, nsec: 0 };
  /** CPU time at which ITIMER_VIRTUAL and ITIMER_PROF fire; 0 = off. */
  virtualNs = 0;
  virtualInterval: Timespec = { sec: 0, nsec: 0 };
  profNs = 0;
  profInterval: Timespec = { sec: 0, nsec: 0 };
  /** timer_create's, by id. */
  readonly posix = new Map<number, IntervalTimer>();
  /** Armed timers on the CPU time of this process or one of its threads, whoever made them. */
  private readonly onCpu = new Set<IntervalTimer>();
  private nextId = 0;
  private readonly kernel: Kernel;
  private readonly process: Process;
  /** Next second of CPU time at which RLIMIT_CPU speaks again. */
  private cpuLimitNext = 0;

  constructor(kernel: Kernel, process: Process) {
    this.kernel = kernel;
    this.process = process;
    this.real = new Timer(() => this.fireReal());
  }

  newId(): number {
    return this.nextId++;
  }

  private fireReal(): void {
    const intervalNs = toNs(this.realInterval);
    if (intervalNs > 0) {
      const now = this.kernel.nowNs();
      const missed = Math.floor((now - this.real.whenNs) / intervalNs) + 1;
      this.kernel.timers.set(this.real, this.real.whenNs + missed * intervalNs);
    }
    sendToProcess(this.process, siginfo(SIGALRM, SI_KERNEL));
  }

  /** Called whenever a thread's user time has grown. */
  onCpuTime(process: Process): void {
    const limit = process.rlimits.cur[Rlimit.CPU]!;
    if (this.virtualNs === 0 && this.profNs === 0 && limit === Infinity && this.onCpu.size === 0) return;
    const { userNs, systemNs } = this.kernel.cpuClock.ofProcess(process);
    if (this.virtualNs !== 0 && userNs >= this.virtualNs) {
      this.virtualNs = nextAfter(this.virtualNs, this.virtualInterval);
      sendToProcess(process, siginfo(SIGVTALRM, SI_KERNEL));
    }
    const total = userNs + systemNs;
    if (this.profNs !== 0 && total >= this.profNs) {
      this.profNs = nextAfter(this.profNs, this.profInterval);
      sendToProcess(process, siginfo(SIGPROF, SI_KERNEL));
    }
    if (limit !== Infinity && total >= limit * 1e9 && total >= this.cpuLimitNext) {
      const hard = process.rlimits.max[Rlimit.CPU]!;
      this.cpuLimitNext = total + 1e9;
      sendToProcess(process, siginfo(total >= hard * 1e9 ? SIGKILL : SIGXCPU, SI_KERNEL));
    }
    for (const timer of this.onCpu) {
      const now = cpuTimeOf(timer.target!);
      if (now < timer.nextNs) continue;
      timer.owner.due(timer, now);
      if (timer.nextNs === 0) this.onCpu.delete(timer);
    }
  }

  /** Sets a timer to its clock's time `whenNs`. */
  arm(timer: IntervalTimer, whenNs: number): void {
    timer.nextNs = Math.max(1, whenNs);
    if (timer.timer !== null) {
      this.kernel.timers.set(timer.timer, timer.nextNs);
      return;
    }
    const { process } = timer.target!;
    process.timers.onCpu.add(timer);
    this.kernel.watchCpuTime(process);
    process.timers.onCpuTime(process);
  }

  disarm(timer: IntervalTimer): void {
    timer.nextNs = 0;
    if (timer.timer !== null) this.kernel.timers.cancel(timer.timer);
    else timer.target!.process.timers.onCpu.delete(timer);
  }

  fireMonotonic(timer: IntervalTimer): void {
    this.due(timer, this.kernel.nowNs());
    if (timer.nextNs !== 0) this.kernel.timers.set(timer.timer!, timer.nextNs);
  }

  /** The clock of a timer says `now`, and that it is due: tells of it and of the expiries since. */
  private due(timer: IntervalTimer, now: number): void {
    const missed = timer.intervalNs === 0 ? 0 : Math.floor((now - timer.nextNs) / timer.intervalNs);
    this.expire(timer, 1 + missed);
    timer.nextNs = timer.intervalNs === 0 ? 0 : timer.nextNs + (missed + 1) * timer.intervalNs;
  }

  /** Whether some timer counts CPU time: then running threads are interrupted now and then to look. */
  get wantsCpuTicks(): boolean {
    return this.virtualNs !== 0 || this.profNs !== 0 || this.process.rlimits.cur[Rlimit.CPU] !== Infinity || this.onCpu.size > 0;
  }

  /** Tells of expiries: queues the signal, and counts as overruns those that come while it is pending. */
  private expire(timer: IntervalTimer, count: number): void {
    const { event } = timer;
    if (event.notify === 'none') return;
    const isOurs = (info: { code: number; timerId: number }): boolean => info.code === SI_TIMER && info.timerId === timer.id;
    const thread = event.tid !== 0 ? this.kernel.pids.tasks.get(event.tid) : undefined;
    const pending = thread !== undefined ? thread.pending : this.process.pending;
    const queued = pending.find(isOurs);
    if (queued !== undefined) {
      queued.overrun = Math.min(queued.overrun + count, DELAYTIMER_MAX);
      return;
    }
    const info = siginfo(event.signo, SI_TIMER, { timerId: timer.id, valueLo: event.valueLo, valueHi: event.valueHi });
    info.overrun = Math.min(count - 1, DELAYTIMER_MAX);
    if (thread !== undefined) sendToTask(thread, info);
    else sendToProcess(this.process, info);
  }

  /** A timer's signal is taken: its overruns go into the siginfo and timer_getoverrun. */
  delivered(info: Siginfo): void {
    const timer = this.posix.get(info.timerId);
    if (timer !== undefined) timer.lastOverrun = info.overrun;
  }

  /** All timers off: exec keeps itimers but drops POSIX timers; exit drops all. */
  dropPosix(): void {
    for (const timer of this.posix.values()) this.disarm(timer);
    this.posix.clear();
  }

  dropAll(): void {
    this.dropPosix();
    this.kernel.timers.cancel(this.real);
    this.virtualNs = this.profNs = 0;
  }
}
