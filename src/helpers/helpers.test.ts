// The compiled module against what the rest of the program believes about it.

import { readFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { Cpu } from '../machine/cpuState.ts';
import { HELPER_DATA, CODE_PAGE_TABLE } from '../machine/memoryLayout.ts';
import { helperSignatures } from './signatures.ts';
import { CPU, instantiateHelpers } from './testing/instance.ts';
// @ts-expect-error: plain JavaScript
import { readModule } from '../../tools/build-helpers.mjs';

// The module may have to be compiled first, on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

describe('helpers module', () => {
  test('signatures.ts tells its exports', async () => {
    const { bytes } = await instantiateHelpers();
    const { exports, data } = readModule(bytes);
    const told = Object.fromEntries(Object.entries(helperSignatures).map(([name, s]) => [name, `${s.params}:${s.result ?? ''}`]));
    const found = Object.fromEntries(Object.entries<{ params: string[]; results: string[] }>(exports).map(([name, t]) => [name, `${t.params}:${t.results[0] ?? ''}`]));
    expect(told, 'run tools/build-helpers.mjs').toEqual(found);
    for (const { offset, length } of data) {
      expect(offset).toBeGreaterThanOrEqual(HELPER_DATA);
      expect(offset + length).toBeLessThanOrEqual(CODE_PAGE_TABLE);
    }
  });

  test('layout.ts tells the offsets of the CPU state', () => {
    const text = readFileSync(new URL('./assembly/layout.ts', import.meta.url), 'utf8');
    const offset = (name: string) => Number(new RegExp(`\\b${name}: usize = (0x[0-9a-f]+)`).exec(text)?.[1]);
    const names = {
      X87_CONTROL: 'x87Control', X87_STATUS: 'x87Status', X87_TOP: 'x87Top', X87_TAG: 'x87Tag', X87_FIP: 'x87Fip', X87_FDP: 'x87Fdp', X87_FOP: 'x87Fop', X87_FCS: 'x87Fcs',
      X87_FDS: 'x87Fds', X87_REG: 'x87Reg', XMM: 'xmm', MXCSR: 'mxcsr', SSE_EXACT: 'sseExact', SCRATCH: 'scratch',
    } as const;
    for (const [ours, theirs] of Object.entries(names)) expect(offset(ours), ours).toBe(Cpu[theirs]);
    expect(Cpu.segSelector + 4).toBe(0xe4);
    expect(Cpu.segSelector + 12).toBe(0xec);
  });

  test('128-bit division and multiplication', async () => {
    const { helpers, view } = await instantiateHelpers();
    const values = [0n, 1n, 2n, 3n, 10n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 0x100000000n, 0x123456789abcdefn, 0x7fffffffffffffffn, 0x8000000000000000n, 0x8000000000000001n, 0xfffffffffffffffen, 0xffffffffffffffffn];
    const u = (n: number | bigint) => BigInt.asUintN(64, BigInt(n));
    const s = (n: bigint) => BigInt.asIntN(64, n);
    const result = (at: number) => view.getBigUint64(CPU + Cpu.scratch + at, true);
    for (const a of values) {
      for (const b of values) {
        expect(u(helpers['mulHighU64']!(CPU, a, b))).toBe((a * b) >> 64n);
        expect(u(helpers['mulHighS64']!(CPU, a, b))).toBe(BigInt.asUintN(64, (s(a) * s(b)) >> 64n));
        for (const d of values) {
          const n = (a << 64n) | b;
          const fits = d !== 0n && n / d < 1n << 64n;
          expect(helpers['divU128']!(CPU, a, b, d)).toBe(fits ? 1 : 0);
          if (fits) expect([result(0), result(8)]).toEqual([n / d, n % d]);
          const sn = BigInt.asIntN(128, n);
          const signedFits = d !== 0n && BigInt.asIntN(64, sn / s(d)) === sn / s(d);
          expect(helpers['divS128']!(CPU, a, b, d)).toBe(signedFits ? 1 : 0);
          if (signedFits) expect([s(result(0)), s(result(8))]).toEqual([sn / s(d), sn % s(d)]);
        }
      }
    }
  });
});
