#!/usr/bin/env node
// Writes docs/syscalls.md from the system-call table. `--check` only says (exit 1) when the file is out of date.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const target = join(root, 'docs/syscalls.md');

const entry = `
export { allRows } from './src/syscalls/table.ts';
export { syscallNumbers as x86_64 } from './src/abi/x86_64/syscallNumbers.ts';
export { syscallNumbers as i386 } from './src/abi/i386/syscallNumbers.ts';
`;
const bundled = await build({ stdin: { contents: entry, resolveDir: root, loader: 'ts' }, bundle: true, format: 'esm', platform: 'node', write: false, logLevel: 'error' });
const { allRows, x86_64, i386 } = await import(`data:text/javascript;base64,${Buffer.from(bundled.outputFiles[0].text).toString('base64')}`);

// The table against the headers: every number must be the one that Linux gives the name (or an older name of it).
const wrong = [];
for (const row of allRows) {
  for (const [abi, names] of [['x86_64', x86_64], ['i386', i386]]) {
    if (row[abi] < 0) continue;
    const official = Object.entries(names).find(([, n]) => n === row[abi])?.[0];
    const same = official === row.name || [official, row.name].some((n) => n === undefined) || official.replace(/^_|^new|^old|64$|32$|16$/g, '').includes(row.name.replace(/^_|^new|^old|64$|32$|16$/g, ''));
    if (!same) wrong.push(`${row.name} is ${row[abi]} on ${abi}, which is ${official}`);
  }
}

const cell = (n) => (n < 0 ? '' : String(n));
const byName = [...allRows].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : b.x86_64 - a.x86_64));
const done = { x86_64: new Set(allRows.map((r) => r.x86_64)), i386: new Set(allRows.map((r) => r.i386)) };
const missing = (abi, names) => Object.entries(names).filter(([, n]) => !done[abi].has(n)).map(([name]) => `\`${name}\``).sort().join(' ');
const count = (abi) => allRows.filter((r) => r[abi] >= 0).length;

const text = `# System calls

Made from the system-call table (\`src/syscalls/\`) by \`node tools/gen-syscalls.mjs\`; \`src/syscalls/row.ts\` explains the argument kinds.
x86-64 has ${count('x86_64')} calls, i386 ${count('i386')}. A call that is not here answers ENOSYS.

| call | x86-64 | i386 | arguments | result | note |
|---|---:|---:|---|---|---|
${byName.map((r) => `| ${r.name} | ${cell(r.x86_64)} | ${cell(r.i386)} | ${r.args.join(', ')} | ${r.ret} | ${r.note ?? ''} |`).join('\n')}

## Not there

x86-64: ${missing('x86_64', x86_64)}

i386: ${missing('i386', i386)}
`;

for (const line of wrong) console.error(line);
if (process.argv.includes('--check')) {
  if (!existsSync(target) || readFileSync(target, 'utf8') !== text) {
    console.error('docs/syscalls.md is out of date: run node tools/gen-syscalls.mjs');
    process.exit(1);
  }
} else writeFileSync(target, text);
if (wrong.length > 0) process.exit(1);
