import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { Cpu } from '../../src/machine/cpuState.ts';
import { Area, DEFAULT_CODE_OFFSET, OracleState, St } from '../oracle/oracle.ts';
import { TranslatorExecutor } from './translatorExecutor.ts';

const helpers = join(dirname(fileURLToPath(import.meta.url)), '../../dist/helpers.wasm');
const START = Area.code + DEFAULT_CODE_OFFSET;
/** mulsd xmm0, xmm1 */
const MULSD = Uint8Array.of(0xf2, 0x0f, 0x59, 0xc1);

describe.skipIf(!existsSync(helpers))('the plain version of a region', () => {
  let executor: TranslatorExecutor, region: (cpu: number, depth: number) => number;

  /** xmm0 = x, xmm1 = y. `left`: the instruction is the interpreter's. */
  function multiply(x: number, y: number): { left: boolean; product: number; mxcsr: number } {
    const { view, cpu } = executor.guest;
    view.setFloat64(cpu + Cpu.xmm, x, true);
    view.setFloat64(cpu + Cpu.xmm + 16, y, true);
    const next = region(cpu, 0), left = next === -1 && view.getUint32(cpu + Cpu.rip, true) === START;
    return { left, product: view.getFloat64(cpu + Cpu.xmm, true), mxcsr: view.getUint32(cpu + Cpu.mxcsr, true) };
  }

  beforeEach(() => {
    executor = new TranslatorExecutor(64, helpers);
    const state = new OracleState();
    state.mxcsr = 0x1fa0;
    state.bytes.fill(0, St.xmm);
    executor.guest.load({ code: MULSD, state }, false);
    region = executor.region(START)!;
  });

  it('does what has no flag to note', () => {
    expect(multiply(1.5, 3)).toMatchObject({ left: false, product: 4.5, mxcsr: 0x1fa0 });
    expect(multiply(0, -3)).toMatchObject({ left: false, product: -0 });
  });

  it('leaves what may have one to the interpreter', () => {
    for (const [x, y] of [[2 ** -1060, 3], [2 ** 1000, 2 ** 1000], [Number.NaN, 1], [2 ** -600, 2 ** -600]] as const) {
      expect(multiply(x, y)).toMatchObject({ left: true, product: x, mxcsr: 0x1fa0 });
    }
  });

  it('gives way to the exact one while there are many doubts, and comes back', () => {
    let left = 0;
    for (let k = 0; k < 1000; k++) if (multiply(2 ** -1060, 3).left) left++;
    expect(left).toBeGreaterThan(20);
    expect(left).toBeLessThan(200);
    expect(multiply(2 ** -1060, 3)).toMatchObject({ left: false, product: 3 * 2 ** -1060, mxcsr: 0x1fa2 });
    for (let k = 0; k < 1000; k++) multiply(1, 1);
    expect(multiply(2 ** -1060, 3).left).toBe(true);
  });

  it('gives way to the exact one while flags are to be noted', () => {
    const { view, cpu } = executor.guest;
    view.setUint32(cpu + Cpu.mxcsr, 0x1f80, true);
    view.setUint32(cpu + Cpu.sseExact, 1, true);
    expect(multiply(0.1, 0.1)).toMatchObject({ left: false, product: 0.1 * 0.1, mxcsr: 0x1fa0 });
  });
});
