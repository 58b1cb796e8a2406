import { expect, test } from 'vitest';
import { shapesOf } from '../engine/interpreter/enumerate.ts';
import { RecordSource } from '../engine/interpreter/source.ts';
import { IrBuilder } from '../ir/builder.ts';
import { MemFlag } from '../ir/ops.ts';
import { lateFaults, verifyIr } from '../ir/verify.ts';
import { rows } from '../isa/rows.ts';
import { Lift } from './context.ts';
import { lifters } from './lifters.ts';

/**
 * pop to memory computes its address with the stack pointer moved, and moves it back before the access; what maskmovq does to
 * the x87 state stays although its store faults, as that of the conversions between mmx and xmm stays although they trap.
 */
const late = new Set(['8F /0', 'NP 0F F7 /r', 'NP 0F 2A /r', 'NP 0F 2C /r', '66 0F 2C /r', 'NP 0F 2D /r', '66 0F 2D /r']);

test('every shape of every row lifts to sound IR that faults before it changes anything', () => {
  const problems: string[] = [];
  for (const row of rows) {
    const lifter = lifters[row.mnemonic];
    if (!lifter) { problems.push(`${row.mnemonic} has no lifter`); continue; }
    for (const shape of shapesOf(row)) {
      const b = new IrBuilder();
      lifter(new Lift(b, shape.instruction, row, new RecordSource(shape.instruction, shape.form)));
      const found = verifyIr(b.code);
      if (found.length > 0) problems.push(`${row.encoding} ${row.mnemonic}: ${found[0]}`);
      if (lateFaults(b.code, MemFlag.checked).length > 0 && !late.has(row.encoding)) problems.push(`${row.encoding} ${row.mnemonic}: faults late`);
    }
  }
  expect([...new Set(problems)]).toEqual([]);
});
