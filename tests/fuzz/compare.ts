/** What must be equal after a case, and how a difference reads. */
import { readFileSync } from 'node:fs';
import type { Instruction } from '../../src/isa/instruction.ts';
import { Kind } from '../../src/isa/instruction.ts';
import { flagLetters } from '../../src/isa/flags.ts';
import { gprName } from '../../src/isa/registers.ts';
import { Vector } from '../../src/machine/exit.ts';
import { type OracleResult, type OracleState, type Patch, St } from '../oracle/oracle.ts';
import type { FuzzCase } from './fuzzCase.ts';

/** Flags a user program can see and set: status, DF, and what popf may change. */
const VISIBLE = 0xcd5;

/** What the manual leaves undefined is as on AMD's processors where it costs nothing, and compared on these. */
const AMD = readFileSync('/proc/cpuinfo', 'latin1').includes('AuthenticAMD');

function countOf(i: Instruction, before: OracleState): number {
  const op = i.op[i.operandCount - 1]!, raw = op.kind === Kind.imm ? op.imm : Number(before.gpr(1) & 255n);
  return raw & (i.op0.size === 8 ? 63 : 31);
}

/** Status flags that are undefined after this instruction in this state, beyond what its row says always. */
export function undefinedFlags(i: Instruction, rowUndefined: number, mnemonic: string, before: OracleState): number {
  switch (mnemonic) {
    case 'shl': case 'shr': case 'sar': case 'rol': case 'ror': case 'rcl': case 'rcr': case 'shld': case 'shrd': {
      const count = countOf(i, before);
      if (count === 0) return 0;
      // OF of shld by just the operand's 16 bits follows no rule
      if (AMD) return mnemonic === 'shld' && i.op0.size === 2 && count === 16 ? 0x800 : 0;
      const bits = i.op0.size * 8;
      const carry = (mnemonic === 'shl' || mnemonic === 'shr' || mnemonic === 'shld' || mnemonic === 'shrd') && count > bits ? 1 : 0;
      return rowUndefined | (count === 1 ? 0 : 0x800) | carry;
    }
    case 'bsf': case 'bsr': case 'aaa': case 'aas': case 'aad': case 'daa': case 'das': return AMD ? 0 : rowUndefined;
    default: return rowUndefined;
  }
}

/** Registers and memory that may differ: the clock, what a virtual processor reports of itself, approximations. */
interface Tolerance {
  gpr?: number;
  /** Relative error of single-precision results in xmm. */
  approximate?: number;
  /** Last-place units of ST(0) and ST(1). */
  ulps?: number;
  /** Byte ranges of the memory operand not compared. */
  memory?: (i: Instruction) => [number, number][];
  /** Registers the row names as destination. */
  destination?: boolean;
}

const approximate = { approximate: 2 ** -11 };
const transcendental = { ulps: 1 };
const fipRanges = (i: Instruction): [number, number][] => (i.operandSize === 2 ? [[6, 14]] : [[2, 4], [6, 8], [10, 28]]);
const tolerances: Record<string, Tolerance> = {
  cpuid: { gpr: 0xf }, rdtsc: { gpr: 5 }, rdtscp: { gpr: 7 }, xgetbv: { gpr: 5 },
  rcpps: approximate, rcpss: approximate, rsqrtps: approximate, rsqrtss: approximate,
  f2xm1: transcendental, fyl2x: transcendental, fyl2xp1: transcendental, fsin: transcendental, fcos: transcendental, fsincos: transcendental, fptan: transcendental, fpatan: transcendental,
  fnstenv: { memory: fipRanges }, fnsave: { memory: fipRanges },
  // Last instruction and data pointers, the mask of MXCSR, and the area the manual leaves to software.
  fxsave: { memory: () => [[6, 24], [28, 32], [416, 512]] },
  // Which components were in use is the processor's secret.
  xsave: { memory: () => [[6, 24], [28, 32], [416, 520]] },
  sgdt: { memory: () => [[0, 10]] }, sidt: { memory: () => [[0, 10]] },
  sldt: { destination: true, memory: () => [[0, 2]] }, str: { destination: true, memory: () => [[0, 2]] }, smsw: { destination: true, memory: () => [[0, 2]] },
};

function hex(value: bigint | number): string {
  return value.toString(16);
}

function hexBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** 80-bit values as one ordered integer, so that neighbours differ by one. */
function ordered80(s: OracleState, n: number): bigint {
  const significand = s.u64[(St.fx + 32 + n * 16) >> 3]!;
  const exponent = BigInt(s.u16[(St.fx + 40 + n * 16) >> 1]!);
  const magnitude = ((exponent & 0x7fffn) << 63n) + (significand & 0x7fffffffffffffffn);
  return exponent >> 15n === 1n ? -magnitude : magnitude;
}

function near80(a: OracleState, b: OracleState, n: number, ulps: number): boolean {
  const distance = ordered80(a, n) - ordered80(b, n);
  return distance <= BigInt(ulps) && distance >= BigInt(-ulps);
}

function nearSingle(x: number, y: number, error: number): boolean {
  if (x === y || (Number.isNaN(x) && Number.isNaN(y))) return true;
  return Math.abs(x - y) <= Math.abs(x) * error;
}

function compareFpu(native: OracleState, ours: OracleState, t: Tolerance, out: string[]): void {
  const fcw = St.fx >> 1;
  if (native.u16[fcw] !== ours.u16[fcw]) out.push(`fcw ${hex(native.u16[fcw]!)} / ${hex(ours.u16[fcw]!)}`);
  // C1 of an inexact transcendental result depends on the last place.
  const statusMask = t.ulps === undefined ? 0xffff : 0xfdff;
  if (((native.u16[fcw + 1]! ^ ours.u16[fcw + 1]!) & statusMask) !== 0) out.push(`fsw ${hex(native.u16[fcw + 1]!)} / ${hex(ours.u16[fcw + 1]!)}`);
  const tag = St.fx + 4;
  if (native.bytes[tag] !== ours.bytes[tag]) out.push(`ftag ${hex(native.bytes[tag]!)} / ${hex(ours.bytes[tag]!)}`);
  for (let k = 0; k < 8; k++) {
    const at = St.fx + 32 + k * 16;
    const a = hexBytes(native.bytes.slice(at, at + 10).reverse()), b = hexBytes(ours.bytes.slice(at, at + 10).reverse());
    if (a === b || (t.ulps !== undefined && k < 2 && near80(native, ours, k, t.ulps))) continue;
    out.push(`st${k} ${a} / ${b}`);
  }
}

function compareXmm(c: FuzzCase, native: OracleState, ours: OracleState, t: Tolerance, out: string[]): void {
  for (let k = 0; k < (c.mode === 64 ? 16 : 8); k++) {
    const at = St.xmm + k * 16;
    for (let w = 0; w < 4; w++) {
      const word = (at >> 2) + w;
      if (native.u32[word] === ours.u32[word]) continue;
      if (t.approximate !== undefined && nearSingle(native.f32[word]!, ours.f32[word]!, t.approximate)) continue;
      out.push(`xmm${k} ${hexBytes(native.bytes.slice(at, at + 16).reverse())} / ${hexBytes(ours.bytes.slice(at, at + 16).reverse())}`);
      break;
    }
  }
}

function applyChanges(map: Map<number, number>, changes: readonly Patch[]): void {
  for (const change of changes) change.bytes.forEach((byte, k) => map.set(change.addr + k, byte));
}

/** Address of the memory operand in the state before the case. */
export function operandAddress(i: Instruction, s: OracleState, start: number): number {
  const seg = i.segment === 4 ? s.u64[St.fsBase >> 3]! : i.segment === 5 ? s.u64[St.gsBase >> 3]! : 0n;
  let ea = (BigInt(i.dispHigh) << 32n) + BigInt(i.disp >>> 0);
  if (i.base === 16) ea += BigInt(start + i.length);
  else if (i.base >= 0) ea += s.gpr(i.base);
  if (i.index >= 0) ea += s.gpr(i.index) << BigInt(i.scale);
  return Number(BigInt.asUintN(i.mode === 64 ? 64 : 32, BigInt.asUintN(i.addressSize * 8, ea) + seg));
}

function compareMemory(c: FuzzCase, native: OracleResult, ours: OracleResult, t: Tolerance, out: string[]): void {
  const a = new Map<number, number>(), b = new Map<number, number>();
  applyChanges(a, native.changes);
  applyChanges(b, ours.changes);
  const ranges = t.memory === undefined ? [] : t.memory(c.instruction).map(([from, to]) => {
    // The areas are there a second time, above 4 GiB.
    const base = operandAddress(c.instruction, c.state, c.start) % 2 ** 32;
    return [base + from, base + to] as const;
  });
  const at: number[] = [];
  for (const addr of new Set([...a.keys(), ...b.keys()])) {
    if (a.get(addr) === b.get(addr) || ranges.some(([from, to]) => addr >= from && addr < to)) continue;
    // A block only one side reports still may be equal in this byte to what it was.
    const was = c.before(addr);
    if ((a.get(addr) ?? was) !== (b.get(addr) ?? was)) at.push(addr);
  }
  if (at.length === 0) return;
  at.sort((x, y) => x - y);
  const first = at[0]!, last = Math.min(at[at.length - 1]!, first + 31);
  const text = (m: Map<number, number>): string => {
    let line = '';
    for (let addr = first; addr <= last; addr++) line += (m.get(addr) ?? c.before(addr)).toString(16).padStart(2, '0');
    return line;
  };
  out.push(`memory ${hex(first)}: ${text(a)} / ${text(b)}${at.length > 1 ? ` (${at.length} bytes differ)` : ''}`);
}

/** Microcode touches the ends of large images in its own order; arpl reads before it asks for writing. */
const looseAddress = /^(fx|fn?save|frstor|fldenv|fnstenv|xsave|xrstor|arpl)/;

/** Where the processor stopped. Some hypervisors that intercept debug exceptions tell the address of int1 itself, not the one behind it. */
function stoppedAt(c: FuzzCase, native: OracleResult): number {
  const rip = native.state.rip;
  return c.single && c.row.mnemonic === 'int1' && native.trapno === Vector.DB && rip === c.start ? rip + c.instruction.length : rip;
}

function stopText(r: OracleResult, rip: number, loose: boolean, mnemonic: string): string {
  if (r.signo === 0) return `runs to ${hex(rip)}`;
  // The kernel finds the code of `int n`.
  const selector = mnemonic !== 'int' && (r.trapno === Vector.GP || r.trapno === Vector.SS || r.trapno === Vector.NP) ? ` (${hex(r.err)})` : '';
  return `trap ${r.trapno} at ${hex(rip)}${selector}${r.trapno === 14 && !loose ? ` (address ${hex(r.siAddr)}, ${(r.err & 2) !== 0 ? 'write' : 'read'})` : ''}`;
}

/** Cases whose result the manual leaves open, or that the host's kernel answers in the processor's place. */
function open(c: FuzzCase, native: OracleResult): boolean {
  const exponent = c.state.u16[(St.fx + 40) >> 1]! & 0x7fff;
  switch (c.row.mnemonic) {
    case 'f2xm1': case 'fyl2xp1': return exponent >= (c.row.mnemonic === 'f2xm1' ? 0x3fff : 0x3ffd) && exponent < 0x7fff;
    case 'sldt': case 'str': case 'smsw': case 'sgdt': case 'sidt': return native.signo !== 0;
    // A wrong selector and the parameters it would skip: processors look in different orders.
    case 'retf': return native.trapno === Vector.PF;
    // Counts above the size of a 16-bit operand.
    case 'shld': case 'shrd': return !AMD && c.instruction.op0.size === 2 && countOf(c.instruction, c.state) > 16;
    // AMD's processors read 32 bits for a 16-bit operand too; bit offsets from narrow addresses wrap in their own way.
    case 'movsxd': return native.trapno === Vector.PF && c.instruction.operandSize === 2;
    case 'bt': case 'bts': case 'btr': case 'btc': return c.instruction.addressSize * 8 !== c.mode;
    default: return false;
  }
}

/** Differences, native first; empty when all is well. */
export function compareResults(c: FuzzCase, native: OracleResult, ours: OracleResult): string[] {
  const out: string[] = [];
  const mnemonic = c.row.mnemonic;
  const t = c.single ? (Object.hasOwn(tolerances, mnemonic) ? tolerances[mnemonic]! : {}) : {};
  const loose = looseAddress.test(mnemonic);
  const a = stopText(native, stoppedAt(c, native), loose, mnemonic), b = stopText(ours, ours.state.rip, loose, mnemonic);
  if (a !== b) out.push(`${a} / ${b}`);
  if (c.single && open(c, native)) return [];
  if (native.lost) return ['the case killed the oracle'];
  for (let k = 0; k < (c.mode === 64 ? 16 : 8); k++) {
    if (((t.gpr ?? 0) >> k) & 1) continue;
    if (t.destination === true && c.instruction.op0.kind === Kind.gpr && c.instruction.op0.reg === k) continue;
    const x = native.state.gpr(k), y = ours.state.gpr(k);
    if (x !== y) out.push(`${gprName(k, c.mode / 8)} ${hex(x)} / ${hex(y)}`);
  }
  const ignored = native.signo !== 0 && native.trapno !== 1 && native.trapno !== 3 && native.trapno !== 4 ? c.ignoredOnFault : c.ignoredFlags;
  const flagsA = native.state.eflags & VISIBLE & ~ignored, flagsB = ours.state.eflags & VISIBLE & ~ignored;
  if (flagsA !== flagsB) out.push(`flags ${flagLetters(flagsA) || '-'} / ${flagLetters(flagsB) || '-'} (of ${flagLetters(VISIBLE & ~ignored)})`);
  if (native.state.mxcsr !== ours.state.mxcsr) out.push(`mxcsr ${hex(native.state.mxcsr)} / ${hex(ours.state.mxcsr)}`);
  // The 32-bit oracle cannot see the bases.
  if (c.mode === 64) for (const [name, at] of [['fsbase', St.fsBase], ['gsbase', St.gsBase]] as const) {
    const x = native.state.u64[at >> 3]!, y = ours.state.u64[at >> 3]!;
    if (x !== y) out.push(`${name} ${hex(x)} / ${hex(y)}`);
  }
  compareFpu(native.state, ours.state, t, out);
  compareXmm(c, native.state, ours.state, t, out);
  compareMemory(c, native, ours, t, out);
  return out;
}

