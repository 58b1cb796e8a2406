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

interface Chunk {
  data: Uint8Array;
  /** Bit n: page n of the chunk exists. */
  pages: number;
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
  private chunks: (Chunk | undefined)[] = [];
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
      this.readChunk(buf.subarray(done, done + n), this.chunks[index], within, at);
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

  /** Makes the pages of [from, to) of a chunk exist. null: no space. */
  private prepare(index: number, from: number, to: number): Chunk | null {
    let chunk = this.chunks[index];
    const first = from >>> 12;
    const last = (to - 1) >>> 12;
    const wanted = ((2 << last) - 1) & ~((1 << first) - 1);
    const missing = chunk === undefined ? wanted : wanted & ~chunk.pages;
    if (missing !== 0 && !this.account(popcount(missing))) return null;
    if (chunk === undefined) {
      chunk = { data: new Uint8Array(index === 0 ? capacityFor(to) : CHUNK), pages: 0 };
      while (this.chunks.length < index) this.chunks.push(undefined);
      this.chunks[index] = chunk;
    }
    const needed = this.backing === null ? to : (last + 1) * PAGE;
    if (chunk.data.length < needed) {
      const data = new Uint8Array(capacityFor(needed));
      data.set(chunk.data);
      chunk.data = data;
    }
    if (missing === 0) return chunk;
    chunk.pages |= missing;
    this.pageCount += popcount(missing);
    if (this.backing !== null) {
      for (let page = first; page <= last; page++) {
        const at = index * CHUNK + page * PAGE;
        if ((missing & (1 << page)) !== 0 && at < this.backingSize) this.readBacking(chunk.data.subarray(page * PAGE, (page + 1) * PAGE), at);
      }
    }
    return chunk;
  }

  /** Makes all pages of [from, to) exist; false when space ran out. */
  fill(from: number, to: number): boolean {
    for (let at = from; at < to; ) {
      const index = Math.floor(at / CHUNK);
      const end = Math.min(to, (index + 1) * CHUNK);
      if (this.prepare(index, at - index * CHUNK, end - index * CHUNK) === null) return false;
      at = end;
    }
    return true;
  }

  /** The bytes of [from, to) become zeros; whole pages become holes. */
  punch(from: number, to: number): void {
    for (let at = from; at < to; ) {
      const index = Math.floor(at / CHUNK);
      const end = Math.min(to, (index + 1) * CHUNK);
      this.punchChunk(index, at - index * CHUNK, end - index * CHUNK);
      at = end;
    }
  }

  private punchChunk(index: number, from: number, to: number): void {
    const base = index * CHUNK;
    let chunk = this.chunks[index];
    if (this.backing !== null && base + from < this.backingSize) chunk = this.prepare(index, from, to) ?? undefined;
    if (chunk === undefined) return;
    chunk.data.fill(0, from, to);
    if (this.backing !== null && base + from < this.backingSize) return;
    let dropped = 0;
    for (let page = Math.ceil(from / PAGE); (page + 1) * PAGE <= to; page++) dropped |= 1 << page;
    dropped &= chunk.pages;
    chunk.pages &= ~dropped;
    const n = popcount(dropped);
    this.pageCount -= n;
    this.account(-n);
    if (chunk.pages === 0) this.chunks[index] = undefined;
  }

  /** Cuts everything from `size` on. */
  truncate(size: number): void {
    this.backingSize = Math.min(this.backingSize, size);
    if (this.backingSize === 0) this.backing = null;
    const keep = Math.ceil(size / CHUNK);
    for (let index = keep; index < this.chunks.length; index++) this.drop(this.chunks[index]);
    if (this.chunks.length > keep) this.chunks.length = keep;
    const within = size - (keep - 1) * CHUNK;
    const chunk = this.chunks[keep - 1];
    if (chunk === undefined) return;
    chunk.data.fill(0, within);
    const pages = Math.ceil(within / PAGE);
    const gone = chunk.pages & ~((1 << pages) - 1);
    chunk.pages &= ~gone;
    this.pageCount -= popcount(gone);
    this.account(-popcount(gone));
  }

  private drop(chunk: Chunk | undefined): void {
    if (chunk === undefined) return;
    const n = popcount(chunk.pages);
    this.pageCount -= n;
    this.account(-n);
  }

  private exists(page: number): boolean {
    if (page * PAGE < this.backingSize) return true;
    const chunk = this.chunks[Math.floor(page / PAGES_PER_CHUNK)];
    return chunk !== undefined && (chunk.pages & (1 << (page % PAGES_PER_CHUNK))) !== 0;
  }

  /** The first byte at or after `offset`, below `size`, that is data (or a hole); `size` when there is none. */
  seek(offset: number, size: number, hole: boolean): number {
    for (let page = Math.floor(offset / PAGE); page * PAGE < size; page++) {
      if (this.exists(page) !== hole) return Math.max(offset, page * PAGE);
      if (!hole && page % PAGES_PER_CHUNK === 0 && this.chunks[page / PAGES_PER_CHUNK] === undefined && page * PAGE >= this.backingSize) {
        page += PAGES_PER_CHUNK - 1;
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
