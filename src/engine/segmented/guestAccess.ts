import { EngineExit, EngineField, Globals } from '../../machine/codeLayout.ts';
import { Cpu, Gpr, Seg } from '../../machine/cpuState.ts';
import { Attribute } from '../../machine/descriptors.ts';
import { Access, Exit, Vector } from '../../machine/exit.ts';
import { ADDRESS_BITS, BIAS, PERMISSION_TABLE, Perm, TALL_ADDRESS_BITS } from '../../machine/memoryLayout.ts';
import type { CodeCache } from '../codeCache.ts';
import { Segments } from './segments.ts';

/** Thrown when an instruction faults: the exit has been written, and nothing else. */
export const FAULTED = { reason: 'the instruction faults' };

/** Registers, stack and memory of a thread for instructions that JavaScript does, through its segments. */
export class GuestAccess {
  readonly code: CodeCache;
  readonly segments = new Segments();
  words: Int32Array;
  bytes: Uint8Array;
  cpu = 0;

  constructor(code: CodeCache) {
    this.code = code;
    this.words = code.current().words;
    this.bytes = code.current().bytes;
  }

  /** Before an instruction of the thread. */
  attach(cpu: number): void {
    const pages = this.code.current();
    this.words = pages.words;
    this.bytes = pages.bytes;
    this.cpu = cpu;
    this.segments.refresh(this.words, cpu);
  }

  get wide(): boolean { return this.segments.mode === 64; }

  word(field: number): number { return this.words[(this.cpu + field) >> 2]! >>> 0; }
  setWord(field: number, value: number): void { this.words[(this.cpu + field) >> 2] = value; }

  /** Unsigned; of 8 bytes as a number, exact up to 2^53. */
  register(n: number, size: number): number {
    const lo = this.word(Cpu.gpr + 8 * n);
    if (size === 8) return lo + this.word(Cpu.gpr + 8 * n + 4) * 2 ** 32;
    return size === 4 ? lo : size === 2 ? lo & 0xffff : lo & 0xff;
  }

  wideWord(field: number): bigint {
    return (BigInt(this.word(field + 4)) << 32n) | BigInt(this.word(field));
  }

  setRegister(n: number, size: number, value: number): void {
    const field = Cpu.gpr + 8 * n;
    if (size === 2) this.setWord(field, (this.word(field) & 0xffff0000) | (value & 0xffff));
    else {
      this.setWord(field, value % 2 ** 32);
      this.setWord(field + 4, Math.floor(value / 2 ** 32));
    }
  }

  selector(s: number): number { return this.word(Cpu.segSelector + 4 * s) & 0xffff; }

  get ip(): number { return this.word(Cpu.rip) + this.word(Cpu.rip + 4) * 2 ** 32; }
  set ip(value: number) {
    this.setWord(Cpu.rip, value % 2 ** 32);
    this.setWord(Cpu.rip + 4, Math.floor(value / 2 ** 32));
  }

  fault(access: number, address: number): never {
    this.setWord(Cpu.exitReason, Exit.fault);
    this.setWord(Cpu.exitCode, access);
    this.setWord(Cpu.exitAddr, address % 2 ** 32);
    this.setWord(Cpu.exitAddr + 4, Math.floor(address / 2 ** 32));
    this.setWord(EngineField.exitKind, EngineExit.kernel);
    throw FAULTED;
  }

  trap(vector: number, error = 0): never {
    this.setWord(Cpu.exitReason, Exit.trap);
    this.setWord(Cpu.exitCode, vector | ((error & 0xffff) << 16));
    this.setWord(EngineField.exitKind, EngineExit.kernel);
    throw FAULTED;
  }

  /** Linear address of an access through a segment, or #GP, #SS. In 64-bit code `offset` is it (see effectiveAddress). */
  linear(s: number, offset: number, size: number, write: boolean): number {
    if (this.wide) return offset;
    const at = this.segments.linear(s, offset, size, write);
    return at < 0 ? this.trap(s === Seg.ss ? Vector.SS : Vector.GP) : at;
  }

  /** The place in memory of `size` bytes at an address, of which the access of `bit` is allowed. */
  private allowed(address: number, size: number, bit: number): number {
    const isTall = address >= 2 ** ADDRESS_BITS && address < 2 ** TALL_ADDRESS_BITS && this.words[Globals.tall >> 2] !== 0;
    const at = isTall ? address % 2 ** ADDRESS_BITS : address;
    for (let page = Math.floor(at / 4096); page * 4096 < at + size; page++) {
      const bits = page < 1 << 20 ? this.bytes[PERMISSION_TABLE + page]! : 0;
      if ((bits & bit) !== 0) continue;
      // decoded code there is dropped; without it the page could be written
      if (bit === Perm.W && (bits & Perm.CODE_W) !== 0) this.code.dropRange(at, size, this.cpu);
      else this.fault(bit === Perm.W ? Access.write : Access.read, address - at + Math.max(at, page * 4096));
    }
    return BIAS + at;
  }

  /** Little-endian, unsigned; of 8 bytes exact up to 2^53. */
  load(at: number, size: number): number {
    const place = this.allowed(at, size, Perm.R);
    let value = 0;
    for (let k = size - 1; k >= 0; k--) value = value * 256 + this.bytes[place + k]!;
    return value;
  }

  store(at: number, size: number, value: number): void {
    const place = this.allowed(at, size, Perm.W);
    for (let k = 0, rest = value; k < size; k++, rest = Math.floor(rest / 256)) this.bytes[place + k] = rest % 256;
  }

  // ---- the stack

  /** Bytes of the stack pointer. */
  get stackSize(): number { return this.wide ? 8 : this.segments.has(Seg.ss, Attribute.big) ? 4 : 2; }
  get sp(): number { return this.register(Gpr.rsp, this.stackSize); }
  set sp(value: number) { this.setRegister(Gpr.rsp, this.stackSize, this.inStack(value)); }

  /** As far as the stack pointer counts. */
  inStack(offset: number): number {
    const modulus = this.wide ? 2 ** 64 : this.stackSize === 4 ? 2 ** 32 : 2 ** 16;
    const rest = offset % modulus;
    return rest < 0 ? rest + modulus : rest;
  }

  stackAt(offset: number, size: number, write: boolean): number {
    return this.linear(Seg.ss, this.inStack(offset), size, write);
  }
}
