import { SIGKILL } from '../abi/linux/signal.ts';
import type { GuestRun } from '../host/workers.ts';
import { CHANNEL_KEY } from '../machine/channels.ts';
import { CodePages } from '../machine/codePages.ts';
import { Cpu } from '../machine/cpuState.ts';
import { Reply } from '../machine/mailbox.ts';
import { MAILBOX_SLOTS } from '../machine/mailboxLayout.ts';
import type { Registers } from './arch/registers.ts';
import type { Kernel } from './kernel.ts';
import type { AddressSpace } from './mm/addressSpace.ts';
import { exitGroup } from './task/exit.ts';
import { tellFacts } from './task/localFacts.ts';
import type { Task } from './task/task.ts';

/** Looks at the mailbox's bell between two looks at the clock. */
export const SPIN_ROUNDS = 200;
/** How long a thread that is wanted out of its code is looked for before the kernel stands still in between. */
const QUIESCE_SPIN_NS = 50_000;
/** A thread that has not come by then is stuck (a bug of ours). A longer gap between two looks is not its fault, and counts as LONGEST_LOOK_NS. */
const STUCK_NS = 10e9;
const LONGEST_LOOK_NS = 10e6;

/** The guests of tasks: their mailbox slots, CPU states and workers, and getting them out of their code. */
export class Guests {
  private readonly kernel: Kernel;
  /** Tasks by mailbox slot. */
  private readonly slots: (Task | null)[] = [];
  /** Slots of workers that were given up: they may still be written to. */
  private readonly stuckSlots = new Set<number>();
  /** How many run (or are about to, in a worker that starts), or wait for each other in their workers. */
  private notServed = 0;
  /** Slots of threads that waited in their workers when their memory had to stand still. */
  private readonly held: number[] = [];

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  /** How many run: some are about to, in a worker that starts. */
  get running(): number {
    return this.notServed - this.kernel.parts.mailbox.waits.waiting;
  }

  // ---- slots and CPU states ----

  /** Gives `t` a mailbox slot and a CPU state in its memory. False: too many threads. */
  attachCpu(t: Task, registers: (memory: WebAssembly.Memory, cpu: number) => Registers): boolean {
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
    tellFacts(t);
    return true;
  }

  /** The processor that a thread is told it runs on: always the same, one that sched_setaffinity leaves it. */
  placeOnCpu(t: Task): void {
    const allowed = Array.from({ length: this.kernel.parts.cpus }, (_, i) => i).filter((i) => i < 32 && ((t.affinity >>> i) & 1) !== 0);
    t.regs.setU32(Cpu.cpuNumber, allowed[t.tid % allowed.length] ?? 0);
  }

  private allocateSlot(t: Task): number {
    for (let slot = 0; slot < MAILBOX_SLOTS; slot++) {
      if (this.slots[slot] || this.stuckSlots.has(slot) || this.kernel.parts.mailbox.isLeaving(slot)) continue;
      this.slots[slot] = t;
      return slot;
    }
    return -1;
  }

  detachCpu(t: Task): void {
    t.mm.tasks.delete(t);
    t.mm.freeCpu(t.cpu);
  }

  /** The task whose guest has posted `slot`, which is the kernel's from now on; null when it has been ended meanwhile, and its slot perhaps given to another. */
  takePosted(slot: number): Task | null {
    const t = this.slots[slot] ?? null;
    if (t === null || t.state !== 'running' || !this.kernel.parts.mailbox.isPosted(slot)) return null;
    // The engine has bits of its own in the word.
    Atomics.and(t.regs.words, Cpu.interrupt >>> 2, ~1);
    this.kernel.cpuClock.left(t);
    t.state = 'served';
    this.notServed--;
    return t;
  }

  /** Whether the thread waits for another in its worker, unknown to the kernel (machine/waitTable.ts). */
  waitsLocally(t: Task): boolean {
    return t.state === 'running' && this.kernel.parts.mailbox.waits.isWaiting(t.slot);
  }

  takeOverSlot(slot: number): void {
    const t = this.slots[slot] ?? null;
    if (t !== null) this.takeOver(t);
  }

  /**
   * A thread that waits in its worker is from now on parked in the kernel, in the same call: whoever wants something of it, or looks at
   * what it does, comes through this. Whether it was so.
   */
  takeOver(t: Task): boolean {
    if (t.state !== 'running') return false;
    const wait = this.kernel.parts.mailbox.waits.take(t.slot, this.kernel.nowNs());
    if (wait === null) return false;
    if (wait.memory === CHANNEL_KEY) this.kernel.parts.mailbox.waits.countInKernel(wait.memory, wait.addr, -1);
    this.takePosted(t.slot);
    this.kernel.goOnWaiting(t, wait);
    return true;
  }

  // ---- workers ----

  /** Starts the task's guest in a worker. Its registers are ready. */
  start(t: Task): void {
    this.kernel.parts.mailbox.prepare(t.slot);
    t.worker = this.kernel.parts.workers.start(jobOf(t), (reason) => this.workerDied(t, reason));
    this.begin(t);
  }

  /** The task's worker leaves its present guest, whose slot and registers are free afterwards (see attachCpu). */
  dismiss(slot: number): void {
    this.slots[slot] = null;
    this.kernel.parts.mailbox.reply(slot, Reply.leave);
  }

  /** The task has ended, and gives back its worker. */
  leave(t: Task): void {
    this.dismiss(t.slot);
    if (t.worker?.free() === false) this.kernel.parts.mailbox.forgetAnswer(t.slot);
    t.worker = null;
  }

  /** A slot whose worker never began or is gone. */
  dropSlot(slot: number): void {
    this.slots[slot] = null;
  }

  /** The task's worker, dismissed before, gets its new program (execve). */
  restart(t: Task): void {
    this.kernel.parts.mailbox.prepare(t.slot);
    t.worker!.run(jobOf(t));
    this.begin(t);
  }

  /** Its worker will ask for leave to run it. */
  private begin(t: Task): void {
    t.state = 'running';
    this.notServed++;
    this.kernel.cpuClock.starts(t);
  }

  /** The guest goes on where it stopped. */
  resume(t: Task): void {
    t.state = 'running';
    this.notServed++;
    this.kernel.cpuClock.entered(t);
    this.kernel.parts.mailbox.reply(t.slot, Reply.resume);
  }

  /** The thread's guest will not come back: its process is killed, the others go on. */
  private workerDied(t: Task, reason: string): void {
    this.kernel.hooks.workerDied?.(t, reason);
    t.worker = null;
    if (t.state === 'dead') return;
    const { waits } = this.kernel.parts.mailbox, wait = waits.take(t.slot, this.kernel.nowNs());
    if (wait !== null) waits.countInKernel(wait.memory, wait.addr, -1);
    waits.abandon(t.slot);
    // The other threads must come out of their code, to be killed.
    new CodePages(t.regs.words.buffer as SharedArrayBuffer).abandon(t.cpu);
    t.mm.spoiled = true;
    this.kernel.parts.warn(`process ${t.tgid} (${t.comm}) is killed, the worker of its thread ${t.tid} has failed: ${reason}`);
    this.kernel.defer(() => {
      if (t.state === 'dead') return;
      if (t.state === 'running') this.notServed--;
      exitGroup(t, SIGKILL, true);
    });
  }

  // ---- out of their code ----

  /** Asks a running guest to leave its code at the next poll. One that waits in its worker is parked, and looks. */
  interrupt(t: Task): void {
    // In this order: it looks at the word after it has begun to wait.
    Atomics.or(t.regs.words, Cpu.interrupt >>> 2, 1);
    if (this.takeOver(t)) t.parked?.queue();
  }

  /**
   * See AddressSpaceHost: the threads post their slots; the loop serves them when the current call is over. Those that wait in their workers
   * go on waiting, but until then nobody but the kernel lets them go on.
   */
  quiesce(mm: AddressSpace): void {
    const { mailbox } = this.kernel.parts;
    for (const t of mm.tasks) {
      if (t.state !== 'running') continue;
      mailbox.waits.hold(t.slot, true);
      this.held.push(t.slot);
      if (mailbox.isRunning(t.slot)) Atomics.or(t.regs.words, Cpu.interrupt >>> 2, 1);
    }
    for (const t of mm.tasks) {
      if (t.state === 'running' && mailbox.isRunning(t.slot)) this.awaitPost(t);
    }
  }

  /** After quiesce(): the thread is the kernel's now, not later when the loop serves it. */
  collect(t: Task): void {
    if (t.state !== 'running' || this.takeOver(t)) return;
    // One that was woken at the last moment comes by itself.
    this.awaitPost(t);
    this.takePosted(t.slot);
  }

  /** What had to stand still may go on. */
  release(): void {
    if (this.held.length === 0) return;
    for (const slot of this.held) this.kernel.parts.mailbox.waits.hold(slot, false);
    this.held.length = 0;
  }

  /** Microseconds: the guest polls its interrupt word at every taken jump. One that never comes is given up, and its process. */
  private awaitPost(t: Task): void {
    const { mailbox, clock, blockMs } = this.kernel.parts;
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
}

const jobOf = (t: Task): GuestRun => ({ memory: t.memory.memory, memoryId: t.mm.memoryId, cpu: t.cpu, slot: t.slot });
