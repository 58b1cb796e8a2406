import { decode, Decode } from '../isa/decode/decode.ts';
import { Instruction } from '../isa/instruction.ts';
import { mnemonics } from '../isa/mnemonics.ts';
import { Cpu } from '../machine/cpuState.ts';
import { Case, Globals, JUMP_CACHE_ENTRIES, jumpCacheIndex, PAGE_HEADER_BITMAP, PAGE_HEADER_FORWARDERS, RECORD_SIZE, Run } from '../machine/codeLayout.ts';
import { CodePages } from '../machine/codePages.ts';
import { wholeBuffer } from '../machine/wholeBuffer.ts';
import { Field } from '../ir/ops.ts';
import {
  BIAS, CODE_PAGE_TABLE, CPU_AREA, JUMP_CACHE, MAX_THREADS_PER_PROCESS, PERMISSION_TABLE, Perm, RECORD_ARENA, RECORD_ARENA_END,
} from '../machine/memoryLayout.ts';
import { EngineField } from '../machine/codeLayout.ts';
import { flagsAfter } from './interpreter/knownFlags.ts';
import type { DecodedRuns } from './decodedRuns.ts';
import { RecordWriter, type CaseTable } from './record.ts';
import { type CodeRange, sameCode } from './translate/translation.ts';

/** Instructions decoded in one go. */
const MAX_RUN = 64;
/** Bit of Cpu.interrupt that the engine uses to call other threads out of the interpreter. */
export const INTERRUPT_ENGINE = 0x4000_0000;
/** Redirections one after the other, after which an instruction is decoded again instead. */
const MAX_HOPS = 16;
/** An entry of the jump cache that has no record. */
const EMPTY = 0n;

/** An entry of the jump cache as it is written: both halves at once. */
const wholeEntry = new BigUint64Array(1);
const halvesOfEntry = new Uint32Array(wholeEntry.buffer);

/** Instructions after which nothing follows in line. */
const endsRun = new Set(['jmp', 'ret', 'jmpf', 'retf', 'iret', 'ud0', 'ud1', 'ud2', 'hlt']);
const ends = Uint8Array.from(mnemonics, (m) => (endsRun.has(m) ? 1 : 0));

/** Slot of `--trace=decode`. */
export const decodeHooks: { decoded: ((rip: number, i: Instruction) => void) | null; unknown: ((rip: number, i: Instruction | null) => void) | null } = { decoded: null, unknown: null };

/** Finds and makes the records of guest code in one process's memory. */
export class CodeCache {
  readonly memory: WebAssembly.Memory;
  private pages: CodePages;
  /** Pages that the views cover. */
  private memoryPages: number;
  private cache: BigUint64Array;
  private readonly writer: RecordWriter;
  private readonly instruction = new Instruction();
  private readonly held: number[] = [];
  /** What all workers have decoded; null: nothing is shared. */
  private readonly shared: DecodedRuns | null;
  /** The last run holds what is no instruction here, or faults: other bytes than its own may have decided that. */
  private cut = false;
  /** Where a fetch failed when lookup() returned 0. */
  faultAddress = 0;

  constructor(memory: WebAssembly.Memory, cases: CaseTable, shared: DecodedRuns | null) {
    this.shared = shared;
    this.memory = memory;
    this.writer = new RecordWriter(cases, 2 * MAX_RUN + 4);
    const buffer = wholeBuffer(memory);
    this.pages = new CodePages(buffer);
    this.memoryPages = buffer.byteLength / 65536;
    this.cache = new BigUint64Array(buffer, JUMP_CACHE, JUMP_CACHE_ENTRIES);
    Atomics.compareExchange(this.pages.words, Globals.arenaTop >> 2, 0, RECORD_ARENA);
  }

  /** Views of the whole memory, which the kernel may have grown. (Asking the memory for its buffer takes as long as a system call.) */
  current(): CodePages {
    const grown = this.pages.words[Globals.memoryPages >> 2]!;
    if (grown > this.memoryPages) {
      const buffer = wholeBuffer(this.memory);
      this.memoryPages = buffer.byteLength / 65536;
      this.pages = new CodePages(buffer);
      this.cache = new BigUint64Array(buffer, JUMP_CACHE, JUMP_CACHE_ENTRIES);
    }
    return this.pages;
  }

  /** The record of the instruction at guest address `addr`, made if need be; 0 = the fetch faults at faultAddress. */
  lookup(addr: number, cpu: number, limit = MAX_RUN): number {
    const pages = this.current();
    const seen = this.cached(addr);
    if (seen !== 0 && this.isLive(seen)) return seen;
    if ((pages.bytes[PERMISSION_TABLE + (addr >>> 12)]! & Perm.X) === 0) {
      this.faultAddress = addr;
      return 0;
    }
    this.lock(cpu);
    let record = this.find(addr);
    if (record === 0) record = this.make(addr, cpu, limit);
    pages.unlock();
    if (record > 0 && !this.held.includes(addr)) this.remember(addr, record);
    return record;
  }

  /** The record the jump cache has for `addr`, 0 = none. */
  cached(addr: number): number {
    const { words } = this.pages;
    const index = (JUMP_CACHE >> 2) + 2 * jumpCacheIndex(addr);
    for (let at = index; at <= index + 2; at += 2) {
      if (words[at]! >>> 0 !== addr) continue;
      // Read in halves, which another thread may be changing: the record says itself what it is for.
      const record = words[at + 1]!;
      if (words[(record + Field.rip) >> 2]! >>> 0 === addr) return record;
    }
    return 0;
  }

  /** Puts `record` into the jump cache; what was there first moves to the second place of the pair. */
  private remember(addr: number, record: number): void {
    const index = jumpCacheIndex(addr);
    if (this.pages.words[(JUMP_CACHE >> 2) + 2 * index]! >>> 0 !== addr) Atomics.store(this.cache, index + 1, Atomics.load(this.cache, index));
    halvesOfEntry[0] = addr;
    halvesOfEntry[1] = record;
    Atomics.store(this.cache, index, wholeEntry[0]!);
  }

  private forget(addr: number): void {
    const index = jumpCacheIndex(addr);
    for (let k = 0; k < 2; k++) {
      if (Number(Atomics.load(this.cache, index + k) & 0xffffffffn) === addr) Atomics.store(this.cache, index + k, EMPTY);
    }
  }

  /** The place in the interpreter's table of the translated region that jumps to `addr` lead into; -1 = there is none. */
  regionSlot(addr: number): number {
    const record = this.regionRecord(addr);
    return record === 0 ? -1 : this.pages.words[(record + Field.link) >> 2]!;
  }

  /** The record of the translated region that jumps to `addr` lead into; 0 = there is none. */
  regionRecord(addr: number): number {
    const { words, halves } = this.pages;
    const header = words[(CODE_PAGE_TABLE >> 2) + (addr >>> 12)]!;
    if (header === 0) return 0;
    for (let run = words[header >> 2]!; run !== 0; run = words[(run + Run.next) >> 2]!) {
      const record = words[(run + Run.records) >> 2]!;
      if (halves[record >> 1] === Case.region && words[(record + Field.rip) >> 2]! >>> 0 === addr) return record;
    }
    return 0;
  }

  /** The place in the table of the region that the jump cache has for `addr`, else -1. */
  cachedRegion(addr: number): number {
    const record = this.cached(addr);
    return record !== 0 && this.pages.halves[record >> 1] === Case.region ? this.pages.words[(record + Field.link) >> 2]! : -1;
  }

  /** The first four bytes of the code at `addr`. */
  firstBytes(addr: number): number {
    const { bytes } = this.pages, at = addr + BIAS;
    return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  }

  /** From now on lookup() does not put `addr` into the jump cache, so that jumps there come to the dispatcher. */
  hold(addr: number): void {
    this.held.push(addr);
    this.forget(addr);
  }

  /** The thread that held addresses has left. */
  restart(): void {
    this.held.length = 0;
  }

  /** Takes the last hold() back. */
  unhold(): void {
    this.held.pop();
  }

  /**
   * Makes `addr` lead into a translated region: returns the place in the interpreter's table that is to hold it, of those from
   * `firstPlace` on. `ranges`: the guest bytes it was made from, one a page; when one of them changes the entry is dropped like any
   * record. -1: they have changed already, or all `most` places are taken.
   */
  installRegion(addr: number, cpu: number, firstPlace: number, most: number, ranges: readonly CodeRange[]): number {
    this.lock(cpu);
    this.makeRoom((2 * MAX_RUN + 8 + 2 * ranges.length) * RECORD_SIZE, cpu);
    const { words, halves } = this.pages, number = words[Globals.regions >> 2]!;
    const own = number < most && this.holds(ranges) ? this.make(addr, cpu, MAX_RUN) : 0;
    const slot = own > 0 ? firstPlace + number : -1;
    if (slot >= 0) {
      words[Globals.regions >> 2] = number + 1;
      const at = this.allocate((2 + ranges.length) * RECORD_SIZE), record = at;
      words.fill(0, record >> 2, (record + 2 * RECORD_SIZE) >> 2);
      words[(record + Field.rip) >> 2] = addr;
      words[(record + Field.link) >> 2] = slot;
      words[(record + Field.imm) >> 2] = own;
      halves[record >> 1] = Case.region;
      halves[(record + RECORD_SIZE) >> 1] = Case.stale;
      ranges.forEach((range, k) => this.link(at + (2 + k) * RECORD_SIZE, range.first >>> 12, range.first, range.first + range.bytes.length, record, 1));
      this.redirect(addr, own, record);
      this.remember(addr, record);
    }
    this.pages.unlock();
    return slot;
  }

  /** The region in place `slot` is dropped when one of `ranges` changes, too. False: they have changed, or the region is not there. */
  watchRegion(addr: number, cpu: number, slot: number, ranges: readonly CodeRange[]): boolean {
    this.lock(cpu);
    this.makeRoom(2 * ranges.length * RECORD_SIZE, cpu);
    const record = this.regionRecord(addr), valid = record !== 0 && this.pages.words[(record + Field.link) >> 2] === slot && this.holds(ranges);
    if (valid) for (const range of ranges) this.link(this.allocate(RECORD_SIZE), range.first >>> 12, range.first, range.first + range.bytes.length, record, 1);
    this.pages.unlock();
    return valid;
  }

  /** Whether the guest's code is that of `ranges`; from now on its changes are noticed. The lock is held. */
  private holds(ranges: readonly CodeRange[]): boolean {
    for (const { first } of ranges) this.pages.watch(first >>> 12);
    return sameCode(this.pages.bytes, ranges);
  }

  /** Older records of the instruction at `addr` forward to `record`; not those of the run from `except` on, which the region itself falls back to. */
  private redirect(addr: number, except: number, record: number): void {
    const { words, halves } = this.pages;
    const header = words[(CODE_PAGE_TABLE >> 2) + (addr >>> 12)]!;
    for (let run = words[header >> 2]!; run !== 0; run = words[(run + Run.next) >> 2]!) {
      if (addr < words[(run + Run.first) >> 2]! >>> 0 || addr >= words[(run + Run.end) >> 2]! >>> 0) continue;
      const records = words[(run + Run.records) >> 2]!, count = words[(run + Run.count) >> 2]!;
      // An instruction with an address record has two records of its address: the second must not lead back into the region either.
      if (records === except) continue;
      for (let k = 0; k < count; k++) {
        const old = records + k * RECORD_SIZE;
        if (old === record || words[(old + Field.rip) >> 2]! >>> 0 !== addr) continue;
        const kind = halves[old >> 1];
        if (kind === Case.stale || kind === Case.goto) continue;
        Atomics.store(words, (old + Field.link) >> 2, record);
        halves[old >> 1] = Case.goto;
        break;
      }
    }
  }

  /** A live record in the runs of the page. */
  private find(addr: number): number {
    const { words } = this.pages;
    const header = words[(CODE_PAGE_TABLE >> 2) + (addr >>> 12)]!;
    if (header === 0) return 0;
    for (let run = words[header >> 2]!; run !== 0; run = words[(run + Run.next) >> 2]!) {
      if (addr < words[(run + Run.first) >> 2]! >>> 0 || addr >= words[(run + Run.end) >> 2]! >>> 0) continue;
      const records = words[(run + Run.records) >> 2]!, count = words[(run + Run.count) >> 2]!;
      for (let k = 0; k < count; k++) {
        const record = records + k * RECORD_SIZE;
        if (words[(record + Field.rip) >> 2]! >>> 0 === addr && this.isLive(record)) return record;
      }
    }
    return 0;
  }

  /**
   * Whether `record` is there and leads somewhere. One that was redirected to a region is not live when the region has been
   * dropped through another of its pages: the dropped record may then be connected to a live one, and the two would make a ring.
   */
  private isLive(record: number): boolean {
    const { words, halves } = this.pages;
    for (let at = record, hops = 0; hops < MAX_HOPS; hops++) {
      const kind = halves[at >> 1];
      if (kind === Case.stale) return false;
      const next = kind === Case.goto ? words[(at + Field.link) >> 2]! : 0;
      if (next === 0) return true;
      at = next;
    }
    return false;
  }

  /** Decodes a run at `addr`. The lock is held. */
  private make(addr: number, cpu: number, limit: number): number {
    const page = addr >>> 12;
    this.pages.watch(page);
    const writer = this.writer;
    writer.reset();
    const end = limit === MAX_RUN ? this.sharedRun(addr, cpu) : this.decodeRun(addr, cpu, limit);
    if (writer.count === 0) return 0;
    const crosses = end > (page + 1) * 4096;
    const size = (writer.count + 3) * RECORD_SIZE;
    if (this.makeRoom(size + 2 * RECORD_SIZE, cpu)) this.pages.watch(page);
    const at = this.allocate(size);
    const records = at + RECORD_SIZE;
    this.pages.bytes.set(writer.bytes.subarray(0, writer.count * RECORD_SIZE), records);
    this.link(at, page, addr, end, records, writer.count);
    if (crosses) {
      this.pages.watch(page + 1);
      // the watch: same records, in the next page's list
      this.link(records + writer.count * RECORD_SIZE, page + 1, addr, end, records, writer.count);
    }
    return records;
  }

  /** As decodeRun, but not a second time what another worker, or this one for another process, has decoded. */
  private sharedRun(addr: number, cpu: number): number {
    const { shared, writer } = this, { bytes, words } = this.pages;
    if (shared === null || decodeHooks.decoded !== null) return this.decodeRun(addr, cpu, MAX_RUN);
    const circumstances = this.segmentBases(cpu) | (words[(cpu + Cpu.long) >> 2] !== 0 ? 0x100 : 0);
    const known = shared.find(addr, circumstances, bytes, addr + BIAS);
    // One that goes on in the next page: the fetch must not fault there.
    if (known !== 0 && this.reaches(addr, addr + shared.byteCount(known))) {
      shared.copyRecords(known, writer.words);
      writer.count = shared.recordCount(known);
      return addr + shared.byteCount(known);
    }
    const end = this.decodeRun(addr, cpu, MAX_RUN);
    if (!this.cut) shared.add(addr, circumstances, bytes, addr + BIAS, end - addr, writer.words, writer.count);
    return end;
  }

  private reaches(addr: number, end: number): boolean {
    const last = (end - 1) >>> 12;
    return last === addr >>> 12 || (this.pages.bytes[PERMISSION_TABLE + last]! & Perm.X) !== 0;
  }

  /** Fills the writer from `addr` on; returns the end of the last instruction. */
  private decodeRun(addr: number, cpu: number, limit: number): number {
    const pages = this.pages, writer = this.writer, i = this.instruction;
    const mode = pages.words[(cpu + Cpu.long) >> 2] !== 0 ? 64 : 32;
    const bases = this.segmentBases(cpu);
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
        if (decodeHooks.unknown) decodeHooks.unknown(rip, null);
        writer.plain(length === Decode.tooLong ? Case.tooLong : Case.invalid, rip, 0, 0);
        writer.plain(Case.goto, rip + 1, rip + 1, 0);
        return rip + 1;
      }
      if (rip + length > pageEnd && n > 0) break;
      if (decodeHooks.decoded) decodeHooks.decoded(rip, i);
      if (!writer.instruction(i, rip, bases, flags)) {
        if (decodeHooks.unknown) decodeHooks.unknown(rip, i);
        writer.plain(Case.invalid, rip, 0, 0);
      }
      flags = flagsAfter(i, flags);
      rip += length;
      if (ends[i.mnemonic] !== 0) break;
    }
    this.cut = false;
    writer.plain(Case.goto, rip, rip, 0);
    return rip;
  }

  /** fs and gs always; the others when they have a base (16-bit and LDT code). */
  private segmentBases(cpu: number): number {
    let mask = 0x30;
    for (let s = 0; s < 4; s++) if (this.pages.words[(cpu + Cpu.segBase + 8 * s) >> 2] !== 0) mask |= 1 << s;
    return mask;
  }

  private link(run: number, page: number, first: number, end: number, records: number, count: number): void {
    const { words } = this.pages;
    const slot = (CODE_PAGE_TABLE >> 2) + page;
    let header = words[slot]!;
    if (header === 0) {
      header = this.allocate(RECORD_SIZE);
      if (header === 0) return;
      words.fill(0, header >> 2, (header + RECORD_SIZE) >> 2);
      Atomics.store(words, slot, header);
    }
    words[(run + Run.first) >> 2] = first;
    words[(run + Run.end) >> 2] = end;
    words[(run + Run.count) >> 2] = count;
    words[(run + Run.records) >> 2] = records;
    words[(run + Run.next) >> 2] = words[header >> 2]!;
    Atomics.store(words, header >> 2, run);
    const from = Math.max(first, page * 4096) & 0xfff, to = Math.min(end, (page + 1) * 4096) - page * 4096;
    for (let line = from >> 5; line <= (to - 1) >> 5; line++) {
      Atomics.or(words, ((header + PAGE_HEADER_BITMAP) >> 2) + (line >> 5), 1 << (line & 31));
    }
  }

  /** Drops everything when the arena has no `bytes` left: true. The lock is held. */
  private makeRoom(bytes: number, cpu: number): boolean {
    if (this.pages.words[Globals.arenaTop >> 2]! + bytes <= RECORD_ARENA_END) return false;
    this.flush(cpu);
    return true;
  }

  private allocate(bytes: number): number {
    const { words } = this.pages, top = words[Globals.arenaTop >> 2]!;
    if (top + bytes > RECORD_ARENA_END) return 0;
    words[Globals.arenaTop >> 2] = top + bytes;
    return top;
  }

  /**
   * The pages' lock. Who holds it may be dropping everything, and waits for this thread to be out of the interpreter, where it may
   * be now: it steps out while it waits. All records may be gone afterwards (see generation).
   */
  private lock(cpu: number): void {
    const { pages } = this;
    if (pages.tryLock(cpu)) return;
    const inside = (cpu + EngineField.inside) >> 2;
    const before = Atomics.exchange(pages.words, inside, 0);
    pages.lock(cpu);
    Atomics.store(pages.words, inside, before);
  }

  /** Drops everything: records, regions and their places in the tables. Afterwards a new generation begins. */
  dropAll(cpu: number): void {
    this.lock(cpu);
    this.flush(cpu);
    this.pages.unlock();
  }

  /** Drops everything. The lock is held; all other threads of the process are called out of the interpreter first. */
  private flush(cpu: number): void {
    const { words } = this.pages;
    Atomics.store(words, Globals.flushing >> 2, 1);
    for (let n = 0; n < MAX_THREADS_PER_PROCESS; n++) {
      const other = CPU_AREA + n * Cpu.size;
      if (other === cpu) continue;
      while (Atomics.load(words, (other + EngineField.inside) >> 2) !== 0) Atomics.or(words, (other + Cpu.interrupt) >> 2, INTERRUPT_ENGINE);
    }
    const table = CODE_PAGE_TABLE >> 2;
    for (let page = 0; page < 1 << 20; page++) {
      if (words[table + page] === 0) continue;
      words[table + page] = 0;
      this.pages.clearCode(page);
    }
    this.cache.fill(EMPTY);
    words[Globals.arenaTop >> 2] = RECORD_ARENA;
    words[Globals.regions >> 2] = 0;
    Atomics.add(words, Globals.generation >> 2, 1);
    Atomics.add(words, Globals.regionsDropped >> 2, 1);
    Atomics.store(words, Globals.flushing >> 2, 0);
  }

  /** `record` is a direct jump without link, or a dropped record: lets it lead to `target`. */
  connect(record: number, target: number, generation: number, cpu: number): void {
    const { words, halves } = this.pages;
    if (words[Globals.generation >> 2] !== generation) return;
    if (halves[record >> 1] === Case.stale && record !== target) this.forward(record, target, generation, cpu);
    else Atomics.store(words, (record + Field.link) >> 2, target);
  }

  /** A dropped record that something still leads to goes on at `target`, until the next drop in the page. */
  private forward(record: number, target: number, generation: number, cpu: number): void {
    const { words, halves } = this.pages;
    this.lock(cpu);
    const header = words[Globals.generation >> 2] !== generation ? 0 : words[(CODE_PAGE_TABLE >> 2) + (words[(record + Field.rip) >> 2]! >>> 12)]!;
    const node = header === 0 || halves[record >> 1] !== Case.stale || halves[target >> 1] === Case.stale ? 0 : this.allocate(RECORD_SIZE);
    if (node !== 0) {
      words[node >> 2] = words[(header + PAGE_HEADER_FORWARDERS) >> 2]!;
      words[(node + 4) >> 2] = record;
      words[(header + PAGE_HEADER_FORWARDERS) >> 2] = node;
      Atomics.store(words, (record + Field.link) >> 2, target);
      halves[record >> 1] = Case.goto;
    }
    this.pages.unlock();
  }

  /** The guest writes there: see CodePages.dropRange. */
  dropRange(addr: number, length: number, cpu: number): void {
    this.current().dropRange(addr, length, cpu);
  }

  get generation(): number { return this.pages.words[Globals.generation >> 2]!; }
}

