/**
 * Translations of guest code outlive a run: programs that ran before start hot. Each run that has made some writes them to a file of
 * its own (keptFiles.ts); a few files are joined into one. A guest worker reads an index of them when it wants its first translation,
 * and of the rest what it uses; a translation is used only where the guest's bytes are the same (engine/translate/translation.ts).
 *
 * A file, in words of 32 bits:
 *   magic, answers, parts, sum of the index
 *   answers     mode | 512 if nobody asked, but a block of the region begins there; address; part
 *   parts       first byte in the file, length, sum
 *   then each part: where the region begins, ranges, bytes of wasm, bytes of V8's code (0: none), callees; the ranges' first addresses and
 *   lengths; the callees' addresses; the ranges' bytes, the wasm, the code, each filled up to words
 */
import { closeSync, readSync } from 'node:fs';
import { sameCode, type CodeRange, type Translation, type TranslationRequest } from '../engine/translate/translation.ts';
import { CodePages } from '../machine/codePages.ts';
import { wholeBuffer } from '../machine/wholeBuffer.ts';
import type { CompiledCode } from './compiledCode.ts';
import { keptNames, openKept, removeKept, sumOf, writeKept } from './keptFiles.ts';

const MAGIC = 0x35787574;
const HEAD_WORDS = 4, ANSWER_WORDS = 3, PART_WORDS = 3, PART_HEAD_WORDS = 5;
const WITHIN = 0x200;
/** Files of one version; when there are more they are joined. */
const MOST_FILES = 8;
/** The joined file is not made longer: the oldest parts are left out. */
const LONGEST = 64 << 20;
/** An index is not longer than this. */
const LONGEST_INDEX = 4 << 20;

const padded = (length: number): number => (length + 3) & ~3;

/** An open file, as far as its index. */
class KeptFile {
  readonly fd: number;
  readonly index: Int32Array;

  constructor(fd: number, index: Int32Array) {
    this.fd = fd;
    this.index = index;
  }

  /** null: not there, or damaged. */
  static open(name: string): KeptFile | null {
    const fd = openKept(name);
    if (fd < 0) return null;
    const index = readIndex(fd);
    if (index !== null) return new KeptFile(fd, index);
    closeSync(fd);
    return null;
  }

  get answers(): number {
    return this.index[1]!;
  }
  get parts(): number {
    return this.index[2]!;
  }

  /** Place in the index. */
  answer(k: number): number {
    return HEAD_WORDS + k * ANSWER_WORDS;
  }

  readPart(k: number): Uint8Array | null {
    const place = HEAD_WORDS + this.answers * ANSWER_WORDS + k * PART_WORDS;
    const at = this.index[place]!, length = this.index[place + 1]!, bytes = new Uint8Array(length);
    if (readSync(this.fd, bytes, 0, length, at) !== length || sumOf(bytes, 1) !== this.index[place + 2]) return null;
    return bytes;
  }
}

function readIndex(fd: number): Int32Array | null {
  const head = new Int32Array(HEAD_WORDS);
  if (readSync(fd, new Uint8Array(head.buffer), 0, head.byteLength, 0) !== head.byteLength || head[0] !== MAGIC) return null;
  const words = HEAD_WORDS + head[1]! * ANSWER_WORDS + head[2]! * PART_WORDS;
  if (head[1]! < 0 || head[2]! < 0 || words * 4 > LONGEST_INDEX) return null;
  const index = new Int32Array(words);
  if (readSync(fd, new Uint8Array(index.buffer), 0, words * 4, 0) !== words * 4) return null;
  return indexSum(index) === index[3] ? index : null;
}

function indexSum(index: Int32Array): number {
  return sumOf(new Uint8Array(index.buffer, HEAD_WORDS * 4), 1);
}

/** A part that has been read. */
interface Part {
  readonly start: number;
  readonly ranges: readonly CodeRange[];
  readonly callees: readonly number[];
  readonly wasm: Uint8Array;
  readonly code: Uint8Array;
  module: WebAssembly.Module | null;
}

function parse(bytes: Uint8Array): Part {
  const words = new Int32Array(bytes.buffer, 0, bytes.length >> 2);
  const [start, rangeCount, wasmLength, codeLength, calleeCount] = words as unknown as [number, number, number, number, number];
  const firstCallee = PART_HEAD_WORDS + 2 * rangeCount;
  let at = 4 * (firstCallee + calleeCount);
  const take = (length: number): Uint8Array => {
    const taken = bytes.subarray(at, at + length);
    at += padded(length);
    return taken;
  };
  const ranges: CodeRange[] = [];
  for (let k = 0; k < rangeCount; k++) {
    const place = PART_HEAD_WORDS + 2 * k;
    ranges.push({ first: words[place]! >>> 0, bytes: take(words[place + 1]!) });
  }
  const wasm = take(wasmLength);
  const callees = Array.from(words.subarray(firstCallee, firstCallee + calleeCount), (address) => address >>> 0);
  return { start: start >>> 0, ranges, callees, wasm, code: take(codeLength), module: null };
}

function pack({ start, ranges, callees }: Translation, wasm: Uint8Array, code: Uint8Array): Uint8Array {
  const pieces = [...ranges.map((range) => range.bytes), wasm, code];
  const head = [start, ranges.length, wasm.length, code.length, callees.length, ...ranges.flatMap(({ first, bytes }) => [first, bytes.length]), ...callees];
  const out = new Uint8Array(pieces.reduce((sum, piece) => sum + padded(piece.length), 4 * head.length));
  new Int32Array(out.buffer).set(head);
  let at = 4 * head.length;
  for (const piece of pieces) {
    out.set(piece, at);
    at += padded(piece.length);
  }
  return out;
}

/** A guest worker's view of what is kept. */
export class KeptTranslations {
  private readonly prefix: string;
  private readonly load: () => CompiledCode | null;
  private compiled: CompiledCode | null | undefined;
  /** Answers by address and mode, the latest last; made at the first question. */
  private answers: Map<number, { readonly file: KeptFile; readonly part: number; readonly flags: number; readonly id: number }[]> | null = null;
  /** Addresses within regions that have been answered with the region: who asks again wants one for the address itself. */
  private readonly within = new Set<number>();
  private readonly read = new Map<number, Part | null>();

  /** `prefix`: of the files' names; changes with everything that a translation depends on but the guest's bytes. */
  constructor(prefix: string, load: () => CompiledCode | null) {
    this.prefix = prefix;
    this.load = load;
  }

  /** Whether there is an answer for the address, of this program or of another. */
  has(entry: number, mode: 32 | 64): boolean {
    this.answers ??= this.open();
    return this.answers.has(keyOf(entry, mode));
  }

  /** The answer that an earlier run found for the same code; null = none. */
  find({ memory, entry, mode }: TranslationRequest): Translation | null {
    this.answers ??= this.open();
    const list = this.answers.get(keyOf(entry, mode));
    if (list === undefined) return null;
    const pages = new CodePages(wholeBuffer(memory));
    for (let k = list.length - 1; k >= 0; k--) {
      const { file, part: number, flags, id } = list[k]!;
      if ((flags & WITHIN) !== 0 && this.within.has(entry)) continue;
      const part = this.part(file, number, id);
      if (part === null || !sameCode(pages.bytes, part.ranges)) continue;
      for (const { first } of part.ranges) pages.watch(first >>> 12);
      if ((flags & WITHIN) !== 0) this.within.add(entry);
      const module = (part.module ??= this.compile(part));
      return { entry, start: part.start, mode, module, ranges: part.ranges, callees: part.callees, id };
    }
    return null;
  }

  private open(): NonNullable<typeof this.answers> {
    const answers: NonNullable<typeof this.answers> = new Map();
    let id = 0;
    for (const name of keptNames(this.prefix)) {
      const file = KeptFile.open(name);
      if (file === null) continue;
      for (let k = 0; k < file.answers; k++) {
        const at = file.answer(k), flags = file.index[at]!, key = keyOf(file.index[at + 1]! >>> 0, flags & 0xff), part = file.index[at + 2]!;
        const answer = { file, part, flags, id: -1 - id - part }, list = answers.get(key);
        if (list === undefined) answers.set(key, [answer]);
        else list.push(answer);
      }
      id += file.parts;
    }
    return answers;
  }

  private part(file: KeptFile, number: number, id: number): Part | null {
    let part = this.read.get(id);
    if (part === undefined) {
      const bytes = file.readPart(number);
      part = bytes === null ? null : parse(bytes);
      this.read.set(id, part);
    }
    return part;
  }

  private compile({ wasm, code }: Part): WebAssembly.Module {
    return (code.length === 0 ? undefined : this.decode(code, wasm.slice())) ?? new WebAssembly.Module(wasm);
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

function keyOf(entry: number, mode: number): number {
  return entry * 2 + (mode === 64 ? 1 : 0);
}

/** A file that is being made. */
class Writer {
  private readonly answers: number[] = [];
  private readonly parts: Uint8Array[] = [];
  private bytes = 0;

  get size(): number {
    return this.bytes;
  }
  get count(): number {
    return this.parts.length;
  }

  part(bytes: Uint8Array): number {
    this.bytes += bytes.length;
    return this.parts.push(bytes) - 1;
  }

  answer(flags: number, address: number, part: number): void {
    this.answers.push(flags, address, part);
  }

  finish(): Uint8Array {
    const indexBytes = 4 * (HEAD_WORDS + this.answers.length + PART_WORDS * this.parts.length);
    const out = new Uint8Array(indexBytes + this.bytes), index = new Int32Array(out.buffer, 0, indexBytes >> 2);
    index.set([MAGIC, this.answers.length / ANSWER_WORDS, this.parts.length, 0, ...this.answers]);
    let at = indexBytes, place = HEAD_WORDS + this.answers.length;
    for (const part of this.parts) {
      out.set(part, at);
      index.set([at, part.length, sumOf(part, 1)], place);
      at += part.length;
      place += PART_WORDS;
    }
    index[3] = indexSum(index.slice());
    return out;
  }
}

/** What a run has to keep: answers and the modules' bytes. Names are in order of time. */
export function writeTranslations(prefix: string, answers: readonly { readonly answer: Translation; readonly wasm: Uint8Array; readonly code: Uint8Array; readonly blocks: readonly number[] }[]): void {
  const writer = new Writer(), parts = new Map<number, number>();
  const asked = new Set(answers.map(({ answer }) => keyOf(answer.entry, answer.mode)));
  for (const { answer, wasm, code, blocks } of answers) {
    let part = parts.get(answer.id);
    if (part === undefined) {
      part = writer.part(pack(answer, wasm, code));
      parts.set(answer.id, part);
      for (const block of blocks) if (!asked.has(keyOf(block, answer.mode))) writer.answer(answer.mode | WITHIN, block, part);
    }
    writer.answer(answer.mode, answer.entry, part);
  }
  writeKept(newName(prefix), writer.finish());
  const names = keptNames(prefix);
  if (names.length > MOST_FILES) join(prefix, names);
}

function newName(prefix: string): string {
  return `${prefix}-${Date.now().toString(36).padStart(9, '0')}${process.pid.toString(36)}.cache`;
}

/** One file instead of `names`; of regions that begin at the same address with the same bytes the last. */
function join(prefix: string, names: readonly string[]): void {
  const writer = new Writer(), seen = new Set<string>(), answers: [flags: number, address: number, part: number][] = [];
  const files = names.map((name) => KeptFile.open(name));
  for (const file of [...files].reverse()) {
    if (file === null) continue;
    const moved = new Map<number, number>();
    for (let k = file.answers - 1; k >= 0 && writer.size < LONGEST; k--) {
      const at = file.answer(k), flags = file.index[at]!, address = file.index[at + 1]!, number = file.index[at + 2]!;
      const bytes = moved.has(number) ? null : file.readPart(number);
      if (bytes === null && !moved.has(number)) continue;
      if (bytes !== null) {
        const { start, ranges } = parse(bytes), first = ranges[0]!;
        const question = `${flags & 0xff} ${start} ${ranges.length} ${first.first} ${sumOf(first.bytes.slice(), 1)}`;
        moved.set(number, seen.has(question) ? -1 : writer.part(bytes));
        seen.add(question);
      }
      if (moved.get(number)! >= 0) answers.push([flags, address, moved.get(number)!]);
    }
    closeSync(file.fd);
  }
  for (const answer of answers.reverse()) writer.answer(...answer);
  writeKept(newName(prefix), writer.finish());
  for (const name of names) removeKept(name);
}
