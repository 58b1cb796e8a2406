/**
 * An interpreter's module, with the optimised code that earlier runs made of its loop and of the cases that programs used:
 * compiling it takes V8 a tenth of a second of processor time.
 */
import { compiledCode, compiledCodeAgain } from './compiledCode.ts';
import { idleInstance } from './idleInstance.ts';
import { type InterpreterKind, interpreterModule } from './interpreterModule.ts';
import { writeKept } from './keptFiles.ts';

/** The file with that code. */
export function keptInterpreterName(kind: InterpreterKind): string {
  return `${kind}-${TUXLATE_RUNS}-${process.version}-${process.arch}.cache`;
}

export class KeptInterpreter {
  readonly module: WebAssembly.Module;
  private readonly kind: InterpreterKind;
  /** It came from an earlier run, or will not be kept: under flags of its own V8 refuses the code of other runs, and they its. */
  readonly found: boolean;

  constructor(kind: InterpreterKind, useKept: boolean) {
    const { module, found } = interpreterModule(kind, useKept ? keptInterpreterName(kind) : null, compiledCode);
    this.kind = kind;
    this.found = found || process.execArgv.length > 0 || !!process.env['NODE_OPTIONS'];
    this.module = module;
  }

  /** Writes the code of the loop and of `cases`. */
  keep(cases: Iterable<number>): void {
    const code = compiledCodeAgain();
    if (code === null) return;
    const { run, loop, enter, statusFlags, table } = idleInstance(this.module).exports as unknown as Record<'run' | 'loop' | 'enter' | 'statusFlags', unknown> & { table: WebAssembly.Table };
    const functions = new Set<unknown>([run, loop, enter, statusFlags]);
    for (const one of cases) if (one < table.length) functions.add(table.get(one));
    for (const f of functions) if (f !== null && !code.isOptimised(f)) code.optimise(f);
    writeKept(keptInterpreterName(this.kind), new Uint8Array(code.serialize(this.module)));
  }
}
