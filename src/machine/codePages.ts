/**
 * Decoded code of guest pages, as either side drops it: the engine when the guest writes over it, the kernel when it unmaps,
 * remaps or writes into pages with Perm.CODE. See codeLayout.ts.
 */
import { Case, EngineField, Globals, JUMP_CACHE_ENTRIES, KERNEL_OWNS, PAGE_HEADER_BITMAP, PAGE_HEADER_FORWARDERS, RECORD_SIZE, Run } from './codeLayout.ts';
import { CODE_PAGE_TABLE, JUMP_CACHE, PERMISSION_TABLE, Perm, RECORD_ARENA } from './memoryLayout.ts';

const LONGEST_HELD_MS = 10_000;
const LONGEST_LOOK_MS = 10;

/** Words and bytes of one process's memory; made again when it has grown (what lies below the bias never moves). */
export class CodePages {
  readonly words: Int32Array;
  readonly halves: Uint16Array;
  readonly bytes: Uint8Array;

  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
    this.halves = new Uint16Array(buffer);
    this.bytes = new Uint8Array(buffer);
  }

  tryLock(owner: number = KERNEL_OWNS): boolean {
    return Atomics.compareExchange(this.words, Globals.lock >> 2, 0, owner) === 0;
  }

  /** Who has held it for so long is gone, or stuck for ever: it is taken away. */
  lock(owner: number = KERNEL_OWNS): void {
    if (this.tryLock(owner)) return;
    let waited = 0, last = performance.now();
    while (!this.tryLock(owner)) {
      const now = performance.now();
      // A longer gap between two looks was not the holder's doing either.
      waited += Math.min(now - last, LONGEST_LOOK_MS);
      last = now;
      if (waited > LONGEST_HELD_MS) {
        Atomics.store(this.words, Globals.flushing >> 2, 0);
        Atomics.store(this.words, Globals.lock >> 2, owner);
        return;
      }
    }
  }

  unlock(): void {
    Atomics.store(this.words, Globals.lock >> 2, 0);
  }

  /**
   * The worker of the thread with this CPU state is gone, wherever it was: what others wait for it to do will not happen. What it
   * leaves half done is not used much longer, since its process is killed.
   */
  abandon(cpu: number): void {
    const { words } = this;
    Atomics.store(words, (cpu + EngineField.inside) >> 2, 0);
    Atomics.store(words, Globals.splitLock >> 2, 0);
    if (Atomics.load(words, Globals.lock >> 2) !== cpu) return;
    Atomics.store(words, Globals.flushing >> 2, 0);
    Atomics.compareExchange(words, Globals.lock >> 2, cpu, 0);
  }

  /** The memory gets another process: as new, but with another generation. Nobody runs in it. `pages`: how many guest pages it has. */
  reset(pages: number): void {
    const { words } = this, table = CODE_PAGE_TABLE >> 2;
    words.fill(0, table, table + pages);
    words.fill(0, JUMP_CACHE >> 2, (JUMP_CACHE >> 2) + 2 * JUMP_CACHE_ENTRIES);
    for (const word of [Globals.lock, Globals.flushing, Globals.splitLock, Globals.regions, Globals.mode, Globals.tall]) words[word >> 2] = 0;
    words[Globals.arenaTop >> 2] = RECORD_ARENA;
    words[Globals.regionsDropped >> 2]! += 1;
    Atomics.add(words, Globals.generation >> 2, 1);
  }

  /** W goes, CODE comes: from now on a write into the page is noticed. */
  watch(page: number): void {
    const at = PERMISSION_TABLE + page;
    for (;;) {
      const old = Atomics.load(this.bytes, at);
      if ((old & Perm.CODE) !== 0) return;
      const now = (old & ~Perm.W) | Perm.CODE | ((old & Perm.W) !== 0 ? Perm.CODE_W : 0);
      if (Atomics.compareExchange(this.bytes, at, old, now) === old) return;
    }
  }

  /** Drops all code of pages first..last (inclusive) and gives them back their write permission. */
  dropPages(first: number, last: number): void {
    let locked = false;
    for (let page = first; page <= last; page++) {
      if ((this.bytes[PERMISSION_TABLE + page]! & Perm.CODE) === 0) continue;
      if (!locked) this.lock();
      locked = true;
      this.dropRuns(page, 0, 0x1_0000_0000);
      this.clearCode(page);
    }
    if (locked) this.unlock();
  }

  /**
   * Drops the code decoded from bytes [addr, addr + length). A page that then has none left is writable again. Call it before
   * the bytes change.
   */
  dropRange(addr: number, length: number, owner: number = KERNEL_OWNS): void {
    this.lock(owner);
    this.dropLocked(addr, length);
    this.unlock();
  }

  /** The same for who has the lock. */
  dropLocked(addr: number, length: number): void {
    const end = addr + length;
    for (let page = addr >>> 12; page <= (end - 1) >>> 12; page++) {
      if ((this.bytes[PERMISSION_TABLE + page]! & Perm.CODE) !== 0 && !this.dropRuns(page, addr, end)) this.clearCode(page);
    }
  }

  /** Returns whether live runs remain. Readers without the lock may stand on a run that is taken out: its `next` stays. */
  private dropRuns(page: number, from: number, to: number): boolean {
    const words = this.words, header = words[(CODE_PAGE_TABLE >> 2) + page]!;
    if (header === 0) return false;
    this.dropForwarders(header);
    const lines = [0, 0, 0, 0];
    let live = false, link = header >> 2;
    for (let run = words[link]!; run !== 0; run = words[link]!) {
      const first = words[(run + Run.first) >> 2]! >>> 0, end = words[(run + Run.end) >> 2]! >>> 0;
      if ((first < to && end > from) || end === 0) {
        this.dropRun(run);
        Atomics.store(words, link, words[(run + Run.next) >> 2]!);
        continue;
      }
      live = true;
      link = (run + Run.next) >> 2;
      const last = Math.min(end, (page + 1) * 4096) - page * 4096 - 1;
      for (let line = Math.max(first - page * 4096, 0) >> 5; line <= last >> 5; line++) lines[line >> 5]! |= 1 << (line & 31);
    }
    for (let k = 0; k < 4; k++) Atomics.store(words, ((header + PAGE_HEADER_BITMAP) >> 2) + k, lines[k]!);
    return live;
  }

  /** Stale records that lead on to newer ones are looked up again. */
  private dropForwarders(header: number): void {
    const words = this.words, list = (header + PAGE_HEADER_FORWARDERS) >> 2;
    for (let node = words[list]!; node !== 0; node = words[node >> 2]!) this.halves[words[(node + 4) >> 2]! >> 1] = Case.stale;
    words[list] = 0;
  }

  private dropRun(run: number): void {
    const records = this.words[(run + Run.records) >> 2]!, count = this.words[(run + Run.count) >> 2]!;
    for (let k = 0; k < count; k++) {
      const at = (records + k * RECORD_SIZE) >> 1;
      if (this.halves[at] === Case.region) Atomics.add(this.words, Globals.regionsDropped >> 2, 1);
      this.halves[at] = Case.stale;
    }
    this.words[(run + Run.first) >> 2] = 0;
    this.words[(run + Run.end) >> 2] = 0;
  }

  /** CODE goes, W is there again if the page may have it. Its code has been dropped, the lock is held. */
  clearCode(page: number): void {
    const at = PERMISSION_TABLE + page;
    for (;;) {
      const old = Atomics.load(this.bytes, at);
      const now = (old & ~(Perm.CODE | Perm.CODE_W | Perm.SETTLED)) | ((old & Perm.CODE_W) !== 0 ? Perm.W : 0);
      if (Atomics.compareExchange(this.bytes, at, old, now) === old) return;
    }
  }
}
