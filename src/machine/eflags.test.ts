import { expect, test } from 'vitest';
import { CcOp, Cpu, Eflags } from './cpuState.ts';
import { readEflags, writeEflags } from './eflags.ts';

const CONSTANT = Eflags.FIXED | Eflags.IF;

function state(kind: number, log2: number, dst: bigint, src: bigint, src2 = 0n): DataView {
  const view = new DataView(new ArrayBuffer(Cpu.size));
  view.setUint32(Cpu.ccOp, (kind << 2) | log2, true);
  view.setBigUint64(Cpu.ccDst, dst, true);
  view.setBigUint64(Cpu.ccSrc, src, true);
  view.setBigUint64(Cpu.ccSrc2, src2, true);
  view.setInt32(Cpu.df, 1, true);
  return view;
}

test('flags of lazy operations', () => {
  const { CF, PF, AF, ZF, SF, OF } = Eflags;
  // 0xff + 1 = 0 on bytes
  expect(readEflags(state(CcOp.add, 0, 0n, 1n)) & ~CONSTANT).toBe(CF | PF | AF | ZF);
  // 0x7fffffff + 1
  expect(readEflags(state(CcOp.add, 2, 0x80000000n, 1n)) & ~CONSTANT).toBe(PF | AF | SF | OF);
  // 0 - 1 on 64 bits
  expect(readEflags(state(CcOp.sub, 3, 0xffffffffffffffffn, 1n)) & ~CONSTANT).toBe(CF | PF | AF | SF);
  // 5 - 5
  expect(readEflags(state(CcOp.sub, 2, 0n, 5n)) & ~CONSTANT).toBe(PF | ZF);
  // adc: 0xffff + 0 + 1 on words
  expect(readEflags(state(CcOp.adc, 1, 0n, 0n, 1n)) & ~CONSTANT).toBe(CF | PF | AF | ZF);
  // sbb: 0 - 0xff - 1 on bytes
  expect(readEflags(state(CcOp.sbb, 0, 0n, 0xffn, 1n)) & ~CONSTANT).toBe(CF | PF | AF | ZF);
  expect(readEflags(state(CcOp.logic, 2, 0x80000001n, 0n)) & ~CONSTANT).toBe(SF);
  // inc keeps CF
  expect(readEflags(state(CcOp.inc, 2, 0x80000000n, 1n)) & ~CONSTANT).toBe(CF | PF | AF | SF | OF);
  // shifts: AF is undefined, and set by AMD's processors
  expect(readEflags(state(CcOp.shl, 0, 2n, 0x81n)) & ~CONSTANT).toBe(CF | AF | OF);
  expect(readEflags(state(CcOp.shr, 0, 0x40n, 0x81n)) & ~CONSTANT).toBe(CF | AF | OF);
  expect(readEflags(state(CcOp.dec, 2, 0x7fffffffn, 0n)) & ~CONSTANT).toBe(PF | AF | OF);
});

test('what is written is read back', () => {
  for (const value of [0, 0x8d5, 0x4d5, 0x40100, 0x200ad5]) {
    const view = state(0, 0, 0n, 0n);
    writeEflags(view, value);
    expect(readEflags(view)).toBe((value | CONSTANT) >>> 0);
  }
});
