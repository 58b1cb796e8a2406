import { EINTR, ERESTARTNOHAND, ERESTARTSYS, ERESTART_RESTARTBLOCK } from '../../abi/linux/errno.ts';
import type { Waiter } from '../../vfs/waitQueue.ts';
import { isDoomed } from '../signal/defaults.ts';
import { Timer } from '../time/timerHeap.ts';
import { PARKED, Restart, type BlockSpec } from './block.ts';
import type { Task } from './task.ts';

/** A system call that waits. */
export class Parked implements Waiter {
  readonly task: Task;
  readonly spec: BlockSpec;
  readonly timer: Timer | null;
  /** In the kernel's ready list. */
  queued = false;
  timedOut = false;

  constructor(task: Task, spec: BlockSpec) {
    this.task = task;
    this.spec = spec;
    this.timer = spec.deadlineNs === undefined || spec.deadlineNs === Infinity ? null : new Timer(() => this.expire());
  }

  get wants(): number {
    return this.spec.events ?? -1;
  }

  onWake(events: number): void {
    const wanted = this.spec.events;
    if (wanted !== undefined && events !== 0 && (events & wanted) === 0) return;
    this.queue();
  }

  private expire(): void {
    this.timedOut = true;
    this.queue();
  }

  queue(): void {
    if (this.queued) return;
    this.queued = true;
    this.task.kernel.look(this);
  }
}

/** See Task.block. */
export function park(t: Task, spec: BlockSpec): number {
  if (t.parked !== null) unpark(t);
  const parked = new Parked(t, spec);
  t.parked = parked;
  t.state = 'parked';
  for (const queue of spec.queues) queue.add(parked);
  if (parked.timer !== null) t.kernel.timers.set(parked.timer, spec.deadlineNs!);
  if (t.signalPending && interrupts(t, spec)) parked.queue();
  return PARKED;
}

/** Ends the wait without a result. */
export function unpark(t: Task): void {
  const parked = t.parked;
  if (parked === null) return;
  t.parked = null;
  t.state = 'served';
  for (const queue of parked.spec.queues) queue.remove(parked);
  if (parked.timer !== null) t.kernel.timers.cancel(parked.timer);
  parked.spec.cleanup?.();
}

/** A woken call is looked at: tries again, times out or is interrupted. Runs on the kernel loop. */
export function resumeParked(parked: Parked): void {
  const t = parked.task;
  parked.queued = false;
  if (t.parked !== parked) return;
  const kernel = t.kernel;
  const { spec } = parked;
  if (t.process.exiting || t.exiting) {
    unpark(t);
    kernel.leave(t);
    return;
  }
  let result = spec.retry();
  if (result === PARKED) {
    if (t.parked !== parked) return;
    if (parked.timedOut) {
      result = spec.onTimeout === undefined ? 0 : spec.onTimeout();
      // It waits for something else, or longer.
      if (result === PARKED) return;
    } else if (t.signalPending && interrupts(t, spec)) result = interrupted(spec);
    else return;
  }
  if (t.parked !== null) unpark(t);
  kernel.finishCall(t, result);
}

/** Whether a signal that is there ends such a wait. */
const interrupts = (t: Task, spec: BlockSpec): boolean => spec.uninterruptible !== true || isDoomed(t);

function interrupted(spec: BlockSpec): number {
  if (spec.onSignal !== undefined) return spec.onSignal();
  switch (spec.restart ?? Restart.sys) {
    case Restart.sys: return -ERESTARTSYS;
    case Restart.noHandler: return -ERESTARTNOHAND;
    case Restart.restartBlock: return -ERESTART_RESTARTBLOCK;
    default: return -EINTR;
  }
}

/** A signal has come for `t`: a parked call looks, a running guest leaves its code. */
export function signalWakeUp(t: Task): void {
  if (t.state === 'parked') {
    const parked = t.parked!;
    if (interrupts(t, parked.spec)) parked.queue();
  } else if (t.state === 'running') t.kernel.guests.interrupt(t);
  else if (t.state === 'stopped') t.kernel.wakeStopped(t);
}
