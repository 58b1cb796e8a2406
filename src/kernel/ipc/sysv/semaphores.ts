import { EACCES, EAGAIN, EFBIG, EIDRM, ERANGE } from '../../../abi/linux/errno.ts';
import { SEM_UNDO } from '../../../abi/linux/ipc.ts';
import { EPOLLOUT } from '../../../abi/linux/poll.ts';
import { WaitQueue } from '../../../vfs/waitQueue.ts';
import type { Process } from '../../task/process.ts';
import type { Task } from '../../task/task.ts';
import { IpcObject } from './ids.ts';

export const SEMMSL = 32000;
export const SEMMNI = 32000;
export const SEMOPM = 500;
export const SEMVMX = 32767;

export interface SemOp {
  readonly num: number;
  readonly op: number;
  readonly flags: number;
}

/** A set of System V semaphores. */
export class SemaphoreSet extends IpcObject {
  readonly values: Int32Array;
  /** Last process that changed each. */
  readonly pids: Int32Array;
  opTime = 0;
  changeTime: number;
  readonly waitQueue = new WaitQueue();
  /** What waiting calls wait for: semncnt and semzcnt count them. */
  readonly waiting = new Set<{ readonly num: number; readonly zero: boolean }>();
  /** SEM_UNDO adjustments by process. */
  readonly undo = new Map<Process, Int32Array>();

  constructor(t: Task, key: number, mode: number, count: number) {
    super(t, key, mode);
    this.values = new Int32Array(count);
    this.pids = new Int32Array(count);
    this.changeTime = t.kernel.realtime().sec;
  }

  /** All operations at once, or none: 0, -EAGAIN (one would wait: `blocked`), -errno. */
  operate(t: Task, ops: readonly SemOp[], blocked: { op: SemOp | null }): number {
    if (this.removed) return -EIDRM;
    for (const { num } of ops) if (num >= this.values.length) return -EFBIG;
    const alters = ops.some(({ op }) => op !== 0);
    if (this.access(t, alters ? 0o222 : 0o444) < 0) return -EACCES;
    const next = this.values.slice();
    for (const op of ops) {
      const value = next[op.num]!;
      if (op.op === 0 ? value !== 0 : value + op.op < 0) {
        blocked.op = op;
        return -EAGAIN;
      }
      if (value + op.op > SEMVMX) return -ERANGE;
      next[op.num] = value + op.op;
    }
    this.values.set(next);
    for (const op of ops) {
      this.pids[op.num] = t.tgid;
      if ((op.flags & SEM_UNDO) !== 0 && op.op !== 0) this.noteUndo(t, op);
    }
    this.opTime = t.kernel.realtime().sec;
    if (alters) this.waitQueue.wake(EPOLLOUT);
    return 0;
  }

  private noteUndo(t: Task, { num, op }: SemOp): void {
    const { process } = t;
    process.hasSemUndo = true;
    let adjustments = this.undo.get(process);
    if (adjustments === undefined) {
      adjustments = new Int32Array(this.values.length);
      this.undo.set(process, adjustments);
      t.atExit.add(this.atExit);
    }
    adjustments[num]! -= op;
  }

  /** The process is over when its last thread goes: then its operations are undone. */
  private readonly atExit = (t: Task): void => {
    const { process } = t;
    const other = [...process.tasks].find((task) => task !== t && task.state !== 'dead');
    if (other !== undefined) {
      other.atExit.add(this.atExit);
      return;
    }
    const adjustments = this.undo.get(process);
    this.undo.delete(process);
    if (adjustments === undefined || this.removed) return;
    for (let i = 0; i < adjustments.length; i++) {
      if (adjustments[i] === 0) continue;
      this.values[i] = Math.min(SEMVMX, Math.max(0, this.values[i]! + adjustments[i]!));
      this.pids[i] = process.pid;
    }
    this.opTime = t.kernel.realtime().sec;
    this.waitQueue.wake(EPOLLOUT);
  };

  /** unshare(CLONE_SYSVSEM) of a process with one thread: as at its end. */
  static leave(t: Task, sets: readonly SemaphoreSet[]): void {
    if (t.process.tasks.size > 1) return;
    for (const set of sets) {
      if (!t.atExit.delete(set.atExit)) continue;
      set.atExit(t);
    }
    t.process.hasSemUndo = false;
  }

  /** SETVAL and SETALL: the value is new, so nothing of it is to be undone. */
  assign(t: Task, num: number, value: number): void {
    this.values[num] = value;
    this.pids[num] = t.tgid;
    for (const adjustments of this.undo.values()) adjustments[num] = 0;
    this.changeTime = t.kernel.realtime().sec;
  }

  waiters(num: number, zero: boolean): number {
    let n = 0;
    for (const w of this.waiting) if (w.num === num && w.zero === zero) n++;
    return n;
  }
}
