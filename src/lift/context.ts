import { Kind, Rep, type Instruction } from '../isa/instruction.ts';
import type { Row } from '../isa/row.ts';
import type { IrBuilder, Value, Width } from '../ir/builder.ts';
import { MemFlag, refPlus, type RegRef, type TypeName } from '../ir/ops.ts';
import { CcOp, Cpu, Eflags } from '../machine/cpuState.ts';
import { Access } from '../machine/exit.ts';
import type { FloatFacts } from './floatFacts.ts';

/** What an instruction does, said in IR through a `Lift`. One per mnemonic; see lifters.ts. */
export type Lifter = (c: Lift) => void;

/**
 * Where the concrete operands of an instruction come from: constants (region translator) or fields of a pre-decoded record
 * (interpreter). A lifter never sees which.
 */
export interface OperandSource {
  /** Place of register operand k in the CPU state (general, segment base, xmm, mmx significand). ah..bh: one byte on. */
  reg(k: number): RegRef;
  /** Value of immediate operand k as i32. */
  imm(b: IrBuilder, k: number): Value;
  /** As i64, sign-extended from 32 bits unless `full` (mov r64, imm64; moffs). */
  imm64(b: IrBuilder, k: number, full: boolean): Value;
  /** Number of an st, seg, control or debug register operand, as i32. */
  number(b: IrBuilder, k: number): Value;
  /** Upper part of a far pointer / second immediate (enter). */
  immHigh(b: IrBuilder, k: number): Value;
  /** Effective address of the memory operand without the segment base. */
  ea(b: IrBuilder): Value;
  /** Linear address of the memory operand. */
  address(b: IrBuilder): Value;
  /** Segment base of string sources, as i32 or i64 by address width. */
  segmentBase(b: IrBuilder, type: 'i32' | 'i64'): Value;
  /** Address of the next instruction as i32 (guest code lies below 4 GiB). */
  nextIp(b: IrBuilder): Value;
  thisIp(b: IrBuilder): Value;
  /** 32-bit registers are written as 32 bits in 32-bit mode (their upper halves are 0 anyhow). */
  readonly narrow: boolean;
  /** Comparisons with bounds (ir/bounds.ts) fail while Cpu.sseExact is set. */
  readonly boundsFail: boolean;
  /** Of the plain version of a region, in which Cpu.sseExact is not set and instructions that may have flags to note are left to the interpreter. */
  readonly floats: FloatFacts | null;
}

export type FlagName = 'CF' | 'PF' | 'AF' | 'ZF' | 'SF' | 'OF';
export type FlagsKind = Exclude<keyof typeof CcOp, 'eflags'>;

/**
 * The lifter's view of one instruction.
 *
 * Static facts (may be used in `if`): `row`, `size`, `mode64`, `addressSize`, `isMem(k)`, `isReg(k)`, operand kinds and sizes, `lock`, `rep`, `cc`.
 * Everything else is a Value. Law: all faulting accesses and checks come before the first change of a register, flag or memory.
 */
export class Lift {
  readonly b: IrBuilder;
  i: Instruction;
  row: Row;
  source: OperandSource;
  private cachedAddr = -1;

  constructor(b: IrBuilder, i: Instruction, row: Row, source: OperandSource) {
    this.b = b;
    this.i = i;
    this.row = row;
    this.source = source;
  }

  /** For reuse of one object over many instructions. */
  start(i: Instruction, row: Row, source: OperandSource): void {
    this.i = i;
    this.row = row;
    this.source = source;
    this.cachedAddr = -1;
  }

  // ---- static facts

  /** Effective operand size in bytes: 2, 4 or 8. For byte instructions use `opSize(0)`. */
  get size(): 2 | 4 | 8 { return this.i.operandSize as 2 | 4 | 8; }
  get mode64(): boolean { return this.i.mode === 64; }
  get addressSize(): 2 | 4 | 8 { return this.i.addressSize as 2 | 4 | 8; }
  get lock(): boolean { return this.i.lock !== 0; }
  /** Repeat prefix of a string instruction. */
  get repz(): boolean { return this.i.rep === Rep.repz; }
  get repnz(): boolean { return this.i.rep === Rep.repnz; }
  /** Condition code of a +cc row. */
  get cc(): number { return this.row.cc; }
  /** Bytes of a stack slot of this mode, and of linear addresses as values (8: i64, 4: i32). */
  get wordSize(): 4 | 8 { return this.i.mode === 64 ? 8 : 4; }
  get wordType(): 'i32' | 'i64' { return this.i.mode === 64 ? 'i64' : 'i32'; }
  /** Size of operand k in bytes. */
  opSize(k: number): number { return this.i.op[k]!.size; }
  kind(k: number): number { return this.i.op[k]!.kind; }
  isMem(k: number): boolean { return this.i.op[k]!.kind === Kind.mem; }
  isImm(k: number): boolean { return this.i.op[k]!.kind === Kind.imm; }
  get operandCount(): number { return this.i.operandCount; }
  /** IR integer type for values of `size` bytes. */
  intType(size: number): 'i32' | 'i64' { return size === 8 ? 'i64' : 'i32'; }

  // ---- operands

  /**
   * Value of operand k in its own size: 1 and 2 bytes: i32 zero-extended; 4: i32; 8: i64; 16: v128.
   * Immediates come sign-extended to the instruction's operand size. An xmm operand of size 4 or 8 gives its low part as i32 / i64.
   */
  read(k: number, flags: number = MemFlag.none): Value {
    const o = this.i.op[k]!;
    switch (o.kind) {
      case Kind.mem: return this.b.load(o.size as Width, this.addr(k), flags);
      case Kind.imm: return this.immSized(k, o.size);
      case Kind.seg: return this.b.getAt(4, this.b.op('i32.shl', this.source.number(this.b, k), this.b.i32(2)), Cpu.segSelector);
      default: return this.b.get((o.kind === Kind.mmx ? Math.min(o.size, 8) : Math.min(o.size, 16)) as Width, this.source.reg(k));
    }
  }

  private immSized(k: number, size: number): Value {
    if (size === 8) return this.source.imm64(this.b, k, this.row.operands[k] === 'Iv');
    const v = this.source.imm(this.b, k);
    if (size === 4) return v;
    return this.b.op('i32.and', v, this.b.i32(size === 1 ? 0xff : 0xffff));
  }

  /** Writes operand k. 32-bit general registers zero-extend; xmm of size 4 or 8 keeps the rest; mmx sets the x87 exponent to ones. */
  write(k: number, v: Value, flags: number = MemFlag.none): void {
    const o = this.i.op[k]!;
    switch (o.kind) {
      case Kind.mem: this.b.store(o.size as Width, this.addr(k), v, flags); return;
      case Kind.gpr: this.putGpr(this.source.reg(k), o.size, v); return;
      case Kind.mmx:
        this.b.put(8, this.source.reg(k), v);
        this.b.put(2, refPlus(this.source.reg(k), 8), this.b.i32(0xffff));
        return;
      default: this.b.put(Math.min(o.size, 16) as Width, this.source.reg(k), v);
    }
  }

  /**
   * Reads operand k, writes `compute(old)` back. Memory is tested for writing before the read; with LOCK the change is atomic.
   * Returns the old and the new value. `compute` may be called twice; it must not change state.
   * `rmw`: the `Rmw` code when compute is `old OP operand`.
   */
  modify(k: number, compute: (old: Value) => Value, rmw = -1, operand: Value = -1): { old: Value; value: Value } {
    if (!this.isMem(k)) {
      const old = this.read(k);
      const value = compute(old);
      this.write(k, value);
      return { old, value };
    }
    if (this.lock) return this.modifyLocked(k, compute, rmw, operand);
    const old = this.read(k, MemFlag.forWrite);
    const value = compute(old);
    this.write(k, value, MemFlag.checked);
    return { old, value };
  }

  private modifyLocked(k: number, compute: (old: Value) => Value, rmw: number, operand: Value): { old: Value; value: Value } {
    const size = this.opSize(k), b = this.b, addr = this.addr(k);
    if (rmw >= 0) {
      const old = b.opImm(size === 8 ? 'rmw64' : 'rmw32', size, rmw, addr, operand);
      return { old, value: compute(old) };
    }
    const type = this.intType(size);
    const oldVar = b.var(type), newVar = b.var(type);
    b.loop((repeat) => {
      const seen = b.load(size as Width, addr, MemFlag.forWrite);
      b.setVar(oldVar, seen);
      const next = compute(seen);
      b.setVar(newVar, next);
      const found = b.opImm(size === 8 ? 'cmpxchg64' : 'cmpxchg32', size, 0, addr, seen, next);
      repeat(b.op(`${type}.ne`, found, seen));
    });
    return { old: b.getVar(oldVar), value: b.getVar(newVar) };
  }

  /** Immediate operand k as i32. */
  imm(k: number): Value { return this.source.imm(this.b, k); }
  /** Number of an st (i of ST(i)), segment, control or debug register operand, as i32. */
  number(k: number): Value { return this.source.number(this.b, k); }
  /** Place of register operand k in the CPU state. */
  reg(k: number): RegRef { return this.source.reg(k); }

  // ---- addresses and memory

  /** Linear address of the memory operand. Call it first at the top level, not inside a branch. Type: see `b.typeOf`. */
  addr(_k: number): Value {
    if (this.cachedAddr < 0) {
      const a = this.source.address(this.b);
      if (this.b.depth > 0) return a;
      this.cachedAddr = a;
    }
    return this.cachedAddr;
  }

  /** Effective address without segment base (lea). */
  ea(_k: number): Value { return this.source.ea(this.b); }

  /** addr + bytes, in the address's own width. */
  offset(addr: Value, bytes: number): Value {
    if (bytes === 0) return addr;
    return this.b.typeOf(addr) === 2 ? this.b.op('i64.add', addr, this.b.i64(bytes)) : this.b.op('i32.add', addr, this.b.i32(bytes));
  }

  load(size: Width, addr: Value, flags: number = MemFlag.none): Value { return this.b.load(size, addr, flags); }
  store(size: Width, addr: Value, v: Value, flags: number = MemFlag.none): void { this.b.store(size, addr, v, flags); }
  checkRead(addr: Value, bytes: number): void { this.b.opImm('checkRead', bytes, 0, addr); }
  checkWrite(addr: Value, bytes: number): void { this.b.opImm('checkWrite', bytes, 0, addr); }

  // ---- registers by number (implicit operands)

  /** General register n (0..15) in `size` bytes. */
  gpr(n: number, size: Width): Value { return this.b.get(size, Cpu.gpr + 8 * n); }
  setGpr(n: number, size: number, v: Value): void { this.putGpr(Cpu.gpr + 8 * n, size, v); }

  private putGpr(ref: RegRef, size: number, v: Value): void {
    if (size !== 4) this.b.put(size as Width, ref, v);
    else if (this.source.narrow && !this.mode64) this.b.put(4, ref, v);
    else this.b.put(8, ref, this.b.op('i64.extend_i32_u', v));
  }

  /** The whole 128 bits of xmm operand k, whatever its size says. */
  xmm(k: number): Value { return this.b.get(16, this.source.reg(k)); }
  setXmm(k: number, v: Value): void { this.b.put(16, this.source.reg(k), v); }
  /** xmm or memory operand of 4 or 8 bytes as a float. */
  readF32(k: number): Value { return this.isMem(k) ? this.b.loadF32(this.addr(k)) : this.b.getF32(this.source.reg(k)); }
  readF64(k: number): Value { return this.isMem(k) ? this.b.loadF64(this.addr(k)) : this.b.getF64(this.source.reg(k)); }
  /** Low part of xmm operand k (the rest is kept) or memory. */
  writeF32(k: number, v: Value): void { if (this.isMem(k)) this.b.storeF32(this.addr(k), v); else this.b.putF32(this.source.reg(k), v); }
  writeF64(k: number, v: Value): void { if (this.isMem(k)) this.b.storeF64(this.addr(k), v); else this.b.putF64(this.source.reg(k), v); }

  /** An MMX instruction (not emms) makes TOP 0 and all registers valid. Call after the last possible fault. */
  mmxState(): void {
    this.b.put(4, Cpu.x87Top, this.b.i32(0));
    this.b.put(8, Cpu.x87Tag, this.b.i64(0));
  }

  /** Byte offset of ST(i)'s physical register from Cpu.x87Reg, i = operand k's number (or a constant). For b.getAt(.., Cpu.x87Reg). */
  stOffset(k: number): Value { return this.stSlot(this.number(k)); }
  stOffsetOf(i: number): Value { return this.stSlot(this.b.i32(i)); }
  private stSlot(i: Value): Value {
    const b = this.b;
    const physical = b.op('i32.and', b.op('i32.add', b.get(4, Cpu.x87Top), i), b.i32(7));
    return b.op('i32.shl', physical, b.i32(4));
  }

  // ---- stack

  /** Stack pointer as a linear address. */
  sp(): Value { return this.b.get(this.wordSize, Cpu.gpr + 8 * 4); }
  setSp(v: Value): void { this.setGpr(4, this.wordSize, v); }

  push(size: 2 | 4 | 8, v: Value): void {
    const sp = this.offset(this.sp(), -size);
    this.b.store(size, sp, v);
    this.setSp(sp);
  }

  /** Loads the top of the stack; the stack pointer is changed by `drop`, after the last possible fault. */
  top(size: 2 | 4 | 8): Value { return this.b.load(size, this.sp()); }
  drop(bytes: number): void { this.setSp(this.offset(this.sp(), bytes)); }

  // ---- flags

  /** Notes the flags lazily; meaning of the operands by kind: see CcOp. Operands of sizes 1, 2, 4 are i32, of size 8 i64. */
  setFlags(kind: FlagsKind, size: number, dst: Value, src: Value = -1, src2: Value = -1): void {
    this.b.opImm('setFlags', CcOp[kind], size, dst, src, src2);
  }

  /** Condition code 0..15 as the manual numbers them (o no b nb z nz be a s ns p np l nl le nle): i32 0 or 1. */
  cond(cc: number): Value { return this.b.opImm('cond', cc); }
  /** One status flag: i32 0 or 1. */
  flag(name: FlagName): Value { return this.b.opImm('flag', Eflags[name]); }
  /** The six status flags in their EFLAGS positions, others 0. */
  statusFlags(): Value { return this.b.op('statusFlags'); }
  putStatusFlags(v: Value): void { this.b.op('putStatusFlags', v); }

  /** All of EFLAGS as pushf shows it. */
  eflags(): Value {
    const b = this.b;
    const df = b.op('i32.and', b.get(4, Cpu.df), b.i32(Eflags.DF));
    const base = b.op('i32.or', b.get(4, Cpu.eflagsSystem), b.i32(Eflags.FIXED | Eflags.IF));
    return b.op('i32.or', b.op('i32.or', base, df), this.statusFlags());
  }

  /** EFLAGS as popf in ring 3 takes them (`mask` = the bits it may change besides the status flags and DF). */
  putEflags(v: Value, mask: number = Eflags.TF | Eflags.NT | Eflags.AC | Eflags.ID): void {
    const b = this.b;
    const kept = b.op('i32.and', b.get(4, Cpu.eflagsSystem), b.i32(~mask));
    b.put(4, Cpu.eflagsSystem, b.op('i32.or', kept, b.op('i32.and', v, b.i32(mask))));
    const down = b.op('i32.and', b.op('i32.shr_u', v, b.i32(10)), b.i32(1));
    b.put(4, Cpu.df, b.op('i32.sub', b.i32(1), b.op('i32.shl', down, b.i32(1))));
    this.putStatusFlags(b.op('i32.and', v, b.i32(Eflags.STATUS)));
  }

  // ---- control

  /** Address of the next instruction: i64 in 64-bit mode, i32 in 32-bit mode. */
  nextIp(): Value { return this.word(this.source.nextIp(this.b)); }
  thisIp(): Value { return this.word(this.source.thisIp(this.b)); }
  private word(v: Value): Value { return this.mode64 ? this.b.op('i64.extend_i32_u', v) : v; }

  /** The following end the instruction (or its branch of an `if`). */
  next(): void { this.b.op('next'); }
  again(): void { this.b.op('again'); }
  jump(): void { this.b.op('jump'); }
  jumpTo(target: Value): void { this.b.op('jumpTo', target); }
  branch(cond: Value): void { this.b.op('branch', cond); }
  call(): void { this.b.op('call'); }
  callTo(target: Value): void { this.b.op('callTo', target); }
  ret(target: Value): void { this.b.op('ret', target); }
  exit(reason: number): void { this.b.opImm('exit', reason); }
  /** Processor exception with the instruction pointer at this instruction (or the next, for int3 and into). */
  trap(vector: number, after = false): void { this.b.opImm('trap', vector, after ? 1 : 0); }
  fault(addr: Value, access: number = Access.read): void { this.b.opImm('fault', access, 0, addr); }

  callHelper(name: string, a: Value = -1, b: Value = -1, c: Value = -1): Value { return this.b.helper(name, a, b, c); }

  // ---- shorthands for both integer widths

  /** Operation of the integer type of `size`: int(8, 'add', x, y) = i64.add. */
  int(size: number, name: string, a: Value, b: Value = -1): Value {
    return this.b.op(`${size === 8 ? 'i64' : 'i32'}.${name}`, a, b);
  }
  constant(size: number, n: number): Value { return size === 8 ? this.b.i64(n) : this.b.i32(n); }
  /** Zero-extension of an i32 of 1, 2 bytes that has dirty upper bits. Others unchanged. */
  clean(size: number, v: Value): Value {
    if (size >= 4) return v;
    return this.b.op('i32.and', v, this.b.i32(size === 1 ? 0xff : 0xffff));
  }
  signExtend(size: number, v: Value): Value {
    if (size === 1) return this.b.op('i32.extend8_s', v);
    if (size === 2) return this.b.op('i32.extend16_s', v);
    return v;
  }
  /** i32 (of a clean value) to the integer type of `to` bytes. */
  extendU(from: number, to: number, v: Value): Value { return to === 8 && from < 8 ? this.b.op('i64.extend_i32_u', v) : v; }
  toI32(v: Value): Value { return this.b.typeOf(v) === 2 ? this.b.op('i32.wrap_i64', v) : v; }
  type(size: number): TypeName { return size === 8 ? 'i64' : 'i32'; }
}
