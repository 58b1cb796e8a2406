/**
 * The store of decoded code (engine/decodedRuns.ts) outlives a run: what the usual programs begin with is decoded once. The
 * files' names change with everything that could change a record; an entry is used only where the guest's bytes are the same. Each
 * program that is started has a file, for all processes of such a run; it begins as a copy of the one that comes with the installation.
 */
import { fileURLToPath } from 'node:url';
import { DECODED_RUNS_BYTES, DecodedRuns, HOST_WORD } from '../engine/decodedRuns.ts';
import { readKept, writeKept } from './keptFiles.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const installed = `runs-${TUXLATE_RUNS}.cache`;
/** Whether this is the build's own first run, which makes what is installed. */
const building = !!process.env['TUXLATE_CACHE_DIR'];
/** A file is made longer only for some gain: milliseconds of decoding. */
const WORTH_KEEPING = building ? 4 << 10 : 192 << 10;

export class KeptRuns {
  readonly buffer = new SharedArrayBuffer(DECODED_RUNS_BYTES);
  readonly #name: string;
  readonly #words = new Int32Array(this.buffer);
  #loaded = 0;
  #forked = 0;

  /** `program`: what is started, in which root. */
  constructor(useKept: boolean, program: string) {
    this.#name = building ? installed : `runs-${TUXLATE_RUNS}-${hashOf(program)}.cache`;
    const own = useKept ? readKept(this.#name, here) : null, bytes = own ?? (useKept ? readKept(installed, here) : null);
    if (bytes === null || bytes.length > DECODED_RUNS_BYTES || (bytes.length & 3) !== 0) return;
    // The first word says how much is in use.
    if (new Int32Array(bytes.buffer, 0, 1)[0]! * 4 !== bytes.length) return;
    new Uint8Array(this.buffer).set(bytes);
    this.#loaded = bytes.length;
    if (own === null) this.#words[HOST_WORD] = 0;
    this.#forked = this.#words[HOST_WORD]!;
  }

  /** Whether the program has made processes or threads, in this run or an earlier one. */
  get forked(): boolean {
    return this.#words[HOST_WORD] !== 0;
  }
  set forked(value: boolean) {
    this.#words[HOST_WORD] = value ? 1 : 0;
  }

  /** Whether this run has added enough code to write the file anew. */
  get grown(): boolean {
    return this.#used() >= this.#loaded + WORTH_KEEPING;
  }

  #used(): number {
    return this.#words[0]! * 4;
  }

  keep(): void {
    if (!this.grown && this.#words[HOST_WORD] === this.#forked) return;
    writeKept(this.#name, new Uint8Array(this.buffer, 0, this.#used()));
  }

  /** The interpreter's cases that programs have used. */
  cases(): Set<number> {
    return new DecodedRuns(this.buffer).cases();
  }
}

/** A name's part; two programs with the same one share a file. */
function hashOf(text: string): string {
  let hash = 0x811c9dc5;
  for (let k = 0; k < text.length; k++) hash = Math.imul(hash ^ text.charCodeAt(k), 0x01000193);
  return (hash >>> 0).toString(36);
}
