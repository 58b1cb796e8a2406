/**
 * Random encodings of a row: legacy prefixes, REX, ModRM with every addressing form, displacement and immediate bytes.
 * The result is checked with the decoder: whatever it says is what the case is about, and it has to be the row.
 */
import { decode } from '../../src/isa/decode/decode.ts';
import { Instruction, Kind } from '../../src/isa/instruction.ts';
import { Prefix, type Row } from '../../src/isa/row.ts';
import type { Random } from './random.ts';

export interface Encoded {
  bytes: Uint8Array;
  instruction: Instruction;
}

const prefixBytes: Record<number, number> = { [Prefix.p66]: 0x66, [Prefix.f3]: 0xf3, [Prefix.f2]: 0xf2 };

function legacyPrefixes(row: Row, mode: 32 | 64, random: Random, direct: boolean): number[] {
  const out: number[] = [];
  const byte = prefixBytes[row.prefix];
  const opsizeAllowed = row.prefix === Prefix.any || row.prefix === Prefix.nfx || row.prefix === Prefix.f2 || row.prefix === Prefix.f3;
  // With near branches processors disagree about 66. Nobody writes through cs: it is #GP, which we leave out.
  if (opsizeAllowed && row.size64 !== 'f64' && random.chance(0.22)) out.push(0x66);
  if (random.chance(direct ? 0.03 : 0.1)) out.push(0x67);
  if (!direct && random.chance(0.2)) out.push(random.pick(mode === 64 ? [0x64, 0x65, 0x64, 0x65, 0x2e, 0x3e] : [0x64, 0x65, 0x64, 0x65, 0x26, 0x36, 0x3e]));
  if (row.rep !== '' && random.chance(0.6)) out.push(random.pick([0xf3, 0xf3, 0xf2]));
  if (row.lock && !direct && random.chance(0.25)) out.push(0xf0);
  if (byte !== undefined) out.push(byte);
  for (let k = out.length - 1; k > 0; k--) {
    const j = random.below(k + 1);
    [out[k], out[j]] = [out[j]!, out[k]!];
  }
  return out;
}

function modrmByte(row: Row, random: Random): number {
  if (row.modrmByte >= 0) return row.modrmByte + (row.plusI ? random.below(8) : 0);
  const reg = row.reg >= 0 ? row.reg : random.below(8);
  const mod = random.chance(0.4) ? 3 : random.below(3);
  return (mod << 6) | (reg << 3) | random.below(8);
}

function vexPrefix(row: Row, mode: 32 | 64, random: Random, direct: boolean): number[] {
  const pp = row.prefix === Prefix.p66 ? 1 : row.prefix === Prefix.f3 ? 2 : row.prefix === Prefix.f2 ? 3 : 0;
  const w = row.w >= 0 ? row.w : random.below(2);
  const l = row.l >= 0 ? row.l : random.below(2);
  const rxb = mode === 64 ? random.below(8) : random.below(2) | (direct ? 6 : 6);
  const usesV = row.operands.some((op) => op[0] === 'B' || op[0] === 'H');
  const vvvv = usesV ? (mode === 64 ? random.below(16) : 8 + random.below(8)) : 15;
  return [0xc4, ((mode === 64 ? rxb : 7) << 5) | row.map, (w << 7) | (vvvv << 3) | (l << 2) | pp];
}

/** One attempt; undefined when it came out as something else. */
function attempt(row: Row, mode: 32 | 64, random: Random): Encoded | undefined {
  const modrm = row.modrm ? modrmByte(row, random) : -1;
  const direct = modrm >= 0xc0 || modrm < 0;
  const out: number[] = [];
  if (row.vex) {
    if (!direct && random.chance(0.1)) out.push(random.pick([0x64, 0x65]));
    out.push(...vexPrefix(row, mode, random, direct));
  } else {
    out.push(...legacyPrefixes(row, mode, random, direct && row.rep === ''));
    if (mode === 64) {
      let rex = random.chance(0.5) ? 0x40 | random.below(16) : 0;
      if (row.w === 1) rex = 0x48 | random.below(8);
      // AMD's processors take far pointers of 16:64 for 16:32.
      if (row.w === 0 || row.operands.includes('Mp')) rex &= ~8;
      if (rex !== 0) out.push(rex);
    }
    if (row.map > 0) out.push(0x0f);
    if (row.map > 1) out.push(row.map === 2 ? 0x38 : 0x3a);
  }
  out.push(row.opcode + (row.plusReg ? random.below(8) : 0));
  if (modrm >= 0) out.push(modrm);
  const head = out.length;
  // SIB, displacement and immediate: more than any form needs.
  for (let k = 0; k < 14; k++) out.push(random.chance(0.15) ? random.pick([0, 1, 0x7f, 0x80, 0xff]) : random.below(256));
  const instruction = new Instruction();
  const bytes = Uint8Array.from(out);
  const length = decode(bytes, 0, bytes.length, mode, instruction);
  if (length <= 0 || length < head || instruction.row !== row.id) return undefined;
  return { bytes: bytes.slice(0, length), instruction };
}

/** A random encoding of `row`, or undefined when `mode` has none. */
export function randomEncoding(row: Row, mode: 32 | 64, random: Random): Encoded | undefined {
  if (mode === 64 ? !row.valid64 : !row.valid32) return undefined;
  for (let k = 0; k < 200; k++) {
    const encoded = attempt(row, mode, random);
    if (encoded !== undefined) return encoded;
  }
  return undefined;
}

/** Decodes again after bytes were changed. */
export function redecode(encoded: Encoded, mode: 32 | 64): void {
  decode(encoded.bytes, 0, encoded.bytes.length, mode, encoded.instruction);
}

export function memoryOperand(i: Instruction): number {
  for (let k = 0; k < i.operandCount; k++) if (i.op[k]!.kind === Kind.mem) return k;
  return -1;
}
