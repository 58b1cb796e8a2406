import { describe, expect, test } from 'vitest';
import { Cpu, Seg } from '../../machine/cpuState.ts';
import { Attribute, TLS_FIRST, USER32_CS, USER_DS } from '../../machine/descriptors.ts';
import { Segments } from './segments.ts';

const DATA = Attribute.present | Attribute.normal | Attribute.readWrite | Attribute.privilege | Attribute.big;

/** A thread of 32-bit code whose fs is the second TLS entry: of `limit`, with these attributes. */
function flatWithTls(limit: number, attributes: number): boolean {
  const words = new Int32Array(16384), cpu = 1024, entry = (cpu + Cpu.tls + 8) >> 2;
  const selectors = [USER_DS, USER_DS, USER_DS, USER_DS, 0, 0];
  selectors[Seg.cs] = USER32_CS;
  selectors[Seg.fs] = ((TLS_FIRST + 1) << 3) | 3;
  selectors.forEach((selector, s) => { words[(cpu + Cpu.segSelector + 4 * s) >> 2] = selector; });
  words[entry] = 0x5000_0000 | (limit & 0xffff);
  words[entry + 1] = attributes | (limit & 0xf0000) | 0x1200_0000;
  const segments = new Segments();
  segments.refresh(words, cpu);
  expect(segments.base[Seg.fs]).toBe(0x1200_5000);
  return segments.flat;
}

describe('thread-local storage is for the interpreter', () => {
  test('of all of memory, and of whole pages', () => {
    expect(flatWithTls(0xfffff, DATA | Attribute.pages)).toBe(true);
    expect(flatWithTls(0x4000, DATA | Attribute.pages)).toBe(true);
  });

  test('but not of bytes, read-only, or growing down', () => {
    expect(flatWithTls(0x4000, DATA)).toBe(false);
    expect(flatWithTls(0x4000, (DATA | Attribute.pages) & ~Attribute.readWrite)).toBe(false);
    expect(flatWithTls(0x4000, DATA | Attribute.pages | Attribute.down)).toBe(false);
  });
});
