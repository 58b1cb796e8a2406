/**
 * The interpreter's module, with the optimised code that earlier runs made of its loop and of the cases that programs used:
 * compiling it takes V8 a tenth of a second of processor time.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compiledCode, compiledCodeAgain } from './compiledCode.ts';
import { idleInstance } from './idleInstance.ts';
import { readKept, writeKept } from './keptFiles.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const name = `interpreter-${TUXLATE_RUNS}-${process.version}-${process.arch}.cache`;

export class KeptInterpreter {
  readonly module: WebAssembly.Module;
  /** It came from an earlier run, or will not be kept: under flags of its own V8 refuses the code of other runs, and they its. */
  readonly found: boolean;

  constructor(useKept: boolean) {
    const bytes = readFileSync(new URL('./interpreter.wasm', import.meta.url));
    const code = useKept ? readKept(name, here) : null;
    const module = code === null ? undefined : compiledCode()?.deserialize(code.slice().buffer as ArrayBuffer, bytes);
    this.found = module !== undefined || process.execArgv.length > 0 || !!process.env['NODE_OPTIONS'];
    this.module = module ?? new WebAssembly.Module(bytes);
  }

  /** Writes the code of the loop and of `cases`. */
  keep(cases: Iterable<number>): void {
    const code = compiledCodeAgain();
    if (code === null) return;
    const { run, enter, statusFlags, table } = idleInstance(this.module).exports as unknown as { run: unknown; enter: unknown; statusFlags: unknown; table: WebAssembly.Table };
    const functions = new Set<unknown>([run, enter, statusFlags]);
    for (const one of cases) if (one < table.length) functions.add(table.get(one));
    for (const f of functions) if (f !== null && !code.isOptimised(f)) code.optimise(f);
    writeKept(name, new Uint8Array(code.serialize(this.module)));
  }
}
