/**
 * Guest memory accesses of a region: a permission test in front, then the plain WebAssembly access at address + BIAS. A test
 * that fails leaves the region before the instruction; the interpreter then takes it and finds out what is the matter.
 */
import { MemFlag, Rmw } from '../ir/ops.ts';
import { Perm, PERMISSION_TABLE, BIAS } from '../machine/memoryLayout.ts';
import type { Code } from '../wasm/code.ts';
import { WasmType } from '../wasm/opcodes.ts';
import type { BodyEmitter } from './body.ts';
import type { CheckGroup, CheckPlan } from './checkGroups.ts';

const SIZES: Record<string, { bytes: number; load: string; store: string }> = {
  '8': { bytes: 1, load: 'i32.load8_u', store: 'i32.store8' },
  '16': { bytes: 2, load: 'i32.load16_u', store: 'i32.store16' },
  '32': { bytes: 4, load: 'i32.load', store: 'i32.store' },
  '64': { bytes: 8, load: 'i64.load', store: 'i64.store' },
  '.f32': { bytes: 4, load: 'f32.load', store: 'f32.store' },
  '.f64': { bytes: 8, load: 'f64.load', store: 'f64.store' },
  '128': { bytes: 16, load: 'v128.load', store: 'v128.store' },
};
const RMW_NAMES: string[] = [];
for (const [name, number] of Object.entries(Rmw)) RMW_NAMES[number] = name;

/** The parameter with the CPU state. */
const CPU = 0;

export class RegionMemory {
  private readonly code: Code;
  /** Label of the exit before the instruction. */
  refuse = 0;
  /** Shared tests, by row of the access. */
  readonly plans = new Map<number, CheckPlan>();
  /** General registers (a bit each) whose high half is 0 where the node being emitted begins. */
  cleanRegisters = 0;
  private readonly held: number[] = [];
  private readonly long: number;
  private readonly addr: number;
  private readonly length: number;
  /** Higher ones of an address must be 0. */
  private readonly addressBits: number;

  constructor(code: Code, wide: boolean, addressBits: number) {
    this.code = code;
    this.addressBits = addressBits;
    this.long = wide ? code.local(WasmType.i64) : -1;
    this.addr = code.local(WasmType.i32);
    this.length = code.local(WasmType.i32);
  }

  /** Puts the address of row `row` in the local `addr` as i32, and whole in `long` if its high half is to be tested. */
  private address(e: BodyEmitter, row: number, clean = false): { addr: number; high: boolean } {
    e.value(row);
    return this.split(e.ir.type[row] === 2, clean);
  }

  /** `clean`: the high half need not be looked at. */
  private split(wide: boolean, clean: boolean): { addr: number; high: boolean } {
    const code = this.code, high = wide && !clean;
    if (high) code.tee(this.long);
    if (wide) code.op('i32.wrap_i64');
    code.set(this.addr);
    return { addr: this.addr, high };
  }

  /**
   * Leaves the region unless bytes addr..addr+bytes-1 (bytes <= 4096) have permission `mask` (one bit), and the high bits are 0. One
   * branch for all: blocks are what V8's optimising compiler spends its time on.
   */
  private test({ addr, high }: { addr: number; high: boolean }, bytes: number, mask: number): void {
    const code = this.code;
    this.permission(addr);
    if (bytes > 1) {
      this.permission(addr, bytes - 1);
      code.op('i32.and');
    }
    code.i32(mask);
    code.op('i32.and');
    if (high) {
      code.i32(mask);
      code.op('i32.xor');
      this.highBits();
      code.op('i32.or');
    } else code.op('i32.eqz');
    code.brIf(this.refuse);
  }

  /** As test(), which is only made when the bytes are not in the page that is noted at `note`. */
  private testUnlessNoted(note: number, place: { addr: number; high: boolean }, bytes: number, mask: number, aligned: boolean): void {
    const code = this.code, known = code.block();
    code.get(CPU);
    code.mem('i64.load', note, 3);
    this.whole(place);
    code.op('i64.xor');
    if (aligned) {
      code.i64(4, 0);
      code.op('i64.rotr');
    }
    code.i64((4096 - bytes) >> (aligned ? 4 : 0), 0);
    code.op('i64.le_u');
    code.brIf(known);
    if (aligned) this.aligned(place.addr, 16);
    this.test(place, bytes, mask);
    code.get(CPU);
    this.whole(place);
    code.i64(-4096, -1);
    code.op('i64.and');
    code.mem('i64.store', note, 3);
    code.end();
  }

  private whole({ addr, high }: { addr: number; high: boolean }): void {
    this.code.get(high ? this.long : addr);
    if (!high) this.code.op('i64.extend_i32_u');
  }

  /** The permissions of the page `offset` bytes behind `addr`. */
  private permission(addr: number, offset = 0): void {
    const code = this.code;
    code.get(addr);
    if (offset !== 0) {
      code.i32(offset);
      code.op('i32.add');
    }
    code.i32(12);
    code.op('i32.shr_u');
    code.mem('i32.load8_u', PERMISSION_TABLE);
  }

  private aligned(addr: number, bytes: number, offset = 0): void {
    const code = this.code;
    code.get(addr);
    if ((offset & (bytes - 1)) !== 0) {
      code.i32(offset);
      code.op('i32.add');
    }
    code.i32(bytes - 1);
    code.op('i32.and');
    code.brIf(this.refuse);
  }

  /** Tests row `n`'s access if need be; the returned place is a local and the offset that, with the bias, belongs into the access. */
  private checked(e: BodyEmitter, n: number, bytes: number, store: boolean): { local: number; offset: number } {
    const flags = e.ir.imm[n]!, plan = this.plans.get(n);
    if (plan !== undefined && plan.group !== null) {
      const place = this.grouped(e, n, plan.group, plan.offset);
      const known = plan.group.aligned && (place.offset & 15) === 0;
      if ((flags & MemFlag.aligned16) !== 0 && !known) this.aligned(place.local, 16, place.offset);
      return place;
    }
    if ((flags & MemFlag.checked) !== 0 || plan !== undefined) {
      const local = this.addressOnly(e, e.ir.a[n]!);
      if (plan !== undefined && (flags & MemFlag.aligned16) !== 0) this.aligned(local, 16);
      return { local, offset: 0 };
    }
    const place = this.address(e, e.ir.a[n]!);
    if ((flags & MemFlag.aligned16) !== 0) this.aligned(place.addr, 16);
    this.test(place, bytes, store || (flags & MemFlag.forWrite) !== 0 ? Perm.W : Perm.R);
    return { local: place.addr, offset: 0 };
  }

  private grouped(e: BodyEmitter, n: number, group: CheckGroup, offset: number): { local: number; offset: number } {
    if (group.first !== n) return { local: group.local, offset: offset - group.low };
    const code = this.code, wide = e.ir.type[e.ir.a[n]!] === 2, delta = group.low - offset;
    e.value(e.ir.a[n]!);
    if (delta !== 0) {
      if (wide) code.i64(delta, delta < 0 ? -1 : 0);
      else code.i32(delta);
      code.op(wide ? 'i64.add' : 'i32.add');
    }
    const bytes = group.high - group.low, mask = group.write ? Perm.W : Perm.R;
    const place = this.split(wide, group.note < 0 && group.isClean(this.cleanRegisters));
    if (group.note < 0) this.test(place, bytes, mask);
    else {
      group.aligned = (e.ir.imm[n]! & MemFlag.aligned16) !== 0 && (delta & 15) === 0;
      this.testUnlessNoted(group.note, place, bytes, mask, group.aligned);
    }
    group.local = e.borrow(WasmType.i32);
    this.held.push(group.local);
    code.get(place.addr);
    code.set(group.local);
    return { local: group.local, offset: offset - group.low };
  }

  /** The block's groups are over: their locals may serve again. */
  endBlock(e: BodyEmitter): void {
    for (const local of this.held) e.giveBack(WasmType.i32, local);
    this.held.length = 0;
  }

  private addressOnly(e: BodyEmitter, row: number): number {
    e.value(row);
    if (e.ir.type[row] === 2) this.code.op('i32.wrap_i64');
    this.code.set(this.addr);
    return this.addr;
  }

  /** `kind`: the operation's name after `load` or `store`. */
  load(e: BodyEmitter, n: number, kind: string): void {
    const s = SIZES[kind]!;
    const place = this.checked(e, n, s.bytes, false);
    this.code.get(place.local);
    this.code.mem(s.load, BIAS + place.offset);
  }

  store(e: BodyEmitter, n: number, kind: string): void {
    const s = SIZES[kind]!;
    const place = this.checked(e, n, s.bytes, true);
    if (place.local !== this.addr) {
      this.code.get(place.local);
      e.value(e.ir.b[n]!);
    } else {
      // The value's own tree may use the shared address local.
      const kept = e.borrow(WasmType.i32);
      this.code.get(place.local);
      this.code.set(kept);
      this.code.get(kept);
      e.value(e.ir.b[n]!);
      e.giveBack(WasmType.i32, kept);
    }
    this.code.mem(s.store, BIAS + place.offset);
  }

  check(e: BodyEmitter, n: number, mask: number): void {
    this.test(this.address(e, e.ir.a[n]!), e.ir.imm[n]!, mask);
  }

  private leaveIfHigh({ high }: { high: boolean }): void {
    if (!high) return;
    this.highBits();
    this.code.brIf(this.refuse);
  }

  /** The bits that must be 0 of the address in `long`. */
  private highBits(): void {
    const code = this.code;
    code.get(this.long);
    code.i64(this.addressBits, 0);
    code.op('i64.shr_u');
    code.op('i32.wrap_i64');
  }

  /** checkReadN, checkWriteN: both ends must be in pages with the permission and no more than a page apart; else the interpreter decides. */
  checkN(e: BodyEmitter, n: number, mask: number): void {
    const code = this.code;
    const place = this.address(e, e.ir.a[n]!);
    this.leaveIfHigh(place);
    const kept = e.borrow(WasmType.i32);
    code.get(place.addr);
    code.set(kept);
    e.value(e.ir.b[n]!);
    code.tee(this.length);
    code.op('i32.eqz');
    const empty = code.if();
    code.else();
    code.get(this.length);
    code.i32(4096);
    code.op('i32.gt_u');
    code.brIf(this.refuse);
    this.permission(kept);
    code.get(kept);
    code.get(this.length);
    code.op('i32.add');
    code.i32(1);
    code.op('i32.sub');
    code.i32(12);
    code.op('i32.shr_u');
    code.mem('i32.load8_u', PERMISSION_TABLE);
    code.op('i32.and');
    code.i32(mask);
    code.op('i32.and');
    code.op('i32.eqz');
    code.brIf(this.refuse);
    code.end();
    void empty;
    e.giveBack(WasmType.i32, kept);
  }

  /** span: min(operand 1, bytes to the end of the page) when the page has the permission, else the region is left. */
  span(e: BodyEmitter, n: number, mask: number): void {
    const code = this.code;
    const place = this.address(e, e.ir.a[n]!);
    this.test(place, 1, mask);
    const room = e.borrow(WasmType.i32);
    code.i32(4096);
    code.get(place.addr);
    code.i32(4095);
    code.op('i32.and');
    code.op('i32.sub');
    code.set(room);
    e.value(e.ir.b[n]!);
    code.tee(this.length);
    code.get(room);
    code.get(this.length);
    code.get(room);
    code.op('i32.lt_u');
    code.op('select');
    e.giveBack(WasmType.i32, room);
  }

  private biased(e: BodyEmitter, row: number): void {
    e.value(row);
    if (e.ir.type[row] === 2) this.code.op('i32.wrap_i64');
    this.code.i32(BIAS);
    this.code.op('i32.add');
  }

  copy(e: BodyEmitter, n: number): void {
    this.biased(e, e.ir.a[n]!);
    this.biased(e, e.ir.b[n]!);
    e.value(e.ir.c[n]!);
    this.code.op('memory.copy');
    this.code.out.u8(0);
    this.code.out.u8(0);
  }

  fill(e: BodyEmitter, n: number): void {
    this.biased(e, e.ir.a[n]!);
    e.value(e.ir.b[n]!);
    e.value(e.ir.c[n]!);
    this.code.op('memory.fill');
    this.code.out.u8(0);
  }

  /** Unaligned atomics go to the interpreter. */
  rmw(e: BodyEmitter, n: number): void {
    const bytes = e.ir.imm[n]!, addr = this.atomicAddress(e, n, bytes);
    e.value(e.ir.b[n]!);
    this.code.mem(atomicName(bytes, `rmw${narrow(bytes)}.${RMW_NAMES[e.ir.imm2[n]!]!}`), BIAS, Math.log2(bytes));
    e.giveBack(WasmType.i32, addr);
  }

  cmpxchg(e: BodyEmitter, n: number): void {
    const bytes = e.ir.imm[n]!, addr = this.atomicAddress(e, n, bytes);
    e.value(e.ir.b[n]!);
    if (bytes < 4) {
      this.code.i32(bytes === 1 ? 0xff : 0xffff);
      this.code.op('i32.and');
    }
    e.value(e.ir.c[n]!);
    this.code.mem(atomicName(bytes, `rmw${narrow(bytes)}.cmpxchg`), BIAS, Math.log2(bytes));
    e.giveBack(WasmType.i32, addr);
  }

  private atomicAddress(e: BodyEmitter, n: number, bytes: number): number {
    const place = this.address(e, e.ir.a[n]!);
    if (bytes > 1) this.aligned(place.addr, bytes);
    this.test(place, 1, Perm.W);
    const kept = e.borrow(WasmType.i32);
    this.code.get(place.addr);
    this.code.set(kept);
    this.code.get(kept);
    return kept;
  }
}

function narrow(bytes: number): string {
  return bytes === 1 ? '8' : bytes === 2 ? '16' : '';
}

function atomicName(bytes: number, what: string): string {
  return `${bytes === 8 ? 'i64' : 'i32'}.atomic.${what}${bytes < 4 ? '_u' : ''}`;
}
