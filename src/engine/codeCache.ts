import { Cpu } from '../machine/cpuState.ts';
import { Case, Globals, PAGE_HEADER_FORWARDERS, PAGE_HEADER_SIZE, RECORD_SIZE, Run } from '../machine/codeLayout.ts';
import { CodePages } from '../machine/codePages.ts';
import { wholeBuffer } from '../machine/wholeBuffer.ts';
import { Field } from '../ir/ops.ts';
import {
  BIAS, CODE_PAGE_TABLE, CPU_AREA, MAX_THREADS_PER_PROCESS, PERMISSION_TABLE, Perm, RECORD_ARENA, RECORD_ARENA_END,
} from '../machine/memoryLayout.ts';
import { EngineField } from '../machine/codeLayout.ts';
import type { DecodedRuns } from './decodedRuns.ts';
import { CodeRuns } from './codeRuns.ts';
import { JumpCache } from './jumpCache.ts';
import type { CaseTable } from './record.ts';
import { MAX_RUN, RunDecoder } from './runDecoder.ts';
import { type CodeRange, sameCode } from './translate/translation.ts';

/** Bit of Cpu.interrupt that the engine uses to call other threads out of the interpreter. */
export const INTERRUPT_ENGINE = 0x4000_0000;
/** Bytes of the longest run. */
const LONGEST_RUN = MAX_RUN * 15;

/** A place in a page's list, which may be its first. */
const WATCH_BYTES = RECORD_SIZE + PAGE_HEADER_SIZE;
/** Of a run of so many records, which may reach into a second page. */
const roomForRun = (records: number): number => (records + 3) * RECORD_SIZE + 2 * WATCH_BYTES;
/** Records of one instruction: its address, itself, the end. */
const MOST_OF_ONE = 3;

/** Finds and makes the records of guest code in one process's memory. */
export class CodeCache {
  readonly memory: WebAssembly.Memory;
  private pages: CodePages;
  private runs: CodeRuns;
  /** Pages that the views cover. */
  private memoryPages: number;
  private jumps: JumpCache;
  private readonly cases: CaseTable;
  private readonly decoder: RunDecoder;
  /** Where a fetch failed when lookup() returned 0. */
  get faultAddress(): number { return this.decoder.faultAddress; }

  constructor(memory: WebAssembly.Memory, cases: CaseTable, shared: DecodedRuns | null) {
    this.memory = memory;
    this.cases = cases;
    this.decoder = new RunDecoder(cases, shared);
    const buffer = wholeBuffer(memory);
    this.pages = new CodePages(buffer);
    this.runs = new CodeRuns(this.pages, this.cases);
    this.memoryPages = buffer.byteLength / 65536;
    this.jumps = new JumpCache(buffer);
    Atomics.compareExchange(this.pages.words, Globals.arenaTop >> 2, 0, RECORD_ARENA);
  }

  /** Views of the whole memory, which the kernel may have grown. (Asking the memory for its buffer takes as long as a system call.) */
  current(): CodePages {
    const grown = this.pages.words[Globals.memoryPages >> 2]!;
    if (grown > this.memoryPages) {
      const buffer = wholeBuffer(this.memory);
      this.memoryPages = buffer.byteLength / 65536;
      this.pages = new CodePages(buffer);
      this.runs = new CodeRuns(this.pages, this.cases);
      this.jumps = new JumpCache(buffer);
    }
    return this.pages;
  }

  /** The record of the instruction at guest address `addr`, made if need be; 0 = the fetch faults at faultAddress. */
  lookup(addr: number, cpu: number, limit = MAX_RUN): number {
    const pages = this.current();
    const seen = this.jumps.get(addr);
    if (seen !== 0 && this.runs.isLive(seen)) return seen;
    if ((pages.bytes[PERMISSION_TABLE + (addr >>> 12)]! & Perm.X) === 0) {
      this.decoder.faultAddress = addr;
      return 0;
    }
    this.lock(cpu);
    const record = this.lookupLocked(addr, cpu, limit);
    pages.unlock();
    if (record > 0) this.jumps.set(addr, record);
    return record;
  }

  /** The same where the guest may execute, for who has the lock. */
  lookupLocked(addr: number, cpu: number, limit: number): number {
    return this.runs.find(addr) || this.make(addr, cpu, limit);
  }

  /** The place in the interpreter's table of the translated region that jumps to `addr` lead into; -1 = there is none. */
  regionSlot(addr: number): number {
    const record = this.runs.regionRecord(addr);
    return record === 0 ? -1 : this.pages.words[(record + Field.link) >> 2]!;
  }

  /** The record of the translated region that jumps to `addr` lead into; 0 = there is none. */
  regionRecord(addr: number): number {
    return this.runs.regionRecord(addr);
  }

  /** The place in the table of the region that the jump cache has for `addr`, else -1. */
  cachedRegion(addr: number): number {
    const record = this.jumps.get(addr);
    return record !== 0 && this.pages.halves[record >> 1] === Case.region ? this.pages.words[(record + Field.link) >> 2]! : -1;
  }

  /** The first four bytes of the code at `addr`. */
  firstBytes(addr: number): number {
    const { bytes } = this.pages, at = addr + BIAS;
    return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  }

  /**
   * Makes `addr` lead into a translated region: returns the place in the interpreter's table that is to hold it, of those from
   * `firstPlace` on. `ranges`: the guest bytes it was made from, one a page; when one of them changes the entry is dropped like any
   * record. -1: they have changed already, or all `most` places are taken.
   */
  installRegion(addr: number, cpu: number, firstPlace: number, most: number, ranges: readonly CodeRange[]): number {
    this.lock(cpu);
    this.makeRoom(roomForRun(MOST_OF_ONE) + 2 * RECORD_SIZE + ranges.length * WATCH_BYTES, cpu);
    const { words, halves } = this.pages, number = words[Globals.regions >> 2]!;
    // One instruction, whose bytes are in `ranges`: it must not be dropped without the region, which it would be made to lead back into.
    const own = number < most && this.holds(ranges, cpu) ? this.make(addr, cpu, 1) : 0;
    const slot = own > 0 ? firstPlace + number : -1;
    if (slot >= 0) {
      words[Globals.regions >> 2] = number + 1;
      const at = this.runs.allocate((2 + ranges.length) * RECORD_SIZE), record = at;
      words.fill(0, record >> 2, (record + 2 * RECORD_SIZE) >> 2);
      words[(record + Field.rip) >> 2] = addr;
      words[(record + Field.link) >> 2] = slot;
      words[(record + Field.imm) >> 2] = own;
      halves[record >> 1] = Case.region;
      halves[(record + RECORD_SIZE) >> 1] = Case.stale;
      ranges.forEach((range, k) => this.runs.link(at + (2 + k) * RECORD_SIZE, range.first >>> 12, range.first, range.first + range.bytes.length, record, 1));
      this.runs.redirect(addr, own, record);
      this.jumps.set(addr, record);
      this.dropUnlessSame(ranges);
    }
    this.pages.unlock();
    return slot;
  }

  /** The region in place `slot` is dropped when one of `ranges` changes, too. False: they have changed, or the region is not there. */
  watchRegion(addr: number, cpu: number, slot: number, ranges: readonly CodeRange[]): boolean {
    this.lock(cpu);
    this.makeRoom(ranges.length * WATCH_BYTES, cpu);
    const record = this.runs.regionRecord(addr), valid = record !== 0 && this.pages.words[(record + Field.link) >> 2] === slot && this.holds(ranges, cpu);
    if (valid) for (const range of ranges) this.runs.link(this.runs.allocate(RECORD_SIZE), range.first >>> 12, range.first, range.first + range.bytes.length, record, 1);
    if (valid) this.dropUnlessSame(ranges);
    this.pages.unlock();
    return valid;
  }

  /** Whether the guest's code is that of `ranges`; from now on its changes are noticed. The lock is held. */
  private holds(ranges: readonly CodeRange[], cpu: number): boolean {
    for (const { first } of ranges) this.watch(first >>> 12, cpu);
    return sameCode(this.pages.bytes, ranges);
  }

  /** As in make(): the bytes may have changed before the region had its place in the lists of their pages. */
  private dropUnlessSame(ranges: readonly CodeRange[]): void {
    for (const range of ranges) {
      if ((this.pages.bytes[PERMISSION_TABLE + (range.first >>> 12)]! & Perm.CODE_W) === 0 || sameCode(this.pages.bytes, [range])) continue;
      this.pages.dropLocked(range.first, range.bytes.length);
    }
  }

  /**
   * Decodes a run at `addr`. The lock is held. Writes to other parts of its page are not noticed (PAGE_HEADER_BITMAP): where the page may
   * be written to, the bytes must be the same before the run is decoded and when it has its place, or it is decoded again while nobody
   * writes.
   */
  private make(addr: number, cpu: number, limit: number): number {
    this.watch(addr >>> 12, cpu);
    const { bytes } = this.pages, at = addr + BIAS;
    const before = (bytes[PERMISSION_TABLE + (addr >>> 12)]! & Perm.CODE_W) !== 0 ? bytes.slice(at, at + LONGEST_RUN) : null;
    const records = this.makeFrom(addr, cpu, limit);
    if (before === null || records === 0) return records;
    const length = this.lengthOf(addr, records);
    if (sameCode(this.pages.bytes, [{ first: addr, bytes: before.subarray(0, length) }])) return records;
    this.pages.dropLocked(addr, length);
    return this.withOthersOut(cpu, () => {
      this.watch(addr >>> 12, cpu);
      return this.makeFrom(addr, cpu, limit);
    });
  }

  /** Bytes of the run at `addr` that has just been made. */
  private lengthOf(addr: number, records: number): number {
    const { words } = this.pages;
    return words[(records - RECORD_SIZE + Run.end) >> 2]! - addr;
  }

  private makeFrom(addr: number, cpu: number, limit: number): number {
    const page = addr >>> 12;
    let end = this.decoder.run(this.pages, addr, cpu, limit);
    const pageEnd = (page + 1) * 4096;
    if (end > pageEnd && this.watch(page + 1, cpu)) end = this.decoder.run(this.pages, addr, cpu, limit);
    const crosses = end > pageEnd, { count } = this.decoder;
    if (count === 0) return 0;
    const size = (count + 3) * RECORD_SIZE;
    if (this.makeRoom(roomForRun(count), cpu)) this.watch(page, cpu);
    const at = this.runs.allocate(size);
    const records = at + RECORD_SIZE;
    this.decoder.copyTo(this.pages.words, records >> 2);
    this.runs.link(at, page, addr, end, records, count);
    if (crosses) {
      this.watch(page + 1, cpu);
      // the watch: same records, in the next page's list
      this.runs.link(records + count * RECORD_SIZE, page + 1, addr, end, records, count);
    }
    return records;
  }

  /** Drops everything when the arena has no `bytes` left: true. The lock is held. */
  private makeRoom(bytes: number, cpu: number): boolean {
    if (this.pages.words[Globals.arenaTop >> 2]! + bytes <= RECORD_ARENA_END) return false;
    this.flush(cpu);
    return true;
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

  /** Does `work` while no other thread of the process is in the interpreter or a region. The lock is held. */
  private withOthersOut<T>(cpu: number, work: () => T): T {
    const { words } = this.pages, areOut = Atomics.load(words, Globals.flushing >> 2) !== 0;
    if (areOut) return work();
    this.callOthersOut(cpu);
    const result = work();
    Atomics.store(words, Globals.flushing >> 2, 0);
    return result;
  }

  private callOthersOut(cpu: number): void {
    const { words } = this.pages;
    Atomics.store(words, Globals.flushing >> 2, 1);
    for (let n = 0; n < MAX_THREADS_PER_PROCESS; n++) {
      const other = CPU_AREA + n * Cpu.size;
      if (other === cpu) continue;
      while (Atomics.load(words, (other + EngineField.inside) >> 2) !== 0) Atomics.or(words, (other + Cpu.interrupt) >> 2, INTERRUPT_ENGINE);
    }
  }

  /**
   * Watches a page whose bytes are about to be read as code. Where it was writable other threads may be in loops that take that for
   * granted (emit/pageNotes.ts): they leave them once. The lock is held. False: it was watched like that already.
   */
  private watch(page: number, cpu: number): boolean {
    const { pages } = this, at = PERMISSION_TABLE + page;
    pages.watch(page);
    if ((pages.bytes[at]! & (Perm.CODE_W | Perm.SETTLED)) !== Perm.CODE_W) return false;
    this.withOthersOut(cpu, () => Atomics.or(pages.bytes, at, Perm.SETTLED));
    return true;
  }

  /** Drops everything. The lock is held. */
  private flush(cpu: number): void {
    const { words } = this.pages;
    this.withOthersOut(cpu, () => {
      const table = CODE_PAGE_TABLE >> 2;
      for (let page = 0; page < 1 << 20; page++) {
        if (words[table + page] === 0) continue;
        words[table + page] = 0;
        this.pages.clearCode(page);
      }
      this.jumps.clear();
      words[Globals.arenaTop >> 2] = RECORD_ARENA;
      words[Globals.regions >> 2] = 0;
      Atomics.add(words, Globals.generation >> 2, 1);
      Atomics.add(words, Globals.regionsDropped >> 2, 1);
    });
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
    const node = header === 0 || halves[record >> 1] !== Case.stale || halves[target >> 1] === Case.stale ? 0 : this.runs.allocate(RECORD_SIZE);
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

  /**
   * Does `write`, by which the guest writes there: what was decoded of it is dropped first, nobody else decodes anything until it is
   * done, and what had to be decoded for the write itself is dropped behind it.
   */
  overwrite<T>(addr: number, length: number, cpu: number, write: () => T): T {
    this.current();
    this.lock(cpu);
    try {
      this.pages.dropLocked(addr, length);
      const result = write();
      this.pages.dropLocked(addr, length);
      return result;
    } finally {
      this.pages.unlock();
    }
  }

  get generation(): number { return this.pages.words[Globals.generation >> 2]!; }
}

