// Compiles src/helpers/assembly to dist/helpers.wasm and writes src/helpers/signatures.ts from the module's own types.
import { readFileSync, writeFileSync, mkdirSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const HELPER_DATA = 0x280000;
const HELPER_END = 0x300000;
const MEMORY_PAGES = 512;

/** Compiles and answers the module's bytes. */
export async function compileHelpers() {
  let binary;
  const { error, stderr } = await asc.main(
    [
      'index.ts', '--outFile', 'helpers.wasm', '-O3', '--noAssert', '--runtime', 'stub',
      '--importMemory', '--sharedMemory', '--initialMemory', String(MEMORY_PAGES), '--maximumMemory', '65536', '--memoryBase', String(HELPER_DATA),
      '--enable', 'simd', '--enable', 'threads', '--enable', 'bulk-memory', '--enable', 'sign-extension', '--enable', 'nontrapping-f2i',
    ],
    {
      readFile: (name, base) => {
        const path = join(root, 'src/helpers/assembly', name);
        return name.startsWith('..') || !existsSync(path) ? null : readFileSync(path, 'utf8');
      },
      writeFile: (name, data) => {
        if (name.endsWith('.wasm')) binary = data;
      },
      listFiles: () => [],
    },
  );
  if (error) throw new Error(`asc: ${error.message}\n${stderr.toString()}`);
  checkData(binary);
  return binary;
}

/** Every data segment lies in the helpers' part of memory. */
function checkData(binary) {
  for (const { offset, length } of readModule(binary).data) {
    if (offset < HELPER_DATA || offset + length > HELPER_END) throw new Error(`data segment at ${offset}`);
  }
}

/** The little of the binary format that is needed: function types of the exports, data segments. */
export function readModule(bytes) {
  const types = [];
  const functions = [];
  const exports = {};
  const data = [];
  let imported = 0;
  let at = 8;
  const u32 = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  const names = { 0x7f: 'i32', 0x7e: 'i64', 0x7d: 'f32', 0x7c: 'f64', 0x7b: 'v128' };
  const vector = (read) => Array.from({ length: u32() }, read);
  const string = () => {
    const length = u32();
    at += length;
    return new TextDecoder().decode(bytes.subarray(at - length, at));
  };
  while (at < bytes.length) {
    const id = bytes[at++];
    const end = u32() + at;
    if (id === 1) {
      types.push(...vector(() => (at++, { params: vector(() => names[bytes[at++]]), results: vector(() => names[bytes[at++]]) })));
    } else if (id === 2) {
      vector(() => {
        string();
        string();
        const kind = bytes[at++];
        if (kind === 0) imported += (u32(), 1);
        else if (kind === 2) (u32(), u32(), u32());
        else throw new Error(`import of kind ${kind}`);
      });
    } else if (id === 3) {
      functions.push(...vector(u32));
    } else if (id === 7) {
      vector(() => {
        const name = string();
        const kind = bytes[at++];
        const index = u32();
        if (kind === 0) exports[name] = types[functions[index - imported]];
      });
    } else if (id === 11) {
      vector(() => {
        u32();
        at++;
        const offset = u32();
        at++;
        const length = u32();
        at += length;
        data.push({ offset, length });
      });
    }
    at = end;
  }
  return { exports, data };
}

/** The text of signatures.ts. */
export function signaturesText(binary) {
  const list = (types) => `[${types.map((t) => `'${t}'`).join(', ')}]`;
  const rows = Object.entries(readModule(binary).exports).map(
    ([name, t]) => `  ${name}: { params: ${list(t.params)}, result: ${t.results.length ? `'${t.results[0]}'` : 'null'} },`,
  );
  return `/** Types of the compiled helpers' exports. Written by tools/build-helpers.mjs; helpers.test.ts compares. */
export const helperSignatures = {
${rows.join('\n')}
} as const satisfies Record<string, { params: readonly ('i32' | 'i64' | 'f32' | 'f64' | 'v128')[]; result: 'i32' | 'i64' | 'f32' | 'f64' | 'v128' | null }>;
export type HelperName = keyof typeof helperSignatures;
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const binary = await compileHelpers();
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(join(root, 'dist/helpers.wasm'), binary);
  writeFileSync(join(root, 'src/helpers/signatures.ts'), signaturesText(binary));
}
