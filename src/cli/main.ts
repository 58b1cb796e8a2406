/** tuxlate [FLAGS] PROGRAM [ARGS...]: runs one program and ends as it ends. */
import { StartError } from '../boot/options.ts';
import { traceHelp } from '../debug/traceItems.ts';
import { bytesOf, ownWords, textOf } from '../host-node/ownWords.ts';
import { runOnNode } from '../host-node/run.ts';
import type { NodeWorkers } from '../host-node/workers.ts';
import { writeWhole } from '../host-node/writeWhole.ts';
import { endLike } from './exit.ts';
import { examples, runFlags, usage } from './flagTable.ts';
import { flagHelp, parseFlags } from './flags.ts';
import { runOptions } from './runOptions.ts';
import { tracing } from './trace.ts';

/** Written at once, whatever the stream is: the process ends right after. */
function print(fd: number, text: string): void {
  writeWhole(fd, bytesOf(text));
}

function fail(code: number, message: string): never {
  print(2, `tuxlate: ${textOf(message)}\n`);
  process.exit(code);
}

function internalError(error: unknown): never {
  fail(125, `internal error: ${error instanceof Error ? error.stack : String(error)}`);
}

async function run(workers: NodeWorkers | null): Promise<void> {
  const parsed = parseFlags(runFlags, ownWords());
  if ('error' in parsed) fail(125, `${parsed.error}\nSee 'tuxlate --help'.`);
  if (parsed.flags.get('help') === true) {
    print(1, `${usage}\n\n${examples}\n\nFlags:\n${flagHelp(runFlags)}\n`);
    process.exit(0);
  }
  if (parsed.flags.get('version') === true) {
    print(1, `tuxlate ${TUXLATE_VERSION}\n`);
    process.exit(0);
  }
  if (parsed.flags.get('trace') === 'help') {
    print(1, `--trace=ITEM,... where an item is one of\n${traceHelp}\n  all       everything but region, wasm and time\n`);
    process.exit(0);
  }
  const { observe, regions, profile } = await tracing(parsed.flags, () => workers!.translated);
  if (regions !== null) workers!.traceRegions(regions);
  if (profile) workers!.profileRegions();
  const useKept = parsed.flags.get('no-cache') !== true, useTranslations = useKept && regions === null && !profile;
  endLike(await runOnNode(workers!, runOptions(parsed.flags, parsed.rest, observe), useKept, useTranslations));
}

/** `workers` is null when the command line asks for no program. */
export function main(workers: NodeWorkers | null): void {
  process.on('uncaughtException', internalError);
  run(workers).catch((error: unknown) => {
    if (error instanceof StartError) fail(error.exitCode, error.message);
    internalError(error);
  });
}
