/**
 * Bytes -> Instruction (Intel SDM vol. 2, chapter 2), driven by tables.ts. No allocation, no exception.
 */
import { type Instruction, Kind } from '../instruction.ts';
import { mnemonicOfRow } from '../mnemonics.ts';
import { GROUP, GROUP_ENTRIES, RowBits, SLOTS_PER_MODE } from './layout.ts';
import { decodeMemory, decodeMemory16 } from './memory.ts';
import { decodeOperands, Bad } from './operands.ts';
import { groups, loadTables, operandCounts, rmTables, rowBits, slotHasModrm, slots, XCHG_ROW } from './tables.ts';

/** Results of decode() below 1. */
export const Decode = {
  /** The instruction goes on beyond `available`: a fault on fetching the byte at offset + available. */
  needMore: 0,
  /** #UD */
  invalid: -1,
  /** More than 15 bytes: #GP(0). */
  tooLong: -2,
} as const;

const MAX_LENGTH = 15;
/** Bytes a decode attempt may look at: 15 of prefixes, then opcode, ModRM, SIB, displacement, immediate. */
const SCRATCH = 40;
const scratch = new Uint8Array(SCRATCH);

/** Where decodeAt gave up, for telling #UD from a fetch that would have failed first. */
let consumed = 0;

/**
 * Decodes the instruction at bytes[offset], of which `available` bytes (1 or more) may be looked at, in mode 16, 32 or 64. Mode 16 is 32-bit code with the sizes the other way round.
 * Returns its length, or a `Decode` value; `out` is meaningful only with a length.
 */
export function decode(bytes: Uint8Array, offset: number, available: number, mode: number, out: Instruction): number {
  if (slots.length === 0) loadTables();
  if (available >= MAX_LENGTH && offset + SCRATCH <= bytes.length) {
    const length = decodeAt(bytes, offset, mode, out);
    if (length > MAX_LENGTH || (length < 0 && consumed > MAX_LENGTH)) return Decode.tooLong;
    return length;
  }
  const limit = Math.min(available, bytes.length - offset, MAX_LENGTH);
  for (let k = 0; k < SCRATCH; k++) scratch[k] = k < limit ? bytes[offset + k]! : 0;
  const length = decodeAt(scratch, 0, mode, out);
  const used = length < 0 ? consumed : length;
  if (used > limit) return limit === MAX_LENGTH ? Decode.tooLong : Decode.needMore;
  return length;
}

function invalid(at: number): number {
  consumed = at;
  return Decode.invalid;
}

function decodeAt(bytes: Uint8Array, start: number, mode: number, out: Instruction): number {
  const long = mode === 64, narrow = mode === 16;
  let p = start;
  let rex = 0, opsize = false, addrsize = false, lock = false, repeat = 0, segment = -1;
  let opcode = 0;
  const end = start + MAX_LENGTH;
  prefixes: for (;;) {
    opcode = bytes[p++]!;
    switch (opcode) {
      case 0x26: case 0x2e: case 0x36: case 0x3e:
        if (!long) segment = (opcode >> 3) & 3;
        break;
      case 0x64: segment = 4; break;
      case 0x65: segment = 5; break;
      case 0x66: opsize = true; break;
      case 0x67: addrsize = true; break;
      case 0xf0: lock = true; break;
      case 0xf2: repeat = 2; break;
      case 0xf3: repeat = 1; break;
      default:
        if (!long || (opcode & 0xf0) !== 0x40) break prefixes;
        rex = opcode;
        if (p > end) return invalid(p - start);
        continue;
    }
    rex = 0;
    if (p > end) return invalid(p - start);
  }

  let map = 0, vex = 0, w = (rex >> 3) & 1, l = 0, vvvv = 0;
  let prefix = repeat !== 0 ? repeat + 1 : opsize ? 1 : 0;
  if (opcode === 0x0f) {
    opcode = bytes[p++]!;
    map = 1;
    if (opcode === 0x38 || opcode === 0x3a) {
      map = opcode === 0x38 ? 2 : 3;
      opcode = bytes[p++]!;
    }
  } else if ((opcode === 0xc4 || opcode === 0xc5) && (long || bytes[p]! >= 0xc0)) {
    if (rex !== 0 || opsize || lock || repeat !== 0) return invalid(p + 1 - start);
    vex = 1;
    let last = bytes[p++]!;
    rex = 0x40 | ((~last >> 5) & 4);
    map = 1;
    if (opcode === 0xc4) {
      rex = 0x40 | ((~last >> 5) & 7);
      map = last & 31;
      if (map < 1 || map > 3) return invalid(p - start);
      last = bytes[p++]!;
      w = last >> 7;
    }
    if (!long) rex = 0;
    if (w !== 0) rex |= 8;
    l = (last >> 2) & 1;
    vvvv = (~last >> 3) & 15;
    prefix = last & 3; // pp: none, 66, F3, F2, as in the groups
    opcode = bytes[p++]!;
  }

  const slot = (long ? SLOTS_PER_MODE : 0) + (vex << 10) + (map << 8) + opcode;
  let entry = slots[slot]!;
  // In the 0F 38 and 0F 3A maps every opcode has a ModRM byte, which is fetched before #UD is raised.
  if (entry === 0) return invalid(p - start + (map >= 2 ? 1 : 0));
  let modrm = -1;
  if (slotHasModrm[slot] !== 0) modrm = bytes[p++]!;
  if ((entry & GROUP) !== 0) {
    const direct = modrm >= 0xc0 ? 8 : 0;
    entry = groups[(entry & ~GROUP) * GROUP_ENTRIES + (prefix << 6) + (w << 5) + (l << 4) + direct + ((modrm >> 3) & 7)]!;
    if ((entry & GROUP) !== 0) entry = rmTables[((entry & ~GROUP) << 3) + (modrm & 7)]!;
    if (entry === 0) return invalid(p - start);
  }
  let row = entry - 1;
  if (opcode === 0x90 && map === 0 && (rex & 1) !== 0) row = XCHG_ROW;
  const bits = rowBits[row]!;
  if (vvvv !== 0 && (bits & RowBits.vvvv) === 0) return invalid(p - start);

  let size = 4;
  if (long) {
    if (w !== 0 || (bits & RowBits.f64) !== 0) size = 8;
    else if (opsize && (bits & RowBits.prefix66) === 0) size = 2;
    else if ((bits & RowBits.d64) !== 0) size = 8;
  } else if (opsize && (bits & RowBits.prefix66) === 0) size = narrow ? 4 : 2;
  else if (narrow) size = 2;

  out.row = row;
  out.mnemonic = mnemonicOfRow[row]!;
  out.mode = narrow ? 32 : mode;
  out.operandSize = size;
  const addressSize = long ? (addrsize ? 4 : 8) : addrsize !== narrow ? 2 : 4;
  out.addressSize = addressSize;
  out.rep = repeat === 0 || (bits & (RowBits.rep | RowBits.repz)) === 0 ? 0 : (bits & RowBits.rep) !== 0 ? 1 : repeat;
  out.segment = segment;
  out.memSegment = segment >= 0 ? segment : 3;
  out.operandCount = operandCounts[row]!;
  out.base = -1;
  out.index = -1;
  out.scale = 0;
  out.disp = 0;
  out.dispHigh = 0;
  out.w = w;
  out.l = l;

  if ((bits & RowBits.control) !== 0) modrm |= 0xc0;
  if (modrm >= 0 && modrm < 0xc0) {
    p = addressSize === 2 ? decodeMemory16(bytes, p, modrm, out) : decodeMemory(bytes, p, modrm, rex, long, out);
  }
  p = decodeOperands(bytes, p, row, modrm, opcode, rex, vvvv, out);
  if (p === Bad) return invalid(1);
  out.lock = lock ? 1 : 0;
  if (lock && ((bits & RowBits.lock) === 0 || out.op0.kind !== Kind.mem)) return invalid(p - start);
  out.length = p - start;
  return p - start;
}
