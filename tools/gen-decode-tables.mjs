#!/usr/bin/env node
// Writes src/isa/decode/tables.generated.ts from the instruction table. `--check` only says (exit 1) when it is out of date.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const target = join(root, 'src/isa/decode/tables.generated.ts');
const entry = `
export { built } from './src/isa/decode/buildTables.ts';
export { tablesText } from './src/isa/decode/tablesText.ts';
`;
const bundled = await build({ stdin: { contents: entry, resolveDir: root, loader: 'ts' }, bundle: true, format: 'esm', write: false, logLevel: 'error' });
const { built, tablesText } = await import(`data:text/javascript;base64,${Buffer.from(bundled.outputFiles[0].text).toString('base64')}`);
const contents = tablesText(built);
if (!process.argv.includes('--check')) writeFileSync(target, contents);
else if (readFileSync(target, 'utf8') !== contents) {
  console.error('src/isa/decode/tables.generated.ts is out of date: run node tools/gen-decode-tables.mjs');
  process.exit(1);
}
