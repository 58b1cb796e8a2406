import { openSync, readSync } from 'node:fs';
import type { Random } from '../host/random.ts';

/** The host's random device where there is one: node:crypto takes longer to load than a short program runs. */
export class NodeRandom implements Random {
  /** null: not looked yet; -1: there is none. */
  #device: number | null = null;

  fill(into: Uint8Array): void {
    this.#device ??= open();
    if (this.#device >= 0 && readSync(this.#device, into) === into.length) return;
    process.getBuiltinModule('node:crypto').randomFillSync(into);
  }
}

function open(): number {
  if (process.platform === 'win32') return -1;
  try {
    return openSync('/dev/urandom', 'r');
  } catch {
    return -1;
  }
}
