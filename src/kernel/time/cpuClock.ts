import { LocalField } from '../../machine/localState.ts';
import type { Kernel } from '../kernel.ts';
import type { Process } from '../task/process.ts';
import type { Task } from '../task/task.ts';

/**
 * CPU time of guests: what a thread spends between a reply and its next post counts as user time, what the kernel thread
 * spends on its calls as system time (approximated by a fixed price, so that no second clock reading is needed).
 */
const SYSTEM_NS_PER_EXIT = 400;

export class CpuClock {
  private readonly kernel: Kernel;
  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  /** What its worker needs to get ready is not the guest's. */
  starts(t: Task): void {
    t.resumedNs = Infinity;
  }

  entered(t: Task): void {
    const now = this.kernel.nowNs(), { ownUsage, tasks } = t.process, base = t.usage.userNs + t.usage.systemNs - now;
    t.resumedNs = now;
    t.regs.setF64(LocalField.threadCpuBase, base);
    // Who has other threads beside asks the kernel.
    t.regs.setF64(LocalField.processCpuBase, tasks.size === 1 ? base + ownUsage.userNs + ownUsage.systemNs : Number.NaN);
  }

  left(t: Task): void {
    if (t.state !== 'running') return;
    const now = this.kernel.nowNs(), use = this.kernel.parts.mailbox.waits.takeUse(t.slot);
    t.usage.userNs += Math.max(0, now - t.resumedNs - use.sleptNs);
    // It still counts as running: nothing of the slice a second time.
    t.resumedNs = now;
    t.usage.systemNs += SYSTEM_NS_PER_EXIT;
    t.usage.voluntarySwitches += 1 + use.waits;
    this.kernel.contextSwitches += use.waits;
    const { io } = t.process;
    io.reads += use.reads;
    io.readBytes += use.readBytes;
    io.writes += use.writes;
    io.writtenBytes += use.writtenBytes;
    t.process.timers.onCpuTime(t.process);
  }

  /** User time so far, that of a running slice included. */
  userNs(t: Task): number {
    if (t.state !== 'running') return t.usage.userNs;
    const now = this.kernel.nowNs();
    return t.usage.userNs + Math.max(0, now - t.resumedNs - this.kernel.parts.mailbox.waits.sleptNs(t.slot, now));
  }

  /** User and system ns of all threads, ended ones included. */
  ofProcess(process: Process): { userNs: number; systemNs: number } {
    let { userNs, systemNs } = process.ownUsage;
    for (const t of process.tasks) {
      userNs += this.userNs(t);
      systemNs += t.usage.systemNs;
    }
    return { userNs, systemNs };
  }
}
