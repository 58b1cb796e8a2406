import { describe, expect, it } from 'vitest';
import { cpuid, cpuinfoFlags, HWCAP, XCR0 } from './cpuid.ts';
import { features } from './row.ts';
import { mnemonics } from './mnemonics.ts';
import { rows } from './rows.ts';
import { readFileSync } from 'node:fs';
import { built } from './decode/buildTables.ts';
import { compileOperands } from './decode/compileOperands.ts';
import { tablesText } from './decode/tablesText.ts';

describe('instruction table', () => {
  it('has a meaning for every word in it', () => {
    for (const row of rows) {
      expect(row.opcode, row.encoding).toBeGreaterThanOrEqual(0);
      expect(row.opcode, row.encoding).toBeLessThan(256);
      expect(features, row.encoding).toContain(row.feature);
      expect(row.flagsWritten & row.flagsUndefined, row.encoding).toBe(0);
      expect(row.valid32 || row.valid64).toBe(true);
      expect(compileOperands(row).count).toBeLessThanOrEqual(4);
    }
  });

  it('says nothing twice', () => {
    const seen = new Map<string, string>();
    for (const row of rows) {
      const memoryOnly = compileOperands(row).mod;
      for (const mode of [32, 64]) {
        if (mode === 32 ? !row.valid32 : !row.valid64) continue;
        const key = `${mode} ${row.vex} ${row.prefix} ${row.map} ${row.opcode} ${row.plusReg} ${row.reg} ${row.modrmByte} ${row.w} ${row.l} ${memoryOnly}`;
        expect(seen.get(key), `${row.encoding} ${row.mnemonic}`).toBeUndefined();
        seen.set(key, row.mnemonic);
      }
    }
  });

  it('allows LOCK for the instructions the manual lists and no others', () => {
    const lockable = [...new Set(rows.filter((row) => row.lock).map((row) => row.mnemonic))].sort();
    expect(lockable).toEqual([
      'adc', 'add', 'and', 'btc', 'btr', 'bts', 'cmpxchg', 'cmpxchg16b', 'cmpxchg8b', 'dec', 'inc', 'neg', 'not', 'or', 'sbb', 'sub', 'xadd', 'xchg', 'xor',
    ]);
  });

  it('is what the decoder tables were generated from (node tools/gen-decode-tables.mjs)', () => {
    const path = new URL('./decode/tables.generated.ts', import.meta.url);
    expect(readFileSync(path, 'utf8') === tablesText(built)).toBe(true);
  });

  it('names each mnemonic once', () => {
    expect(new Set(mnemonics).size).toBe(mnemonics.length);
  });
});

describe('cpuid', () => {
  const ask = (leaf: number, subleaf = 0): number[] => {
    const out = new Uint32Array(4);
    cpuid(leaf, subleaf, out);
    return [...out];
  };
  const text = (words: number[]): string => Buffer.from(Uint32Array.from(words).buffer).toString('latin1').replace(/\0+$/, '');

  it('reports x86-64-v2', () => {
    const [max, b, c, d] = ask(0) as [number, number, number, number];
    expect(max).toBe(13);
    expect(text([b, d, c])).toBe('GenuineIntel');
    // psABI levels: cmov cx8 fpu fxsr mmx sse sse2; cx16 lahf popcnt sse3 sse4.1 sse4.2 ssse3
    for (const name of ['cmov', 'cx8', 'fpu', 'fxsr', 'mmx', 'sse', 'sse2', 'syscall', 'cx16', 'lahf_lm', 'popcnt', 'pni', 'sse4_1', 'sse4_2', 'ssse3']) expect(cpuinfoFlags).toContain(name);
    expect(ask(1)[3]).toBe(HWCAP);
  });

  it('claims no feature that the table lacks', () => {
    const have = new Set<string>(rows.map((row) => row.feature));
    const needs: Record<string, string> = {
      mmx: 'mmx', sse: 'sse', sse2: 'sse2', pni: 'sse3', ssse3: 'ssse3', sse4_1: 'sse41', sse4_2: 'sse42', popcnt: 'popcnt', movbe: 'movbe', xsave: 'xsave', abm: 'abm', bmi1: 'bmi1', bmi2: 'bmi2',
      fsgsbase: 'fsgsbase', rdtscp: 'rdtscp', cx16: 'cx16', cmov: 'cmov', '3dnowprefetch': 'prefetchw',
    };
    for (const [flag, feature] of Object.entries(needs)) expect(cpuinfoFlags.includes(flag), flag).toBe(have.has(feature));
    for (const absent of ['avx', 'avx2', 'fma', 'f16c', 'aes', 'pclmulqdq', 'rdrand', 'rdseed', 'sha_ni', 'adx', 'rdpid']) expect(cpuinfoFlags).not.toContain(absent);
    // osxsave and XCR0 agree; no AVX bit
    expect((ask(1)[2]! >>> 26) & 3).toBe(3);
    expect(ask(1)[2]! & (1 << 28)).toBe(0);
    expect(ask(13)[0]).toBe(XCR0);
  });

  it('has a brand string and zeros beyond', () => {
    expect(text([0x80000002, 0x80000003, 0x80000004].flatMap((leaf) => ask(leaf)))).toMatch(/^tuxlate/);
    expect(ask(0x40000000)).toEqual([0, 0, 0, 0]);
    expect(ask(7, 1)).toEqual([0, 0, 0, 0]);
  });
});
