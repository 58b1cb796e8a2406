/**
 * Translation away from the guest's thread. A request names guest code; the answer is a compiled module together with the
 * bytes it was made from, which the guest's thread compares again before it installs it: the code may have changed meanwhile.
 * Answers are kept and serve every process that has the same bytes at the same address.
 */
import { MAX_ENTRIES } from '../../emit/regionEmitter.ts';
import { rowAt } from '../../isa/rows.ts';
import { lifters } from '../../lift/lifters.ts';
import { CodePages } from '../../machine/codePages.ts';
import { BIAS, PERMISSION_TABLE, Perm } from '../../machine/memoryLayout.ts';
import { type CodeReader, DEFAULT_LIMITS, discover, MERGED_LIMITS } from './region.ts';
import { emitModule, liftRegion, type LifterOf } from './translate.ts';
import { type CodeRange, sameCode, type Translation, type TranslationRequest, type Translator } from './translation.ts';

const lifterOf: LifterOf = (row) => lifters[rowAt(row).mnemonic];
/** Translations kept; the oldest go first. */
const KEPT = 30_000;

/** Every page it looks at is watched for writes from then on. */
function readerOf(pages: CodePages): CodeReader {
  const bytes = pages.bytes;
  return {
    bytes,
    position: (address) => address + BIAS,
    available: (address) => {
      const page = address >>> 12;
      if ((bytes[PERMISSION_TABLE + page]! & Perm.X) === 0) return 0;
      pages.watch(page);
      const here = 4096 - (address & 4095);
      if (here >= 15 || (bytes[PERMISSION_TABLE + page + 1]! & Perm.X) === 0) return here;
      pages.watch(page + 1);
      return here + 4096;
    },
  };
}

function nothing(entry: number, mode: 32 | 64): Translation {
  return { entry, entries: [], mode, module: null, ranges: [], instructions: 0, hasIndirectJump: false };
}

/** Translates the region of the request's address, together with `others` when there are any. */
export function translate(request: TranslationRequest, others: readonly number[] = []): Translation {
  const { memory, entry, mode } = request;
  const pages = new CodePages(memory.buffer);
  const limits = others.length > 0 ? MERGED_LIMITS : DEFAULT_LIMITS;
  const region = discover(readerOf(pages), [entry, ...others], mode, limits);
  if (region === null || region.entries[0] !== entry) return nothing(entry, mode);
  const ranges = region.ranges().map(({ first, end }) => ({ first, bytes: pages.bytes.slice(first + BIAS, end + BIAS) }));
  const lifted = liftRegion(region, lifterOf);
  const firstBlock = lifted.nodes[lifted.nodes.length - region.blocks.length]!;
  if (firstBlock.addresses.length === 0) return nothing(entry, mode);
  const module = new WebAssembly.Module(emitModule(lifted));
  return { entry, entries: region.entries, mode, module, ranges, instructions: region.instructionCount, hasIndirectJump: region.hasIndirectJump() };
}

/** Bytes around a region with indirect jumps in which further hot addresses are taken for its targets. */
const NEAR = 0x8000;

/**
 * Code with indirect jumps, such as the main loop of a bytecode interpreter: the places they lead to become hot one after the
 * other, and are then translated again together, so that the jumps stay inside.
 */
class JumpGroup {
  readonly mode: 32 | 64;
  readonly entries: number[];
  low: number;
  high: number;
  /** What tells the same code in another process. */
  readonly ranges: readonly CodeRange[];
  /** Entries of the last common translation. */
  merged = 1;

  constructor(t: Translation) {
    this.mode = t.mode;
    this.entries = [t.entry];
    this.ranges = t.ranges;
    this.low = Math.min(...t.ranges.map((r) => r.first)) - NEAR;
    this.high = Math.max(...t.ranges.map((r) => r.first + r.bytes.length)) + NEAR;
  }

  covers(request: TranslationRequest, memory: Uint8Array): boolean {
    if (request.mode !== this.mode || request.entry < this.low || request.entry >= this.high) return false;
    return sameCode(memory, this.ranges);
  }

  /** Whether it is time for a common translation once `entry` belongs to it. */
  add(entry: number): boolean {
    if (!this.entries.includes(entry)) this.entries.push(entry);
    return this.entries.length <= MAX_ENTRIES && this.entries.length >= this.merged * 1.5;
  }
}

/** Slot for tests and traces: a region that could not be made. */
export const failureHooks: { failed: ((request: TranslationRequest, error: unknown) => void) | null } = { failed: null };

export class TranslationService {
  private readonly kept = new Map<string, Translation[]>();
  private readonly groups: JumpGroup[] = [];
  private count = 0;

  serve(request: TranslationRequest): Translation {
    const known = this.kept.get(keyOf(request.mode, request.entry));
    const bytes = new Uint8Array(request.memory.buffer);
    const found = known?.findLast((t) => sameCode(bytes, t.ranges));
    if (found !== undefined) {
      const pages = new CodePages(request.memory.buffer);
      for (const range of found.ranges) pages.watch(range.first >>> 12);
      return { ...found, entry: request.entry };
    }
    const group = this.groups.find((g) => g.covers(request, bytes));
    const together = group !== undefined && group.add(request.entry);
    const made = this.attempt(request, together ? group.entries.filter((e) => e !== request.entry) : []);
    if (made.module === null) return made;
    if (together) group.merged = group.entries.length;
    else if (made.hasIndirectJump && group === undefined) this.groups.push(new JumpGroup(made));
    for (const entry of made.entries) this.keep(entry, made);
    if (this.count > KEPT) this.forget();
    return made;
  }

  /** What cannot be translated (too large for V8, a fault of ours) stays with the interpreter; the service goes on. */
  private attempt(request: TranslationRequest, others: readonly number[]): Translation {
    try {
      return translate(request, others);
    } catch (error) {
      failureHooks.failed?.(request, error);
      return nothing(request.entry, request.mode);
    }
  }

  private keep(entry: number, t: Translation): void {
    const key = keyOf(t.mode, entry), list = this.kept.get(key);
    if (list === undefined) this.kept.set(key, [t]);
    else {
      // A common translation takes the place of what it contains.
      const older = list.findIndex((old) => old.entries.every((e) => t.entries.includes(e)));
      if (older >= 0) list.splice(older, 1);
      else this.count++;
      list.push(t);
      return;
    }
    this.count++;
  }

  /** Drops the older half. */
  private forget(): void {
    let drop = this.kept.size >> 1;
    for (const key of this.kept.keys()) {
      if (drop-- <= 0) break;
      this.kept.delete(key);
    }
    this.count = 0;
    for (const list of this.kept.values()) this.count += list.length;
    this.groups.length = 0;
  }
}

function keyOf(mode: 32 | 64, entry: number): string {
  return `${mode}:${entry}`;
}

/** For a guest thread without a translating worker: translates at once, on the thread itself. */
export class OwnTranslator implements Translator {
  private readonly made: Translation[] = [];

  request(request: TranslationRequest): void {
    this.made.push(translate(request));
  }

  take(): Translation | null {
    return this.made.shift() ?? null;
  }
}
