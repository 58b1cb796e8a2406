/**
 * The decoder's tables, made from the rows by buildTables.ts and kept as text in tables.generated.ts.
 *
 *   slot (mode, vex, map, opcode) -> row + 1, or GROUP | group number, or 0 (#UD)
 *   group[prefix, W, L, mod==3, reg] -> row + 1, or GROUP | number of an eight-entry table by ModRM.rm, or 0
 */
import { text } from './tables.generated.ts';
import { loadRowFacts } from '../mnemonics.ts';
import { unpack } from './packing.ts';

const none16 = new Uint16Array(0), none8 = new Uint8Array(0);
/** Index: long * SLOTS_PER_MODE + vex * 1024 + map * 256 + opcode. */
export let slots: Uint16Array = none16;
/** 1 where a ModRM byte follows the opcode. */
export let slotHasModrm: Uint8Array = none8;
export let groups: Uint16Array = none16;
export let rmTables: Uint16Array = none16;
export let operandPrograms: Uint8Array = none8;
export let operandCounts: Uint8Array = none8;
/** `RowBits` */
export let rowBits: Uint8Array = none8;
/** xchg Zv,rAX, which opcode 90 is with REX.B; nop, which it is without. */
export const XCHG_ROW: number = text.xchgRow;

/** Before the first decode: a program all of whose code was decoded by earlier runs does without. */
export function loadTables(): void {
  loadRowFacts();
  slots = unpack(text.slots);
  slotHasModrm = Uint8Array.from(unpack(text.slotHasModrm));
  groups = unpack(text.groups);
  rmTables = unpack(text.rmTables);
  operandPrograms = Uint8Array.from(unpack(text.operandPrograms));
  operandCounts = Uint8Array.from(unpack(text.operandCounts));
  rowBits = Uint8Array.from(unpack(text.rowBits));
}
