import { existsSync, readFileSync } from 'node:fs';
import { Code, Decoder, type Instruction as Iced, MemorySizeExt, OpKind, Register } from 'iced-x86';
import { describe, expect, it } from 'vitest';
import { beyond } from '../../../tests/fuzz/beyond.ts';
import { BASE_RIP, Instruction, Kind, type Operand } from '../instruction.ts';
import { printInstruction } from '../print.ts';
import { gprName, segmentNames } from '../registers.ts';
import { mnemonics } from '../mnemonics.ts';
import { rows } from '../rows.ts';
import { Decode, decode } from './decode.ts';

const registerNames = new Map(Object.entries(Register).map(([name, value]) => [value, name.toLowerCase()]));
const codeNames = new Map(Object.entries(Code).map(([name, value]) => [value, name]));

function xorshift(seed: number): () => number {
  let x = seed | 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function memoryText(i: Instruction, op: Operand): string {
  const base = i.base === BASE_RIP ? (i.addressSize === 8 ? 'rip' : 'eip') : i.base < 0 ? '-' : gprName(i.base, i.addressSize);
  const index = i.index < 0 ? '-' : gprName(i.index, i.addressSize);
  // iced gives rip-relative operands as the address.
  let disp = (BigInt(i.dispHigh) << 32n) | BigInt(i.disp >>> 0);
  if (i.base === BASE_RIP) disp += BigInt(i.length);
  return `m${op.size} ${segmentNames[i.memSegment]}:${base}+${index}*${1 << i.scale}+${BigInt.asUintN(i.addressSize * 8, disp).toString(16)}`;
}

function oursText(i: Instruction, op: Operand): string {
  switch (op.kind) {
    case Kind.gpr: return gprName(op.reg, op.size);
    case Kind.mem: return memoryText(i, op);
    case Kind.imm: return `#${BigInt.asUintN(op.size * 8, (BigInt(op.immHigh) << 32n) | BigInt(op.imm >>> 0)).toString(16)}`;
    case Kind.rel: return `rel ${BigInt.asUintN(i.mode === 64 ? 64 : i.operandSize * 8, BigInt(i.length + op.imm)).toString(16)}`;
    case Kind.far: return `far ${op.immHigh}:${op.imm >>> 0}`;
    case Kind.xmm: return `xmm${op.reg}`;
    case Kind.mmx: return `mm${op.reg}`;
    case Kind.st: return `st${op.reg}`;
    case Kind.seg: return segmentNames[op.reg]!;
    case Kind.control: return `cr${op.reg}`;
    case Kind.debug: return `dr${op.reg}`;
    case Kind.strSrc: return `src ${segmentNames[i.memSegment]} ${i.addressSize}`;
    case Kind.strDst: return `dst ${i.addressSize}`;
    default: return '?';
  }
}

function icedText(ins: Iced, k: number, op: Operand): string {
  const kind = ins.opKind(k);
  const size = op.size * 8;
  switch (kind) {
    case OpKind.Register: {
      const name = registerNames.get(ins.opRegister(k))!;
      return /^r\d+l$/.test(name) ? name.replace('l', 'b') : name;
    }
    case OpKind.Memory: {
      const base = ins.memoryBase === Register.None ? '-' : registerNames.get(ins.memoryBase)!;
      const index = ins.memoryIndex === Register.None ? '-' : registerNames.get(ins.memoryIndex)!;
      const bits = ins.memoryBase === Register.None && ins.memoryIndex === Register.None ? ins.memoryDisplSize * 8 : /^r/.test(base + index) || /^-r/.test(base + index) ? 64 : /^(e|-e)/.test(base + index) || /\d+d/.test(base + index) ? 32 : 16;
      const bytes = MemorySizeExt.size(ins.memorySize);
      const displ = BigInt.asUintN(bits === 0 ? 64 : bits, ins.memoryDisplacement);
      return `m${bytes} ${registerNames.get(ins.memorySegment)}:${base}+${index}*${index === '-' ? 1 : ins.memoryIndexScale}+${displ.toString(16)}`;
    }
    case OpKind.NearBranch16: return `rel ${ins.nearBranch16.toString(16)}`;
    case OpKind.NearBranch32: return `rel ${(ins.nearBranch32 >>> 0).toString(16)}`;
    case OpKind.NearBranch64: return `rel ${BigInt.asUintN(64, ins.nearBranch64).toString(16)}`;
    case OpKind.FarBranch16: return `far ${ins.farBranchSelector}:${ins.farBranch16}`;
    case OpKind.FarBranch32: return `far ${ins.farBranchSelector}:${ins.farBranch32 >>> 0}`;
    case OpKind.MemorySegSI: case OpKind.MemorySegESI: case OpKind.MemorySegRSI:
      return `src ${registerNames.get(ins.memorySegment)} ${kind === OpKind.MemorySegSI ? 2 : kind === OpKind.MemorySegESI ? 4 : 8}`;
    case OpKind.MemoryESDI: return 'dst 2';
    case OpKind.MemoryESEDI: return 'dst 4';
    case OpKind.MemoryESRDI: return 'dst 8';
    default:
      return kind < OpKind.Immediate8 || kind > OpKind.Immediate32to64 ? `kind ${kind}` : `#${BigInt.asUintN(size, ins.immediate(k)).toString(16)}`;
  }
}

/** Operands our rows leave out because they never vary, or spell with another size on purpose. */
const sizesDiffer = /^(lea|prefetch|invlpg|nop|clflush|xsave|xrstor|fxsave|fxrstor|fldenv|fnstenv|fnsave|frstor|bound|sgdt|sidt|lgdt|lidt|lar|lsl|movsxd|call|jmp|callf|jmpf|ud0|ud1|fnop|arpl|verr|verw|lldt|ltr|lmsw)$/;

function compare(bytes: Uint8Array, offset: number, mode: 32 | 64, i: Instruction, decoder: Decoder, ins: Iced): { length: number; problem: string } {
  const available = Math.min(15, bytes.length - offset);
  const length = decode(bytes, offset, available, mode, i);
  decoder.position = offset;
  decoder.ip = 0n;
  decoder.decodeOut(ins);
  const code = codeNames.get(ins.code)!;
  if (ins.code === Code.INVALID) {
    return { length: 1, problem: length > 0 ? `only ours: ${rows[i.row]!.encoding} ${rows[i.row]!.mnemonic}` : '' };
  }
  if (length <= 0) return { length: ins.length, problem: beyond.test(code) ? '' : `only iced: ${code}` };
  if (length !== ins.length) return { length: ins.length, problem: beyond.test(code) ? '' : `length ${length} / ${ins.length}: ${code}` };
  const mnemonic = mnemonics[i.mnemonic]!;
  if ((mnemonic === 'nop' && ins.opCount === 0) || mnemonic.startsWith('maskmov')) return { length, problem: '' };
  const ours = i.op.slice(0, i.operandCount).map((op) => oursText(i, op));
  const theirs = ours.map((_, k) => (k < ins.opCount ? icedText(ins, k, i.op[k]!) : ''));
  const normal = (list: string[]) =>
    list
      .filter((text) => text !== 'st0' && text !== '')
      .map((text) => (sizesDiffer.test(mnemonic) || /Sreg/.test(code) ? text.replace(/^m\d+ /, '').replace(/^[er]?([a-d]x|[sb]p|[sd]i)$/, '$1').replace(/^(r\d+)[wdb]?$/, '$1') : text))
      .map((text) => (mode === 64 ? text.replace(/(cs|ds|es|ss)(:| \d)/, 'ds$2') : text))
      .join('; ');
  if (/^f/.test(mnemonic) && rows[i.row]!.feature === 'fpu' && i.operandCount < ins.opCount) theirs.push(icedText(ins, ins.opCount - 1, i.op[0]));
  if (normal(ours) !== normal(theirs)) return { length, problem: `operands of ${code} (${mnemonic}): ${normal(ours)} / ${normal(theirs)}` };
  return { length, problem: '' };
}

function sweep(bytes: Uint8Array, mode: 32 | 64, start: number, end: number): string[] {
  const i = new Instruction();
  const problems: string[] = [];
  const decoder = new Decoder(mode, bytes.subarray(0, end), 0);
  const ins = decoder.decode();
  for (let at = start; at < end - 16;) {
    const { length, problem } = compare(bytes.subarray(0, end), at, mode, i, decoder, ins);
    if (problem !== '') problems.push(`${problem} at ${at.toString(16)}: ${hex(bytes.subarray(at, at + 15))}`);
    at += length;
  }
  ins.free();
  decoder.free();
  return problems;
}

function randomBytes(count: number, mode: 32 | 64, seed: number): string[] {
  const random = xorshift(seed);
  const i = new Instruction();
  const problems = new Map<string, string>();
  const bytes = new Uint8Array(15 * count);
  for (let k = 0; k < bytes.length; k++) bytes[k] = random() >>> 11;
  const lead = [[], [0x0f], [0x66, 0x0f], [0xf3, 0x0f], [0xf2, 0x0f], [0x0f, 0x38], [0x66, 0x0f, 0x38], [0x66, 0x0f, 0x3a], [0x48], [0x66], [0x67], [0xf0], [0xc4, 0xe2], [0x41, 0x0f]];
  const decoder = new Decoder(mode, bytes, 0);
  const ins = decoder.decode();
  for (let n = 0; n < count; n++) {
    bytes.set(lead[random() % lead.length]!, n * 15);
  }
  decoder.free();
  for (let n = 0; n < count; n++) {
    const one = bytes.slice(n * 15, n * 15 + 15);
    const d = new Decoder(mode, one, 0);
    const { problem } = compare(one, 0, mode, i, d, ins);
    d.free();
    const key = problem.replace(/0x[0-9a-f]+|[0-9a-f]{4,}/g, '');
    if (problem !== '' && !problems.has(key)) problems.set(key, `${problem}: ${hex(one)}`);
  }
  ins.free();
  return [...problems.values()];
}

/** Departures from iced that are ours on purpose. */
function known(problem: string): boolean {
  return /^only ours: (F3 |F2 )?0F 05/.test(problem);
}

describe('decoder against iced', () => {
  for (const mode of [64, 32] as const) {
    it(`agrees on random bytes, ${mode}-bit mode`, () => {
      expect(randomBytes(20_000, mode, 0x5eed).filter((p) => !known(p)).slice(0, 40)).toEqual([]);
    });
  }
  const binaries: [string, 32 | 64][] = [['/bin/bash', 64], ['/lib/x86_64-linux-gnu/libc.so.6', 64], ['/lib/x86_64-linux-gnu/libm.so.6', 64], ['/usr/lib32/libc.so.6', 32], ['/lib/i386-linux-gnu/libc.so.6', 32]];
  for (const [path, mode] of binaries) {
    it.skipIf(!existsSync(path))(`agrees on the code of ${path}`, () => {
      const file = new Uint8Array(readFileSync(path));
      const text = executableRange(file);
      const end = Math.min(text.end, text.start + 400_000);
      expect(sweep(file, mode, text.start, end).filter((p) => !known(p)).slice(0, 20)).toEqual([]);
    });
  }
});

/** File range of the executable segment. */
function executableRange(file: Uint8Array): { start: number; end: number } {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const wide = file[4] === 2;
  const phoff = wide ? Number(view.getBigUint64(32, true)) : view.getUint32(28, true);
  const count = view.getUint16(wide ? 56 : 44, true), size = view.getUint16(wide ? 54 : 42, true);
  for (let k = 0; k < count; k++) {
    const at = phoff + k * size;
    const flags = view.getUint32(at + (wide ? 4 : 24), true);
    if (view.getUint32(at, true) !== 1 || (flags & 1) === 0) continue;
    const start = wide ? Number(view.getBigUint64(at + 8, true)) : view.getUint32(at + 4, true);
    const length = wide ? Number(view.getBigUint64(at + 32, true)) : view.getUint32(at + 16, true);
    return { start, end: start + length };
  }
  throw new Error('no executable segment');
}

describe('decode results', () => {
  const i = new Instruction();
  const run = (bytes: number[], available: number, mode = 64) => decode(Uint8Array.from(bytes), 0, available, mode, i);

  it('asks for more only when bytes are missing', () => {
    const add = [0x48, 0x81, 0x84, 0x88, 1, 2, 3, 4, 5, 6, 7, 8];
    for (let k = 1; k < add.length; k++) expect(run(add, k)).toBe(Decode.needMore);
    expect(run(add, add.length)).toBe(12);
    expect(run([0x0f, 0x0b], 1)).toBe(Decode.needMore);
    expect(run([0x06], 1)).toBe(Decode.invalid);
    expect(run([0x66, 0x66], 2)).toBe(Decode.needMore);
  });

  it('refuses more than 15 bytes with #GP', () => {
    expect(run([...Array<number>(14).fill(0x66), 0x90], 15)).toBe(15);
    expect(run([...Array<number>(15).fill(0x66), 0x90, 0, 0], 16)).toBe(Decode.tooLong);
    expect(run([...Array<number>(12).fill(0x66), 0x81, 0xc0, 1, 2, 3], 17)).toBe(Decode.tooLong);
    expect(run(Array<number>(40).fill(0x66), 40)).toBe(Decode.tooLong);
  });

  it('allows LOCK only where the manual does', () => {
    expect(run([0xf0, 0x01, 0x00], 3)).toBe(3);
    expect(run([0xf0, 0x01, 0xc0], 3)).toBe(Decode.invalid);
    expect(run([0xf0, 0x03, 0x00], 3)).toBe(Decode.invalid);
    expect(run([0xf0, 0x90], 2)).toBe(Decode.invalid);
  });

  it('takes 16-bit code for 32-bit code with the sizes exchanged', () => {
    const facts = (bytes: number[]): number[] => [run(bytes, bytes.length, 16), i.mode, i.operandSize, i.addressSize];
    expect(facts([0xb8, 1, 2])).toEqual([3, 32, 2, 2]);
    expect(facts([0x66, 0xb8, 1, 2, 3, 4])).toEqual([6, 32, 4, 2]);
    expect(facts([0x8b, 0x40, 5])).toEqual([3, 32, 2, 2]);
    expect([i.base, i.index, i.disp]).toEqual([3, 6, 5]);
    expect(facts([0x67, 0x8b, 0x04, 0x24])).toEqual([4, 32, 2, 4]);
    expect(facts([0x9a, 1, 2, 3, 4])).toEqual([5, 32, 2, 2]);
    expect(facts([0xe9, 0xfd, 0xff])).toEqual([3, 32, 2, 2]);
    expect(facts([0x66, 0x0f, 0x6f, 0xc1])).toEqual([4, 32, 2, 2]);
  });

  it('prints', () => {
    run([0x48, 0x8b, 0x44, 0x8d, 0xf0], 5);
    expect(printInstruction(i, 0x1000)).toBe('mov rax, qword [rbp+rcx*4-0x10]');
    run([0xf3, 0xa6], 2, 32);
    expect(printInstruction(i, 0)).toBe('repe cmps byte [ds:esi], byte [es:edi]');
    run([0x74, 0xfe], 2);
    expect(printInstruction(i, 0x400)).toBe('je 0x400');
    run([0x64, 0x8b, 0x04, 0x25, 0xf8, 0xff, 0xff, 0xff], 8);
    expect(printInstruction(i, 0)).toBe('mov eax, dword [fs:0xfffffffffffffff8]');
  });
});

