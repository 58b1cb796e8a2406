/**
 * Which case of the interpreter serves an instruction. The key of a case is made of the static facts a lifter may use; the
 * generator gives cases with the same code the same number.
 */
import { BASE_RIP, Kind, type Instruction } from '../../isa/instruction.ts';

/** How a record describes a memory operand. */
export const Form = {
  /** [base + disp], 64-bit addresses; also any operand whose address an address record has computed. */
  base64: 0,
  /** [base + index << scale + disp] */
  index64: 1,
  /** An absolute address of 32 bits, in disp. */
  absolute64: 2,
  base32: 3,
  index32: 4,
} as const;
export const FORMS = 5;
/** Memory forms, then the three address sizes of instructions without a memory operand. */
const THIRDS = FORMS + 3;

/** Address records: compute a linear address into EngineField.ea for the record after them. */
export const AddressCase = {
  /** 64-bit arithmetic + segment base. */
  wide: 0,
  /** absolute (disp) + 64-bit segment base */
  absolute: 1,
  /** 32-bit arithmetic, + segment base in 64 bits (67h in 64-bit mode). */
  narrow64: 2,
  /** 32-bit arithmetic + segment base, all in 32 bits. */
  narrow32: 3,
  /** 16-bit arithmetic + segment base in 32 bits. */
  word32: 4,
  /** An address of 64 bits (disp, imm) + 64-bit segment base. */
  far: 5,
} as const;
export const ADDRESS_CASES = 6;

export const FIRST_ADDRESS_CASE = 5;
export const FIRST_CASE = FIRST_ADDRESS_CASE + ADDRESS_CASES;

/** Keys per row. */
export const VARIANTS = 3 * THIRDS * 2 * 3;

export function memoryOperand(i: Instruction): number {
  for (let k = 0; k < i.operandCount; k++) if (i.op[k]!.kind === Kind.mem) return k;
  return -1;
}

function sizeIndex(size: number): number { return size === 8 ? 2 : size === 4 ? 1 : 0; }

/** `form` matters with a memory operand only; otherwise the address size takes its place. */
export function caseKey(i: Instruction, form: number): number {
  const third = form >= 0 ? form : FORMS + sizeIndex(i.addressSize);
  const prefix = i.lock !== 0 ? 1 : i.rep;
  return i.row * VARIANTS + ((sizeIndex(i.operandSize) * THIRDS + third) * 2 + (i.mode === 64 ? 0 : 1)) * 3 + prefix;
}

/** An absolute address that is no displacement: of moffs64. */
export function isFar(i: Instruction): boolean {
  return i.base < 0 && i.index < 0 && i.dispHigh !== i.disp >> 31;
}

/** The form a record can take directly, -1 if it needs an address record. `segmented`: the segment base may not be 0. */
export function formOf(i: Instruction, segmented: boolean, ripTarget: number): number {
  if (segmented) return -1;
  if (i.mode === 64) {
    if (i.addressSize !== 8) return -1;
    // below 0 or above 4 GiB it is the sum of nothing and a displacement
    if (isFar(i)) return -1;
    if (i.base === BASE_RIP) return ripTarget >= 0 && ripTarget < 0x1_0000_0000 ? Form.absolute64 : Form.base64;
    return i.index >= 0 ? Form.index64 : Form.base64;
  }
  if (i.addressSize !== 4) return -1;
  return i.index >= 0 ? Form.index32 : Form.base32;
}
