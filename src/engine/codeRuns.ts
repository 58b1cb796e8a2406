/** The lists of decoded runs by page and the arena their records lie in (machine/codeLayout.ts). Whoever changes them has the pages' lock. */
import { Field } from '../ir/ops.ts';
import { Case, Globals, PAGE_HEADER_BITMAP, PAGE_HEADER_SIZE, RECORD_SIZE, Run } from '../machine/codeLayout.ts';
import type { CodePages } from '../machine/codePages.ts';
import type { CaseTable } from './record.ts';
import { CODE_PAGE_TABLE, RECORD_ARENA_END } from '../machine/memoryLayout.ts';

/** Redirections one after the other, after which an instruction is decoded again instead. */
const MAX_HOPS = 16;

export class CodeRuns {
  private readonly pages: CodePages;
  private readonly cases: CaseTable;

  constructor(pages: CodePages, cases: CaseTable) {
    this.pages = pages;
    this.cases = cases;
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

  /** Older records of the instruction at `addr` forward to `record`; not those of the run from `except` on, which the region itself falls back to. */
  redirect(addr: number, except: number, record: number): void {
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
        // One before that does this instruction, too, now leads here. (Who is past it finds a link to here in place of the jump's own.)
        if (k > 0) halves[(old - RECORD_SIZE) >> 1] = this.cases.firstOf(halves[(old - RECORD_SIZE) >> 1]!);
        Atomics.store(words, (old + Field.link) >> 2, record);
        halves[old >> 1] = Case.goto;
        break;
      }
    }
  }

  /** A live record in the runs of the page. */
  find(addr: number): number {
    const { words } = this.pages;
    const header = words[(CODE_PAGE_TABLE >> 2) + (addr >>> 12)]!;
    if (header === 0 || !this.isNearCode(header, addr)) return 0;
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

  /** Whether something was decoded of the 32 bytes around `addr`. */
  private isNearCode(header: number, addr: number): boolean {
    const line = (addr & 0xfff) >> 5;
    return ((this.pages.words[((header + PAGE_HEADER_BITMAP) >> 2) + (line >> 5)]! >> (line & 31)) & 1) !== 0;
  }

  /**
   * Whether `record` is there and leads somewhere. One that was redirected to a region is not live when the region has been
   * dropped through another of its pages: the dropped record may then be connected to a live one, and the two would make a ring.
   */
  isLive(record: number): boolean {
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

  link(run: number, page: number, first: number, end: number, records: number, count: number): void {
    const { words } = this.pages;
    const slot = (CODE_PAGE_TABLE >> 2) + page;
    let header = words[slot]!;
    if (header === 0) {
      header = this.allocate(PAGE_HEADER_SIZE);
      if (header === 0) return;
      words.fill(0, header >> 2, (header + PAGE_HEADER_SIZE) >> 2);
      Atomics.store(words, slot, header);
    }
    words[(run + Run.first) >> 2] = first;
    words[(run + Run.end) >> 2] = end;
    words[(run + Run.count) >> 2] = count;
    words[(run + Run.records) >> 2] = records;
    words[(run + Run.next) >> 2] = words[header >> 2]!;
    Atomics.store(words, header >> 2, run);
    const from = Math.max(first, page * 4096) & 0xfff, to = Math.min(end, (page + 1) * 4096) - page * 4096;
    const bitmap = (header + PAGE_HEADER_BITMAP) >> 2;
    for (let line = from >> 5; line <= (to - 1) >> 5; line++) words[bitmap + (line >> 5)]! |= 1 << (line & 31);
  }

  allocate(bytes: number): number {
    const { words } = this.pages, top = words[Globals.arenaTop >> 2]!;
    if (top + bytes > RECORD_ARENA_END) return 0;
    words[Globals.arenaTop >> 2] = top + bytes;
    return top;
  }
}
