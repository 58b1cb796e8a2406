import { bounds } from './bounds.ts';
import { Columns } from './columns.ts';
import { helperIndex, helperSignatures } from './helpers.ts';
import { MemFlag, opId, ops, Type, type RegRef, type TypeName } from './ops.ts';

/** Row number of the operation that makes the value. */
export type Value = number;
export const NO_VALUE = -1;
export type Width = 1 | 2 | 4 | 8 | 16;
/** A mutable cell; lives as long as the instruction's IR. */
export type Var = number;

const letterType: Record<string, number> = { i: Type.i32, l: Type.i64, f: Type.f32, d: Type.f64, v: Type.v128, '': Type.none };
const typeNumber: Record<TypeName, number> = { i32: Type.i32, i64: Type.i64, f32: Type.f32, f64: Type.f64, v128: Type.v128 };
const resultTypes = ops.map((op) => letterType[op.result] ?? Type.none);

function sized(prefix: string): Record<number, number> {
  return { 1: opId(`${prefix}8`), 2: opId(`${prefix}16`), 4: opId(`${prefix}32`), 8: opId(`${prefix}64`), 16: opId(`${prefix}128`) };
}
const GET = sized('get');
const PUT = sized('put');
const LOAD = sized('load');
const STORE = sized('store');
const GET_AT = sized('getAt');
const PUT_AT = sized('putAt');
const IF = opId('if'), ELSE = opId('else'), END = opId('end'), LOOP = opId('loop'), BLOCK = opId('block'), BR = opId('br'), BR_IF = opId('brIf');
const VAR_GET = opId('var.get'), VAR_SET = opId('var.set'), HELPER = opId('helper');
const I32_CONST = opId('i32.const'), I64_CONST = opId('i64.const');
const bits = new DataView(new ArrayBuffer(8));

/** Appends operations to columns. Nothing is simplified here beyond what costs nothing. */
export class IrBuilder {
  readonly code: Columns;
  /** Nesting depth of if, loop and block. */
  depth = 0;
  constructor(code: Columns = new Columns()) {
    this.code = code;
  }

  reset(): void {
    this.code.clear();
    this.depth = 0;
  }

  /** A numeric, SIMD or machine operation without immediates, by its name. */
  op(name: string, a: Value = -1, b: Value = -1, c: Value = -1): Value {
    const id = opId(name);
    return this.code.push(id, resultTypes[id]!, a, b, c, 0, 0);
  }

  /** A machine operation with immediates. */
  opImm(name: string, imm: number, imm2 = 0, a: Value = -1, b: Value = -1, c: Value = -1): Value {
    const id = opId(name);
    return this.code.push(id, resultTypes[id]!, a, b, c, imm, imm2);
  }

  /** extract_lane and replace_lane. */
  lane(name: string, lane: number, a: Value, b: Value = -1): Value {
    const id = opId(name);
    return this.code.push(id, resultTypes[id]!, a, b, -1, lane, 0);
  }

  /** i8x16.shuffle: 16 byte numbers, 0..15 from a, 16..31 from b. */
  shuffle(a: Value, b: Value, bytes: ArrayLike<number>): Value {
    this.code.wide.push(Uint8Array.from(bytes));
    return this.opImm('i8x16.shuffle', this.code.wide.length - 1, 0, a, b);
  }

  i32(n: number): Value {
    return this.code.push(I32_CONST, Type.i32, -1, -1, -1, n | 0, 0);
  }

  /** From a small integer (sign-extended), or from two 32-bit halves. */
  i64(low: number, high?: number): Value {
    return this.code.push(I64_CONST, Type.i64, -1, -1, -1, low | 0, high === undefined ? (low < 0 ? -1 : Math.floor(low / 0x1_0000_0000)) | 0 : high | 0);
  }

  f32(x: number): Value {
    bits.setFloat32(0, x);
    return this.opImm('f32.const', bits.getInt32(0));
  }

  f64(x: number): Value {
    bits.setFloat64(0, x);
    return this.opImm('f64.const', bits.getInt32(4), bits.getInt32(0));
  }

  /** From four 32-bit words, lowest first. */
  v128(w0: number, w1: number, w2: number, w3: number): Value {
    this.code.wide.push(new Uint8Array(Int32Array.of(w0, w1, w2, w3).buffer));
    return this.opImm('v128.const', this.code.wide.length - 1);
  }

  /** A number of bounds.ts. */
  bound(number: number): Value {
    return this.opImm(`bound.${bounds[number]!.type}`, number);
  }

  /** Constant of type i32 or i64 from a small integer. */
  int(type: TypeName, n: number): Value {
    return type === 'i64' ? this.i64(n) : this.i32(n);
  }

  typeOf(v: Value): number {
    return this.code.type[v]!;
  }

  /** The CPU state. 1, 2: i32 zero-extended; 4: i32; 8: i64; 16: v128. */
  get(width: Width, ref: RegRef): Value {
    const id = GET[width]!;
    return this.code.push(id, resultTypes[id]!, -1, -1, -1, ref, 0);
  }

  put(width: Width, ref: RegRef, value: Value): void {
    this.code.push(PUT[width]!, 0, value, -1, -1, ref, 0);
  }

  getF32(ref: RegRef): Value { return this.opImm('get.f32', ref); }
  getF64(ref: RegRef): Value { return this.opImm('get.f64', ref); }
  putF32(ref: RegRef, v: Value): void { this.opImm('put.f32', ref, 0, v); }
  putF64(ref: RegRef, v: Value): void { this.opImm('put.f64', ref, 0, v); }

  /** The CPU state at `add` + a computed byte offset (i32). */
  getAt(width: Width, offset: Value, add = 0): Value {
    const id = GET_AT[width]!;
    return this.code.push(id, resultTypes[id]!, offset, -1, -1, add, 0);
  }

  putAt(width: Width, offset: Value, value: Value, add = 0): void {
    this.code.push(PUT_AT[width]!, 0, offset, value, -1, add, 0);
  }

  /** Guest memory. */
  load(width: Width, addr: Value, flags: number = MemFlag.none): Value {
    const id = LOAD[width]!;
    return this.code.push(id, resultTypes[id]!, addr, -1, -1, flags, 0);
  }

  store(width: Width, addr: Value, value: Value, flags: number = MemFlag.none): void {
    this.code.push(STORE[width]!, 0, addr, value, -1, flags, 0);
  }

  loadF32(addr: Value, flags = 0): Value { return this.opImm('load.f32', flags, 0, addr); }
  loadF64(addr: Value, flags = 0): Value { return this.opImm('load.f64', flags, 0, addr); }
  storeF32(addr: Value, v: Value, flags = 0): void { this.opImm('store.f32', flags, 0, addr, v); }
  storeF64(addr: Value, v: Value, flags = 0): void { this.opImm('store.f64', flags, 0, addr, v); }

  /** Values made inside a branch are not visible after it: use variables. */
  if(cond: Value, then: () => void, otherwise?: () => void): void {
    this.code.push(IF, 0, cond, -1, -1, 0, 0);
    this.depth++;
    then();
    if (otherwise) {
      this.code.push(ELSE, 0, -1, -1, -1, 0, 0);
      otherwise();
    }
    this.depth--;
    this.code.push(END, 0, -1, -1, -1, 0, 0);
  }

  /** Runs `body` once; `repeat(cond?)` inside it starts it again, falling off its end leaves. */
  loop(body: (repeat: (cond?: Value) => void) => void): void {
    this.nest(LOOP, body);
  }

  /** Runs `body`; `leave(cond?)` inside it goes to its end. */
  block(body: (leave: (cond?: Value) => void) => void): void {
    this.nest(BLOCK, body);
  }

  private nest(op: number, body: (jump: (cond?: Value) => void) => void): void {
    this.code.push(op, 0, -1, -1, -1, 0, 0);
    const depth = ++this.depth;
    body((cond) => {
      if (cond === undefined) this.code.push(BR, 0, -1, -1, -1, this.depth - depth, 0);
      else this.code.push(BR_IF, 0, cond, -1, -1, this.depth - depth, 0);
    });
    this.depth--;
    this.code.push(END, 0, -1, -1, -1, 0, 0);
  }

  var(type: TypeName, initial?: Value): Var {
    const v = this.code.varTypes.length;
    this.code.varTypes.push(typeNumber[type]);
    if (initial !== undefined) this.setVar(v, initial);
    return v;
  }

  getVar(v: Var): Value {
    return this.code.push(VAR_GET, this.code.varTypes[v]!, -1, -1, -1, v, 0);
  }

  setVar(v: Var, value: Value): void {
    this.code.push(VAR_SET, 0, value, -1, -1, v, 0);
  }

  /** `cond ? then : otherwise`, both evaluated. */
  select(cond: Value, then: Value, otherwise: Value): Value {
    const type = this.typeOf(then);
    const name = type === Type.i32 ? 'i32' : type === Type.i64 ? 'i64' : type === Type.f32 ? 'f32' : type === Type.f64 ? 'f64' : 'v128';
    return this.op(`${name}.select`, then, otherwise, cond);
  }

  /** At most three operands; more go through Cpu.scratch. */
  helper(name: string, a: Value = -1, b: Value = -1, c: Value = -1): Value {
    const index = helperIndex.get(name);
    const signature = helperSignatures[name];
    if (index === undefined || signature === undefined) throw new Error(`helper ${name} is not defined (defineHelpers)`);
    return this.code.push(HELPER, letterType[signature.slice(signature.indexOf(':') + 1)]!, a, b, c, index, 0);
  }
}
