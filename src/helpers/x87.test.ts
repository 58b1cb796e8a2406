// The x87 helpers against the processor: every register and memory form, all precisions, roundings and masks.

import { beforeAll, describe, expect, test, vi } from 'vitest';
import { instantiateHelpers, OPERAND, randomSource } from './testing/instance.ts';
import { hasReferenceX87, Rec, runNative } from './testing/native.ts';
import { executeX87, loadImage } from './testing/x87Machine.ts';

// The module may have to be compiled first, on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const random = randomSource(0x7e57n);
const below = (n: number) => Number(random() >> 20n) % n;
const edges: [number, bigint][] = [
  [0, 0n], [0, 1n], [0, 0x7fffffffffffffffn], [0, 0x4000000000000000n], [0, 0x8000000000000000n], [0, 0xffffffffffffffffn], [1, 0x8000000000000000n], [1, 0xffffffffffffffffn],
  [0x3fff, 0x8000000000000000n], [0x3fff, 0x8000000000000001n], [0x3ffe, 0xffffffffffffffffn], [0x3ffe, 0x8000000000000000n], [0x4000, 0xc90fdaa22168c235n],
  [0x7ffe, 0xffffffffffffffffn], [0x7fff, 0x8000000000000000n], [0x7fff, 0xc000000000000000n], [0x7fff, 0x8000000000000001n], [0x7fff, 0xbfffffffffffffffn],
  [0x7fff, 0xffffffffffffffffn], [0x7fff, 0xc000000000000001n], [0x7fff, 0n], [0x7fff, 0x7fffffffffffffffn], [0x3fff, 0n], [0x3fff, 0x7fffffffffffffffn], [0x1234, 0x4000000000000000n],
  [0x401e, 0x8000000000000000n], [0x403e, 0x8000000000000000n], [0x403d, 0xffffffffffffffffn], [0x400e, 0x8000000000000000n], [0x403a, 0xde0b6b3a763fffffn], [0x3c00, 0xfffffffffffff800n], [0x43fe, 0xfffffffffffffc00n],
  [0x3f6a, 0x8000000000000000n], [0x407e, 0xffffff8000000000n],
];
export function operand80(): [number, bigint] {
  const sign = random() & 0x800000n ? 0x8000 : 0;
  const kind = below(10);
  if (kind < 3) {
    const [e, s] = edges[below(edges.length)]!;
    return [e | sign, s];
  }
  let sig = random() | 0x8000000000000000n;
  if (kind === 4) sig = 0x8000000000000000n | (sig & ~((1n << BigInt(below(63))) - 1n));
  if (kind === 5) sig = BigInt.asUintN(64, (sig & ~0x7ffn) + [0x400n, 0x3ffn, 0x401n, 0n, 1n, 0x7ffn][below(6)]!) | 0x8000000000000000n;
  const e = kind === 6 ? below(80) : kind === 7 ? 0x7fff - below(80) : kind === 8 ? 1 + below(0x7ffe) : 0x3fff + below(140) - 70;
  return [(e & 0x7fff) | sign, e <= 0 ? sig >> BigInt(below(64)) : sig];
}
const edge64 = [0n, 1n, 0x000fffffffffffffn, 0x0010000000000000n, 0x3ff0000000000000n, 0x7fefffffffffffffn, 0x7ff0000000000000n, 0x7ff0000000000001n, 0x7ff8000000000000n, 0x7fffffffffffffffn];

function fillMemory(bytes: DataView, at: number): void {
  const [se, sig] = operand80();
  switch (below(4)) {
    case 0: // an m64 or m32 edge
      bytes.setBigUint64(at, below(2) ? edge64[below(10)]! : (edge64[below(10)]! >> 32n) | ((random() & 1n) << 22n), true);
      break;
    case 1:
      bytes.setBigUint64(at, sig, true);
      bytes.setUint16(at + 8, se, true);
      break;
    case 2: {
      const d = new Float64Array([(below(2000000) - 1000000) / 256]);
      bytes.setFloat64(at, d[0]!, true);
      if (below(2)) bytes.setFloat32(at, d[0]!, true);
      break;
    }
    default:
      bytes.setBigUint64(at, random() >> BigInt(below(64)), true);
      bytes.setUint16(at + 8, below(0x10000), true);
  }
}

interface Form {
  name: string;
  code: number[];
  /** What may be in memory: decimal digits. */
  bcd?: boolean;
}
const forms: Form[] = [];
const add = (name: string, op: number, modrm: number, bcd = false) => forms.push({ name: `${name} ${op.toString(16)} ${modrm.toString(16)}`, code: [op, modrm], bcd });
const arith = ['fadd', 'fmul', 'fcom', 'fcomp', 'fsub', 'fsubr', 'fdiv', 'fdivr'];
for (let r = 0; r < 8; r++) {
  for (const op of [0xd8, 0xdc, 0xda, 0xde]) add(`${arith[r]} mem`, op, 7 | (r << 3));
  add(`${arith[r]} st,st3`, 0xd8, 0xc3 | (r << 3));
  if (r !== 2 && r !== 3) {
    add(`${arith[r]} st2,st`, 0xdc, 0xc2 | (r << 3));
    add(`${arith[r]}p st2,st`, 0xde, 0xc2 | (r << 3));
  }
}
add('fcompp', 0xde, 0xd9);
for (const [name, op, r] of [
  ['fld m32', 0xd9, 0], ['fst m32', 0xd9, 2], ['fstp m32', 0xd9, 3], ['fldcw', 0xd9, 5], ['fnstcw', 0xd9, 7], ['fild m32', 0xdb, 0], ['fisttp m32', 0xdb, 1], ['fist m32', 0xdb, 2], ['fistp m32', 0xdb, 3],
  ['fld m80', 0xdb, 5], ['fstp m80', 0xdb, 7], ['fld m64', 0xdd, 0], ['fisttp m64', 0xdd, 1], ['fst m64', 0xdd, 2], ['fstp m64', 0xdd, 3], ['fnstsw m', 0xdd, 7], ['fild m16', 0xdf, 0],
  ['fisttp m16', 0xdf, 1], ['fist m16', 0xdf, 2], ['fistp m16', 0xdf, 3], ['fild m64', 0xdf, 5], ['fbstp', 0xdf, 6], ['fistp m64', 0xdf, 7],
] as const) add(name, op, 7 | (r << 3));
add('fbld', 0xdf, 0x27, true);
for (const i of [0, 1, 3]) {
  add('fld', 0xd9, 0xc0 + i);
  add('fxch', 0xd9, 0xc8 + i);
  add('ffree', 0xdd, 0xc0 + i);
  add('fst', 0xdd, 0xd0 + i);
  add('fstp', 0xdd, 0xd8 + i);
  add('fucom', 0xdd, 0xe0 + i);
  add('fucomp', 0xdd, 0xe8 + i);
  add('fucomi', 0xdb, 0xe8 + i);
  add('fcomi', 0xdb, 0xf0 + i);
  add('fucomip', 0xdf, 0xe8 + i);
  add('fcomip', 0xdf, 0xf0 + i);
}
for (let r = 0; r < 4; r++) {
  add('fcmov', 0xda, 0xc2 | (r << 3));
  add('fcmovn', 0xdb, 0xc2 | (r << 3));
}
add('fucompp', 0xda, 0xe9);
add('fnclex', 0xdb, 0xe2);
add('fninit', 0xdb, 0xe3);
add('fnop', 0xd9, 0xd0);
for (const [n, m] of [['fchs', 0xe0], ['fabs', 0xe1], ['ftst', 0xe4], ['fxam', 0xe5], ['fxtract', 0xf4], ['fprem1', 0xf5], ['fdecstp', 0xf6], ['fincstp', 0xf7], ['fprem', 0xf8], ['fsqrt', 0xfa], ['frndint', 0xfc], ['fscale', 0xfd]] as const) add(n, 0xd9, m);
for (let k = 0; k < 7; k++) add('constant', 0xd9, 0xe8 + k);

function makeRecord(form: Form, view: DataView, at: number): void {
  const bytes = new Uint8Array(view.buffer);
  bytes[at] = form.code.length;
  bytes.set(form.code, at + 1);
  const fpu = at + Rec.fpu;
  const masks = below(3) ? 0x3f : below(64);
  const precision = [3, 3, 2, 0][below(4)]!;
  view.setUint32(fpu, 0xffff0040 | masks | (precision << 8) | ((below(2) ? below(4) : 0) << 10), true);
  view.setUint32(fpu + 4, 0xffff0000 | (below(4) ? 0 : below(64) & masks) | (below(8) << 11) | (below(0x10000) & 0x4700), true);
  let tags = below(4) ? 0 : below(0x10000) & below(0x10000) & 0x5555;
  if (form.name.includes('fld') || form.name.includes('fild') || form.name.includes('fbld') || form.name.includes('const') || form.name.includes('fxtract')) tags = below(4) ? 0x5555 & below(0x10000) : 0x5555;
  if (form.name.includes('fxtract')) tags = below(4) ? 0x4000 >> 0 : tags;
  // Rotate so that bit pairs count from TOP.
  const top = (view.getUint16(fpu + 4, true) >> 11) & 7;
  const stackTags = tags * 3;
  const rotated = ((stackTags << (2 * top)) | (stackTags >>> (16 - 2 * top))) & 0xffff;
  view.setUint32(fpu + 8, 0xffff0000 | rotated, true);
  for (let i = 0; i < 8; i++) {
    const [se, sig] = operand80();
    view.setBigUint64(fpu + 28 + 10 * i, sig, true);
    view.setUint16(fpu + 36 + 10 * i, se, true);
  }
  if (form.name.startsWith('fscale') && below(3)) {
    // a scale factor in reach
    const n = (below(2) ? below(200) - 100 : below(70000) - 35000) || 1;
    const e = 31 - Math.clz32(Math.abs(n));
    view.setBigUint64(fpu + 38, (BigInt(Math.abs(n)) << BigInt(63 - e)) | (random() & 0xffffn), true);
    view.setUint16(fpu + 46, (n < 0 ? 0x8000 : 0) | (0x3fff + e), true);
  }
  view.setUint32(at + Rec.mxcsr, 0x1f80, true);
  view.setUint32(at + Rec.eflags, 0x202 | (below(0x1000) & 0x8d5), true);
  if (form.bcd) {
    for (let k = 0; k < 9; k++) view.setUint8(at + Rec.mem + k, below(10) * 16 + below(10));
    view.setUint8(at + Rec.mem + 9, below(256));
  } else fillMemory(view, at + Rec.mem);
  if (form.name.startsWith('fldcw')) view.setUint16(at + Rec.mem, below(0x10000) | (view.getUint16(fpu + 4, true) & 0x3f), true);
}

/** A readable picture of an image and memory; the instruction pointers are left out. */
function show(image: DataView, base: number, view: DataView, mem: number, eflags: number): string {
  const hex = (n: number | bigint, w: number) => n.toString(16).padStart(w, '0');
  const word = (o: number) => hex(image.getUint16(base + o, true), 4);
  const regs = Array.from({ length: 8 }, (_, i) => `${word(36 + 10 * i)}:${hex(image.getBigUint64(base + 28 + 10 * i, true), 16)}`);
  return `cw ${word(0)} sw ${word(4)} tw ${word(8)} ef ${hex(eflags & 0x8d5, 3)} mem ${hex(view.getUint16(mem + 8, true), 4)}:${hex(view.getBigUint64(mem, true), 16)}\n      ${regs.join(' ')}`;
}

describe.runIf(hasReferenceX87)('x87', () => {
  let env: Awaited<ReturnType<typeof instantiateHelpers>>;
  beforeAll(async () => {
    env = await instantiateHelpers();
  });
  const count = Number(process.env['HELPER_CASES'] ?? 200);

  test.each(forms)('$name', (form) => {
    const records = new Uint8Array(count * Rec.size);
    const view = new DataView(records.buffer);
    for (let i = 0; i < count; i++) makeRecord(form, view, i * Rec.size);
    const native = runNative(records);
    const nv = new DataView(native.buffer, native.byteOffset);
    const bad: string[] = [];
    for (let i = 0; i < count; i++) {
      const at = i * Rec.size;
      loadImage(env.view, new DataView(records.buffer, at + Rec.fpu, 108));
      for (let k = 0; k < 16; k++) env.view.setUint8(OPERAND + k, view.getUint8(at + Rec.mem + k));
      let eflags = view.getUint32(at + Rec.eflags, true);
      const compared = executeX87(env.helpers, env.view, form.code, OPERAND, eflags);
      if (compared !== undefined && compared >= 0) eflags = (eflags & ~0x8d5) | compared;
      const image = OPERAND + 0x100;
      env.helpers['x87Save']!(0x800, image, 0);
      const want = show(nv, at + Rec.fpu, nv, at + Rec.mem, nv.getUint32(at + Rec.eflags, true));
      const got = show(env.view, image, env.view, OPERAND, eflags);
      if (want !== got) bad.push(`before ${show(view, at + Rec.fpu, view, at + Rec.mem, view.getUint32(at + Rec.eflags, true))}\nwant   ${want}\ngot    ${got}`);
    }
    expect(bad.slice(0, Number(process.env['HELPER_SHOW'] ?? 3)).join('\n'), `${bad.length} of ${count}`).toEqual('');
  });
});
