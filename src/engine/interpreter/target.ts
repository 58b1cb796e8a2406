import type { BodyEmitter, Target } from '../../emit/body.ts';
import { Field, MemFlag, refAdd, refField, Rmw, Type } from '../../ir/ops.ts';
import { Case, EngineExit, EngineField, FOREIGN_REGION, Globals, RECORD_SIZE } from '../../machine/codeLayout.ts';
import { CcOp, Cpu } from '../../machine/cpuState.ts';
import { Access, Exit, Vector } from '../../machine/exit.ts';
import { BIAS, PERMISSION_TABLE } from '../../machine/memoryLayout.ts';
import type { Code } from '../../wasm/code.ts';
import { WasmType } from '../../wasm/opcodes.ts';

/** Functions every case may call; numbers in the module. */
export interface RuntimeFunctions {
  slow: number;
  span: number;
  leaveFault: number;
  leaveTrap: number;
  leaveAt: number;
  lookup: number;
  flags: Record<number, number>;
  cond: number[];
  statusFlags: number;
  /** Type (cpu, depth) -> i32 of translated regions. */
  regionType: number;
  timeStamp: number;
  helper(name: string): number;
}

const CPU = 0;
const RECORD = 1;
const widthOps: Record<string, [load: string, store: string]> = {
  8: ['i32.load8_u', 'i32.store8'], 16: ['i32.load16_u', 'i32.store16'], 32: ['i32.load', 'i32.store'], 64: ['i64.load', 'i64.store'],
  '.f32': ['f32.load', 'f32.store'], '.f64': ['f64.load', 'f64.store'], 128: ['v128.load', 'v128.store'],
};
const widthBytes: Record<string, number> = { 8: 1, 16: 2, 32: 4, 64: 8, '.f32': 4, '.f64': 8, 128: 16 };
const rmwNames = ['add', 'sub', 'and', 'or', 'xor', 'xchg'];

/** How a case ends: inside the big loop, or in a function of its own. */
export interface CaseEnd {
  /** The next record's offset is on the stack. */
  goOn(code: Code): void;
  /** Everything for the dispatcher has been written. */
  leave(code: Code): void;
  /** Jumps count this local down to leave now and then; -1 = not. */
  fuel: number;
  /** To the record after this one, and along its link, where cases share code for that. */
  next?(code: Code): void;
  taken?(code: Code): void;
}

/** IR of one instruction -> the code of an interpreter case. Locals 0 and 1 are the CPU pointer and the record. */
export class InterpreterTarget implements Target {
  readonly run: RuntimeFunctions;
  readonly end: CaseEnd;
  constructor(run: RuntimeFunctions, end: CaseEnd) {
    this.run = run;
    this.end = end;
  }

  machine(e: BodyEmitter, row: number, name: string): void {
    const { ir, code } = e;
    const imm = ir.imm[row]!;
    if (name.startsWith('getAt')) return this.at(e, row, widthOps[name.slice(5)]![0], false);
    if (name.startsWith('putAt')) return this.at(e, row, widthOps[name.slice(5)]![1], true);
    if (name.startsWith('get')) {
      this.place(code, imm);
      code.mem(widthOps[name.slice(3)]![0], imm >= 0 ? imm : refAdd(imm));
      return;
    }
    if (name.startsWith('put') && name !== 'putStatusFlags') {
      this.place(code, imm);
      e.value(ir.a[row]!);
      code.mem(widthOps[name.slice(3)]![1], imm >= 0 ? imm : refAdd(imm));
      return;
    }
    if (name.startsWith('load')) return this.load(e, row, name.slice(4));
    if (name.startsWith('store')) return this.store(e, row, name.slice(5));
    const method = machineOps[name];
    if (!method) throw new Error(`interpreter: no code for ${name}`);
    method(this, e, row);
  }

  private place(code: Code, ref: number): void {
    code.get(CPU);
    if (ref >= 0) return;
    code.get(RECORD);
    code.mem('i32.load16_u', refField(ref), 1);
    code.op('i32.add');
  }

  private at(e: BodyEmitter, row: number, op: string, store: boolean): void {
    const { ir, code } = e;
    code.get(CPU);
    e.value(ir.a[row]!);
    code.op('i32.add');
    if (store) e.value(ir.b[row]!);
    code.mem(op, ir.imm[row]!);
  }

  field(code: Code, field: number): void {
    code.get(RECORD);
    const op = field === Field.seg || field === Field.scale ? 'i32.load8_u' : field >= Field.r0 && field <= Field.index ? 'i32.load16_u' : 'i32.load';
    code.mem(op, field);
  }

  /**
   * Tests an access; leaves if it is refused. Afterwards the returned local holds the guest address as i32.
   * The local belongs to the caller (giveBack).
   */
  check(e: BodyEmitter, addr: number, bytes: number, access: number, aligned = false): number {
    const { code, ir } = e;
    const a = e.borrow(WasmType.i32);
    const long = ir.type[addr] === Type.i64;
    e.value(addr);
    let wide = -1;
    if (long) {
      wide = e.borrow(WasmType.i64);
      code.tee(wide);
      code.op('i32.wrap_i64');
    }
    code.set(a);
    // #GP of a misaligned operand comes before any page fault.
    if (aligned) this.aligned(e, a);
    code.get(a);
    code.i32(12);
    code.op('i32.shr_u');
    code.mem('i32.load8_u', PERMISSION_TABLE);
    code.i32(access);
    code.op('i32.and');
    if (access === 1 || access === 2) code.op('i32.eqz');
    else { code.i32(access); code.op('i32.ne'); }
    if (long) {
      code.get(wide);
      code.i64(32, 0);
      code.op('i64.shr_u');
      code.op('i32.wrap_i64');
      code.op('i32.or');
    }
    if (bytes > 1 && !aligned) {
      code.get(a);
      code.i32(0xfff);
      code.op('i32.and');
      code.i32(0x1000 - bytes);
      code.op('i32.gt_u');
      code.op('i32.or');
    }
    code.if();
    this.callSlow(e, a, wide, () => code.i32(bytes), access);
    code.end();
    if (wide >= 0) e.giveBack(WasmType.i64, wide);
    return a;
  }

  private callSlow(e: BodyEmitter, a: number, wide: number, bytes: () => void, access: number): void {
    const { code } = e;
    code.get(CPU);
    code.get(RECORD);
    if (wide >= 0) code.get(wide);
    else { code.get(a); code.op('i64.extend_i32_u'); }
    bytes();
    code.i32(access);
    code.call(this.run.slow);
    code.op('i32.eqz');
    code.if();
    this.end.leave(code);
    code.end();
  }

  /** As check, for a length known at run time only. */
  checkN(e: BodyEmitter, addr: number, length: number, access: number): void {
    const { code, ir } = e;
    const a = e.borrow(WasmType.i32), wide = e.borrow(WasmType.i64), n = e.borrow(WasmType.i32);
    e.value(addr);
    if (ir.type[addr] === Type.i32) code.op('i64.extend_i32_u');
    code.set(wide);
    e.value(length);
    code.set(n);
    this.callSlow(e, a, wide, () => code.get(n), access);
    e.giveBack(WasmType.i32, a); e.giveBack(WasmType.i64, wide); e.giveBack(WasmType.i32, n);
  }

  private plainAddress(e: BodyEmitter, addr: number): void {
    e.value(addr);
    if (e.ir.type[addr] === Type.i64) e.code.op('i32.wrap_i64');
  }

  private load(e: BodyEmitter, row: number, width: string): void {
    const { ir, code } = e, flags = ir.imm[row]!, addr = ir.a[row]!, bytes = widthBytes[width]!;
    const op = widthOps[width]![0];
    if (flags & MemFlag.checked) {
      this.plainAddress(e, addr);
      code.mem(op, BIAS);
      return;
    }
    const a = this.check(e, addr, bytes, flags & MemFlag.forWrite ? Access.read | Access.write : Access.read, (flags & MemFlag.aligned16) !== 0);
    code.get(a);
    code.mem(op, BIAS);
    e.giveBack(WasmType.i32, a);
  }

  private store(e: BodyEmitter, row: number, width: string): void {
    const { ir, code } = e, flags = ir.imm[row]!, addr = ir.a[row]!, bytes = widthBytes[width]!;
    const op = widthOps[width]![1];
    if (flags & MemFlag.checked) {
      this.plainAddress(e, addr);
      e.value(ir.b[row]!);
      code.mem(op, BIAS);
      return;
    }
    const a = this.check(e, addr, bytes, Access.write, (flags & MemFlag.aligned16) !== 0);
    code.get(a);
    e.value(ir.b[row]!);
    code.mem(op, BIAS);
    e.giveBack(WasmType.i32, a);
  }

  private aligned(e: BodyEmitter, a: number): void {
    const { code } = e;
    code.get(a);
    code.i32(15);
    code.op('i32.and');
    code.if();
    this.trap(code, Vector.GP, false);
    code.end();
  }

  trap(code: Code, vector: number, after: boolean): void {
    code.get(CPU);
    code.i32(vector);
    this.field(code, after ? Field.rip + RECORD_SIZE : Field.rip);
    code.call(this.run.leaveTrap);
    this.end.leave(code);
  }

  /** rip = what `target` puts on the stack, then leave. */
  leaveAt(code: Code, kind: number, target: () => void): void {
    code.get(CPU);
    code.get(RECORD);
    target();
    code.i32(kind);
    code.call(this.run.leaveAt);
    this.end.leave(code);
  }

  poll(code: Code, target: () => void): void {
    code.get(CPU);
    code.mem('i32.load', Cpu.interrupt, 2);
    code.if();
    code.get(CPU);
    code.i32(Exit.interrupt);
    code.mem('i32.store', Cpu.exitReason, 2);
    this.leaveAt(code, EngineExit.kernel, target);
    code.end();
    if (this.end.fuel < 0) return;
    code.get(this.end.fuel);
    code.i32(-1);
    code.op('i32.add');
    code.tee(this.end.fuel);
    code.op('i32.eqz');
    code.if();
    this.leaveAt(code, EngineExit.fuel, target);
    code.end();
  }

  goNext(code: Code): void {
    if (this.end.next) return this.end.next(code);
    code.get(RECORD);
    code.i32(RECORD_SIZE);
    code.op('i32.add');
    this.end.goOn(code);
  }

  /** To the instruction's own target, through the link. */
  goLink(code: Code, link: number, polled: boolean): void {
    if (polled && this.end.taken) return this.end.taken(code);
    if (polled) this.poll(code, () => this.field(code, Field.imm));
    this.field(code, Field.link);
    code.tee(link);
    code.op('i32.eqz');
    code.if();
    this.leaveAt(code, EngineExit.link, () => this.field(code, Field.imm));
    code.end();
    code.get(link);
    this.end.goOn(code);
  }

  /** To a computed address. */
  goIndirect(e: BodyEmitter, addr: number): void {
    const { code, ir } = e;
    const a = e.borrow(WasmType.i32), link = e.borrow(WasmType.i32);
    e.value(addr);
    if (ir.type[addr] === Type.i64) {
      const wide = e.borrow(WasmType.i64);
      code.tee(wide);
      code.i64(32, 0);
      code.op('i64.shr_u');
      code.op('i32.wrap_i64');
      code.if();
      this.leaveFault(code, Access.execute, () => code.get(wide), () => { code.get(wide); code.op('i32.wrap_i64'); });
      code.end();
      code.get(wide);
      code.op('i32.wrap_i64');
      e.giveBack(WasmType.i64, wide);
    }
    code.set(a);
    this.poll(code, () => code.get(a));
    code.get(a);
    code.call(this.run.lookup);
    code.tee(link);
    code.op('i32.eqz');
    code.if();
    this.leaveAt(code, EngineExit.lookup, () => code.get(a));
    code.end();
    code.get(link);
    this.end.goOn(code);
    e.giveBack(WasmType.i32, a); e.giveBack(WasmType.i32, link);
  }

  /** Case.region: calls the translation, goes on where it left off; -1 = at Cpu.rip with the instruction's own record. */
  enterRegion(e: BodyEmitter): void {
    const { code } = e, a = e.borrow(WasmType.i32), link = e.borrow(WasmType.i32);
    const here = code.block(), foreign = code.block();
    this.field(code, Field.link);
    code.tableSize();
    code.op('i32.ge_u');
    code.brIf(foreign);
    code.get(CPU);
    code.get(CPU);
    code.mem('i32.load', EngineField.depth, 2);
    this.field(code, Field.link);
    code.callIndirect(this.run.regionType);
    code.tee(a);
    code.i32(FOREIGN_REGION);
    code.op('i32.ne');
    code.brIf(here);
    code.end();
    // another worker of the process has it: the instruction's own record
    this.field(code, Field.imm);
    this.end.goOn(code);
    code.end();
    code.get(a);
    code.i32(-1);
    code.op('i32.eq');
    code.if();
    code.get(CPU);
    code.mem('i32.load', Cpu.rip, 2);
    code.tee(a);
    code.call(this.run.lookup);
    code.tee(link);
    code.if();
    code.get(link);
    code.mem('i32.load16_u', Field.caseId, 1);
    code.i32(Case.region);
    code.op('i32.eq');
    code.if();
    code.get(link);
    code.mem('i32.load', Field.imm, 2);
    code.set(link);
    code.end();
    code.end();
    code.else();
    this.poll(code, () => code.get(a));
    code.get(a);
    code.call(this.run.lookup);
    code.set(link);
    code.end();
    code.get(link);
    code.op('i32.eqz');
    code.if();
    this.leaveAt(code, EngineExit.lookup, () => code.get(a));
    code.end();
    code.get(link);
    this.end.goOn(code);
    e.giveBack(WasmType.i32, a); e.giveBack(WasmType.i32, link);
  }

  leaveFault(code: Code, access: number, addr: () => void, rip: () => void): void {
    code.get(CPU);
    addr();
    code.i32(access);
    rip();
    code.call(this.run.leaveFault);
    this.end.leave(code);
  }

  /** Runs `plain` under the lock for atomics that cross their natural alignment, `atomic` otherwise. Both leave one value. */
  private atomicOr(e: BodyEmitter, a: number, bytes: number, type: number, atomic: () => void, plain: () => void): void {
    const { code } = e;
    if (bytes === 1) return atomic();
    code.get(a);
    code.i32(bytes - 1);
    code.op('i32.and');
    code.op('i32.eqz');
    code.if(type);
    atomic();
    code.else();
    this.lockSplit(code);
    plain();
    this.unlockSplit(code);
    code.end();
  }

  lockSplit(code: Code): void {
    const again = code.loop();
    code.i32(0);
    code.i32(0);
    code.i32(1);
    code.mem('i32.atomic.rmw.cmpxchg', Globals.splitLock, 2);
    code.brIf(again);
    code.end();
  }

  unlockSplit(code: Code): void {
    code.i32(0);
    code.i32(0);
    code.mem('i32.atomic.store', Globals.splitLock, 2);
  }

  rmw(e: BodyEmitter, row: number): void {
    const { ir, code } = e, bytes = ir.imm[row]!, wide = bytes === 8, kind = ir.imm2[row]!;
    const type = wide ? WasmType.i64 : WasmType.i32, prefix = wide ? 'i64' : 'i32', suffix = bytes < 4 ? String(bytes * 8) : '';
    const v = e.borrow(type), old = e.borrow(type);
    e.value(ir.b[row]!);
    code.set(v);
    const a = this.check(e, ir.a[row]!, bytes, Access.read | Access.write);
    const loadOp = `${prefix}.load${suffix}${suffix === '' ? '' : '_u'}`;
    this.atomicOr(e, a, bytes, type, () => {
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

  cmpxchg(e: BodyEmitter, row: number): void {
    const { ir, code } = e, bytes = ir.imm[row]!, wide = bytes === 8;
    const type = wide ? WasmType.i64 : WasmType.i32, prefix = wide ? 'i64' : 'i32', suffix = bytes < 4 ? String(bytes * 8) : '';
    const expected = e.borrow(type), replacement = e.borrow(type), old = e.borrow(type);
    e.value(ir.b[row]!);
    if (bytes < 4) { code.i32(bytes === 1 ? 0xff : 0xffff); code.op('i32.and'); }
    code.set(expected);
    e.value(ir.c[row]!);
    code.set(replacement);
    const a = this.check(e, ir.a[row]!, bytes, Access.read | Access.write);
    this.atomicOr(e, a, bytes, type, () => {
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

  setFlags(e: BodyEmitter, row: number): void {
    const { ir, code } = e, size = ir.imm2[row]!;
    // All values before the first store: a deferred one may read the old flags, or load and fault.
    const values = [ir.a[row]!, ir.b[row]!, ir.c[row]!], places = [Cpu.ccDst, Cpu.ccSrc, Cpu.ccSrc2];
    for (const v of values) {
      if (v < 0) continue;
      code.get(CPU);
      e.value(v);
    }
    for (let k = 2; k >= 0; k--) {
      const v = values[k]!;
      if (v >= 0) code.mem(ir.type[v] === Type.i64 ? 'i64.store' : 'i32.store', places[k]!);
    }
    code.get(CPU);
    code.i32(ir.imm[row]! * 4 + Math.log2(size));
    code.mem('i32.store', Cpu.ccOp, 2);
  }

  bulk(e: BodyEmitter, row: number, op: string): void {
    const { ir, code } = e;
    const address = (v: number): void => {
      this.plainAddress(e, v);
      code.i32(BIAS);
      code.op('i32.add');
    };
    address(ir.a[row]!);
    if (op === 'memory.copy') address(ir.b[row]!);
    else e.value(ir.b[row]!);
    e.value(ir.c[row]!);
    code.op(op);
    code.out.u8(0);
    if (op === 'memory.copy') code.out.u8(0);
  }
}

/** The operations that are not a family by width. */
const machineOps: Record<string, (t: InterpreterTarget, e: BodyEmitter, row: number) => void> = {
  'field.i32': (t, e, row) => t.field(e.code, e.ir.imm[row]!),
  'field.i64': (t, e, row) => { e.code.get(RECORD); e.code.mem('i64.load32_s', e.ir.imm[row]!); },
  'field.imm64': (t, e) => {
    t.field(e.code, Field.imm); e.code.op('i64.extend_i32_u');
    t.field(e.code, Field.link); e.code.op('i64.extend_i32_u');
    e.code.i64(32, 0); e.code.op('i64.shl'); e.code.op('i64.or');
  },
  'param.i32': (_t, e, row) => e.code.get(e.ir.imm[row]!),
  'param.i64': (_t, e, row) => e.code.get(e.ir.imm[row]!),
  'raw.load8': (_t, e, row) => { e.value(e.ir.a[row]!); e.code.mem('i32.load8_u', e.ir.imm[row]!); },
  'raw.load32': (_t, e, row) => { e.value(e.ir.a[row]!); e.code.mem('i32.load', e.ir.imm[row]!); },
  'raw.load64': (_t, e, row) => { e.value(e.ir.a[row]!); e.code.mem('i64.load', e.ir.imm[row]!); },
  'raw.store32': (_t, e, row) => { e.value(e.ir.a[row]!); e.value(e.ir.b[row]!); e.code.mem('i32.store', e.ir.imm[row]!); },
  return: (_t, e, row) => { e.value(e.ir.a[row]!); e.code.return(); },
  checkRead: (t, e, row) => e.giveBack(WasmType.i32, t.check(e, e.ir.a[row]!, e.ir.imm[row]!, Access.read)),
  checkWrite: (t, e, row) => e.giveBack(WasmType.i32, t.check(e, e.ir.a[row]!, e.ir.imm[row]!, Access.write)),
  checkReadN: (t, e, row) => t.checkN(e, e.ir.a[row]!, e.ir.b[row]!, Access.read),
  checkWriteN: (t, e, row) => t.checkN(e, e.ir.a[row]!, e.ir.b[row]!, Access.write),
  span: (t, e, row) => {
    e.value(e.ir.a[row]!);
    if (e.ir.type[e.ir.a[row]!] === Type.i32) e.code.op('i64.extend_i32_u');
    e.value(e.ir.b[row]!);
    e.code.i32(e.ir.imm[row]!);
    e.code.call(t.run.span);
  },
  copy: (t, e, row) => t.bulk(e, row, 'memory.copy'),
  fill: (t, e, row) => t.bulk(e, row, 'memory.fill'),
  rmw32: (t, e, row) => t.rmw(e, row),
  rmw64: (t, e, row) => t.rmw(e, row),
  cmpxchg32: (t, e, row) => t.cmpxchg(e, row),
  cmpxchg64: (t, e, row) => t.cmpxchg(e, row),
  fence: (_t, e) => { e.code.op('atomic.fence'); e.code.out.u8(0); },
  lockSplit: (t, e) => t.lockSplit(e.code),
  unlockSplit: (t, e) => t.unlockSplit(e.code),
  timeStamp: (t, e) => e.code.call(t.run.timeStamp),
  setFlags: (t, e, row) => t.setFlags(e, row),
  cond: (t, e, row) => {
    const cc = e.ir.imm[row]!;
    e.code.get(CPU);
    e.code.call(t.run.cond[cc >> 1]!);
    if (cc & 1) e.code.op('i32.eqz');
  },
  flag: (t, e, row) => { e.code.get(CPU); e.code.call(t.run.flags[e.ir.imm[row]!]!); },
  statusFlags: (t, e) => { e.code.get(CPU); e.code.call(t.run.statusFlags); },
  putStatusFlags: (_t, e, row) => {
    e.code.get(CPU);
    e.value(e.ir.a[row]!);
    e.code.mem('i32.store', Cpu.ccSrc);
    e.code.get(CPU);
    e.code.i32(CcOp.eflags * 4);
    e.code.mem('i32.store', Cpu.ccOp);
  },
  helper: (t, e, row) => {
    const { ir, code } = e, h = e.helperSignature(row);
    code.get(CPU);
    for (const v of [ir.a[row]!, ir.b[row]!, ir.c[row]!]) if (v >= 0) e.value(v);
    code.call(t.run.helper(h.name));
  },
  exit: (t, e, row) => {
    e.code.get(CPU);
    e.code.i32(e.ir.imm[row]!);
    e.code.mem('i32.store', Cpu.exitReason, 2);
    t.leaveAt(e.code, EngineExit.kernel, () => t.field(e.code, Field.rip + RECORD_SIZE));
  },
  trap: (t, e, row) => t.trap(e.code, e.ir.imm[row]!, e.ir.imm2[row] !== 0),
  fault: (t, e, row) => t.leaveFault(e.code, e.ir.imm[row]!, () => {
    e.value(e.ir.a[row]!);
    if (e.ir.type[e.ir.a[row]!] === Type.i32) e.code.op('i64.extend_i32_u');
  }, () => t.field(e.code, Field.rip)),
  next: (t, e) => t.goNext(e.code),
  again: (t, e) => { t.poll(e.code, () => t.field(e.code, Field.rip)); e.code.get(RECORD); t.end.goOn(e.code); },
  leaveNext: (t, e) => t.leaveAt(e.code, EngineExit.lookup, () => t.field(e.code, Field.rip + RECORD_SIZE)),
  region: (t, e) => t.enterRegion(e),
  leaveHere: (t, e, row) => t.leaveAt(e.code, e.ir.imm[row]!, () => t.field(e.code, Field.rip)),
  follow: (t, e) => linked(t, e, false),
  jump: (t, e) => linked(t, e),
  call: (t, e) => linked(t, e),
  branch: (t, e, row) => {
    e.value(e.ir.a[row]!);
    e.code.if();
    linked(t, e);
    e.code.end();
    t.goNext(e.code);
  },
  jumpTo: (t, e, row) => t.goIndirect(e, e.ir.a[row]!),
  callTo: (t, e, row) => t.goIndirect(e, e.ir.a[row]!),
  ret: (t, e, row) => t.goIndirect(e, e.ir.a[row]!),
};

function linked(t: InterpreterTarget, e: BodyEmitter, polled = true): void {
  const link = e.borrow(WasmType.i32);
  t.goLink(e.code, link, polled);
  e.giveBack(WasmType.i32, link);
}
