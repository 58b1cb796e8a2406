import type { Columns } from '../ir/columns.ts';
import { helperNames, helperSignatures } from '../ir/helpers.ts';
import { opId, ops, Type, type Effect } from '../ir/ops.ts';
import type { Code } from '../wasm/code.ts';
import { wasmCode, WasmType } from '../wasm/opcodes.ts';

/** Machine operations as one code generator (interpreter cases, translated regions, runtime functions) does them. */
export interface Target {
  /** Emits a machine operation; `e.value(row)` puts an operand on the stack. The result, if any, is left on the stack. */
  machine(e: BodyEmitter, row: number, name: string): void;
}

const wasmTypes = [0, WasmType.i32, WasmType.i64, WasmType.f32, WasmType.f64, WasmType.v128];

/** What a deferred value must not be moved across. */
const READS_STATE = 1;
const READS_MEMORY = 2;

const opCodes: number[] = ops.map((op) => (op.numeric || op.name === 'i8x16.shuffle' ? wasmCode(op.name) : -1));
const I32_CONST = opId('i32.const'), I64_CONST = opId('i64.const'), F32_CONST = opId('f32.const'), F64_CONST = opId('f64.const');
const V128_CONST = opId('v128.const'), SHUFFLE = opId('i8x16.shuffle');
const IF = opId('if'), ELSE = opId('else'), END = opId('end'), LOOP = opId('loop'), BLOCK = opId('block'), BR = opId('br'), BR_IF = opId('brIf');
const VAR_GET = opId('var.get'), VAR_SET = opId('var.set');

/**
 * Turns a stretch of IR into WebAssembly code. A value used once is computed where it is used, unless something it reads may
 * have changed by then; the others go to locals.
 */
export class BodyEmitter {
  readonly code: Code;
  readonly ir: Columns;
  readonly target: Target;
  private readonly uses: Uint8Array;
  private readonly skipped: Uint8Array;
  /** Local of a materialised value, -1 = none. */
  private readonly locals: Int32Array;
  /** 1 = emitted where it is used. */
  private readonly deferred: Uint8Array;
  /** READS_ bits of the tree below a deferred value. */
  private readonly reads: Uint8Array;
  private readonly vars: number[] = [];
  private pending: number[] = [];
  private readonly freeLocals = new Map<number, number[]>();
  private readonly taken: [local: number, type: number][] = [];
  /** Labels of open structure operations. */
  private readonly labels: number[] = [];

  constructor(code: Code, ir: Columns, target: Target) {
    this.code = code;
    this.ir = ir;
    this.target = target;
    this.uses = new Uint8Array(ir.length);
    this.skipped = new Uint8Array(ir.length);
    this.locals = new Int32Array(ir.length).fill(-1);
    this.deferred = new Uint8Array(ir.length);
    this.reads = new Uint8Array(ir.length);
  }

  emit(): void {
    this.prepare();
    this.range(0, this.ir.length);
  }

  /** Row `row` (an effect whose result nobody sees) is left out. Before prepare(). */
  skip(row: number): void {
    this.skipped[row] = 1;
  }

  isSkipped(row: number): boolean { return this.skipped[row] !== 0; }

  /** Row `row` is used once more than the IR says. Before prepare(). */
  keep(row: number): void {
    if (this.uses[row]! < 255) this.uses[row]!++;
  }

  /** Counts uses; once, before the first range(). */
  prepare(): void {
    const ir = this.ir;
    for (let n = 0; n < ir.length; n++) {
      if (this.skipped[n] !== 0) continue;
      for (const k of [ir.a[n]!, ir.b[n]!, ir.c[n]!]) if (k >= 0 && this.uses[k]! < 255) this.uses[k]!++;
    }
    for (let n = ir.length - 1; n >= 0; n--) this.releaseDead(n);
  }

  /** Emits rows from..to-1: the whole, or a stretch whose values are not used outside of it (see recycle). */
  range(from: number, to: number): void {
    for (let n = from; n < to; n++) this.row(n);
  }

  /** The values and variables emitted so far are not used any more: their locals may serve again. */
  recycle(): void {
    for (const [local, type] of this.taken) this.giveBack(type, local);
    this.taken.length = 0;
    this.pending.length = 0;
    this.vars.length = 0;
  }

  /** An unused pure value frees its operands. */
  private releaseDead(n: number): void {
    const effect = ops[this.ir.op[n]!]!.effect;
    if (this.uses[n] !== 0 || (effect !== 'pure' && effect !== 'state')) return;
    for (const k of [this.ir.a[n]!, this.ir.b[n]!, this.ir.c[n]!]) if (k >= 0) this.uses[k]!--;
  }

  private row(n: number): void {
    if (this.skipped[n] !== 0) return;
    const ir = this.ir, op = ir.op[n]!, info = ops[op]!;
    const hasResult = ir.type[n] !== Type.none;
    if (hasResult && this.uses[n] === 0 && (info.effect === 'pure' || info.effect === 'state' || op === VAR_GET)) return;
    if (hasResult && info.effect !== 'store' && info.effect !== 'helper') {
      const reads = this.readsOf(n, info.effect);
      if (info.effect === 'load') this.flush(READS_MEMORY, n);
      if (this.uses[n] === 1 || (this.isConstant(op) && info.effect === 'pure')) {
        this.deferred[n] = 1;
        this.reads[n] = reads;
        if (reads !== 0) this.pending.push(n);
        return;
      }
      this.compute(n);
      this.setResult(n);
      return;
    }
    this.effect(n, info.effect);
  }

  private isConstant(op: number): boolean {
    return op === I32_CONST || op === I64_CONST || op === F32_CONST || op === F64_CONST;
  }

  private readsOf(n: number, effect: Effect): number {
    let reads = effect === 'load' ? READS_MEMORY | READS_STATE : effect === 'state' || effect === 'var' ? READS_STATE : 0;
    for (const k of [this.ir.a[n]!, this.ir.b[n]!, this.ir.c[n]!]) if (k >= 0 && this.deferred[k]) reads |= this.reads[k]!;
    return reads;
  }

  private effect(n: number, effect: Effect): void {
    const ir = this.ir, op = ir.op[n]!;
    if (effect === 'control') return this.control(n, op);
    // what is stored is read before the store's own access is tested
    if (effect === 'store') this.flush(READS_MEMORY, n, true);
    else if (effect === 'check') this.flush(READS_MEMORY, n);
    else this.flush(READS_MEMORY | READS_STATE, n);
    if (op === VAR_SET) {
      this.value(ir.a[n]!);
      this.code.set(this.varLocal(ir.imm[n]!));
      return;
    }
    this.compute(n);
    if (ir.type[n] !== Type.none) {
      if (this.uses[n] === 0) this.code.op('drop');
      else this.setResult(n);
    }
  }

  /** Materialises pending values that read what row `n` may change, except those in its own operand tree. */
  private flush(mask: number, n: number, addressOnly = false): void {
    if (this.pending.length === 0) return;
    const own = new Set<number>();
    this.collect(n, own, addressOnly);
    const todo = this.pending.filter((v) => this.deferred[v] && (this.reads[v]! & mask) !== 0 && !own.has(v));
    for (const v of todo) {
      if (!this.deferred[v]) continue; // taken along by another one
      this.materialise(v);
    }
    this.pending = this.pending.filter((v) => this.deferred[v]);
  }

  private collect(n: number, into: Set<number>, first = false): void {
    for (const k of first ? [this.ir.a[n]!] : [this.ir.a[n]!, this.ir.b[n]!, this.ir.c[n]!]) {
      if (k < 0 || !this.deferred[k] || into.has(k)) continue;
      into.add(k);
      this.collect(k, into);
    }
  }

  private materialise(v: number): void {
    this.deferred[v] = 0;
    this.compute(v);
    this.setResult(v);
  }

  private setResult(n: number): void {
    const type = wasmTypes[this.ir.type[n]!]!;
    const local = this.take(type);
    this.locals[n] = local;
    this.code.set(local);
  }

  /** A scratch local that the caller gives back. */
  borrow(type: number): number {
    const free = this.freeLocals.get(type);
    return free && free.length > 0 ? free.pop()! : this.code.local(type);
  }
  giveBack(type: number, local: number): void {
    const free = this.freeLocals.get(type);
    if (free) free.push(local);
    else this.freeLocals.set(type, [local]);
  }

  private varLocal(v: number): number {
    return (this.vars[v] ??= this.take(wasmTypes[this.ir.varTypes[v]!]!));
  }

  /** A local for a value or variable; recycle() gives it back. */
  private take(type: number): number {
    const local = this.borrow(type);
    this.taken.push([local, type]);
    return local;
  }

  /** Structure operations open at the point of emission. */
  get nesting(): number { return this.labels.length; }

  /** Puts a value on the WebAssembly stack. */
  value(n: number): void {
    if (this.deferred[n]) {
      const op = this.ir.op[n]!;
      if (!this.isConstant(op)) this.deferred[n] = 0;
      this.compute(n);
      return;
    }
    const local = this.locals[n]!;
    if (local < 0) throw new Error(`IR value ${n} (${ops[this.ir.op[n]!]!.name}) is used where it is not visible`);
    this.code.get(local);
  }

  private operands(n: number): void {
    const { a, b, c } = this.ir;
    if (a[n]! >= 0) this.value(a[n]!);
    if (b[n]! >= 0) this.value(b[n]!);
    if (c[n]! >= 0) this.value(c[n]!);
  }

  private compute(n: number): void {
    const ir = this.ir, op = ir.op[n]!, info = ops[op]!, code = this.code;
    if (info.numeric || op === SHUFFLE) {
      this.operands(n);
      code.code(opCodes[op]!);
      if (info.lane) code.out.u8(ir.imm[n]!);
      else if (op === SHUFFLE) code.out.raw(ir.wide[ir.imm[n]!]!);
      return;
    }
    switch (op) {
      case I32_CONST: code.i32(ir.imm[n]!); return;
      case I64_CONST: code.i64(ir.imm[n]!, ir.imm2[n]!); return;
      case F32_CONST: code.op('f32.const'); code.out.u32(ir.imm[n]!); return;
      case F64_CONST: code.op('f64.const'); code.out.u32(ir.imm[n]!); code.out.u32(ir.imm2[n]!); return;
      case V128_CONST: code.op('v128.const'); code.out.raw(ir.wide[ir.imm[n]!]!); return;
      case VAR_GET: code.get(this.varLocal(ir.imm[n]!)); return;
    }
    this.target.machine(this, n, info.name);
  }

  private control(n: number, op: number): void {
    const ir = this.ir, code = this.code;
    this.flush(READS_MEMORY | READS_STATE, n);
    switch (op) {
      case IF: this.value(ir.a[n]!); this.labels.push(code.if()); return;
      case ELSE: code.else(); return;
      case LOOP: this.labels.push(code.loop()); return;
      case BLOCK: this.labels.push(code.block()); return;
      case END: this.labels.pop(); code.end(); return;
      case BR: code.br(this.labels[this.labels.length - 1 - ir.imm[n]!]!); return;
      case BR_IF: this.value(ir.a[n]!); code.brIf(this.labels[this.labels.length - 1 - ir.imm[n]!]!); return;
    }
  }

  helperSignature(row: number): { name: string; params: string; result: string } {
    const name = helperNames[this.ir.imm[row]!]!;
    const [params, result] = helperSignatures[name]!.split(':') as [string, string];
    return { name, params, result };
  }
}
