// The helpers instantiated alone, with a memory of their own and one CPU state.

import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Cpu } from '../../machine/cpuState.ts';
// @ts-expect-error: plain JavaScript
import { compileHelpers } from '../../../tools/build-helpers.mjs';

export const CPU = 0x800;
/** A place in memory for operands. */
export const OPERAND = 0x1000000;

/** The module's bytes, compiled once for each state of the sources. */
async function helperBytes(): Promise<Uint8Array<ArrayBuffer>> {
  const top = fileURLToPath(new URL('../../..', import.meta.url));
  const hash = createHash('sha1').update(readFileSync(join(top, 'tools/build-helpers.mjs')));
  for (const name of readdirSync(join(top, 'src/helpers/assembly')).sort()) hash.update(name).update(readFileSync(join(top, 'src/helpers/assembly', name)));
  const dir = join(tmpdir(), 'tuxlate-native');
  const file = join(dir, `helpers-${hash.digest('hex')}.wasm`);
  if (existsSync(file)) return new Uint8Array(readFileSync(file));
  const bytes: Uint8Array<ArrayBuffer> = await compileHelpers();
  mkdirSync(dir, { recursive: true });
  // Other test files, perhaps threads of this process, may be doing the same.
  const partial = `${file}.${randomUUID()}`;
  writeFileSync(partial, bytes);
  renameSync(partial, file);
  return bytes;
}

export async function instantiateHelpers() {
  const bytes = await helperBytes();
  const memory = new WebAssembly.Memory({ initial: 512, maximum: 65536, shared: true });
  const instance = await WebAssembly.instantiate(await WebAssembly.compile(bytes), { env: { memory } });
  const view = new DataView(memory.buffer);
  view.setUint32(CPU + Cpu.mxcsr, 0x1f80, true);
  return { bytes, memory, view, helpers: instance.exports as Record<string, (...args: (number | bigint)[]) => number | bigint> };
}

/** xorshift64*: the same numbers in every run. */
export function randomSource(seed: bigint): () => bigint {
  let s = seed;
  return () => {
    s ^= s >> 12n;
    s ^= (s << 25n) & 0xffffffffffffffffn;
    s ^= s >> 27n;
    return (s * 0x2545f4914f6cdd1dn) & 0xffffffffffffffffn;
  };
}
