import { LocalField } from '../../machine/localState.ts';
import type { GuestMemory } from '../../machine/guestMemory.ts';
import type { GuestWorker } from '../../host/workers.ts';
import type { Cred } from '../../vfs/cred.ts';
import type { FileCaller } from '../../vfs/fileDescription.ts';
import type { FsContext } from '../../vfs/path.ts';
import type { Abi } from '../../abi/abi.ts';
import type { Arch } from '../arch/arch.ts';
import type { Registers } from '../arch/registers.ts';
import type { Descriptor } from '../arch/segments.ts';
import type { FdTable } from '../fd/fdTable.ts';
import type { Rlimits } from '../fd/rlimits.ts';
import type { Kernel } from '../kernel.ts';
import type { Key } from '../keys/key.ts';
import type { AddressSpace } from '../mm/addressSpace.ts';
import type { MemoryPolicy } from '../mm/vma.ts';
import type { SignalHandlers } from '../signal/handlers.ts';
import { PendingSignals } from '../signal/pending.ts';
import { SigSet } from '../signal/sigset.ts';
import type { BlockSpec } from './block.ts';
import { park, type Parked } from './park.ts';
import type { Seccomp } from '../seccomp/filters.ts';
import type { Siginfo } from '../signal/siginfo.ts';
import type { DebugRegisters } from '../trace/debugRegisters.ts';
import type { UserDispatch } from '../trace/userDispatch.ts';
import type { Trace } from '../trace/trace.ts';
import type { WaitQueue } from '../../vfs/waitQueue.ts';
import { tellIds } from './localFacts.ts';
import type { Namespaces } from './namespaces.ts';
import type { PidNamespace } from './pidNamespace.ts';
import type { Process } from './process.ts';
import { noUsage, type Usage } from './process.ts';

/**
 * Life of a guest thread.
 *
 *   running --(posts its slot)--> served --(reply)--> running
 *   served --(t.block)--> parked --(wake, signal, deadline)--> served
 *   served, parked --(SIGSTOP...)--> stopped --(SIGCONT, SIGKILL)--> served
 *   any --(exit)--> dead
 */
export const TaskState = { running: 'running', served: 'served', parked: 'parked', stopped: 'stopped', dead: 'dead' } as const;
export type TaskStateName = (typeof TaskState)[keyof typeof TaskState];

/** What clone() gives to a new task. */
export interface TaskParts {
  process: Process;
  mm: AddressSpace;
  fds: FdTable;
  fs: FsContext;
  cred: Cred;
  handlers: SignalHandlers;
  arch: Arch;
  abi: Abi;
  ns: Namespaces;
}

/** sched_setattr's for SCHED_DEADLINE. */
export interface DeadlineParameters {
  readonly runtimeNs: number;
  readonly deadlineNs: number;
  readonly periodNs: number;
}

/** One guest thread (Linux's task_struct). Owned by the kernel thread; its registers by its worker while it is `running`. */
export class Task implements FileCaller {
  readonly kernel: Kernel;
  tid: number;
  /** tid before an execve made it the leader. */
  readonly tidAtStart: number;
  readonly process: Process;
  state: TaskStateName = TaskState.served;

  /** ABI of the system call being served: behaviour (`arch`) and structure layouts (`abi`). `int 0x80` in a 64-bit process makes it i386. */
  arch: Arch;
  abi: Abi;

  mm: AddressSpace;
  /** The guest memory of `mm`. */
  memory: GuestMemory;
  fds: FdTable;
  /** Root, working directory, umask. */
  fs: FsContext;
  private ownCred: Cred;
  ns: Namespaces;

  /** Slot in the mailbox, CPU state in the memory, and the worker that runs it. */
  slot = -1;
  cpu = 0;
  regs!: Registers;
  worker: GuestWorker | null = null;
  /** When the guest last went on running, monotonic ns; for CPU times. */
  resumedNs = 0;
  readonly usage: Usage = noUsage();

  /** The call it is parked in. */
  parked: Parked | null = null;
  /** Number of the call being served (for restart and /proc/PID/syscall), -1 outside of calls. */
  syscallNumber = -1;
  /** Arguments of the call being served, kept only while it is traced. */
  tracedArgs: readonly number[] = [];
  /** What restart_syscall goes on with. */
  restartBlock: (() => number) | null = null;

  handlers: SignalHandlers;
  readonly pending = new PendingSignals();
  readonly blocked = new SigSet();
  /** During sigtimedwait: the mask without the opening for the awaited signals. */
  realBlocked: SigSet | null = null;
  /** The mask to go back to after sigsuspend, ppoll, pselect, epoll_pwait: put into the handler's frame. */
  savedMask: SigSet | null = null;
  /** The last processor exception: trapno, err and cr2 of signal frames. */
  trap = { number: 0, error: 0, cr2Lo: 0, cr2Hi: 0 };
  /** A debugger steps it (TF is not the program's own). */
  singleStep = false;
  /** Its tracer, and where it stands with it. */
  trace: Trace | null = null;
  /** A signal the tracer has let through: delivered without another stop. */
  injectedSignal: Siginfo | null = null;
  /** Debug registers, while any of them is set. */
  debug: DebugRegisters | null = null;
  seccomp: Seccomp | null = null;
  /** Of this thread alone: children and new programs are without it. */
  userDispatch: UserDispatch | null = null;
  altStack = { sp: 0, size: 0, flags: 2 };

  /** Thread-local storage descriptors (set_thread_area). */
  tls: (Descriptor | null)[] = [null, null, null];

  /** Thread name, 15 bytes. */
  comm = '';
  /** set_tid_address: cleared and woken at exit. */
  clearChildTid = 0;
  robustList = 0;
  robustListAbi: Abi | null = null;
  /** PR_SET_PDEATHSIG */
  parentDeathSignal = 0;
  noNewPrivs = false;
  personality = 0;
  timerSlackNs = 50000;
  /** What PR_SET_TIMERSLACK 0 goes back to: the creator's. */
  defaultTimerSlackNs = 50000;
  /** PR_MCE_KILL, PR_SET_IO_FLUSHER: remembered. */
  machineCheckPolicy = 2;
  ioFlusher = false;
  /** PR_TSC_SIGSEGV */
  timeStampFaults = false;
  nice = 0;
  schedPolicy = 0;
  schedPriority = 0;
  ioPriority = 0;
  memoryPolicy: MemoryPolicy | null = null;
  /** Joined by KEYCTL_JOIN_SESSION_KEYRING; null: the user's default. */
  sessionKeyring: Key | null = null;
  /** KEYCTL_SET_REQKEY_KEYRING */
  requestKeyDefault = 0;
  /** Of SCHED_DEADLINE. */
  deadline: DeadlineParameters | null = null;
  /** SCHED_RESET_ON_FORK */
  resetOnFork = false;
  /** CPUs it may run on, as a bit mask of the first 32; only remembered. */
  affinity = 0xffffffff;
  /** Exit status of this thread once it has begun to exit. */
  exitStatus = 0;
  exiting = false;
  /** vfork: the parent waits until this task execs or exits. */
  vforkDone: (() => void) | null = null;
  /** Woken by vforkDone; null: the memory is left (or was never lent). */
  vforkQueue: WaitQueue | null = null;
  /** What room-specific code hangs on a task, by a key of its own (System V semaphore undo, ...). Called at exit. */
  readonly atExit = new Set<(t: Task) => void>();

  constructor(kernel: Kernel, tid: number, parts: TaskParts) {
    this.kernel = kernel;
    this.tid = tid;
    this.tidAtStart = tid;
    this.process = parts.process;
    this.mm = parts.mm;
    this.memory = parts.mm.memory;
    this.fds = parts.fds;
    this.fs = parts.fs;
    this.ownCred = parts.cred;
    this.handlers = parts.handlers;
    this.arch = parts.arch;
    this.abi = parts.abi;
    this.ns = parts.ns;
  }

  get cred(): Cred {
    return this.ownCred;
  }
  set cred(cred: Cred) {
    this.ownCred = cred;
    if (this.slot >= 0) tellIds(this);
  }
  /** Short name of `memory`. */
  get mem(): GuestMemory {
    return this.memory;
  }
  /** Thread group id: what getpid answers. */
  get tgid(): number {
    return this.process.pid;
  }
  /** Whose numbers it gives and sees. */
  get pidNs(): PidNamespace {
    return this.process.pidNs;
  }
  /** tid as the thread itself knows it (in PI futexes, for one). */
  get ownTid(): number {
    return this.process.pidNs.out(this.tid);
  }
  get rlimits(): Rlimits {
    return this.process.rlimits;
  }

  /**
   * Parks the system call being served until one of spec.queues wakes it, a signal comes or the deadline passes. Answers PARKED,
   * which the handler must return at once. When a signal is pending already the wait ends at once in the same way.
   */
  block(spec: BlockSpec): number {
    return park(this, spec);
  }

  /** The group stops, or the tracer wants a stop: this thread has to leave its call for it. */
  private get stopWanted(): boolean {
    const { trace } = this;
    return (this.process.stopSignal !== 0 && trace?.passesGroupStop !== true) || trace?.trapWanted === true;
  }

  /** A signal waits that would end a block: a handler, a fatal one, a stop. */
  get signalPending(): boolean {
    return this.pending.set.firstNotIn(this.blocked) !== 0 || this.process.pending.set.firstNotIn(this.blocked) !== 0 || this.process.exiting || this.stopWanted;
  }

  /** Its own copy of the descriptor table, if it shares one. */
  unshareFds(): void {
    if (!this.fds.shared) return;
    const own = this.fds.fork();
    this.fds.release();
    this.fds = own;
    this.regs.setU32(LocalField.fdMap, own.map);
  }

  /** Changes the signal mask. SIGKILL and SIGSTOP never get in. */
  setBlocked(mask: SigSet): void {
    this.blocked.set(mask);
    this.blocked.delete(9);
    this.blocked.delete(19);
  }

  /** For calls that wait under another mask (ppoll, pselect6, epoll_pwait, sigsuspend): restored after the call, or by the handler's return. */
  setTemporaryMask(mask: SigSet): void {
    if (this.savedMask === null) this.savedMask = this.blocked.copy();
    this.setBlocked(mask);
  }
}
