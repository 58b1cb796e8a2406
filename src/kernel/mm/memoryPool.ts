import { CodePages } from '../../machine/codePages.ts';
import { BIAS, PAGE_SIZE } from '../../machine/memoryLayout.ts';
import type { AddressSpace } from './addressSpace.ts';
import { Page } from './page.ts';

const WASM_PAGE = 65536;
/** Memories kept for the next process. */
const MOST_SPARE = 6;
/** One with more pages in use is not kept. */
const MOST_PAGES = 4096;

/** A linear memory that no process uses. Workers may be attached to it already, and are to be found by its number. */
export interface SpareMemory {
  readonly memory: WebAssembly.Memory;
  readonly id: number;
  /** `Page.stale` or 0. */
  readonly pages: Uint8Array<ArrayBuffer>;
}

/**
 * Memories of processes that have ended, for new ones: a new memory costs its reservation, every first touch of a page, and an
 * instance of the interpreter in each worker that runs in it. Guest bytes stay as they are: their pages are `stale`.
 */
export class MemoryPool {
  private readonly spare: SpareMemory[] = [];
  private lastId = 0;
  private readonly pageCount: number;
  private readonly dropped: (id: number) => void;

  /** `dropped`: nobody will use the memory again. */
  constructor(pageCount: number, dropped: (id: number) => void) {
    this.pageCount = pageCount;
    this.dropped = dropped;
  }

  /** A memory, as long as `bytes` if it is a new one: growing it later stops every worker. */
  take(bytes: number): SpareMemory {
    const spare = this.spare.pop();
    if (spare !== undefined) return spare;
    const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / WASM_PAGE), maximum: 65536, shared: true });
    return { memory, id: ++this.lastId, pages: new Uint8Array(this.pageCount) };
  }

  /** `mm` has ended: no thread runs in it, no other memory needs its pages. Its areas are gone, and with them all permissions. */
  give(mm: AddressSpace): void {
    const { memory } = mm.memory, { pages, memoryId: id } = mm;
    const length = (memory.buffer.byteLength - BIAS) / PAGE_SIZE;
    if (this.spare.length >= MOST_SPARE || makeStale(pages, length) > MOST_PAGES) return this.dropped(id);
    new CodePages(memory.buffer as unknown as SharedArrayBuffer).reset(length);
    this.spare.push({ memory, id, pages });
  }
}

/** Pages with bytes of the old process become `stale`; how many. */
function makeStale(pages: Uint8Array, length: number): number {
  let count = 0;
  for (let page = 0; page < length; page++) {
    const state = pages[page]!;
    if (state === 0) continue;
    const used = (state & (Page.present | Page.shared | Page.stale)) !== 0;
    pages[page] = used ? Page.stale : 0;
    if (used) count++;
  }
  return count;
}
