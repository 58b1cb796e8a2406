import type { Value, Width } from '../ir/builder.ts';
import { MemFlag } from '../ir/ops.ts';
import { Cpu, Eflags, Gpr, Seg } from '../machine/cpuState.ts';
import { Access, Vector } from '../machine/exit.ts';
import type { Lift, Lifter } from './context.ts';
import { linear } from './mov.ts';

/**
 * String instructions. With a repeat prefix each round does one element, or as many as lie in the pages at hand, and ends with
 * `next` or `again`: so a fault or an interrupt finds rcx, rsi and rdi as the processor would leave them.
 */
function source(c: Lift): Value {
  return linear(c, c.gpr(Gpr.rsi, c.addressSize));
}

function destination(c: Lift): Value {
  const b = c.b, ea = c.gpr(Gpr.rdi, c.addressSize);
  if (!c.mode64) return b.op('i32.add', ea, b.get(4, Cpu.segBase + 8 * Seg.es));
  return b.typeOf(ea) === 2 ? ea : b.op('i64.extend_i32_u', ea);
}

/** Moves an index register by `elements` (i32, already signed by the direction) of `size` bytes. */
function advance(c: Lift, register: number, size: number, elements: Value): void {
  const width = c.addressSize, bytes = c.b.op('i32.mul', elements, c.b.i32(size));
  const step = width === 8 ? c.b.op('i64.extend_i32_s', bytes) : bytes;
  c.setGpr(register, width, c.int(width, 'add', c.gpr(register, width), step));
}

function direction(c: Lift): Value { return c.b.get(4, Cpu.df); }

/** Elements to be done in this round as an i32: at most 4096, one under TF. Leaves the instruction when there are none. */
function remaining(c: Lift): Value {
  const b = c.b, size = c.addressSize, count = c.gpr(Gpr.rcx, size);
  b.if(c.int(size, 'eqz', count), () => c.next());
  const stepping = b.op('i32.and', b.get(4, Cpu.eflagsSystem), b.i32(Eflags.TF));
  const most = b.var('i32', b.select(stepping, b.i32(1), b.i32(4096)));
  const few = c.int(size, 'lt_u', count, c.extendU(4, size, b.getVar(most)));
  return b.select(few, c.toI32(count), b.getVar(most));
}

/** Takes `done` (i32) off the counter. */
function countDown(c: Lift, done: Value): void {
  const size = c.addressSize;
  c.setGpr(Gpr.rcx, size, c.int(size, 'sub', c.gpr(Gpr.rcx, size), c.extendU(4, size, done)));
}

function nextOrAgain(c: Lift): void {
  const size = c.addressSize;
  c.b.if(c.int(size, 'eqz', c.gpr(Gpr.rcx, size)), () => c.next());
  c.again();
}

function repeated(c: Lift): boolean { return c.repz || c.repnz; }

function oneElement(c: Lift, body: () => void): void {
  body();
  if (!repeated(c)) return;
  countDown(c, c.b.i32(1));
  nextOrAgain(c);
}

function movsOne(c: Lift, size: Width): void {
  const df = direction(c);
  c.b.store(size, destination(c), c.b.load(size, source(c)));
  advance(c, Gpr.rsi, size, df);
  advance(c, Gpr.rdi, size, df);
}

function stringSize(c: Lift): Width { return (c.opSize(0) !== 0 ? c.opSize(0) : c.size) as Width; }

function liftMovs(c: Lift): void {
  const size = stringSize(c), b = c.b;
  if (!repeated(c)) return movsOne(c, size);
  const bytes = b.var('i32', b.op('i32.mul', remaining(c), b.i32(size)));
  b.if(b.op('i32.gt_s', direction(c), b.i32(0)), () => {
    const src = b.var(c.wordType, source(c)), dst = b.var(c.wordType, destination(c));
    b.setVar(bytes, b.opImm('span', Access.read, 0, b.getVar(src), b.getVar(bytes)));
    b.setVar(bytes, b.opImm('span', Access.write, 0, b.getVar(dst), b.getVar(bytes)));
    // forwards over itself a copy repeats a pattern: only up to the distance is it a plain one
    const distance = c.toI32(c.int(c.wordSize, 'sub', b.getVar(dst), b.getVar(src)));
    const limit = b.var('i32', b.op('i32.sub', distance, b.i32(1)));
    b.if(b.op('i32.lt_u', b.getVar(limit), b.getVar(bytes)), () => b.setVar(bytes, b.op('i32.add', b.getVar(limit), b.i32(1))));
    if (size > 1) b.setVar(bytes, b.op('i32.and', b.getVar(bytes), b.i32(-size)));
    b.if(b.getVar(bytes), () => {
      b.op('copy', b.getVar(dst), b.getVar(src), b.getVar(bytes));
      const n = b.op('i32.shr_u', b.getVar(bytes), b.i32(Math.log2(size)));
      advance(c, Gpr.rsi, size, n);
      advance(c, Gpr.rdi, size, n);
      countDown(c, n);
      nextOrAgain(c);
    });
  });
  oneElement(c, () => movsOne(c, size));
}

function stosOne(c: Lift, size: Width): void {
  const df = direction(c);
  c.b.store(size, destination(c), c.gpr(Gpr.rax, size));
  advance(c, Gpr.rdi, size, df);
}

function liftStos(c: Lift): void {
  const size = stringSize(c), b = c.b;
  if (!repeated(c)) return stosOne(c, size);
  const bytes = b.var('i32', b.op('i32.mul', remaining(c), b.i32(size)));
  b.if(b.op('i32.gt_s', direction(c), b.i32(0)), () => {
    const dst = b.var(c.wordType, destination(c));
    b.setVar(bytes, b.opImm('span', Access.write, 0, b.getVar(dst), b.getVar(bytes)));
    if (size > 1) b.setVar(bytes, b.op('i32.and', b.getVar(bytes), b.i32(-size)));
    b.if(b.getVar(bytes), () => {
      fillElements(c, size, b.getVar(dst), bytes);
      const n = b.op('i32.shr_u', b.getVar(bytes), b.i32(Math.log2(size)));
      advance(c, Gpr.rdi, size, n);
      countDown(c, n);
      nextOrAgain(c);
    });
  });
  oneElement(c, () => stosOne(c, size));
}

/** Stores rAX over checked memory: a fill when all its bytes are the same. */
function fillElements(c: Lift, size: Width, dst: Value, bytes: number): void {
  const b = c.b, low = c.gpr(Gpr.rax, 1);
  if (size === 1) {
    b.op('fill', dst, low, b.getVar(bytes));
    return;
  }
  const value = c.gpr(Gpr.rax, size), at = b.var(c.wordType, dst), left = b.var('i32', b.getVar(bytes));
  const pattern = size === 8 ? b.op('i64.mul', b.op('i64.extend_i32_u', low), b.i64(0x01010101, 0x01010101))
    : b.op('i32.mul', low, b.i32(size === 2 ? 0x0101 : 0x01010101));
  b.if(c.int(size, 'eq', value, pattern), () => b.op('fill', b.getVar(at), c.gpr(Gpr.rax, 1), b.getVar(bytes)), () => {
    b.loop((repeat) => {
      b.store(size, b.getVar(at), c.gpr(Gpr.rax, size), MemFlag.checked);
      b.setVar(at, c.offset(b.getVar(at), size));
      b.setVar(left, b.op('i32.sub', b.getVar(left), b.i32(size)));
      repeat(b.getVar(left));
    });
  });
}

function liftLods(c: Lift): void {
  const size = stringSize(c);
  if (repeated(c)) remaining(c);
  oneElement(c, () => {
    const df = direction(c), value = c.b.var(c.intType(size), c.b.load(size, source(c)));
    advance(c, Gpr.rsi, size, df);
    c.setGpr(Gpr.rax, size, c.b.getVar(value));
  });
}

/** One comparison: registers and flags. `a` and `other` are variables with the two elements. */
function compared(c: Lift, size: Width, a: number, other: number): void {
  c.setFlags('sub', size, c.int(size, 'sub', c.b.getVar(a), c.b.getVar(other)), c.b.getVar(other));
}

/** Ends the instruction when the elements were unequal (repz) or equal (repnz), or none are left. */
function whileSame(c: Lift, size: Width, a: number, other: number): void {
  const b = c.b;
  b.if(c.int(size, c.repz ? 'ne' : 'eq', b.getVar(a), b.getVar(other)), () => c.next());
  nextOrAgain(c);
}

function liftCmps(c: Lift): void {
  const size = stringSize(c), b = c.b, type = c.intType(size);
  const x = b.var(type), y = b.var(type);
  if (repeated(c)) {
    const limit = remaining(c);
    scanForward(c, size, x, y, limit, source, destination, [Gpr.rsi, Gpr.rdi]);
  }
  const df = direction(c);
  b.setVar(x, b.load(size, source(c)));
  b.setVar(y, b.load(size, destination(c)));
  advance(c, Gpr.rsi, size, df);
  advance(c, Gpr.rdi, size, df);
  if (repeated(c)) countDown(c, b.i32(1));
  compared(c, size, x, y);
  if (repeated(c)) whileSame(c, size, x, y);
}

function liftScas(c: Lift): void {
  const size = stringSize(c), b = c.b, type = c.intType(size);
  const x = b.var(type), y = b.var(type);
  if (repeated(c)) {
    const limit = remaining(c);
    b.setVar(x, c.gpr(Gpr.rax, size));
    scanForward(c, size, x, y, limit, null, destination, [Gpr.rdi]);
  }
  const df = direction(c);
  b.setVar(x, c.gpr(Gpr.rax, size));
  b.setVar(y, b.load(size, destination(c)));
  advance(c, Gpr.rdi, size, df);
  if (repeated(c)) countDown(c, b.i32(1));
  compared(c, size, x, y);
  if (repeated(c)) whileSame(c, size, x, y);
}

/** The fast rounds of repz/repnz cmps and scas: upwards, as far as both pages go. */
function scanForward(
  c: Lift, size: Width, x: number, y: number, limit: Value, first: ((c: Lift) => Value) | null, second: (c: Lift) => Value, registers: readonly number[],
): void {
  const b = c.b, word = c.wordType;
  const bytes = b.var('i32', b.op('i32.mul', limit, b.i32(size)));
  b.if(b.op('i32.gt_s', direction(c), b.i32(0)), () => {
    const p = b.var(word), q = b.var(word, second(c)), done = b.var('i32', b.i32(0));
    if (first) {
      b.setVar(p, first(c));
      b.setVar(bytes, b.opImm('span', Access.read, 0, b.getVar(p), b.getVar(bytes)));
    }
    b.setVar(bytes, b.opImm('span', Access.read, 0, b.getVar(q), b.getVar(bytes)));
    if (size > 1) b.setVar(bytes, b.op('i32.and', b.getVar(bytes), b.i32(-size)));
    b.if(b.getVar(bytes), () => {
      b.loop((repeat) => {
        const at = (base: number): Value => {
          const offset = b.getVar(done);
          return word === 'i64' ? b.op('i64.add', b.getVar(base), b.op('i64.extend_i32_u', offset)) : b.op('i32.add', b.getVar(base), offset);
        };
        if (first) b.setVar(x, b.load(size, at(p), MemFlag.checked));
        b.setVar(y, b.load(size, at(q), MemFlag.checked));
        b.setVar(done, b.op('i32.add', b.getVar(done), b.i32(size)));
        const going = c.int(size, c.repz ? 'eq' : 'ne', b.getVar(x), b.getVar(y));
        repeat(b.op('i32.and', going, b.op('i32.lt_u', b.getVar(done), b.getVar(bytes))));
      });
      const n = b.var('i32', b.op('i32.shr_u', b.getVar(done), b.i32(Math.log2(size))));
      for (const register of registers) advance(c, register, size, b.getVar(n));
      countDown(c, b.getVar(n));
      compared(c, size, x, y);
      whileSame(c, size, x, y);
    });
  });
}

const privileged: Lifter = (c) => c.trap(Vector.GP);

export const stringLifters = {
  movs: liftMovs, stos: liftStos, lods: liftLods, cmps: liftCmps, scas: liftScas, ins: privileged, outs: privileged,
} satisfies Record<string, Lifter>;
