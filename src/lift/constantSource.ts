import { BASE_RIP, Kind, type Instruction, type Operand } from '../isa/instruction.ts';
import type { IrBuilder, Value } from '../ir/builder.ts';
import type { RegRef } from '../ir/ops.ts';
import { Cpu, Seg } from '../machine/cpuState.ts';
import type { OperandSource } from './context.ts';
import type { FloatFacts } from './floatFacts.ts';

/** Operands as constants: what the region translator lifts with. One object serves one instruction after another. */
export class ConstantSource implements OperandSource {
  readonly narrow = true;
  readonly boundsFail = true;
  readonly floats: FloatFacts | null;
  private instruction: Instruction;
  /** Address of the instruction. */
  private start = 0;

  constructor(instruction: Instruction, floats: FloatFacts | null = null) {
    this.instruction = instruction;
    this.floats = floats;
  }

  at(instruction: Instruction, address: number): this {
    this.instruction = instruction;
    this.start = address;
    return this;
  }

  private operand(k: number): Operand {
    return this.instruction.op[k]!;
  }

  reg(k: number): RegRef {
    const o = this.operand(k);
    switch (o.kind) {
      case Kind.gpr: return o.reg >= 16 ? Cpu.gpr + 8 * (o.reg - 16) + 1 : Cpu.gpr + 8 * o.reg;
      case Kind.xmm: return Cpu.xmm + 16 * o.reg;
      case Kind.mmx: return Cpu.x87Reg + 16 * (o.reg & 7);
      case Kind.seg: return Cpu.segBase + 8 * o.reg;
      default: throw new Error(`operand ${k} is not a register`);
    }
  }

  imm(b: IrBuilder, k: number): Value { return b.i32(this.operand(k).imm); }

  imm64(b: IrBuilder, k: number, full: boolean): Value {
    const o = this.operand(k);
    return full ? b.i64(o.imm, o.immHigh) : b.i64(o.imm, o.imm >> 31);
  }

  number(b: IrBuilder, k: number): Value { return b.i32(this.operand(k).reg); }
  immHigh(b: IrBuilder, k: number): Value { return b.i32(this.operand(k).immHigh); }

  ea(b: IrBuilder): Value {
    const i = this.instruction;
    if (i.addressSize === 8) return this.ea64(b);
    const sum = this.ea32(b);
    const narrow = i.addressSize === 2 ? b.op('i32.and', sum, b.i32(0xffff)) : sum;
    return i.mode === 64 ? b.op('i64.extend_i32_u', narrow) : narrow;
  }

  private ea64(b: IrBuilder): Value {
    const i = this.instruction;
    if (i.base === BASE_RIP) {
      const target = this.start + i.length + i.disp;
      return b.i64(target | 0, Math.floor(target / 0x1_0000_0000));
    }
    let sum = -1;
    if (i.base >= 0) sum = b.get(8, Cpu.gpr + 8 * i.base);
    if (i.index >= 0) {
      const index = b.get(8, Cpu.gpr + 8 * i.index);
      const scaled = i.scale === 0 ? index : b.op('i64.shl', index, b.i64(i.scale));
      sum = sum < 0 ? scaled : b.op('i64.add', sum, scaled);
    }
    if (sum < 0) return b.i64(i.disp, i.dispHigh);
    return i.disp === 0 ? sum : b.op('i64.add', sum, b.i64(i.disp, i.disp >> 31));
  }

  private ea32(b: IrBuilder): Value {
    const i = this.instruction;
    if (i.base === BASE_RIP) return b.i32(this.start + i.length + i.disp);
    let sum = -1;
    if (i.base >= 0) sum = b.get(4, Cpu.gpr + 8 * i.base);
    if (i.index >= 0) {
      const index = b.get(4, Cpu.gpr + 8 * i.index);
      const scaled = i.scale === 0 ? index : b.op('i32.shl', index, b.i32(i.scale));
      sum = sum < 0 ? scaled : b.op('i32.add', sum, scaled);
    }
    if (sum < 0) return b.i32(i.disp);
    return i.disp === 0 ? sum : b.op('i32.add', sum, b.i32(i.disp));
  }

  /** Only fs and gs have a base; the other segments' bases are 0 in both modes unless modify_ldt says otherwise in 32-bit mode. */
  address(b: IrBuilder): Value {
    const i = this.instruction;
    const ea = this.ea(b);
    if (!this.hasBase(i.memSegment)) return ea;
    return this.withBase(b, ea);
  }

  private hasBase(segment: number): boolean {
    return segment === Seg.fs || segment === Seg.gs || (this.instruction.mode === 32 && this.instruction.segment >= 0);
  }

  private withBase(b: IrBuilder, ea: Value): Value {
    const i = this.instruction;
    const place = Cpu.segBase + 8 * i.memSegment;
    return i.mode === 64 ? b.op('i64.add', b.get(8, place), ea) : b.op('i32.add', b.get(4, place), ea);
  }

  segmentBase(b: IrBuilder, type: 'i32' | 'i64'): Value {
    const segment = this.instruction.memSegment;
    if (!this.hasBase(segment)) return b.int(type, 0);
    return b.get(type === 'i64' ? 8 : 4, Cpu.segBase + 8 * segment);
  }

  nextIp(b: IrBuilder): Value { return b.i32(this.start + this.instruction.length); }
  thisIp(b: IrBuilder): Value { return b.i32(this.start); }
}
