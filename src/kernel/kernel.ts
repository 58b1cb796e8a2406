import { enterVsyscall } from './arch/x86_64/vsyscall.ts';
import { ENOSYS } from '../abi/linux/errno.ts';
import { SIGKILL } from '../abi/linux/signal.ts';
import { CodePages } from '../machine/codePages.ts';
import { Cpu } from '../machine/cpuState.ts';
import { Exit } from '../machine/exit.ts';
import { MAILBOX_SLOTS, Reply } from '../machine/mailbox.ts';
import { LocalField, LocalFlag } from '../machine/localState.ts';
import type { GuestRun } from '../host/workers.ts';
import type { DropCode } from '../machine/addressSpace.ts';
import { FutexTable } from './ipc/futex.ts';
import { GUEST_PAGE_COUNT, type AddressSpace, type AddressSpaceHost } from './mm/addressSpace.ts';
import { MemoryPool } from './mm/memoryPool.ts';
import { noHooks, type KernelHooks, type KernelParts } from './ports.ts';
import { deliverSignals } from './signal/deliver.ts';
import { raiseFault, raiseTrap } from './signal/trap.ts';
import { enterWatched, stopAfterExec, stopAtExit } from './trace/syscallStops.ts';
import { CpuClock } from './time/cpuClock.ts';
import { TimerHeap } from './time/timerHeap.ts';
import type { FileDescription } from '../vfs/fileDescription.ts';
import { WaitQueue } from '../vfs/waitQueue.ts';
import { PARKED } from './task/block.ts';
import { exitGroup, exitTask } from './task/exit.ts';
import { resumeParked, type Parked } from './task/park.ts';
import type { Process } from './task/process.ts';
import { PidTable } from './task/pidTable.ts';
import type { SyscallEntry } from './task/syscallTable.ts';
import type { Task } from './task/task.ts';

/** The host's event loop gets a turn at least this often, however busy the guests are. */
const EVENT_LOOP_EVERY_NS = 4_000_000;
export const CPU_TICK_NS = 4_000_000;
const SHORTEST_SPIN_NS = 3000;
/** With guests on all processors. */
const BUSY_SPIN_NS = 6000;
/** Looks at the mailbox's bell between two looks at the clock. */
const SPIN_ROUNDS = 200;
const SHORTEST_SLEEP_MS = 0.2;
/** How long a thread that is wanted out of its code is looked for before the kernel stands still in between. */
const QUIESCE_SPIN_NS = 50_000;
/** A thread that has not come by then is stuck (a bug of ours). A longer gap between two looks is not its fault, and counts as LONGEST_LOOK_NS. */
const STUCK_NS = 10e9;
const LONGEST_LOOK_NS = 10e6;

/**
 * One Linux system: all tasks, and the loop on the kernel thread that serves them. No state outside of it, so a host process may
 * run several.
 */
export class Kernel implements AddressSpaceHost {
  readonly parts: KernelParts;
  readonly hooks: KernelHooks = noHooks();
  readonly timers = new TimerHeap();
  /** Parked calls that were woken and not yet looked at. */
  ready: Parked[] = [];
  readonly pids = new PidTable();
  readonly futexes = new FutexTable();
  /** Woken whenever a signal is queued for anybody: signalfds listen (signal/send.ts wakes). */
  readonly signalQueue = new WaitQueue();
  readonly cpuClock: CpuClock;
  readonly bootNs: number;
  hostname: string;
  domainname = '(none)';
  /** Where acct(2) wants records of ended processes. */
  accountingFile: FileDescription | null = null;
  /** Names of file system types, in the order of /proc/filesystems. */
  fileSystemTypes: readonly string[] = [];
  /** Adopts orphans; null: they are reaped on their end. */
  init: Process | null = null;
  /** Makes a pidfd for a process (or one thread) in t's table; ipc/pidfd sets it through boot. */
  openPidfd: ((t: Task, process: Process, thread: Task | null, nonblock: boolean) => number) | null = null;
  /** Wall clock minus the host's, set by clock_settime. */
  realtimeOffsetNs = 0;
  /** Work queued by host callbacks and by handlers, to run outside of any system call. */
  private deferred: (() => void)[] = [];
  /** Tasks by mailbox slot. */
  private readonly slots: (Task | null)[] = [];
  private readonly args: number[] = [0, 0, 0, 0, 0, 0, 0];
  private stopped = false;
  /** Slots of workers that were given up: they may still be written to. */
  private readonly stuckSlots = new Set<number>();
  /** Tasks whose guests run (or are about to, in a worker that starts). */
  private running = 0;
  /** How long to spin for the next call: longer while that succeeds, shorter when it was in vain. */
  private spinNs: number;
  /** Counters for /proc/stat. */
  forks = 0;
  contextSwitches = 0;

  constructor(parts: KernelParts) {
    this.parts = parts;
    this.hostname = parts.hostname;
    this.spinNs = parts.spinNs;
    this.bootNs = parts.clock.monotonicNs();
    this.cpuClock = new CpuClock(this);
  }

  readonly memories = new MemoryPool(GUEST_PAGE_COUNT, (id) => this.parts.workers.forget(id));
  get dropCode(): DropCode {
    return this.parts.dropCode;
  }
  /** CLOCK_MONOTONIC. */
  nowNs(): number {
    return this.parts.clock.monotonicNs();
  }
  /** CLOCK_REALTIME. */
  realtime(): { sec: number; nsec: number } {
    const now = this.parts.clock.realtime();
    if (this.realtimeOffsetNs === 0) return now;
    const nsec = now.nsec + (this.realtimeOffsetNs % 1e9);
    const carry = Math.floor(nsec / 1e9);
    return { sec: now.sec + Math.trunc(this.realtimeOffsetNs / 1e9) + carry, nsec: nsec - carry * 1e9 };
  }

  /** Memory of the host, for sysinfo. */
  memoryInfo(): { totalBytes: number; freeBytes: number } {
    const { total, free } = this.parts.memory();
    return { totalBytes: total, freeBytes: free };
  }

  /** clock_settime: the guest's wall clock against the host's. The workers, which answer clock_gettime themselves, stop doing so. */
  setRealtimeOffset(ns: number): void {
    this.realtimeOffsetNs = ns;
    for (const t of this.pids.tasks.values()) t.regs.setU32(LocalField.flags, t.regs.u32(LocalField.flags) | LocalFlag.wallClockSet);
  }

  /** A timer on CPU time was set: running threads are made to look in now and then, or it would fire only at their next call. */
  watchCpuTime(process: Process): void {
    if (process.cpuTicker.armed || !process.timers.wantsCpuTicks) return;
    this.timers.set(process.cpuTicker, this.nowNs() + CPU_TICK_NS);
  }

  /** Runs `work` on the kernel loop, soon. Host callbacks come in through this. */
  defer(work: () => void): void {
    this.deferred.push(work);
    this.parts.mailbox.ring();
  }

  /** Ends run(). */
  stop(): void {
    this.stopped = true;
    this.parts.mailbox.ring();
  }

  /** Serves guests until stop(). */
  async run(): Promise<void> {
    const { mailbox, clock } = this.parts;
    let lastWork = clock.monotonicNs();
    let lastYield = lastWork;
    while (!this.stopped) {
      const seen = mailbox.bell();
      const worked = this.turn();
      const now = clock.monotonicNs();
      if (worked) {
        // The next call was worth waiting for.
        if (now - lastWork < this.parts.spinNs) this.spinNs = Math.min(this.spinNs * 2, this.parts.spinNs);
        lastWork = now;
      } else if (this.awaitGuests(seen, now, lastWork)) continue;
      else {
        await this.sleep(seen, now);
        lastYield = lastWork = clock.monotonicNs();
        continue;
      }
      if (now - lastYield < EVENT_LOOP_EVERY_NS) continue;
      await this.parts.yieldTurn();
      lastYield = clock.monotonicNs();
    }
  }

  /**
   * While guests run one of them will soon want something: spins for it, not for long when that takes a processor from them, then
   * stands still for short whiles, from which it wakes in microseconds. False: it has been quiet for long, or nobody runs.
   */
  private awaitGuests(seen: number, now: number, lastWork: number): boolean {
    const { mailbox, blockMs, cpus } = this.parts;
    if (this.running === 0) return false;
    const quiet = now - lastWork, longest = this.running < cpus ? this.spinNs : Math.min(this.spinNs, BUSY_SPIN_NS);
    if (quiet < longest) {
      if (!mailbox.spin(seen, SPIN_ROUNDS) && quiet > this.spinNs / 2) this.spinNs = Math.max(this.spinNs / 2, SHORTEST_SPIN_NS);
      return true;
    }
    const ms = Math.min(blockMs, (this.timers.nextNs - now) / 1e6);
    if (quiet >= EVENT_LOOP_EVERY_NS || ms < SHORTEST_SLEEP_MS || this.deferred.length > 0) return false;
    mailbox.block(seen, ms);
    return true;
  }

  /** With turns for the host's event loop. */
  private async sleep(seen: number, now: number): Promise<void> {
    const ms = (this.timers.nextNs - now) / 1e6;
    // A wait shorter than the host's timer can do is spent spinning.
    if (ms < SHORTEST_SLEEP_MS) await this.parts.yieldTurn();
    else await this.parts.mailbox.sleep(seen, Math.min(ms, 1e6));
  }

  /** Everything that can be done now; whether anything was. */
  private turn(): boolean {
    let worked = this.parts.mailbox.drain(this.serveSlot) > 0;
    if (this.timers.nextNs !== Infinity && this.timers.run(this.nowNs()) > 0) worked = true;
    if (this.deferred.length > 0) {
      const list = this.deferred;
      this.deferred = [];
      for (const work of list) work();
      worked = true;
    }
    while (this.ready.length > 0) {
      const list = this.ready;
      this.ready = [];
      for (const parked of list) resumeParked(parked);
      worked = true;
    }
    return worked;
  }

  private readonly serveSlot = (slot: number): void => {
    const t = this.slots[slot] ?? null;
    // A task may have been ended, and its slot given to another, after it posted.
    if (t === null || t.state !== 'running' || !this.parts.mailbox.isPosted(slot)) return;
    this.serve(t);
  };

  /** Why the guest stopped, and what is done about it: the one place that interprets exits. */
  private serve(t: Task): void {
    const regs = t.regs;
    const reason = regs.u32(Cpu.exitReason);
    // The engine has bits of its own in the word.
    Atomics.and(regs.words, Cpu.interrupt >>> 2, ~1);
    this.cpuClock.left(t);
    t.state = 'served';
    this.running--;
    switch (reason) {
      case Exit.syscall64:
        t.arch = this.parts.archs.x86_64;
        t.abi = t.arch.abi;
        return this.call(t);
      case Exit.int80:
      case Exit.sysenter:
        t.arch = this.parts.archs.i386;
        t.abi = t.arch.abi;
        if (reason === Exit.sysenter && !t.arch.enterBySysenter(t)) break;
        return this.call(t);
      case Exit.fault:
        if (regs.long && enterVsyscall(t)) {
          t.arch = this.parts.archs.x86_64;
          t.abi = t.arch.abi;
          return this.call(t);
        }
        this.pageFault(t);
        break;
      case Exit.trap:
        raiseTrap(t, regs.u32(Cpu.exitCode));
        break;
      default:
        break;
    }
    this.leave(t);
  }

  private pageFault(t: Task): void {
    const { regs } = t, { served } = this.hooks, began = served === null ? 0 : this.nowNs();
    raiseFault(t, regs.u64(Cpu.exitAddr), regs.u32(Cpu.exitCode), regs.u32(Cpu.exitAddr + 4));
    served?.(null, this.nowNs() - began);
  }

  private call(t: Task): void {
    const regs = t.regs;
    const number = t.arch.syscallNumber(regs);
    t.syscallNumber = number;
    if (t.trace !== null || t.seccomp !== null) return enterWatched(t);
    this.dispatch(t);
  }

  /** The call in the registers, whose number is t.syscallNumber. */
  dispatch(t: Task): void {
    const number = t.syscallNumber;
    const table = this.parts.tables[t.arch.name];
    const entry = number >= 0 && number < table.length ? table[number]! : null;
    if (entry === null) {
      this.hooks.syscallUnknown?.(t, number);
      return this.finishCall(t, -ENOSYS);
    }
    const args = this.args, { served } = this.hooks, began = served === null ? 0 : this.nowNs();
    t.arch.args(t, entry.kinds, args);
    let result: number;
    if (this.hooks.syscallEnter === null) result = entry.handler(t, args[0]!, args[1]!, args[2]!, args[3]!, args[4]!, args[5]!);
    else {
      const kept = args.slice(0, entry.kinds.length);
      this.hooks.syscallEnter(t, entry, kept);
      t.tracedArgs = kept;
      result = entry.handler(t, args[0]!, args[1]!, args[2]!, args[3]!, args[4]!, args[5]!);
    }
    served?.(entry.name, this.nowNs() - began);
    if (result === PARKED) {
      this.contextSwitches++;
      this.parts.mailbox.hold(t.slot);
      return;
    }
    this.finishCall(t, result);
  }

  /** A call has its result: into the registers, and back to the guest by way of signals. */
  finishCall(t: Task, result: number): void {
    if (t.state === 'dead') return;
    t.state = 'served';
    if (this.hooks.syscallExit !== null) this.traceExit(t, result);
    t.arch.setResult(t.regs, result);
    if (t.trace !== null && stopAtExit(t)) return;
    this.leave(t);
  }

  /** A call that set the registers itself (sigreturn, execve): no result is stored. */
  finishWithoutResult(t: Task): number {
    const stops = t.trace !== null && stopAtExit(t);
    t.syscallNumber = -1;
    if (!stops) this.leave(t);
    return PARKED;
  }

  /** The trace of a call that succeeds without coming back (execve). */
  traceResult(t: Task, result: number): void {
    this.traceExit(t, result);
  }

  private traceExit(t: Task, result: number): void {
    const entry: SyscallEntry | null | undefined = this.parts.tables[t.arch.name][t.syscallNumber];
    if (entry) this.hooks.syscallExit!(t, entry, t.tracedArgs, result);
  }

  /** The way back to the guest: signals, stops and the end of the process come first. */
  leave(t: Task): void {
    if (t.state === 'dead') return;
    if (t.process.exiting && !t.exiting) {
      exitTask(t, t.process.exitStatus);
      return;
    }
    if (t.trace !== null && t.trace.execedFrom !== 0 && stopAfterExec(t)) return;
    if (t.signalPending || t.process.stopSignal !== 0 || t.savedMask !== null || t.syscallNumber >= 0 || t.injectedSignal !== null || t.trace !== null) {
      if (!deliverSignals(t)) return;
    }
    t.syscallNumber = -1;
    this.resume(t);
  }

  resume(t: Task): void {
    t.debug?.arm(t);
    this.enter(t);
    this.parts.mailbox.reply(t.slot, Reply.resume);
  }

  private enter(t: Task): void {
    t.state = 'running';
    this.running++;
    this.cpuClock.entered(t);
  }

  /** Asks a running guest to leave its code at the next poll. */
  interrupt(t: Task): void {
    Atomics.or(t.regs.words, Cpu.interrupt >>> 2, 1);
  }

  /** A stopped task is looked at again: SIGCONT or SIGKILL came. */
  wakeStopped(t: Task): void {
    this.defer(() => {
      if (t.state !== 'stopped') return;
      // Only its end takes a tracee from its tracer's hands.
      if (t.trace !== null && t.trace.stop !== null) {
        if (!t.process.exiting && !t.pending.set.has(SIGKILL) && !t.process.pending.set.has(SIGKILL)) return;
        t.trace.stop = null;
      }
      t.state = 'served';
      this.leave(t);
    });
  }

  /** See AddressSpaceHost. The threads post their slots; the loop serves them when the current call is over. */
  quiesce(mm: AddressSpace): void {
    const { mailbox } = this.parts;
    for (const t of mm.tasks) {
      if (t.state !== 'running' || !mailbox.isRunning(t.slot)) continue;
      this.interrupt(t);
    }
    for (const t of mm.tasks) {
      if (t.state === 'running' && mailbox.isRunning(t.slot)) this.awaitPost(t);
    }
  }

  /** Microseconds: the guest polls its interrupt word at every taken jump. One that never comes is given up, and its process. */
  private awaitPost(t: Task): void {
    const { mailbox, clock, blockMs } = this.parts;
    let waited = 0, last = clock.monotonicNs();
    for (;;) {
      const bell = mailbox.bell();
      if (!mailbox.isRunning(t.slot)) return;
      const now = clock.monotonicNs();
      waited += Math.min(now - last, LONGEST_LOOK_NS);
      last = now;
      if (waited > STUCK_NS) break;
      if (waited < QUIESCE_SPIN_NS) mailbox.spin(bell, SPIN_ROUNDS);
      else mailbox.block(bell, blockMs);
    }
    this.stuckSlots.add(t.slot);
    t.worker?.terminate();
    this.workerDied(t, 'stuck');
  }

  // ---- slots and workers ----

  /** Gives `t` a mailbox slot and a CPU state in its memory. False: too many threads. */
  attachCpu(t: Task, registers: (memory: WebAssembly.Memory, cpu: number) => import('./arch/registers.ts').Registers): boolean {
    const cpu = t.mm.allocateCpu();
    if (cpu < 0) return false;
    t.cpu = cpu;
    t.regs = registers(t.memory.memory, cpu);
    t.mm.tasks.add(t);
    t.slot = this.allocateSlot(t);
    if (t.slot < 0) {
      this.detachCpu(t);
      return false;
    }
    t.regs.setU32(Cpu.mailboxSlot, t.slot);
    this.placeOnCpu(t);
    t.regs.setU32(LocalField.tid, t.tid);
    t.regs.setU32(LocalField.tgid, t.tgid);
    t.regs.setU32(LocalField.sysenterReturn, t.mm.layout.sysenterReturn);
    t.regs.setU32(LocalField.flags, (this.hooks.syscallEnter !== null || t.trace !== null || t.seccomp !== null ? LocalFlag.off : 0) | (this.realtimeOffsetNs !== 0 ? LocalFlag.wallClockSet : 0));
    return true;
  }

  /** The processor that a thread is told it runs on: always the same, one that sched_setaffinity leaves it. */
  placeOnCpu(t: Task): void {
    const allowed = Array.from({ length: this.parts.cpus }, (_, i) => i).filter((i) => i < 32 && ((t.affinity >>> i) & 1) !== 0);
    t.regs.setU32(Cpu.cpuNumber, allowed[t.tid % allowed.length] ?? 0);
  }

  private allocateSlot(t: Task): number {
    for (let slot = 0; slot < MAILBOX_SLOTS; slot++) {
      if (this.slots[slot] || this.stuckSlots.has(slot) || this.parts.mailbox.isLeaving(slot)) continue;
      this.slots[slot] = t;
      return slot;
    }
    return -1;
  }

  detachCpu(t: Task): void {
    t.mm.tasks.delete(t);
    t.mm.freeCpu(t.cpu);
  }

  /** Starts the task's guest in a worker. Its registers are ready. */
  start(t: Task): void {
    this.parts.mailbox.prepare(t.slot);
    t.worker = this.parts.workers.start(jobOf(t), (reason) => this.workerDied(t, reason));
    this.enter(t);
  }

  /** The task's worker leaves its present guest, whose slot and registers are free afterwards (see attachCpu). */
  dismiss(slot: number): void {
    this.slots[slot] = null;
    this.parts.mailbox.reply(slot, Reply.leave);
  }

  /** A slot whose worker never began or is gone. */
  dropSlot(slot: number): void {
    this.slots[slot] = null;
  }

  /** The task's worker, dismissed before, gets its new program (execve). */
  restart(t: Task): void {
    this.parts.mailbox.prepare(t.slot);
    t.worker = t.worker!.run(jobOf(t));
    this.enter(t);
  }

  /** The thread's guest will not come back: its process is killed, the others go on. */
  private workerDied(t: Task, reason: string): void {
    this.hooks.workerDied?.(t, reason);
    t.worker = null;
    if (t.state === 'dead') return;
    // The other threads must come out of their code, to be killed.
    new CodePages(t.regs.words.buffer as SharedArrayBuffer).abandon(t.cpu);
    t.mm.spoiled = true;
    this.parts.warn(`process ${t.tgid} (${t.comm}) is killed, the worker of its thread ${t.tid} has failed: ${reason}`);
    this.defer(() => {
      if (t.state === 'dead') return;
      if (t.state === 'running') this.running--;
      exitGroup(t, SIGKILL, true);
    });
  }
}

const jobOf = (t: Task): GuestRun => ({ memory: t.memory.memory, memoryId: t.mm.memoryId, cpu: t.cpu, slot: t.slot });
