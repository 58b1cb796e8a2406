import { Cpu } from './cpuState.ts';

/** What the kernel tells the worker about its thread (in the CPU state): used by src/local to answer calls by itself. */
export const LocalField = {
  tid: Cpu.kernel,
  tgid: Cpu.kernel + 4,
  /** LocalFlag bits. */
  flags: Cpu.kernel + 8,
  /** Where sysenter goes on (in the vDSO), 0: nowhere. */
  sysenterReturn: Cpu.kernel + 12,
  /** AddressSpace.memoryId */
  memoryId: Cpu.kernel + 16,
  /** FdTable.map */
  fdMap: Cpu.kernel + 20,
} as const;

export const LocalFlag = {
  /** All calls go to the kernel: somebody traces. */
  off: 1,
  /** The guest has set its wall clock: the kernel knows by how much it differs. */
  wallClockSet: 2,
  /** Its clocks that count from the start are others than the machine's (time namespaces). */
  timeShifted: 4,
  /** rdtsc and rdtscp are not allowed (PR_SET_TSC). */
  timeStampFaults: 8,
} as const;

/** What the worker answers to a system call. */
export const LocalAnswer = {
  /** It is the kernel's. */
  pass: 0,
  /** Done, its result is in the registers. */
  done: 1,
  /** It waits for another thread, once the status flags are settled. */
  waits: 2,
} as const;
export type LocalAnswerCode = (typeof LocalAnswer)[keyof typeof LocalAnswer];
