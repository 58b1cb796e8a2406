/**
 * Guest registers of a region in WebAssembly locals: general registers (i64 in 64-bit mode, i32 in 32-bit mode), xmm (v128)
 * and the lazy flags. They are loaded at the region's entry and behind calls, and written back at calls and exits.
 */
import type { Columns } from '../ir/columns.ts';
import { helperNames } from '../ir/helpers.ts';
import { opId, ops } from '../ir/ops.ts';
import { Cpu } from '../machine/cpuState.ts';
import type { Code } from '../wasm/code.ts';
import { WasmType } from '../wasm/opcodes.ts';
import type { BodyEmitter } from './body.ts';
import { BoundLocals } from './boundCode.ts';

const GPR_END = Cpu.gpr + 16 * 8;
const XMM_END = Cpu.xmm + 16 * 16;
const HELPER = opId('helper'), SET_FLAGS = opId('setFlags'), PUT_STATUS = opId('putStatusFlags');
/** Operations with a number of ir/bounds.ts. */
const BOUNDS = new Set([opId('bound.f32'), opId('bound.f64'), opId('bound.v128')]);
const FLAG_READERS = new Set([opId('cond'), opId('flag'), opId('statusFlags')]);

/** Value of the ccOp local while the flags are where they were at the region's entry: in the CPU state. */
const IN_MEMORY = -1;

/** Which registers a stretch of IR reads or writes, as bit masks. */
export class RegisterUse {
  gprRead = 0;
  gprWritten = 0;
  xmmRead = 0;
  xmmWritten = 0;
  flagsRead = false;
  flagsWritten = false;
  helpers = false;
  readonly bounds = new Set<number>();

  scan(ir: Columns): void {
    for (let n = 0; n < ir.length; n++) {
      const op = ir.op[n]!, effect = ops[op]!.effect;
      if (op === SET_FLAGS || op === PUT_STATUS) this.flagsWritten = true;
      else if (FLAG_READERS.has(op)) this.flagsRead = true;
      else if (op === HELPER) this.helpers = true;
      else if (BOUNDS.has(op)) this.bounds.add(ir.imm[n]!);
      else if (effect === 'state' || effect === 'put') this.place(ir.imm[n]!, effect === 'put', ops[op]!.name);
    }
  }

  private place(ref: number, written: boolean, name: string): void {
    if (name.startsWith('getAt') || name.startsWith('putAt')) return;
    if (ref < GPR_END) {
      if (written) this.gprWritten |= 1 << (ref >> 3);
      else this.gprRead |= 1 << (ref >> 3);
    } else if (ref >= Cpu.xmm && ref < XMM_END) {
      if (written) this.xmmWritten |= 1 << ((ref - Cpu.xmm) >> 4);
      else this.xmmRead |= 1 << ((ref - Cpu.xmm) >> 4);
    }
  }
}

/** True for a place in the CPU state that a region holds in a local. */
export function inLocal(ref: number): boolean {
  return ref < GPR_END || (ref >= Cpu.xmm && ref < XMM_END);
}

export class RegionState {
  readonly code: Code;
  /** 64-bit mode. */
  readonly wide: boolean;
  readonly use: RegisterUse;
  readonly cpu = 0;
  private readonly gprLocals: number[] = [];
  private readonly xmmLocals: number[] = [];
  readonly ccOp: number;
  readonly ccDst: number;
  readonly ccSrc: number;
  readonly ccSrc2: number;
  /** First operand of the last subtraction, where `FlagState.minuend` says so. */
  readonly ccMinuend: number;
  readonly wordType: number;
  readonly bounds: BoundLocals;

  /** `plain`: of the version of a region that notes no floating-point flags. */
  constructor(code: Code, wide: boolean, use: RegisterUse, plain: boolean) {
    this.code = code;
    this.wide = wide;
    this.use = use;
    this.wordType = wide ? WasmType.i64 : WasmType.i32;
    const gprs = use.gprRead | use.gprWritten, xmms = use.xmmRead | use.xmmWritten;
    for (let r = 0; r < 16; r++) this.gprLocals.push((gprs >> r) & 1 ? code.local(this.wordType) : -1);
    for (let r = 0; r < 16; r++) this.xmmLocals.push((xmms >> r) & 1 ? code.local(WasmType.v128) : -1);
    const flags = use.flagsRead || use.flagsWritten;
    this.ccOp = flags ? code.local(WasmType.i32) : -1;
    this.ccDst = flags ? code.local(this.wordType) : -1;
    this.ccSrc = flags ? code.local(this.wordType) : -1;
    this.ccSrc2 = flags ? code.local(this.wordType) : -1;
    this.ccMinuend = flags ? code.local(this.wordType) : -1;
    this.bounds = new BoundLocals(code, this.cpu, use.bounds, plain);
  }

  /** Registers of `mask` (see regionSync.ts) from the CPU state. */
  load(mask: number): void {
    const load = this.wide ? 'i64.load' : 'i32.load';
    for (let r = 0; r < 16; r++) {
      if ((mask >> r) & 1) this.fetch(load, Cpu.gpr + 8 * r, this.gprLocals[r]!);
      if ((mask >> (16 + r)) & 1) this.fetch('v128.load', Cpu.xmm + 16 * r, this.xmmLocals[r]!);
    }
  }

  /** Registers of `mask` to the CPU state. */
  store(mask: number): void {
    const store = this.wide ? 'i64.store' : 'i32.store';
    for (let r = 0; r < 16; r++) {
      if ((mask >> r) & 1) this.keep(store, Cpu.gpr + 8 * r, this.gprLocals[r]!);
      if ((mask >> (16 + r)) & 1) this.keep('v128.store', Cpu.xmm + 16 * r, this.xmmLocals[r]!);
    }
  }

  loadXmms(): void {
    this.load((this.use.xmmRead | this.use.xmmWritten) << 16);
  }

  /** The flags are in the CPU state, not in the locals. */
  flagsInMemory(): void {
    if (this.ccOp < 0) return;
    this.code.i32(IN_MEMORY);
    this.code.set(this.ccOp);
  }

  storeXmms(): void {
    this.store(this.use.xmmWritten << 16);
  }

  /** `stored` tells which fields mean anything, when that is known. */
  storeFlags(stored: { src: boolean; src2: boolean } | null = null): void {
    const store = this.wide ? 'i64.store' : 'i32.store', code = this.code;
    if (stored === null) {
      code.get(this.ccOp);
      code.i32(IN_MEMORY);
      code.op('i32.ne');
      code.if();
    }
    this.keep('i32.store', Cpu.ccOp, this.ccOp);
    this.keep(store, Cpu.ccDst, this.ccDst);
    if (stored?.src !== false) this.keep(store, Cpu.ccSrc, this.ccSrc);
    if (stored?.src2 !== false) this.keep(store, Cpu.ccSrc2, this.ccSrc2);
    if (stored === null) code.end();
  }

  private fetch(name: string, offset: number, local: number): void {
    this.code.get(this.cpu);
    this.code.mem(name, offset);
    this.code.set(local);
  }

  private keep(name: string, offset: number, local: number): void {
    this.code.get(this.cpu);
    this.code.get(local);
    this.code.mem(name, offset);
  }

  /** Reads `bytes` at `ref`: leaves i32 (1, 2, 4 bytes), i64 (8), v128 (16), or the float type. */
  read(ref: number, bytes: number, float = false): void {
    if (ref < GPR_END) this.readGpr(ref, bytes);
    else this.readXmm(ref - Cpu.xmm, bytes, float);
  }

  private readGpr(ref: number, bytes: number): void {
    const code = this.code, high = ref & 7;
    code.get(this.gprLocals[ref >> 3]!);
    if (bytes === 8) {
      if (!this.wide) code.op('i64.extend_i32_u');
      return;
    }
    if (this.wide) {
      if (high >= 4) {
        code.i64(32, 0);
        code.op('i64.shr_u');
      }
      code.op('i32.wrap_i64');
    }
    if ((high & 3) !== 0) {
      code.i32(8 * (high & 3));
      code.op('i32.shr_u');
    }
    if (bytes < 4) {
      code.i32(bytes === 1 ? 0xff : 0xffff);
      code.op('i32.and');
    }
  }

  private readXmm(at: number, bytes: number, float: boolean): void {
    const code = this.code, byte = at & 15;
    code.get(this.xmmLocals[at >> 4]!);
    if (bytes === 16) return;
    const name = bytes === 8 ? (float ? 'f64x2' : 'i64x2') : bytes === 4 ? (float ? 'f32x4' : 'i32x4') : bytes === 2 ? 'i16x8' : 'i8x16';
    code.op(`${name}.extract_lane${bytes < 4 ? '_u' : ''}`);
    code.out.u8(byte / bytes);
  }

  /** Writes the value of IR row `row` to `bytes` at `ref`. */
  write(ref: number, bytes: number, e: BodyEmitter, row: number, float = false): void {
    if (ref < GPR_END) this.writeGpr(ref, bytes, e, row);
    else this.writeXmm(ref - Cpu.xmm, bytes, e, row, float);
  }

  private writeGpr(ref: number, bytes: number, e: BodyEmitter, row: number): void {
    const code = this.code, local = this.gprLocals[ref >> 3]!, word = this.wide ? 'i64' : 'i32';
    if (bytes === 8 || (bytes === 4 && !this.wide)) {
      e.value(row);
      if (bytes === 8 && !this.wide) code.op('i32.wrap_i64');
      code.set(local);
      return;
    }
    const shift = 8 * (ref & 7);
    const mask = bytes === 4 ? 0xffffffff : bytes === 2 ? 0xffff : 0xff;
    code.get(local);
    if (this.wide) code.i64(bytes === 4 ? 0 : ~(mask << shift), -1);
    else code.i32(~(mask << shift));
    code.op(`${word}.and`);
    e.value(row);
    if (bytes < 4) {
      code.i32(mask);
      code.op('i32.and');
      if (shift !== 0) {
        code.i32(shift);
        code.op('i32.shl');
      }
    }
    if (this.wide) code.op('i64.extend_i32_u');
    code.op(`${word}.or`);
    code.set(local);
  }

  private writeXmm(at: number, bytes: number, e: BodyEmitter, row: number, float: boolean): void {
    const code = this.code, local = this.xmmLocals[at >> 4]!, byte = at & 15;
    if (bytes === 16) e.value(row);
    else {
      code.get(local);
      e.value(row);
      const name = bytes === 8 ? (float ? 'f64x2' : 'i64x2') : bytes === 4 ? (float ? 'f32x4' : 'i32x4') : bytes === 2 ? 'i16x8' : 'i8x16';
      code.op(`${name}.replace_lane`);
      code.out.u8(byte / bytes);
    }
    code.set(local);
  }

  /** Around a helper: it reads and writes xmm registers in the CPU state. */
  get hasXmm(): boolean { return (this.use.xmmRead | this.use.xmmWritten) !== 0; }
}

/** Names of the helpers IR rows call, for imports. */
export function helpersOf(ir: Columns): Set<string> {
  const names = new Set<string>();
  for (let n = 0; n < ir.length; n++) if (ir.op[n] === HELPER) names.add(helperNames[ir.imm[n]!]!);
  return names;
}
