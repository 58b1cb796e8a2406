/** tuxlate [FLAGS] PROGRAM [ARGS...]: runs one program and ends as it ends. */
import { StartError } from '../boot/options.ts';
import { traceHelp } from '../debug/traceItems.ts';
import { runOnNode } from '../host-node/run.ts';
import type { NodeWorkers } from '../host-node/workers.ts';
import { endLike } from './exit.ts';
import { examples, runFlags, usage } from './flagTable.ts';
import { flagHelp, parseFlags } from './flags.ts';
import { runOptions } from './runOptions.ts';
import { traceObserver } from './trace.ts';

function fail(code: number, message: string): never {
  process.stderr.write(`tuxlate: ${message}\n`);
  process.exit(code);
}

async function run(workers: NodeWorkers | null): Promise<void> {
  const parsed = parseFlags(runFlags, process.argv.slice(2));
  if ('error' in parsed) fail(125, `${parsed.error}\nSee 'tuxlate --help'.`);
  if (parsed.flags.get('help') === true) {
    process.stdout.write(`${usage}\n\n${examples}\n\nFlags:\n${flagHelp(runFlags)}\n`);
    process.exit(0);
  }
  if (parsed.flags.get('version') === true) {
    process.stdout.write(`tuxlate ${TUXLATE_VERSION}\n`);
    process.exit(0);
  }
  if (parsed.flags.get('trace') === 'help') {
    process.stdout.write(`--trace=ITEM,... where an item is one of\n${traceHelp}\n  all       everything but time\n`);
    process.exit(0);
  }
  const observe = await traceObserver(parsed.flags);
  endLike(await runOnNode(workers!, runOptions(parsed.flags, parsed.rest, observe)));
}

/** `workers` is null when the command line asks for no program. */
export function main(workers: NodeWorkers | null): void {
  run(workers).catch((error: unknown) => {
    if (error instanceof StartError) fail(error.exitCode, error.message);
    fail(125, `internal error: ${error instanceof Error ? error.stack : String(error)}`);
  });
}
