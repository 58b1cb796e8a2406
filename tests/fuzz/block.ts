/**
 * Random basic blocks: several instructions in a row, so that flags, partial registers and stack changes of one meet the next.
 * rsi and rdi keep pointing into the data area, rsp stays there; everything else may change.
 */
import { Instruction, Kind } from '../../src/isa/instruction.ts';
import { printInstruction } from '../../src/isa/print.ts';
import type { Row } from '../../src/isa/row.ts';
import { rows } from '../../src/isa/rows.ts';
import { Area } from '../oracle/oracle.ts';
import { undefinedFlags } from './compare.ts';
import { memoryOperand, randomEncoding } from './encoding.ts';
import { type FuzzCase, memoryBefore, START } from './fuzzCase.ts';
import type { Random } from './random.ts';
import { laneOf, randomState, usualFloats } from './state.ts';

const RSP = 4, RSI = 6, RDI = 7;
/** Left out: transfers, faults, what reads the clock or the system, what only approximates, what needs prepared operands. */
const excluded =
  /^(j.*|call.*|ret.*|loop.*|iret|int.*|into|hlt|ud\d|syscall|sysenter|sys.*|cpuid|rdtsc.*|xgetbv|xsetbv|in|out|ins|outs|cli|sti|div|idiv|aam|enter|leave|movs|cmps|stos|lods|scas|xlat|maskmov.*|bound|les|lds|l[sfg]s|lar|lsl|ver[rw]|sldt|str|smsw|sgdt|sidt|l[gi]dt|lldt|ltr|lmsw|invlpg|pop[af]|pusha|rd.*|wr.*|fx(save|rstor)|xsave|xrstor|ldmxcsr|rcp.*|rsqrt.*|f2xm1|fyl2x.*|fsin.*|fcos|fptan|fpatan|fldenv|fnstenv|fnsave|frstor|fldcw|swapgs|clts|invd|wbinvd|fxam)$/;

const integerRows = rows.filter((row) => !excluded.test(row.mnemonic) && !row.privileged && row.feature !== 'fpu' && !row.operands.some((op) => /^[CDS]/.test(op) && op !== 'CL' && op !== 'DX' || /^[DEFGS]S$/.test(op)));
const x87Rows = rows.filter((row) => !excluded.test(row.mnemonic) && row.feature === 'fpu');
export const vectorRows = integerRows.filter((row) => /^(mmx|ss?se|sse)/.test(row.feature));
/** Arithmetic and comparisons of one kind of numbers, and what moves them. */
const floatRows = (['f32', 'f64'] as const).map((lane) => vectorRows.filter((row) => laneOf(row) === lane || /^(mov[au]p|movs[sd]|movq|xorp|pxor|movddup)/.test(row.mnemonic)));
export const plainRows = integerRows.filter((row) => !/^(mmx|ss?se|sse)/.test(row.feature));

/** Keeps the pointers: no write to rsp, rsi, rdi but by push and pop; memory only through them. */
export function acceptable(i: Instruction, row: Row): boolean {
  if (i.addressSize === 2) return false;
  const k = memoryOperand(i);
  if (k >= 0 && i.op[k]!.size > 0) {
    if (i.base !== RSI && i.base !== RDI && i.base !== RSP) return false;
    if (i.index >= 0 || i.segment >= 0 || Math.abs(i.disp) > 0x200) return false;
    if (/^(bt|bts|btr|btc)$/.test(row.mnemonic) && i.op1.kind === Kind.gpr) return false;
    if (i.op[k]!.size > 16) return false;
  }
  for (let n = 0; n < i.operandCount; n++) {
    const op = i.op[n]!;
    if (op.kind !== Kind.gpr || op.reg < 0) continue;
    const reg = op.reg >= 16 ? op.reg - 16 : op.reg;
    if ((reg === RSP || reg === RSI || reg === RDI) && !(row.mnemonic === 'push')) return false;
  }
  if (/^(push|pop)$/.test(row.mnemonic) && i.op0.kind !== Kind.gpr && i.op0.kind !== Kind.imm) return false;
  return true;
}

export function makeBlock(mode: 32 | 64, length: number, random: Random): FuzzCase | undefined {
  const floats = random.chance(0.2) ? random.below(2) : -1;
  const pool = floats >= 0 ? floatRows[floats]! : random.chance(0.5) ? plainRows : random.chance(0.5) ? vectorRows : random.chance(0.3) ? x87Rows : integerRows;
  const usable = pool.filter((row) => (mode === 64 ? row.valid64 : row.valid32));
  const code: number[] = [];
  const text: string[] = [];
  let first: Instruction | undefined, firstRow: Row | undefined, undef = 0, everUndefined = 0;
  const state = randomState(pool === x87Rows ? x87Rows[0]! : random.pick(pool), new Instruction(), mode, random);
  if (floats >= 0) usualFloats(state, floats === 0 ? 'f32' : 'f64', random);
  for (let k = 0; k < 40 * length && text.length < length; k++) {
    const row = random.pick(usable);
    if ((row.flagsRead & undef) !== 0) continue;
    const encoded = randomEncoding(row, mode, random);
    if (encoded === undefined || !acceptable(encoded.instruction, row)) continue;
    const i = encoded.instruction;
    // Partial flag changes of shifts by CL may leave old undefined ones.
    const shift = /^(sh[lr]d?|sar|ro[lr]|rc[lr])$/.test(row.mnemonic);
    const count = i.op[i.operandCount - 1]!;
    const dynamic = shift && count.kind === Kind.gpr;
    if (/^sh[lr]d$/.test(row.mnemonic) && i.operandSize === 2) continue;
    const now = dynamic ? row.flagsUndefined | 0x801 : undefinedFlags(i, row.flagsUndefined, row.mnemonic, state);
    const keeps = dynamic || (shift && (count.imm & (i.op0.size === 8 ? 63 : 31)) === 0);
    undef = (keeps ? undef : undef & ~row.flagsWritten) | now;
    everUndefined |= undef;
    text.push(printInstruction(i, START + code.length));
    code.push(...encoded.bytes);
    first ??= i;
    firstRow ??= row;
  }
  if (first === undefined || firstRow === undefined) return undefined;
  for (const reg of [RSI, RDI]) state.setGpr(reg, Area.data + 0x400 + random.below(0x80) * 16 + (random.chance(0.3) ? random.below(16) : 0));
  state.setGpr(RSP, Area.data + 0x2000 + random.below(0x40) * 16);
  const seed = 1 + random.below(8);
  return {
    row: firstRow, mode, instruction: first, code: Uint8Array.from(code), state, seed, patches: [], start: START, text: text.join('; '), single: false,
    ignoredFlags: undef, ignoredOnFault: everUndefined, exactSse: text.some((line) => line.includes('stmxcsr')) || random.chance(floats >= 0 ? 0.1 : 0.5), before: (addr) => memoryBefore(seed, [], addr),
  };
}

/** Signed 32-bit value as bytes. */
function little32(value: number): number[] {
  return [value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255];
}

/**
 * A block in a loop that runs `count` times, so that the hot tier takes over in the middle. The counter is in memory; rsp is put
 * back at the end of each turn.
 */
export function makeLoop(mode: 32 | 64, length: number, count: number, random: Random): FuzzCase | undefined {
  const block = makeBlock(mode, length, random);
  if (block === undefined) return undefined;
  const rex = mode === 64 ? [0x48] : [];
  const rsi = Number(block.state.gpr(RSI)), rsp = Number(block.state.gpr(RSP));
  const counter = 0x300;
  const body = [...block.code];
  // lea rsp, [rsi + ...]; sub dword [rsi + counter], 1; jnz
  body.push(...rex, 0x8d, 0xa6, ...little32(rsp - rsi), 0x83, 0xae, ...little32(counter), 1, 0x0f, 0x85);
  body.push(...little32(-(body.length + 4)));
  const patches = [{ addr: rsi + counter, bytes: Uint8Array.from(little32(count)) }];
  const seed = block.seed ?? 0;
  return {
    ...block, code: Uint8Array.from(body), patches, text: `${count} x { ${block.text} }`, before: (addr) => memoryBefore(seed, patches, addr),
    // sub defines all flags
    ignoredFlags: 0,
  };
}
