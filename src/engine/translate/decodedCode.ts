/** Guest code as the translator reads it from a process's memory, and what the process is known to have run. */
import { Case, PAGE_HEADER_BITMAP, Run } from '../../machine/codeLayout.ts';
import type { CodePages } from '../../machine/codePages.ts';
import { BIAS, CODE_PAGE_TABLE, PERMISSION_TABLE, Perm } from '../../machine/memoryLayout.ts';
import type { CodeReader } from './region.ts';
import type { CodeRange } from './translation.ts';

/** A list that is changed while it is read may be longer than it is: looked at no further. */
const MAX_RUNS = 10_000;

/** Bytes of the longest instruction. */
const LONGEST = 15;
/** What the decoder wants to see of it to be quick. */
const ROOM = 64;

/**
 * Reads code that the guest may be writing at the same time: instructions are decoded from copies, and agrees() tells whether a
 * later copy of the bytes is the same. Every page it looks at is watched for writes from then on.
 */
export class GuestCode implements CodeReader {
  readonly bytes: Uint8Array;
  private readonly pages: CodePages;
  private readonly copy = new Uint8Array(ROOM);
  /** Bytes of decoded instructions, one after the other; of each its address and how many, in the same order. */
  private seen = new Uint8Array(1024);
  private readonly addresses: number[] = [];
  private readonly lengths: number[] = [];
  private end = 0;

  constructor(pages: CodePages) {
    this.pages = pages;
    this.bytes = pages.bytes;
  }

  position(address: number): number {
    return address + BIAS;
  }

  available(address: number): number {
    const { bytes, pages } = this, page = address >>> 12;
    if ((bytes[PERMISSION_TABLE + page]! & Perm.X) === 0) return 0;
    pages.watch(page);
    const here = 4096 - (address & 4095);
    if (here >= LONGEST || (bytes[PERMISSION_TABLE + page + 1]! & Perm.X) === 0) return here;
    pages.watch(page + 1);
    return here + 4096;
  }

  fetch(address: number): Uint8Array {
    const { copy, bytes } = this, at = address + BIAS;
    for (let k = 0; k < LONGEST; k++) copy[k] = bytes[at + k]!;
    return copy;
  }

  /** The instruction at `address` was decoded from what fetch() gave last. */
  decoded(address: number, length: number): void {
    if (this.end + LONGEST > this.seen.length) {
      const larger = new Uint8Array(this.seen.length * 2);
      larger.set(this.seen);
      this.seen = larger;
    }
    for (let k = 0; k < length; k++) this.seen[this.end++] = this.copy[k]!;
    this.addresses.push(address);
    this.lengths.push(length);
  }

  /** Whether the copies hold, as far as they reach, what was decoded. */
  agrees(copies: readonly CodeRange[]): boolean {
    const byPage = new Map(copies.map((range) => [range.first >>> 12, range]));
    let at = 0;
    for (let n = 0; n < this.addresses.length; n++) {
      for (let address = this.addresses[n]!, end = address + this.lengths[n]!; address < end; address++, at++) {
        const range = byPage.get(address >>> 12);
        if (range !== undefined && (range.bytes[address - range.first] ?? this.seen[at]) !== this.seen[at]) return false;
      }
    }
    return true;
  }

  warm(address: number): boolean {
    return wasDecoded(this.pages, address);
  }

  readable(address: number): boolean {
    return (this.bytes[PERMISSION_TABLE + (address >>> 12)]! & Perm.R) !== 0;
  }
}

/** Whether the interpreter has decoded the code at `address`, in a run that began there or before it. */
function wasDecoded({ words, halves }: CodePages, address: number): boolean {
  const header = words[(CODE_PAGE_TABLE >> 2) + (address >>> 12)]!;
  if (header === 0) return false;
  const line = (address & 0xfff) >> 5;
  if (((words[((header + PAGE_HEADER_BITMAP) >> 2) + (line >> 5)]! >>> (line & 31)) & 1) === 0) return false;
  let run = words[header >> 2]!;
  for (let n = 0; run !== 0 && n < MAX_RUNS; n++) {
    const first = words[(run + Run.first) >> 2]! >>> 0, end = words[(run + Run.end) >> 2]! >>> 0;
    // The entry of a region stands in the list for all bytes the region was made from.
    if (address >= first && address < end && halves[words[(run + Run.records) >> 2]! >> 1] !== Case.region) return true;
    run = words[(run + Run.next) >> 2]!;
  }
  return false;
}
