/** Runs one program on Node: makes the ports, joins signals and the terminal to the emulator. */
import { readFileSync, writeSync } from 'node:fs';
import { availableParallelism, freemem, loadavg, totalmem } from 'node:os';
import { Emulator } from '../boot/emulator.ts';
import type { RunOptions, RunResult } from '../boot/options.ts';
import { MAILBOX_BYTES } from '../machine/mailbox.ts';
import { NodeClock, wallOffsetNs } from './clock.ts';
import { NodeConsole } from './console.ts';
import { compiledCodeData } from './compiledCode.ts';
import { KeptInterpreter, keptInterpreterName } from './keptInterpreter.ts';
import { openKeptFiles } from './keptRegionFile.ts';
import { KeptRuns } from './keptRuns.ts';
import { NodeFiles } from './nodeFiles.ts';
import { NodeRandom } from './random.ts';
import { NodeSockets } from './nodeSockets.ts';
import { forwardSignals } from './signals.ts';
import type { NodeWorkers } from './workers.ts';

/** The next turn of the event loop. */
function yieldTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Linux tells where a descriptor stands and how it was opened. */
function descriptorInfo(fd: number): { pos: number; flags: number } | null {
  try {
    const text = readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1');
    const field = (name: string): string => new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(text)?.[1] ?? '0';
    return { pos: Number(field('pos')), flags: Number.parseInt(field('flags'), 8) };
  } catch {
    return null;
  }
}

function moduleOf(name: string): WebAssembly.Module {
  return new WebAssembly.Module(readFileSync(new URL(name, import.meta.url)));
}

/** Of the names of files with translations: of this version of ours and of Node's. */
const translations = `regions-${TUXLATE_TRANSLATIONS}-${process.version}-${process.arch}`;

/** No guest runs any more. */
function keep(interpreter: KeptInterpreter, runs: KeptRuns, tall: boolean): void {
  const { grown } = runs, used = tall ? [interpreter, new KeptInterpreter('tallInterpreter', true)] : [interpreter];
  runs.keep();
  for (const one of used) if (grown || !one.found) one.keep(runs.cases());
}

/** `useKept`: with what earlier runs have kept, and keeping for later ones; `useTranslations`: translations of guest code, too. */
export async function runOnNode(workers: NodeWorkers, options: RunOptions, useKept = true, useTranslations = useKept): Promise<RunResult> {
  const mailbox = new SharedArrayBuffer(MAILBOX_BYTES);
  const interpreter = new KeptInterpreter('interpreter', useKept), runs = new KeptRuns(useKept, `${options.root} ${options.program}`);
  const offset = wallOffsetNs();
  const kept = useTranslations ? { prefix: translations, files: openKeptFiles(translations), tall: keptInterpreterName('tallInterpreter'), compiled: compiledCodeData() } : null;
  workers.init({ interpreter: interpreter.module, helpers: moduleOf('./helpers.wasm'), mailbox, wallOffsetNs: offset, decodedRuns: runs.buffer }, kept);
  if (runs.forked) workers.expectForks();
  const terminal = new NodeConsole();
  const sockets = new NodeSockets();
  // Waiting for the mailbox alone does not keep Node running.
  const alive = setInterval(() => {}, 1 << 30);
  try {
    const emulator = new Emulator(
      {
        files: new NodeFiles(),
        console: terminal,
        clock: new NodeClock(offset),
        random: new NodeRandom(),
        sockets,
        workers,
        cpus: availableParallelism(),
        memory: () => ({ total: totalmem(), free: freemem() }),
        loadAverages: loadavg,
        mailbox,
        yieldTurn,
        descriptorInfo,
        warn: (message) => void writeSync(2, `tuxlate: ${message}\n`),
      },
      options,
    );
    const stop = forwardSignals((signo, group) => emulator.signal(signo, group));
    const result = await emulator.run();
    stop();
    await terminal.flush();
    await sockets.flush();
    return result;
  } finally {
    clearInterval(alive);
    terminal.close();
    if (workers.forked) runs.forked = true;
    const closed = workers.close();
    if (useKept) keep(interpreter, runs, workers.tall);
    await closed;
  }
}
