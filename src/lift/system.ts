import { cpuidLeaves } from '../isa/cpuid.ts';
import type { Value } from '../ir/builder.ts';
import { MemFlag } from '../ir/ops.ts';
import { Cpu, Eflags, Gpr, Seg } from '../machine/cpuState.ts';
import { Vector } from '../machine/exit.ts';
import { LocalField, LocalFlag } from '../machine/localState.ts';
import type { Lift, Lifter } from './context.ts';

const nothing: Lifter = () => undefined;
const privileged: Lifter = (c) => c.trap(Vector.GP);

/** A chain of comparisons over the table; the last matching leaf of a number with subleaf -1 serves all subleaves. */
function liftCpuid(c: Lift): void {
  const b = c.b, leaf = b.var('i32', c.gpr(Gpr.rax, 4)), sub = b.var('i32', c.gpr(Gpr.rcx, 4));
  // beyond the highest basic leaf, Intel processors answer the highest basic one's data; we answer zeros
  const out = [Gpr.rax, Gpr.rbx, Gpr.rcx, Gpr.rdx].map((n) => ({ n, v: b.var('i32', b.i32(0)) }));
  for (const l of cpuidLeaves) {
    let match: Value = b.op('i32.eq', b.getVar(leaf), b.i32(l.leaf));
    if (l.subleaf >= 0) match = b.op('i32.and', match, b.op('i32.eq', b.getVar(sub), b.i32(l.subleaf)));
    b.if(match, () => [l.eax, l.ebx, l.ecx, l.edx].forEach((value, k) => b.setVar(out[k]!.v, b.i32(value))));
  }
  for (const { n, v } of out) c.setGpr(n, 4, b.getVar(v));
}

/** The time stamp counter counts nanoseconds; the host's clock comes through a helper of the dispatcher. */
function timeStamp(c: Lift): void {
  const b = c.b;
  b.if(b.op('i32.and', b.get(4, LocalField.flags), b.i32(LocalFlag.timeStampFaults)), () => c.trap(Vector.GP));
  const now = b.var('i64', b.op('i64.add', b.op('timeStamp'), b.get(8, Cpu.tscOffset)));
  c.setGpr(Gpr.rax, 4, b.op('i32.wrap_i64', b.getVar(now)));
  c.setGpr(Gpr.rdx, 4, b.op('i32.wrap_i64', b.op('i64.shr_u', b.getVar(now), b.i64(32))));
}

function liftRdtscp(c: Lift): void {
  timeStamp(c);
  c.setGpr(Gpr.rcx, 4, c.b.get(4, Cpu.cpuNumber));
}

/** XCR0 = x87 and SSE; XCR1 (in use) the same. */
function liftXgetbv(c: Lift): void {
  const b = c.b;
  b.if(b.op('i32.gt_u', c.gpr(Gpr.rcx, 4), b.i32(1)), () => c.trap(Vector.GP));
  c.setGpr(Gpr.rax, 4, b.i32(3));
  c.setGpr(Gpr.rdx, 4, b.i32(0));
}

function readBase(segment: number): Lifter {
  return (c) => {
    const base = c.b.get(8, Cpu.segBase + 8 * segment);
    c.write(0, c.opSize(0) === 8 ? base : c.b.op('i32.wrap_i64', base));
  };
}

function writeBase(segment: number): Lifter {
  return (c) => {
    const b = c.b, v = c.read(0);
    if (c.opSize(0) === 4) return b.put(8, Cpu.segBase + 8 * segment, b.op('i64.extend_i32_u', v));
    // not canonical
    b.if(b.op('i64.ne', b.op('i64.shr_s', b.op('i64.shl', v, b.i64(16)), b.i64(16)), v), () => c.trap(Vector.GP));
    b.put(8, Cpu.segBase + 8 * segment, v);
  };
}

function liftSahf(c: Lift): void {
  const b = c.b, mask = Eflags.SF | Eflags.ZF | Eflags.AF | Eflags.PF | Eflags.CF;
  const overflow = b.op('i32.and', c.statusFlags(), b.i32(Eflags.OF));
  c.putStatusFlags(b.op('i32.or', overflow, b.op('i32.and', c.b.get(1, Cpu.gpr + 1), b.i32(mask))));
}

function liftLahf(c: Lift): void {
  const b = c.b;
  b.put(1, Cpu.gpr + 1, b.op('i32.or', b.op('i32.and', c.statusFlags(), b.i32(0xd5)), b.i32(Eflags.FIXED)));
}

function carry(compute: (c: Lift) => Value): Lifter {
  return (c) => {
    const b = c.b, flags = c.statusFlags();
    c.putStatusFlags(b.op('i32.or', b.op('i32.and', flags, b.i32(~Eflags.CF)), compute(c)));
  };
}

function setDirection(step: number): Lifter {
  return (c) => c.b.put(4, Cpu.df, c.b.i32(step));
}

function liftSalc(c: Lift): void {
  c.setGpr(Gpr.rax, 1, c.b.op('i32.sub', c.b.i32(0), c.flag('CF')));
}

const fence: Lifter = (c) => { c.b.op('fence'); };

function cmpxchgPair(size: 4 | 8): Lifter {
  return (c) => {
    const b = c.b, addr = c.addr(0);
    if (size === 4) {
      const pair = (high: number, low: number): Value => b.op('i64.or', b.op('i64.shl', c.gpr(high, 8), b.i64(32)), b.op('i64.extend_i32_u', c.gpr(low, 4)));
      const expected = b.var('i64', pair(Gpr.rdx, Gpr.rax)), seen = b.var('i64');
      const replacement = pair(Gpr.rcx, Gpr.rbx);
      b.setVar(seen, b.opImm('cmpxchg64', 8, 0, addr, b.getVar(expected), replacement));
      exchanged(c, b.op('i64.eq', b.getVar(seen), b.getVar(expected)), () => {
        c.setGpr(Gpr.rax, 4, b.op('i32.wrap_i64', b.getVar(seen)));
        c.setGpr(Gpr.rdx, 4, b.op('i32.wrap_i64', b.op('i64.shr_u', b.getVar(seen), b.i64(32))));
      });
      return;
    }
    b.if(b.op('i32.and', c.toI32(addr), b.i32(15)), () => c.trap(Vector.GP));
    b.opImm('checkWrite', 16, 0, addr);
    // WebAssembly has no 128-bit atomics: one at a time under the lock for split operations
    b.op('lockSplit');
    const low = b.var('i64', b.load(8, addr, MemFlag.checked)), high = b.var('i64', b.load(8, c.offset(addr, 8), MemFlag.checked));
    const same = b.var('i32', b.op('i32.and', b.op('i64.eq', b.getVar(low), c.gpr(Gpr.rax, 8)), b.op('i64.eq', b.getVar(high), c.gpr(Gpr.rdx, 8))));
    b.if(b.getVar(same), () => {
      b.store(8, addr, c.gpr(Gpr.rbx, 8), MemFlag.checked);
      b.store(8, c.offset(addr, 8), c.gpr(Gpr.rcx, 8), MemFlag.checked);
    });
    b.op('unlockSplit');
    exchanged(c, b.getVar(same), () => {
      c.setGpr(Gpr.rax, 8, b.getVar(low));
      c.setGpr(Gpr.rdx, 8, b.getVar(high));
    });
  };
}

/** ZF = same; the registers get what was seen if not. */
function exchanged(c: Lift, same: Value, load: () => void): void {
  const b = c.b, zf = b.var('i32', same);
  b.if(b.op('i32.eqz', b.getVar(zf)), load);
  c.putStatusFlags(b.op('i32.or', b.op('i32.and', c.statusFlags(), b.i32(~Eflags.ZF)), b.op('i32.shl', b.getVar(zf), b.i32(6))));
}

export const systemLifters = {
  nop: nothing, pause: nothing, prefetch: nothing, clflush: (c) => { c.checkRead(c.addr(0), 1); },
  cpuid: liftCpuid, rdtsc: timeStamp, rdtscp: liftRdtscp, xgetbv: liftXgetbv,
  rdfsbase: readBase(Seg.fs), rdgsbase: readBase(Seg.gs), wrfsbase: writeBase(Seg.fs), wrgsbase: writeBase(Seg.gs),
  sahf: liftSahf, lahf: liftLahf, clc: carry((c) => c.b.i32(0)), stc: carry((c) => c.b.i32(1)), cmc: carry((c) => c.b.op('i32.eqz', c.flag('CF'))),
  cld: setDirection(1), std: setDirection(-1), salc: liftSalc, lfence: fence, mfence: fence, sfence: fence,
  cmpxchg8b: cmpxchgPair(4), cmpxchg16b: cmpxchgPair(8),
  cli: privileged, sti: privileged, hlt: privileged, in: privileged, out: privileged, invlpg: privileged, lgdt: privileged, lidt: privileged,
  lldt: privileged, ltr: privileged, lmsw: privileged, clts: privileged, sysret: privileged, sysexit: privileged, invd: privileged,
  wbinvd: privileged, wrmsr: privileged, rdmsr: privileged, rdpmc: privileged, xsetbv: privileged, swapgs: privileged,
} satisfies Record<string, Lifter>;
