import { enterVsyscall } from './arch/x86_64/vsyscall.ts';
import { ENOSYS } from '../abi/linux/errno.ts';
import { SIGKILL } from '../abi/linux/signal.ts';
import { Cpu } from '../machine/cpuState.ts';
import { Exit } from '../machine/exit.ts';
import { LocalField, LocalFlag } from '../machine/localState.ts';
import { CHANNEL_KEY } from '../machine/channels.ts';
import type { LocalWait } from '../machine/waitTable.ts';
import type { DropCode } from '../machine/addressSpace.ts';
import { Guests } from './guests.ts';
import { FutexTable } from './ipc/futex.ts';
import { LocalChannels } from './ipc/localChannels.ts';
import { goOnWaiting } from './ipc/futexWait.ts';
import { KernelLoop } from './loop.ts';
import { GUEST_PAGE_COUNT, type AddressSpace, type AddressSpaceHost } from './mm/addressSpace.ts';
import { MemoryPool } from './mm/memoryPool.ts';
import { noHooks, type KernelHooks, type KernelParts } from './ports.ts';
import { deliverSignals } from './signal/deliver.ts';
import { raiseFault, raiseTrap } from './signal/trap.ts';
import { enterWatched, stopAfterExec, stopAtExit } from './trace/syscallStops.ts';
import { dispatchesToUser } from './trace/userDispatch.ts';
import { CpuClock } from './time/cpuClock.ts';
import { TimerHeap } from './time/timerHeap.ts';
import type { FileDescription } from '../vfs/fileDescription.ts';
import { WaitQueue } from '../vfs/waitQueue.ts';
import { PARKED } from './task/block.ts';
import { exitTask } from './task/exit.ts';
import type { Parked } from './task/park.ts';
import { initialNamespaces, type Namespaces } from './task/namespaces.ts';
import type { Process } from './task/process.ts';
import { PidTable } from './task/pidTable.ts';
import type { SyscallEntry } from './task/syscallTable.ts';
import type { Task } from './task/task.ts';

export const CPU_TICK_NS = 4_000_000;

/**
 * One Linux system: all tasks, and the loop on the kernel thread that serves them. No state outside of it, so a host process may
 * run several.
 */
export class Kernel implements AddressSpaceHost {
  readonly parts: KernelParts;
  readonly hooks: KernelHooks = noHooks();
  readonly timers = new TimerHeap();
  readonly guests = new Guests(this);
  private readonly loop: KernelLoop;
  readonly pids = new PidTable();
  readonly futexes: FutexTable;
  readonly channels: LocalChannels;
  /** Woken whenever a signal is queued for anybody: signalfds listen (signal/send.ts wakes). */
  readonly signalQueue = new WaitQueue();
  readonly cpuClock: CpuClock;
  /** The first of each kind. */
  readonly namespaces: Omit<Namespaces, 'mnt'>;
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
  private readonly args: number[] = [0, 0, 0, 0, 0, 0, 0];
  /** Counters for /proc/stat. */
  forks = 0;
  contextSwitches = 0;

  constructor(parts: KernelParts) {
    this.parts = parts;
    this.namespaces = initialNamespaces(parts.hostname);
    this.futexes = new FutexTable(parts.mailbox.waits, () => this.nowNs());
    this.channels = new LocalChannels(parts.mailbox.channels, parts.mailbox.counters, this.guests);
    this.cpuClock = new CpuClock(this);
    this.loop = new KernelLoop(this, this.serveSlot);
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

  // ---- the loop (loop.ts) ----

  /** Runs `work` on the kernel loop, soon. Host callbacks come in through this. */
  defer(work: () => void): void {
    this.loop.defer(work);
  }
  /** A parked call was woken. */
  look(parked: Parked): void {
    this.loop.look(parked);
  }
  /** Serves guests until stop(). */
  run(): Promise<void> {
    return this.loop.run();
  }
  /** Ends run(). */
  stop(): void {
    this.loop.stop();
  }

  // ---- serving ----

  private readonly serveSlot = (slot: number): void => {
    const t = this.guests.takePosted(slot);
    if (t !== null) this.serve(t);
  };

  /** Why the guest stopped, and what is done about it: the one place that interprets exits. */
  private serve(t: Task): void {
    const regs = t.regs;
    const reason = regs.u32(Cpu.exitReason);
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
    if (t.userDispatch !== null && dispatchesToUser(t)) return;
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
    if (t.pidNs.level > 0) for (const k of entry.pids) args[k] = t.pidNs.inArgument(args[k]!);
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

  /** A thread has waited in its worker so far, and is the kernel's now: parked in its call. */
  goOnWaiting(t: Task, wait: LocalWait): void {
    const reason = t.regs.u32(Cpu.exitReason), { archs } = this.parts;
    t.arch = reason === Exit.syscall64 ? archs.x86_64 : archs.i386;
    t.abi = t.arch.abi;
    if (reason === Exit.sysenter) t.arch.enterBySysenter(t);
    t.syscallNumber = t.arch.syscallNumber(t.regs);
    this.contextSwitches++;
    if (wait.memory === CHANNEL_KEY) this.beginAgain(t);
    else goOnWaiting(t, wait);
  }

  /** Calls the handler. What it answers at once is the call's result later, on the loop: somebody else's call may be under way. */
  private beginAgain(t: Task): void {
    const { handler, kinds } = this.parts.tables[t.arch.name][t.syscallNumber]!, args = [0, 0, 0, 0, 0, 0, 0];
    t.arch.args(t, kinds, args);
    const result = handler(t, args[0]!, args[1]!, args[2]!, args[3]!, args[4]!, args[5]!);
    if (result === PARKED) return;
    t.block({ queues: [], retry: () => result });
    t.parked!.queue();
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
    this.guests.resume(t);
  }

  /** See AddressSpaceHost. */
  quiesce(mm: AddressSpace): void {
    this.guests.quiesce(mm);
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
}
