/** What is known of a row by its number alone, without the table: for the engine's workers, whose start should be short. */
import { text } from './decode/tables.generated.ts';
import { unpack } from './decode/packing.ts';
import type { Mnemonic } from './rows.ts';

/** Indexed by Instruction.mnemonic. */
export const mnemonics: readonly Mnemonic[] = text.mnemonics.split(' ') as Mnemonic[];
/** Mnemonic index of each row. */
export const mnemonicOfRow: Uint16Array = unpack(text.mnemonicOfRow);
/** Condition code of each row, -1 where it has none. */
export const conditionOfRow: Int8Array = Int8Array.from(unpack(text.conditionOfRow), (value) => value - 1);
/** 1 where the instruction may change status flags. */
export const rowChangesFlags: Uint8Array = Uint8Array.from(unpack(text.rowChangesFlags));
export const ROW_COUNT: number = mnemonicOfRow.length;
