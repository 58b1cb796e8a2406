/** Moves between vector registers, memory and general registers; MXCSR; emms. */
import { Kind } from '../isa/instruction.ts';
import type { Value } from '../ir/builder.ts';
import { MemFlag } from '../ir/ops.ts';
import { Cpu, Gpr } from '../machine/cpuState.ts';
import { Vector } from '../machine/exit.ts';
import type { Lift, Lifter } from './context.ts';
import { MXCSR_CONTROL, MXCSR_DEFAULT, MXCSR_PE } from '../machine/mxcsr.ts';
import { beginMmx, joinLow, loadVector, readVector, shuffleLanes, writeLow, writeMmx, zeroVector } from './sseCommon.ts';
import { noteCopy } from './ssePlain.ts';

/** 16 bytes between registers and memory. */
function move128(aligned: boolean): Lifter {
  return (c) => {
    if (c.isMem(0)) c.store(16, c.addr(0), c.xmm(1), aligned ? MemFlag.aligned16 : MemFlag.none);
    else {
      c.setXmm(0, readVector(c, 1, aligned));
      if (!c.isMem(1)) noteCopy(c, null);
    }
  };
}

/** movss, movsd: from memory the rest becomes 0, between registers it is kept. */
function moveScalar(size: 4 | 8): Lifter {
  return (c) => {
    const b = c.b;
    if (c.isMem(0)) c.store(size, c.addr(0), b.get(size, c.reg(1)));
    else if (c.isMem(1)) c.setXmm(0, zeroExtended(c, size, c.load(size, c.addr(1))));
    else {
      writeLow(c, 0, b.get(size, c.reg(1)));
      noteCopy(c, size === 4 ? 'f32' : 'f64');
    }
  };
}

/** i32 or i64 as the low part of a vector of zeros. */
function zeroExtended(c: Lift, size: 4 | 8, v: Value): Value {
  const b = c.b;
  return b.lane(size === 8 ? 'i64x2.replace_lane' : 'i32x4.replace_lane', 0, zeroVector(b), v);
}

/** movd, movq between a vector register and a general register or memory. */
function liftMovd(c: Lift): void {
  const b = c.b;
  beginMmx(c);
  const intoVector = c.kind(0) === Kind.mmx || c.kind(0) === Kind.xmm;
  if (intoVector) {
    const size = c.opSize(1) as 4 | 8, v = c.read(1);
    if (c.kind(0) === Kind.mmx) writeMmx(c, 0, size === 8 ? v : b.op('i64.extend_i32_u', v));
    else c.setXmm(0, zeroExtended(c, size, v));
    return;
  }
  c.write(0, b.get(c.opSize(0) as 4 | 8, c.reg(1)));
  if (c.kind(1) === Kind.mmx) c.mmxState();
}

/** movq: 64 bits between MMX registers, or between xmm registers with the upper half zeroed, and memory. */
function liftMovq(c: Lift): void {
  const b = c.b;
  beginMmx(c);
  if (c.isMem(0)) {
    c.store(8, c.addr(0), b.get(8, c.reg(1)));
    if (c.kind(1) === Kind.mmx) c.mmxState();
    return;
  }
  const v = c.isMem(1) ? c.load(8, c.addr(1)) : b.get(8, c.reg(1));
  if (c.kind(0) === Kind.mmx) writeMmx(c, 0, v);
  else {
    c.setXmm(0, zeroExtended(c, 8, v));
    if (c.kind(1) === Kind.xmm) noteCopy(c, 'f64');
  }
}

function liftMovq2dq(c: Lift): void {
  beginMmx(c);
  const v = c.b.get(8, c.reg(1));
  c.mmxState();
  c.setXmm(0, zeroExtended(c, 8, v));
}

function liftMovdq2q(c: Lift): void {
  beginMmx(c);
  writeMmx(c, 0, c.b.get(8, c.reg(1)));
}

/** movlps, movlpd, and the memory forms of movhps, movhpd: one half, the other kept. */
function moveHalf(high: boolean): Lifter {
  return (c) => {
    const b = c.b;
    if (c.isMem(0)) c.store(8, c.addr(0), b.lane('i64x2.extract_lane', high ? 1 : 0, c.xmm(1)));
    else if (high) c.setXmm(0, b.lane('i64x2.replace_lane', 1, c.xmm(0), c.load(8, c.addr(1))));
    else writeLow(c, 0, c.load(8, c.addr(1)));
  };
}

function liftMovhlps(c: Lift): void {
  c.setXmm(0, shuffleLanes(c.b, c.xmm(1), c.xmm(0), [1, 3]));
}

function liftMovlhps(c: Lift): void {
  c.setXmm(0, joinLow(c.b, c.xmm(0), c.xmm(1)));
}

/** movsldup, movshdup, movddup. */
function duplicate(lanes: readonly number[]): Lifter {
  return (c) => {
    const v = readVector(c, 1);
    c.setXmm(0, shuffleLanes(c.b, v, v, lanes));
  };
}

function liftNonTemporal(c: Lift): void {
  const b = c.b;
  beginMmx(c);
  if (c.opSize(0) === 16) c.store(16, c.addr(0), c.xmm(1), MemFlag.aligned16);
  else c.store(c.opSize(0) as 4 | 8, c.addr(0), b.get(c.opSize(0) as 4 | 8, c.reg(1)));
  if (c.kind(1) === Kind.mmx) c.mmxState();
}

function liftMovntdqa(c: Lift): void {
  c.setXmm(0, loadVector(c, 1, 16, true));
}

/** maskmovdqu, maskmovq: bytes whose mask has the top bit go to ds:[rDI]. The others are not written, but must be writable. */
function liftMaskMove(c: Lift): void {
  const b = c.b, bytes = c.kind(0) === Kind.mmx ? 8 : 16;
  beginMmx(c);
  const value = readVector(c, 0), mask = b.op('i8x16.bitmask', readVector(c, 1));
  const start = maskAddress(c);
  // The change to MMX state is not undone by a fault of the store.
  if (bytes === 8) c.mmxState();
  c.checkWrite(start, bytes);
  for (let i = 0; i < bytes; i++) {
    b.if(b.op('i32.and', mask, b.i32(1 << i)), () => c.store(1, c.offset(start, i), b.lane('i8x16.extract_lane_u', i, value), MemFlag.checked));
  }
}

/** rDI in the address size plus the base of the (overridable) data segment. */
function maskAddress(c: Lift): Value {
  const b = c.b, size = c.addressSize;
  let v = c.gpr(Gpr.rdi, size);
  if (c.mode64) {
    if (size !== 8) v = b.op('i64.extend_i32_u', v);
    return b.op('i64.add', v, c.source.segmentBase(b, 'i64'));
  }
  return b.op('i32.add', v, c.source.segmentBase(b, 'i32'));
}

/** Reserved bits: #GP. */
function liftLdmxcsr(c: Lift): void {
  const b = c.b, v = c.read(0);
  b.if(b.op('i32.and', v, b.i32(~0xffff)), () => c.trap(Vector.GP));
  b.put(4, Cpu.mxcsr, v);
  b.put(4, Cpu.sseExact, b.op('i32.ne', b.op('i32.and', v, b.i32(MXCSR_CONTROL | MXCSR_PE)), b.i32(MXCSR_DEFAULT | MXCSR_PE)));
}

function liftStmxcsr(c: Lift): void {
  c.write(0, c.b.get(4, Cpu.mxcsr));
}

function liftEmms(c: Lift): void {
  const b = c.b;
  b.if(b.op('i32.and', b.get(4, Cpu.x87Status), b.i32(0x80)), () => c.trap(Vector.MF));
  b.put(4, Cpu.x87Top, b.i32(0));
  b.put(8, Cpu.x87Tag, b.i64(0x01010101, 0x01010101));
}

export const sseMoveLifters = {
  movups: move128(false), movupd: move128(false), movdqu: move128(false), lddqu: move128(false),
  movaps: move128(true), movapd: move128(true), movdqa: move128(true),
  movss: moveScalar(4), movsd: moveScalar(8), movd: liftMovd, movq: liftMovq, movq2dq: liftMovq2dq, movdq2q: liftMovdq2q,
  movlps: moveHalf(false), movlpd: moveHalf(false), movhps: moveHalf(true), movhpd: moveHalf(true),
  movhlps: liftMovhlps, movlhps: liftMovlhps,
  movsldup: duplicate([0, 0, 2, 2]), movshdup: duplicate([1, 1, 3, 3]), movddup: duplicate([0, 0]),
  movnti: liftNonTemporal, movntq: liftNonTemporal, movntdq: liftNonTemporal, movntps: liftNonTemporal, movntpd: liftNonTemporal,
  movntdqa: liftMovntdqa, maskmovq: liftMaskMove, maskmovdqu: liftMaskMove,
  ldmxcsr: liftLdmxcsr, stmxcsr: liftStmxcsr, emms: liftEmms,
} satisfies Record<string, Lifter>;
