import { Kind } from '../isa/instruction.ts';
import { MemFlag, Rmw } from '../ir/ops.ts';
import { Vector } from '../machine/exit.ts';
import type { Lift, Lifter } from './context.ts';
import { loadSegment } from './segment.ts';

function liftMov(c: Lift): void {
  const kind = c.kind(0);
  if (kind === Kind.control || kind === Kind.debug || c.kind(1) === Kind.control || c.kind(1) === Kind.debug) return c.trap(Vector.GP);
  if (kind === Kind.seg) return loadSegment(c, c.number(0), c.toI32(c.read(1)));
  if (c.kind(1) === Kind.seg) {
    const selector = c.read(1), size = c.opSize(0);
    return c.write(0, size === 8 ? c.b.op('i64.extend_i32_u', selector) : selector);
  }
  c.write(0, c.read(1));
}

function liftMovzx(c: Lift): void {
  c.write(0, c.extendU(c.opSize(1), c.opSize(0), c.read(1)));
}

function liftMovsx(c: Lift): void {
  const from = c.opSize(1), to = c.opSize(0), v = c.signExtend(from, c.read(1));
  c.write(0, to === 8 && from < 8 ? c.b.op('i64.extend_i32_s', v) : v);
}

function liftLea(c: Lift): void {
  const b = c.b, size = c.opSize(0), ea = c.ea(1);
  const wide = b.typeOf(ea) === 2;
  c.write(0, size === 8 ? (wide ? ea : b.op('i64.extend_i32_u', ea)) : wide ? b.op('i32.wrap_i64', ea) : ea);
}

function liftXchg(c: Lift): void {
  const size = c.opSize(0), src = c.read(1);
  if (c.isMem(0)) {
    // with memory it is locked, prefix or not
    const old = c.b.opImm(size === 8 ? 'rmw64' : 'rmw32', size, Rmw.xchg, c.addr(0), src);
    c.write(1, old);
    return;
  }
  const both = c.b.var(c.intType(size), c.read(0));
  c.write(0, src);
  c.write(1, c.b.getVar(both));
}

function liftCmov(c: Lift): void {
  const b = c.b, src = c.read(1);
  // the source is read, and a 32-bit destination zero-extended, whatever the condition says
  c.write(0, b.select(c.cond(c.cc), src, c.read(0)));
}

function liftSetcc(c: Lift): void {
  c.write(0, c.cond(c.cc));
}

function liftXlat(c: Lift): void {
  const b = c.b, size = c.addressSize, index = c.gpr(0, 1);
  const base = c.gpr(3, size);
  let ea = size === 8 ? b.op('i64.add', base, b.op('i64.extend_i32_u', index)) : b.op('i32.add', base, index);
  if (size === 2) ea = c.clean(2, ea);
  c.setGpr(0, 1, c.load(1, linear(c, ea)));
}

/** Effective address of a string source (or xlat) plus its segment base. */
export function linear(c: Lift, ea: number): number {
  const b = c.b;
  if (!c.mode64) return b.op('i32.add', ea, c.source.segmentBase(b, 'i32'));
  const wide = b.typeOf(ea) === 2 ? ea : b.op('i64.extend_i32_u', ea);
  return b.op('i64.add', wide, c.source.segmentBase(b, 'i64'));
}

function liftMovnti(c: Lift): void { c.write(0, c.read(1)); }

function liftXadd(c: Lift): void {
  const size = c.opSize(0), src = c.read(1);
  const sum = (old: number): number => c.int(size, 'add', old, src);
  if (c.isMem(0)) {
    const { old, value } = c.modify(0, sum, Rmw.add, src);
    c.write(1, old);
    c.setFlags('add', size, value, src);
    return;
  }
  const old = c.b.var(c.intType(size), c.read(0)), value = c.b.var(c.intType(size), sum(c.b.getVar(old)));
  const source = c.b.var(c.intType(size), src);
  // the source is written first: with both the same the sum stays
  c.write(1, c.b.getVar(old));
  c.write(0, c.b.getVar(value));
  c.setFlags('add', size, c.b.getVar(value), c.b.getVar(source));
}

function liftCmpxchg(c: Lift): void {
  const b = c.b, size = c.opSize(0), width = size as 1 | 2 | 4 | 8, acc = c.gpr(0, width), src = c.read(1);
  const type = c.intType(size);
  const seen = b.var(type);
  const expected = b.var(type, acc);
  if (c.isMem(0) && c.lock) {
    b.setVar(seen, b.opImm(size === 8 ? 'cmpxchg64' : 'cmpxchg32', size, 0, c.addr(0), b.getVar(expected), src));
  } else {
    b.setVar(seen, c.read(0, MemFlag.forWrite));
    const same = c.int(size, 'eq', b.getVar(seen), b.getVar(expected));
    // memory is written in either case; a 32-bit register destination is zero-extended only when the comparison succeeds
    if (c.isMem(0)) c.write(0, b.select(same, src, b.getVar(seen)), MemFlag.checked);
    else b.if(same, () => c.write(0, src));
  }
  b.if(c.int(size, 'ne', b.getVar(seen), b.getVar(expected)), () => c.setGpr(0, size, b.getVar(seen)));
  c.setFlags('sub', size, c.int(size, 'sub', b.getVar(expected), b.getVar(seen)), b.getVar(seen));
}

export const movLifters = {
  mov: liftMov, movzx: liftMovzx, movsx: liftMovsx, movsxd: liftMovsx, lea: liftLea, xchg: liftXchg, cmovcc: liftCmov, setcc: liftSetcc,
  xlat: liftXlat, movnti: liftMovnti, xadd: liftXadd, cmpxchg: liftCmpxchg,
} satisfies Record<string, Lifter>;
