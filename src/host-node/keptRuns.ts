/**
 * The store of decoded code (engine/decodedRuns.ts) outlives a run as a file beside the bundles: what the usual programs begin
 * with is decoded once. The file's name changes with everything that could change a record; an entry is used only where the
 * guest's bytes are the same.
 */
import { closeSync, fstatSync, openSync, readSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DECODED_RUNS_BYTES } from '../engine/decodedRuns.ts';

const path = fileURLToPath(new URL(`./runs-${TUXLATE_RUNS}.cache`, import.meta.url));
/** A file is not made longer than this, and only for some gain. */
const LONGEST = 6 << 20;
const WORTH_KEEPING = 32 << 10;

export class KeptRuns {
  readonly buffer = new SharedArrayBuffer(DECODED_RUNS_BYTES);
  #loaded = 0;

  constructor() {
    try {
      const fd = openSync(path, 'r');
      const { size } = fstatSync(fd);
      if (size > 0 && size <= LONGEST && readSync(fd, new Uint8Array(this.buffer, 0, size)) === size) this.#loaded = size;
      closeSync(fd);
    } catch {
      // None yet.
    }
    // Cut short, it is no store.
    if (this.#used() !== this.#loaded) {
      new Uint8Array(this.buffer, 0, LONGEST).fill(0);
      this.#loaded = 0;
    }
  }

  /** The first word says how much is in use. */
  #used(): number {
    return new Int32Array(this.buffer, 0, 1)[0]! * 4;
  }

  keep(): void {
    const used = this.#used();
    if (used > LONGEST || used < this.#loaded + WORTH_KEEPING) return;
    const draft = `${path}.${process.pid}`;
    try {
      writeFileSync(draft, new Uint8Array(this.buffer, 0, used));
      renameSync(draft, path);
    } catch {
      // A directory that cannot be written.
    }
  }
}
