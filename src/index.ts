/** Library entry: run a Linux program from JavaScript. */
import { resolve } from 'node:path';
import type { MountOption, RunOptions, RunResult } from './boot/options.ts';
import { runOnNode } from './host-node/run.ts';
import { NodeWorkers } from './host-node/workers.ts';

export type { MountOption, RunResult } from './boot/options.ts';
export { StartError } from './boot/options.ts';

export type ProgramOptions = {
  /** Path in the root file system, or a name to be searched in its PATH. */
  readonly program: string;
  readonly args?: readonly string[];
  /** Host directory that becomes /; default: the host's own / on Linux, an empty one elsewhere. */
  readonly root?: string;
  /** Writes go to the root directory itself. */
  readonly persist?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly mounts?: readonly MountOption[];
  /** Default: the host's network. */
  readonly network?: 'host' | 'none';
};

const bytes = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

/** Runs a program on the process's own standard streams. One at a time. */
export function run(options: ProgramOptions): Promise<RunResult> {
  const uid = options.uid ?? process.getuid?.() ?? 0;
  const gid = options.gid ?? process.getgid?.() ?? 0;
  const full: RunOptions = {
    program: bytes(options.program),
    argv: [options.program, ...(options.args ?? [])].map(bytes),
    env: Object.entries(options.env ?? {}).map(([name, value]) => bytes(`${name}=${value}`)),
    root: options.root === undefined ? (process.platform === 'linux' ? '/' : null) : resolve(options.root),
    persist: options.persist ?? false,
    mounts: options.mounts ?? [],
    cwd: bytes(options.cwd ?? '/'),
    makeCwd: false,
    uid,
    gid,
    groups: [gid],
    hostname: 'tuxlate',
    release: '6.1.0-tuxlate',
    stackLimit: 8 << 20,
    umask: 0o022,
    nice: 0,
    network: options.network ?? 'host',
    published: [],
    observe: null,
  };
  return runOnNode(new NodeWorkers(new URL('./guestWorker.js', import.meta.url), new URL('./translator.js', import.meta.url)), full);
}
