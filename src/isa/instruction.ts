/**
 * One decoded instruction. The decoder fills the same object again and again: fixed shape, numbers only.
 */

/** What an operand is. */
export const Kind = {
  none: 0,
  /** General register. reg 0..15; with size 1 also 16..19 = ah ch dh bh. */
  gpr: 1,
  /** Memory operand described by the instruction's base, index, ... fields. At most one per instruction. */
  mem: 2,
  /** Immediate, sign- or zero-extended to 64 bits in imm (low) and immHigh as the manual says for the instruction. */
  imm: 3,
  /** Branch displacement in imm, relative to the next instruction. */
  rel: 4,
  /** Far pointer in the code: imm = offset (16 bits when operandSize is 2), immHigh = selector. */
  far: 5,
  xmm: 6,
  mmx: 7,
  /** x87 stack register, reg = i of ST(i). */
  st: 8,
  /** Segment register, reg 0..5 = es cs ss ds fs gs. */
  seg: 9,
  control: 10,
  debug: 11,
  /** String source, segment:[rSI] (xlat: segment:[rBX+al] is a mem operand of its own mnemonic). Segment = memSegment. */
  strSrc: 12,
  /** String destination, es:[rDI]. */
  strDst: 13,
  /** 256-bit register (VEX rows only). */
  ymm: 14,
} as const;

/** Values of Instruction.rep. */
export const Rep = { none: 0, repz: 1, repnz: 2 } as const;

/** Register number of Instruction.base for rip-relative addresses: the address is next rip + disp. */
export const BASE_RIP = 16;

export class Operand {
  /** A `Kind`. */
  kind = 0;
  /** In bytes. For memory: bytes accessed (0 = address only: lea, invlpg, prefetch; else as in the manual: 10 for m80, 512 for fxsave). */
  size = 0;
  reg = 0;
  /** i32 */
  imm = 0;
  /** i32 */
  immHigh = 0;
}

export class Instruction {
  /** Index into `rows`. */
  row = 0;
  /** Index into `mnemonics`. */
  mnemonic = 0;
  /** In bytes, 1..15. */
  length = 0;
  /** 32 or 64. */
  mode = 64;
  /** Effective operand size in bytes: 2, 4 or 8 (8 where the row says d64/f64). */
  operandSize = 4;
  /** Effective address size in bytes: 2, 4 or 8. */
  addressSize = 8;
  /** 1 when a valid LOCK prefix is there (xchg with memory locks without it: that is the lifter's knowledge). */
  lock = 0;
  /** A `Rep`: the F3/F2 prefix where it means something for the row (string instructions); 0 otherwise. */
  rep = 0;
  /** Segment override prefix, -1 or 0..5. In 64-bit mode es, cs, ss and ds overrides are ignored: -1. */
  segment = -1;
  /** Segment of the memory operand: the override, else ss for rSP/rBP bases, else ds. */
  memSegment = 3;
  operandCount = 0;
  readonly op0 = new Operand();
  readonly op1 = new Operand();
  readonly op2 = new Operand();
  readonly op3 = new Operand();
  /** op0..op3 by number. */
  readonly op: readonly [Operand, Operand, Operand, Operand] = [this.op0, this.op1, this.op2, this.op3];
  /** Memory: -1 none, 0..15, BASE_RIP. 16-bit forms are expressed the same way (bx+si = base 3, index 6). */
  base = -1;
  /** -1 none, 0..15. */
  index = -1;
  /** 0..3: index << scale. */
  scale = 0;
  /** i32, sign-extended; dispHigh is its upper half (of its own only for moffs64). */
  disp = 0;
  dispHigh = 0;
  /** VEX.W / REX.W as decoded, for rows that care. */
  w = 0;
  /** VEX.L: 0 = 128 bits, 1 = 256. */
  l = 0;
}
