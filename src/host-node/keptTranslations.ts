/**
 * Translations of guest code outlive a run: programs that ran before start hot. Each run that has made some writes them to a file of
 * its own (keptFiles.ts); a few files are joined into one. Guest workers share an index of them, which the first reads that wants a
 * translation, and read of the rest what they use; a translation is used only where the guest's bytes are the same (engine/translate/translation.ts).
 */
import { closeSync } from 'node:fs';
import { sameCode, type CodeRange, type Translation, type TranslationRequest } from '../engine/translate/translation.ts';
import { CodePages } from '../machine/codePages.ts';
import { BIAS } from '../machine/memoryLayout.ts';
import { wholeBuffer } from '../machine/wholeBuffer.ts';
import type { CompiledCode } from './compiledCode.ts';
import { removeKept, sumOf, writeKept } from './keptFiles.ts';
import { type Answer, indexLength, type KeptFile, KeptIndex, KeptWriter, LONGEST_INDEX, openKeptFiles, pack, type Part } from './keptRegionFile.ts';

/** Files of one version; when there are more the latest are joined. */
const MOST_FILES = 8;
/** At least so many, and further ones up to one that is so many times as long as all those: a few new translations do not write many old ones again. */
const JOINED = { least: 4, longer: 4 } as const;
/** The joined file is not made longer: the oldest parts are left out. (gcc's programs fill 90 MiB; with 64 what was hot first went first, and was made again.) */
const LONGEST = 192 << 20;

/** What a worker remembers of a part it has used. */
interface Used {
  readonly start: number;
  readonly ranges: readonly CodeRange[];
  readonly callees: readonly number[];
  readonly module: WebAssembly.Module;
}

/** A guest worker's view of what is kept. */
export class KeptTranslations {
  private readonly load: () => CompiledCode | null;
  private compiled: CompiledCode | null | undefined;
  private readonly files: readonly KeptFile[];
  /** The latest first; made at the first question. */
  private opened: readonly { readonly index: KeptIndex; readonly lastId: number }[] | null = null;
  /** Addresses within regions that have been answered with the region: who asks again wants one for the address itself. */
  private readonly within = new Set<number>();
  /** By Translation.id. */
  private readonly used = new Map<number, Used>();

  constructor(files: readonly KeptFile[], load: () => CompiledCode | null) {
    this.files = files;
    this.load = load;
  }

  /** Whether there is an answer for code that begins as the guest's does there. */
  has({ memory, entry, mode }: TranslationRequest): boolean {
    const bytes = new Uint8Array(wholeBuffer(memory));
    return this.indexes().some(({ index }) => index.find(bytes, BIAS, entry, mode).next().done !== true);
  }

  /** The answer that an earlier run found for the same code; null = none. */
  find(request: TranslationRequest): Translation | null {
    const pages = new CodePages(wholeBuffer(request.memory)), { entry, mode } = request;
    for (const { index, lastId } of this.indexes()) {
      for (const answer of index.find(pages.bytes, BIAS, entry, mode)) {
        if (answer.within && this.within.has(entry)) continue;
        const id = lastId - answer.part, part = this.part(index, answer.part, id, pages.bytes);
        if (part === null) continue;
        for (const { first } of part.ranges) pages.watch(first >>> 12);
        if (answer.within) this.within.add(entry);
        return { ...part, entry, mode, id };
      }
    }
    return null;
  }

  /** Ids of kept translations are negative: the translating worker's begin with 1. */
  private indexes(): NonNullable<typeof this.opened> {
    let lastId = -1;
    this.opened ??= this.files.map((file) => {
      const index = new KeptIndex(file), opened = { index, lastId };
      lastId -= index.parts;
      return opened;
    }).reverse();
    return this.opened;
  }

  /** Part `number`, if it was made from the bytes that the guest has. */
  private part(index: KeptIndex, number: number, id: number, memory: Uint8Array): Used | null {
    const before = this.used.get(id);
    if (before !== undefined) return sameCode(memory, before.ranges) ? before : null;
    const part = index.readPart(number);
    if (part === null || !sameCode(memory, part.ranges)) return null;
    const { start, callees } = part;
    const used = { start, ranges: part.ranges.map(({ first, bytes }) => ({ first, bytes: bytes.slice() })), callees, module: this.compile(part) };
    this.used.set(id, used);
    return used;
  }

  private compile({ wasm, code }: Part): WebAssembly.Module {
    return (code.length === 0 ? undefined : this.decode(code, wasm.slice())) ?? new WebAssembly.Module(wasm.slice());
  }

  private decode(code: Uint8Array, wasm: Uint8Array): WebAssembly.Module | undefined {
    this.compiled ??= this.load();
    try {
      return this.compiled?.deserialize(code.slice().buffer as ArrayBuffer, wasm);
    } catch {
      // V8 has forgotten the function. It may next time as well.
      this.compiled = undefined;
      return undefined;
    }
  }
}

/** What a run has to keep: answers and the modules' bytes. Names are in order of time. */
export function writeTranslations(prefix: string, answers: readonly { readonly answer: Translation; readonly wasm: Uint8Array; readonly code: Uint8Array; readonly blocks: readonly number[] }[]): void {
  const writer = new KeptWriter(), parts = new Map<number, number>();
  const keyOf = (mode: number, address: number): number => address * 256 + mode;
  const asked = new Set(answers.map(({ answer }) => keyOf(answer.mode, answer.entry)));
  for (const { answer, wasm, code, blocks } of answers) {
    let part = parts.get(answer.id);
    if (part === undefined) {
      part = writer.part(pack(answer, wasm, code));
      parts.set(answer.id, part);
      for (const block of blocks) if (!asked.has(keyOf(answer.mode, block))) writer.answer(answer.mode, true, block, answer.ranges, part);
    }
    writer.answer(answer.mode, false, answer.entry, answer.ranges, part);
  }
  writeKept(newName(prefix), writer.finish());
  const files = openKeptFiles(prefix);
  if (files.length > MOST_FILES) join(prefix, latest(files));
  for (const { fd } of files) closeSync(fd);
}

function newName(prefix: string): string {
  return `${prefix}-${Date.now().toString(36).padStart(9, '0')}${process.pid.toString(36)}.cache`;
}

/** Those that are joined, the latest first. */
function latest(files: readonly KeptFile[]): KeptFile[] {
  const some: KeptFile[] = [];
  let size = 0;
  for (const file of [...files].reverse()) {
    if (some.length >= JOINED.least && file.size > JOINED.longer * size) break;
    some.push(file);
    size += file.size;
  }
  return some;
}

/** One file instead of several, the latest first; of regions that begin at the same address with the same bytes the last. */
function join(prefix: string, files: readonly KeptFile[]): void {
  const kept: { readonly part: Part; readonly answers: readonly Answer[] }[] = [], seen = new Set<string>();
  let size = 0, answered = 0;
  for (const file of files) {
    const index = new KeptIndex(file), answers = index.byPart();
    for (let k = index.parts - 1; k >= 0 && size < LONGEST; k--) {
      const part = index.readPart(k), mode = answers[k]![0]?.mode;
      if (part === null || mode === undefined) continue;
      const question = questionOf(part, mode);
      if (seen.has(question)) continue;
      if (indexLength(answered + answers[k]!.length, kept.length + 1) > LONGEST_INDEX) break;
      seen.add(question);
      kept.push({ part, answers: answers[k]! });
      size += part.bytes.length;
      answered += answers[k]!.length;
    }
  }
  const writer = new KeptWriter();
  for (const { part, answers } of kept.reverse()) {
    const number = writer.part(part.bytes);
    for (const answer of answers) writer.moved(answer, number);
  }
  const joined = newName(prefix);
  writeKept(joined, writer.finish());
  for (const { name } of files) if (name !== joined) removeKept(name);
}

function questionOf({ start, ranges }: Part, mode: number): string {
  const first = ranges[0]!;
  return `${mode} ${start} ${ranges.length} ${first.first} ${sumOf(first.bytes.slice(), 1)}`;
}
