import { SI_KERNEL, SI_TIMER, SIGALRM, SIGPROF, SIGVTALRM, SIGXCPU, SIGKILL } from '../../abi/linux/signal.ts';
import { Rlimit } from '../fd/rlimits.ts';
import type { Kernel } from '../kernel.ts';
import { siginfo, type Siginfo } from '../signal/siginfo.ts';
import { sendToProcess, sendToTask } from '../signal/send.ts';
import type { Process } from '../task/process.ts';
import { Timer } from './timerHeap.ts';

/** What a POSIX timer does when it fires. */
export interface TimerEvent {
  notify: 'none' | 'signal' | 'thread';
  signo: number;
  valueLo: number;
  valueHi: number;
  /** SIGEV_THREAD_ID */
  tid: number;
}

/** An interval timer: setitimer's or timer_create's. CPU-time ones have no Timer but are looked at when CPU time is charged. */
export class IntervalTimer {
  /** Next expiry on its clock, ns; 0 = disarmed. */
  nextNs = 0;
  intervalNs = 0;
  /** Expiries that no signal has told yet; the count of the delivered signal. */
  overrun = 0;
  lastOverrun = 0;
  readonly clock: number;
  readonly event: TimerEvent;
  readonly id: number;
  timer: Timer | null = null;
  constructor(id: number, clock: number, event: TimerEvent) {
    this.id = id;
    this.clock = clock;
    this.event = event;
  }
}

/** setitimer, alarm and timer_create of one process. Times are of the timer's clock in ns. */
export class ProcessTimers {
  readonly real: Timer;
  realIntervalNs = 0;
  /** CPU time at which ITIMER_VIRTUAL and ITIMER_PROF fire; 0 = off. */
  virtualNs = 0;
  virtualIntervalNs = 0;
  profNs = 0;
  profIntervalNs = 0;
  /** timer_create's, by id. */
  readonly posix = new Map<number, IntervalTimer>();
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
    if (this.realIntervalNs > 0) {
      const now = this.kernel.nowNs();
      const missed = Math.floor((now - this.real.whenNs) / this.realIntervalNs) + 1;
      this.kernel.timers.set(this.real, this.real.whenNs + missed * this.realIntervalNs);
    }
    sendToProcess(this.process, siginfo(SIGALRM, SI_KERNEL));
  }

  /** Called whenever a thread's user time has grown. */
  onCpuTime(process: Process): void {
    const limit = process.rlimits.cur[Rlimit.CPU]!;
    if (this.virtualNs === 0 && this.profNs === 0 && limit === Infinity && this.posix.size === 0) return;
    const { userNs, systemNs } = this.kernel.cpuClock.ofProcess(process);
    if (this.virtualNs !== 0 && userNs >= this.virtualNs) {
      this.virtualNs = this.virtualIntervalNs === 0 ? 0 : userNs + this.virtualIntervalNs;
      sendToProcess(process, siginfo(SIGVTALRM, SI_KERNEL));
    }
    const total = userNs + systemNs;
    if (this.profNs !== 0 && total >= this.profNs) {
      this.profNs = this.profIntervalNs === 0 ? 0 : total + this.profIntervalNs;
      sendToProcess(process, siginfo(SIGPROF, SI_KERNEL));
    }
    if (limit !== Infinity && total >= limit * 1e9 && total >= this.cpuLimitNext) {
      const hard = process.rlimits.max[Rlimit.CPU]!;
      this.cpuLimitNext = total + 1e9;
      sendToProcess(process, siginfo(total >= hard * 1e9 ? SIGKILL : SIGXCPU, SI_KERNEL));
    }
    for (const timer of this.posix.values()) if (timer.timer === null && timer.nextNs !== 0) this.checkCpuTimer(timer, total);
  }

  private checkCpuTimer(timer: IntervalTimer, now: number): void {
    if (now < timer.nextNs) return;
    this.expire(timer, now);
    timer.nextNs = timer.intervalNs === 0 ? 0 : timer.nextNs + timer.intervalNs;
  }

  /** Whether some timer counts CPU time: then running threads are interrupted now and then to look. */
  get wantsCpuTicks(): boolean {
    if (this.virtualNs !== 0 || this.profNs !== 0 || this.process.rlimits.cur[Rlimit.CPU] !== Infinity) return true;
    for (const timer of this.posix.values()) if (timer.timer === null && timer.nextNs !== 0) return true;
    return false;
  }

  /** Tells of an expiry: queues the signal, or counts an overrun when the last one is still pending. */
  expire(timer: IntervalTimer, _now: number): void {
    const { event } = timer;
    if (event.notify === 'none') return;
    const isOurs = (info: { code: number; timerId: number }): boolean => info.code === SI_TIMER && info.timerId === timer.id;
    const thread = event.tid !== 0 ? this.kernel.pids.tasks.get(event.tid) : undefined;
    const pending = thread !== undefined ? thread.pending : this.process.pending;
    const queued = pending.find(isOurs);
    if (queued !== undefined) {
      queued.overrun++;
      return;
    }
    const info = siginfo(event.signo, SI_TIMER, { timerId: timer.id, valueLo: event.valueLo, valueHi: event.valueHi });
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
    for (const timer of this.posix.values()) if (timer.timer !== null) this.kernel.timers.cancel(timer.timer);
    this.posix.clear();
  }

  dropAll(): void {
    this.dropPosix();
    this.kernel.timers.cancel(this.real);
    this.virtualNs = this.profNs = 0;
  }
}
