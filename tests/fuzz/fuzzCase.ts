/** One fuzz case: a random encoding of a row with a random state it makes sense in. */
import { decode } from '../../src/isa/decode/decode.ts';
import { Instruction } from '../../src/isa/instruction.ts';
import { printInstruction } from '../../src/isa/print.ts';
import type { Row } from '../../src/isa/row.ts';
import { Area, DEFAULT_CODE_OFFSET, type OracleCase, type Patch, seededData } from '../oracle/oracle.ts';
import { aim, pickTarget } from './address.ts';
import { undefinedFlags } from './compare.ts';
import { memoryOperand, randomEncoding } from './encoding.ts';
import type { Random } from './random.ts';
import { memoryContents, prepare, type Scene } from './special.ts';
import { randomState } from './state.ts';

export interface FuzzCase extends OracleCase {
  row: Row;
  mode: 32 | 64;
  /** The (first) instruction. */
  instruction: Instruction;
  patches: Patch[];
  /** Where the code starts. */
  start: number;
  text: string;
  /** One instruction; false: a block. */
  single: boolean;
  /** Flags undefined at the end, and where a fault may end the case. */
  ignoredFlags: number;
  ignoredOnFault: number;
  /** SSE arithmetic by the exact path of ours. */
  exactSse: boolean;
  /** Memory before the case. */
  before(addr: number): number;
}

export const START = Area.code + DEFAULT_CODE_OFFSET;

function alignmentOf(row: Row, size: number): number {
  if (size >= 16) return row.mnemonic.startsWith('xsave') || row.mnemonic === 'xrstor' ? 64 : 16;
  return 1;
}

/** Undefined when `mode` has no encoding of the row. */
export function makeCase(row: Row, mode: 32 | 64, random: Random): FuzzCase | undefined {
  for (let attempt = 0; attempt < 60; attempt++) {
    const encoded = randomEncoding(row, mode, random);
    if (encoded === undefined) return undefined;
    const { bytes, instruction } = encoded;
    const s = randomState(row, instruction, mode, random);
    const patches: Patch[] = [];
    // Some across a page boundary.
    const start = random.chance(0.1) ? Area.code + 0x1000 - random.below(bytes.length + 1) : START;
    const scene: Scene = { row, i: instruction, bytes, mode, s, patches, start, random };
    prepare(scene);
    if (!aimMemory(scene)) continue;
    const again = new Instruction();
    if (decode(bytes, 0, bytes.length, mode, again) !== bytes.length || again.row !== row.id) continue;
    const seed = random.chance(0.3) ? 0 : 1 + random.below(8);
    const usable = patches.filter(inData);
    return {
      row, mode, instruction: again, code: bytes, codeOffset: start - Area.code, state: s, seed, patches: usable, start, text: printInstruction(again, start), single: true,
      ignoredFlags: undefinedFlags(again, row.flagsUndefined, row.mnemonic, s), ignoredOnFault: 0, exactSse: random.chance(0.5), before: (addr) => memoryBefore(seed, usable, addr),
    };
  }
  return undefined;
}

function aimMemory(c: Scene): boolean {
  const k = memoryOperand(c.i);
  if (k < 0) return true;
  const size = c.i.op[k]!.size;
  const target = pickTarget(size, alignmentOf(c.row, size), c.random);
  // Operands that wrap around inside the segment are left out.
  if (c.i.addressSize === 2 && size > 16) return false;
  // eax and edx select components.
  if (/^x(save|rstor)$/.test(c.row.mnemonic) && [c.i.base, c.i.index].some((reg) => reg === 0 || reg === 2)) return false;
  if (!aim(c.bytes, c.i, c.s, target, size, c.start)) return false;
  if (size > 0 && size <= 576) c.patches.push({ addr: target, bytes: memoryContents(c, size) });
  return true;
}

const seeded = new Map<number, Uint8Array>();

export function memoryBefore(seed: number, patches: readonly Patch[], addr: number): number {
  let contents = seeded.get(seed);
  if (contents === undefined) seeded.set(seed, (contents = seededData(seed)));
  let value = contents[addr - Area.data] ?? 0;
  for (const p of patches) if (addr >= p.addr && addr < p.addr + p.bytes.length) value = p.bytes[addr - p.addr]!;
  return value;
}

/** The oracle takes patches of the data and readOnly areas only. */
function inData(p: Patch): boolean {
  return p.addr >= Area.data && p.addr + p.bytes.length <= Area.readOnly + Area.readOnlySize;
}

