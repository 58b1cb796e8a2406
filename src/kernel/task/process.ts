import { WaitQueue } from '../../vfs/waitQueue.ts';
import type { Rlimits } from '../fd/rlimits.ts';
import { PendingSignals } from '../signal/pending.ts';
import type { ProcessGroup, Session } from './session.ts';
import type { ProcessTimers } from '../time/processTimers.ts';
import { Timer } from '../time/timerHeap.ts';
import type { DeadTracee } from '../trace/attach.ts';
import type { PidNamespace } from './pidNamespace.ts';
import type { Task } from './task.ts';

/**
 * Life of a thread group.
 *
 *   alive --(last thread ends)--> zombie --(wait, or SIGCHLD ignored)--> reaped
 */
export const ProcessState = { alive: 'alive', zombie: 'zombie', reaped: 'reaped' } as const;
export type ProcessStateName = (typeof ProcessState)[keyof typeof ProcessState];

/** What waitid and wait4(WUNTRACED, WCONTINUED) may still report of a live child. */
export const ChildNews = { none: 0, stopped: 1, continued: 2 } as const;
export type ChildNewsCode = (typeof ChildNews)[keyof typeof ChildNews];

/** CPU time and other usage of one process or of its waited-for children, times in ns. */
export interface Usage {
  userNs: number;
  systemNs: number;
  minorFaults: number;
  majorFaults: number;
  maxRssPages: number;
  voluntarySwitches: number;
  involuntarySwitches: number;
  inBlocks: number;
  outBlocks: number;
}

export const noUsage = (): Usage => ({
  userNs: 0, systemNs: 0, minorFaults: 0, majorFaults: 0, maxRssPages: 0, voluntarySwitches: 0, involuntarySwitches: 0, inBlocks: 0, outBlocks: 0,
});

/** A thread group: what POSIX calls a process. */
export class Process {
  readonly pid: number;
  /** Whose numbers it sees. */
  readonly pidNs: PidNamespace;
  /** The first of its space of numbers: signals without a handler do nothing to it, but for those of outside that cannot be caught. */
  unkillable = false;
  /** The task whose tid is pid; execve by another thread makes that one the leader. */
  leader!: Task;
  readonly tasks = new Set<Task>();
  state: ProcessStateName = ProcessState.alive;
  /** null for the first process. */
  parent: Process | null;
  readonly children = new Set<Process>();
  group: ProcessGroup;
  session: Session;
  rlimits: Rlimits;
  /** Sent to the group as a whole. */
  readonly pending = new PendingSignals();
  /** Signal the parent gets at the end: SIGCHLD, or what clone said. */
  exitSignal: number;
  /** Status as wait4 gives it; meaningful once `exiting`. */
  exitStatus = 0;
  /** exit_group, a fatal signal or execve takes all other threads down. */
  exiting = false;
  /** Job control: all threads are stopped by this signal, or 0. */
  stopSignal = 0;
  news: ChildNewsCode = ChildNews.none;
  /** Signal number (stopped) for the news. */
  newsStatus = 0;
  /** wait4 of the parent's threads and pidfds: woken on every change of a child's or this process's state. */
  readonly childQueue = new WaitQueue();
  readonly exitQueue = new WaitQueue();
  /** PR_SET_CHILD_SUBREAPER. */
  subreaper = false;
  /** It has called execve: its parent may no longer change its group. */
  execed = false;
  /** Real-, virtual- and profiling-time timers, and those of timer_create. */
  timers!: ProcessTimers;
  /** Usage of threads that have ended, and of children that were waited for. */
  readonly ownUsage: Usage = noUsage();
  readonly childUsage: Usage = noUsage();
  readonly startNs: number;
  /** Wall-clock seconds of the start, for /proc. */
  readonly startSec: number;
  /** Threads anywhere that threads of this process trace, and those that have ended and were not waited for. */
  readonly tracees = new Set<Task>();
  readonly deadTracees: DeadTracee[] = [];
  /** It is a zombie that its tracer has to see before its parent does. */
  tracer: Task | null = null;
  oomScoreAdj = 0;
  /** /proc/PID/coredump_filter */
  coredumpFilter = 0x33;
  /** What read and write calls have moved: for /proc/PID/io. */
  readonly io = { readBytes: 0, writtenBytes: 0, reads: 0, writes: 0 };
  /** TIOCNOTTY: the session's terminal is not its any more, nor its children's. */
  gaveUpTty = false;
  /** It has used SEM_UNDO. */
  hasSemUndo = false;
  /** Interrupts running threads while a CPU-time timer is set. */
  readonly cpuTicker = new Timer(() => this.tick());

  constructor(pid: number, pidNs: PidNamespace, parent: Process | null, group: ProcessGroup, exitSignal: number, rlimits: Rlimits, startNs: number, startSec: number) {
    this.pid = pid;
    this.pidNs = pidNs;
    this.parent = parent;
    this.group = group;
    this.session = group.session;
    this.exitSignal = exitSignal;
    this.rlimits = rlimits;
    this.startNs = startNs;
    this.startSec = startSec;
  }

  private tick(): void {
    if (this.state !== 'alive') return;
    const { kernel } = this.leader;
    for (const t of this.tasks) if (t.state === 'running' && !kernel.guests.waitsLocally(t)) kernel.guests.interrupt(t);
    kernel.watchCpuTime(this);
  }

  get ppid(): number {
    return this.parent === null ? (this.pid === 1 ? 0 : 1) : this.parent.pid;
  }
  get pgid(): number {
    return this.group.id;
  }
  get sid(): number {
    return this.session.id;
  }
}
