import { decode } from '../../isa/decode/decode.ts';
import { Instruction } from '../../isa/instruction.ts';
import { Prefix, type Row } from '../../isa/row.ts';
import { caseKey, Form, memoryOperand } from './cases.ts';

/** One kind of instruction the interpreter needs a case for. */
export interface Shape { key: number; instruction: Instruction; form: number; mode: number }

/**
 * Every shape of a row, found by decoding sample encodings of it with all prefixes that may matter: the decoder alone knows how
 * prefixes and operands combine.
 */
export function shapesOf(row: Row): Shape[] {
  const shapes = new Map<number, Shape>();
  for (const mode of [64, 32]) {
    for (const bytes of samples(row, mode)) {
      const i = new Instruction();
      if (decode(bytes, 0, bytes.length, mode, i) <= 0 || i.row !== row.id) continue;
      const memory = memoryOperand(i) >= 0;
      const forms = !memory ? [-1] : mode === 64 ? [Form.base64, Form.index64, Form.absolute64] : [Form.base64, Form.base32, Form.index32];
      for (const form of forms) {
        // operand forms are of the mode's own address size; address records bring the others to base64
        if (memory && form !== Form.base64 && i.addressSize !== mode / 8) continue;
        const key = caseKey(i, form);
        if (!shapes.has(key)) shapes.set(key, { key, instruction: i, form, mode });
      }
    }
  }
  return [...shapes.values()];
}

function* samples(row: Row, mode: number): Generator<Uint8Array> {
  if (row.vex) return yield* vexSamples(row);
  const mandatory = row.prefix === Prefix.p66 ? [0x66] : row.prefix === Prefix.f3 ? [0xf3] : row.prefix === Prefix.f2 ? [0xf2] : [];
  const sizes = row.prefix === Prefix.p66 ? [[]] : [[], [0x66]];
  for (const size of sizes) for (const address of [[], [0x67]]) for (const extra of [[], [0xf0], [0xf3], [0xf2]]) {
    for (const rex of mode === 64 ? [[], [0x48]] : [[]]) for (const modrm of modrms(row)) {
      yield padded([...size, ...address, ...extra, ...mandatory, ...rex, ...mapBytes(row), row.opcode + (row.plusReg ? 1 : 0), ...modrm]);
    }
  }
}

function mapBytes(row: Row): number[] {
  return row.map === 0 ? [] : row.map === 1 ? [0x0f] : row.map === 2 ? [0x0f, 0x38] : [0x0f, 0x3a];
}

function modrms(row: Row): number[][] {
  if (!row.modrm) return [[]];
  if (row.modrmByte >= 0) return [[row.modrmByte]];
  // several values of reg: segment registers allow not all of them, and 0F 18 is prefetch with the low ones
  const regs = row.reg >= 0 ? [row.reg] : [0, 2, 5];
  return regs.flatMap((reg) => [[0xc1 | (reg << 3)], [0x81 | (reg << 3)]]);
}

function* vexSamples(row: Row): Generator<Uint8Array> {
  const pp = row.prefix === Prefix.p66 ? 1 : row.prefix === Prefix.f3 ? 2 : row.prefix === Prefix.f2 ? 3 : 0;
  for (const w of [0, 1]) for (const l of [0, 1]) for (const vvvv of [15, 14]) for (const modrm of modrms(row)) for (const address of [[], [0x67]]) {
    yield padded([...address, 0xc4, 0xe0 | row.map, (w << 7) | (vvvv << 3) | (l << 2) | pp, row.opcode, ...modrm]);
  }
}

function padded(bytes: number[]): Uint8Array {
  const out = new Uint8Array(48);
  out.set(bytes);
  return out;
}
