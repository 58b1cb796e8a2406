/**
 * V8's optimised code of a WebAssembly module as bytes, and back. Node gives no way to it but V8's functions for tests, so they
 * are used only in versions where they are known to work; V8 itself refuses bytes of another version or processor.
 */
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';

type CompiledCode = {
  serialize(module: WebAssembly.Module): ArrayBuffer;
  /** undefined: V8 refuses it. */
  deserialize(code: ArrayBuffer, module: Uint8Array): WebAssembly.Module | undefined;
  /** Compiles an exported function with the optimising compiler, now. */
  optimise(f: unknown): void;
  isOptimised(f: unknown): boolean;
};

/** Versions of V8: Node 20's. */
const KNOWN = /^11\.3\./;
/** Functions in parentheses are compiled with the script. */
const TEXT = `({ serialize: (function (m) { return %SerializeWasmModule(m); }),
deserialize: (function (code, m) { return %DeserializeWasmModule(code, m); }),
optimise: (function (f) { %WasmTierUpFunction(f); }),
isOptimised: (function (f) { return %IsTurboFanFunction(f); }) })`;

let found: CompiledCode | null | undefined;

/** null: not in this version of Node. */
export function compiledCode(): CompiledCode | null {
  found ??= KNOWN.test(process.versions.v8) ? load() : null;
  return found;
}

/** The flag is set for a moment: code that is kept of scripts holds only under the flags it was made with (see bundle.ts). */
function load(): CompiledCode | null {
  try {
    setFlagsFromString('--allow-natives-syntax');
    return new Script(TEXT).runInThisContext() as CompiledCode;
  } catch {
    return null;
  } finally {
    setFlagsFromString('--no-allow-natives-syntax');
  }
}
