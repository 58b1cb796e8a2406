import { Kind } from '../isa/instruction.ts';
import type { IrBuilder, Value, Width } from '../ir/builder.ts';
import { MemFlag, opId, refPlus } from '../ir/ops.ts';
import { Cpu } from '../machine/cpuState.ts';
import { Vector } from '../machine/exit.ts';
import type { Lift } from './context.ts';

/** Whether operand k is a packed operand of 8 bytes (MMX register or the memory in its place). */
export function isMmx(c: Lift): boolean {
  for (let k = 0; k < c.operandCount; k++) if (c.kind(k) === Kind.mmx) return true;
  return false;
}

/** An MMX instruction reports a pending x87 exception before it does anything else. No operation otherwise. */
export function beginMmx(c: Lift): void {
  if (!isMmx(c)) return;
  const b = c.b;
  b.if(b.op('i32.and', b.get(4, Cpu.x87Status), b.i32(0x80)), () => c.trap(Vector.MF));
}

/** Memory flags of a packed 16-byte operand: legacy SSE demands alignment (SDM vol. 1, 11.6 and table 15-18 of vol. 2). */
function packedFlags(size: number, aligned: boolean): number {
  return size === 16 && aligned ? MemFlag.aligned16 : MemFlag.none;
}

/** Loads `size` bytes of memory as the low part of a v128; of 8 bytes both halves are the same, of 4 all quarters. */
export function loadVector(c: Lift, k: number, size: number, aligned: boolean): Value {
  const v = c.b.load(size as Width, c.addr(k), packedFlags(size, aligned));
  return widen(c.b, size, v);
}

/** A scalar as v128, repeated. */
function widen(b: IrBuilder, size: number, v: Value): Value {
  if (size === 16) return v;
  return size === 8 ? b.op('i64x2.splat', v) : b.op('i32x4.splat', v);
}

/** Packed operand k as v128. MMX and 8-byte operands are repeated in the upper half. */
export function readVector(c: Lift, k: number, aligned = true): Value {
  if (c.isMem(k)) return loadVector(c, k, c.opSize(k), aligned);
  if (c.kind(k) === Kind.mmx) return c.b.op('i64x2.splat', c.b.get(8, c.reg(k)));
  return c.xmm(k);
}

/** Writes packed register operand k: all of an xmm register, the low half of `v` for MMX. */
export function writeVector(c: Lift, k: number, v: Value): void {
  if (c.kind(k) !== Kind.mmx) {
    c.setXmm(k, v);
    return;
  }
  writeMmx(c, k, c.b.lane('i64x2.extract_lane', 0, v));
}

/** Writes MMX register operand k (i64) and makes the x87 state an MMX state. */
export function writeMmx(c: Lift, k: number, v: Value): void {
  c.b.put(8, c.reg(k), v);
  c.b.put(2, refPlus(c.reg(k), 8), c.b.i32(0xffff));
  c.mmxState();
}

const I32_CONST = opId('i32.const');

/** The value of an i32 if it is a constant of this instruction (region translator), else undefined (interpreter). */
export function constantOf(b: IrBuilder, v: Value): number | undefined {
  return b.code.op[v] === I32_CONST ? b.code.imm[v] : undefined;
}

export function zeroVector(b: IrBuilder): Value {
  return b.v128(0, 0, 0, 0);
}

const laneOfType = ['', 'i32x4', 'i64x2', 'f32x4', 'f64x2'] as const;

/**
 * Replaces the low 4 or 8 bytes of xmm operand k by a value of that size. As a change of the whole register: in the CPU state,
 * a 16-byte load soon after a store of 8 bytes would have to wait for the cache.
 */
export function writeLow(c: Lift, k: number, v: Value): void {
  c.setXmm(k, c.b.lane(`${laneOfType[c.b.typeOf(v)]!}.replace_lane`, 0, c.xmm(k), v));
}

/** The same 32-bit word four times. */
export function words(b: IrBuilder, w: number): Value {
  return b.v128(w, w, w, w);
}

/** i8x16.shuffle with lanes of 1, 2, 4 or 8 bytes; lane numbers count on into the second vector. */
export function shuffleLanes(b: IrBuilder, x: Value, y: Value, lanes: readonly number[]): Value {
  const size = 16 / lanes.length;
  const bytes = new Uint8Array(16);
  for (let i = 0; i < 16; i++) bytes[i] = lanes[Math.floor(i / size)]! * size + (i % size);
  return b.shuffle(x, y, bytes);
}

/** Both low halves: [low of x, low of y]. */
export function joinLow(b: IrBuilder, x: Value, y: Value): Value {
  return shuffleLanes(b, x, y, [0, 2]);
}
