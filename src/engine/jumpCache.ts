/** The jump cache (machine/codeLayout.ts) as the dispatcher sees it; the interpreter's own lookup is interpreter/jumpCacheCode.ts. */
import { Field } from '../ir/ops.ts';
import { JUMP_CACHE_ENTRIES, jumpCacheIndex } from '../machine/codeLayout.ts';
import { JUMP_CACHE } from '../machine/memoryLayout.ts';

/** An entry as it is written: both halves at once. No record lies so high that the number would be a NaN. */
const halves = new Uint32Array(2), whole = new Float64Array(halves.buffer);

export class JumpCache {
  private readonly words: Int32Array;
  private readonly entries: Float64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
    this.entries = new Float64Array(buffer, JUMP_CACHE, JUMP_CACHE_ENTRIES);
  }

  /** The record it has for `addr`, 0 = none. */
  get(addr: number): number {
    const { words } = this;
    const index = (JUMP_CACHE >> 2) + 2 * jumpCacheIndex(addr);
    for (let at = index; at <= index + 2; at += 2) {
      if (words[at]! >>> 0 !== addr) continue;
      // Read in halves, which another thread may be changing: the record says itself what it is for.
      const record = words[at + 1]!;
      if (words[(record + Field.rip) >> 2]! >>> 0 === addr) return record;
    }
    return 0;
  }

  /**
   * Puts `record` there; what was first moves to the second place of the pair. Others may be looking: each entry is written by one store
   * of eight bytes (Atomics on a BigUint64Array took a tenth of a short process).
   */
  set(addr: number, record: number): void {
    const index = jumpCacheIndex(addr), { entries } = this;
    if (this.words[(JUMP_CACHE >> 2) + 2 * index]! >>> 0 !== addr) entries[index + 1] = entries[index]!;
    halves[0] = addr;
    halves[1] = record;
    entries[index] = whole[0]!;
  }

  clear(): void {
    this.entries.fill(0);
  }
}
