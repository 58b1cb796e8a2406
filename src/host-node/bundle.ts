/**
 * Loads a file of dist/ as a script together with the code V8 made of it in an earlier run: neither parsed nor compiled again.
 * The name of the file with that code (keptFiles.ts) changes with the text and with the version of Node.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Script } from 'node:vm';
import { readKept, writeKept } from './keptFiles.ts';

export type Bundle<Exports> = {
  readonly exports: Exports;
  /** Writes the code of all functions that have run by now. null: there is nothing to gain. */
  readonly keep: (() => void) | null;
};

/** `name`: of dist/NAME.bundle.js, which tools/build.mjs wraps into a function of these five. */
export function loadBundle<Exports>(name: keyof typeof TUXLATE_BUNDLES): Bundle<Exports> {
  const path = join(__dirname, `${name}.bundle.js`);
  const keptName = `${name}-${TUXLATE_BUNDLES[name]}-${process.version}-${process.arch}.cache`;
  const cachedData = readKept(keptName, __dirname);
  // One byte a character: the build escapes everything else.
  const script = new Script(readFileSync(path, 'latin1'), { filename: path, ...(cachedData === null ? {} : { cachedData }) });
  const module = { exports: {} as Exports };
  script.runInThisContext()(require, module, module.exports, __dirname, pathToFileURL(path).href);
  // With flags of its own V8 refuses the code of other runs, and they its.
  const ordinary = process.execArgv.length === 0 && !process.env['NODE_OPTIONS'];
  if (!ordinary || (cachedData !== null && script.cachedDataRejected !== true)) return { exports: module.exports, keep: null };
  return { exports: module.exports, keep: () => writeKept(keptName, script.createCachedData()) };
}
