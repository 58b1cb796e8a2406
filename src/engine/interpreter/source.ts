import { Kind, type Instruction } from '../../isa/instruction.ts';
import type { IrBuilder, Value } from '../../ir/builder.ts';
import { Field, symbolicRef, type RegRef } from '../../ir/ops.ts';
import { RECORD_SIZE } from '../../machine/codeLayout.ts';
import type { OperandSource } from '../../lift/context.ts';
import { AddressCase, Form } from './cases.ts';

const registerFields = [Field.r0, Field.r1, Field.r2, Field.r3];

/** Operands as fields of the interpreter's record. */
export class RecordSource implements OperandSource {
  readonly narrow = false;
  readonly boundsFail = false;
  readonly floats = null;
  readonly i: Instruction;
  readonly form: number;
  constructor(i: Instruction, form: number) {
    this.i = i;
    this.form = form;
    const third = i.operandCount > 2 && i.op[2]!.kind !== Kind.imm && i.op[2]!.kind !== Kind.mem;
    if (third && i.op.some((o, k) => k < i.operandCount && o.kind === Kind.imm)) throw new Error('a record has no room for three registers and an immediate');
  }

  reg(k: number): RegRef { return symbolicRef(registerFields[k]!); }
  number(b: IrBuilder, k: number): Value {
    if (k > 1) throw new Error('numbers are in the first two places');
    return b.opImm('field.i32', registerFields[k]!);
  }

  imm(b: IrBuilder, k: number): Value {
    return b.opImm('field.i32', isSecondImmediate(this.i, k) ? Field.high : Field.imm);
  }

  imm64(b: IrBuilder, k: number, full: boolean): Value {
    if (full) return b.op('field.imm64');
    return b.opImm('field.i64', isSecondImmediate(this.i, k) ? Field.high : Field.imm);
  }

  immHigh(b: IrBuilder, _k: number): Value { return b.opImm('field.i32', Field.high); }

  /** The address of these forms has no segment base in it, or all of it. */
  address(b: IrBuilder): Value { return this.ea(b); }

  ea(b: IrBuilder): Value {
    switch (this.form) {
      case Form.base64: return wideBase(b);
      case Form.index64: return wideIndex(b);
      case Form.absolute64: return b.op('i64.extend_i32_u', b.opImm('field.i32', Field.disp));
      case Form.base32: return b.op('i32.add', b.get(4, symbolicRef(Field.base)), b.opImm('field.i32', Field.disp));
      default: return narrowIndex(b);
    }
  }

  segmentBase(b: IrBuilder, type: 'i32' | 'i64'): Value {
    return b.get(type === 'i64' ? 8 : 4, symbolicRef(Field.base));
  }

  nextIp(b: IrBuilder): Value { return b.opImm('field.i32', Field.rip + RECORD_SIZE); }
  thisIp(b: IrBuilder): Value { return b.opImm('field.i32', Field.rip); }
}

function wideBase(b: IrBuilder): Value {
  return b.op('i64.add', b.get(8, symbolicRef(Field.base)), b.opImm('field.i64', Field.disp));
}

function wideIndex(b: IrBuilder): Value {
  const scale = b.op('i64.extend_i32_u', b.opImm('field.i32', Field.scale));
  return b.op('i64.add', wideBase(b), b.op('i64.shl', b.get(8, symbolicRef(Field.index)), scale));
}

function narrowIndex(b: IrBuilder): Value {
  const base = b.op('i32.add', b.get(4, symbolicRef(Field.base)), b.opImm('field.i32', Field.disp));
  return b.op('i32.add', base, b.op('i32.shl', b.get(4, symbolicRef(Field.index)), b.opImm('field.i32', Field.scale)));
}

/** Linear address of an address record; r0 is the place of the segment base. */
export function addressRecord(b: IrBuilder, kind: number): Value {
  const base64 = (): Value => b.get(8, symbolicRef(Field.r0)), base32 = (): Value => b.get(4, symbolicRef(Field.r0));
  switch (kind) {
    case AddressCase.wide: return b.op('i64.add', wideIndex(b), base64());
    case AddressCase.absolute: return b.op('i64.add', b.op('i64.extend_i32_u', b.opImm('field.i32', Field.disp)), base64());
    case AddressCase.far: {
      const high = b.op('i64.shl', b.op('i64.extend_i32_u', b.opImm('field.i32', Field.imm)), b.i64(32));
      return b.op('i64.add', b.op('i64.or', high, b.op('i64.extend_i32_u', b.opImm('field.i32', Field.disp))), base64());
    }
    case AddressCase.narrow64: return b.op('i64.add', b.op('i64.extend_i32_u', narrowIndex(b)), base64());
    case AddressCase.narrow32: return b.op('i64.extend_i32_u', b.op('i32.add', narrowIndex(b), base32()));
    default: return b.op('i64.extend_i32_u', b.op('i32.add', b.op('i32.and', narrowIndex(b), b.i32(0xffff)), base32()));
  }
}

/** enter has two immediates. */
export function isSecondImmediate(i: Instruction, k: number): boolean {
  for (let j = 0; j < k; j++) if (i.op[j]!.kind === Kind.imm) return true;
  return false;
}
