/**
 * The decoder's tables, made from the rows by buildTables.ts and kept as text in tables.generated.ts.
 *
 *   slot (mode, vex, map, opcode) -> row + 1, or GROUP | group number, or 0 (#UD)
 *   group[prefix, W, L, mod==3, reg] -> row + 1, or GROUP | number of an eight-entry table by ModRM.rm, or 0
 */
import { text } from './tables.generated.ts';
import { unpack } from './packing.ts';

/** Index: long * SLOTS_PER_MODE + vex * 1024 + map * 256 + opcode. */
export const slots: Uint16Array = unpack(text.slots);
/** 1 where a ModRM byte follows the opcode. */
export const slotHasModrm: Uint8Array = Uint8Array.from(unpack(text.slotHasModrm));
export const groups: Uint16Array = unpack(text.groups);
export const rmTables: Uint16Array = unpack(text.rmTables);
export const operandPrograms: Uint8Array = Uint8Array.from(unpack(text.operandPrograms));
export const operandCounts: Uint8Array = Uint8Array.from(unpack(text.operandCounts));
/** `RowBits` */
export const rowBits: Uint8Array = Uint8Array.from(unpack(text.rowBits));
/** xchg Zv,rAX, which opcode 90 is with REX.B; nop, which it is without. */
export const XCHG_ROW: number = text.xchgRow;
