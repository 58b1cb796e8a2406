/** Which registers the addresses of a block are sums of, and which of them a block moves by adding to them. */
import type { Columns } from '../ir/columns.ts';
import { opId, ops } from '../ir/ops.ts';
import { Cpu } from '../machine/cpuState.ts';

/** Sums of registers as bit masks: a bit for each register's value at the block's start, and SCALED when one is multiplied. */
export const OTHER = -1;
const SCALED = 1 << 16, REGISTERS = 0xffff;

const SUMS = new Set(['i32.add', 'i64.add', 'i32.sub', 'i64.sub'].map(opId)), SHIFTS = new Set(['i32.shl', 'i64.shl'].map(opId));
const CONSTANTS = new Set(['i32.const', 'i64.const'].map(opId));
/** The same number in another width, as long as it fits. */
const SAME = new Set(['i32.wrap_i64', 'i64.extend_i32_s', 'i64.extend_i32_u', 'i64.extend32_s'].map(opId));
const GPR_END = Cpu.gpr + 16 * 8;

export class LinearTerms {
  private readonly ir: Columns;
  private readonly registers = Int32Array.from({ length: 16 }, (_, r) => 1 << r);
  /** By row, from `first` on. */
  private readonly rows: Int32Array;
  private readonly first: number;

  constructor(ir: Columns, first: number, end: number) {
    this.ir = ir;
    this.first = first;
    this.rows = new Int32Array(end - first).fill(OTHER);
  }

  of(row: number): number {
    return this.rows[row - this.first] ?? OTHER;
  }

  /** Notes what row `n` computes or changes. */
  step(n: number, nested: boolean): void {
    const { ir } = this, op = ir.op[n]!, { effect, name } = ops[op]!, place = ir.imm[n]!;
    if (effect === 'pure') this.rows[n - this.first] = this.computed(op, n);
    else if (place < 0 || place >= GPR_END || (place & 7) !== 0) return;
    else if (effect === 'state' && (name === 'get64' || name === 'get32')) this.rows[n - this.first] = this.registers[place >> 3]!;
    else if (effect === 'put' && name.startsWith('put') && !name.startsWith('putAt')) this.registers[place >> 3] = nested ? OTHER : this.of(ir.a[n]!);
  }

  private computed(op: number, n: number): number {
    const { ir } = this;
    if (CONSTANTS.has(op)) return 0;
    if (SAME.has(op)) return this.of(ir.a[n]!);
    const a = SUMS.has(op) || SHIFTS.has(op) ? this.of(ir.a[n]!) : OTHER;
    if (a === OTHER) return OTHER;
    if (SHIFTS.has(op)) return this.of(ir.b[n]!) === 0 ? a | SCALED : OTHER;
    const b = this.of(ir.b[n]!);
    return b === OTHER ? OTHER : a | b;
  }

  /** Registers (a bit each) that are what they were, or that with something added. */
  steady(): number {
    let mask = 0;
    for (let r = 0; r < 16; r++) {
      const terms = this.registers[r]!;
      if (terms !== OTHER && (terms & SCALED) === 0 && ((terms >> r) & 1) !== 0) mask |= 1 << r;
    }
    return mask;
  }
}

/** Whether an address with these terms moves on steadily when those registers do. */
export function isSteady(terms: number, registers: number): boolean {
  return terms !== OTHER && (terms & REGISTERS & ~registers) === 0;
}
