import { expect, test } from 'vitest';
import { Field } from '../ir/ops.ts';
import { Run } from '../machine/codeLayout.ts';
import { CODE_PAGE_TABLE, Perm } from '../machine/memoryLayout.ts';
import { instantiateHelpers } from '../helpers/testing/instance.ts';
import { TestGuest } from './testing/testGuest.ts';

const CODE = 0x10000, OTHER = 0x11000, RCX = 1, RDX = 2, RSI = 6;

/** Addresses of the records that runs of the page begin with, of the instruction at `addr`. */
function firstRecords(words: Int32Array, addr: number): number[] {
  const found: number[] = [];
  for (let run = words[words[(CODE_PAGE_TABLE >> 2) + (addr >> 12)]! >> 2]!; run !== 0; run = words[(run + Run.next) >> 2]!) {
    const record = words[(run + Run.records) >> 2]!;
    if (words[(record + Field.rip) >> 2] === addr) found.push(record);
  }
  return found;
}

test('a region that begins at the second of two instructions with one case is entered from the first', async () => {
  const g = new TestGuest(64, (await instantiateHelpers()).bytes);
  const words = new Int32Array(g.memory.buffer), halves = new Uint16Array(g.memory.buffer);
  const casesAt = (addr: number): number[] => firstRecords(words, addr).map((record) => halves[record >> 1]!);
  const run = (addr: number, rounds: number): void => {
    g.rip = addr;
    g.setGpr(RCX, rounds);
    g.run();
  };
  // mov edx,ecx; hlt     mov edx,ecx; L: mov esi,edx; inc edx; dec ecx; jnz L; hlt
  g.code(OTHER, '89ca f4');
  g.code(CODE, '89ca 89d6 ffc2 ffc9 75f8 f4');
  run(OTHER, 0);
  const alone = casesAt(OTHER);
  for (const [rounds, isAlone] of [[2, false], [1_000_000, true]] as const) {
    run(CODE, rounds);
    expect([g.gpr(RDX), g.gpr(RSI)]).toEqual([BigInt(2 * rounds), BigInt(2 * rounds - 1)]);
    expect(casesAt(CODE)[0] === alone[0]).toBe(isAlone);
  }
  expect(g.regions()).toBe(1);
});

test('the operands of a record stay when a region begins there: another thread may be about to use them', async () => {
  const g = new TestGuest(64, (await instantiateHelpers()).bytes), words = new Int32Array(g.memory.buffer);
  // L: mov rax,0x1122334455667788; dec ecx; jnz L; hlt     L: mov rax,[rsi+0x12345]; dec ecx; jnz L; hlt
  for (const [at, hex] of [[CODE, '48b88877665544332211 ffc9 75f2 f4'], [OTHER, '488b8645230100 ffc9 75f5 f4']] as const) {
    g.code(at, hex);
    g.map(0x32000, 0x2000, Perm.R);
    g.setGpr(RSI, 0x20000);
    const run = (rounds: number): void => {
      g.rip = at;
      g.setGpr(RCX, rounds);
      g.run();
    };
    run(1);
    const [record] = firstRecords(words, at), operands = (): number[] => [Field.high, Field.imm, Field.rip].map((field) => words[(record! + field) >> 2]!);
    const before = operands();
    run(1_000_000);
    expect(operands()).toEqual(before);
  }
  expect(g.regions()).toBe(2);
});
