/**
 * The host's workers: each runs one guest thread at a time. The kernel asks for one, gives it a thread to run, and frees
 * it after it has answered the thread's last exit with `Reply.leave`.
 */
export type GuestRun = {
  /** The process's memory; the worker's engine attaches to it when it differs from the last one. */
  readonly memory: WebAssembly.Memory;
  /** Its number: a worker that has run in it need not attach again. */
  readonly memoryId: number;
  /** Offset of the thread's CPU state in the memory. */
  readonly cpu: number;
  /** The thread's mailbox slot. */
  readonly slot: number;
};

export interface GuestWorker {
  /**
   * Starts a thread. Valid for a worker whose last thread was told to leave (it may still be on its way out).
   */
  run(job: GuestRun): void;
  /** Gives the worker back; the same precondition. False: none had been ready for the thread, which has not begun and never will. */
  free(): boolean;
  /** Ends the worker at once, whatever it does. */
  terminate(): void;
}

export interface Workers {
  /**
   * A worker that runs `job`, as soon as one is ready. `died` is called when the worker ends other than by free() or
   * terminate(): out of memory, a bug of ours. Its guest thread is then gone without an exit.
   */
  start(job: GuestRun, died: (reason: string) => void): GuestWorker;
  /** The memory of this number will not be used again. */
  forget(memoryId: number): void;
  /** Ends all workers. */
  close(): void;
}
