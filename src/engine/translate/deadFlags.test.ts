import { expect, test } from 'vitest';
import { deadFlags } from '../../emit/regionFlags.ts';
import { rowAt } from '../../isa/rows.ts';
import { lifters } from '../../lift/lifters.ts';
import { discover } from './region.ts';
import { liftRegion } from './translate.ts';

/** How many flag settings nobody sees there are in the block that the code is. */
function dead(hex: string): number {
  const bytes = new Uint8Array(256);
  bytes.set(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
  const region = discover({ bytes, position: (a) => a, available: (a) => bytes.length - a }, 0, 64)!;
  const { ir, nodes } = liftRegion(region, (row) => lifters[rowAt(row).mnemonic]), { from } = nodes[0]!;
  return deadFlags(ir, from[0]!, from[from.length - 1]!, () => true).length;
}

test('flags that a rotation leaves alone are not read for flags nobody sees', () => {
  // ror eax,6; rol ecx,11; inc edx; and eax,ecx; ret
  expect(dead('c1c806 c1c10b ffc2 21c8 c3')).toBe(3);
});

test('flags that are seen are set', () => {
  // ror eax,6; rol ecx,11; ret
  expect(dead('c1c806 c1c10b c3')).toBe(0);
  // add eax,ecx; rol ecx,11; setz dl; and eax,ecx; ret: the addition's, through the rotation
  expect(dead('01c8 c1c10b 0f94c2 21c8 c3')).toBe(0);
  // add eax,ecx; adc edx,ebx; and eax,ecx; ret
  expect(dead('01c8 11da 21c8 c3')).toBe(1);
  // ror eax,6; mov ecx,[rdx]; and eax,ecx; ret: the access may fault
  expect(dead('c1c806 8b0a 21c8 c3')).toBe(0);
});
