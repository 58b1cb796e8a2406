import type { Abi } from '../../abi/abi.ts';
import type { Siginfo } from '../signal/siginfo.ts';
import type { SigAction } from '../signal/handlers.ts';
import type { ConvertKind } from '../task/syscallTable.ts';
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
  /** Registers into arguments; returns the number of arguments written. */
  syscallNumber(regs: Registers): number;
  args(t: Task, kinds: Uint8Array, out: number[]): void;
  setResult(regs: Registers, result: number): void;
  result(regs: Registers): number;
  /** Makes the registers execute the call again: ip back by 2, number back in rax. */
  restart(regs: Registers, number: number): void;
  /** Makes the registers call restart_syscall. */
  restartBlock(regs: Registers): void;
  /** Registers at the start of a program. */
  start(regs: Registers, entry: number, stack: number): void;
  /** Child registers after clone: result 0, new stack (0: the same), TLS as CLONE_SETTLS gives it. 0 or -errno. */
  cloneRegisters(t: Task, child: Registers, stack: number): void;
  setTls(t: Task, regs: Registers, tls: number): number;
  /** Writes a signal frame and points the registers at the handler. False: the stack cannot be written. */
  pushSignal(t: Task, info: Siginfo, action: SigAction, oldMask: { lo: number; hi: number }): boolean;
  /** sigreturn (rt: rt_sigreturn). False: the frame is bad. */
  popSignal(t: Task, rt: boolean): boolean;
}

export type ArgConverter = (kind: ConvertKind) => number;
