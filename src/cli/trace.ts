import { openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type RunOptions, StartError } from '../boot/options.ts';
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
}

/** What --trace asks for. The tracer is a bundle of its own: who does not trace does not load it. */
export async function tracing(flags: Map<string, FlagValue>): Promise<Tracing> {
  const list = [flags.get('trace') ?? '', flags.get('strace') === true ? 'syscall,signal' : ''].join(',');
  const parsed = parseTraceItems(list);
  if ('unknown' in parsed) throw new StartError(125, `unknown trace item "${parsed.unknown}" (--trace=help lists them)`);
  const { items } = parsed;
  if (items.size === 0) return { observe: null, regions: null };
  const file = flags.get('trace-file') as string | undefined;
  let fd = 2;
  try {
    if (file !== undefined) fd = openSync(textOf(file), 'w');
  } catch {
    throw new StartError(125, `${file}: cannot be written`);
  }
  const regions = items.has('region') || items.has('wasm') ? { fd, wasm: items.has('wasm') } : null;
  const tracer = (await import(fileURLToPath(new URL('./trace.js', import.meta.url)))) as { Trace: typeof Trace };
  const observe: RunOptions['observe'] = (kernel, rows) => {
    new tracer.Trace(kernel, rows, items, (text) => writeWhole(fd, text));
  };
  return { observe, regions };
}
