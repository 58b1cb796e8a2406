/** The translating worker's part of what is kept of translations (keptTranslations.ts): notes its answers, and writes them at the end. */
import { moduleBytes } from '../engine/translate/service.ts';
import type { Translation } from '../engine/translate/translation.ts';
import type { CompiledCode } from './compiledCode.ts';
import { idleInstance } from './idleInstance.ts';
import { writeTranslations } from './keptTranslations.ts';

/** More are not kept. */
const MOST_ANSWERS = 8000;
/** Answers for one address: who asks for more makes its code as it runs. */
const MOST_VERSIONS = 4;
/** So long the optimising compiler may work for later runs, at the end of this one; and no longer than this part of the run. */
const COMPILE_MS = 300, COMPILE_PART = 0.4;

const NO_BYTES = new Uint8Array(0);

export class TranslationRecorder {
  /** By what was asked, then by what the answer's first bytes are. */
  private readonly answers = new Map<string, Translation>();

  /** Answers by mode and address. */
  private readonly versions = new Map<string, number>();
  /** By Translation.id: where the blocks of a region begin. */
  private readonly blocks = new Map<number, readonly number[]>();

  made(translation: Translation, blocks: readonly number[]): void {
    if (this.blocks.size < MOST_ANSWERS) this.blocks.set(translation.id, blocks);
  }

  note(answer: Translation): void {
    const first = answer.ranges[0];
    if (answer.module === null || first === undefined) return;
    const question = `${answer.mode} ${answer.entry} ${first.first} ${first.bytes.subarray(0, 16).join()}`;
    if (!this.answers.has(question)) {
      const place = `${answer.mode} ${answer.entry}`, versions = this.versions.get(place) ?? 0;
      if (this.answers.size >= MOST_ANSWERS || versions >= MOST_VERSIONS) return;
      this.versions.set(place, versions + 1);
    }
    this.answers.set(question, answer);
  }

  /** Also of a single one: what is not kept is asked for again by each run, which starts the translating worker for it. */
  write(prefix: string, compiled: CompiledCode | null): void {
    if (this.answers.size === 0) return;
    const codes = new Map<number, Uint8Array>(), until = performance.now() + Math.min(COMPILE_MS, process.uptime() * 1000 * COMPILE_PART);
    const list = [];
    for (const answer of this.answers.values()) {
      const wasm = moduleBytes.get(answer.module!);
      if (wasm === undefined) continue;
      let code = codes.get(answer.id);
      if (code === undefined) {
        code = compiled === null ? NO_BYTES : codeOf(answer.module!, compiled, performance.now() < until);
        codes.set(answer.id, code);
      }
      // A guest's thread would have to compile it, before it is known to be hot; the translating worker does that beside it.
      if (compiled !== null && code.length === 0) continue;
      list.push({ answer, wasm, code, blocks: this.blocks.get(answer.id) ?? [] });
    }
    if (list.length > 0) writeTranslations(prefix, list);
  }
}

/** Its functions: its table and globals are exports too, and V8 ends the process when it is asked about those. */
function functionsOf(module: WebAssembly.Module): unknown[] {
  return Object.values(idleInstance(module).exports).filter((one) => typeof one === 'function');
}

function isOptimised(module: WebAssembly.Module, compiled: CompiledCode): boolean {
  return functionsOf(module).some((f) => compiled.isOptimised(f));
}

/** What V8 has of optimised code; `make`: at least of the first entry. V8 cannot write a module that has none. */
function codeOf(module: WebAssembly.Module, compiled: CompiledCode, make: boolean): Uint8Array {
  if (!isOptimised(module, compiled)) {
    if (!make) return NO_BYTES;
    compiled.optimise(functionsOf(module)[0]!);
  }
  return new Uint8Array(compiled.serialize(module));
}
