import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { BIAS } from '../../src/machine/memoryLayout.ts';
import { Oracle, oracleMissing } from '../oracle/oracle.ts';
import type { FuzzCase } from './fuzzCase.ts';
import { InterpreterExecutor } from './interpreterExecutor.ts';
import { Random } from './random.ts';
import { changedWhenHotCase, selfModifyingCase } from './selfModifying.ts';

const helpers = join(dirname(fileURLToPath(import.meta.url)), '../../dist/helpers.wasm');

for (const mode of [64, 32] as const) {
  it.skipIf(oracleMissing(mode) !== undefined || !existsSync(helpers))(`code that changes itself runs as on the processor, ${mode}-bit mode`, () => {
    const random = new Random(5);
    const cases = Array.from({ length: 600 }, () => selfModifyingCase(mode, random));
    const native = new Oracle(mode).run(cases);
    expect(native.filter((r) => r.signo === 0).length).toBeGreaterThan(500);
    const executor = new InterpreterExecutor(mode, helpers);
    const wrong: string[] = [];
    cases.forEach((c, k) => {
      const ours = executor.run({ ...c, exactSse: false } as FuzzCase), theirs = native[k]!;
      const at = c.patches![0]!;
      const gprs = (s: typeof ours): string => [0, 1, 2, 3].map((n) => s.state.gpr(n).toString(16)).join(' ');
      const memory = Buffer.from(executor.guest.bytes.slice(BIAS + at.addr, BIAS + at.addr + at.bytes.length)).toString('hex');
      const changed = Buffer.from(at.bytes);
      for (const block of theirs.changes) {
        block.bytes.forEach((byte, n) => {
          const offset = block.addr + n - at.addr;
          if (offset >= 0 && offset < changed.length) changed[offset] = byte;
        });
      }
      if (gprs(ours) !== gprs(theirs) || ours.state.rip !== theirs.state.rip || memory !== changed.toString('hex')) {
        wrong.push(`${Buffer.from(at.bytes).toString('hex')} at ${at.addr.toString(16)}: ${gprs(theirs)} rip ${theirs.state.rip.toString(16)} / ${gprs(ours)} rip ${ours.state.rip.toString(16)} trap ${ours.trapno}`);
      }
    });
    expect(wrong.slice(0, 5)).toEqual([]);
  });
}


for (const mode of [64, 32] as const) {
  it.skipIf(oracleMissing(mode) !== undefined || !existsSync(helpers))(`hot code that is changed runs as on the processor, ${mode}-bit mode`, () => {
    const random = new Random(6);
    const cases = Array.from({ length: 60 }, () => changedWhenHotCase(mode, random));
    const native = new Oracle(mode).run(cases);
    expect(native.filter((r) => r.signo !== 0)).toEqual([]);
    const executor = new InterpreterExecutor(mode, helpers);
    const wrong: string[] = [];
    cases.forEach((c, k) => {
      const ours = executor.run({ ...c, exactSse: false } as FuzzCase), theirs = native[k]!;
      const text = (s: typeof ours): string => `${[0, 1, 2, 3].map((n) => s.state.gpr(n).toString(16)).join(' ')} rip ${s.state.rip.toString(16)}`;
      if (text(ours) !== text(theirs)) wrong.push(`${Buffer.from(c.patches![0]!.bytes).toString('hex')} at ${c.patches![0]!.addr.toString(16)}: ${text(theirs)} / ${text(ours)}`);
    });
    expect(wrong.slice(0, 5)).toEqual([]);
  });
}
