/**
 * The whole instruction table: every line of opcodes/ with +cc lines spread out, and the list of mnemonics.
 */
import { primaryRows } from './opcodes/primary.ts';
import { twoByteRows } from './opcodes/0f.ts';
import { simdRows } from './opcodes/simd0f.ts';
import { threeByte38Rows } from './opcodes/0f38.ts';
import { threeByte3ARows } from './opcodes/0f3a.ts';
import { x87Rows } from './opcodes/x87.ts';
import { vexRows } from './opcodes/vex.ts';
import { Row, type RowText } from './row.ts';

export type Mnemonic =
  | (typeof primaryRows)[number][1]
  | (typeof twoByteRows)[number][1]
  | (typeof simdRows)[number][1]
  | (typeof threeByte38Rows)[number][1]
  | (typeof threeByte3ARows)[number][1]
  | (typeof x87Rows)[number][1]
  | (typeof vexRows)[number][1];

function build(): readonly Row[] {
  const rows: Row[] = [];
  const tables: readonly (readonly RowText[])[] = [primaryRows, twoByteRows, simdRows, threeByte38Rows, threeByte3ARows, x87Rows, vexRows];
  for (const table of tables) {
    for (const text of table) {
      if (!text[0].includes('+cc')) rows.push(new Row(rows.length, text, -1));
      else for (let cc = 0; cc < 16; cc++) rows.push(new Row(rows.length, text, cc));
    }
  }
  return rows;
}

/** Indexed by Instruction.row and Row.id. (Pure: a bundle that only asks rowAt() has no table made at its start.) */
export const rows: readonly Row[] = /* @__PURE__ */ build();

let lazy: readonly Row[] | null = null;

/** A row by number; the table is made at the first call. */
export function rowAt(id: number): Row {
  lazy ??= build();
  return lazy[id]!;
}
