/**
 * Runs code with segments that the rest of the engine does not know: 16-bit code, local descriptors with bases and limits, 32-bit code
 * of a 64-bit program and the reverse; code under alignment checks (EFLAGS.AC); and single instructions about segments. Every instruction is decoded again, its address
 * computed here and tested against the segment; what it does beyond that is done by its case of the interpreter, in records
 * of the thread's own. Slow, and with nothing that could become stale.
 */
import { decode, Decode } from '../../isa/decode/decode.ts';
import { Instruction } from '../../isa/instruction.ts';
import { mnemonics } from '../../isa/mnemonics.ts';
import { Field } from '../../ir/ops.ts';
import { Case, EngineExit, EngineField, Globals, RECORD_SIZE } from '../../machine/codeLayout.ts';
import { Cpu, Eflags, Seg } from '../../machine/cpuState.ts';
import { TLS_ENTRIES, TLS_FIRST } from '../../machine/descriptors.ts';
import { Access, Exit, STEPPED, Vector } from '../../machine/exit.ts';
import { BIAS, PERMISSION_TABLE, Perm } from '../../machine/memoryLayout.ts';
import type { CodeCache } from '../codeCache.ts';
import { FIRST_ADDRESS_CASE, FIRST_CASE, memoryOperand } from '../interpreter/cases.ts';
import { type CaseTable, RecordWriter } from '../record.ts';
import { isMisaligned } from './alignment.ts';
import { FAULTED, GuestAccess } from './guestAccess.ts';
import { effectiveAddress, writesMemory } from './operands.ts';
import { delaysTrap, describe, farTransfers, loadedSegment, loadSegmentRegister, storeLdt } from './selectors.ts';
import { onStack } from './stackCode.ts';
import { onString } from './stringCode.ts';

/** What it needs of the interpreter's module. */
export interface Stepper {
  step(cpu: number, record: number): number;
  statusFlags(cpu: number): number;
}

/** fs and gs may have a base. */
const BASES = 0x30;
const describing = new Set(['lar', 'lsl', 'verr', 'verw']);

/** Of a descriptor's upper word: pages, the limit's upper bits, present, code or data, code, down, writable. */
const TLS_MASK = 0x8f9e00, TLS_USUAL = 0x8f9200;

/** A null selector, or one for thread-local storage with all of memory behind it: a quick test of what nearly all programs have. */
function isUsualTls(words: Int32Array, cpu: number, selector: number): boolean {
  if (selector === 0) return true;
  const index = (selector >> 3) - TLS_FIRST, at = ((cpu + Cpu.tls) >> 2) + 2 * index;
  return (selector & 4) === 0 && index >= 0 && index < TLS_ENTRIES && (words[at + 1]! & TLS_MASK) === TLS_USUAL && (words[at]! & 0xffff) === 0xffff;
}

export class SegmentedProcessor {
  private readonly code: CodeCache;
  private readonly stepper: Stepper;
  private readonly guest: GuestAccess;
  private readonly writer: RecordWriter;
  private readonly i = new Instruction();
  private lastByte = 0;

  constructor(code: CodeCache, stepper: Stepper, cases: CaseTable) {
    this.code = code;
    this.stepper = stepper;
    this.guest = new GuestAccess(code);
    this.writer = new RecordWriter(cases, 4);
  }

  /** Whether the thread's code must run here. */
  isNeeded(cpu: number): boolean {
    const { words } = this.code.current(), at = (cpu + Cpu.segSelector) >> 2;
    if ((words[(cpu + Cpu.eflagsSystem) >> 2]! & Eflags.AC) !== 0) return true;
    if (words[Globals.mode >> 2] === 0) Atomics.compareExchange(words, Globals.mode >> 2, 0, words[(cpu + Cpu.long) >> 2] !== 0 ? 64 : 32);
    const home = words[Globals.mode >> 2];
    if (home === 64) return words[at + Seg.cs] !== 0x33;
    const usual = words[at + Seg.cs] === 0x23 && words[at + Seg.ss] === 0x2b && words[at + Seg.ds] === 0x2b && words[at + Seg.es] === 0x2b;
    if (usual && words[at + Seg.fs] === 0 && isUsualTls(words, cpu, words[at + Seg.gs]!)) return false;
    this.guest.attach(cpu);
    return !this.guest.segments.flat;
  }

  /** Runs until the thread's code is for the interpreter again, or something is the kernel's (EngineExit.kernel in exitKind). */
  run(cpu: number): void {
    do {
      const stepped = (this.code.current().words[(cpu + Cpu.eflagsSystem) >> 2]! & Eflags.TF) !== 0;
      if (!this.one(cpu)) return;
      const { words } = this.code.current();
      if (stepped && !delaysTrap(this.i)) return this.leave(cpu, Exit.trap, STEPPED);
      if (words[(cpu + Cpu.interrupt) >> 2] !== 0) return this.leave(cpu, Exit.interrupt, 0);
    } while (this.isNeeded(cpu));
    this.guest.setWord(EngineField.exitKind, EngineExit.lookup);
  }

  private leave(cpu: number, reason: number, code: number): void {
    const { words } = this.code.current();
    words[(cpu + Cpu.exitReason) >> 2] = reason;
    words[(cpu + Cpu.exitCode) >> 2] = code;
    words[(cpu + EngineField.exitKind) >> 2] = EngineExit.kernel;
  }

  /** One instruction at rip. False: the exit to the kernel has been written. */
  one(cpu: number): boolean {
    this.guest.attach(cpu);
    try {
      this.fetch();
      return this.execute();
    } catch (error) {
      if (error !== FAULTED) throw error;
      return false;
    }
  }

  /** Whether the instruction at rip lets no trap of TF come behind it. */
  delaysTrap(cpu: number): boolean {
    this.guest.attach(cpu);
    try {
      this.fetch();
      return delaysTrap(this.i);
    } catch (error) {
      if (error !== FAULTED) throw error;
      return false;
    }
  }

  private fetch(): void {
    const g = this.guest, { segments } = g, { ip } = g;
    const at = g.wide ? ip : (segments.base[Seg.cs]! + ip) % 2 ** 32;
    const mayFetch = (address: number): boolean => address < 2 ** 32 - BIAS && (g.bytes[PERMISSION_TABLE + Math.floor(address / 4096)]! & Perm.X) !== 0;
    if (!mayFetch(at)) g.fault(Access.execute, at);
    const left = 4096 - (at % 4096);
    const length = decode(g.bytes, at + BIAS, left + (mayFetch(at + left) ? 15 : 0), segments.mode, this.i);
    if (length === Decode.needMore) g.fault(Access.execute, at + left);
    if (length === Decode.tooLong) g.trap(Vector.GP);
    if (length < 0) g.trap(Vector.UD);
    if (!g.wide && ip + length - 1 > segments.limit[Seg.cs]!) g.trap(Vector.GP);
    // string instructions have no ModRM or immediate: the last byte is the opcode
    this.lastByte = g.bytes[at + BIAS + length - 1]!;
  }

  private execute(): boolean {
    const { guest: g, i } = this, name = mnemonics[i.mnemonic]!, next = g.ip + i.length;
    if ((g.word(Cpu.eflagsSystem) & Eflags.AC) !== 0 && isMisaligned(g, i, (this.lastByte & 1) === 0 ? 1 : i.operandSize)) g.trap(Vector.AC);
    const transfer = farTransfers[name];
    if (transfer !== undefined) {
      transfer(g, i);
      return true;
    }
    const s = loadedSegment(i);
    if (s >= 0) loadSegmentRegister(g, i, s);
    else if (describing.has(name)) describe(g, i, this.stepper.statusFlags(g.cpu));
    else if (name === 'sldt') storeLdt(g, i);
    else if (g.wide || g.segments.flat) return this.plain();
    else return this.segmented();
    g.ip = next;
    return true;
  }

  /** Through the interpreter's records, as all code with flat segments. */
  private plain(): boolean {
    const { guest: g, writer, i } = this;
    writer.reset();
    if (!writer.instruction(i, g.ip, BASES, -1)) g.trap(Vector.UD);
    return this.step(i);
  }

  private segmented(): boolean {
    const { guest: g, i } = this;
    const memory = memoryOperand(i), size = memory < 0 ? 0 : i.op[memory]!.size;
    const run = (): boolean => this.withAddress(size > 0 ? memory : -1);
    if (!g.segments.flatStack && onStack(g, i, run)) return true;
    if (onString(g, i, (this.lastByte & 1) === 0, run, () => this.stepper.statusFlags(g.cpu))) return true;
    return run();
  }

  /** With the linear address of memory operand `memory` (-1: none, or its address alone) computed and tested. */
  private withAddress(memory: number): boolean {
    const { guest: g, writer, i } = this;
    if (memory < 0) return this.plain();
    const popped = mnemonics[i.mnemonic] === 'pop' ? i.operandSize : 0;
    const at = g.linear(i.memSegment, effectiveAddress(g, i, popped), i.op[memory]!.size, writesMemory(i));
    g.setWord(EngineField.ea, at);
    g.setWord(EngineField.ea + 4, 0);
    writer.reset();
    if (!writer.withAddress(i, g.ip)) g.trap(Vector.UD);
    return this.step(i);
  }

  /** Runs the writer's records. */
  private step(i: Instruction): boolean {
    const { guest: g, writer } = this, first = g.cpu + EngineField.records, next = g.ip + i.length;
    writer.plain(Case.goto, next, next, 0);
    g.words.set(writer.words.subarray(0, (writer.count * RECORD_SIZE) >> 2), first >> 2);
    const last = this.follow(first);
    if (last < 0) throw FAULTED;
    if (last > 0) g.ip = g.words[(last + Field.rip) >> 2]! >>> 0;
    return true;
  }

  /** Steps; > 0: the record it goes on with, 0: rip has been set, -1: the kernel's. */
  private follow(first: number): number {
    const { guest: g, stepper } = this;
    for (let at = first; ;) {
      const caseId = g.words[(at + Field.caseId) >> 2]! & 0xffff;
      const next = stepper.step(g.cpu, at);
      if (next !== 0) {
        if (caseId < FIRST_ADDRESS_CASE || caseId >= FIRST_CASE) return next;
        at = next;
        continue;
      }
      switch (g.word(EngineField.exitKind)) {
        case EngineExit.kernel: return -1;
        case EngineExit.codeWrite:
          return this.code.overwrite(g.word(Cpu.exitAddr), g.word(EngineField.writeLength), g.cpu, () => {
            g.setWord(EngineField.allowWrite, 1);
            try {
              return this.follow(first);
            } finally {
              g.setWord(EngineField.allowWrite, 0);
            }
          });
        default: return 0;
      }
    }
  }
}
