/**
 * Loads a file of dist/ as a script together with the code V8 made of it in an earlier run: neither parsed nor compiled again.
 * That code is kept beside the file, under a name that changes with the text and with the version of Node; where it cannot be
 * written everything works as well, a little later.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Script } from 'node:vm';

export type Bundle<Exports> = {
  readonly exports: Exports;
  /** Writes the code of all functions that have run by now. null: there is nothing to gain. */
  readonly keep: (() => void) | null;
};

function read(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** `name`: of dist/NAME.bundle.js, which tools/build.mjs wraps into a function of these five. */
export function loadBundle<Exports>(name: keyof typeof TUXLATE_BUNDLES): Bundle<Exports> {
  const path = join(__dirname, `${name}.bundle.js`);
  const cachePath = join(__dirname, `${name}-${TUXLATE_BUNDLES[name]}-${process.version}.cache`);
  const cachedData = read(cachePath);
  // One byte a character: the build escapes everything else.
  const script = new Script(readFileSync(path, 'latin1'), { filename: path, ...(cachedData === undefined ? {} : { cachedData }) });
  const module = { exports: {} as Exports };
  script.runInThisContext()(require, module, module.exports, __dirname, pathToFileURL(path).href);
  // With flags of its own V8 refuses the code of other runs, and they its.
  const ordinary = process.execArgv.length === 0 && !process.env['NODE_OPTIONS'];
  if (!ordinary || (cachedData !== undefined && script.cachedDataRejected !== true)) return { exports: module.exports, keep: null };
  return { exports: module.exports, keep: () => write(cachePath, script) };
}

function write(path: string, script: Script): void {
  const draft = `${path}.${process.pid}`;
  try {
    writeFileSync(draft, script.createCachedData());
    renameSync(draft, path);
  } catch {
    // A directory that cannot be written.
  }
}
