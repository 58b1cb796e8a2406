/**
 * What the processor calls an access above 4 GiB that the interpreter has refused: a page fault only if the address is canonical;
 * else #SS through rsp and rbp, #GP otherwise, which name no address (SDM vol. 1, 3.3.7.1).
 */
import { decode } from '../isa/decode/decode.ts';
import { Instruction, Kind } from '../isa/instruction.ts';
import { mnemonics } from '../isa/mnemonics.ts';
import { EngineField } from '../machine/codeLayout.ts';
import { Cpu, Gpr, Seg } from '../machine/cpuState.ts';
import { Access, Exit, Vector } from '../machine/exit.ts';
import { BIAS, PERMISSION_TABLE, Perm } from '../machine/memoryLayout.ts';
import { Field } from '../ir/ops.ts';
import type { CodePages } from '../machine/codePages.ts';

const instruction = new Instruction();
const stackInstructions = new Set(['push', 'pop', 'pushf', 'popf', 'call', 'ret', 'enter', 'leave', 'callf', 'retf', 'iret']);
/** Half of the addresses of 48 bits: the first that is not canonical. */
const HALF = 2 ** 47;

function isCanonical(hi: number): boolean {
  return hi < 0x8000 || hi >= 0xffff8000;
}

/** The instruction at `address`; false when it cannot be read any more. */
function decodeAt(pages: CodePages, address: number, long: boolean): boolean {
  const mayFetch = (page: number): boolean => (pages.bytes[PERMISSION_TABLE + page]! & Perm.X) !== 0;
  if (!mayFetch(address >>> 12)) return false;
  const left = 4096 - (address & 0xfff);
  return decode(pages.bytes, address + BIAS, left + (mayFetch((address + left) >>> 12) ? 15 : 0), long ? 64 : 32, instruction) > 0;
}

function becomeTrap(words: Int32Array, cpu: number, vector: number): void {
  words[(cpu + Cpu.exitReason) >> 2] = Exit.trap;
  words[(cpu + Cpu.exitCode) >> 2] = vector;
}

/** Looks at an exit to the kernel. */
export function refineRefusal(pages: CodePages, cpu: number): void {
  const { words } = pages;
  if (words[(cpu + Cpu.exitReason) >> 2] !== Exit.fault) return;
  const hi = words[(cpu + Cpu.exitAddr + 4) >> 2]! >>> 0, access = words[(cpu + Cpu.exitCode) >> 2]!;
  if (access === Access.execute) return wildJump(pages, cpu, hi);
  if (hi === 0) return;
  const known = decodeAt(pages, words[(cpu + Cpu.rip) >> 2]! >>> 0, words[(cpu + Cpu.long) >> 2] !== 0);
  if (isCanonical(hi) && !(known && reachesHalf(hi, words[(cpu + Cpu.exitAddr) >> 2]! >>> 0))) return;
  becomeTrap(words, cpu, known && isStackAccess() ? Vector.SS : Vector.GP);
}

/** The operand begins below the addresses that are not canonical and ends among them. */
function reachesHalf(hi: number, lo: number): boolean {
  if (hi !== 0x7fff) return false;
  let size = instruction.operandSize;
  for (let k = 0; k < instruction.operandCount; k++) if (instruction.op[k]!.kind === Kind.mem) size = instruction.op[k]!.size;
  return hi * 2 ** 32 + lo + size > HALF;
}

function isStackAccess(): boolean {
  if (mnemonics[instruction.mnemonic] === 'pop') return true;
  for (let k = 0; k < instruction.operandCount; k++) {
    if (instruction.op[k]!.kind === Kind.mem && instruction.op[k]!.size > 0) return instruction.memSegment === Seg.ss;
  }
  return stackInstructions.has(mnemonics[instruction.mnemonic]!);
}

/**
 * A jump above 4 GiB. The interpreter's fault exit has written only the low half of rip. A canonical target is where the fetch
 * faults; at any other the jump itself does, and has moved nothing.
 */
function wildJump(pages: CodePages, cpu: number, hi: number): void {
  const { words } = pages;
  if (hi === 0) return;
  if (isCanonical(hi)) {
    words[(cpu + Cpu.rip) >> 2] = words[(cpu + Cpu.exitAddr) >> 2]!;
    words[(cpu + Cpu.rip + 4) >> 2] = hi | 0;
    return;
  }
  const start = words[(words[(cpu + EngineField.exitRecord) >> 2]! + Field.rip) >> 2]!;
  words[(cpu + Cpu.rip) >> 2] = start;
  words[(cpu + Cpu.rip + 4) >> 2] = 0;
  becomeTrap(words, cpu, Vector.GP);
  if (!decodeAt(pages, start >>> 0, true)) return;
  const name = mnemonics[instruction.mnemonic], sp = (cpu + Cpu.gpr + 8 * Gpr.rsp) >> 2;
  if (name === 'call') words[sp] = words[sp]! + 8;
  else if (name === 'ret') words[sp] = words[sp]! - 8 - (instruction.operandCount === 0 ? 0 : instruction.op0.imm & 0xffff);
}
