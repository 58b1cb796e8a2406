// The helpers instantiated alone, with a memory of their own and one CPU state.

import { Cpu } from '../../machine/cpuState.ts';
// @ts-expect-error: plain JavaScript
import { compileHelpers } from '../../../tools/build-helpers.mjs';

export const CPU = 0x800;
/** A place in memory for operands. */
export const OPERAND = 0x1000000;

export async function instantiateHelpers() {
  const bytes: Uint8Array<ArrayBuffer> = await compileHelpers();
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
