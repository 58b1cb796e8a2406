/** ModRM, SIB and displacement -> the memory fields of an instruction (Intel SDM vol. 2, tables 2-1 to 2-3). */
import { BASE_RIP, type Instruction } from '../instruction.ts';

function i8(bytes: Uint8Array, p: number): number {
  return (bytes[p]! << 24) >> 24;
}

export function i32(bytes: Uint8Array, p: number): number {
  return bytes[p]! | (bytes[p + 1]! << 8) | (bytes[p + 2]! << 16) | (bytes[p + 3]! << 24);
}

/** 32- and 64-bit addressing; returns the position after the displacement. */
export function decodeMemory(bytes: Uint8Array, at: number, modrm: number, rex: number, long: boolean, out: Instruction): number {
  let p = at;
  const mod = modrm >> 6;
  let base = modrm & 7;
  let disp32 = mod === 2;
  if (base === 4) {
    const sib = bytes[p++]!;
    const index = ((sib >> 3) & 7) | ((rex & 2) << 2);
    if (index !== 4) {
      out.index = index;
      out.scale = sib >> 6;
    }
    base = sib & 7;
    if (base === 5 && mod === 0) {
      base = -1;
      disp32 = true;
    } else base |= (rex & 1) << 3;
  } else if (base === 5 && mod === 0) {
    base = long ? BASE_RIP : -1;
    disp32 = true;
  } else base |= (rex & 1) << 3;
  out.base = base;
  if ((base === 4 || base === 5) && out.segment < 0) out.memSegment = 2;
  if (mod === 1) out.disp = i8(bytes, p++);
  else if (disp32) {
    out.disp = i32(bytes, p);
    p += 4;
  }
  out.dispHigh = out.disp >> 31;
  return p;
}

const base16 = [3, 3, 5, 5, 6, 7, 5, 3] as const;
const index16 = [6, 7, 6, 7, -1, -1, -1, -1] as const;

/** 16-bit addressing. */
export function decodeMemory16(bytes: Uint8Array, at: number, modrm: number, out: Instruction): number {
  let p = at;
  const mod = modrm >> 6, rm = modrm & 7;
  let base: number = base16[rm]!;
  out.index = index16[rm]!;
  if (mod === 0 && rm === 6) {
    base = -1;
    out.disp = bytes[p]! | (bytes[p + 1]! << 8);
    p += 2;
  } else if (mod === 1) out.disp = i8(bytes, p++);
  else if (mod === 2) {
    out.disp = ((bytes[p]! | (bytes[p + 1]! << 8)) << 16) >> 16;
    p += 2;
  }
  out.base = base;
  if (base === 5 && out.segment < 0) out.memSegment = 2;
  out.dispHigh = out.disp >> 31;
  return p;
}
