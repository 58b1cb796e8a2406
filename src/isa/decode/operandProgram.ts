/**
 * Operand letters (row.ts) as numbers: per row up to four operands, each an action, a size code and a constant.
 */
import type { Row } from '../row.ts';

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
const sizeNames = Object.keys(sizeRows);
export const SIZE_X = sizeNames.indexOf('x');
export const SIZE_S = sizeNames.indexOf('s');
export const sizeOf: Uint16Array = new Uint16Array(sizeNames.length * 4);
sizeNames.forEach((name, code) => sizeOf.set(sizeRows[name]!, code * 4 + 1));

/** Bytes of an operand program: [action, register-size code, memory-size code, constant] x 4. */
export const PROGRAM_BYTES = 16;
/** `constraint`: which ModRM.mod the row's operands allow. */
export const Mod = { any: 0, memOnly: 1, regOnly: 2 } as const;

export interface OperandProgram {
  readonly bytes: Uint8Array;
  readonly count: number;
  readonly mod: number;
  /** Uses VEX.vvvv. */
  readonly vvvv: boolean;
}

const fixed: Record<string, readonly [act: number, size: string, constant: number]> = {
  AL: [Act.fixedGpr, 'b', 0], CL: [Act.fixedGpr, 'b', 1], DX: [Act.fixedGpr, 'w', 2], AX: [Act.fixedGpr, 'w', 0],
  rAX: [Act.fixedGpr, 'v', 0], eAX: [Act.fixedGpr, 'z', 0], '1': [Act.one, 'b', 1],
  ST0: [Act.st0, 't', 0], STi: [Act.stI, 't', 0],
  ES: [Act.fixedSeg, 'w', 0], CS: [Act.fixedSeg, 'w', 1], SS: [Act.fixedSeg, 'w', 2], DS: [Act.fixedSeg, 'w', 3], FS: [Act.fixedSeg, 'w', 4], GS: [Act.fixedSeg, 'w', 5],
};
const letters: Record<string, number> = {
  E: Act.rmGpr, G: Act.regGpr, Z: Act.opGpr, R: Act.rmGpr, W: Act.rmXmm, U: Act.rmXmm, V: Act.regXmm, Q: Act.rmMmx, N: Act.rmMmx, P: Act.regMmx,
  M: Act.mem, A: Act.far, O: Act.moffs, X: Act.strSrc, Y: Act.strDst, S: Act.regSeg, C: Act.control, D: Act.debug, B: Act.vexGpr, H: Act.vexXmm, L: Act.immXmm,
};
const immediates: Record<string, readonly [act: number, size: string]> = {
  Ib: [Act.immB, 'b'], Ibs: [Act.immBs, 'v'], Iw: [Act.immW, 'w'], Iz: [Act.immZ, 'v'], Iv: [Act.immV, 'v'], Jb: [Act.relB, 'v'], Jz: [Act.relZ, 'v'],
};

function sizeCode(name: string): number {
  const code = sizeNames.indexOf(name);
  if (code < 0) throw new Error(`unknown operand size ${name}`);
  return code;
}

export function compileOperands(row: Row): OperandProgram {
  const bytes = new Uint8Array(PROGRAM_BYTES);
  let mod: number = Mod.any, vvvv = false;
  row.operands.forEach((text, k) => {
    const at = k * 4;
    const f = fixed[text], im = immediates[text];
    if (f !== undefined) {
      bytes.set([f[0], sizeCode(f[1]), 0, f[2]], at);
    } else if (im !== undefined) {
      bytes.set([im[0], sizeCode(im[1]), 0, 0], at);
    } else {
      const [first, second] = text.split('/') as [string, string | undefined];
      const letter = first[0]!;
      const act = letters[letter];
      if (act === undefined) throw new Error(`unknown operand ${text} of ${row.encoding}`);
      const code = sizeCode(first.slice(1));
      bytes.set([act, code, second === undefined ? code : sizeCode(second.slice(1)), 0], at);
      if (letter === 'M') mod = Mod.memOnly;
      else if (second === undefined && (letter === 'R' || letter === 'U' || letter === 'N') && !moveControl(row)) mod = Mod.regOnly;
      if (letter === 'B' || letter === 'H') vvvv = true;
    }
  });
  if (row.modrmByte >= 0) mod = Mod.regOnly;
  return { bytes, count: row.operands.length, mod, vvvv };
}

/** mov to and from control and debug registers takes any ModRM.mod as 3. */
export function moveControl(row: Row): boolean {
  return row.operands.some((text) => text === 'Cy' || text === 'Dy');
}
