import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { compiledCode, compiledCodeData, compiledCodeFrom, withCompiledCode } from './compiledCode.ts';

/** (module (func (export "f"))) */
const bytes = Uint8Array.from([0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 4, 1, 2, 0, 11]);

/** What a long run does to functions that are not called. */
function forget(): void {
  setFlagsFromString('--expose-gc');
  setFlagsFromString('--stress-flush-code');
  const gc = runInNewContext('gc') as () => void;
  for (let n = 0; n < 10; n++) gc();
  setFlagsFromString('--no-stress-flush-code');
}

test.runIf(compiledCode() !== null)('code can be kept after V8 has forgotten the functions for it', () => {
  const inWorker = compiledCodeFrom(compiledCodeData())!;
  const module = new WebAssembly.Module(bytes);
  const { f } = new WebAssembly.Instance(module).exports;
  forget();
  expect(inWorker.deserialize(new ArrayBuffer(16), bytes)).toBeUndefined();
  let kept: ArrayBuffer | null = null;
  withCompiledCode((code) => {
    if (!code.isOptimised(f)) code.optimise(f);
    kept = code.serialize(module);
  });
  expect(kept!.byteLength).toBeGreaterThan(0);
});
