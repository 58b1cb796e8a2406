/**
 * Random programs with control flow: blocks that branch to any other (loops of all shapes, irreducible ones too), jumps through
 * a table, functions that call later functions. A counter in memory, decremented at the head of each block, ends them after
 * many turns, so that the hot tier has translated what runs most.
 */
import { Instruction } from '../../src/isa/instruction.ts';
import type { Row } from '../../src/isa/row.ts';
import { Area } from '../oracle/oracle.ts';
import { acceptable, plainRows, vectorRows } from './block.ts';
import { undefinedFlags } from './compare.ts';
import { randomEncoding } from './encoding.ts';
import { type FuzzCase, memoryBefore, START } from './fuzzCase.ts';
import type { Random } from './random.ts';
import { randomState } from './state.ts';

const RSP = 4, RSI = 6, RDI = 7;
/** Displacements from rsi: the counter and the jump table, beyond what the blocks' own operands reach. */
const COUNTER = 0x400, TABLE = 0x440;
/** Flags each pair of condition codes reads: o b z be s p l le. */
const conditionFlags = [0x800, 0x001, 0x040, 0x041, 0x080, 0x004, 0x880, 0x8c0];

function little32(value: number): number[] {
  return [value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255];
}

class Assembler {
  readonly bytes: number[] = [];
  readonly labels: number[] = [];
  private readonly fixups: { at: number; label: number }[] = [];

  emit(...bytes: number[]): void {
    this.bytes.push(...bytes);
  }
  /** A rel32 to a label that may come later. */
  relative(label: number): void {
    this.fixups.push({ at: this.bytes.length, label });
    this.emit(0, 0, 0, 0);
  }
  finish(): void {
    for (const { at, label } of this.fixups) little32(this.labels[label]! - (at + 4)).forEach((byte, k) => (this.bytes[at + k] = byte));
  }
}

interface Graph {
  mode: 32 | 64;
  random: Random;
  rows: readonly Row[];
  a: Assembler;
  /** Flags a fault in the middle may find undefined. */
  everUndefined: number;
}

/** Random instructions; returns the flags undefined after them. */
function body(g: Graph, count: number): number {
  let undef = 0;
  for (let k = 0, tries = 0; k < count && tries < 200; tries++) {
    const row = g.random.pick(g.rows);
    if ((row.flagsRead & undef) !== 0 || /^(push|pop|popf|pushf)$/.test(row.mnemonic)) continue;
    const encoded = randomEncoding(row, g.mode, g.random);
    if (encoded === undefined || !acceptable(encoded.instruction, row)) continue;
    const i = encoded.instruction;
    if (/^sh[lr]d$/.test(row.mnemonic) && i.operandSize === 2) continue;
    const shift = /^(sh[lr]d?|sar|ro[lr]|rc[lr])$/.test(row.mnemonic);
    const count = i.op[i.operandCount - 1];
    const keeps = shift && (count!.kind !== 3 || (count!.imm & (i.op0.size === 8 ? 63 : 31)) === 0);
    const dynamic = shift && count!.kind !== 3;
    undef = (keeps ? undef : undef & ~row.flagsWritten) | (dynamic ? row.flagsUndefined | 0x801 : undefinedFlags(i, row.flagsUndefined, row.mnemonic, emptyState));
    g.everUndefined |= undef;
    g.a.emit(...encoded.bytes);
    k++;
  }
  return undef;
}

const emptyState = { gpr: () => 0n } as never;

/** sub dword [rsi + COUNTER], 1; jz exit */
function head(g: Graph, exit: number): void {
  g.a.emit(0x83, 0xae, ...little32(COUNTER), 1, 0x0f, 0x84);
  g.a.relative(exit);
}

/** jcc to `label` on a condition whose flags are defined. */
function branch(g: Graph, undef: number, label: number): void {
  let cc = g.random.below(16);
  if ((conditionFlags[cc >> 1]! & undef) !== 0) {
    // test eax, ecx
    g.a.emit(0x85, 0xc8);
    if (cc >> 1 === 0) cc = 4;
  }
  g.a.emit(0x0f, 0x80 + cc);
  g.a.relative(label);
}

export function makeGraph(mode: 32 | 64, turns: number, random: Random): FuzzCase {
  const pool = random.chance(0.7) ? plainRows : [...plainRows, ...vectorRows];
  const g: Graph = { mode, random, rows: pool.filter((row) => (mode === 64 ? row.valid64 : row.valid32)), a: new Assembler(), everUndefined: 0 };
  const blocks = 2 + random.below(9), functions = random.below(4), exit = blocks + functions;
  for (let k = 0; k < blocks; k++) {
    g.a.labels[k] = g.a.bytes.length;
    head(g, exit);
    const undef = body(g, random.below(5));
    const kind = random.below(10);
    if (functions > 0 && kind < 3) {
      g.a.emit(0xe8);
      g.a.relative(blocks + random.below(functions));
    } else if (kind < 7) branch(g, undef, random.below(blocks));
    else if (kind < 8) indirect(g);
    if (k === blocks - 1 || random.chance(0.25)) {
      g.a.emit(0xe9);
      g.a.relative(random.below(blocks));
    }
  }
  for (let k = 0; k < functions; k++) {
    g.a.labels[blocks + k] = g.a.bytes.length;
    head(g, exit);
    const undef = body(g, random.below(4));
    if (random.chance(0.4)) branch(g, undef, blocks + k);
    if (k + 1 < functions && random.chance(0.5)) {
      g.a.emit(0xe8);
      g.a.relative(blocks + k + 1 + random.below(functions - k - 1));
    }
    g.a.emit(0xc3);
  }
  g.a.labels[exit] = g.a.bytes.length;
  g.a.finish();
  return graphCase(g, blocks, turns);
}

/** and ebx, 7; jmp [rsi + rbx * word + TABLE] */
function indirect(g: Graph): void {
  g.a.emit(0x83, 0xe3, 7, 0xff, 0xa4, g.mode === 64 ? 0xde : 0x9e, ...little32(TABLE));
}

function graphCase(g: Graph, blocks: number, turns: number): FuzzCase {
  const { mode, random, a } = g;
  const state = randomState(g.rows[0]!, new Instruction(), mode, random);
  for (const reg of [RSI, RDI]) state.setGpr(reg, Area.data + 0x400 + random.below(0x40) * 16);
  state.setGpr(RSP, Area.data + 0x2000);
  const rsi = Number(state.gpr(RSI)), word = mode / 8;
  const table = new Uint8Array(8 * word);
  for (let k = 0; k < 8; k++) table.set(little32(START + a.labels[random.below(blocks)]!), k * word);
  const patches = [{ addr: rsi + COUNTER, bytes: Uint8Array.from(little32(turns)) }, { addr: rsi + TABLE, bytes: table }];
  const seed = 1 + random.below(8);
  return {
    row: g.rows[0]!, mode, instruction: new Instruction(), code: Uint8Array.from(a.bytes), state, seed, patches, start: START,
    text: `${blocks} blocks, ${turns} turns`, single: false, ignoredFlags: 0, ignoredOnFault: g.everUndefined, exactSse: random.chance(0.5),
    before: (addr) => memoryBefore(seed, patches, addr),
  };
}
