/** Executors by name; the tall ones are for cases with addresses above 4 GiB, too (FuzzOptions.raised). */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Executor } from './fuzz.ts';
import { InterpreterExecutor } from './interpreterExecutor.ts';
import { TranslatorExecutor } from './translatorExecutor.ts';

/** Both tests/fuzz and tests/oracle (tools/fuzz.mjs puts the latter in place of import.meta.url) lie two below the top. */
const top = join(dirname(fileURLToPath(import.meta.url)), '../..');

export async function makeExecutor(mode: 32 | 64, name: string): Promise<Executor> {
  if (name === 'translator') return new TranslatorExecutor(mode, join(top, 'dist/helpers.wasm'));
  if (name === 'interpreter') return new InterpreterExecutor(mode, join(top, 'dist/helpers.wasm'));
  if (name === 'tall translator') return new TranslatorExecutor(mode, join(top, 'dist/helpers.wasm'), true);
  if (name === 'tall interpreter') return new InterpreterExecutor(mode, join(top, 'dist/helpers.wasm'), true);
  throw new Error(`no executor ${name}`);
}
