/** Runs fuzz cases on the real processor and in an executor of ours, and reports the differences. */
import type { Row } from '../../src/isa/row.ts';
import { rows } from '../../src/isa/rows.ts';
import { Oracle, type OracleResult, St } from '../oracle/oracle.ts';
import { makeBlock, makeLoop } from './block.ts';
import { compareResults } from './compare.ts';
import { type FuzzCase, makeCase } from './fuzzCase.ts';
import { makeGraph } from './graph.ts';
import { raise } from './height.ts';
import { Random } from './random.ts';

/** What runs a case of ours: the interpreter, later the translator. */
export interface Executor {
  readonly mode: 32 | 64;
  /** Null: this executor leaves the case to another. */
  run(c: FuzzCase): OracleResult | null;
}

export interface FuzzOptions {
  mode: 32 | 64;
  seed: number;
  /** Cases per row, or blocks in all. */
  count: number;
  /** Only rows this accepts. */
  filter?: (row: Row) => boolean;
  /** Random blocks of this many instructions instead of rows. */
  block?: number;
  /** With block: each block runs in a loop this often. */
  loop?: number;
  /** Pointers lie above 4 GiB: for executors of tall address spaces. */
  raised?: boolean;
  /** Programs with control flow, of this many turns. */
  graph?: number;
}

export interface Failure {
  c: FuzzCase;
  differences: string[];
}

const SIGVTALRM = 26;

/** Rows whose single instruction leaves to the kernel: engine tests look at them. */
export const leavesToKernel = /^(syscall|sysenter)$/;

export function casesFor(o: FuzzOptions): { cases: FuzzCase[]; untested: Row[] } {
  const random = new Random(o.seed);
  const cases: FuzzCase[] = [], untested: Row[] = [];
  if (o.graph !== undefined) {
    while (cases.length < o.count) cases.push(makeGraph(o.mode, o.graph, random));
    return { cases, untested };
  }
  if (o.block !== undefined) {
    while (cases.length < o.count) {
      const c = o.loop === undefined ? makeBlock(o.mode, o.block, random) : makeLoop(o.mode, o.block, o.loop, random);
      if (c !== undefined) cases.push(c);
    }
    return { cases, untested };
  }
  for (const row of rows) {
    if ((o.mode === 64 ? !row.valid64 : !row.valid32) || leavesToKernel.test(row.mnemonic) || o.filter?.(row) === false) continue;
    const before = cases.length;
    for (let k = 0; k < o.count; k++) {
      const c = makeCase(row, o.mode, random);
      if (c !== undefined) cases.push(c);
    }
    if (cases.length === before) untested.push(row);
  }
  return { cases, untested };
}

export function fuzz(o: FuzzOptions, executor: Executor): { failures: Failure[]; count: number; untested: Row[] } {
  const { cases, untested } = casesFor(o);
  if (o.raised === true) cases.forEach(raise);
  const failures: Failure[] = [];
  let compared = 0;
  const native = new Oracle(o.mode).run(cases);
  cases.forEach((c, k) => {
    // Lost, or stopped by the oracle's timer (a loop whose counter was overwritten).
    if (native[k]!.lost || native[k]!.signo === SIGVTALRM) return;
    let differences: string[];
    try {
      const ours = executor.run(c);
      if (ours === null) return;
      compared++;
      differences = compareResults(c, native[k]!, ours);
    } catch (error) {
      differences = [`our side threw: ${(error as Error).stack?.split('\n').slice(0, 3).join(' | ')}`];
    }
    if (differences.length > 0) failures.push({ c, differences });
  });
  return { failures, count: compared, untested };
}

function registers(c: FuzzCase): string {
  const s = c.state;
  const out: string[] = [];
  for (let k = 0; k < (c.mode === 64 ? 16 : 8); k++) out.push(s.gpr(k).toString(16));
  let text = `gpr ${out.join(' ')} eflags ${s.eflags.toString(16)} mxcsr ${s.mxcsr.toString(16)} fcw ${s.u16[St.fx >> 1]!.toString(16)} fsw ${s.u16[(St.fx >> 1) + 1]!.toString(16)} tag ${s.bytes[St.fx + 4]!.toString(16)}`;
  if (c.instruction.segment >= 0) text += ` fs ${s.u64[St.fsBase >> 3]!.toString(16)} gs ${s.u64[St.gsBase >> 3]!.toString(16)}`;
  return text;
}

function vectors(c: FuzzCase): string {
  const i = c.instruction;
  const out: string[] = [];
  for (const op of i.op.slice(0, i.operandCount)) {
    if (op.kind === 6) out.push(`xmm${op.reg} ${hexReversed(c.state.bytes, St.xmm + op.reg * 16, 16)}`);
    else if (op.kind === 7) out.push(`mm${op.reg} ${hexReversed(c.state.bytes, St.fx + 32 + ((op.reg - (c.state.u16[(St.fx >> 1) + 1]! >> 11)) & 7) * 16, 8)}`);
    else if (op.kind === 8 && op.reg !== 0) out.push(`st${op.reg} ${hexReversed(c.state.bytes, St.fx + 32 + op.reg * 16, 10)}`);
  }
  if (c.row.feature === 'fpu') out.unshift(`st0 ${hexReversed(c.state.bytes, St.fx + 32, 10)} st1 ${hexReversed(c.state.bytes, St.fx + 48, 10)}`);
  for (const p of c.patches.slice(0, 2)) out.push(`memory ${p.addr.toString(16)}: ${Buffer.from(p.bytes.subarray(0, 32)).toString('hex')}`);
  return out.join('  ');
}

function hexReversed(bytes: Uint8Array, at: number, size: number): string {
  return Buffer.from(bytes.slice(at, at + size).reverse()).toString('hex');
}

/** A failure in a few lines that reproduce it. Differences are native / ours. */
export function failureText(f: Failure): string {
  const c = f.c;
  return [
    `${c.mode}-bit ${Buffer.from(c.code).toString('hex')}  ${c.text}   [${c.single ? `${c.row.encoding} ${c.row.mnemonic}` : 'block'}] memory seed ${c.seed}`,
    `   ${registers(c)}`,
    `   ${vectors(c)}`,
    ...f.differences.map((d) => `   native / ours: ${d}`),
  ].join('\n');
}
