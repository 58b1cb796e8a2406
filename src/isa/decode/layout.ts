/** Shape of the decoder's tables; see buildTables.ts. */
export const GROUP = 0x8000;
/** Entries of a group: prefix (4) x W (2) x L (2) x register form (2) x reg (8). */
export const GROUP_ENTRIES = 256;
/** Facts of a row as bits. */
export const RowBits = { lock: 1, rep: 2, repz: 4, d64: 8, f64: 16, prefix66: 32, vvvv: 64, control: 128 } as const;
/** VEX (2) x map (4) x opcode (256). */
export const SLOTS_PER_MODE = 2 * 4 * 256;
/** Bytes of an operand program: [action, register-size code, memory-size code, constant] x 4. */
export const PROGRAM_BYTES = 16;
