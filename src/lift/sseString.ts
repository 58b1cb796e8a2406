/** SSE4.2's string comparisons and crc32. */
import type { Value } from '../ir/builder.ts';
import { defineHelpers } from '../ir/helpers.ts';
import { Cpu, Gpr } from '../machine/cpuState.ts';
import type { Lift, Lifter } from './context.ts';
import { readVector } from './sseCommon.ts';

defineHelpers({ compareStrings: 'vvi:i', crc32c: 'ili:i' });

/** The magnitude of an explicit length in eax or edx (rax, rdx with REX.W), at most 16, as i32. */
function explicitLength(c: Lift, register: number): Value {
  const b = c.b;
  const v = c.i.w === 1 ? c.gpr(register, 8) : b.op('i64.extend_i32_s', c.gpr(register, 4));
  const magnitude = b.select(b.op('i64.lt_s', v, b.i64(0)), b.op('i64.sub', b.i64(0), v), v);
  return b.select(b.op('i64.gt_u', magnitude, b.i64(16)), b.i32(16), b.op('i32.wrap_i64', magnitude));
}

/** Runs the comparison, sets the flags and answers IntRes2. */
function compare(c: Lift, explicit: boolean): Value {
  const b = c.b, y = readVector(c, 1, false), x = c.xmm(0);
  let control = b.op('i32.and', c.imm(2), b.i32(0xff));
  if (explicit) {
    const first = b.op('i32.shl', explicitLength(c, Gpr.rax), b.i32(8));
    const second = b.op('i32.shl', explicitLength(c, Gpr.rdx), b.i32(16));
    control = b.op('i32.or', b.op('i32.or', control, b.i32(0x80000000)), b.op('i32.or', first, second));
  }
  const result = c.callHelper('compareStrings', x, y, control);
  c.putStatusFlags(b.op('i32.shr_u', result, b.i32(16)));
  return b.op('i32.and', result, b.i32(0xffff));
}

/** The index of the lowest (imm bit 6: highest) set bit in ecx; the number of elements if there is none. */
function liftIndex(explicit: boolean): Lifter {
  return (c) => {
    const b = c.b, bits = compare(c, explicit), imm = c.imm(2);
    const count = b.op('i32.shr_u', b.i32(16), b.op('i32.and', imm, b.i32(1)));
    const highest = b.op('i32.sub', b.i32(31), b.op('i32.clz', bits));
    const found = b.select(b.op('i32.and', imm, b.i32(0x40)), highest, b.op('i32.ctz', bits));
    c.setGpr(Gpr.rcx, 4, b.select(bits, found, count));
  };
}

/** The bits in xmm0, zero-extended, or (imm bit 6) spread to a mask of bytes or words. */
function liftMask(explicit: boolean): Lifter {
  return (c) => {
    const b = c.b, bits = compare(c, explicit), imm = c.imm(2);
    const result = b.var('v128', b.lane('i32x4.replace_lane', 0, b.v128(0, 0, 0, 0), bits));
    b.if(b.op('i32.and', imm, b.i32(0x40)), () => {
      const splat = b.op('i16x8.splat', bits);
      b.if(
        b.op('i32.and', imm, b.i32(1)),
        () => {
          const one = b.v128(0x00020001, 0x00080004, 0x00200010, 0x00800040);
          b.setVar(result, b.op('i16x8.eq', b.op('v128.and', splat, one), one));
        },
        () => {
          const one = b.v128(0x08040201, 0x80402010 | 0, 0x08040201, 0x80402010 | 0);
          const bytes = b.shuffle(splat, splat, [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]);
          b.setVar(result, b.op('i8x16.eq', b.op('v128.and', bytes, one), one));
        },
      );
    });
    b.put(16, Cpu.xmm, b.getVar(result));
  };
}

function liftCrc32(c: Lift): void {
  const b = c.b, size = c.opSize(1), v = c.read(1);
  const crc = c.callHelper('crc32c', b.get(4, c.reg(0)), size === 8 ? v : b.op('i64.extend_i32_u', v), b.i32(size));
  c.write(0, c.opSize(0) === 8 ? b.op('i64.extend_i32_u', crc) : crc);
}

export const sseStringLifters = {
  pcmpestri: liftIndex(true), pcmpistri: liftIndex(false), pcmpestrm: liftMask(true), pcmpistrm: liftMask(false),
  crc32: liftCrc32,
} satisfies Record<string, Lifter>;
