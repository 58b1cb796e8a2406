/** The jump cache in WebAssembly: which record an address has. An entry's low half is the address, its high half the record. */
import { JUMP_CACHE_FACTOR, JUMP_CACHE_SHIFT } from '../../machine/codeLayout.ts';
import { JUMP_CACHE } from '../../machine/memoryLayout.ts';
import type { Code } from '../../wasm/code.ts';
import { WasmType } from '../../wasm/opcodes.ts';

/** Pushes where the pair of entries of the address in local `address` begins, from JUMP_CACHE on. */
function pairOf(code: Code, address: number): void {
  code.get(address);
  code.i32(JUMP_CACHE_FACTOR | 0);
  code.op('i32.mul');
  code.i32(JUMP_CACHE_SHIFT);
  code.op('i32.shr_u');
  code.i32(4);
  code.op('i32.shl');
}

/** With the pair on the stack, pushes whether its first (0) or second (8) entry, which goes to local `entry`, is of `address`. */
function isEntryOf(code: Code, place: 0 | 8, address: number, entry: number): void {
  // one 64-bit load: another thread may be replacing the entry
  code.mem('i64.load', JUMP_CACHE + place, 3);
  code.tee(entry);
  code.op('i32.wrap_i64');
  code.get(address);
  code.op('i32.eq');
}

/** Pushes the record of an entry, 0 = an empty one. */
function recordOf(code: Code, entry: number): void {
  code.get(entry);
  code.i64(32, 0);
  code.op('i64.shr_u');
  code.op('i32.wrap_i64');
}

/** Does what `found` emits, which gets the local with the record, if one of the two places of `address` in the jump cache has one. */
export function lookup(code: Code, address: number, found: (record: number) => void): void {
  const pair = code.local(WasmType.i32), record = code.local(WasmType.i32), entry = code.local(WasmType.i64);
  pairOf(code, address);
  code.set(pair);
  for (const place of [0, 8] as const) {
    code.get(pair);
    isEntryOf(code, place, address, entry);
    code.if();
    recordOf(code, entry);
    code.tee(record);
    code.if();
    found(record);
    code.end();
    code.end();
  }
}

/** Pushes the record of the address in local `address`, 0 = none: the first entry is looked at here, the second by `lookup`. */
export function findRecord(code: Code, address: number, entry: number, lookup: number): void {
  pairOf(code, address);
  isEntryOf(code, 0, address, entry);
  code.if(WasmType.i32);
  recordOf(code, entry);
  code.else();
  code.get(address);
  code.call(lookup);
  code.end();
}
