/** What single instructions need in registers and memory so that most of their cases do something. */
import type { Instruction } from '../../src/isa/instruction.ts';
import { Kind } from '../../src/isa/instruction.ts';
import type { Row } from '../../src/isa/row.ts';
import { Area, type OracleState, type Patch, St } from '../oracle/oracle.ts';
import type { Random } from './random.ts';
import { fillLanes, randomMxcsr } from './state.ts';

export interface Scene {
  row: Row;
  i: Instruction;
  /** The instruction's bytes; may be changed in place. */
  bytes: Uint8Array;
  mode: 32 | 64;
  s: OracleState;
  patches: Patch[];
  /** Guest address of the instruction. */
  start: number;
  random: Random;
}

const RAX = 0, RCX = 1, RDX = 2, RBX = 3, RSP = 4, RBP = 5, RSI = 6, RDI = 7;

function codeSelector(c: Scene): number {
  return c.mode === 64 ? 0x33 : 0x23;
}

/** An address of filler in the code area, not in the case's own bytes. */
export function codeTarget(c: Scene): number {
  for (;;) {
    const at = Area.code + 0x10 + c.random.below(Area.codeSize - 0x20);
    if (at < c.start - 1 || at > c.start + 0x60) return at;
  }
}

function little(value: bigint | number, size: number): Uint8Array {
  const out = new Uint8Array(size);
  let v = BigInt.asUintN(64, BigInt(value));
  for (let k = 0; k < size; k++, v >>= 8n) out[k] = Number(v & 255n);
  return out;
}

function join(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function stackTop(c: Scene, bytes: Uint8Array): void {
  c.patches.push({ addr: Number(c.s.gpr(RSP) & 0xffffffffn), bytes });
}

/** Writes an immediate or displacement that lies at the end of the bytes, `back` bytes before it. */
function putTail(c: Scene, value: number, size: number, back = 0): void {
  c.bytes.set(little(value, size), c.bytes.length - size - back);
}

function setRegister(c: Scene, reg: number, value: bigint | number, size = c.i.addressSize): void {
  const keep = size === 8 || c.mode === 32 ? 0n : (c.s.gpr(reg) >> BigInt(size * 8)) << BigInt(size * 8);
  c.s.setGpr(reg, keep | BigInt.asUintN(size * 8, BigInt(value)));
}

function dataAddress(c: Scene, room: number): number {
  return Area.data + 0x400 + c.random.below(Area.dataSize - 0x800 - room);
}

function segmentBase(c: Scene): bigint {
  return c.i.segment === 4 ? c.s.u64[St.fsBase >> 3]! : c.i.segment === 5 ? c.s.u64[St.gsBase >> 3]! : 0n;
}

function selector(c: Scene): number {
  // Others are the kernel's to judge.
  return c.random.pick([0, 3, 0x2b, 0x2b, 0x2b, 0x10, c.random.below(0x40) * 8 + 0x80]);
}

function relative(c: Scene): void {
  const size = c.row.operands.includes('Jb') ? 1 : c.i.operandSize === 2 ? 2 : 4;
  const next = c.start + c.bytes.length;
  let rel = codeTarget(c) - next;
  if (size === 1) {
    rel = c.random.below(256) - 128;
    if (next + rel >= c.start - 1 && rel < 0) rel = 0x40;
  }
  putTail(c, rel, size);
}

function count(c: Scene): void {
  setRegister(c, RCX, c.random.below(c.random.chance(0.2) ? 40 : 6));
}

function string(c: Scene): void {
  const source = dataAddress(c, 0x200), distance = c.random.pick([0, 0, 1, 2, 4, 8, -1, -4, -8, 16, 64, c.random.below(0x400)]);
  const destination = c.random.chance(0.5) ? dataAddress(c, 0x200) : Math.min(Math.max(source + distance, Area.data + 0x400), Area.data + 0x3c00);
  // A 16-bit source reaches the data area through a segment's base alone.
  if (c.i.addressSize === 2 && c.i.segment >= 4) c.s.u64[(c.i.segment === 4 ? St.fsBase : St.gsBase) >> 3] = BigInt(source - 0x1000);
  setRegister(c, RSI, BigInt(source) - segmentBase(c));
  setRegister(c, RDI, destination);
  if (c.i.rep !== 0) count(c);
  const fill = new Uint8Array(c.random.below(200) + 1).fill(c.random.chance(0.5) ? 0 : Number(c.s.gpr(RAX) & 255n));
  if (c.row.rep === 'repz' && c.random.chance(0.7)) {
    c.patches.push({ addr: source, bytes: fill }, { addr: destination, bytes: fill });
  }
}

function divide(c: Scene): void {
  if (c.random.chance(0.25)) return;
  const signed = c.row.mnemonic === 'idiv';
  const size = c.i.op0.size;
  const bits = BigInt(size * 8);
  const low = BigInt.asUintN(Number(bits), c.s.gpr(RAX));
  const high = signed && (low >> (bits - 1n)) === 1n ? (1n << bits) - 1n : 0n;
  if (size === 1) setRegister(c, RAX, (high << 8n) | low, 2);
  else setRegister(c, RDX, high, size);
}

function farPointer(c: Scene): Uint8Array {
  const sel = c.random.chance(0.8) ? codeSelector(c) : c.random.pick([0, 0x2b, 3, 0x1000]);
  return join(little(codeTarget(c), c.i.operandSize), little(sel, 2));
}

function eflagsImage(c: Scene): number {
  return (c.random.u32() & 0xed5) | 0x202 | (c.random.chance(0.2) ? 0x200000 : 0);
}

function iret(c: Scene): void {
  const n = c.i.operandSize;
  const base = [little(codeTarget(c), n), little(codeSelector(c), n), little(eflagsImage(c), n)];
  if (c.mode === 64) base.push(little(dataAddress(c, 64), n), little(0x2b, n));
  stackTop(c, join(...base));
}

function x87Environment(c: Scene, at: Uint8Array): void {
  const word = c.i.operandSize === 2 ? 2 : 4;
  const control = 0x40 | (c.random.below(16) << 8) | (c.random.chance(0.7) ? 0x3f : c.random.below(64));
  at.set(little(control, 2), 0);
  at.set(little(c.random.u32() & 0xffff, 2), word);
  at.set(little(c.random.pick([0, 0xffff, c.random.u32() & 0xffff]), 2), word * 2);
}

function fxImage(c: Scene, at: Uint8Array): void {
  at.set(little(0x40 | (c.random.below(16) << 8) | 0x3f, 2), 0);
  at.set(little(randomMxcsr(c.random) & (c.random.chance(0.9) ? 0xffff : 0x1ffff), 4), 24);
}

function bcd(c: Scene, at: Uint8Array): void {
  for (let k = 0; k < 9; k++) at[k] = (c.random.below(10) << 4) | c.random.below(10);
  if (c.random.chance(0.3)) at.fill(0, c.random.below(9), 9);
  at[9] = c.random.below(2) << 7;
}

/** Registers and immediates by mnemonic; runs before the memory operand is aimed. */
const preparations: Record<string, (c: Scene) => void> = {
  jcc: relative, jmp: (c) => branch(c), call: (c) => branch(c),
  loop: (c) => { relative(c); count(c); }, loopz: (c) => { relative(c); count(c); }, loopnz: (c) => { relative(c); count(c); },
  jcxz: (c) => { relative(c); if (c.random.chance(0.5)) setRegister(c, RCX, 0); },
  movs: string, cmps: string, stos: string, lods: string, scas: string,
  div: divide, idiv: divide,
  ret: (c) => stackTop(c, little(codeTarget(c), 8)),
  retf: (c) => stackTop(c, join(little(codeTarget(c), c.i.operandSize), little(c.random.chance(0.8) ? codeSelector(c) : c.random.pick([0, 0x2b, 0x1003]), c.i.operandSize))),
  iret,
  popf: (c) => stackTop(c, little(eflagsImage(c), 8)),
  callf: (c) => farBranch(c), jmpf: (c) => farBranch(c),
  enter: (c) => { putTail(c, c.random.below(0x600), 2, 1); putTail(c, c.random.pick([0, 0, 1, 2, 3, 5, 0x21]), 1); frame(c); },
  leave: frame,
  xlat: (c) => setRegister(c, RBX, BigInt(dataAddress(c, 256)) - segmentBase(c)),
  maskmovq: (c) => setRegister(c, RDI, BigInt(dataAddress(c, 16)) - segmentBase(c)),
  maskmovdqu: (c) => setRegister(c, RDI, BigInt(dataAddress(c, 16)) - segmentBase(c)),
  int: (c) => putTail(c, c.random.pick([0, 1, 3, 4, 5, 13, 0x20, 0x7f, 0x81, 0xff]), 1),
  cmpxchg: (c) => { if (c.i.op0.kind === Kind.gpr && c.random.chance(0.5)) setRegister(c, c.i.op0.reg & 7, c.s.gpr(RAX), 8); },
  pop: (c) => { if (c.i.op0.kind === Kind.seg) stackTop(c, little(selector(c), 8)); },
  mov: (c) => { if (c.i.op0.kind === Kind.seg && c.i.op1.kind === Kind.gpr) setRegister(c, c.i.op1.reg, selector(c), 2); },
  verr: (c) => selectorRegister(c), verw: (c) => selectorRegister(c), lar: (c) => selectorRegister(c), lsl: (c) => selectorRegister(c),
  wrfsbase: (c) => { if (c.random.chance(0.8)) c.s.setGpr(c.i.op0.reg, BigInt.asUintN(64, BigInt.asIntN(47, c.random.u64()))); },
  wrgsbase: (c) => { if (c.random.chance(0.8)) c.s.setGpr(c.i.op0.reg, BigInt.asUintN(64, BigInt.asIntN(47, c.random.u64()))); },
  xsave: components, xrstor: components,
  pcmpestri: text, pcmpestrm: text, pcmpistri: text, pcmpistrm: text,
};

for (const name of ['bt', 'bts', 'btr', 'btc']) {
  preparations[name] = (c) => {
    if (c.i.op0.kind === Kind.mem && c.i.op1.kind === Kind.gpr) setRegister(c, c.i.op1.reg, BigInt(c.random.below(0x2000) - 0x1000), 8);
  };
}
for (const name of ['shl', 'shr', 'sar', 'rol', 'ror', 'rcl', 'rcr', 'shld', 'shrd']) {
  preparations[name] = (c) => {
    const last = c.i.op[c.i.operandCount - 1]!;
    const limit = name.length === 4 && c.i.operandSize === 2 ? 17 : 33;
    if (last.kind === Kind.gpr && c.random.chance(0.8)) setRegister(c, RCX, c.random.below(limit), 1);
    else if (last.kind === Kind.gpr && limit === 17) setRegister(c, RCX, c.random.below(17) + 32 * c.random.below(8), 1);
    else if (last.kind === Kind.imm && limit === 17) putTail(c, c.random.below(17), 1);
  };
}

/** x87 and SSE only: the real processor has more components. */
function components(c: Scene): void {
  setRegister(c, RAX, c.random.below(4), c.mode / 8);
  setRegister(c, RDX, 0, c.mode / 8);
}

function branch(c: Scene): void {
  if (c.i.op0.kind === Kind.rel) relative(c);
  else if (c.i.op0.kind === Kind.gpr) c.s.setGpr(c.i.op0.reg, codeTarget(c));
}

function farBranch(c: Scene): void {
  if (c.i.op0.kind === Kind.far) c.bytes.set(farPointer(c), c.bytes.length - c.i.operandSize - 2);
}

function frame(c: Scene): void {
  setRegister(c, RBP, dataAddress(c, 0x100), c.mode / 8);
}

function selectorRegister(c: Scene): void {
  const op = c.i.op[c.i.operandCount - 1]!;
  if (op.kind === Kind.gpr) setRegister(c, op.reg, selector(c), 2);
}

/** Strings over a small alphabet, with ends. */
function text(c: Scene): void {
  const size = c.random.pick([1, 2]);
  for (let k = 0; k < 16; k++) {
    if (c.random.chance(0.2)) continue;
    const at = St.xmm + k * 16;
    for (let b = 0; b < 16; b++) c.s.bytes[at + b] = size === 2 && (b & 1) === 1 ? 0 : c.random.pick([0, 1, 2, 3, 4, 0x80, 0xff, 0x41, 0x7f]);
  }
  for (const reg of [RAX, RDX]) if (c.random.chance(0.8)) setRegister(c, reg, BigInt(c.random.below(44) - 22), 8);
  if (c.mode === 32) for (const reg of [RAX, RDX]) setRegister(c, reg, c.s.gpr(reg), 4);
}

export function prepare(c: Scene): void {
  if (Object.hasOwn(preparations, c.row.mnemonic)) preparations[c.row.mnemonic]!(c);
  if (c.mode === 32) for (let k = 0; k < 8; k++) c.s.setGpr(k, BigInt.asUintN(32, c.s.gpr(k)));
}

const memoryImages: Record<string, (c: Scene, at: Uint8Array) => void> = {
  fldenv: x87Environment, frstor: x87Environment,
  fldcw: (c, at) => at.set(little(0x40 | (c.random.below(16) << 8) | (c.random.chance(0.8) ? 0x3f : c.random.below(64)), 2)),
  fxrstor: fxImage, xrstor: (c, at) => { fxImage(c, at); at.fill(0, 512); at[512] = c.random.below(4); if (c.random.chance(0.1)) at[515 + c.random.below(13)] = 1 << c.random.below(8); }, // Not bit 17, which is AMD's.
  ldmxcsr: (c, at) => at.set(little(c.random.chance(0.9) ? randomMxcsr(c.random) : c.random.u32() & ~0x20000, 4)), fbld: bcd,
  cmpxchg: (c, at) => { if (c.random.chance(0.5)) at.set(little(c.s.gpr(RAX), at.length)); },
  cmpxchg8b: (c, at) => { if (c.random.chance(0.5)) at.set(join(little(c.s.gpr(RAX), 4), little(c.s.gpr(RDX), 4))); },
  cmpxchg16b: (c, at) => { if (c.random.chance(0.5)) at.set(join(little(c.s.gpr(RAX), 8), little(c.s.gpr(RDX), 8))); },
  jmp: (c, at) => at.set(little(codeTarget(c), at.length)), call: (c, at) => at.set(little(codeTarget(c), at.length)),
  jmpf: (c, at) => at.set(farPointer(c).subarray(0, at.length)), callf: (c, at) => at.set(farPointer(c).subarray(0, at.length)),
  mov: (c, at) => { if (c.i.op0.kind === Kind.seg) at.set(little(selector(c), 2)); },
  verr: (c, at) => at.set(little(selector(c), 2)), verw: (c, at) => at.set(little(selector(c), 2)), lar: (c, at) => at.set(little(selector(c), 2)), lsl: (c, at) => at.set(little(selector(c), 2)),
};
for (const name of ['les', 'lds', 'lss', 'lfs', 'lgs']) memoryImages[name] = (c, at) => at.set(little(selector(c), 2), at.length - 2);

/** Contents for the memory operand: as many bytes as it has. */
export function memoryContents(c: Scene, size: number): Uint8Array {
  const out = new Uint8Array(size);
  const m = c.row.mnemonic;
  const isFloat = c.row.feature === 'fpu' && !/^fi[^n]|^fb/.test(m);
  fillLanes(out, c.row.feature === 'fpu' ? (!isFloat ? 'int' : size === 4 ? 'f32' : size === 8 ? 'f64' : size === 10 ? 'f80' : 'int') : laneForMemory(c.row), c.random);
  if (Object.hasOwn(memoryImages, m)) memoryImages[m]!(c, out);
  if (/^pcmp.str/.test(m)) for (let k = 0; k < size; k++) if (c.random.chance(0.9)) out[k] = c.random.pick([0, 1, 2, 3, 4, 0x80, 0xff, 0x41]);
  return out;
}

function laneForMemory(row: Row): 'f32' | 'f64' | 'int' {
  if (/^cvt(t?)p?s?(ps|ss)2|(ps|ss)$/.test(row.mnemonic)) return 'f32';
  if (/^cvt(t?)(pd|sd)2|(pd|sd)$/.test(row.mnemonic)) return 'f64';
  return 'int';
}
