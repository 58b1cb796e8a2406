import { expect, test } from 'vitest';
import { Globals } from './codeLayout.ts';
import { BIAS } from './memoryLayout.ts';
import { wholeBuffer } from './wholeBuffer.ts';

/** As a worker sees it whose engine has missed a growth: the old buffer, until it grows the memory itself. */
class MissedGrowth {
  readonly real = new WebAssembly.Memory({ initial: BIAS / 65536, maximum: 65536, shared: true });
  private seen: ArrayBufferLike = this.real.buffer;
  get buffer(): ArrayBufferLike {
    return this.seen;
  }
  grow(pages: number): number {
    const before = this.real.grow(pages);
    this.seen = this.real.buffer;
    return before;
  }
  growElsewhere(pages: number): void {
    const before = this.real.grow(pages);
    new Int32Array(this.real.buffer)[Globals.memoryPages >> 2] = before + pages;
  }
}

test('a growth that this thread has missed is found', () => {
  const memory = new MissedGrowth();
  const before = wholeBuffer(memory as unknown as WebAssembly.Memory).byteLength;
  memory.growElsewhere(16);
  expect(memory.buffer.byteLength).toBe(before);
  expect(wholeBuffer(memory as unknown as WebAssembly.Memory).byteLength).toBe(before + 16 * 65536);
});

test('a buffer that is long enough is kept', () => {
  const memory = new WebAssembly.Memory({ initial: BIAS / 65536, maximum: 65536, shared: true });
  expect(wholeBuffer(memory)).toBe(memory.buffer);
});
