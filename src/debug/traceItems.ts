/** What --trace can show. An item that is off costs nothing: its hook slot stays null. */
export const traceItems = {
  syscall: "system calls with their arguments and results, as strace prints them",
  signal: 'signals delivered, and how processes end',
  exec: 'programs started: path, kind, interpreter',
  fault: 'page faults that end in a signal, with registers',
  region: 'guest code that is translated, as instructions; translations that earlier runs have kept are not used',
  wasm: 'the same, and the WebAssembly made of it',
  time: 'with the other items: seconds since the start before each line',
} as const;
export type TraceItem = keyof typeof traceItems;

/** What `all` does not mean. */
const unlessAsked: ReadonlySet<TraceItem> = new Set(['time', 'region', 'wasm'] as const);

export const traceHelp: string = Object.entries(traceItems)
  .map(([name, help]) => `  ${name.padEnd(10)}${help}`)
  .join('\n');

/** The items of a comma-separated list; an unknown one is the answer's `unknown`. */
export function parseTraceItems(list: string): { items: Set<TraceItem> } | { unknown: string } {
  const items = new Set<TraceItem>();
  for (const word of list.split(',')) {
    if (word === '') continue;
    if (word === 'all') {
      for (const item of Object.keys(traceItems) as TraceItem[]) if (!unlessAsked.has(item)) items.add(item);
    } else if (Object.hasOwn(traceItems, word)) {
      items.add(word as TraceItem);
    } else {
      return { unknown: word };
    }
  }
  return { items };
}
