/**
 * A file of kept translations (keptTranslations.ts), in words of 32 bits:
 *   magic, answers, parts, sum of the index
 *   answers     in order of address: mode | WITHIN if nobody asked, but a block of the region begins there | summed bytes << SUMMED_SHIFT;
 *               address; sum of so many bytes at the address; part
 *   parts       first byte in the file, length, sum
 *   then each part: where the region begins, ranges, bytes of wasm, bytes of V8's code (0: none), callees; the ranges' first addresses and
 *   lengths; the callees' addresses; the ranges' bytes, the wasm, the code, each filled up to words
 */
import { closeSync, fstatSync } from 'node:fs';
import type { CodeRange, Translation } from '../engine/translate/translation.ts';
import { keptNames, openKept, readKeptAt, removeKept, sumOf } from './keptFiles.ts';

const MAGIC = 0x36787574;
const HEAD_WORDS = 4, ANSWER_WORDS = 4, PART_WORDS = 3, PART_HEAD_WORDS = 5;
const MODE = 0xff;
const WITHIN = 0x200;
const SUMMED_SHIFT = 12;
/** Most programs are loaded at the same addresses: the first bytes tell their code apart without reading it. */
const MOST_SUMMED = 16;
/** An index is not longer than this: with a longer one the file counts as damaged. */
export const LONGEST_INDEX = 16 << 20;

/** Bytes of an index. */
export function indexLength(answers: number, parts: number): number {
  return 4 * (HEAD_WORDS + answers * ANSWER_WORDS + parts * PART_WORDS);
}

const padded = (length: number): number => (length + 3) & ~3;

/** An open file: what workers are given. The index has one word more in front: 1 when it has been read, -1 when it is damaged. */
export interface KeptFile {
  readonly name: string;
  readonly fd: number;
  readonly size: number;
  readonly index: SharedArrayBuffer;
}

/** The user's files of translations, in order of time; damaged ones are removed. They stay open while Node runs. */
export function openKeptFiles(prefix: string): KeptFile[] {
  const files: KeptFile[] = [];
  for (const name of keptNames(prefix)) {
    const fd = openKept(name);
    if (fd < 0) continue;
    const words = indexWords(fd);
    if (words > 0) files.push({ name, fd, size: fstatSync(fd).size, index: new SharedArrayBuffer(4 + words * 4) });
    else {
      closeSync(fd);
      removeKept(name);
    }
  }
  return files;
}

/** How many words an index has by its head; 0: it is damaged. */
function indexWords(fd: number): number {
  const head = new Int32Array(HEAD_WORDS);
  if (!readKeptAt(fd, new Uint8Array(head.buffer), 0)) return 0;
  const [magic, answers, parts] = head as unknown as [number, number, number];
  if (magic !== MAGIC) return 0;
  const length = indexLength(answers, parts);
  return answers < 0 || parts < 0 || length > LONGEST_INDEX ? 0 : length / 4;
}

export interface Answer {
  readonly mode: number;
  /** Nobody asked, but a block of the region begins there. */
  readonly within: boolean;
  readonly address: number;
  readonly part: number;
  /** As in the file: `flags` with all of the above but address and part. */
  readonly flags: number;
  readonly sum: number;
}

/** What a file answers. Who comes first reads the index, for all workers; several may at the same time: they write the same. */
export class KeptIndex {
  private readonly file: KeptFile;
  private readonly words: Int32Array;
  private readonly answers: number = 0;
  readonly parts: number = 0;

  constructor(file: KeptFile) {
    this.file = file;
    this.words = new Int32Array(file.index, 4);
    const state = new Int32Array(file.index, 0, 1);
    if (Atomics.load(state, 0) === 0) Atomics.store(state, 0, this.read() ? 1 : -1);
    if (Atomics.load(state, 0) < 0) return;
    this.answers = this.words[1]!;
    this.parts = this.words[2]!;
  }

  private read(): boolean {
    const { words } = this, bytes = new Uint8Array(words.buffer, words.byteOffset);
    return readKeptAt(this.file.fd, bytes, 0) && HEAD_WORDS + words[1]! * ANSWER_WORDS + words[2]! * PART_WORDS === words.length
      && indexSum(words) === words[3];
  }

  /** Answers of each part. */
  byPart(): Answer[][] {
    const parts: Answer[][] = Array.from({ length: this.parts }, () => []);
    for (let k = 0; k < this.answers; k++) {
      const answer = this.answer(k);
      parts[answer.part]?.push(answer);
    }
    return parts;
  }

  private answer(k: number): Answer {
    const { words } = this, at = HEAD_WORDS + k * ANSWER_WORDS, flags = words[at]!;
    return { mode: flags & MODE, within: (flags & WITHIN) !== 0, address: words[at + 1]! >>> 0, part: words[at + 3]!, flags, sum: words[at + 2]! };
  }

  /** Number of the first answer for `address` or a later one. */
  private search(address: number): number {
    let low = 0, high = this.answers;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.words[HEAD_WORDS + middle * ANSWER_WORDS + 1]! >>> 0 < address) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Answers for an address where the guest (whose address 0 is at `bias` of `memory`) has the bytes that the answer is for; the latest first. */
  *find(memory: Uint8Array, bias: number, address: number, mode: number): Generator<Answer> {
    const first = this.search(address);
    let end = first;
    while (end < this.answers && this.words[HEAD_WORDS + end * ANSWER_WORDS + 1]! >>> 0 === address) end++;
    for (let k = end - 1; k >= first; k--) {
      const answer = this.answer(k);
      if (answer.mode === mode && codeSum(memory, address + bias, answer.flags >>> SUMMED_SHIFT) === answer.sum) yield answer;
    }
  }

  readPart(k: number): Part | null {
    if (k >= this.parts) return null;
    const place = HEAD_WORDS + this.answers * ANSWER_WORDS + k * PART_WORDS;
    const at = this.words[place]!, length = this.words[place + 1]!, bytes = new Uint8Array(length);
    if (!readKeptAt(this.file.fd, bytes, at) || sumOf(bytes, 1) !== this.words[place + 2]) return null;
    return parse(bytes);
  }
}

function indexSum(words: Int32Array): number {
  return sumOf(new Uint8Array(words.buffer, words.byteOffset + HEAD_WORDS * 4, (words.length - HEAD_WORDS) * 4), 1);
}

function codeSum(memory: Uint8Array, at: number, count: number): number {
  let sum = 0;
  for (let k = 0; k < count; k++) sum = (Math.imul(sum, 31) + memory[at + k]!) | 0;
  return sum;
}

/** A translation as it is kept. */
export interface Part {
  /** All of it, as in the file. */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly ranges: readonly CodeRange[];
  readonly callees: readonly number[];
  readonly wasm: Uint8Array;
  readonly code: Uint8Array;
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
  return { bytes, start: start >>> 0, ranges, callees, wasm, code: take(codeLength) };
}

export function pack({ start, ranges, callees }: Translation, wasm: Uint8Array, code: Uint8Array): Uint8Array {
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

/** A file that is being made. */
export class KeptWriter {
  private readonly answers: { readonly flags: number; readonly address: number; readonly sum: number; readonly part: number }[] = [];
  private readonly parts: Uint8Array[] = [];

  part(bytes: Uint8Array): number {
    return this.parts.push(bytes) - 1;
  }

  /** The later of two answers for one address is asked first. */
  answer(mode: number, within: boolean, address: number, ranges: readonly CodeRange[], part: number): void {
    const range = ranges.find(({ first, bytes }) => address >= first && address < first + bytes.length), at = address - (range?.first ?? 0);
    const summed = range === undefined ? 0 : Math.min(MOST_SUMMED, range.bytes.length - at);
    const sum = range === undefined ? 0 : codeSum(range.bytes, at, summed);
    this.answers.push({ flags: mode | (within ? WITHIN : 0) | (summed << SUMMED_SHIFT), address, sum, part });
  }

  /** One of another file, whose part has a new number here. */
  moved({ flags, address, sum }: Answer, part: number): void {
    this.answers.push({ flags, address, sum, part });
  }

  finish(): Uint8Array {
    const indexBytes = indexLength(this.answers.length, this.parts.length);
    const out = new Uint8Array(this.parts.reduce((sum, part) => sum + part.length, indexBytes)), index = new Int32Array(out.buffer, 0, indexBytes / 4);
    const inOrder = this.answers.sort((a, b) => a.address - b.address);
    index.set([MAGIC, inOrder.length, this.parts.length, 0]);
    let place = HEAD_WORDS, at = indexBytes;
    for (const { flags, address, sum, part } of inOrder) {
      index.set([flags, address, sum, part], place);
      place += ANSWER_WORDS;
    }
    for (const part of this.parts) {
      out.set(part, at);
      index.set([at, part.length, sumOf(part, 1)], place);
      at += part.length;
      place += PART_WORDS;
    }
    index[3] = indexSum(index);
    return out;
  }
}
