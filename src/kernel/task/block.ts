import type { WaitQueue } from '../../vfs/waitQueue.ts';

/** A handler's answer after t.block(): the call is not over. Outside of every result and every -errno. */
export const PARKED = -0x7fffffff;

/** What a signal does to a parked call when its handler runs (the -ERESTART* codes of Linux). */
export const Restart = {
  /** -EINTR always (ERESTARTNOHAND after a handler: poll, select, pause, sigsuspend, epoll_wait...). Restarted when no handler ran. */
  noHandler: 0,
  /** restarted when the handler has SA_RESTART, else -EINTR (read, write, wait4, ...: ERESTARTSYS). */
  sys: 1,
  /** -EINTR whether or not a handler runs (never restarted). */
  never: 2,
  /** -EINTR after a handler; without one the call goes on with its remaining time (nanosleep: ERESTART_RESTARTBLOCK). */
  restartBlock: 3,
} as const;
export type RestartRule = (typeof Restart)[keyof typeof Restart];

/** What t.block() needs to know: a parked system call as data. */
export interface BlockSpec {
  /** Woken by any of these (with one of `events`, default all), the task runs `retry`. */
  readonly queues: readonly WaitQueue[];
  readonly events?: number;
  /**
   * Tries again; PARKED when there is still nothing. Runs on the kernel loop, never inside the wake. -EAGAIN ends the call
   * with -EAGAIN: turn a file's -EAGAIN into PARKED.
   */
  readonly retry: () => number;
  /** Monotonic ns at which `onTimeout` gives the result (0 when absent). */
  readonly deadlineNs?: number;
  readonly onTimeout?: () => number;
  /** Default Restart.sys. */
  readonly restart?: RestartRule;
  /** Result in place of -EINTR (or the restart) when a signal ends the wait after some progress: bytes already moved. */
  readonly onSignal?: () => number;
  /** Runs once when the wait is over, however it ended. */
  readonly cleanup?: () => void;
  /** Only fatal signals end it (D state: vfork's parent, flock ... rarely). */
  readonly uninterruptible?: boolean;
}
