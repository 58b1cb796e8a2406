#!/usr/bin/env node
// Fuzzes instructions against the real processor for as long as wanted.
//   node tools/fuzz.mjs [--seconds N] [--row MNEMONIC] [--encoding TEXT] [--feature F] [--seed S] [--mode 32|64] [--block LENGTH [--loop N]] [--show N] [--executor interpreter|translator] [--raised]
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
if (process.argv.includes('--help')) {
  console.log(`usage: node tools/fuzz.mjs [options]
  --seconds N          how long (default 30)
  --row MNEMONIC       only rows of this mnemonic (a regular expression, anchored)
  --encoding TEXT      only rows whose encoding contains TEXT
  --feature F          only rows of a feature: base fpu mmx sse sse2 ...
  --seed S             first seed (default: the time)
  --mode 32|64         only this mode
  --block LENGTH       random blocks of LENGTH instructions instead of single ones
  --loop N             with --block: each block in a loop of N turns (200000 makes it hot)
  --graph N            random programs with branches, tables and calls, of N turns (100000)
  --show N             failures printed in full per mnemonic (default 1)
  --executor NAME      interpreter (default) or translator, 'tall interpreter' or 'tall translator'
  --raised             pointers lie above 4 GiB: for the tall ones
A failure prints its bytes, registers, operands and the differences, the processor's value first.`);
  process.exit(0);
}
const outfile = join(root, 'build/fuzz/main.mjs');
mkdirSync(dirname(outfile), { recursive: true });
await build({
  entryPoints: [join(root, 'tests/fuzz/main.ts')], bundle: true, platform: 'node', format: 'esm', outfile, logLevel: 'error', packages: 'external',
  // The oracle finds its C source beside itself.
  define: { 'import.meta.url': JSON.stringify(pathToFileURL(join(root, 'tests/oracle/oracle.ts')).href) },
});
const { main } = await import(pathToFileURL(outfile).href);
process.exitCode = await main(process.argv.slice(2));
