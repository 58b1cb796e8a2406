import { RECORD_SIZE } from '../machine/codeLayout.ts';

/**
 * Runs of records that some worker has decoded, for the others: programs share their libraries, and each process begins with the
 * same code at the same addresses. An entry is found by address and circumstances, and holds when the guest's bytes are the
 * same; records depend on nothing else. Entries are only added; a full store stays as it is.
 *
 *   word 0          first free word
 *   word 1          the host's: what it wants to know of earlier runs
 *   words 16..      heads of lists, by hash of the address
 *   then entries    next, address, circumstances, bytes, records; the guest's bytes; the records
 */
const TOP = 0;
export const HOST_WORD = 1;
const HEADS = 16;
const HEAD_COUNT = 0x4000;
const FIRST_ENTRY = HEADS + HEAD_COUNT;
const Entry = { next: 0, addr: 1, circumstances: 2, byteCount: 3, recordCount: 4, size: 5 } as const;
const RECORD_WORDS = RECORD_SIZE / 4;
/** Runs of one address that are kept: a program that makes code for ever does so at the same addresses. */
const MOST_VERSIONS = 8;
/** Address space; memory as far as it is used. */
export const DECODED_RUNS_BYTES = 48 << 20;

export class DecodedRuns {
  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;

  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
    this.bytes = new Uint8Array(buffer);
    Atomics.compareExchange(this.words, TOP, 0, FIRST_ENTRY);
  }

  /** The entry of the run at `addr`, whose bytes are code[at] and following; 0 = there is none. */
  find(addr: number, circumstances: number, code: Uint8Array, at: number): number {
    const { words, bytes } = this;
    for (let entry = Atomics.load(words, headOf(addr)); entry !== 0; entry = words[entry + Entry.next]!) {
      if (words[entry + Entry.addr] !== (addr | 0) || words[entry + Entry.circumstances] !== circumstances) continue;
      const count = words[entry + Entry.byteCount]!, from = (entry + Entry.size) << 2;
      let k = 0;
      while (k < count && bytes[from + k] === code[at + k]) k++;
      if (k === count) return entry;
    }
    return 0;
  }

  byteCount(entry: number): number {
    return this.words[entry + Entry.byteCount]!;
  }

  recordCount(entry: number): number {
    return this.words[entry + Entry.recordCount]!;
  }

  /** To `to[at]` and following. (For a few dozen words a loop is faster than a view and its set().) */
  copyRecords(entry: number, to: Int32Array, at: number): void {
    const { words } = this;
    const from = entry + Entry.size + ((this.byteCount(entry) + 3) >> 2), count = this.recordCount(entry) * RECORD_WORDS;
    for (let k = 0; k < count; k++) to[at + k] = words[from + k]!;
  }

  /** `records` are as decoded, without links. */
  add(addr: number, circumstances: number, code: Uint8Array, at: number, byteCount: number, records: Int32Array, recordCount: number): void {
    const { words, bytes } = this;
    if (this.versions(addr) >= MOST_VERSIONS) return;
    const codeWords = (byteCount + 3) >> 2, count = recordCount * RECORD_WORDS, size = Entry.size + codeWords + count;
    if (words[TOP]! + size > words.length) return;
    const entry = Atomics.add(words, TOP, size);
    if (entry + size > words.length) {
      Atomics.sub(words, TOP, size);
      return;
    }
    words[entry + Entry.addr] = addr;
    words[entry + Entry.circumstances] = circumstances;
    words[entry + Entry.byteCount] = byteCount;
    words[entry + Entry.recordCount] = recordCount;
    const to = (entry + Entry.size) << 2;
    for (let k = 0; k < byteCount; k++) bytes[to + k] = code[at + k]!;
    const first = entry + Entry.size + codeWords;
    for (let k = 0; k < count; k++) words[first + k] = records[k]!;
    const head = headOf(addr);
    for (;;) {
      const old = Atomics.load(words, head);
      words[entry + Entry.next] = old;
      if (Atomics.compareExchange(words, head, old, entry) === old) return;
    }
  }

  private versions(addr: number): number {
    let count = 0;
    for (let entry = Atomics.load(this.words, headOf(addr)); entry !== 0; entry = this.words[entry + Entry.next]!) {
      if (this.words[entry + Entry.addr] === (addr | 0)) count++;
    }
    return count;
  }

  /** The interpreter's cases in the records of all entries. */
  cases(): Set<number> {
    const { words } = this;
    const cases = new Set<number>();
    for (let head = HEADS; head < FIRST_ENTRY; head++) {
      for (let entry = words[head]!; entry !== 0; entry = words[entry + Entry.next]!) {
        const records = entry + Entry.size + ((this.byteCount(entry) + 3) >> 2), end = records + this.recordCount(entry) * RECORD_WORDS;
        // A record begins with its case.
        for (let at = records; at < end; at += RECORD_WORDS) cases.add(words[at]! & 0xffff);
      }
    }
    return cases;
  }
}

function headOf(addr: number): number {
  return HEADS + ((addr ^ (addr >>> 12)) & (HEAD_COUNT - 1));
}
