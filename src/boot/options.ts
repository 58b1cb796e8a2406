import type { Process } from '../kernel/task/process.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { PublishedPort } from '../net/netStack.ts';
import type { SyscallRow } from '../syscalls/row.ts';

/** What to run and in which world. Strings that go to the guest are byte strings: one character a byte. */
export type MountOption =
  | { readonly kind: 'bind'; readonly host: string; readonly guest: string; readonly readOnly: boolean }
  | { readonly kind: 'tmpfs'; readonly guest: string };

export type RunOptions = {
  /** Searched in the guest's PATH when it has no slash. */
  readonly program: string;
  /** argv, with argv[0]. */
  readonly argv: readonly string[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  /** Host directory that is the root file system; null: an empty one in memory. */
  readonly root: string | null;
  /** Writes go to the root directory itself, not to a layer in memory. */
  readonly persist: boolean;
  readonly mounts: readonly MountOption[];
  /** First working directory; made when `makeCwd` and it is missing. */
  readonly cwd: string;
  readonly makeCwd: boolean;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly hostname: string;
  /** uname -r. */
  readonly release: string;
  /** RLIMIT_STACK in bytes. */
  readonly stackLimit: number;
  /** What a process inherits: the mask of new files' permissions, and its niceness. */
  readonly umask: number;
  readonly nice: number;
  /** `host`: the host's network; `none`: the loopback only. */
  readonly network: 'host' | 'none';
  /** Ports of the guest's servers to be seen on the host. */
  readonly published: readonly PublishedPort[];
  /** Hangs observers into the kernel before the first program starts, in `process` (debug/). */
  readonly observe: ((kernel: Kernel, rows: readonly SyscallRow[], process: Process) => void) | null;
};

/** How the first process ended. */
export type RunResult = { readonly code: number } | { readonly signal: number };

/** A run that did not get to its first instruction: what `tuxlate` prints and exits with. */
export class StartError extends Error {
  /** 125 our own failure, 126 found but not runnable, 127 not found. */
  readonly exitCode: number;
  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
