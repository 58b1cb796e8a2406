/**
 * Where things lie in the mailbox's SharedArrayBuffer, as words of 32 bits:
 *
 *   word 0            bell: incremented by every post; the kernel waits on it when it has nothing to do
 *   word 1            kernelSleeps: 1 while the kernel waits on the bell
 *   word 2            how many slots are `waiting`
 *   words 16..143     bitmap of posted slots (4096 bits)
 *   words 144..4239   state of each slot
 *   words 4240..      waitTable.ts
 */
export const MAILBOX_SLOTS = 4096;
export const BELL = 0;
export const KERNEL_SLEEPS = 1;
export const WAITING = 2;
export const BITMAP = 16;
export const STATES = BITMAP + MAILBOX_SLOTS / 32;
export const WAIT_WORDS = STATES + MAILBOX_SLOTS;

/** State of a slot. A worker owns the slot's CPU state while it is `running`; the kernel in every other state. */
export const SlotState = {
  running: 0,
  /** posted, the worker spins */
  posted: 1,
  /** posted, the worker sleeps on the word */
  postedAsleep: 2,
  /** given to a worker that has not begun yet: it begins by posting (begin), so that the kernel decides when guest code runs */
  starting: 3,
  /** posted, and the answer will take its time: the worker need not spin for it */
  postedLong: 4,
  /** not posted: it waits for another thread (waitTable.ts), which lets it go on without the kernel unless the kernel takes it */
  waiting: 5,
} as const;
