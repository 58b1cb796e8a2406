/**
 * Translation away from the guest's thread. A request names guest code; the answer is a compiled module together with the
 * bytes it was made from, which the guest's thread compares again before it installs it: the code may have changed meanwhile.
 * Answers are kept and serve every process that has the same bytes at the same address.
 */
import { rows } from '../../isa/rows.ts';
import { lifters } from '../../lift/lifters.ts';
import { CodePages } from '../../machine/codePages.ts';
import { BIAS, PERMISSION_TABLE, Perm } from '../../machine/memoryLayout.ts';
import { type CodeReader, DEFAULT_LIMITS, discover } from './region.ts';
import { emitModule, liftRegion, type LifterOf } from './translate.ts';

export interface TranslationRequest {
  readonly memory: WebAssembly.Memory;
  readonly entry: number;
  readonly mode: 32 | 64;
}

export interface Translation {
  readonly entry: number;
  readonly mode: 32 | 64;
  /** null: there is nothing to translate at the address. */
  readonly module: WebAssembly.Module | null;
  readonly ranges: readonly CodeRange[];
  readonly instructions: number;
}

/** Guest bytes [first, first + bytes.length), in one page. */
export interface CodeRange {
  readonly first: number;
  readonly bytes: Uint8Array;
}

/** What a guest thread sees of the service. */
export interface Translator {
  request(request: TranslationRequest): void;
  /** The next finished translation of this thread's requests; null while there is none. */
  take(): Translation | null;
}

const lifterOf: LifterOf = (row) => lifters[rows[row]!.mnemonic];
/** Translations kept; the oldest go first. */
const KEPT = 30_000;

/** Whether guest memory still holds the bytes the translation was made from. */
export function sameCode(memory: Uint8Array, ranges: readonly CodeRange[]): boolean {
  for (const { first, bytes } of ranges) {
    if ((memory[PERMISSION_TABLE + (first >>> 12)]! & Perm.X) === 0) return false;
    const at = first + BIAS;
    for (let k = 0; k < bytes.length; k++) if (memory[at + k] !== bytes[k]) return false;
  }
  return true;
}

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

export function translate(request: TranslationRequest): Translation {
  const { memory, entry, mode } = request;
  const pages = new CodePages(memory.buffer);
  const nothing: Translation = { entry, mode, module: null, ranges: [], instructions: 0 };
  const region = discover(readerOf(pages), entry, mode, DEFAULT_LIMITS);
  if (region === null) return nothing;
  const ranges = region.ranges().map(({ first, end }) => ({ first, bytes: pages.bytes.slice(first + BIAS, end + BIAS) }));
  const lifted = liftRegion(region, lifterOf);
  if (lifted.nodes[0]!.addresses.length === 0) return nothing;
  return { entry, mode, module: new WebAssembly.Module(emitModule([lifted])), ranges, instructions: region.instructionCount };
}

export class TranslationService {
  private readonly kept = new Map<string, Translation[]>();
  private count = 0;

  serve(request: TranslationRequest): Translation {
    const key = `${request.mode}:${request.entry}`;
    const known = this.kept.get(key);
    const bytes = new Uint8Array(request.memory.buffer);
    const found = known?.find((t) => t.module !== null && sameCode(bytes, t.ranges));
    if (found !== undefined) {
      const pages = new CodePages(request.memory.buffer);
      for (const range of found.ranges) pages.watch(range.first >>> 12);
      return found;
    }
    const made = translate(request);
    if (made.module === null) return made;
    if (known !== undefined) known.push(made);
    else this.kept.set(key, [made]);
    if (++this.count > KEPT) this.forget();
    return made;
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
  }
}
