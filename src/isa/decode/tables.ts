/**
 * The decoder's tables, built once from the rows.
 *
 *   slot (mode, vex, map, opcode) -> row + 1, or GROUP | group number, or 0 (#UD)
 *   group[prefix, W, L, mod==3, reg] -> row + 1, or GROUP | number of an eight-entry table by ModRM.rm, or 0
 */
import { Prefix, type Row } from '../row.ts';
import { rows } from '../rows.ts';
import { compileOperands, Mod, moveControl, PROGRAM_BYTES } from './operandProgram.ts';

export const GROUP = 0x8000;
/** Entries of a group: prefix (4) x W (2) x L (2) x register form (2) x reg (8). */
export const GROUP_ENTRIES = 256;

/** Facts of a row as bits. */
export const RowBits = { lock: 1, rep: 2, repz: 4, d64: 8, f64: 16, prefix66: 32, vvvv: 64, control: 128 } as const;

export const operandPrograms: Uint8Array = new Uint8Array(rows.length * PROGRAM_BYTES);
export const operandCounts: Uint8Array = new Uint8Array(rows.length);
export const rowBits: Uint8Array = new Uint8Array(rows.length);
const rowMod = new Uint8Array(rows.length);

rows.forEach((row, k) => {
  const program = compileOperands(row);
  operandPrograms.set(program.bytes, k * PROGRAM_BYTES);
  operandCounts[k] = program.count;
  rowMod[k] = program.mod;
  rowBits[k] =
    (row.lock ? RowBits.lock : 0) | (row.rep === 'rep' ? RowBits.rep : 0) | (row.rep === 'repz' ? RowBits.repz : 0) |
    (row.size64 === 'd64' ? RowBits.d64 : 0) | (row.size64 === 'f64' ? RowBits.f64 : 0) | (row.prefix === Prefix.p66 ? RowBits.prefix66 : 0) |
    (program.vvvv ? RowBits.vvvv : 0) | (moveControl(row) ? RowBits.control : 0);
});

export const SLOTS_PER_MODE = 2 * 4 * 256;
/** Index: long * SLOTS_PER_MODE + vex * 1024 + map * 256 + opcode. */
export const slots: Uint16Array = new Uint16Array(2 * SLOTS_PER_MODE);
/** 1 where a ModRM byte follows the opcode. */
export const slotHasModrm: Uint8Array = new Uint8Array(2 * SLOTS_PER_MODE);
export let groups: Uint16Array = new Uint16Array(0);
export let rmTables: Uint16Array = new Uint16Array(0);
/** xchg Zv,rAX, which opcode 90 is with REX.B; nop, which it is without. */
export const XCHG_ROW: number = rows.findIndex((row) => row.encoding === '90+r');

function prefixMatches(row: Row, p: number): boolean {
  switch (row.prefix) {
    case Prefix.np: return p === 0;
    case Prefix.nfx: return p <= 1;
    case Prefix.p66: return p === 1;
    case Prefix.f3: return p === 2;
    case Prefix.f2: return p === 3;
    default: return true;
  }
}

/** A row that asks for more wins over one that asks for less. */
function specificity(row: Row): number {
  return (row.modrmByte >= 0 ? 64 : 0) + (row.reg >= 0 ? 32 : 0) + (row.prefix !== Prefix.any ? 8 : 0) + (row.w >= 0 ? 4 : 0) +
    (rowMod[row.id] !== Mod.any ? 2 : 0) + (row.plusReg ? 0 : 1);
}

function fits(row: Row, p: number, w: number, l: number, reg: number, direct: number): boolean {
  if (!prefixMatches(row, p) || (row.w >= 0 && row.w !== w) || (row.vex && row.l >= 0 && row.l !== l)) return false;
  if (row.reg >= 0 && row.reg !== reg) return false;
  const mod = rowMod[row.id];
  return !(mod === Mod.memOnly && direct === 1) && !(mod === Mod.regOnly && direct === 0);
}

function fitsByte(row: Row, reg: number, rm: number): boolean {
  if (row.modrmByte < 0) return true;
  const byte = 0xc0 | (reg << 3) | rm;
  return row.plusI ? (byte & 0xf8) === row.modrmByte : byte === row.modrmByte;
}

function buildTables(): void {
  const groupList: number[] = [], rmList: number[] = [];
  for (let slot = 0; slot < 2 * SLOTS_PER_MODE; slot++) {
    const candidates = candidatesBySlot.get(slot);
    if (candidates === undefined) continue;
    candidates.sort((a, b) => specificity(b) - specificity(a));
    const first = candidates[0]!;
    if (candidates.some((row) => row.modrm)) slotHasModrm[slot] = 1;
    if (candidates.length === 1 && simple(first)) {
      slots[slot] = first.id + 1;
      continue;
    }
    slots[slot] = GROUP | (groupList.length / GROUP_ENTRIES);
    for (let k = 0; k < GROUP_ENTRIES; k++) {
      const p = k >> 6, w = (k >> 5) & 1, l = (k >> 4) & 1, direct = (k >> 3) & 1, reg = k & 7;
      const fitting = candidates.filter((row) => fits(row, p, w, l, reg, direct));
      groupList.push(direct === 1 && fitting.some((row) => row.modrmByte >= 0) ? GROUP | addRmTable(rmList, fitting, reg) : fitting.length === 0 ? 0 : fitting[0]!.id + 1);
    }
  }
  groups = Uint16Array.from(groupList);
  rmTables = Uint16Array.from(rmList);
}

/** True when the opcode alone decides. */
function simple(row: Row): boolean {
  return row.prefix === Prefix.any && row.w < 0 && !row.vex && row.reg < 0 && row.modrmByte < 0 && rowMod[row.id] === Mod.any;
}

function addRmTable(list: number[], fitting: readonly Row[], reg: number): number {
  const number = list.length / 8;
  for (let rm = 0; rm < 8; rm++) {
    const row = fitting.find((r) => fitsByte(r, reg, rm));
    list.push(row === undefined ? 0 : row.id + 1);
  }
  return number;
}

const candidatesBySlot = new Map<number, Row[]>();
for (const row of rows) {
  for (let k = 0; k < (row.plusReg ? 8 : 1); k++) {
    for (let long = 0; long < 2; long++) {
      if (long === 1 ? !row.valid64 : !row.valid32) continue;
      const slot = long * SLOTS_PER_MODE + (row.vex ? 1024 : 0) + row.map * 256 + row.opcode + k;
      const list = candidatesBySlot.get(slot);
      if (list === undefined) candidatesBySlot.set(slot, [row]);
      else list.push(row);
    }
  }
}
buildTables();
