import type { Value, Width } from '../ir/builder.ts';
import { MemFlag, Rmw } from '../ir/ops.ts';
import { Eflags } from '../machine/cpuState.ts';
import type { Lift, Lifter } from './context.ts';

type Change = 'none' | 'set' | 'reset' | 'complement';

/** CF = the bit; the other flags stay (the manual leaves some undefined; processors keep them). */
function carryOnly(c: Lift, bit: Value): void {
  const b = c.b;
  c.putStatusFlags(b.op('i32.or', b.op('i32.and', c.statusFlags(), b.i32(~Eflags.CF)), bit));
}

function changed(c: Lift, size: number, change: Change, old: Value, mask: Value): Value {
  if (change === 'set') return c.int(size, 'or', old, mask);
  if (change === 'complement') return c.int(size, 'xor', old, mask);
  return c.int(size, 'and', old, c.int(size, 'xor', mask, c.constant(size, -1)));
}

function bitTest(change: Change): Lifter {
  return (c) => {
    const size = c.opSize(0), bits = size * 8;
    const raw = c.isImm(1) ? c.extendU(4, size, c.imm(1)) : c.read(1);
    const at = c.int(size, 'and', raw, c.constant(size, bits - 1));
    const mask = c.int(size, 'shl', c.constant(size, 1), at);
    const bitOf = (v: Value): Value => c.toI32(c.int(size, 'and', c.int(size, 'shr_u', v, at), c.constant(size, 1)));
    if (!c.isMem(0)) {
      const old = c.read(0), bit = bitOf(old);
      if (change !== 'none') c.write(0, changed(c, size, change, old, mask));
      carryOnly(c, bit);
      return;
    }
    const addr = c.isImm(1) ? c.addr(0) : bitAddress(c, size, raw);
    let old: Value;
    if (change === 'none') old = c.load(size as Width, addr);
    else if (c.lock) {
      const operand = change === 'reset' ? c.int(size, 'xor', mask, c.constant(size, -1)) : mask;
      old = c.b.opImm(size === 8 ? 'rmw64' : 'rmw32', size, change === 'set' ? Rmw.or : change === 'reset' ? Rmw.and : Rmw.xor, addr, operand);
    } else {
      old = c.load(size as Width, addr, MemFlag.forWrite);
      c.store(size as Width, addr, changed(c, size, change, old, mask), MemFlag.checked);
    }
    carryOnly(c, bitOf(old));
  };
}

/** The word that holds a bit of a bit string in memory: the offset is signed and not limited to the operand. */
function bitAddress(c: Lift, size: number, offset: Value): Value {
  const b = c.b, shift = size === 2 ? 4 : size === 4 ? 5 : 6, log = shift - 3;
  const addr = c.addr(0), wide = b.typeOf(addr) === 2;
  const words = c.int(size, 'shr_s', c.signExtend(size, offset), c.constant(size, shift));
  const bytes = c.int(size, 'shl', words, c.constant(size, log));
  if (!wide) return b.op('i32.add', addr, c.toI32(bytes));
  const sum = b.op('i64.add', addr, size === 8 ? bytes : b.op('i64.extend_i32_s', bytes));
  // in 32-bit mode (and with a 32-bit address size) the sum wraps
  return c.addressSize === 8 ? sum : b.op('i64.and', sum, b.i64(-1, 0));
}

function bitScan(name: 'ctz' | 'clz'): Lifter {
  return (c) => {
    const b = c.b, size = c.opSize(0), src = c.read(1), bits = size === 8 ? 64 : 32;
    const zeros = c.int(size, name, src), n = name === 'ctz' ? zeros : c.int(size, 'sub', c.constant(size, bits - 1), zeros);
    const some = size === 8 ? b.op('i64.ne', src, b.i64(0)) : src;
    // a zero source leaves the destination alone
    b.if(some, () => c.write(0, n));
    // The manual defines ZF only; AMD's processors give the parity of the position, and no other flag.
    c.setFlags('logic', size, b.select(some, c.int(size, 'or', n, c.constant(size, 0x100)), c.constant(size, 0)));
  };
}

function countZeros(name: 'ctz' | 'clz'): Lifter {
  return (c) => {
    const b = c.b, size = c.opSize(0), src = c.read(1);
    let n: Value;
    if (size === 2) n = name === 'ctz' ? b.op('i32.ctz', b.op('i32.or', src, b.i32(0x10000))) : b.op('i32.sub', b.op('i32.clz', src), b.i32(16));
    else n = c.int(size, name, src);
    const isZero = c.int(size, 'eqz', src), zf = b.op('i32.shl', c.int(size, 'eqz', n), b.i32(6));
    c.write(0, n);
    c.putStatusFlags(b.op('i32.or', isZero, zf));
  };
}

function liftPopcnt(c: Lift): void {
  const b = c.b, size = c.opSize(0), src = c.read(1);
  const zf = b.op('i32.shl', c.int(size, 'eqz', src), b.i32(6));
  c.write(0, c.int(size, 'popcnt', src));
  c.putStatusFlags(zf);
}

/** Bytes in reverse order. */
function swapped(c: Lift, size: number, v: Value): Value {
  const b = c.b;
  if (size === 2) return b.op('i32.or', b.op('i32.and', b.op('i32.shr_u', v, b.i32(8)), b.i32(0xff)), b.op('i32.shl', b.op('i32.and', v, b.i32(0xff)), b.i32(8)));
  if (size === 4) {
    const odd = b.op('i32.and', b.op('i32.rotl', v, b.i32(8)), b.i32(0x00ff00ff));
    return b.op('i32.or', odd, b.op('i32.and', b.op('i32.rotr', v, b.i32(8)), b.i32(0xff00ff00)));
  }
  const low = swapped(c, 4, b.op('i32.wrap_i64', v)), high = swapped(c, 4, b.op('i32.wrap_i64', b.op('i64.shr_u', v, b.i64(32))));
  return b.op('i64.or', b.op('i64.shl', b.op('i64.extend_i32_u', low), b.i64(32)), b.op('i64.extend_i32_u', high));
}

function liftBswap(c: Lift): void {
  const size = c.opSize(0);
  // undefined for 16 bits: processors give 0
  c.write(0, size === 2 ? c.b.i32(0) : swapped(c, size, c.read(0)));
}

function liftMovbe(c: Lift): void {
  c.write(0, swapped(c, c.opSize(0), c.read(1)));
}

export const bitLifters = {
  bt: bitTest('none'), bts: bitTest('set'), btr: bitTest('reset'), btc: bitTest('complement'), bsf: bitScan('ctz'), bsr: bitScan('clz'),
  tzcnt: countZeros('ctz'), lzcnt: countZeros('clz'), popcnt: liftPopcnt, bswap: liftBswap, movbe: liftMovbe,
} satisfies Record<string, Lifter>;
