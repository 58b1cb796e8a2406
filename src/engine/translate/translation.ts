/** What passes between a guest's thread and the translation service (service.ts), which the former need not load. */
import { BIAS, PERMISSION_TABLE, Perm } from '../../machine/memoryLayout.ts';

/** What code is translated as: 32-bit, 64-bit, 64-bit in a tall address space (machine/memoryLayout.ts). */
export type CodeMode = 32 | 64 | typeof TALL;
export const TALL = 65;

/** How its instructions are decoded. */
export function decodingMode(mode: CodeMode): 32 | 64 {
  return mode === 32 ? 32 : 64;
}

export interface TranslationRequest {
  readonly memory: WebAssembly.Memory;
  readonly entry: number;
  readonly mode: CodeMode;
}

export interface Translation {
  /** The address of the request. */
  readonly entry: number;
  /** Where the region begins that the module exports as `region`: at the requested address, or elsewhere where that serves better. */
  readonly start: number;
  readonly mode: CodeMode;
  /** null: there is nothing to translate at the address. */
  readonly module: WebAssembly.Module | null;
  readonly ranges: readonly CodeRange[];
  /** Addresses of the functions it calls directly, in the order of the module's table `callees`. */
  readonly callees: readonly number[];
  /** Different for each module. */
  readonly id: number;
}

/** Guest bytes [first, first + bytes.length), in one page. */
export interface CodeRange {
  readonly first: number;
  readonly bytes: Uint8Array;
}

/** What a guest thread sees of the service. */
export interface Translator {
  request(request: TranslationRequest): void;
  /** Whether an answer is probably there at once: then asking costs next to nothing. */
  readonly knows?: (request: TranslationRequest) => boolean;
  /** What has been asked for is badly needed. */
  readonly hurry?: () => void;
  /** The next finished translation of this thread's requests; null while there is none. */
  take(): Translation | null;
}

/** Whether guest memory still holds the bytes the translation was made from. */
export function sameCode(memory: Uint8Array, ranges: readonly CodeRange[]): boolean {
  for (const { first, bytes } of ranges) {
    if ((memory[PERMISSION_TABLE + (first >>> 12)]! & Perm.X) === 0) return false;
    const at = first + BIAS;
    for (let k = 0; k < bytes.length; k++) if (memory[at + k] !== bytes[k]) return false;
  }
  return true;
}
