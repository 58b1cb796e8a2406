import type { Abi } from '../../abi/abi.ts';
import type { Siginfo } from '../signal/siginfo.ts';
import type { SigSet } from '../signal/sigset.ts';
import type { SigAction } from '../signal/handlers.ts';
import type { Task } from '../task/task.ts';
import type { Registers } from './registers.ts';

/** What differs between the two processors' kernels in behaviour. Layouts are in abi/. One object each in arch/x86_64 and arch/i386. */
export interface Arch {
  readonly name: 'x86_64' | 'i386';
  readonly abi: Abi;
  /** Size of a pointer and of `long`: 8 or 4. */
  readonly wordSize: 4 | 8;
  /** uname's machine for a task of this ABI ("i686" only under PER_LINUX32). */
  readonly elfClass: 1 | 2;
  readonly elfMachine: number;
  /** The general registers that hold a call's arguments. */
  readonly argumentRegisters: readonly number[];
  /** Registers into arguments; returns the number of arguments written. */
  syscallNumber(regs: Registers): number;
  args(t: Task, kinds: Uint8Array, out: number[]): void;
  setResult(regs: Registers, result: number): void;
  result(regs: Registers): number;
  /** Makes the registers execute the call again: ip back by 2, number back in rax. */
  restart(regs: Registers, number: number): void;
  readonly restartSyscallNumber: number;
  /** The requests of sockets (SIOC*) that are taken to have a struct ifreq, from and to; null: all. */
  readonly socketRequests: readonly (readonly [number, number])[] | null;
  /** Exit.sysenter: takes the sixth argument from the stack and sets the return address. False: SIGSEGV was forced. */
  enterBySysenter(t: Task): boolean;
  /** Registers at the start of a program. */
  start(regs: Registers, entry: number, stack: number): void;
  /** Child registers after clone, a copy of the parent's: result 0 and the new stack (0: the same). */
  childResult(child: Registers, stack: number): void;
  /** CLONE_SETTLS: sets the child's TLS. 0 or -errno. */
  setTls(t: Task, regs: Registers, tls: number): number;
  /** Writes a signal frame and points the registers at the handler. False: the stack cannot be written. */
  pushSignal(t: Task, info: Siginfo, action: SigAction, oldMask: SigSet): boolean;
  /** sigreturn (rt: rt_sigreturn). False: the frame is bad. */
  popSignal(t: Task, rt: boolean): boolean;
}
