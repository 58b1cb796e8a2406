/** Atomic operations of interpreter cases; those across their natural alignment run under a lock of the process. */
import type { BodyEmitter } from '../../emit/body.ts';
import { Rmw } from '../../ir/ops.ts';
import { Globals } from '../../machine/codeLayout.ts';
import { Access } from '../../machine/exit.ts';
import { BIAS } from '../../machine/memoryLayout.ts';
import type { Code } from '../../wasm/code.ts';
import { WasmType } from '../../wasm/opcodes.ts';
import type { CaseCode } from './caseCode.ts';
import { check } from './memoryCode.ts';

const rmwNames = ['add', 'sub', 'and', 'or', 'xor', 'xchg'];

/** Runs `plain` under the lock for atomics that cross their natural alignment, `atomic` otherwise. Both leave one value. */
function atomicOr(t: CaseCode, e: BodyEmitter, a: number, bytes: number, type: number, atomic: () => void, plain: () => void): void {
  const { code } = e;
  if (bytes === 1) return atomic();
  code.get(a);
  code.i32(bytes - 1);
  code.op('i32.and');
  code.op('i32.eqz');
  code.if(type);
  atomic();
  code.else();
  lockSplit(code);
  plain();
  unlockSplit(code);
  code.end();
}

export function lockSplit(code: Code): void {
  const again = code.loop();
  code.i32(0);
  code.i32(0);
  code.i32(1);
  code.mem('i32.atomic.rmw.cmpxchg', Globals.splitLock, 2);
  code.brIf(again);
  code.end();
}

export function unlockSplit(code: Code): void {
  code.i32(0);
  code.i32(0);
  code.mem('i32.atomic.store', Globals.splitLock, 2);
}

export function rmw(t: CaseCode, e: BodyEmitter, row: number): void {
  const { ir, code } = e, bytes = ir.imm[row]!, wide = bytes === 8, kind = ir.imm2[row]!;
  const type = wide ? WasmType.i64 : WasmType.i32, prefix = wide ? 'i64' : 'i32', suffix = bytes < 4 ? String(bytes * 8) : '';
  const v = e.borrow(type), old = e.borrow(type);
  e.value(ir.b[row]!);
  code.set(v);
  const a = check(t, e, ir.a[row]!, bytes, Access.read | Access.write);
  const loadOp = `${prefix}.load${suffix}${suffix === '' ? '' : '_u'}`;
  atomicOr(t, e, a, bytes, type, () => {
    code.get(a);
    code.get(v);
    code.mem(`${prefix}.atomic.rmw${suffix}.${rmwNames[kind]}${suffix === '' ? '' : '_u'}`, BIAS, Math.log2(bytes));
  }, () => {
    code.get(a);
    code.get(a);
    code.mem(loadOp, BIAS);
    code.tee(old);
    code.get(v);
    if (kind === Rmw.xchg) { code.set(v); code.op('drop'); code.get(v); }
    else code.op(`${prefix}.${rmwNames[kind]}`);
    code.mem(`${prefix}.store${suffix}`, BIAS);
    code.get(old);
  });
  e.giveBack(type, v); e.giveBack(type, old); e.giveBack(WasmType.i32, a);
}

export function cmpxchg(t: CaseCode, e: BodyEmitter, row: number): void {
  const { ir, code } = e, bytes = ir.imm[row]!, wide = bytes === 8;
  const type = wide ? WasmType.i64 : WasmType.i32, prefix = wide ? 'i64' : 'i32', suffix = bytes < 4 ? String(bytes * 8) : '';
  const expected = e.borrow(type), replacement = e.borrow(type), old = e.borrow(type);
  e.value(ir.b[row]!);
  if (bytes < 4) { code.i32(bytes === 1 ? 0xff : 0xffff); code.op('i32.and'); }
  code.set(expected);
  e.value(ir.c[row]!);
  code.set(replacement);
  const a = check(t, e, ir.a[row]!, bytes, Access.read | Access.write);
  atomicOr(t, e, a, bytes, type, () => {
    code.get(a);
    code.get(expected);
    code.get(replacement);
    code.mem(`${prefix}.atomic.rmw${suffix}.cmpxchg${suffix === '' ? '' : '_u'}`, BIAS, Math.log2(bytes));
  }, () => {
    code.get(a);
    code.mem(`${prefix}.load${suffix}${suffix === '' ? '' : '_u'}`, BIAS);
    code.tee(old);
    code.get(expected);
    code.op(`${prefix}.eq`);
    code.if();
    code.get(a);
    code.get(replacement);
    code.mem(`${prefix}.store${suffix}`, BIAS);
    code.end();
    code.get(old);
  });
  e.giveBack(type, expected); e.giveBack(type, replacement); e.giveBack(type, old); e.giveBack(WasmType.i32, a);
}
