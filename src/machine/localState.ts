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
  /** What getppid, getuid, geteuid, getgid and getegid answer; an id of -1: the kernel is asked. */
  ppid: Cpu.kernel + 24,
  uid: Cpu.kernel + 28,
  euid: Cpu.kernel + 32,
  gid: Cpu.kernel + 36,
  egid: Cpu.kernel + 40,
  /** f64 each: the CPU time of the thread and of its process, in ns, less CLOCK_MONOTONIC while it runs; NaN: the kernel is asked. */
  threadCpuBase: Cpu.kernel + 48,
  processCpuBase: Cpu.kernel + 56,
} as const;

/** Coarse clocks, and times of files, go forward with the timer: CONFIG_HZ 250. */
export const COARSE_NS = 4e6;

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
