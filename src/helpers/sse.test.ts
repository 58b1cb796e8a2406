// The exact SSE arithmetic against the processor: every scalar operation, all rounding modes, masks, DAZ and FTZ.

import { beforeAll, describe, expect, test, vi } from 'vitest';
import { Cpu } from '../machine/cpuState.ts';
import { CPU, instantiateHelpers, randomSource } from './testing/instance.ts';
import { canRunNative, Rec, runNative } from './testing/native.ts';

// The module may have to be compiled first, on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

type Width = 32 | 64;
interface Op {
  name: string;
  code: number[];
  from: Width;
  /** gpr: the result is in rax; flags: in eflags; mem: none of the second operand. */
  to: 32 | 64 | 'rax32' | 'rax64' | 'flags';
  run: (h: Record<string, (...args: (number | bigint)[]) => number | bigint>, a: bigint, b: bigint) => number | bigint;
}

const random = randomSource(0x1234567n);
const edge64 = [
  0n, 1n, 2n, 0x000fffffffffffffn, 0x0010000000000000n, 0x0010000000000001n, 0x001fffffffffffffn, 0x3ff0000000000000n, 0x3fe0000000000000n, 0x3fefffffffffffffn,
  0x3ff0000000000001n, 0x3ff8000000000000n, 0x4004000000000000n, 0x41dfffffffc00000n, 0x41e0000000000000n, 0x43dfffffffffffffn, 0x43e0000000000000n, 0x7fefffffffffffffn,
  0x7ff0000000000000n, 0x7ff0000000000001n, 0x7ff7ffffffffffffn, 0x7ff8000000000000n, 0x7fffffffffffffffn, 0x380fffffffffffffn, 0x3810000000000000n, 0x36a0000000000000n,
  0x3690000000000000n, 0x47efffffe0000000n, 0x47effffff0000000n, 0x7ff8000012345678n,
];
const edge32 = [
  0n, 1n, 2n, 0x7fffffn, 0x800000n, 0x800001n, 0xffffffn, 0x3f800000n, 0x3f000000n, 0x3f7fffffn, 0x3f800001n, 0x3fc00000n, 0x40200000n, 0x4effffffn, 0x4f000000n, 0x5effffffn,
  0x5f000000n, 0x7f7fffffn, 0x7f800000n, 0x7f800001n, 0x7fbfffffn, 0x7fc00000n, 0x7fffffffn, 0x7fc12345n,
];
function operand(width: Width): bigint {
  const edges = width === 64 ? edge64 : edge32;
  const r = random();
  const sign = (r >> 40n) & 1n ? 1n << BigInt(width - 1) : 0n;
  const kind = Number((r >> 8n) % 8n);
  if (kind < 3) return edges[Number(r >> 48n) % edges.length]! | sign;
  const bits = BigInt.asUintN(width, random());
  if (kind < 5) return bits;
  // near one, near the denormals, short significands
  const [eBits, fBits] = width === 64 ? [11, 52] : [8, 23];
  const bias = (1n << BigInt(eBits - 1)) - 1n;
  const e = kind === 5 ? bias + ((r >> 20n) & 63n) - 32n : kind === 6 ? (r >> 20n) & 3n : (bias * ((r >> 20n) & 1n)) + ((r >> 21n) % bias);
  const fraction = BigInt.asUintN(fBits, kind === 7 ? bits & ~((1n << BigInt(Number(r >> 32n) % fBits)) - 1n) : bits);
  return sign | (e << BigInt(fBits)) | fraction;
}

const ops: Op[] = [];
for (const w of [64, 32] as const) {
  const p = w === 64 ? 0xf2 : 0xf3;
  for (const [n, o] of [['Add', 0x58], ['Mul', 0x59], ['Sub', 0x5c], ['Div', 0x5e]] as const) {
    ops.push({ name: `f${w}${n}`, code: [p, 0x0f, o, 0xc1], from: w, to: w, run: (h, a, b) => h[`f${w}${n}`]!(CPU, a, b) });
  }
  ops.push({ name: `f${w}Sqrt`, code: [p, 0x0f, 0x51, 0xc1], from: w, to: w, run: (h, _a, b) => h[`f${w}Sqrt`]!(CPU, b) });
  ops.push({ name: `f${w}Min`, code: [p, 0x0f, 0x5d, 0xc1], from: w, to: w, run: (h, a, b) => h[`f${w}MinMax`]!(CPU, a, b, 0) });
  ops.push({ name: `f${w}Max`, code: [p, 0x0f, 0x5f, 0xc1], from: w, to: w, run: (h, a, b) => h[`f${w}MinMax`]!(CPU, a, b, 1) });
  for (let i = 0; i < 8; i++) ops.push({ name: `f${w}Compare${i}`, code: [p, 0x0f, 0xc2, 0xc1, i], from: w, to: w, run: (h, a, b) => h[`f${w}Compare`]!(CPU, a, b, i) });
  for (const s of [0, 1]) {
    ops.push({ name: `f${w}CompareFlags${s}`, code: w === 64 ? [0x66, 0x0f, 0x2e + s, 0xc1] : [0x0f, 0x2e + s, 0xc1], from: w, to: 'flags', run: (h, a, b) => h[`f${w}CompareFlags`]!(CPU, a, b, s) });
  }
  for (const t of [0, 1]) {
    ops.push({ name: `f${w}ToI32 ${t}`, code: [p, 0x0f, 0x2d - t, 0xc1], from: w, to: 'rax32', run: (h, _a, b) => h[`f${w}ToI32`]!(CPU, b, t) });
    ops.push({ name: `f${w}ToI64 ${t}`, code: [p, 0x48, 0x0f, 0x2d - t, 0xc1], from: w, to: 'rax64', run: (h, _a, b) => h[`f${w}ToI64`]!(CPU, b, t) });
  }
  for (let i = 0; i < 16; i++) {
    ops.push({ name: `f${w}Round${i}`, code: [0x66, 0x0f, 0x3a, w === 64 ? 0x0b : 0x0a, 0xc1, i], from: w, to: w, run: (h, _a, b) => h[`f${w}Round`]!(CPU, b, i) });
  }
  ops.push({ name: `i64ToF${w}`, code: [p, 0x48, 0x0f, 0x2a, 0xc0], from: 64, to: w, run: (h, a) => h[`i64ToF${w}`]!(CPU, a) });
}
ops.push({ name: 'i32ToF32', code: [0xf3, 0x0f, 0x2a, 0xc0], from: 32, to: 32, run: (h, a) => h['i32ToF32']!(CPU, a) });
ops.push({ name: 'f64ToF32', code: [0xf2, 0x0f, 0x5a, 0xc1], from: 64, to: 32, run: (h, _a, b) => h['f64ToF32']!(CPU, b) });
ops.push({ name: 'f32ToF64', code: [0xf3, 0x0f, 0x5a, 0xc1], from: 32, to: 64, run: (h, _a, b) => h['f32ToF64']!(CPU, b) });

describe.runIf(canRunNative)('exact SSE arithmetic', () => {
  let env: Awaited<ReturnType<typeof instantiateHelpers>>;
  beforeAll(async () => {
    env = await instantiateHelpers();
  });
  const count = Number(process.env['HELPER_CASES'] ?? 300);

  test.each(ops)('$name', (op) => {
    const records = new Uint8Array(count * Rec.size);
    const view = new DataView(records.buffer);
    const inputs: { a: bigint; b: bigint; mxcsr: number }[] = [];
    for (let i = 0; i < count; i++) {
      const at = i * Rec.size;
      const a = operand(op.from);
      const r = random();
      const b = r % 16n === 0n ? a : operand(op.from);
      const mode = Number((r >> 8n) & 0xffffn);
      const masks = mode & 0x700 ? 0x1f80 : (Number(r >> 30n) & 0x1f80);
      const mxcsr = (mode & 0xe000) | masks | (mode & 0x10 ? 0x40 : 0) | (mode & 0x20 ? 0x3f & Number((r >> 40n) & 0x3fn) & ~(~masks >> 7) : 0);
      inputs.push({ a, b, mxcsr });
      records[at] = op.code.length;
      records.set(op.code, at + 1);
      view.setUint32(at + Rec.fpu, 0x37f, true);
      view.setUint32(at + Rec.fpu + 8, 0xffff, true);
      view.setUint32(at + Rec.mxcsr, mxcsr, true);
      view.setUint32(at + Rec.eflags, 0x202, true);
      view.setBigUint64(at + Rec.rax, a, true);
      view.setBigUint64(at + Rec.xmm, a, true);
      view.setBigUint64(at + Rec.xmm + 16, b, true);
    }
    const native = runNative(records);
    const nv = new DataView(native.buffer, native.byteOffset);
    const hex = (x: bigint) => x.toString(16);
    let bad: string[] = [];
    for (let i = 0; i < count; i++) {
      const at = i * Rec.size;
      const { a, b, mxcsr } = inputs[i]!;
      env.view.setUint32(CPU + Cpu.mxcsr, mxcsr, true);
      let got = BigInt.asUintN(op.to === 64 || op.to === 'rax64' ? 64 : 32, BigInt(op.run(env.helpers, op.from === 64 ? BigInt.asIntN(64, a) : (Number(a) as never), op.from === 64 ? BigInt.asIntN(64, b) : (Number(b) as never))));
      const gotFlags = env.view.getUint32(CPU + Cpu.mxcsr, true);
      const gotTrap = env.view.getUint32(CPU + Cpu.scratch, true);
      const trap = nv.getUint32(at + Rec.trap, true) !== 0 ? 1 : 0;
      const flags = nv.getUint32(at + Rec.mxcsr, true);
      const xmm = nv.getBigUint64(at + Rec.xmm, true);
      const rax = nv.getBigUint64(at + Rec.rax, true);
      let want = op.to === 64 ? xmm : op.to === 32 ? BigInt.asUintN(32, xmm) : op.to === 'rax32' ? BigInt.asUintN(32, rax) : op.to === 'rax64' ? rax : BigInt(nv.getUint32(at + Rec.eflags, true) & 0x8d5);
      if (trap) got = want = 0n;
      if (got !== want || gotFlags !== flags || gotTrap !== trap) {
        bad.push(`a=${hex(a)} b=${hex(b)} mxcsr=${mxcsr.toString(16)} want ${hex(want)} ${flags.toString(16)} trap ${trap} got ${hex(got)} ${gotFlags.toString(16)} ${gotTrap}`);
      }
    }
    expect(bad.slice(0, Number(process.env['HELPER_SHOW'] ?? 5)), `${bad.length} of ${count}`).toEqual([]);
  });
});
