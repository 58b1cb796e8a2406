/**
 * The bytes of an in-memory file: chunks of 64 KiB, each with a bit per 4 KiB page that exists, so that holes cost nothing and
 * SEEK_HOLE and st_blocks tell the truth. The first chunk grows by doubling, for small files.
 *
 * Pages that do not exist read as zeros, or from `backing` (a lower file whose copy is put off).
 */
export const PAGE = 4096;
const CHUNK_SHIFT = 16;
const CHUNK = 1 << CHUNK_SHIFT;
const PAGES_PER_CHUNK = CHUNK / PAGE;
const ALL_PAGES = (1 << PAGES_PER_CHUNK) - 1;
const FIRST_CAPACITY = 512;
const NO_BYTES = new Uint8Array(0);

interface Chunk {
  data: Uint8Array;
  /** Bit n: page n of the chunk exists. */
  pages: number;
  /** Bit n: and has been written. Those that have only been allocated are holes to SEEK_HOLE, and not in memory to mincore. */
  written: number;
}

/** Where the pages of a file that was not yet copied are read from. */
export interface Backing {
  /** Fills all of `buf` from `offset`; what lies behind the end stays. */
  readAt(buf: Uint8Array, offset: number): number;
}

/** Answers for the space pages take: false = the file system is full. */
export type Account = (pages: number) => boolean;

function popcount(bits: number): number {
  let n = 0;
  for (let b = bits; b !== 0; b &= b - 1) n++;
  return n;
}

export class Chunks {
  /** By chunk number; files may be sparse far beyond any array. */
  private chunks = new Map<number, Chunk>();
  /** Pages that exist. */
  pageCount = 0;
  private backing: Backing | null = null;
  /** Backing holds the bytes below this. */
  private backingSize = 0;
  private readonly account: Account;

  constructor(account: Account) {
    this.account = account;
  }

  setBacking(backing: Backing, size: number): void {
    this.backing = backing;
    this.backingSize = size;
  }
  /** 4 KiB units this file occupies, counting those still in the backing. */
  get occupiedPages(): number {
    return this.backing === null ? this.pageCount : Math.max(this.pageCount, Math.ceil(this.backingSize / PAGE));
  }

  /** Fills `buf` from `offset`; the caller has clipped it to the file's size. */
  read(buf: Uint8Array, offset: number): void {
    let done = 0;
    while (done < buf.length) {
      const at = offset + done;
      const index = Math.floor(at / CHUNK);
      const within = at - index * CHUNK;
      const n = Math.min(buf.length - done, CHUNK - within);
      this.readChunk(buf.subarray(done, done + n), this.chunks.get(index), within, at);
      done += n;
    }
  }

  private readChunk(out: Uint8Array, chunk: Chunk | undefined, within: number, at: number): void {
    if (this.backing !== null && at < this.backingSize && (chunk === undefined || chunk.pages !== ALL_PAGES)) {
      this.readMixed(out, chunk, within, at);
      return;
    }
    if (chunk === undefined) {
      out.fill(0);
      return;
    }
    const have = chunk.data.length - within;
    if (have >= out.length) {
      out.set(chunk.data.subarray(within, within + out.length));
    } else {
      if (have > 0) out.set(chunk.data.subarray(within));
      out.fill(0, Math.max(have, 0));
    }
  }

  /** Page by page, from the chunk or from the backing. */
  private readMixed(out: Uint8Array, chunk: Chunk | undefined, within: number, at: number): void {
    for (let done = 0; done < out.length; ) {
      const page = (within + done) >>> 12;
      const n = Math.min(out.length - done, (page + 1) * PAGE - (within + done));
      const part = out.subarray(done, done + n);
      if (chunk !== undefined && (chunk.pages & (1 << page)) !== 0) part.set(chunk.data.subarray(within + done, within + done + n));
      else this.readBacking(part, at + done);
      done += n;
    }
  }

  private readBacking(part: Uint8Array, at: number): void {
    part.fill(0);
    const n = Math.min(part.length, this.backingSize - at);
    if (n > 0) this.backing!.readAt(part.subarray(0, n), at);
  }

  /** Stores `buf` at `offset`; how many bytes fitted (fewer when space ran out). */
  write(buf: Uint8Array, offset: number): number {
    let done = 0;
    while (done < buf.length) {
      const at = offset + done;
      const index = Math.floor(at / CHUNK);
      const within = at - index * CHUNK;
      const n = Math.min(buf.length - done, CHUNK - within);
      const chunk = this.prepare(index, within, within + n);
      if (chunk === null) break;
      chunk.data.set(buf.subarray(done, done + n), within);
      done += n;
    }
    return done;
  }

  /**
   * Makes the pages of [from, to) of a chunk exist. null: no space. `lazily`: they will be written later, so they need no bytes yet
   * (bytes that a chunk has not got are zeros).
   */
  private prepare(index: number, from: number, to: number, lazily = false): Chunk | null {
    let chunk = this.chunks.get(index);
    const first = from >>> 12;
    const last = (to - 1) >>> 12;
    const wanted = ((2 << last) - 1) & ~((1 << first) - 1);
    const missing = chunk === undefined ? wanted : wanted & ~chunk.pages;
    if (missing !== 0 && !this.account(popcount(missing))) return null;
    if (chunk === undefined) {
      chunk = { data: NO_BYTES, pages: 0, written: 0 };
      this.chunks.set(index, chunk);
    }
    // Those that are allocated once more are filled with zeros (shmem_get_folio_gfp).
    chunk.written |= lazily ? wanted & ~missing : wanted;
    if (!lazily || this.backing !== null) this.grow(chunk, index, this.backing === null ? to : (last + 1) * PAGE);
    if (missing === 0) return chunk;
    chunk.pages |= missing;
    this.pageCount += popcount(missing);
    if (this.backing !== null) {
      for (let page = first; page <= last; page++) {
        const at = index * CHUNK + page * PAGE;
        if ((missing & (1 << page)) === 0 || at >= this.backingSize) continue;
        this.readBacking(chunk.data.subarray(page * PAGE, (page + 1) * PAGE), at);
        chunk.written |= 1 << page;
      }
    }
    return chunk;
  }

  private grow(chunk: Chunk, index: number, needed: number): void {
    if (chunk.data.length >= needed) return;
    const data = new Uint8Array(index === 0 ? capacityFor(needed) : CHUNK);
    data.set(chunk.data);
    chunk.data = data;
  }

  /** Makes all pages of [from, to) exist; false when space ran out. */
  fill(from: number, to: number): boolean {
    for (let at = from; at < to; ) {
      const index = Math.floor(at / CHUNK);
      const end = Math.min(to, (index + 1) * CHUNK);
      if (this.prepare(index, at - index * CHUNK, end - index * CHUNK, true) === null) return false;
      at = end;
    }
    return true;
  }

  /** The bytes of [from, to) become zeros; whole pages become holes. */
  punch(from: number, to: number): void {
    if (to <= from) return;
    for (const index of this.indexesIn(from, to)) {
      const base = index * CHUNK;
      this.punchChunk(index, Math.max(from - base, 0), Math.min(to - base, CHUNK));
    }
  }

  /** Numbers of the chunks in a range that have something to lose. */
  private indexesIn(from: number, to: number): number[] {
    const first = Math.floor(from / CHUNK);
    const last = Math.floor((to - 1) / CHUNK);
    const out = new Set<number>();
    for (const index of this.chunks.keys()) if (index >= first && index <= last) out.add(index);
    const backed = Math.min(Math.ceil(this.backingSize / CHUNK) - 1, last);
    for (let index = first; index <= backed; index++) out.add(index);
    return [...out];
  }

  private punchChunk(index: number, from: number, to: number): void {
    const base = index * CHUNK;
    const isBacked = this.backing !== null && base + from < this.backingSize;
    const chunk = isBacked ? this.prepare(index, from, to) ?? undefined : this.chunks.get(index);
    if (chunk === undefined) return;
    chunk.data.fill(0, from, to);
    if (isBacked) return;
    let dropped = 0;
    for (let page = Math.ceil(from / PAGE); (page + 1) * PAGE <= to; page++) dropped |= 1 << page;
    this.dropPages(index, chunk, dropped);
  }

  private dropPages(index: number, chunk: Chunk, pages: number): void {
    const dropped = pages & chunk.pages;
    chunk.pages &= ~dropped;
    chunk.written &= ~dropped;
    const n = popcount(dropped);
    this.pageCount -= n;
    this.account(-n);
    if (chunk.pages === 0) this.chunks.delete(index);
  }

  /** Cuts everything from `size` on. */
  truncate(size: number): void {
    this.backingSize = Math.min(this.backingSize, size);
    if (this.backingSize === 0) this.backing = null;
    const keep = Math.ceil(size / CHUNK);
    for (const [index, chunk] of [...this.chunks]) if (index >= keep) this.dropPages(index, chunk, ALL_PAGES);
    const within = size - (keep - 1) * CHUNK;
    const chunk = this.chunks.get(keep - 1);
    if (chunk === undefined) return;
    chunk.data.fill(0, within);
    this.dropPages(keep - 1, chunk, ALL_PAGES & ~((1 << Math.ceil(within / PAGE)) - 1));
  }

  /** Moves the pages from byte `from` on so that they start at `to` (both multiples of the page size); those between are cut off or become a hole. */
  shift(from: number, to: number): void {
    if (this.backing !== null) this.fill(0, this.backingSize);
    this.backing = null;
    this.backingSize = 0;
    const moved: [page: number, data: Uint8Array, written: boolean][] = [];
    for (const [index, chunk] of this.chunks) {
      for (let page = 0; page < PAGES_PER_CHUNK; page++) {
        const number = index * PAGES_PER_CHUNK + page;
        if ((chunk.pages & (1 << page)) === 0 || number * PAGE < from) continue;
        moved.push([number + (to - from) / PAGE, chunk.data.slice(page * PAGE, (page + 1) * PAGE), (chunk.written & (1 << page)) !== 0]);
      }
    }
    this.truncate(Math.min(from, to));
    for (const [page, data, written] of moved) {
      const index = Math.floor(page / PAGES_PER_CHUNK);
      const at = (page % PAGES_PER_CHUNK) * PAGE;
      const chunk = this.prepare(index, at, at + PAGE, !written);
      if (written) chunk?.data.set(data, at);
    }
  }

  /** Whether a page has data: fully below the backing's end, or in its chunk. */
  private isData(page: number): boolean {
    if (page * PAGE < this.backingSize) return true;
    const chunk = this.chunks.get(Math.floor(page / PAGES_PER_CHUNK));
    return chunk !== undefined && (chunk.written & (1 << (page % PAGES_PER_CHUNK))) !== 0;
  }

  /** Number of the first chunk from `index` on; Infinity when there is none. */
  private nextChunk(index: number): number {
    let next = Infinity;
    for (const number of this.chunks.keys()) if (number >= index && number < next) next = number;
    return next;
  }

  /** The first byte at or after `offset`, below `size`, that is data (or a hole); `size` when there is none. */
  seek(offset: number, size: number, hole: boolean): number {
    for (let page = Math.floor(offset / PAGE); page * PAGE < size; page++) {
      if (this.isData(page) !== hole) return Math.max(offset, page * PAGE);
      const index = Math.floor(page / PAGES_PER_CHUNK);
      if (!hole && !this.chunks.has(index)) {
        // Nothing up to the next chunk.
        page = this.nextChunk(index) * PAGES_PER_CHUNK - 1;
      }
    }
    return size;
  }
}

function capacityFor(length: number): number {
  let capacity = FIRST_CAPACITY;
  while (capacity < length) capacity *= 2;
  return Math.min(capacity, CHUNK);
}
