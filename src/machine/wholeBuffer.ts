import { Globals } from './codeLayout.ts';

const WASM_PAGE = 65536;

/**
 * The buffer of a process's memory, as long as the kernel's thread has made it. A worker hears of a growth a little later; and
 * not at all when the memory grew while its message was on the way to the worker: the engine then has the old length until the
 * next growth, which may never come. Growing by nothing tells it.
 */
export function wholeBuffer(memory: WebAssembly.Memory): SharedArrayBuffer {
  const buffer = memory.buffer as unknown as SharedArrayBuffer;
  const pages = Atomics.load(new Int32Array(buffer, Globals.memoryPages, 1), 0);
  if (buffer.byteLength >= pages * WASM_PAGE) return buffer;
  memory.grow(0);
  return memory.buffer as unknown as SharedArrayBuffer;
}
