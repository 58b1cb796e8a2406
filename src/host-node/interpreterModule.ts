import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CompiledCode } from './compiledCode.ts';
import { readKept } from './keptFiles.ts';

/** The interpreters in dist/, by the first part of their files' names. */
export type InterpreterKind = 'interpreter' | 'tallInterpreter';

/** `keptName`: the file that earlier runs have kept V8's code of it in, null: not used. `found`: it was used. */
export function interpreterModule(kind: InterpreterKind, keptName: string | null, compiled: () => CompiledCode | null): { readonly module: WebAssembly.Module; readonly found: boolean } {
  const bytes = readFileSync(new URL(`./${kind}.wasm`, import.meta.url));
  const code = keptName === null ? null : readKept(keptName, fileURLToPath(new URL('.', import.meta.url)));
  const module = code === null ? undefined : compiled()?.deserialize(code.slice().buffer as ArrayBuffer, bytes);
  return { module: module ?? new WebAssembly.Module(bytes), found: module !== undefined };
}
