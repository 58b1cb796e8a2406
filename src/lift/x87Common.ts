// What every x87 lifter begins and ends with.

import type { Value } from '../ir/builder.ts';
import { defineHelpers } from '../ir/helpers.ts';
import { helperSignatures, type HelperName } from '../helpers/signatures.ts';
import { Cpu } from '../machine/cpuState.ts';
import { Vector } from '../machine/exit.ts';
import { BIAS } from '../machine/memoryLayout.ts';
import type { Lift } from './context.ts';

const letters = { i32: 'i', i64: 'l', f32: 'f', f64: 'd', v128: 'v' } as const;

/** Makes a compiled helper callable from lifts, with the types its module says it has. */
export function useHelpers(...names: HelperName[]): void {
  for (const name of names) {
    const { params, result } = helperSignatures[name];
    defineHelpers({ [name]: `${params.slice(1).map((t) => letters[t]).join('')}:${result === null ? '' : letters[result]}` });
  }
}

/** A waiting instruction reports a pending unmasked exception (#MF) before it does anything else (SDM vol. 1, 8.7). */
export function waitForX87(c: Lift): void {
  const b = c.b;
  b.if(b.op('i32.and', b.get(4, Cpu.x87Status), b.i32(0x80)), () => c.trap(Vector.MF));
}

function widened(c: Lift, v: Value): Value {
  return c.b.typeOf(v) === 2 ? v : c.b.op('i64.extend_i32_u', v);
}

/**
 * Notes this as the last non-control instruction, with its memory operand if it has one. After the last possible fault.
 * The opcode register is not kept: no lifter knows its ModRM byte, and processors differ in when they update it.
 */
export function notePointers(c: Lift, addr: Value = -1): void {
  c.b.put(8, Cpu.x87Fip, widened(c, c.thisIp()));
  if (addr >= 0) c.b.put(8, Cpu.x87Fdp, widened(c, addr));
}

/** Where a checked guest address lies in linear memory, for helpers that read or write it. */
export function linearOffset(c: Lift, addr: Value): Value {
  const b = c.b;
  const low = b.typeOf(addr) === 2 ? b.op('i32.wrap_i64', addr) : addr;
  return b.op('i32.add', low, b.i32(BIAS));
}
