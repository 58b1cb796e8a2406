/** Command line of tools/fuzz.mjs. */
import { type Executor, failureText, fuzz, type FuzzOptions } from './fuzz.ts';
import { makeExecutor } from './executor.ts';

function option(args: string[], name: string): string | undefined {
  const at = args.indexOf(`--${name}`);
  return at < 0 ? undefined : args[at + 1];
}

export async function main(args: string[]): Promise<number> {
  const seconds = Number(option(args, 'seconds') ?? 30), show = Number(option(args, 'show') ?? 1);
  const row = option(args, 'row'), encoding = option(args, 'encoding'), feature = option(args, 'feature'), block = option(args, 'block'), loop = option(args, 'loop'), graph = option(args, 'graph');
  const rowPattern = row === undefined ? undefined : new RegExp(`^(${row})$`);
  const modes = option(args, 'mode') === undefined ? ([64, 32] as const) : ([Number(option(args, 'mode')) as 32 | 64] as const);
  let seed = Number(option(args, 'seed') ?? Date.now() % 1_000_000);
  const executors = new Map<number, Executor>();
  for (const mode of modes) executors.set(mode, await makeExecutor(mode, option(args, 'executor') ?? 'interpreter'));
  const end = performance.now() + seconds * 1000;
  const failing = new Map<string, number>();
  let count = 0, failures = 0;
  do {
    for (const mode of modes) {
      const o: FuzzOptions = { mode, seed, count: block === undefined ? (row === undefined && encoding === undefined ? 10 : 300) : 2000 };
      if (args.includes('--raised')) o.raised = true;
      if (block !== undefined) o.block = Number(block);
      if (graph !== undefined) {
        o.graph = Number(graph);
        o.count = 100;
      }
      if (loop !== undefined) {
        o.loop = Number(loop);
        o.count = 100;
      }
      o.filter = (r) => (rowPattern?.test(r.mnemonic) ?? true) && (encoding === undefined || r.encoding.includes(encoding)) && (feature === undefined || r.feature === feature);
      const result = fuzz(o, executors.get(mode)!);
      count += result.count;
      failures += result.failures.length;
      for (const f of result.failures) {
        const key = f.c.single ? f.c.row.mnemonic : 'block';
        const before = failing.get(key) ?? 0;
        failing.set(key, before + 1);
        if (before < show) console.log(`seed ${seed} ${failureText(f)}`);
      }
    }
    seed++;
  } while (performance.now() < end);
  console.log(`${count} cases, ${failures} failures, last seed ${seed - 1}`);
  if (failing.size > 0) console.log([...failing].sort((a, b) => b[1] - a[1]).map(([key, n]) => `${key} ${n}`).join(', '));
  return failures === 0 ? 0 : 1;
}
