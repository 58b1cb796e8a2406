/** Segment registers and far transfers (SDM vol. 2: MOV, LAR, LSL, VERR, CALL, RET, IRET; vol. 3, 5.5 to 5.8), from ring 3. */
import { type Instruction, Kind } from '../../isa/instruction.ts';
import { mnemonics } from '../../isa/mnemonics.ts';
import { CcOp, Cpu, Eflags, Gpr, Seg } from '../../machine/cpuState.ts';
import { Attribute, Descriptor, isLongCode, lookUpDescriptor } from '../../machine/descriptors.ts';
import { Vector } from '../../machine/exit.ts';
import { CODE_PAGE_TABLE, LDT_TABLE } from '../../machine/memoryLayout.ts';
import type { GuestAccess } from './guestAccess.ts';
import { effectiveAddress } from './operands.ts';

const descriptor = new Descriptor();

function find(g: GuestAccess, selector: number): boolean {
  return (selector & 0xfffc) !== 0 && lookUpDescriptor(g.words, g.cpu, selector, descriptor);
}

function isOurs(): boolean {
  return (descriptor.attributes & Attribute.privilege) === Attribute.privilege;
}

/** The selector in a slot of `size` bytes. */
function loadSelector(g: GuestAccess, at: number, size: number): number {
  g.load(at, size);
  return g.load(at, 2);
}

/** Checks that `selector` may be loaded into data segment register `s`. */
function checkData(g: GuestAccess, s: number, selector: number): void {
  const error = selector & 0xfffc;
  if (error === 0) {
    if (s === Seg.ss) g.trap(Vector.GP);
    return;
  }
  if (!find(g, selector) || !descriptor.has(Attribute.normal)) g.trap(Vector.GP, error);
  const code = descriptor.has(Attribute.code), readWrite = descriptor.has(Attribute.readWrite);
  if (s === Seg.ss) {
    if ((selector & 3) !== 3 || code || !readWrite || !isOurs()) g.trap(Vector.GP, error);
    if (!descriptor.has(Attribute.present)) g.trap(Vector.SS, error);
    return;
  }
  if (code && !readWrite) g.trap(Vector.GP, error);
  if (!(code && descriptor.has(Attribute.down)) && !isOurs()) g.trap(Vector.GP, error);
  if (!descriptor.has(Attribute.present)) g.trap(Vector.NP, error);
}

function setSegment(g: GuestAccess, s: number, selector: number): void {
  // the bases of the others are found through their selectors
  const based = s >= Seg.fs && find(g, selector);
  g.setWord(Cpu.segSelector + 4 * s, selector);
  g.setWord(Cpu.segBase + 8 * s, based ? descriptor.base : 0);
  g.setWord(Cpu.segBase + 8 * s + 4, 0);
}

/** The register an instruction that loads a segment register loads, else -1. */
export function loadedSegment(i: Instruction): number {
  switch (mnemonics[i.mnemonic]) {
    case 'mov': case 'pop': return i.op0.kind === Kind.seg ? i.op0.reg : -1;
    case 'les': return Seg.es;
    case 'lds': return Seg.ds;
    case 'lss': return Seg.ss;
    case 'lfs': return Seg.fs;
    case 'lgs': return Seg.gs;
    default: return -1;
  }
}

/** mov and pop of ss: no trap of TF comes between it and the next instruction (lss has its own). */
export function delaysTrap(i: Instruction): boolean {
  return mnemonics[i.mnemonic] !== 'lss' && loadedSegment(i) === Seg.ss;
}

/** mov, pop and les of a segment register. */
export function loadSegmentRegister(g: GuestAccess, i: Instruction, s: number): void {
  const size = i.operandSize;
  if (mnemonics[i.mnemonic] === 'pop') {
    const selector = loadSelector(g, g.stackAt(g.sp, size, false), size);
    checkData(g, s, selector);
    // by the old stack's size
    g.sp += size;
    return setSegment(g, s, selector);
  }
  if (mnemonics[i.mnemonic] === 'mov') {
    const selector = readOperand(g, i, 1, 2) & 0xffff;
    checkData(g, s, selector);
    return setSegment(g, s, selector);
  }
  const at = g.linear(i.memSegment, effectiveAddress(g, i, 0), size + 2, false);
  const offset = g.load(at, size), selector = g.load(at + size, 2);
  checkData(g, s, selector);
  setSegment(g, s, selector);
  g.setRegister(i.op0.reg, size, offset);
}

/** Register or memory operand k. */
export function readOperand(g: GuestAccess, i: Instruction, k: number, size: number): number {
  const o = i.op[k]!;
  if (o.kind === Kind.gpr) return g.register(o.reg, size);
  return g.load(g.linear(i.memSegment, effectiveAddress(g, i, 0), size, false), size);
}

/** lar lsl verr verw: ZF says whether the selector names something of the wanted kind. */
export function describe(g: GuestAccess, i: Instruction, statusFlags: number): void {
  const name = mnemonics[i.mnemonic]!, selector = readOperand(g, i, i.operandCount - 1, 2) & 0xffff;
  const known = find(g, selector) && descriptor.has(Attribute.normal);
  const code = descriptor.has(Attribute.code), readWrite = descriptor.has(Attribute.readWrite);
  let ok = known && ((code && descriptor.has(Attribute.down)) || isOurs());
  if (name === 'verr') ok &&= !code || readWrite;
  else if (name === 'verw') ok &&= !code && readWrite;
  else if (ok) {
    const value = name === 'lsl' ? descriptor.limit : descriptor.upper & 0xffff00;
    g.setRegister(i.op0.reg, i.op0.size, i.op0.size === 2 ? value & 0xffff : value);
  }
  setStatus(g, (statusFlags & ~Eflags.ZF) | (ok ? Eflags.ZF : 0));
}

/** The selector that user-mode instruction prevention shows: of the local table, if there is one. */
export function storeLdt(g: GuestAccess, i: Instruction): void {
  let any = 0;
  for (let k = LDT_TABLE >> 2; k < CODE_PAGE_TABLE >> 2 && any === 0; k++) any |= g.words[k]!;
  const value = any === 0 ? 0 : 0x50, o = i.op0;
  if (o.kind === Kind.gpr) g.setRegister(o.reg, o.size, value);
  else g.store(g.linear(i.memSegment, effectiveAddress(g, i, 0), 2, true), 2, value);
}

function setStatus(g: GuestAccess, status: number): void {
  g.setWord(Cpu.ccSrc, status);
  g.setWord(Cpu.ccOp, CcOp.eflags * 4);
}

/** Checks a code segment and an offset in it; `returning`: the selector's own privilege must be ours. */
function checkCode(g: GuestAccess, selector: number, offset: number, returning: boolean): void {
  const error = selector & 0xfffc;
  if (error === 0) g.trap(Vector.GP);
  if (!find(g, selector) || !descriptor.has(Attribute.code) || !descriptor.has(Attribute.normal)) g.trap(Vector.GP, error);
  if (returning && (selector & 3) !== 3) g.trap(Vector.GP, error);
  if (!descriptor.has(Attribute.down) && !isOurs()) g.trap(Vector.GP, error);
  if (!descriptor.has(Attribute.present)) g.trap(Vector.NP, error);
  if (isLongCode(selector) ? offset >= 2 ** 47 && offset < 2 ** 64 - 2 ** 47 : offset > descriptor.limit) g.trap(Vector.GP);
}

function enterCode(g: GuestAccess, selector: number, offset: number): void {
  g.setWord(Cpu.segSelector + 4 * Seg.cs, selector | 3);
  g.setWord(Cpu.segBase + 8 * Seg.cs, 0);
  g.setWord(Cpu.long, isLongCode(selector) ? 1 : 0);
  g.ip = isLongCode(selector) ? offset : offset % 2 ** 32;
}

/** Target of jmpf and callf. */
function farTarget(g: GuestAccess, i: Instruction): { offset: number; selector: number } {
  const size = i.operandSize, mask = size === 2 ? 0xffff : 0xffffffff;
  if (i.op0.kind === Kind.far) return { offset: (i.op0.imm & mask) >>> 0, selector: i.op0.immHigh & 0xffff };
  const at = g.linear(i.memSegment, effectiveAddress(g, i, 0), size + 2, false);
  return { offset: g.load(at, size), selector: g.load(at + size, 2) };
}

function jumpFar(g: GuestAccess, i: Instruction): void {
  const { offset, selector } = farTarget(g, i);
  checkCode(g, selector, offset, false);
  enterCode(g, selector, offset);
}

function callFar(g: GuestAccess, i: Instruction): void {
  const { offset, selector } = farTarget(g, i), size = i.operandSize;
  checkCode(g, selector, offset, false);
  const top = g.stackAt(g.sp - 2 * size, size, true), second = g.stackAt(g.sp - size, size, true);
  g.store(second, size, g.selector(Seg.cs));
  g.store(top, size, (g.ip + i.length) % 2 ** (8 * size));
  g.sp -= 2 * size;
  enterCode(g, selector, offset);
}

function returnFar(g: GuestAccess, i: Instruction): void {
  const size = i.operandSize;
  const offset = g.load(g.stackAt(g.sp, size, false), size), selector = loadSelector(g, g.stackAt(g.sp + size, size, false), size);
  checkCode(g, selector, offset, true);
  g.sp += 2 * size + (i.operandCount === 0 ? 0 : i.op0.imm & 0xffff);
  enterCode(g, selector, offset);
}

/** Within ring 3. 64-bit code takes the stack along. */
function returnFromInterrupt(g: GuestAccess, i: Instruction): void {
  const size = i.operandSize, slots = g.wide ? 5 : 3, slot: number[] = [];
  for (let n = 0; n < slots; n++) {
    const at = g.stackAt(g.sp + n * size, size, false);
    slot.push(n === 1 || n === 4 ? loadSelector(g, at, size) : g.load(at, size));
  }
  const [offset, cs, flags, sp, ss] = slot as [number, number, number, number, number];
  checkCode(g, cs, offset, true);
  if (g.wide) checkData(g, Seg.ss, ss);
  const mask = size === 2 ? Eflags.TF | Eflags.NT : Eflags.TF | Eflags.NT | Eflags.AC | Eflags.ID;
  g.setWord(Cpu.eflagsSystem, (g.word(Cpu.eflagsSystem) & ~mask) | (flags & mask));
  g.setWord(Cpu.df, (flags & Eflags.DF) !== 0 ? -1 : 1);
  setStatus(g, flags & Eflags.STATUS);
  if (g.wide) {
    g.setRegister(Gpr.rsp, 8, sp);
    setSegment(g, Seg.ss, ss);
  } else g.sp += 3 * size;
  enterCode(g, cs, offset);
}

/** Instructions that load cs. */
export const farTransfers: Partial<Record<string, (g: GuestAccess, i: Instruction) => void>> = {
  jmpf: jumpFar, callf: callFar, retf: returnFar, iret: returnFromInterrupt,
};
