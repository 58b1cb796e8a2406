import type { Task } from '../kernel/task/task.ts';
import { Convert } from '../kernel/task/syscallTable.ts';
export { PARKED } from '../kernel/task/block.ts';

/**
 * The kinds an argument can have: how its raw register becomes the number that the handler gets, and (for --trace=syscall
 * and the docs) how it is shown. Add a kind here when the trace needs one.
 *
 * i32 / u32: low half. word: unsigned register of the ABI's width (pointers, sizes). sword: the signed one.
 * loff: 64-bit signed, one register on x86-64, two (low, high) on i386. Values are exact up to 2^53.
 */
export const argKinds = {
  int: Convert.i32,
  uint: Convert.u32,
  hex: Convert.u32,
  octal: Convert.u32,
  long: Convert.sword,
  ulong: Convert.word,
  size: Convert.word,
  ssize: Convert.sword,
  off: Convert.sword,
  loff: Convert.loff,
  /** a guest address */
  ptr: Convert.word,
  /** addresses of C strings: any; a path */
  str: Convert.word,
  path: Convert.word,
  /** bytes in, length is the next argument; bytes out, length is the result */
  bufIn: Convert.word,
  bufOut: Convert.word,
  /** char *const[] */
  strv: Convert.word,
  iovec: Convert.word,
  fd: Convert.i32,
  /** directory descriptor, AT_FDCWD shown by name */
  dirfd: Convert.i32,
  pid: Convert.i32,
  uid: Convert.u32,
  gid: Convert.u32,
  mode: Convert.u32,
  dev: Convert.u32,
  signal: Convert.i32,
  clockid: Convert.i32,
  openFlags: Convert.i32,
  atFlags: Convert.i32,
  prot: Convert.word,
  mmapFlags: Convert.word,
  cloneFlags: Convert.word,
  waitFlags: Convert.i32,
  fcntlCmd: Convert.u32,
  ioctlCmd: Convert.u32,
  socketDomain: Convert.i32,
  socketType: Convert.i32,
  socketLevel: Convert.i32,
  msgFlags: Convert.i32,
  shutdownHow: Convert.i32,
  whence: Convert.u32,
  accessMode: Convert.i32,
  sigHow: Convert.i32,
  futexOp: Convert.i32,
  rlimit: Convert.u32,
  /** structures: what the trace prints before (in) or after (out) the call */
  statOut: Convert.word,
  timespecIn: Convert.word,
  timespecOut: Convert.word,
  sigsetIn: Convert.word,
  sigsetOut: Convert.word,
  sigactionIn: Convert.word,
  sigactionOut: Convert.word,
  fdPairOut: Convert.word,
  waitStatusOut: Convert.word,
  rlimitIn: Convert.word,
  rlimitOut: Convert.word,
  pollfds: Convert.word,
  sockaddr: Convert.word,
} as const;
export type ArgKind = keyof typeof argKinds;

export type RetKind = 'int' | 'fd' | 'ssize' | 'ptr' | 'off' | 'pid' | 'void' | 'octal' | 'hex';

/**
 * Answers n >= 0, -errno, or PARKED after t.block(...). Arguments beyond those of the row are 0. A handler that both ABIs
 * share asks `t.abi` for layouts and `t.arch` for word size; where the calls differ, each ABI has a row of its own.
 */
export type Handler = (t: Task, a0: number, a1: number, a2: number, a3: number, a4: number, a5: number) => number;

/** One system call: dispatch, trace, docs/syscalls.md and the coverage test are made from it. */
export interface SyscallRow {
  readonly name: string;
  /** Number on each ABI, -1 where it has none. */
  readonly x86_64: number;
  readonly i386: number;
  readonly args: readonly ArgKind[];
  readonly ret: RetKind;
  readonly handler: Handler;
  /** What is missing, in a few words; absent when the call is complete. */
  readonly note?: string;
}
