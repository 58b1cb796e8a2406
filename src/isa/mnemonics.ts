/** What is known of a row by its number alone, without the table: for the engine's workers, whose start should be short. */
import { text } from './decode/tables.generated.ts';
import { packedLength, unpack } from './decode/packing.ts';
import type { Mnemonic } from './rows.ts';

/** Indexed by Instruction.mnemonic. */
export const mnemonics: readonly Mnemonic[] = text.mnemonics.split(' ') as Mnemonic[];
export const ROW_COUNT: number = packedLength(text.mnemonicOfRow);

/** Mnemonic index of each row. */
export let mnemonicOfRow: Uint16Array = new Uint16Array(0);
/** Condition code of each row, -1 where it has none. */
export let conditionOfRow: Int8Array = new Int8Array(0);
/** 1 where the instruction may change status flags. */
export let rowChangesFlags: Uint8Array = new Uint8Array(0);

/** With the decoder's tables: there is no row of an instruction before (decode/tables.ts). */
export function loadRowFacts(): void {
  mnemonicOfRow = unpack(text.mnemonicOfRow);
  conditionOfRow = Int8Array.from(unpack(text.conditionOfRow), (value) => value - 1);
  rowChangesFlags = Uint8Array.from(unpack(text.rowChangesFlags));
}
