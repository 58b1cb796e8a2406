/**
 * The numbers that plain SSE operations compare operands and results with (lift/sseDoubt.ts). Translated regions keep them in locals, in
 * which they are NaN while flags must be looked at (Cpu.sseExact): then each of these comparisons fails, and nothing else need be asked.
 */
import type { TypeName } from './ops.ts';

export interface Bound {
  readonly type: TypeName;
  /** Bits, lowest first. */
  readonly words: readonly number[];
}

function lanes(...words: number[]): Bound {
  return { type: 'v128', words: words.length === 2 ? [...words, ...words] : words };
}
function everywhere(word: number): Bound {
  return lanes(word, word, word, word);
}

/** `least`: the smallest normal number; `above`: the next larger one. By number: the immediate of the `bound` operations. */
export const bounds: readonly Bound[] = [
  { type: 'f32', words: [0x00800000] }, { type: 'f32', words: [0x00800001] }, { type: 'f32', words: [0x7f800000] },
  { type: 'f64', words: [0, 0x00100000] }, { type: 'f64', words: [1, 0x00100000] }, { type: 'f64', words: [0, 0x7ff00000] },
  everywhere(0x00800000), everywhere(0x00800001), everywhere(0x7f800000),
  lanes(0, 0x00100000), lanes(1, 0x00100000), lanes(0, 0x7ff00000),
];
const SHAPES = ['f32', 'f64', 'f32x4', 'f64x2'] as const, WHICH = ['least', 'above', 'infinity'] as const;

export function boundNumber(shape: (typeof SHAPES)[number], which: (typeof WHICH)[number]): number {
  return SHAPES.indexOf(shape) * WHICH.length + WHICH.indexOf(which);
}
