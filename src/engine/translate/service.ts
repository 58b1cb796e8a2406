/**
 * Translation away from the guest's thread. A request names guest code; the answer is a compiled module together with the
 * bytes it was made from, which the guest's thread compares again before it installs it: the code may have changed meanwhile.
 * Answers are kept and serve every process that has the same bytes at the same address.
 *
 * One function is translated once, as far as possible: a hot address within a region that exists is answered with that region,
 * or with one for the loop around it; code that a region left out because it had not run is added when it gets hot.
 */
import { MAX_ENTRIES } from '../../emit/regionEmitter.ts';
import { rowAt } from '../../isa/rows.ts';
import { lifters } from '../../lift/lifters.ts';
import { CodePages } from '../../machine/codePages.ts';
import { BIAS } from '../../machine/memoryLayout.ts';
import { wholeBuffer } from '../../machine/wholeBuffer.ts';
import { readerOf } from './decodedCode.ts';
import { loopAround } from './loops.ts';
import { DEFAULT_LIMITS, discover, MERGED_LIMITS, type Region } from './region.ts';
import { emitModule, liftRegion, type LifterOf } from './translate.ts';
import { type CodeRange, sameCode, type Translation, type TranslationRequest, type Translator } from './translation.ts';

const lifterOf: LifterOf = (row) => lifters[rowAt(row).mnemonic];
/** Translations kept; when there are more, all are forgotten. */
const KEPT = 30_000;
/** How often a region is made again because it got warmer. */
const MAX_GROWTHS = 4;
/** A region with many entries is made again when it has so many times as many. */
const GROWTH = 1.5;

/** A region that was made, with what later requests need to know. */
interface Made {
  readonly region: Region;
  readonly translation: Translation;
}

let lastId = 0;

/** What modules were made from, for who keeps them. */
export const moduleBytes = new WeakMap<WebAssembly.Module, Uint8Array>();

function nothing({ entry, mode }: TranslationRequest): Translation {
  return { entry, entries: [], mode, module: null, ranges: [], id: 0, later: false };
}

/** Translates the region of `entries`; null when the first of them cannot be. */
function make(request: TranslationRequest, pages: CodePages, entries: readonly number[]): Made | null {
  const region = discover(readerOf(pages), entries, request.mode, entries.length > 1 ? MERGED_LIMITS : DEFAULT_LIMITS);
  if (region === null || region.entries[0] !== entries[0]) return null;
  const ranges = region.ranges().map(({ first, end }) => ({ first, bytes: pages.bytes.slice(first + BIAS, end + BIAS) }));
  const lifted = liftRegion(region, lifterOf);
  const firstBlock = lifted.nodes[lifted.nodes.length - region.blocks.length]!;
  if (firstBlock.addresses.length === 0) return null;
  const wasm = emitModule(lifted), module = new WebAssembly.Module(wasm);
  moduleBytes.set(module, wasm);
  return { region, translation: { entry: request.entry, entries: region.entries, mode: request.mode, module, ranges, id: ++lastId, later: false } };
}

/** Bytes around a region with indirect jumps in which further hot addresses are taken for its targets, when no table was found. */
const NEAR = 0x4000;

/**
 * Code with indirect jumps, such as the main loop of a bytecode interpreter: the places they lead to become hot one after the
 * other, and are then translated again together.
 */
class JumpGroup {
  readonly mode: 32 | 64;
  readonly entries: number[];
  readonly targets: ReadonlySet<number>;
  low: number;
  high: number;
  /** What tells the same code in another process. */
  readonly ranges: readonly CodeRange[];
  /** Entries of the last common translation. */
  merged: number;

  constructor({ region, translation }: Made) {
    this.mode = translation.mode;
    this.entries = [...region.entries];
    this.merged = this.entries.length;
    this.targets = region.jumpTargets;
    this.ranges = translation.ranges;
    this.low = Math.min(...translation.ranges.map((r) => r.first)) - NEAR;
    this.high = Math.max(...translation.ranges.map((r) => r.first + r.bytes.length)) + NEAR;
  }

  covers(request: TranslationRequest, memory: Uint8Array): boolean {
    if (request.mode !== this.mode) return false;
    if (this.targets.size > 0 ? !this.targets.has(request.entry) : request.entry < this.low || request.entry >= this.high) return false;
    return sameCode(memory, this.ranges);
  }

  /** Whether a jump of the region reads a table of the group's. */
  shares(region: Region): boolean {
    for (const target of region.jumpTargets) if (this.targets.has(target)) return true;
    return false;
  }

  /** Whether it is time for a common translation once `entry` belongs to it. */
  add(entry: number): boolean {
    if (!this.entries.includes(entry)) this.entries.push(entry);
    return this.entries.length <= MAX_ENTRIES && this.entries.length >= this.merged * GROWTH;
  }
}

/** Slots for tests and traces. */
export const serviceHooks: {
  /** A region could not be made. */
  failed: ((request: TranslationRequest, error: unknown) => void) | null;
  made: ((request: TranslationRequest, made: Translation, region: Region) => void) | null;
} = { failed: null, made: null };

export class TranslationService {
  /** By entry; the latest last. */
  private readonly byEntry = new Map<string, Made[]>();
  /** By each address a block begins at: the latest region with it. */
  private readonly byBlock = new Map<string, Made>();
  /** By address that a region leaves for because it had not run. */
  private readonly byExit = new Map<string, Made>();
  private readonly growths = new Map<string, number>();
  /** Addresses that have been answered with `later`. */
  private readonly asked = new Set<string>();
  private readonly groups: JumpGroup[] = [];
  private count = 0;

  serve(request: TranslationRequest): Translation {
    const pages = new CodePages(wholeBuffer(request.memory)), { bytes } = pages;
    const known = this.known(request, request.entry, bytes);
    if (known !== null) return again(known, request, pages);
    const group = this.groups.find((g) => g.covers(request, bytes));
    if (group !== undefined) return this.serveGroup(group, request, pages);
    const covering = this.byBlock.get(keyOf(request, request.entry));
    if (covering !== undefined && sameCode(bytes, covering.translation.ranges)) return this.serveWithin(covering, request, pages);
    const outer = this.byExit.get(keyOf(request, request.entry));
    if (outer !== undefined && sameCode(bytes, outer.translation.ranges)) {
      const grown = this.grow(outer, request, pages);
      if (grown !== null) return grown;
    }
    return this.serveNew(request, pages);
  }

  private known(request: TranslationRequest, entry: number, bytes: Uint8Array): Made | null {
    return this.byEntry.get(keyOf(request, entry))?.findLast((m) => sameCode(bytes, m.translation.ranges)) ?? null;
  }

  /** An indirect jump's target: alone at first, with the others when there are enough new ones. */
  private serveGroup(group: JumpGroup, request: TranslationRequest, pages: CodePages): Translation {
    const together = group.add(request.entry);
    const made = this.attempt(request, pages, together ? [request.entry, ...group.entries.filter((e) => e !== request.entry)] : [request.entry]);
    if (together && made !== null) group.merged = group.entries.length;
    return made === null ? nothing(request) : made.translation;
  }

  /** An address inside a region, which is not one of its entries. */
  private serveWithin(covering: Made, request: TranslationRequest, pages: CodePages): Translation {
    const head = loopAround(covering.region, request.entry);
    if (head >= 0 && head !== request.entry) {
      const known = this.known(request, head, pages.bytes);
      if (known !== null) return this.later(known, request, pages);
      const made = this.attempt(request, pages, [head]);
      return made === null ? nothing(request) : { ...made.translation, later: true };
    }
    if (head < 0 && !this.asked.has(keyOf(request, request.entry))) return this.later(covering, request, pages);
    const made = this.attempt(request, pages, [request.entry]);
    return made === null ? nothing(request) : made.translation;
  }

  /** The first time the region itself is the answer; who asks again wants its own. */
  private later(made: Made, request: TranslationRequest, pages: CodePages): Translation {
    const key = keyOf(request, request.entry);
    if (this.asked.has(key)) {
      const own = this.attempt(request, pages, [request.entry]);
      return own === null ? nothing(request) : own.translation;
    }
    this.asked.add(key);
    return { ...again(made, request, pages), later: true };
  }

  /** A region that left the address out is made again with what has run since. */
  private grow(outer: Made, request: TranslationRequest, pages: CodePages): Translation | null {
    const key = keyOf(request, outer.region.entries[0]!), growths = this.growths.get(key) ?? 0;
    if (growths >= MAX_GROWTHS) return null;
    this.growths.set(key, growths + 1);
    const made = this.attempt(request, pages, outer.region.entries);
    if (made === null || !made.region.blocks.some((block) => block.start === request.entry)) return null;
    return { ...made.translation, later: true };
  }

  private serveNew(request: TranslationRequest, pages: CodePages): Translation {
    const made = this.attempt(request, pages, [request.entry]);
    if (made === null) return nothing(request);
    const { region } = made;
    const sharing = this.groups.find((g) => g.shares(region) && sameCode(pages.bytes, g.ranges));
    if (sharing !== undefined) {
      sharing.add(request.entry);
      return made.translation;
    }
    if (region.hasTableJump) this.groups.push(new JumpGroup(made));
    return made.translation;
  }

  /** What cannot be translated (too large for V8, a fault of ours) stays with the interpreter; the service goes on. */
  private attempt(request: TranslationRequest, pages: CodePages, entries: readonly number[]): Made | null {
    try {
      const made = make(request, pages, entries);
      if (made === null) return null;
      serviceHooks.made?.(request, made.translation, made.region);
      this.keep(request, made);
      return made;
    } catch (error) {
      serviceHooks.failed?.(request, error);
      return null;
    }
  }

  private keep(request: TranslationRequest, made: Made): void {
    if (this.count >= KEPT) this.forget();
    for (const entry of made.region.entries) {
      const key = keyOf(request, entry), list = this.byEntry.get(key) ?? [];
      // A larger one takes the place of what it contains.
      const older = list.findIndex((m) => m.region.entries.every((e) => made.region.entries.includes(e)) && sameRanges(m, made));
      if (older >= 0) list.splice(older, 1);
      else this.count++;
      list.push(made);
      this.byEntry.set(key, list);
    }
    for (const block of made.region.blocks) if (block.inside === null) this.byBlock.set(keyOf(request, block.start), made);
    for (const address of made.region.cold) this.byExit.set(keyOf(request, address), made);
  }

  private forget(): void {
    this.byEntry.clear();
    this.byBlock.clear();
    this.byExit.clear();
    this.growths.clear();
    this.asked.clear();
    this.groups.length = 0;
    this.count = 0;
  }
}

/** Whether both were made from the same bytes, as far as they have bytes in common. */
function sameRanges(a: Made, b: Made): boolean {
  return a.translation.ranges.every(({ first, bytes }) => {
    const other = b.translation.ranges.find((r) => r.first >>> 12 === first >>> 12);
    if (other === undefined) return false;
    const from = Math.max(first, other.first), to = Math.min(first + bytes.length, other.first + other.bytes.length);
    for (let at = from; at < to; at++) if (bytes[at - first] !== other.bytes[at - other.first]) return false;
    return true;
  });
}

/** An answer given before. */
function again({ translation }: Made, { entry }: TranslationRequest, pages: CodePages): Translation {
  for (const range of translation.ranges) pages.watch(range.first >>> 12);
  return { ...translation, entry };
}

function keyOf({ mode }: TranslationRequest, address: number): string {
  return `${mode}:${address}`;
}

/** For a guest thread without a translating worker: translates at once, on the thread itself. */
export class OwnTranslator implements Translator {
  private readonly service = new TranslationService();
  private readonly made: Translation[] = [];

  request(request: TranslationRequest): void {
    this.made.push(this.service.serve(request));
  }

  take(): Translation | null {
    return this.made.shift() ?? null;
  }
}
