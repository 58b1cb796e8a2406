import type { Task } from './task.ts';

/** How a raw register becomes a handler's argument (see syscalls/row.ts). */
export const Convert = { i32: 0, u32: 1, word: 2, sword: 3, loff: 4 } as const;
export type ConvertKind = (typeof Convert)[keyof typeof Convert];

/** One entry of an ABI's dense table, as boot hands it to the kernel. */
export interface SyscallEntry {
  readonly name: string;
  readonly number: number;
  readonly kinds: Uint8Array;
  /** Which arguments are numbers of processes: handlers get what the kernel calls them. What handlers answer is the caller's numbers. */
  readonly pids: readonly number[];
  readonly handler: (t: Task, a0: number, a1: number, a2: number, a3: number, a4: number, a5: number) => number;
}

/** Indexed by number; null where there is no call. */
export type SyscallTable = readonly (SyscallEntry | null)[];

export interface SyscallTables {
  readonly x86_64: SyscallTable;
  readonly i386: SyscallTable;
}
