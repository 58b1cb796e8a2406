/** Decodes runs of guest instructions into records, or finds them among those that have been decoded before. */
import { decode, Decode } from '../isa/decode/decode.ts';
import { Instruction } from '../isa/instruction.ts';
import { mnemonics } from '../isa/mnemonics.ts';
import { Case, RECORD_SIZE } from '../machine/codeLayout.ts';
import type { CodePages } from '../machine/codePages.ts';
import { Cpu } from '../machine/cpuState.ts';
import { BIAS, PERMISSION_TABLE, Perm } from '../machine/memoryLayout.ts';
import type { DecodedRuns } from './decodedRuns.ts';
import { flagsAfter } from './interpreter/knownFlags.ts';
import { type CaseTable, RecordWriter } from './record.ts';

/** Instructions decoded in one go. */
export const MAX_RUN = 64;

/** Instructions after which nothing follows in line. */
const endsRun = new Set(['jmp', 'ret', 'jmpf', 'retf', 'iret', 'ud0', 'ud1', 'ud2', 'hlt']);
const ends = Uint8Array.from(mnemonics, (m) => (endsRun.has(m) ? 1 : 0));

export class RunDecoder {
  private readonly writer: RecordWriter;
  private readonly instruction = new Instruction();
  /** What all workers have decoded; null: nothing is shared. */
  private readonly shared: DecodedRuns | null;
  /** The last run's entry in `shared`; 0: its records are the writer's. */
  private known = 0;
  /** The last run holds what is no instruction here, or faults: other bytes than its own may have decided that. */
  private cut = false;
  /** Where the fetch failed of a run without records. */
  faultAddress = 0;

  constructor(cases: CaseTable, shared: DecodedRuns | null) {
    this.writer = new RecordWriter(cases, 2 * MAX_RUN + 4);
    this.shared = shared;
  }

  /** Records of the last run. */
  get count(): number {
    return this.known !== 0 ? this.shared!.recordCount(this.known) : this.writer.count;
  }

  /** To `words[at]` and following. */
  copyTo(words: Int32Array, at: number): void {
    if (this.known !== 0) this.shared!.copyRecords(this.known, words, at);
    else words.set(this.writer.words.subarray(0, (this.writer.count * RECORD_SIZE) >> 2), at);
  }

  /** Decodes at most `limit` instructions from `addr` on; returns the end of the last. Without a limit nothing that some worker has decoded is decoded again. */
  run(pages: CodePages, addr: number, cpu: number, limit: number): number {
    const { shared } = this, { bytes, words } = pages;
    this.known = 0;
    if (shared === null || limit !== MAX_RUN) return this.decodeRun(pages, addr, cpu, limit);
    const circumstances = segmentBases(words, cpu) | (words[(cpu + Cpu.long) >> 2] !== 0 ? 0x100 : 0);
    const known = shared.find(addr, circumstances, bytes, addr + BIAS);
    // One that goes on in the next page: the fetch must not fault there.
    if (known !== 0 && reaches(bytes, addr, addr + shared.byteCount(known))) {
      this.known = known;
      return addr + shared.byteCount(known);
    }
    const end = this.decodeRun(pages, addr, cpu, MAX_RUN);
    if (!this.cut) shared.add(addr, circumstances, bytes, addr + BIAS, end - addr, this.writer.words, this.writer.count);
    return end;
  }

  /** Fills the writer. */
  private decodeRun(pages: CodePages, addr: number, cpu: number, limit: number): number {
    const { writer, instruction: i } = this;
    writer.reset();
    const mode = pages.words[(cpu + Cpu.long) >> 2] !== 0 ? 64 : 32;
    const bases = segmentBases(pages.words, cpu);
    const pageEnd = ((addr >>> 12) + 1) * 4096;
    const nextPage = (pages.bytes[PERMISSION_TABLE + (pageEnd >>> 12)]! & Perm.X) !== 0 ? 15 : 0;
    let rip = addr, flags = -1;
    this.cut = true;
    for (let n = 0; n < limit; n++) {
      if (rip >= pageEnd) break;
      const length = decode(pages.bytes, rip + BIAS, pageEnd - rip + nextPage, mode, i);
      if (length === Decode.needMore) {
        if (n === 0) { this.faultAddress = pageEnd; return rip; }
        break;
      }
      if (length < 0) {
        writer.plain(length === Decode.tooLong ? Case.tooLong : Case.invalid, rip, 0, 0);
        writer.plain(Case.goto, rip + 1, rip + 1, 0);
        return rip + 1;
      }
      if (rip + length > pageEnd && n > 0) break;
      if (!writer.instruction(i, rip, bases, flags)) writer.plain(Case.invalid, rip, 0, 0);
      flags = flagsAfter(i, flags);
      rip += length;
      if (ends[i.mnemonic] !== 0) break;
    }
    this.cut = false;
    writer.plain(Case.goto, rip, rip, 0);
    writer.fuse();
    return rip;
  }
}

function reaches(bytes: Uint8Array, addr: number, end: number): boolean {
  const last = (end - 1) >>> 12;
  return last === addr >>> 12 || (bytes[PERMISSION_TABLE + last]! & Perm.X) !== 0;
}

/** fs and gs always; the others when they have a base (16-bit and LDT code). */
function segmentBases(words: Int32Array, cpu: number): number {
  let mask = 0x30;
  for (let s = 0; s < 4; s++) if (words[(cpu + Cpu.segBase + 8 * s) >> 2] !== 0) mask |= 1 << s;
  return mask;
}
