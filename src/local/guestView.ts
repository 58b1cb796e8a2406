import { Cpu, Gpr } from '../machine/cpuState.ts';
import { Exit } from '../machine/exit.ts';
import { LocalField } from '../machine/localState.ts';
import { BIAS, GUEST_END, PERMISSION_TABLE, Perm } from '../machine/memoryLayout.ts';
import { wholeBuffer } from '../machine/wholeBuffer.ts';

const TWO32 = 4294967296;
const ARGUMENTS_64 = [Gpr.rdi, Gpr.rsi, Gpr.rdx, Gpr.r10, Gpr.r8, Gpr.r9];
const ARGUMENTS_32 = [Gpr.rbx, Gpr.rcx, Gpr.rdx, Gpr.rsi, Gpr.rdi, Gpr.rbp];

/** A thread at a system call, as its own worker sees it: registers, arguments, memory that needs no preparing by the kernel. */
export class GuestView {
  memory: WebAssembly.Memory | null = null;
  words: Int32Array = new Int32Array(0);
  bytes: Uint8Array = new Uint8Array(0);
  private doubles: Float64Array = new Float64Array(0);
  cpu = 0;
  /** Exit's, and whether the call is one of the 64-bit ABI. */
  reason = 0;
  long = false;
  /** Of a call by sysenter: where its stack is and ebp, when leave() will work. */
  private frame = 0;
  private framePointer = 0;

  /** The thread at `cpu` has left its code for a system call. */
  enter(memory: WebAssembly.Memory, cpu: number): void {
    if (this.memory !== memory) this.attach(memory);
    this.cpu = cpu;
    this.reason = this.word(Cpu.exitReason);
    this.long = this.reason === Exit.syscall64;
  }

  private attach(memory: WebAssembly.Memory): void {
    const buffer = wholeBuffer(memory);
    this.memory = memory;
    this.words = new Int32Array(buffer);
    this.bytes = new Uint8Array(buffer);
    this.doubles = new Float64Array(buffer);
  }

  /** A word of the CPU state. */
  word(field: number): number {
    return this.words[(this.cpu + field) >>> 2]!;
  }

  /** A number of 64 bits of the CPU state. */
  double(field: number): number {
    return this.doubles[(this.cpu + field) >>> 3]!;
  }

  /** Argument k as a pointer or an unsigned number; one beyond 32 bits gives -1. */
  arg(k: number): number {
    const n = this.long ? ARGUMENTS_64[k]! : ARGUMENTS_32[k]!;
    if (n === Gpr.rbp && this.reason === Exit.sysenter) return this.framePointer >>> 0;
    const at = (this.cpu + Cpu.gpr + n * 8) >>> 2;
    const lo = this.words[at]! >>> 0;
    return this.long && this.words[at + 1] !== 0 ? -1 : lo;
  }

  /** The low 32 bits of argument k, signed. */
  int(k: number): number {
    return this.long ? this.word(Cpu.gpr + ARGUMENTS_64[k]! * 8) : this.arg(k) | 0;
  }

  readable(addr: number, size: number): boolean {
    return this.allows(addr, size, Perm.R);
  }

  writable(addr: number, size: number): boolean {
    return this.allows(addr, size, Perm.W);
  }

  /** Whether `size` bytes, no more than a page, at a multiple of 4 can be used now, and are seen by this thread. */
  private allows(addr: number, size: number, right: number): boolean {
    if (addr < 0 || addr + size > GUEST_END || addr % 4 !== 0) return false;
    const { bytes } = this;
    if ((bytes[PERMISSION_TABLE + (addr >>> 12)]! & bytes[PERMISSION_TABLE + ((addr + size - 1) >>> 12)]! & right) === 0) return false;
    if (addr + size + BIAS > bytes.length) this.attach(this.memory!);
    return addr + size + BIAS <= this.bytes.length;
  }

  /** Whether up to a page of bytes at any address can be used now. */
  allowsBytes(addr: number, size: number, write: boolean): boolean {
    const first = addr - (addr % 4);
    return addr >= 0 && this.allows(first, addr + size - first, write ? Perm.W : Perm.R);
  }

  /** The 32 bits at a guest address that may be read, whatever it is. */
  unaligned(addr: number): number {
    const { bytes } = this, at = addr + BIAS;
    return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  }

  /** The word of `words` that is at guest address `addr`. */
  index(addr: number): number {
    return (addr + BIAS) >>> 2;
  }

  /**
   * Prepares for sysenter's way back, as the kernel does it (kernel/arch/i386): the vDSO has pushed ebp and put esp there. False: it is the
   * kernel's business.
   */
  prepareSysenter(): boolean {
    const frame = this.word(Cpu.gpr + 8 * Gpr.rbp) >>> 0;
    if (this.word(LocalField.sysenterReturn) === 0 || !this.readable(frame, 4)) return false;
    this.frame = frame;
    this.framePointer = this.words[this.index(frame)]!;
    return true;
  }

  /** The call is over. */
  leave(result: number): void {
    const { words, cpu } = this, at = (cpu + Cpu.gpr) >>> 2;
    words[at] = result | 0;
    words[at + 1] = this.long ? Math.floor(result / TWO32) : 0;
    if (this.reason !== Exit.sysenter) return;
    words[(cpu + Cpu.gpr + 8 * Gpr.rsp) >>> 2] = this.frame;
    words[(cpu + Cpu.gpr + 8 * Gpr.rbp) >>> 2] = this.framePointer;
    words[(cpu + Cpu.rip) >>> 2] = this.word(LocalField.sysenterReturn);
    words[(cpu + Cpu.rip + 4) >>> 2] = 0;
  }
}
