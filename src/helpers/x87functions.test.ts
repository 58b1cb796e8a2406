// fsin fcos fsincos fptan fpatan f2xm1 fyl2x fyl2xp1 against the processor: the same result within one unit in the last
// place, the same flags. C1 (whether the last rounding went up) is not compared: it follows from the processor's internal error.

import { beforeAll, describe, expect, test, vi } from 'vitest';
import { instantiateHelpers, OPERAND, randomSource } from './testing/instance.ts';
import { hasReferenceX87, Rec, runNative } from './testing/native.ts';
import { executeX87, loadImage } from './testing/x87Machine.ts';

// The module may have to be compiled first, on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const random = randomSource(0xf00dn);
const below = (n: number) => Number(random() >> 20n) % n;
type Ten = readonly [se: number, sig: bigint];
const specials: Ten[] = [
  [0, 0n], [0x8000, 0n], [0x3fff, 0x8000000000000000n], [0xbfff, 0x8000000000000000n], [0x7fff, 0x8000000000000000n], [0xffff, 0x8000000000000000n], [0x7fff, 0xc000000000000000n],
  [0x7fff, 0xa000000000000000n], [0xffff, 0xdeadbeef00000000n], [0x3fff, 0n], [0, 1n], [0x8000, 0x4000000000000000n], [0, 0x8000000000000000n], [1, 0x8000000000000000n],
  [0x4000, 0xc90fdaa22168c235n], [0x3fff, 0xc90fdaa22168c235n], [0x3ffe, 0xc90fdaa22168c235n], [0x3ffe, 0xc90fdaa22168c234n], [0x403e, 0x8000000000000000n], [0x403d, 0xffffffffffffffffn],
  [0x3ffe, 0x8000000000000000n], [0xbffe, 0x8000000000000000n], [0x4001, 0x8000000000000000n], [0x7ffe, 0xffffffffffffffffn], [0x3ffd, 0x95f619980c4336f7n], [0xbffe, 0xffffffffffffffffn],
];
function number(least: number, most: number, positive = false): Ten {
  const kind = below(12);
  if (kind === 0) return specials[below(specials.length)]!;
  const sign = positive && below(30) ? 0 : random() & 1n ? 0x8000 : 0;
  let sig = random() | 0x8000000000000000n;
  if (kind < 4) sig = 0x8000000000000000n | ((sig >> 40n) << 40n);
  if (kind === 4) sig = BigInt(Math.floor(Math.random() * 0) + 1) << 63n;
  const e = kind === 5 ? 1 + below(0x7ffe) : least + below(most - least + 1);
  return [sign | e, sig];
}

interface Form {
  name: string;
  modrm: number;
  st0: () => Ten;
  st1?: () => Ten;
  /** A push happens: the two results are ST(0) and ST(1). */
  two?: boolean;
}
const forms: Form[] = [
  { name: 'fsin', modrm: 0xfe, st0: () => number(0x3ff0, 0x403d) },
  { name: 'fcos', modrm: 0xff, st0: () => number(0x3ff0, 0x403d) },
  { name: 'fsincos', modrm: 0xfb, st0: () => number(0x3fe0, 0x4010), two: true },
  { name: 'fptan', modrm: 0xf2, st0: () => number(0x3fe0, 0x403d), two: true },
  { name: 'fpatan', modrm: 0xf3, st0: () => number(0x3ff0, 0x400f), st1: () => number(0x3ff0, 0x400f) },
  { name: 'f2xm1', modrm: 0xf0, st0: () => number(0x3fd0, 0x3ffe) },
  { name: 'fyl2x', modrm: 0xf1, st0: () => number(0x3fe0, 0x401e, true), st1: () => number(0x3fe0, 0x401e) },
  { name: 'fyl2x near 1', modrm: 0xf1, st0: () => (below(2) ? [0x3fff, 0x8000000000000000n + (random() >> BigInt(8 + below(55)))] : [0x3ffe, 0xffffffffffffffffn - (random() >> BigInt(8 + below(55)))]), st1: () => number(0x3fe0, 0x401e) },
  { name: 'fyl2xp1', modrm: 0xf9, st0: () => { const [e, s] = number(0x3fc0, 0x3ffc); return (e & 0x7fff) > 0x3ffc && (e & 0x7fff) !== 0x7fff ? [0x3ff0, s] : [e, s]; }, st1: () => number(0x3fe0, 0x401e) },
];

function key(se: number, sig: bigint): bigint {
  const magnitude = (BigInt(se & 0x7fff) << 63n) + (sig & 0x7fffffffffffffffn);
  return se & 0x8000 ? -magnitude : magnitude;
}

describe.runIf(hasReferenceX87)('x87 functions', () => {
  let env: Awaited<ReturnType<typeof instantiateHelpers>>;
  beforeAll(async () => {
    env = await instantiateHelpers();
  });
  const count = Number(process.env['HELPER_CASES'] ?? 1000);

  test.each(forms)('$name', (form) => {
    const records = new Uint8Array(count * Rec.size);
    const view = new DataView(records.buffer);
    for (let i = 0; i < count; i++) {
      const at = i * Rec.size;
      const fpu = at + Rec.fpu;
      records.set([2, 0xd9, form.modrm], at);
      view.setUint32(fpu, 0xffff0040 | (below(8) ? 0x3f : below(64)) | ([3, 3, 2, 0][below(4)]! << 8) | ((below(2) ? below(4) : 0) << 10), true);
      view.setUint32(fpu + 4, 0xffff0000 | (5 << 11) | (below(0x10000) & 0x4700), true);
      // registers 5, 6, 7 are in use; now and then others
      view.setUint32(fpu + 8, below(8) ? 0xffff03ff : 0xffff0000 | ((below(0x10000) & 0x5555) * 3), true);
      for (const [k, make] of [form.st0, form.st1 ?? (() => [0x4000, 0x8000000000000000n] as Ten)].entries()) {
        const [se, sig] = make();
        view.setBigUint64(fpu + 28 + 10 * k, sig, true);
        view.setUint16(fpu + 36 + 10 * k, se, true);
      }
      view.setUint32(at + Rec.mxcsr, 0x1f80, true);
      view.setUint32(at + Rec.eflags, 0x202, true);
    }
    const native = runNative(records);
    const nv = new DataView(native.buffer, native.byteOffset);
    const bad: string[] = [];
    let differ = 0;
    for (let i = 0; i < count; i++) {
      const at = i * Rec.size;
      loadImage(env.view, new DataView(records.buffer, at + Rec.fpu, 108));
      executeX87(env.helpers, env.view, [0xd9, form.modrm], OPERAND);
      const image = OPERAND + 0x100;
      env.helpers['x87Save']!(0x800, image, 0);
      const want = new DataView(native.buffer, native.byteOffset + at + Rec.fpu, 108);
      const got = new DataView(env.memory.buffer, image, 108);
      let distance = 0n;
      for (let k = 0; k < 3; k++) {
        const d = key(want.getUint16(36 + 10 * k, true), want.getBigUint64(28 + 10 * k, true)) - key(got.getUint16(36 + 10 * k, true), got.getBigUint64(28 + 10 * k, true));
        const size = d < 0n ? -d : d;
        if (size > distance) distance = size;
        if (want.getUint16(36 + 10 * k, true) >> 15 !== got.getUint16(36 + 10 * k, true) >> 15) distance = 1000n;
      }
      if (distance !== 0n) differ++;
      const mask = 0xfdff;
      const flags = (v: DataView) => v.getUint16(4, true) & mask;
      if (distance > 1n || flags(want) !== flags(got) || want.getUint16(8, true) !== got.getUint16(8, true)) {
        const hex = (n: number | bigint, w: number) => n.toString(16).padStart(w, '0');
        const show = (v: DataView, o = 0) => `sw ${hex(v.getUint16(o + 4, true), 4)} tw ${hex(v.getUint16(o + 8, true), 4)} ${[0, 1].map((k) => `${hex(v.getUint16(o + 36 + 10 * k, true), 4)}:${hex(v.getBigUint64(o + 28 + 10 * k, true), 16)}`).join(' ')}`;
        bad.push(`cw ${hex(view.getUint16(at + Rec.fpu, true), 4)} before ${show(view, at + Rec.fpu)}\n            want ${show(want)}\n             got ${show(got)} (${distance})`);
      }
    }
    if (process.env['HELPER_STATS']) console.log(form.name, 'differ by one unit:', differ, 'of', count);
    expect(bad.slice(0, Number(process.env['HELPER_SHOW'] ?? 3)).join('\n'), `${bad.length} of ${count}`).toEqual('');
  });
});
