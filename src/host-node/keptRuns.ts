/**
 * The store of decoded code (engine/decodedRuns.ts) outlives a run: what the usual programs begin with is decoded once. The
 * file's name changes with everything that could change a record; an entry is used only where the guest's bytes are the same.
 */
import { fileURLToPath } from 'node:url';
import { DECODED_RUNS_BYTES, DecodedRuns } from '../engine/decodedRuns.ts';
import { readKept, writeKept } from './keptFiles.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const name = `runs-${TUXLATE_RUNS}.cache`;
/** A file is not made longer than this, and only for some gain. */
const LONGEST = 6 << 20;
const WORTH_KEEPING = 16 << 10;

export class KeptRuns {
  readonly buffer = new SharedArrayBuffer(DECODED_RUNS_BYTES);
  #loaded = 0;

  constructor(useKept: boolean) {
    const bytes = useKept ? readKept(name, here) : null;
    if (bytes === null || bytes.length > LONGEST || (bytes.length & 3) !== 0) return;
    // The first word says how much is in use.
    if (new Int32Array(bytes.buffer, 0, 1)[0]! * 4 !== bytes.length) return;
    new Uint8Array(this.buffer).set(bytes);
    this.#loaded = bytes.length;
  }

  /** Whether this run has added enough to write the file anew. */
  get grown(): boolean {
    const used = this.#used();
    return used <= LONGEST && used >= this.#loaded + WORTH_KEEPING;
  }

  #used(): number {
    return new Int32Array(this.buffer, 0, 1)[0]! * 4;
  }

  keep(): void {
    writeKept(name, new Uint8Array(this.buffer, 0, this.#used()));
  }

  /** The interpreter's cases that programs have used. */
  cases(): Set<number> {
    return new DecodedRuns(this.buffer).cases();
  }
}
