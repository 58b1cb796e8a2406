import { Cpu } from '../../machine/cpuState.ts';

const TWO32 = 4294967296;

/**
 * The kernel's view of one guest thread's registers (machine/cpuState.ts). Only while the thread is stopped. A memory that
 * grows keeps its beginning, so the view stays valid for the thread's life.
 */
export class Registers {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;

  constructor(memory: WebAssembly.Memory, cpu: number) {
    this.view = new DataView(memory.buffer, cpu, Cpu.size);
    this.bytes = new Uint8Array(memory.buffer, cpu, Cpu.size);
    this.words = new Int32Array(memory.buffer, cpu, Cpu.size / 4);
  }

  u32(offset: number): number {
    return this.words[offset >>> 2]! >>> 0;
  }
  setU32(offset: number, value: number): void {
    this.words[offset >>> 2] = value;
  }
  /** Unsigned 64 bits, exact up to 2^53. */
  u64(offset: number): number {
    return (this.words[(offset >>> 2) + 1]! >>> 0) * TWO32 + (this.words[offset >>> 2]! >>> 0);
  }
  /** Two's complement of a number of magnitude up to 2^53. */
  setU64(offset: number, value: number): void {
    this.words[offset >>> 2] = value >>> 0;
    this.words[(offset >>> 2) + 1] = Math.floor(value / TWO32);
  }
  setF64(offset: number, value: number): void {
    this.view.setFloat64(offset, value, true);
  }
  setHalves(offset: number, lo: number, hi: number): void {
    this.words[offset >>> 2] = lo;
    this.words[(offset >>> 2) + 1] = hi;
  }

  /** Low 32 bits of general register n, signed. */
  lo(n: number): number {
    return this.words[(Cpu.gpr >>> 2) + n * 2]!;
  }
  /** High 32 bits, signed. */
  hi(n: number): number {
    return this.words[(Cpu.gpr >>> 2) + n * 2 + 1]!;
  }
  gpr(n: number): number {
    return this.u64(Cpu.gpr + n * 8);
  }
  setGpr(n: number, value: number): void {
    this.setU64(Cpu.gpr + n * 8, value);
  }

  get rip(): number {
    return this.u64(Cpu.rip);
  }
  set rip(value: number) {
    this.setU64(Cpu.rip, value);
  }
  get long(): boolean {
    return this.words[Cpu.long >>> 2] !== 0;
  }
}
