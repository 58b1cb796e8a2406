/**
 * V8's optimised code of a WebAssembly module as bytes, and back. Node gives no way to it but V8's functions for tests, so they
 * are used only in versions where they are known to work; V8 itself refuses bytes of another version or processor.
 */
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';

export type CompiledCode = {
  /** Of a module that has some: without any V8 ends the process. */
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

let made: { readonly code: CompiledCode; readonly script: Script } | null | undefined;

/** For use soon: V8 forgets what it has compiled of functions that were not called for long. null: not in this version of Node. */
export function compiledCode(): CompiledCode | null {
  made ??= KNOWN.test(process.versions.v8) ? make() : null;
  return made?.code ?? null;
}

/** The same, compiled anew: for the end of a long run. */
export function compiledCodeAgain(): CompiledCode | null {
  if (compiledCode() !== null) made = make();
  return compiledCode();
}

/** For compiledCodeFrom() in workers of this process: what V8 made of the text. */
export function compiledCodeData(): Uint8Array | null {
  return compiledCode() === null ? null : made!.script.createCachedData();
}

/** The flag is set for a moment: code that is kept holds only under the flags it was written with, of scripts (see bundle.ts) and modules. */
function make(): NonNullable<typeof made> | null {
  try {
    setFlagsFromString('--allow-natives-syntax');
    const script = new Script(TEXT);
    return { code: script.runInThisContext() as CompiledCode, script };
  } catch {
    return null;
  } finally {
    setFlagsFromString('--no-allow-natives-syntax');
  }
}

/** In a worker: the flags, which all threads of the process share, are left alone. For use soon, too. */
export function compiledCodeFrom(data: Uint8Array | null): CompiledCode | null {
  if (data === null) return null;
  try {
    const script = new Script(TEXT, { cachedData: data });
    return script.cachedDataRejected === true ? null : (script.runInThisContext() as CompiledCode);
  } catch {
    return null;
  }
}
