import { Cpu } from '../machine/cpuState.ts';
import type { RegRef } from '../ir/ops.ts';

/** f32, f64: the low lane alone; f32x4, f64x2: packed. */
export type FloatShape = 'f32' | 'f64' | 'f32x4' | 'f64x2';

/** By shape: itself, and what is clean with it. */
const CLEAN: Record<FloatShape, number> = { f32: 1, f64: 2, f32x4: 5, f64x2: 10 };
const BIT: Record<FloatShape, number> = { f32: 1, f64: 2, f32x4: 4, f64x2: 8 };

/**
 * What the plain version of a region knows of the numbers in xmm registers (docs/floating-point.md). Clean: zero or normal, so that as an
 * operand it sets no flag.
 */
export class FloatFacts {
  private readonly clean = new Uint8Array(16);
  /** By register, what the instruction under way has found its operands to be, and what it makes of those it writes. */
  private readonly operands = new Map<number, number>();
  private readonly results = new Map<number, number>();

  /** A block begins, with what is known then (see `state`). */
  begin(state: bigint): void {
    for (let r = 0; r < 16; r++) this.clean[r] = Number((state >> BigInt(4 * r)) & 15n);
    this.operands.clear();
    this.results.clear();
  }

  /** What is known now: four bits a register. The less is known the fewer are set. */
  get state(): bigint {
    return this.clean.reduce((all, bits, r) => all | (BigInt(bits) << BigInt(4 * r)), 0n);
  }

  isClean(ref: RegRef, shape: FloatShape): boolean {
    return (this.clean[numberOf(ref)]! & BIT[shape]) !== 0;
  }

  /** This instruction goes on only when what it finds in the register is clean. */
  noteOperand(ref: RegRef, shape: FloatShape): void {
    add(this.operands, numberOf(ref), CLEAN[shape]);
  }

  /** What it writes to the register is clean. */
  noteResult(ref: RegRef, shape: FloatShape): void {
    add(this.results, numberOf(ref), CLEAN[shape]);
  }

  /** `to` is going to have what is in `from`: all of it, or the low lane of `shape`. */
  copy(to: RegRef, from: RegRef, shape: FloatShape | null): void {
    add(this.results, numberOf(to), this.clean[numberOf(from)]! & (shape === null ? 15 : CLEAN[shape]));
  }

  /** The instruction is over; `written`: the registers it has written, a bit each. */
  settle(written: number): void {
    for (const [r, bits] of this.operands) this.clean[r]! |= bits;
    for (let r = 0; r < 16; r++) if (((written >> r) & 1) !== 0) this.clean[r] = this.results.get(r) ?? 0;
    this.operands.clear();
    this.results.clear();
  }
}

function add(found: Map<number, number>, register: number, bits: number): void {
  found.set(register, (found.get(register) ?? 0) | bits);
}

function numberOf(ref: RegRef): number {
  return (ref - Cpu.xmm) >> 4;
}
