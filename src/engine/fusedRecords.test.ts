import { expect, test } from 'vitest';
import { Field } from '../ir/ops.ts';
import { Run } from '../machine/codeLayout.ts';
import { CODE_PAGE_TABLE } from '../machine/memoryLayout.ts';
import { instantiateHelpers } from '../helpers/testing/instance.ts';
import { TestGuest } from './testing/testGuest.ts';

const CODE = 0x10000, OTHER = 0x11000, RCX = 1, RDX = 2, RSI = 6;

test('a region that begins at the second of two instructions with one case is entered from the first', async () => {
  const g = new TestGuest(64, (await instantiateHelpers()).bytes);
  const words = new Int32Array(g.memory.buffer), halves = new Uint16Array(g.memory.buffer);
  /** The cases of all records of the instruction at `addr` where a run of its page begins. */
  const casesAt = (addr: number): number[] => {
    const found: number[] = [];
    for (let run = words[words[(CODE_PAGE_TABLE >> 2) + (addr >> 12)]! >> 2]!; run !== 0; run = words[(run + Run.next) >> 2]!) {
      const record = words[(run + Run.records) >> 2]!;
      if (words[(record + Field.rip) >> 2] === addr) found.push(halves[record >> 1]!);
    }
    return found;
  };
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
