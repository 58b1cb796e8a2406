/**
 * Operand letters (row.ts) as numbers: per row up to four operands, each an action, a size code and a constant.
 */

/** How an operand is found. */
export const Act = {
  none: 0,
  /** E: gpr or memory by ModRM; `Rv/Mw` forms have a size for each. */
  rmGpr: 1,
  /** G */
  regGpr: 2,
  /** Z: opcode low bits. */
  opGpr: 3,
  /** AL, CL, DX, rAX...: the constant is the register. */
  fixedGpr: 4,
  /** W or U. */
  rmXmm: 5,
  /** V */
  regXmm: 6,
  /** Q or N. */
  rmMmx: 7,
  /** P */
  regMmx: 8,
  /** M */
  mem: 9,
  /** imm8 zero-extended. */
  immB: 10,
  /** imm8 sign-extended to the operand size. */
  immBs: 11,
  /** imm16 zero-extended. */
  immW: 12,
  /** imm16/32, sign-extended to 64. */
  immZ: 13,
  /** imm16/32/64. */
  immV: 14,
  /** The constant 1 or 3. */
  one: 15,
  relB: 16,
  relZ: 17,
  /** A */
  far: 18,
  /** O */
  moffs: 19,
  strSrc: 20,
  strDst: 21,
  regSeg: 22,
  fixedSeg: 23,
  st0: 24,
  stI: 25,
  control: 26,
  debug: 27,
  /** B */
  vexGpr: 28,
  /** H */
  vexXmm: 29,
  /** L: register in imm8[7:4]. */
  immXmm: 30,
} as const;

/** Size codes; `sizeOf[code * 4 + log2(operand size)]` is the size in bytes. */
const sizeRows: Record<string, readonly [number, number, number]> = {
  b: [1, 1, 1], w: [2, 2, 2], d: [4, 4, 4], q: [8, 8, 8], t: [10, 10, 10], dq: [16, 16, 16], x: [16, 16, 16], ss: [4, 4, 4], sd: [8, 8, 8],
  v: [2, 4, 8], y: [4, 4, 8], z: [2, 4, 4], p: [4, 6, 10], a: [4, 8, 16], env: [14, 28, 28], sav: [94, 108, 108], s: [6, 6, 6],
  '0': [0, 0, 0], '512': [512, 512, 512], '576': [576, 576, 576],
};
export const sizeNames: readonly string[] = Object.keys(sizeRows);
export const SIZE_X = sizeNames.indexOf('x');
export const SIZE_S = sizeNames.indexOf('s');
export const sizeOf: Uint16Array = new Uint16Array(sizeNames.length * 4);
sizeNames.forEach((name, code) => sizeOf.set(sizeRows[name]!, code * 4 + 1));
