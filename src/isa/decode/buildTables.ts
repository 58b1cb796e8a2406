/**
 * Builds the decoder's tables from the rows. tools/gen-decode-tables.mjs runs it and writes tables.generated.ts, so that a worker
 * does not have to at its start; a test compares.
 *
 *   slot (mode, vex, map, opcode) -> row + 1, or GROUP | group number, or 0 (#UD)
 *   group[prefix, W, L, mod==3, reg] -> row + 1, or GROUP | number of an eight-entry table by ModRM.rm, or 0
 */
import { Prefix, type Row } from '../row.ts';
import { rows } from '../rows.ts';
import { compileOperands, Mod, moveControl } from './compileOperands.ts';
import { GROUP, GROUP_ENTRIES, PROGRAM_BYTES, RowBits, SLOTS_PER_MODE } from './layout.ts';


const operandPrograms: Uint8Array = new Uint8Array(rows.length * PROGRAM_BYTES);
const operandCounts: Uint8Array = new Uint8Array(rows.length);
const rowBits: Uint8Array = new Uint8Array(rows.length);
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

/** Index: long * SLOTS_PER_MODE + vex * 1024 + map * 256 + opcode. */
const slots: Uint16Array = new Uint16Array(2 * SLOTS_PER_MODE);
/** 1 where a ModRM byte follows the opcode. */
const slotHasModrm: Uint8Array = new Uint8Array(2 * SLOTS_PER_MODE);
let groups: Uint16Array = new Uint16Array(0);
let rmTables: Uint16Array = new Uint16Array(0);
/** xchg Zv,rAX, which opcode 90 is with REX.B; nop, which it is without. */
const xchgRow = rows.findIndex((row) => row.encoding === '90+r');

/** Bits: which of no prefix, 66, F3, F2 a row takes. */
const prefixSets = [15, 1, 3, 2, 4, 8] as const;

/** A row that asks for more wins over one that asks for less. */
function specificity(row: Row): number {
  return (row.modrmByte >= 0 ? 64 : 0) + (row.reg >= 0 ? 32 : 0) + (row.prefix !== Prefix.any ? 8 : 0) + (row.w >= 0 ? 4 : 0) +
    (rowMod[row.id] !== Mod.any ? 2 : 0) + (row.plusReg ? 0 : 1);
}

const slotRows: Row[][] = [];

function collect(): void {
  for (const row of rows) {
    const at = (row.vex ? 1024 : 0) + row.map * 256 + row.opcode;
    for (let k = row.plusReg ? 7 : 0; k >= 0; k--) {
      if (row.valid32) (slotRows[at + k] ??= []).push(row);
      if (row.valid64) (slotRows[SLOTS_PER_MODE + at + k] ??= []).push(row);
    }
  }
}

/** True when the opcode alone decides. */
function simple(row: Row): boolean {
  return row.prefix === Prefix.any && row.w < 0 && !row.vex && row.reg < 0 && row.modrmByte < 0 && rowMod[row.id] === Mod.any;
}

/** Enters a row wherever it fits; called from the least specific row to the most, so that the latter stays. */
function enter(row: Row, group: Uint16Array, groupAt: number, rmList: number[]): void {
  const set = prefixSets[row.prefix]!, mod = rowMod[row.id]!;
  for (let p = 0; p < 4; p++) {
    if (((set >> p) & 1) === 0) continue;
    for (let w = 0; w < 2; w++) {
      if (row.w >= 0 && row.w !== w) continue;
      for (let l = 0; l < 2; l++) {
        if (row.vex ? row.l >= 0 && row.l !== l : l === 1) continue;
        const at = groupAt + (p << 6) + (w << 5) + (l << 4);
        if (row.modrmByte >= 0) enterByte(row, group, at + 8 + ((row.modrmByte >> 3) & 7), rmList);
        else {
          const first = Math.max(row.reg, 0), last = row.reg >= 0 ? row.reg : 7;
          for (let reg = first; reg <= last; reg++) {
            if (mod !== Mod.regOnly) group[at + reg] = row.id + 1;
            if (mod !== Mod.memOnly) group[at + 8 + reg] = row.id + 1;
          }
        }
      }
    }
  }
}

/** A row of one whole ModRM byte (or eight): its entry becomes a table by rm. */
function enterByte(row: Row, group: Uint16Array, at: number, rmList: number[]): void {
  let entry = group[at]!;
  if ((entry & GROUP) === 0) {
    const number = rmList.length / 8;
    for (let rm = 0; rm < 8; rm++) rmList.push(entry);
    entry = group[at] = GROUP | number;
  }
  const table = (entry & ~GROUP) * 8;
  const rm = row.modrmByte & 7;
  if (row.plusI) for (let k = 0; k < 8; k++) rmList[table + k] = row.id + 1;
  else rmList[table + rm] = row.id + 1;
}

function buildTables(): void {
  collect();
  const rmList: number[] = [];
  let groupCount = 0;
  const all = new Uint16Array(1024 * GROUP_ENTRIES);
  /** Both modes share a group when they have the same rows. */
  for (let slot = 0; slot < 2 * SLOTS_PER_MODE; slot++) {
    const candidates = slotRows[slot];
    if (candidates === undefined) continue;
    const first = candidates[0]!;
    slotHasModrm[slot] = first.modrm ? 1 : 0;
    if (candidates.length === 1 && simple(first)) {
      slots[slot] = first.id + 1;
      continue;
    }
    const twin = slot >= SLOTS_PER_MODE ? slotRows[slot - SLOTS_PER_MODE] : undefined;
    if (twin !== undefined && twin.length === candidates.length && twin.every((row, k) => row === candidates[k])) {
      slots[slot] = slots[slot - SLOTS_PER_MODE]!;
      continue;
    }
    slots[slot] = GROUP | groupCount;
    if (candidates.length > 1) candidates.sort((x, y) => specificity(x) - specificity(y) || y.id - x.id);
    for (const row of candidates) enter(row, all, groupCount * GROUP_ENTRIES, rmList);
    groupCount++;
  }
  groups = all.slice(0, groupCount * GROUP_ENTRIES);
  rmTables = Uint16Array.from(rmList);
}

buildTables();

const numbers = new Map<string, number>();
for (const row of rows) if (!numbers.has(row.mnemonic)) numbers.set(row.mnemonic, numbers.size);

/** By the names tables.ts has them under. */
export const built = {
  slots, slotHasModrm, groups, rmTables, operandPrograms, operandCounts, rowBits,
  mnemonicOfRow: Uint16Array.from(rows, (row) => numbers.get(row.mnemonic)!), conditionOfRow: Int8Array.from(rows, (row) => row.cc),
  rowChangesFlags: Uint8Array.from(rows, (row) => ((row.flagsWritten | row.flagsUndefined) !== 0 ? 1 : 0)), xchgRow, mnemonics: [...numbers.keys()],
};
