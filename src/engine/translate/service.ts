/**
 * Translation away from the guest's thread. A request names guest code; the answer is a compiled module together with the
 * bytes it was made from, which the guest's thread compares again before it installs it: the code may have changed meanwhile.
 * Answers are kept and serve every process that has the same bytes at the same address.
 *
 * One function is translated once, as far as possible: a hot address within a region that exists is answered with that region,
 * or with one for the loop around it; code that a region left out because it had not run is added when it gets hot.
 */
import { rowAt } from '../../isa/rows.ts';
import { lifters } from '../../lift/lifters.ts';
import { CodePages } from '../../machine/codePages.ts';
import { BIAS } from '../../machine/memoryLayout.ts';
import { wholeBuffer } from '../../machine/wholeBuffer.ts';
import { GuestCode } from './decodedCode.ts';
import { loopAround } from './loops.ts';
import { discover, type Region } from './region.ts';
import { calleesOf, emitModule, liftRegion, type LifterOf } from './translate.ts';
import { type CodeRange, decodingMode, sameCode, TALL, type Translation, type TranslationRequest, type Translator } from './translation.ts';

/** What serializes execution leaves the region: another thread may have changed code that is part of it (SDM vol. 3, 9.1.3). */
const SERIALIZING = 'cpuid';
const lifterOf: LifterOf = (row) => (rowAt(row).mnemonic === SERIALIZING ? undefined : lifters[rowAt(row).mnemonic]);
/** Translations kept; when there are more, all are forgotten. */
const KEPT = 30_000;
/** Of one address. */
const MOST_VERSIONS = 8;
/** How often a region is made again because it got warmer. */
const MAX_GROWTHS = 4;

/** A region that was made, with what later requests need to know. */
interface Made {
  readonly region: Region;
  readonly translation: Translation;
  /** How often it was made again because it got warmer. */
  growths: number;
}

let lastId = 0;

/** What modules were made from, for who keeps them. */
export const moduleBytes = new WeakMap<WebAssembly.Module, Uint8Array>();

function nothing({ entry, mode }: TranslationRequest): Translation {
  return { entry, start: entry, mode, module: null, ranges: [], callees: [], id: 0 };
}

/** How often code is read again that was changed while it was read. */
const ATTEMPTS = 8;

/** A region, and a copy of the bytes it was made from; null when there is none at `start`, or the guest keeps writing there. */
function read(request: TranslationRequest, pages: CodePages, start: number): { region: Region; ranges: CodeRange[] } | null {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const code = new GuestCode(pages), region = discover(code, start, decodingMode(request.mode));
    if (region === null) return null;
    const ranges = region.ranges().map(({ first, end }) => ({ first, bytes: pages.bytes.slice(first + BIAS, end + BIAS) }));
    if (code.agrees(ranges)) return { region, ranges };
  }
  return null;
}

/** Translates the region that begins at `start`; null when its first instruction cannot be. */
function make(request: TranslationRequest, pages: CodePages, start: number, profiled: boolean): Made | null {
  const found = read(request, pages, start);
  if (found === null) return null;
  const { region, ranges } = found;
  const lifted = liftRegion(region, lifterOf);
  if (lifted.nodes[0]!.addresses.length === 0) return null;
  const wasm = emitModule(lifted, { profiled, tall: request.mode === TALL }), module = new WebAssembly.Module(wasm);
  moduleBytes.set(module, wasm);
  return { region, translation: { entry: request.entry, start, mode: request.mode, module, ranges, callees: calleesOf(lifted.nodes, start), id: ++lastId }, growths: 0 };
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
  /** Addresses that have been answered with a region they are inside of. */
  private readonly asked = new Set<string>();
  /** Where indirect jumps lead: nothing but a region of its own helps there. */
  private readonly jumpTargets = new Set<string>();
  private count = 0;
  /** Regions say when they run. */
  profiled = false;

  serve(request: TranslationRequest): Translation {
    const pages = new CodePages(wholeBuffer(request.memory)), { bytes } = pages;
    const known = this.known(request, request.entry, bytes);
    if (known !== null) return again(known, request, pages);
    if (this.jumpTargets.has(keyOf(request, request.entry))) return this.serveNew(request, pages);
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

  /** An address inside a region, which is not one of its entries. */
  private serveWithin(covering: Made, request: TranslationRequest, pages: CodePages): Translation {
    const head = loopAround(covering.region, request.entry);
    if (head >= 0 && head !== request.entry) {
      const known = this.known(request, head, pages.bytes);
      if (known !== null) return this.regionAround(known, request, pages);
      return this.attempt(request, pages, head)?.translation ?? nothing(request);
    }
    return head < 0 ? this.regionAround(covering, request, pages) : this.serveNew(request, pages);
  }

  /** The first time the region itself is the answer; who asks again wants its own. */
  private regionAround(made: Made, request: TranslationRequest, pages: CodePages): Translation {
    const key = keyOf(request, request.entry);
    if (this.asked.has(key)) return this.serveNew(request, pages);
    this.asked.add(key);
    return again(made, request, pages);
  }

  /** A region that left the address out is made again with what has run since. */
  private grow(outer: Made, request: TranslationRequest, pages: CodePages): Translation | null {
    if (outer.growths >= MAX_GROWTHS) return null;
    outer.growths++;
    const made = this.attempt(request, pages, outer.region.start);
    if (made !== null) made.growths = outer.growths;
    if (made === null || !made.region.blocks.some((block) => block.start === request.entry)) return null;
    return made.translation;
  }

  private serveNew(request: TranslationRequest, pages: CodePages): Translation {
    return this.attempt(request, pages, request.entry)?.translation ?? nothing(request);
  }

  /** What cannot be translated (too large for V8, a fault of ours) stays with the interpreter; the service goes on. */
  private attempt(request: TranslationRequest, pages: CodePages, start: number): Made | null {
    try {
      const made = make(request, pages, start, this.profiled);
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
    const key = keyOf(request, made.region.start), list = this.byEntry.get(key) ?? [];
    // The warmer region takes the place of the one it was grown from.
    const older = list.findIndex((m) => sameRanges(m, made));
    if (older >= 0) list.splice(older, 1);
    else this.count++;
    // Code that is made for ever is made at the same addresses.
    if (list.length >= MOST_VERSIONS) {
      list.shift();
      this.count--;
    }
    list.push(made);
    this.byEntry.set(key, list);
    for (const block of made.region.blocks) if (block.inside === null) this.byBlock.set(keyOf(request, block.start), made);
    for (const target of made.region.jumpTargets) this.jumpTargets.add(keyOf(request, target));
    for (const address of made.region.cold) this.byExit.set(keyOf(request, address), made);
  }

  private forget(): void {
    this.byEntry.clear();
    this.byBlock.clear();
    this.byExit.clear();
    this.asked.clear();
    this.jumpTargets.clear();
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
