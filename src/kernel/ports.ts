import type { Clock } from '../host/clock.ts';
import type { Random } from '../host/random.ts';
import type { Workers } from '../host/workers.ts';
import type { DropCode } from '../machine/addressSpace.ts';
import type { MailboxKernel } from '../machine/mailbox.ts';
import type { Arch } from './arch/arch.ts';
import type { SyscallEntry, SyscallTables } from './task/syscallTable.ts';
import type { Task } from './task/task.ts';

/** What boot gives to a kernel. */
export interface KernelParts {
  readonly mailbox: MailboxKernel;
  readonly workers: Workers;
  readonly clock: Clock;
  readonly random: Random;
  readonly dropCode: DropCode;
  readonly tables: SyscallTables;
  readonly archs: { readonly x86_64: Arch; readonly i386: Arch };
  readonly hostname: string;
  /** uname -r and -v */
  readonly release: string;
  readonly version: string;
  /** AT_HWCAP: cpuid leaf 1 edx. */
  readonly hwcap: number;
  /** Processors to report. */
  readonly cpus: number;
  /** Memory in bytes, for sysinfo. */
  readonly memory: () => { readonly total: number; readonly free: number };
  /** The host's, of 1, 5 and 15 minutes: guests share its processors. */
  readonly loadAverages: () => readonly number[];
  /** Lets the host's event loop run once (setImmediate and the like). */
  readonly yieldTurn: () => Promise<void>;
  /** How long the kernel thread spins for the next call before it sleeps, while there are processors to spare. */
  readonly spinNs: number;
  /** How long it may stand still at a time, without turns for the event loop; 0 where it must not. */
  readonly blockMs: number;
  /** A line for the host's log: what happened is our fault, not the guest's. */
  readonly warn: (message: string) => void;
}

/** Observers, null when nobody looks (debug/). */
export interface KernelHooks {
  /** Before the handler runs; `args` as it gets them. */
  syscallEnter: ((t: Task, entry: SyscallEntry, args: readonly number[]) => void) | null;
  /** With the result the program sees, or the internal restart code when a signal interrupted it. */
  syscallExit: ((t: Task, entry: SyscallEntry, args: readonly number[], result: number) => void) | null;
  /** A system call (null: a page fault) has been served and took the kernel's thread so long. */
  served: ((name: string | null, ns: number) => void) | null;
  /** The kernel's thread did not look for calls for so long: it did something else itself, or let the host have a turn. */
  held: ((by: 'kernel' | 'host', ns: number) => void) | null;
  /** A call without a row. */
  syscallUnknown: ((t: Task, number: number) => void) | null;
  /** A signal is delivered (or acts by default). */
  signal: ((t: Task, info: import('./signal/siginfo.ts').Siginfo) => void) | null;
  /** A refused access; `code` is FaultResult. */
  fault: ((t: Task, addr: number, access: number, code: number) => void) | null;
  /** A thread has ended: wait status of the thread. `last`: the process too. */
  exit: ((t: Task, status: number, last: boolean) => void) | null;
  /** All threads of a process have stopped (job control). */
  processStop: ((process: import('./task/process.ts').Process) => void) | null;
  /** A process has become a zombie (or was reaped at once). */
  processExit: ((process: import('./task/process.ts').Process) => void) | null;
  exec: ((t: Task, path: string) => void) | null;
  /** Writes a core file; whether it did. */
  coreDump: ((t: Task, sig: number) => boolean) | null;
  clone: ((parent: Task, child: Task) => void) | null;
  /** A worker died under a task. */
  workerDied: ((t: Task, reason: string) => void) | null;
}

export const noHooks = (): KernelHooks => ({
  syscallEnter: null, served: null, held: null, syscallExit: null, syscallUnknown: null, signal: null, fault: null, exit: null, processExit: null, processStop: null, exec: null, clone: null, workerDied: null, coreDump: null,
});
