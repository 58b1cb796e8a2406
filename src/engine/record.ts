import { BASE_RIP, Kind, type Instruction } from '../isa/instruction.ts';
import { mnemonics } from '../isa/mnemonics.ts';
import { Field, SCALE_SHIFT } from '../ir/ops.ts';
import { Cpu, Gpr, Seg } from '../machine/cpuState.ts';
import { EngineField, RECORD_SIZE } from '../machine/codeLayout.ts';
import { FIRST_KNOWN_KEY, knownFlagsKey, readsFlags } from './interpreter/knownFlags.ts';
import { AddressCase, caseKey, FIRST_ADDRESS_CASE, Form, formOf, isFar, memoryOperand } from './interpreter/cases.ts';

/** The case numbers of the interpreter module by key, from its `cases` and `fused` sections. */
export class CaseTable {
  private section: ArrayBuffer | null;
  /** Number of the first fused case, then for each its two cases. */
  private readonly pairs: Uint16Array;
  /** Fused cases by first case * 2^16 + second case. */
  private readonly fusedOf = new Map<number, number>();
  /** Made when it is asked for: a program all of whose code was decoded before does not need it. */
  private byKey: Uint16Array = new Uint16Array(0);
  /** Cases that expect certain flags. */
  private readonly afterFlags = new Map<number, number>();

  constructor(module: WebAssembly.Module) {
    const [section] = WebAssembly.Module.customSections(module, 'cases'), [fused] = WebAssembly.Module.customSections(module, 'fused');
    if (!section || !fused) throw new Error('the interpreter module has no case tables');
    this.section = section;
    this.pairs = new Uint16Array(fused);
  }

  private fill(section: ArrayBuffer): void {
    const count = section.byteLength / 6;
    const keys = new Uint32Array(section, 0, count), cases = new Uint16Array(section, count * 4, count);
    const byKey = new Uint16Array(FIRST_KNOWN_KEY);
    for (let k = 0; k < count; k++) {
      if (keys[k]! < FIRST_KNOWN_KEY) byKey[keys[k]!] = cases[k]!;
      else this.afterFlags.set(keys[k]!, cases[k]!);
    }
    this.byKey = byKey;
    this.section = null;
    const { pairs } = this, first = pairs[0]!;
    for (let k = 1; k < pairs.length; k += 2) this.fusedOf.set(pairs[k]! * 0x10000 + pairs[k + 1]!, first + (k >> 1));
  }

  /** The case that does what both do, one after the other; 0 = there is none. */
  fused(first: number, second: number): number {
    return this.fusedOf.get(first * 0x10000 + second) ?? 0;
  }

  /** The first of the two that a fused case does; any other case itself. */
  firstOf(caseId: number): number {
    const k = (caseId - this.pairs[0]!) * 2 + 1;
    return k > 0 && k < this.pairs.length ? this.pairs[k]! : caseId;
  }

  /** 0 when the interpreter has no such case. */
  get(key: number): number {
    if (this.section !== null) this.fill(this.section);
    return key < this.byKey.length ? this.byKey[key]! : 0;
  }

  /** The case of `i` after flags of the kind `ccOp` (-1: unknown). */
  of(i: Instruction, form: number, ccOp: number): number {
    const general = this.get(caseKey(i, form));
    if (general === 0 || ccOp < 0 || !readsFlags(i)) return general;
    return this.afterFlags.get(knownFlagsKey(i, form, ccOp)) ?? general;
  }
}

const registerFields = [Field.r0, Field.r1, Field.r2, Field.r3];

/** Turns decoded instructions into the interpreter's records, in a buffer of its own. */
export class RecordWriter {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  private readonly halves: Uint16Array;
  readonly cases: CaseTable;
  /** Records written. */
  count = 0;

  constructor(cases: CaseTable, capacity: number) {
    this.cases = cases;
    this.bytes = new Uint8Array(capacity * RECORD_SIZE);
    this.words = new Int32Array(this.bytes.buffer);
    this.halves = new Uint16Array(this.bytes.buffer);
  }

  reset(): void {
    this.count = 0;
  }

  /** Records of two instructions that have one case together get it. */
  fuse(): void {
    const { halves, cases } = this, step = RECORD_SIZE >> 1;
    for (let k = this.count - 2; k >= 0; k--) {
      const at = k * step, pair = cases.fused(halves[at]!, halves[at + step]!);
      if (pair !== 0) halves[at] = pair;
    }
  }

  /** A record with nothing but its case, address, target. */
  plain(caseId: number, rip: number, imm: number, link: number): void {
    const at = this.next(caseId, rip);
    this.words[(at + Field.imm) >> 2] = imm;
    this.words[(at + Field.link) >> 2] = link;
  }

  private next(caseId: number, rip: number): number {
    const at = this.count++ * RECORD_SIZE;
    const { words } = this;
    for (let k = at >> 2; k < (at + RECORD_SIZE) >> 2; k++) words[k] = 0;
    this.halves[(at + Field.caseId) >> 1] = caseId;
    words[(at + Field.rip) >> 2] = rip;
    return at;
  }

  /** False: no case for it. `segmentBases`: which segments may have a base other than 0 (bit per segment); `ccOp`: flags before, if known. */
  instruction(i: Instruction, rip: number, segmentBases: number, ccOp: number): boolean {
    const memory = memoryOperand(i);
    if (memory < 0) {
      const caseId = this.cases.of(i, -1, ccOp);
      if (caseId === 0) return false;
      const at = this.next(caseId, rip);
      this.operands(at, i, rip);
      this.bytes[at + Field.base] = segmentPlace(i, segmentBases) >> 3;
      return true;
    }
    const addressOnly = i.op[memory]!.size === 0;
    const segmented = !addressOnly && ((segmentBases >> i.memSegment) & 1) !== 0;
    const form = formOf(i, segmented, rip + i.length + i.disp);
    if (form >= 0) {
      const caseId = this.cases.of(i, form, ccOp);
      if (caseId !== 0) {
        const at = this.next(caseId, rip);
        this.operands(at, i, rip);
        this.address(at, i, rip);
        return true;
      }
    }
    if (this.cases.of(i, Form.base64, ccOp) === 0) return false;
    this.addressRecord(i, rip, segmented);
    return this.withAddress(i, rip, ccOp);
  }

  /** An instruction with a memory operand whose linear address is in EngineField.ea. */
  withAddress(i: Instruction, rip: number, ccOp = -1): boolean {
    const caseId = this.cases.of(i, Form.base64, ccOp);
    if (caseId === 0) return false;
    const at = this.next(caseId, rip);
    this.operands(at, i, rip);
    this.bytes[at + Field.base] = EngineField.ea >> 3;
    this.words[(at + Field.disp) >> 2] = 0;
    return true;
  }

  private addressRecord(i: Instruction, rip: number, segmented: boolean): void {
    let kind: number;
    if (i.base === BASE_RIP && (i.addressSize !== 8 || rip + i.length + i.disp >= 0)) kind = AddressCase.absolute;
    else if (i.mode === 64 && i.addressSize === 8 && isFar(i)) kind = AddressCase.far;
    else if (i.mode === 64) kind = i.addressSize === 8 ? AddressCase.wide : AddressCase.narrow64;
    else kind = i.addressSize === 4 ? AddressCase.narrow32 : AddressCase.word32;
    const at = this.next(FIRST_ADDRESS_CASE + kind, rip);
    this.address(at, i, rip);
    if (kind === AddressCase.far) this.words[(at + Field.imm) >> 2] = i.dispHigh;
    // pop addresses its operand by what rsp is afterwards
    if (i.base === Gpr.rsp && mnemonics[i.mnemonic] === 'pop') this.words[(at + Field.disp) >> 2] = i.disp + i.operandSize;
    this.halves[(at + Field.r0) >> 1] = segmented ? Cpu.segBase + 8 * i.memSegment : Cpu.zero;
  }

  private address(at: number, i: Instruction, rip: number): void {
    const ripBase = i.base === BASE_RIP;
    this.bytes[at + Field.base] = (i.base >= 0 && !ripBase ? Cpu.gpr + 8 * i.base : Cpu.zero) >> 3;
    this.bytes[at + Field.index] = ((i.index >= 0 ? Cpu.gpr + 8 * i.index : Cpu.zero) >> 3) | (i.scale << SCALE_SHIFT);
    this.words[(at + Field.disp) >> 2] = ripBase ? ripDisplacement(i, rip + i.length + i.disp) : i.disp;
  }

  private operands(at: number, i: Instruction, rip: number): void {
    let immediates = 0;
    for (let k = 0; k < i.operandCount; k++) {
      const o = i.op[k]!;
      switch (o.kind) {
        case Kind.gpr: this.register(at, k, o.reg >= 16 ? Cpu.gpr + 8 * (o.reg - 16) + 1 : Cpu.gpr + 8 * o.reg); break;
        case Kind.xmm: case Kind.ymm: this.register(at, k, Cpu.xmm + 16 * o.reg); break;
        case Kind.mmx: this.register(at, k, Cpu.x87Reg + 16 * (o.reg & 7)); break;
        case Kind.st: case Kind.seg: case Kind.control: case Kind.debug: this.register(at, k, o.reg); break;
        case Kind.imm:
          this.words[(at + (immediates === 0 ? Field.imm : Field.high)) >> 2] = o.imm;
          if (immediates === 0 && o.size === 8) this.words[(at + Field.high) >> 2] = o.immHigh;
          immediates++;
          break;
        case Kind.rel: {
          const target = rip + i.length + o.imm;
          this.words[(at + Field.imm) >> 2] = i.mode === 32 && i.operandSize === 2 ? target & 0xffff : target;
          break;
        }
        case Kind.far:
          this.words[(at + Field.imm) >> 2] = o.imm;
          this.words[(at + Field.high) >> 2] = o.immHigh;
          break;
      }
    }
  }

  private register(at: number, k: number, place: number): void {
    this.halves[(at + registerFields[k]!) >> 1] = place;
  }
}

/** Beyond 4 GiB nothing is mapped: any address that is not canonical faults as well. */
function ripDisplacement(i: Instruction, target: number): number {
  return target < 0x1_0000_0000 || i.addressSize !== 8 ? target : -1;
}

/** Where string sources (and xlat, maskmov) find their segment base. */
function segmentPlace(i: Instruction, segmentBases: number): number {
  return ((segmentBases >> i.memSegment) & 1) !== 0 || i.memSegment >= Seg.fs ? Cpu.segBase + 8 * i.memSegment : Cpu.zero;
}
