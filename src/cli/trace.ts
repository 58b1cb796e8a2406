import { openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type RunOptions, StartError } from '../boot/options.ts';
import type { Profile } from '../debug/profile.ts';
import type { TranslatorFigures } from '../debug/profileText.ts';
import type { Trace } from '../debug/trace.ts';
import type { RegionTrace } from '../host-node/translator.entry.ts';
import { parseTraceItems } from '../debug/traceItems.ts';
import { textOf } from '../host-node/ownWords.ts';
import { writeWhole } from '../host-node/writeWhole.ts';
import type { FlagValue } from './flags.ts';

export interface Tracing {
  readonly observe: RunOptions['observe'];
  /** What the translator writes about its work, and where. */
  readonly regions: RegionTrace | null;
  readonly profile: boolean;
}

/** A bundle of its own: who does not want it does not load it. */
function loadBundle<T>(name: string): Promise<T> {
  return import(fileURLToPath(new URL(`./${name}`, import.meta.url))) as Promise<T>;
}

/** What --trace and --profile ask for. `translator`: what it has done when the program has ended. */
export async function tracing(flags: Map<string, FlagValue>, translator: () => TranslatorFigures): Promise<Tracing> {
  const list = [flags.get('trace') ?? '', flags.get('strace') === true ? 'syscall,signal' : ''].join(',');
  const parsed = parseTraceItems(list);
  if ('unknown' in parsed) throw new StartError(125, `unknown trace item "${parsed.unknown}" (--trace=help lists them)`);
  const { items } = parsed, profile = flags.get('profile') === true;
  if (items.size === 0 && !profile) return { observe: null, regions: null, profile };
  const file = flags.get('trace-file') as string | undefined;
  let fd = 2;
  try {
    if (file !== undefined) fd = openSync(textOf(file), 'w');
  } catch {
    throw new StartError(125, `${file}: cannot be written`);
  }
  const write = (text: string): void => writeWhole(fd, text);
  const regions = items.has('region') || items.has('wasm') ? { fd, wasm: items.has('wasm') } : null;
  const tracer = items.size > 0 ? await loadBundle<{ Trace: typeof Trace }>('trace.js') : null;
  const profiler = profile ? await loadBundle<{ Profile: typeof Profile }>('profile.js') : null;
  const observe: RunOptions['observe'] = (kernel, rows, process) => {
    if (tracer !== null) new tracer.Trace(kernel, rows, items, write);
    if (profiler !== null) new profiler.Profile(kernel, process, write, translator);
  };
  return { observe, regions, profile };
}
