#!/usr/bin/env node
// Writes docs/instructions.md from the instruction table. `--check` only says (exit 1) when the file is out of date.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const target = join(root, 'docs/instructions.md');

const entry = `
export { rows } from './src/isa/rows.ts';
export { flagLetters } from './src/isa/flags.ts';
export { cpuinfoFlags } from './src/isa/cpuid.ts';
`;
const bundled = await build({ stdin: { contents: entry, resolveDir: root, loader: 'ts' }, bundle: true, format: 'esm', write: false, logLevel: 'error' });
const { rows, flagLetters, cpuinfoFlags } = await import(`data:text/javascript;base64,${Buffer.from(bundled.outputFiles[0].text).toString('base64')}`);

const titles = {
  base: 'Base', fpu: 'x87', tsc: 'TSC', cx8: 'CMPXCHG8B', cmov: 'CMOV', mmx: 'MMX', fxsr: 'FXSAVE', sse: 'SSE', sse2: 'SSE2', sse3: 'SSE3', ssse3: 'SSSE3',
  sse41: 'SSE4.1', sse42: 'SSE4.2', popcnt: 'POPCNT', cx16: 'CMPXCHG16B', movbe: 'MOVBE', lahf: 'LAHF and SAHF', abm: 'LZCNT', bmi1: 'BMI1', bmi2: 'BMI2', rdtscp: 'RDTSCP',
  fsgsbase: 'FSGSBASE', prefetchw: 'PREFETCHW', xsave: 'XSAVE', clfsh: 'CLFLUSH', sysenter: 'SYSENTER', syscall: 'SYSCALL', avx: 'AVX', avx2: 'AVX2', fma: 'FMA', f16c: 'F16C',
};

function notes(row) {
  const out = [];
  if (row.lock) out.push('lock');
  if (row.rep !== '') out.push(row.rep);
  if (row.size64 !== '') out.push(row.size64);
  if (row.privileged) out.push('#GP in ring 3');
  if (row.notes.split(' ').includes('undoc')) out.push('undocumented');
  return out.join(', ');
}

function line(row, name) {
  const modes = row.valid32 && row.valid64 ? '32 64' : row.valid32 ? '32' : '64';
  const flags = [
    row.cc >= 0 ? 'reads its condition' : row.flagsRead !== 0 ? `reads ${flagLetters(row.flagsRead)}` : '',
    row.flagsWritten !== 0 ? `writes ${flagLetters(row.flagsWritten)}` : '',
    row.flagsUndefined !== 0 ? `undefined ${flagLetters(row.flagsUndefined)}` : '',
  ].filter((text) => text !== '').join('; ');
  return `| \`${row.encoding}\` | ${name} | ${row.operands.join(', ')} | ${modes} | ${flags} | ${notes(row)} |`;
}

const byFeature = new Map();
for (const row of rows) {
  if (row.cc > 0) continue;
  if (!byFeature.has(row.feature)) byFeature.set(row.feature, []);
  byFeature.get(row.feature).push(row);
}

const text = [
  '# Instructions',
  '',
  'Made from the instruction table (`src/isa/opcodes/`) by `node tools/gen-instructions.mjs`; `src/isa/row.ts` explains the notation.',
  'Every line runs in the interpreter and is compared with a real processor by `tests/fuzz`.',
  '',
  `\`cpuid\` reports x86-64-v2 and: ${cpuinfoFlags.join(' ')}.`,
  '',
  `${rows.length} encodings, ${new Set(rows.map((row) => row.mnemonic)).size} mnemonics.`,
];
for (const [feature, list] of byFeature) {
  text.push('', `## ${titles[feature]}`, '', '| encoding | mnemonic | operands | modes | flags | notes |', '|---|---|---|---|---|---|');
  for (const row of list) text.push(line(row, row.mnemonic));
}
const contents = `${text.join('\n')}\n`;
if (process.argv.includes('--check')) {
  let old = '';
  try {
    old = readFileSync(target, 'utf8');
  } catch {}
  if (old !== contents) {
    console.error('docs/instructions.md is out of date: run node tools/gen-instructions.mjs');
    process.exit(1);
  }
} else writeFileSync(target, contents);
