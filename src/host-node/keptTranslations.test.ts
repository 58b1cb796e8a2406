/** Translations that outlive runs, of programs that are loaded at the same addresses. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import type { Translation } from '../engine/translate/translation.ts';
import { BIAS, PERMISSION_TABLE, Perm } from '../machine/memoryLayout.ts';

const directory = mkdtempSync(join(tmpdir(), 'tuxlate-translations-'));
vi.stubEnv('TUXLATE_CACHE_DIR', directory);
const { KeptTranslations, writeTranslations } = await import('./keptTranslations.ts');
const { openKeptFiles } = await import('./keptRegionFile.ts');

afterEach(() => {
  for (const name of readdirSync(directory)) rmSync(join(directory, name));
});
afterAll(() => rmSync(directory, { recursive: true }));

const WASM = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
const BEGIN = 0x10000;
const memory = new WebAssembly.Memory({ initial: (BIAS >>> 16) + 2, maximum: 65536, shared: true });
const bytes = new Uint8Array(memory.buffer);
bytes[PERMISSION_TABLE + (BEGIN >>> 12)] = Perm.R | Perm.X;

/** Code of 64 bytes; all programs end alike. */
const codeOf = (program: number): Uint8Array => Uint8Array.from({ length: 64 }, (_, k) => (k < 32 ? (program * 37 + k * 11) & 0xff : k));
const load = (program: number): void => bytes.set(codeOf(program), BEGIN + BIAS);
let id = 0;
/** What a run of `program` keeps: a region of all its code, with `blocks` blocks at 32, and `more` bytes of what V8 made of it. */
function keep(program: number, more = 0, blocks = 1): void {
  const answer: Translation = { entry: BEGIN, start: BEGIN, mode: 64, module: null, ranges: [{ first: BEGIN, bytes: codeOf(program) }], callees: [program], id: ++id };
  vi.setSystemTime(id * 1000);
  writeTranslations('regions', [{ answer, wasm: WASM, code: new Uint8Array(more), blocks: Array.from({ length: blocks }, () => BEGIN + 32) }]);
}
const opened = (): InstanceType<typeof KeptTranslations> => new KeptTranslations(openKeptFiles('regions'), () => null);
const ask = (entry = BEGIN, mode: 32 | 64 = 64) => ({ memory, entry, mode });

test('an answer is for the program that has the bytes', () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  for (const program of [1, 2, 3]) keep(program);
  const kept = opened();
  for (const program of [2, 1, 3]) {
    load(program);
    expect(kept.has(ask())).toBe(true);
    expect(kept.find(ask())).toMatchObject({ entry: BEGIN, start: BEGIN, callees: [program] });
  }
  load(4);
  expect(kept.has(ask())).toBe(false);
  expect(kept.find(ask())).toBe(null);
  expect(kept.find(ask(BEGIN, 32))).toBe(null);
  expect(kept.has(ask(BEGIN + 1))).toBe(false);
});

test('where the first bytes agree all of them decide', () => {
  for (const program of [1, 2]) keep(program);
  const kept = opened();
  load(1);
  expect(kept.find(ask(BEGIN + 32))).toMatchObject({ start: BEGIN, callees: [1] });
  // Who asks again wants one for the address itself.
  expect(kept.find(ask(BEGIN + 32))).toBe(null);
  load(4);
  expect(opened().has(ask(BEGIN + 32))).toBe(true);
  expect(opened().find(ask(BEGIN + 32))).toBe(null);
});

test('workers share the index', () => {
  keep(1);
  const files = openKeptFiles('regions'), first = new KeptTranslations(files, () => null), second = new KeptTranslations(files, () => null);
  load(1);
  expect(first.has(ask())).toBe(true);
  // What the first has read serves the second, whatever becomes of the file.
  writeFileSync(join(directory, readdirSync(directory)[0]!), 'nonsense');
  expect(second.has(ask())).toBe(true);
  expect(second.find(ask())).toBe(null);
  expect(opened().has(ask())).toBe(false);
});

test('what cannot be read is as if it were not there', () => {
  mkdirSync(join(directory, 'regions-0.cache'), { mode: 0o700 });
  expect(openKeptFiles('regions')).toEqual([]);
  rmdirSync(join(directory, 'regions-0.cache'));
});

test('many files become one, of each program\'s regions the latest', () => {
  for (const program of [1, 2, 3, 1, 4, 1, 5, 6, 1]) keep(program);
  expect(readdirSync(directory).length).toBe(1);
  expect(readFileSync(join(directory, readdirSync(directory)[0]!)).readInt32LE(8), 'parts').toBe(6);
  for (const program of [1, 2, 3, 4, 5, 6]) {
    load(program);
    expect(opened().find(ask())).toMatchObject({ callees: [program] });
  }
});

test('what is joined can be read, however many answers there are', () => {
  for (const program of [1, 2, 3, 4, 5, 6, 7, 8, 9]) keep(program, 0, 130_000);
  expect(openKeptFiles('regions').length).toBe(1);
  for (const program of [2, 9]) {
    load(program);
    expect(opened().find(ask()), `${program}`).toMatchObject({ callees: [program] });
  }
});

test('a few new translations do not write many old ones again', () => {
  keep(1, 100_000);
  const [large] = readdirSync(directory);
  for (const program of [2, 3, 4, 5, 6, 7, 8, 9]) keep(program);
  expect(readdirSync(directory).length).toBe(2);
  expect(readdirSync(directory)).toContain(large);
  for (const program of [1, 2, 9]) {
    load(program);
    expect(opened().has(ask())).toBe(true);
  }
});
