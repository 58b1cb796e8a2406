import { Kind } from '../isa/instruction.ts';
import type { Value } from '../ir/builder.ts';
import { MemFlag } from '../ir/ops.ts';
import { Eflags, Gpr } from '../machine/cpuState.ts';
import type { Lift, Lifter } from './context.ts';
import { loadSegment } from './segment.ts';

function liftPush(c: Lift): void {
  const size = c.size;
  if (c.kind(0) === Kind.seg) {
    const selector = c.read(0);
    return c.push(size, c.extendU(4, size, selector));
  }
  c.push(size, c.read(0));
}

function liftPop(c: Lift): void {
  const size = c.size;
  if (c.kind(0) === Kind.seg) {
    const value = c.top(size);
    return loadSegment(c, c.number(0), c.toI32(value), () => c.drop(size));
  }
  const value = c.b.var(c.intType(size), c.top(size));
  if (!c.isMem(0)) {
    c.drop(size);
    c.write(0, c.b.getVar(value));
    return;
  }
  // the address of a memory operand with rsp as base uses the value after the pop
  const before = c.b.var(c.wordType, c.sp());
  c.drop(size);
  const addr = c.addr(0);
  c.setSp(c.b.getVar(before));
  c.store(size, addr, c.b.getVar(value));
  c.drop(size);
}

function liftPusha(c: Lift): void {
  const size = c.size as 2 | 4, sp = c.sp(), bottom = c.offset(sp, -8 * size);
  c.checkWrite(bottom, 8 * size);
  for (let n = 0; n < 8; n++) c.store(size, c.offset(sp, -(n + 1) * size), c.gpr(n, size), MemFlag.checked);
  c.setSp(bottom);
}

function liftPopa(c: Lift): void {
  const size = c.size as 2 | 4, sp = c.sp();
  c.checkRead(sp, 8 * size);
  for (let n = 7; n >= 0; n--) if (n !== Gpr.rsp) c.setGpr(n, size, c.load(size, c.offset(sp, (7 - n) * size), MemFlag.checked));
  c.setSp(c.offset(sp, 8 * size));
}

function liftPushf(c: Lift): void {
  const size = c.size, flags = c.b.op('i32.and', c.eflags(), c.b.i32(~(Eflags.RF | Eflags.VM)));
  c.push(size, c.extendU(4, size, flags));
}

function liftPopf(c: Lift): void {
  const size = c.size, b = c.b, value = b.var('i32', c.toI32(c.top(size)));
  const pop = (): void => {
    c.drop(size);
    c.putEflags(b.getVar(value), size === 2 ? Eflags.TF | Eflags.NT : undefined);
  };
  // the dispatcher steps, and tests alignment
  b.if(b.op('i32.and', b.getVar(value), b.i32(Eflags.TF | Eflags.AC)), () => {
    b.op('leaveRegion');
    pop();
    b.op('leaveNext');
  });
  pop();
}

/** Intel SDM vol. 2, ENTER. The nesting level is 0 for nearly every use. */
function liftEnter(c: Lift): void {
  const b = c.b, size = c.size, word = c.wordSize;
  const bytes = c.imm(0), level = b.var('i32', b.op('i32.and', c.imm(1), b.i32(31)));
  const add = (v: Value, n: Value): Value => c.int(word, 'add', v, c.extendU(4, word, n));
  const minus = (v: Value, n: Value): Value => c.int(word, 'sub', v, c.extendU(4, word, n));
  // all the stores, then the frame's last byte, are tested before anything changes
  const sp = c.sp(), frame = b.var(c.wordType, c.offset(sp, -size));
  const pushed = b.op('i32.mul', b.op('i32.add', b.getVar(level), b.i32(1)), b.i32(size));
  b.op('checkWriteN', minus(c.sp(), pushed), pushed);
  b.if(b.op('i32.gt_u', b.getVar(level), b.i32(1)), () => {
    const links = b.op('i32.mul', b.op('i32.sub', b.getVar(level), b.i32(1)), b.i32(size));
    b.op('checkReadN', minus(c.gpr(Gpr.rbp, word), links), links);
  });
  const newSp = b.var(c.wordType, minus(minus(c.sp(), pushed), bytes));
  c.checkWrite(b.getVar(newSp), size);
  c.store(size, b.getVar(frame), c.gpr(Gpr.rbp, size), MemFlag.checked);
  b.if(b.getVar(level), () => {
    const k = b.var('i32', b.i32(1)), at = b.var(c.wordType, b.getVar(frame));
    b.block((leave) => b.loop((repeat) => {
      leave(b.op('i32.ge_u', b.getVar(k), b.getVar(level)));
      b.setVar(at, c.offset(b.getVar(at), -size));
      const from = minus(c.gpr(Gpr.rbp, word), b.op('i32.mul', b.getVar(k), b.i32(size)));
      c.store(size, b.getVar(at), c.load(size, from, MemFlag.checked), MemFlag.checked);
      b.setVar(k, b.op('i32.add', b.getVar(k), b.i32(1)));
      repeat();
    }));
    const value = b.getVar(frame);
    c.store(size, c.offset(b.getVar(at), -size), size === word ? value : c.toI32(value), MemFlag.checked);
  });
  // without nesting `pushed` is one slot; with it the frame pointer itself is pushed too
  c.setSp(b.getVar(newSp));
  const value = b.getVar(frame);
  c.setGpr(Gpr.rbp, size, size === 2 ? c.toI32(value) : value);
  void add;
}

function liftLeave(c: Lift): void {
  const size = c.size, bp = c.b.var(c.wordType, c.gpr(Gpr.rbp, c.wordSize));
  const value = c.b.var(c.intType(size), c.load(size, c.b.getVar(bp)));
  c.setSp(c.offset(c.b.getVar(bp), size));
  c.setGpr(Gpr.rbp, size, c.b.getVar(value));
}

export const stackLifters = {
  push: liftPush, pop: liftPop, pusha: liftPusha, popa: liftPopa, pushf: liftPushf, popf: liftPopf, enter: liftEnter, leave: liftLeave,
} satisfies Record<string, Lifter>;

