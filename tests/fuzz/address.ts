/** Makes the memory operand of an instruction point to a chosen guest address. */
import { BASE_RIP, type Instruction } from '../../src/isa/instruction.ts';
import { Area, type OracleState, St } from '../oracle/oracle.ts';
import type { Random } from './random.ts';

/** A place for `size` bytes in the data area: mostly inside, sometimes at the edges of what may be read or written. */
export function pickTarget(size: number, alignment: number, random: Random): number {
  const room = Math.max(size, 1);
  let at: number;
  if (random.chance(0.04)) at = Area.data + Area.dataSize - random.below(room + 1);
  else if (random.chance(0.02)) at = Area.readOnly + Area.readOnlySize - random.below(room + 1);
  else if (random.chance(0.01)) at = Area.data - random.below(room + 1);
  else if (random.chance(0.1)) at = Area.data + 0x1000 * (1 + random.below(3)) - random.below(room + 1);
  else at = Area.data + 0x800 + random.below(0x3000 - room);
  return random.chance(0.9) ? at - (at % alignment) : at;
}

function segmentOf(i: Instruction, s: OracleState): bigint {
  return i.segment === 4 ? s.u64[St.fsBase >> 3]! : i.segment === 5 ? s.u64[St.gsBase >> 3]! : 0n;
}

/** Offset of the displacement in the bytes, or -1. */
function findDisplacement(bytes: Uint8Array, i: Instruction, size: number): number {
  const wanted = (BigInt(i.dispHigh) << 32n) | BigInt(i.disp >>> 0);
  for (let at = bytes.length - size; at > 0; at--) {
    let value = 0n;
    for (let k = 0; k < size; k++) value |= BigInt(bytes[at + k]!) << BigInt(8 * k);
    if (value === BigInt.asUintN(8 * size, wanted)) return at;
  }
  return -1;
}

function putDisplacement(bytes: Uint8Array, i: Instruction, value: bigint, size: number): boolean {
  const at = findDisplacement(bytes, i, size);
  if (at < 0 || BigInt.asIntN(8 * size, value) !== value && BigInt.asUintN(8 * size, value) !== value) return false;
  for (let k = 0; k < size; k++) bytes[at + k] = Number((value >> BigInt(8 * k)) & 255n);
  return true;
}

/** Modular inverse of an odd number mod 2^bits. */
function inverse(odd: bigint, bits: number): bigint {
  let x = odd;
  for (let k = 0; k < 6; k++) x = BigInt.asUintN(bits, x * (2n - odd * x));
  return x;
}

/**
 * Sets registers (or the displacement in `bytes`: decode again then) so that the operand's linear address is `target`.
 * False when this form cannot reach it.
 */
export function aim(bytes: Uint8Array, i: Instruction, s: OracleState, target: number, size: number, start: number): boolean {
  const bits = i.addressSize * 8;
  if (i.addressSize === 2) return aim16(i, s, target, size);
  const need = BigInt.asUintN(i.mode === 64 ? 64 : 32, BigInt(target) - segmentOf(i, s));
  // Beyond the segment limit: #GP, which we do not model.
  if (i.mode === 32 && need + BigInt(size) > 1n << 32n) return false;
  if (bits === 32 && need >> 32n !== 0n) return false;
  if (i.base === BASE_RIP) {
    if (BigInt.asIntN(64, need) < 0n) return false;
    const disp = BigInt.asIntN(64, need - BigInt(start + i.length));
    return putDisplacement(bytes, i, disp, 4);
  }
  if (i.base < 0 && i.index < 0) return putAbsolute(bytes, i, need);
  const rest = BigInt.asUintN(bits, need - BigInt(i.disp));
  if (i.base < 0 || i.base === i.index) {
    const factor = (1n << BigInt(i.scale)) + (i.base < 0 ? 0n : 1n);
    if ((factor & 1n) === 1n) s.setGpr(i.index, BigInt.asUintN(bits, rest * inverse(factor, bits)));
    else if (rest % factor === 0n) s.setGpr(i.index, rest / factor);
    else return false;
    return true;
  }
  const index = i.index < 0 ? 0n : s.gpr(i.index) << BigInt(i.scale);
  let value = BigInt.asUintN(bits, rest - index);
  // With 32-bit addresses the upper half of the register must not matter.
  if (bits === 32 && i.mode === 64) value |= s.gpr(i.base) & 0xffffffff00000000n;
  s.setGpr(i.base, value);
  return true;
}

function putAbsolute(bytes: Uint8Array, i: Instruction, need: bigint): boolean {
  const moffs = bytes.length - i.addressSize > 0 && findDisplacement(bytes, i, i.addressSize) === bytes.length - i.addressSize && isMoffs(bytes, i);
  if (moffs) return putDisplacement(bytes, i, need, i.addressSize);
  return putDisplacement(bytes, i, i.mode === 64 && i.addressSize === 8 ? BigInt.asIntN(64, need) : need, 4);
}

/** A0..A3 are the only opcodes with moffs. */
function isMoffs(bytes: Uint8Array, i: Instruction): boolean {
  const opcode = bytes[bytes.length - i.addressSize - 1]!;
  return opcode >= 0xa0 && opcode <= 0xa3 && bytes[bytes.length - i.addressSize - 2] !== 0x0f;
}

/** 16-bit addresses reach the data area only through fs or gs. */
function aim16(i: Instruction, s: OracleState, target: number, size: number): boolean {
  let ea = i.disp;
  if (i.base >= 0) ea += Number(s.gpr(i.base) & 0xffffn);
  if (i.index >= 0) ea += Number(s.gpr(i.index) & 0xffffn);
  ea &= 0xffff;
  if (i.segment < 4) return true;
  // Operands that wrap around inside the segment are left out.
  if (ea + size > 0x10000) return false;
  s.u64[(i.segment === 4 ? St.fsBase : St.gsBase) >> 3] = BigInt((target - ea) >>> 0);
  return true;
}
