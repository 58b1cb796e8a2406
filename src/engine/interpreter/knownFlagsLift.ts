import type { IrBuilder, Value } from '../../ir/builder.ts';
import type { Instruction } from '../../isa/instruction.ts';
import type { Row } from '../../isa/row.ts';
import { type FlagName, Lift, type OperandSource } from '../../lift/context.ts';
import { CcOp, Cpu, Eflags } from '../../machine/cpuState.ts';

/** Lifts an instruction that finds the flags as `ccOp` says. */
export class KnownFlagsLift extends Lift {
  private readonly ccOp: number;
  constructor(b: IrBuilder, i: Instruction, row: Row, source: OperandSource, ccOp: number) {
    super(b, i, row, source);
    this.ccOp = ccOp;
    b.opImm('expectFlags', ccOp);
  }

  override cond(cc: number): Value {
    const value = this.decide(cc >> 1);
    return (cc & 1) !== 0 ? this.b.op('i32.eqz', value) : value;
  }

  override flag(name: FlagName): Value {
    if (Eflags[name] !== Eflags.CF) throw new Error('only CF is decided by comparison');
    return this.decide(1);
  }

  private decide(condition: number): Value {
    const size = 1 << (this.ccOp & 3);
    return decide(this.b, condition, this.ccOp >> 2, size, (place) => this.b.get(size === 8 ? 8 : 4, place));
  }
}

/** A conditional jump behind the instruction that has set the flags, in the same case: row `setter` of the IR. */
export class BehindSetterLift extends Lift {
  private readonly setter: number;
  constructor(b: IrBuilder, i: Instruction, row: Row, source: OperandSource, setter: number) {
    super(b, i, row, source);
    this.setter = setter;
  }

  override cond(cc: number): Value {
    const { code } = this.b, { setter } = this;
    const operands = new Map<number, Value>([[Cpu.ccDst, code.a[setter]!], [Cpu.ccSrc, code.b[setter]!], [Cpu.ccSrc2, code.c[setter]!]]);
    const value = decide(this.b, cc >> 1, code.imm[setter]!, code.imm2[setter]!, (place) => operands.get(place)!);
    return (cc & 1) !== 0 ? this.b.op('i32.eqz', value) : value;
  }
}

/** An even condition by comparison of the operands of setFlags: `raw` gives the one that is kept at a place. */
function decide(b: IrBuilder, condition: number, kind: number, size: number, raw: (place: number) => Value): Value {
  const type = size === 8 ? 'i64' : 'i32';
  const shift = size < 4 ? 32 - 8 * size : 0;
  /** At the top of an i32, so that all comparisons work. */
  const up = (v: Value): Value => (shift === 0 ? v : b.op('i32.shl', v, b.i32(shift)));
  const dst = (): Value => up(raw(Cpu.ccDst)), src = (): Value => up(raw(Cpu.ccSrc)), carry = (): Value => up(raw(Cpu.ccSrc2));
  const zero = (): Value => (size === 8 ? b.i64(0) : b.i32(0));
  const sum = (): Value => b.op(`${type}.add`, dst(), src());
  const compare = (op: string, x: Value, y: Value): Value => b.op(`${type}.${op}`, x, y);
  if (condition === 2 || (kind === CcOp.logic && condition === 3)) return b.op(`${type}.eqz`, dst());
  if (condition === 4) return compare('lt_s', dst(), zero());
  if (kind === CcOp.logic) return condition === 1 ? b.i32(0) : compare(condition === 6 ? 'lt_s' : 'le_s', dst(), zero());
  if (kind === CcOp.sub) return compare(condition === 1 ? 'lt_u' : condition === 3 ? 'le_u' : condition === 6 ? 'lt_s' : 'le_s', sum(), src());
  switch (kind) {
    case CcOp.add: return compare('lt_u', dst(), src());
    case CcOp.adc: return b.select(b.op(`${type}.eqz`, raw(Cpu.ccSrc2)), compare('lt_u', dst(), src()), compare('le_u', dst(), src()));
    case CcOp.sbb: {
      const first = (): Value => b.op(`${type}.add`, sum(), carry());
      return b.select(b.op(`${type}.eqz`, raw(Cpu.ccSrc2)), compare('lt_u', first(), src()), compare('le_u', first(), src()));
    }
    default: return b.op('i32.and', size === 8 ? b.op('i32.wrap_i64', raw(Cpu.ccSrc)) : raw(Cpu.ccSrc), b.i32(1));
  }
}
