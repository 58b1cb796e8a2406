import { expect, test } from 'vitest';
import { checkFilter, runFilter } from './dialect.ts';

/** struct sock_filter: code, jt, jf, k. */
function assemble(...program: [number, number, number, number][]): Uint8Array {
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  program.forEach(([code, jt, jf, k], i) => {
    view.setUint16(i * 8, code, true);
    bytes[i * 8 + 2] = jt;
    bytes[i * 8 + 3] = jf;
    view.setUint32(i * 8 + 4, k, true);
  });
  return bytes;
}
const [LOAD, RET, RET_A, JEQ, DIV_X, TAX, LD_MEM, ST, JA] = [0x20, 0x06, 0x16, 0x15, 0x3c, 0x07, 0x60, 0x02, 0x05];

test('a filter chooses by the number', () => {
  const filter = checkFilter(assemble([LOAD, 0, 0, 0], [JEQ, 0, 1, 39], [RET, 0, 0, 1], [RET, 0, 0, 2]))!;
  const data = new Uint32Array(16);
  data[0] = 39;
  expect(runFilter(filter, data)).toBe(1);
  data[0] = 40;
  expect(runFilter(filter, data)).toBe(2);
});

test('division by a register that is 0 ends the filter with 0', () => {
  const filter = checkFilter(assemble([LOAD, 0, 0, 4], [TAX, 0, 0, 0], [LOAD, 0, 0, 0], [DIV_X, 0, 0, 0], [RET_A, 0, 0, 0]))!;
  expect(runFilter(filter, new Uint32Array(16).fill(0))).toBe(0);
});

test.each([
  ['no end', assemble([LOAD, 0, 0, 0])],
  ['a load beyond the data', assemble([LOAD, 0, 0, 64], [RET, 0, 0, 0])],
  ['a jump beyond the end', assemble([JA, 0, 0, 1], [RET, 0, 0, 0])],
  ['scratch that one way does not write', assemble([JEQ, 0, 1, 0], [ST, 0, 0, 1], [LD_MEM, 0, 0, 1], [RET, 0, 0, 0])],
])('refused: %s', (_name, bytes) => {
  expect(checkFilter(bytes)).toBeNull();
});
