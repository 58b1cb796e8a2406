import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { compiledCode, compiledCodeAgain, compiledCodeData, compiledCodeFrom } from './compiledCode.ts';

/** (module (func (export "f"))) */
const bytes = Uint8Array.from([0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 4, 1, 2, 0, 11]);

/** What a long run does to functions that are not called. */
function forget(): void {
  setFlagsFromString('--expose-gc');
  setFlagsFromString('--stress-flush-code');
  const gc = runInNewContext('gc') as () => void;
  for (let n = 0; n < 10; n++) gc();
  setFlagsFromString('--no-stress-flush-code');
  setFlagsFromString('--no-expose-gc');
}

test.runIf(compiledCode() !== null)('code can be kept after V8 has forgotten the functions for it, and is accepted', () => {
  const data = compiledCodeData(), module = new WebAssembly.Module(bytes);
  const { f } = new WebAssembly.Instance(module).exports;
  forget();
  const code = compiledCodeAgain()!;
  if (!code.isOptimised(f)) code.optimise(f);
  const kept = code.serialize(module);
  forget();
  expect(compiledCodeFrom(data)!.deserialize(kept, bytes)).toBeInstanceOf(WebAssembly.Module);
});
