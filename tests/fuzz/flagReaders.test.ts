/** Every reader of flags after every kind and size of what sets them: the interpreter has cases of its own for many such pairs. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { Oracle, oracleMissing, OracleState } from '../oracle/oracle.ts';
import type { FuzzCase } from './fuzzCase.ts';
import { InterpreterExecutor } from './interpreterExecutor.ts';
import { Random } from './random.ts';

const helpers = join(dirname(fileURLToPath(import.meta.url)), '../../dist/helpers.wasm');
const RAX = 0, RCX = 1, RDX = 2, RBX = 3;
const CASES_PER_PAIR = 2;

/** ModRM of two registers. */
const registers = (reg: number, rm: number): number => 0xc0 | (reg << 3) | rm;
/** An instruction on operands of 1, 2, 4 or 8 bytes; `opcode` is that for more than one byte, the one before it is for bytes. */
function sized(size: number, opcode: number, ...rest: number[]): number[] {
  const prefix = size === 2 ? [0x66] : size === 8 ? [0x48] : [];
  return [...prefix, size === 1 ? opcode - 1 : opcode, ...rest];
}

interface Setter { name: string; bytes: number[]; overflowUndefined: boolean }

function setters(size: number): Setter[] {
  const plain = (name: string, opcode: number, ...rest: number[]): Setter => ({ name: `${name}${8 * size}`, bytes: sized(size, opcode, ...rest), overflowUndefined: false });
  const shift = (name: string, digit: number, count: number): Setter => ({ ...plain(`${name} ${count} `, 0xc1, registers(digit, RAX), count), overflowUndefined: count !== 1 });
  return [
    plain('add', 0x01, registers(RCX, RAX)), plain('or', 0x09, registers(RCX, RAX)), plain('adc', 0x11, registers(RCX, RAX)), plain('sbb', 0x19, registers(RCX, RAX)),
    plain('and', 0x21, registers(RCX, RAX)), plain('sub', 0x29, registers(RCX, RAX)), plain('xor', 0x31, registers(RCX, RAX)), plain('cmp', 0x39, registers(RCX, RAX)),
    plain('test', 0x85, registers(RCX, RAX)), plain('neg', 0xf7, registers(3, RAX)), plain('inc', 0xff, registers(0, RAX)), plain('dec', 0xff, registers(1, RAX)),
    plain('shl by cl ', 0xd3, registers(4, RAX)),
    ...[1, 5].flatMap((count) => [shift('shl', 4, count), shift('shr', 5, count), shift('sar', 7, count)]),
  ].map((one) => (one.name.startsWith('shl by cl') ? { ...one, overflowUndefined: true } : one));
}

interface Reader { name: string; bytes: number[]; readsOverflow: boolean }

function readers(mode: 32 | 64): Reader[] {
  const list: Reader[] = [];
  const sizes = mode === 64 ? [4, 8] : [4];
  for (let cc = 0; cc < 16; cc++) {
    const readsOverflow = cc < 2 || cc >= 12;
    list.push({ name: `setcc ${cc}`, bytes: [0x0f, 0x90 | cc, registers(0, RDX)], readsOverflow });
    // over an instruction that shows whether it was jumped over
    list.push({ name: `jcc ${cc}`, bytes: [0x70 | cc, 2, 0xb2, 0x5a], readsOverflow });
    for (const size of sizes) list.push({ name: `cmovcc ${cc} ${size}`, bytes: [...(size === 8 ? [0x48] : []), 0x0f, 0x40 | cc, registers(RDX, RBX)], readsOverflow });
  }
  for (const size of [1, 2, ...sizes]) {
    for (const [name, opcode] of [['adc', 0x11], ['sbb', 0x19]] as const) list.push({ name: `${name} ${size}`, bytes: sized(size, opcode, registers(RBX, RDX)), readsOverflow: false });
    // what they keep is seen by setc
    for (const digit of [0, 1]) list.push({ name: `inc/dec ${size}`, bytes: [...sized(size, 0xff, registers(digit, RDX)), 0x0f, 0x92, registers(0, RBX)], readsOverflow: false });
  }
  return list;
}

for (const mode of [64, 32] as const) {
  it.skipIf(oracleMissing(mode) !== undefined || !existsSync(helpers))(`every reader of flags after everything that sets them, ${mode}-bit mode`, () => {
    const random = new Random(11), names: string[] = [], cases: FuzzCase[] = [];
    for (const setter of (mode === 64 ? [1, 2, 4, 8] : [1, 2, 4]).flatMap(setters)) {
      for (const reader of readers(mode)) {
        if (setter.overflowUndefined && reader.readsOverflow) continue;
        for (let k = 0; k < CASES_PER_PAIR; k++) {
          const state = new OracleState(), value = (): bigint => (mode === 64 ? random.integer() : BigInt.asUintN(32, random.integer()));
          const a = value();
          for (const r of [RCX, RDX, RBX]) state.setGpr(r, value());
          state.setGpr(RAX, a);
          // equal operands are what ZF and borrows turn on; no shift by more than the operand, whose CF is undefined
          if (random.chance(0.2)) state.setGpr(RCX, a);
          if (setter.name.startsWith('shl by cl')) state.setGpr(RCX, random.below(8));
          state.eflags = 0x202 | (random.chance(0.5) ? 1 : 0);
          names.push(`${setter.name}, ${reader.name}`);
          cases.push({ code: Uint8Array.from([...setter.bytes, ...reader.bytes]), state, seed: 0, patches: [] } as unknown as FuzzCase);
        }
      }
    }
    const native = new Oracle(mode).run(cases), executor = new InterpreterExecutor(mode, helpers), wrong: string[] = [];
    expect(native.filter((r) => r.lost || r.signo !== 0)).toEqual([]);
    const text = (s: OracleState): string => [RAX, RCX, RDX, RBX].map((r) => s.gpr(r).toString(16)).join(' ');
    cases.forEach((c, k) => {
      const before = text(c.state), theirs = text(native[k]!.state), ours = text(executor.run({ ...c, exactSse: false }).state);
      if (theirs !== ours) wrong.push(`${names[k]}: ${before} -> ${theirs} / ${ours}`);
    });
    expect(wrong.slice(0, 5)).toEqual([]);
  });
}
