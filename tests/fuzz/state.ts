/** Random register, flag and floating-point state for a row. */
import type { Instruction } from '../../src/isa/instruction.ts';
import type { Row } from '../../src/isa/row.ts';
import { Area, OracleState, St } from '../oracle/oracle.ts';
import type { Random } from './random.ts';

/** Element type that the row's floating-point or vector operands have. */
export type Lane = 'f32' | 'f64' | 'f80' | 'int';

export function laneOf(row: Row): Lane {
  const m = row.mnemonic;
  if (row.feature === 'fpu') return 'f80';
  if (/^(movs[sdlh]|movap|movup|movnt|and|or|xor|shuf|unpck|blend|p)/.test(m) && !/^(andn?p|orp|xorp|pcmp.str)/.test(m)) return 'int';
  if (/^(cvttps|cvtps|cvttss|cvtss)/.test(m) || /(ps|ss)$/.test(m)) return 'f32';
  if (/^(cvttpd|cvtpd|cvttsd|cvtsd)/.test(m) || /(pd|sd)$/.test(m)) return 'f64';
  return 'int';
}

export function fillLanes(bytes: Uint8Array, lane: Lane, random: Random): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = lane === 'int' && random.chance(0.2) ? random.pick<Lane>(['f32', 'f64']) : lane;
  let at = 0;
  while (at < bytes.length) {
    const left = bytes.length - at;
    if (kind === 'f64' && left >= 8) {
      view.setBigUint64(at, random.f64(), true);
      at += 8;
    } else if (kind === 'f32' && left >= 4) {
      view.setUint32(at, random.f32(), true);
      at += 4;
    } else if (kind === 'f80' && left >= 10) {
      const [significand, exponent] = random.f80();
      view.setBigUint64(at, significand, true);
      view.setUint16(at + 8, exponent, true);
      at += 10;
    } else {
      const size = random.pick([1, 2, 4, 8].filter((s) => s <= left));
      const value = random.integer();
      for (let k = 0; k < size; k++) bytes[at + k] = Number((value >> BigInt(8 * k)) & 255n);
      at += size;
    }
  }
}

export function randomState(row: Row, _i: Instruction, mode: 32 | 64, random: Random): OracleState {
  const s = new OracleState();
  const count = mode === 64 ? 16 : 8;
  for (let k = 0; k < count; k++) s.setGpr(k, mode === 64 ? random.integer() : BigInt.asUintN(32, random.integer()));
  // A stack inside the data area; now and then misaligned.
  s.setGpr(4, Area.data + 0x1000 + random.below(0x200) * 8 + (random.chance(0.1) ? random.below(8) : 0));
  let flags = 0x202;
  for (const bit of [0x001, 0x004, 0x010, 0x040, 0x080, 0x800]) if (random.chance(0.5)) flags |= bit;
  if ((row.flagsRead & 0x400) !== 0 && random.chance(0.3)) flags |= 0x400;
  s.eflags = flags;
  s.u64[St.fsBase >> 3] = BigInt(segmentBase(mode, random));
  s.u64[St.gsBase >> 3] = BigInt(segmentBase(mode, random));
  const lane = laneOf(row);
  for (let k = 0; k < count; k++) fillLanes(s.bytes.subarray(St.xmm + k * 16, St.xmm + k * 16 + 16), lane === 'f80' ? 'int' : lane, random);
  if (usesX87(row)) randomX87(s, row, random);
  if (lane === 'f32' || lane === 'f64') s.mxcsr = randomMxcsr(random);
  return s;
}

function segmentBase(mode: 32 | 64, random: Random): number {
  if (random.chance(0.3)) return 0;
  if (mode === 32 && random.chance(0.3)) return 0xfff00000 + random.below(0x100000);
  return random.chance(0.5) ? Area.data + random.below(0x1000) : random.below(0x10000000);
}

/** Mostly normal numbers of middle size, and nothing to note: what programs compute with. */
export function usualFloats(s: OracleState, lane: 'f32' | 'f64', random: Random): void {
  s.mxcsr = random.chance(0.9) ? 0x1fa0 : randomMxcsr(random);
  const view = new DataView(s.bytes.buffer, s.bytes.byteOffset, s.bytes.byteLength);
  for (let at = St.xmm; at < St.xmm + 256; at += lane === 'f32' ? 4 : 8) {
    const usual = (random.u32() / 2 ** 32 - 0.5) * 2 ** (random.below(40) - 20);
    if (lane === 'f32' && random.chance(0.95)) view.setFloat32(at, usual, true);
    else if (lane === 'f32') view.setUint32(at, random.f32(), true);
    else if (random.chance(0.95)) view.setFloat64(at, usual, true);
    else view.setBigUint64(at, random.f64(), true);
  }
}

export function randomMxcsr(random: Random): number {
  // With PE noted: the plain operations. Other flags hide what is not noted.
  if (random.chance(0.6)) return 0x1f80 | (random.chance(0.7) ? 0x20 : 0) | (random.chance(0.2) ? random.below(64) : 0);
  // Rounding mode, sticky flags, FTZ, DAZ; exceptions unmasked rarely.
  let value = 0x1f80 | (random.below(4) << 13) | (random.chance(0.5) ? 0 : random.below(64));
  if (random.chance(0.2)) value |= 0x8000;
  if (random.chance(0.2)) value |= 0x40;
  if (random.chance(0.15)) value &= ~(random.below(64) << 7) & ~63;
  return value;
}

function usesX87(row: Row): boolean {
  return row.feature === 'fpu' || row.operands.some((op) => op[0] === 'P' || op[0] === 'Q' || op[0] === 'N') || /^(emms|fx|xsave|xrstor)/.test(row.mnemonic);
}

export function randomX87(s: OracleState, row: Row, random: Random): void {
  let control = 0x37f;
  if (random.chance(0.5)) control = 0x7f | (random.pick([0, 2, 3]) << 8) | (random.below(4) << 10);
  let status = random.chance(0.5) ? 0 : (random.below(8) << 8) | (random.below(2) << 14) | random.below(0x40);
  if (random.chance(0.06)) {
    // Unmasked exceptions, none of them pending.
    const unmasked = random.below(64);
    control &= ~unmasked;
    status &= ~unmasked;
  }
  const top = random.below(8);
  s.u16[St.fx >> 1] = control;
  s.u16[(St.fx >> 1) + 1] = status | (top << 11);
  let tag = 0xff;
  if (random.chance(0.25)) tag = random.below(256);
  // fld wants room above the top.
  else if (/^(fld|fild|fbld|fptan|fsincos|fxtract)/.test(row.mnemonic) && random.chance(0.8)) tag &= ~(1 << ((top - 1) & 7));
  s.bytes[St.fx + 4] = tag;
  for (let k = 0; k < 8; k++) {
    const [significand, exponent] = row.feature === 'fpu' ? random.f80() : [random.u64(), random.chance(0.5) ? 0xffff : random.u32() & 0xffff];
    s.u64[(St.fx + 32 + k * 16) >> 3] = significand;
    s.u16[(St.fx + 40 + k * 16) >> 1] = exponent;
  }
}
