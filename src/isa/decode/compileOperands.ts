/** Operand letters -> operand programs. */
import type { Row } from '../row.ts';
import { PROGRAM_BYTES } from './layout.ts';
import { Act, sizeNames } from './operandProgram.ts';

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
