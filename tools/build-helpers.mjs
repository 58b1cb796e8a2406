// Compiles src/helpers/assembly to dist/helpers.wasm and writes src/helpers/signatures.ts from the module's own types.
import { readFileSync, writeFileSync, mkdirSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const HELPER_DATA = 0x280000;
const HELPER_END = 0x2f0000;
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

/** Value types from 0x7b on. */
const VALUE_TYPES = ['v128', 'f64', 'f32', 'i64', 'i32'];

/** Reads the binary format's elements one after another. */
class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 8;
  }
  byte() {
    return this.bytes[this.at++];
  }
  u32() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }
  vector(element) {
    return Array.from({ length: this.u32() }, element);
  }
  span() {
    const length = this.u32();
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
  string() {
    return new TextDecoder().decode(this.span());
  }
  valueTypes() {
    return this.vector(() => VALUE_TYPES[this.byte() - 0x7b]);
  }
}

/** What is read of each section, by its number. */
const sections = {
  1: (r, m) => {
    m.types = r.vector(() => {
      r.byte();
      return { params: r.valueTypes(), results: r.valueTypes() };
    });
  },
  3: (r, m) => {
    m.functions = r.vector(() => r.u32());
  },
  7: (r, m) => {
    r.vector(() => {
      const name = r.string();
      const kind = r.byte();
      const index = r.u32();
      if (kind === 0) m.exports[name] = m.types[m.functions[index]];
    });
  },
  11: (r, m) => {
    m.data = r.vector(() => {
      // mode 0, then i32.const offset end
      r.u32();
      r.byte();
      const offset = r.u32();
      r.byte();
      return { offset, length: r.span().length };
    });
  },
};

/** Function types of the exports, and the data segments. The module imports no function. */
export function readModule(bytes) {
  const reader = new Reader(bytes);
  const module = { types: [], functions: [], exports: {}, data: [] };
  while (reader.at < bytes.length) {
    const section = sections[reader.byte()];
    const end = reader.u32() + reader.at;
    section?.(reader, module);
    reader.at = end;
  }
  return module;
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
