/**
 * Status flags of a region: lazy operands in locals, and conditions computed straight from them where the kind of the last
 * flag-setting instruction is known at translation time.
 */
import { CcOp } from '../machine/cpuState.ts';
import type { Columns } from '../ir/columns.ts';
import { opId, ops, Type } from '../ir/ops.ts';
import type { BodyEmitter } from './body.ts';
import type { RegionState } from './regionState.ts';

/** What is known of the flags at a point: `null` = nothing. */
export interface FlagState {
  readonly kind: number;
  /** bytes: 1, 2, 4, 8 */
  readonly size: number;
  /** ccMinuend holds the first operand of the subtraction. */
  readonly minuend: boolean;
}

export type FlagName = 'CF' | 'PF' | 'AF' | 'ZF' | 'SF' | 'OF';
const POSITION: Record<FlagName, number> = { CF: 0, PF: 2, AF: 4, ZF: 6, SF: 7, OF: 11 };
const ORDER: readonly FlagName[] = ['CF', 'PF', 'AF', 'ZF', 'SF', 'OF'];

const FLAG_READERS = new Set(['cond', 'flag', 'statusFlags'].map(opId)), NEXT = opId('next');
const SET_FLAGS = opId('setFlags'), PUT_STATUS = opId('putStatusFlags');
const IF = opId('if'), LOOP = opId('loop'), BLOCK = opId('block'), END = opId('end'), SUB32 = opId('i32.sub'), SUB64 = opId('i64.sub');

export function sameFlags(a: FlagState | null, b: FlagState | null): boolean {
  return a === b || (a !== null && b !== null && a.kind === b.kind && a.size === b.size && a.minuend === b.minuend);
}

/** The row of the first operand when the subtraction's result row shows it, else -1. */
export function minuendRow(ir: Columns, n: number): number {
  if (ir.imm[n] !== CcOp.sub) return -1;
  const result = ir.a[n]!;
  const op = ir.op[result]!;
  return (op === SUB32 || op === SUB64) && ir.b[result] === ir.b[n] ? ir.a[result]! : -1;
}

/** Flag knowledge after rows from..to-1, when `state` is known before. */
export function flagsAfter(ir: Columns, from: number, to: number, state: FlagState | null): FlagState | null {
  let depth = 0;
  for (let n = from; n < to; n++) {
    const op = ir.op[n]!;
    if (op === IF || op === LOOP || op === BLOCK) depth++;
    else if (op === END) depth--;
    else if (op === SET_FLAGS || op === PUT_STATUS) {
      const next = flagsSetBy(ir, n);
      state = depth === 0 || sameFlags(state, next) ? next : null;
    } else if (ops[op]!.effect === 'exit' && depth === 0) break;
  }
  return state;
}

/**
 * Rows of one block that set flags which the block sets again before anything can see them: no reader, and no place between
 * where the region may be left. `leaves` tells whether an access may leave. Who reads flags for nothing but such a row (a rotation, for the
 * flags that it leaves alone) is no reader.
 */
export function deadFlags(ir: Columns, from: number, to: number, leaves: (row: number) => boolean): number[] {
  const dead: number[] = [], used = new Uint8Array(to - from);
  let depth = 0, overwritten = false;
  for (let n = to - 1; n >= from; n--) {
    const op = ir.op[n]!, info = ops[op]!, sets = op === SET_FLAGS || op === PUT_STATUS;
    if (sets && overwritten) {
      dead.push(n);
      continue;
    }
    if (used[n - from] === 0 && ir.type[n] !== Type.none && (info.effect === 'pure' || info.effect === 'state')) continue;
    for (const operand of [ir.a[n]!, ir.b[n]!, ir.c[n]!]) if (operand >= from) used[operand - from] = 1;
    if (op === END) depth++;
    else if (op === IF || op === LOOP || op === BLOCK) depth--;
    else if (sets) overwritten ||= depth === 0;
    else if (FLAG_READERS.has(op)) overwritten = false;
    else if (info.effect === 'exit' && op !== NEXT) overwritten = false;
    else if ((info.effect === 'load' || info.effect === 'store' || info.effect === 'check') && leaves(n)) overwritten = false;
  }
  return dead;
}

export function flagsSetBy(ir: Columns, n: number): FlagState {
  if (ir.op[n] === PUT_STATUS) return { kind: CcOp.eflags, size: 4, minuend: false };
  return { kind: ir.imm[n]!, size: ir.imm2[n]!, minuend: minuendRow(ir, n) >= 0 };
}

/** Which lazy operands the kind uses besides the result. */
export function flagFields(f: FlagState): { src: boolean; src2: boolean } {
  return { src: f.kind !== CcOp.logic, src2: f.kind === CcOp.adc || f.kind === CcOp.sbb };
}

export class RegionFlags {
  private readonly state: RegionState;
  /** Knowledge at the point of emission. */
  known: FlagState | null = null;
  /** Called for a flag read when nothing is known: leaves all status flags in their EFLAGS positions. */
  private readonly materialise: () => void;

  constructor(state: RegionState, materialise: () => void) {
    this.state = state;
    this.materialise = materialise;
  }

  set(e: BodyEmitter, n: number, nested: boolean): void {
    const s = this.state, code = s.code, ir = e.ir;
    const next = flagsSetBy(ir, n);
    const first = next.minuend ? minuendRow(ir, n) : -1;
    // All operands before the first change: they may read the flags themselves (inc, adc).
    const rows = [ir.a[n]!, ir.b[n]!, ir.c[n]!, first], locals = [s.ccDst, s.ccSrc, s.ccSrc2, s.ccMinuend];
    for (const row of rows) if (row >= 0) this.operand(e, row);
    for (let k = 3; k >= 0; k--) if (rows[k]! >= 0) code.set(locals[k]!);
    code.i32(next.kind * 4 + Math.log2(next.size));
    code.set(s.ccOp);
    this.known = !nested || sameFlags(this.known, next) ? next : null;
  }

  putStatus(e: BodyEmitter, n: number, nested: boolean): void {
    const s = this.state, code = s.code;
    this.operand(e, e.ir.a[n]!);
    code.set(s.ccSrc);
    code.i32(CcOp.eflags);
    code.set(s.ccOp);
    const next = flagsSetBy(e.ir, n);
    this.known = !nested || sameFlags(this.known, next) ? next : null;
  }

  /** Leaves the value in the width of the cc locals. */
  private operand(e: BodyEmitter, row: number): void {
    const s = this.state;
    e.value(row);
    const isLong = e.ir.type[row] === 2;
    if (s.wide && !isLong) s.code.op('i64.extend_i32_u');
    else if (!s.wide && isLong) s.code.op('i32.wrap_i64');
  }

  /** Leaves i32 0 or 1. */
  condition(cc: number): void {
    const code = this.state.code, known = this.known;
    if (known === null || known.kind === CcOp.eflags) this.conditionOfBits(cc >> 1);
    else this.conditionOf(known, cc >> 1);
    if ((cc & 1) !== 0) code.op('i32.eqz');
  }

  private conditionOfBits(pair: number): void {
    const code = this.state.code;
    const masks = [0x800, 0x001, 0x040, 0x041, 0x080, 0x004];
    this.allBits();
    if (pair < 6) {
      code.i32(masks[pair]!);
      code.op('i32.and');
      code.i32(0);
      code.op('i32.ne');
      return;
    }
    const bits = code.local(0x7f);
    code.set(bits);
    code.get(bits);
    code.i32(4);
    code.op('i32.shr_u');
    code.get(bits);
    code.op('i32.xor'); // bit 7: SF xor OF
    code.i32(0x80);
    code.op('i32.and');
    if (pair === 7) {
      code.get(bits);
      code.i32(0x40);
      code.op('i32.and');
      code.op('i32.or');
    }
    code.i32(0);
    code.op('i32.ne');
  }

  private conditionOf(f: FlagState, pair: number): void {
    const code = this.state.code;
    if (f.kind === CcOp.sub && (pair === 1 || pair === 3 || pair >= 6)) {
      this.minuend(f, true);
      this.normal(f, 'src');
      code.op(`${type(f)}.${pair === 1 ? 'lt_u' : pair === 3 ? 'le_u' : pair === 6 ? 'lt_s' : 'le_s'}`);
      return;
    }
    if (f.kind === CcOp.logic && pair === 7) {
      this.normal(f, 'dst');
      this.constant(f, 0);
      code.op(`${type(f)}.le_s`);
      return;
    }
    switch (pair) {
      case 0: this.flagOf(f, 'OF'); return;
      case 1: this.flagOf(f, 'CF'); return;
      case 2: this.flagOf(f, 'ZF'); return;
      case 3: this.flagOf(f, 'CF'); this.flagOf(f, 'ZF'); code.op('i32.or'); return;
      case 4: this.flagOf(f, 'SF'); return;
      case 5: this.flagOf(f, 'PF'); return;
      default:
        this.flagOf(f, 'SF');
        this.flagOf(f, 'OF');
        code.op('i32.xor');
        if (pair === 7) {
          this.flagOf(f, 'ZF');
          code.op('i32.or');
        }
    }
  }

  /** Leaves i32 0 or 1. */
  flag(name: FlagName): void {
    const code = this.state.code, known = this.known;
    if (known !== null && known.kind !== CcOp.eflags) {
      this.flagOf(known, name);
      return;
    }
    this.allBits();
    code.i32(POSITION[name]);
    code.op('i32.shr_u');
    code.i32(1);
    code.op('i32.and');
  }

  /** Leaves the status flags in their EFLAGS positions. */
  allBits(): void {
    const code = this.state.code, known = this.known;
    if (known === null) {
      this.materialise();
      return;
    }
    if (known.kind === CcOp.eflags) {
      code.get(this.state.ccSrc);
      if (this.state.wide) code.op('i32.wrap_i64');
      code.i32(0x8d5);
      code.op('i32.and');
      return;
    }
    ORDER.forEach((name, k) => {
      this.flagOf(known, name);
      if (POSITION[name] !== 0) {
        code.i32(POSITION[name]);
        code.op('i32.shl');
      }
      if (k > 0) code.op('i32.or');
    });
  }

  private flagOf(f: FlagState, name: FlagName): void {
    switch (name) {
      case 'ZF': this.normal(f, 'dst'); this.state.code.op(`${type(f)}.eqz`); return;
      case 'SF': this.normal(f, 'dst'); this.negative(f); return;
      case 'PF': this.parity(); return;
      case 'CF': this.carry(f); return;
      case 'OF': this.overflow(f); return;
      case 'AF': this.adjust(f); return;
    }
  }

  private parity(): void {
    const code = this.state.code;
    code.get(this.state.ccDst);
    if (this.state.wide) code.op('i32.wrap_i64');
    code.i32(0xff);
    code.op('i32.and');
    code.op('i32.popcnt');
    code.i32(1);
    code.op('i32.and');
    code.op('i32.eqz');
  }

  private carry(f: FlagState): void {
    const code = this.state.code, t = type(f);
    switch (f.kind) {
      case CcOp.add: this.normal(f, 'dst'); this.normal(f, 'src'); code.op(`${t}.lt_u`); return;
      case CcOp.sub: this.minuend(f, true); this.normal(f, 'src'); code.op(`${t}.lt_u`); return;
      case CcOp.adc: case CcOp.sbb: {
        // With a carry in, equality counts too.
        const push = (): void => (f.kind === CcOp.adc ? this.normal(f, 'dst') : this.minuend(f, true));
        push(); this.normal(f, 'src'); code.op(`${t}.le_u`);
        push(); this.normal(f, 'src'); code.op(`${t}.lt_u`);
        this.raw(f, 'src2');
        if (t === 'i64') code.op('i32.wrap_i64');
        code.op('select');
        return;
      }
      case CcOp.inc: case CcOp.dec: this.raw(f, 'src'); if (t === 'i64') code.op('i32.wrap_i64'); code.i32(1); code.op('i32.and'); return;
      case CcOp.shl: this.normal(f, 'src'); this.negative(f); return;
      case CcOp.shr: this.raw(f, 'src'); if (t === 'i64') code.op('i32.wrap_i64'); code.i32(1); code.op('i32.and'); return;
      case CcOp.mul: this.normal(f, 'src'); this.constant(f, 0); code.op(`${t}.ne`); return;
      case CcOp.bmi: this.normal(f, 'src'); code.op(`${t}.eqz`); return;
      default: code.i32(0);
    }
  }

  private overflow(f: FlagState): void {
    const code = this.state.code, t = type(f);
    switch (f.kind) {
      case CcOp.add: case CcOp.adc: case CcOp.sub: case CcOp.sbb: {
        const isAdd = f.kind === CcOp.add || f.kind === CcOp.adc;
        this.minuend(f, false); this.raw(f, 'dst'); code.op(`${t}.xor`);
        if (isAdd) this.raw(f, 'dst');
        else this.minuend(f, false);
        this.raw(f, 'src'); code.op(`${t}.xor`);
        code.op(`${t}.and`);
        this.shiftUp(f);
        this.negative(f);
        return;
      }
      case CcOp.inc: case CcOp.dec:
        this.normal(f, 'dst');
        if (f.kind === CcOp.inc) this.constantTop(f);
        else this.constantBelowTop(f);
        code.op(`${t}.eq`);
        return;
      case CcOp.shl: case CcOp.shr:
        this.raw(f, 'dst'); this.raw(f, 'src'); code.op(`${t}.xor`);
        this.shiftUp(f);
        this.negative(f);
        return;
      case CcOp.mul: this.carry(f); return;
      default: code.i32(0);
    }
  }

  private adjust(f: FlagState): void {
    const code = this.state.code, t = type(f);
    if (f.kind === CcOp.inc || f.kind === CcOp.dec) {
      this.raw(f, 'dst');
      if (t === 'i64') code.op('i32.wrap_i64');
      code.i32(15);
      code.op('i32.and');
      code.i32(f.kind === CcOp.inc ? 0 : 15);
      code.op('i32.eq');
      return;
    }
    if (f.kind < CcOp.add || f.kind > CcOp.sbb) {
      code.i32(f.kind === CcOp.shl || f.kind === CcOp.shr ? 1 : 0);
      return;
    }
    this.minuend(f, false); this.raw(f, 'src'); code.op(`${t}.xor`);
    this.raw(f, 'dst'); code.op(`${t}.xor`);
    if (t === 'i64') code.op('i32.wrap_i64');
    code.i32(4);
    code.op('i32.shr_u');
    code.i32(1);
    code.op('i32.and');
  }

  /** The first operand: kept, or computed back from the result. `shifted`: moved up to the top of the word. */
  private minuend(f: FlagState, shifted: boolean): void {
    const code = this.state.code, s = this.state, t = type(f);
    if (f.minuend) {
      code.get(s.ccMinuend);
      this.fit(f);
    } else {
      const back = f.kind === CcOp.add || f.kind === CcOp.adc ? 'sub' : 'add';
      this.raw(f, 'dst');
      this.raw(f, 'src');
      code.op(`${t}.${back}`);
      if (f.kind === CcOp.adc || f.kind === CcOp.sbb) {
        this.raw(f, 'src2');
        code.op(`${t}.${back}`);
      }
    }
    if (shifted) this.shiftUp(f);
  }

  private raw(f: FlagState, which: 'dst' | 'src' | 'src2'): void {
    const s = this.state;
    s.code.get(which === 'dst' ? s.ccDst : which === 'src' ? s.ccSrc : s.ccSrc2);
    this.fit(f);
  }

  /** A cc local to the kind's own type. */
  private fit(f: FlagState): void {
    if (this.state.wide && f.size !== 8) this.state.code.op('i32.wrap_i64');
  }

  private normal(f: FlagState, which: 'dst' | 'src'): void {
    this.raw(f, which);
    this.shiftUp(f);
  }

  /** Moves an 8- or 16-bit value to the top of the word: order and sign are kept, dirty upper bits go. */
  private shiftUp(f: FlagState): void {
    if (f.size >= 4) return;
    this.state.code.i32(32 - 8 * f.size);
    this.state.code.op('i32.shl');
  }

  private negative(f: FlagState): void {
    this.constant(f, 0);
    this.state.code.op(`${type(f)}.lt_s`);
  }

  private constant(f: FlagState, n: number): void {
    if (f.size === 8) this.state.code.i64(n, n < 0 ? -1 : 0);
    else this.state.code.i32(n);
  }

  /** The most negative number, shifted up. */
  private constantTop(f: FlagState): void {
    if (f.size === 8) this.state.code.i64(0, 0x80000000 | 0);
    else this.state.code.i32(0x80000000 | 0);
  }

  private constantBelowTop(f: FlagState): void {
    if (f.size === 8) this.state.code.i64(-1, 0x7fffffff);
    else this.state.code.i32(f.size === 4 ? 0x7fffffff : f.size === 2 ? 0x7fff0000 : 0x7f000000);
  }
}

function type(f: FlagState): 'i32' | 'i64' {
  return f.size === 8 ? 'i64' : 'i32';
}
