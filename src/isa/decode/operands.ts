/** Fills the operands of an instruction from its row's operand program. */
import { type Instruction, Kind, type Operand } from '../instruction.ts';
import { i32 } from './memory.ts';
import { PROGRAM_BYTES } from './layout.ts';
import { Act, SIZE_S, SIZE_X, sizeOf } from './operandProgram.ts';
import { operandPrograms } from './tables.ts';

/** Returned instead of a position: the registers named do not exist (#UD). */
export const Bad = -1;

function setGpr(op: Operand, reg: number, size: number, rex: number): void {
  op.kind = Kind.gpr;
  op.size = size;
  op.reg = size === 1 && rex === 0 && reg >= 4 && reg < 8 ? reg + 12 : reg;
}

function setImm(op: Operand, imm: number, high: number): void {
  op.kind = Kind.imm;
  op.imm = imm;
  op.immHigh = high;
}

function setXmm(op: Operand, reg: number, size: number, code: number, l: number): void {
  op.kind = Kind.xmm;
  op.size = size;
  op.reg = reg;
  if (l !== 0 && code === SIZE_X) {
    op.kind = Kind.ymm;
    op.size = 32;
  }
}

/**
 * `start` is after ModRM and displacement; returns the position after the immediates. rex is 0 without a prefix (then ah..bh are
 * meant), modrm -1 without the byte.
 */
export function decodeOperands(
  bytes: Uint8Array, start: number, row: number, modrm: number, opcode: number, rex: number, vvvv: number, out: Instruction,
): number {
  let p = start;
  const count = out.operandCount;
  const operandSize = out.operandSize;
  const log = operandSize >> 1 === 4 ? 3 : operandSize >> 1;
  const direct = modrm >= 0xc0;
  const rm = (modrm & 7) | ((rex & 1) << 3);
  const reg = ((modrm >> 3) & 7) | ((rex & 4) << 1);
  for (let k = 0; k < count; k++) {
    const op = k === 0 ? out.op0 : k === 1 ? out.op1 : k === 2 ? out.op2 : out.op3;
    const at = row * PROGRAM_BYTES + k * 4;
    const code = operandPrograms[at + 1]!;
    const size = sizeOf[code * 4 + log]!;
    op.imm = 0;
    op.immHigh = 0;
    op.reg = 0;
    op.size = size;
    switch (operandPrograms[at]) {
      case Act.rmGpr:
        if (direct) setGpr(op, rm, size, rex);
        else setMem(op, operandPrograms[at + 2]!, log, out);
        break;
      case Act.regGpr: setGpr(op, reg, size, rex); break;
      case Act.opGpr: setGpr(op, (opcode & 7) | ((rex & 1) << 3), size, rex); break;
      case Act.fixedGpr: setGpr(op, operandPrograms[at + 3]!, size, rex); break;
      case Act.vexGpr: setGpr(op, out.mode === 64 ? vvvv : vvvv & 7, size, 0x40); break;
      case Act.rmXmm:
        if (direct) setXmm(op, rm, size, code, out.l);
        else setMem(op, code, log, out);
        break;
      case Act.regXmm: setXmm(op, reg, size, code, out.l); break;
      case Act.vexXmm: setXmm(op, out.mode === 64 ? vvvv : vvvv & 7, size, code, out.l); break;
      case Act.immXmm:
        setXmm(op, out.mode === 64 ? bytes[p]! >> 4 : (bytes[p]! >> 4) & 7, size, code, out.l);
        p++;
        break;
      case Act.rmMmx:
        if (direct) {
          op.kind = Kind.mmx;
          op.size = 8;
          op.reg = modrm & 7;
        } else setMem(op, code, log, out);
        break;
      case Act.regMmx:
        op.kind = Kind.mmx;
        op.size = 8;
        op.reg = (modrm >> 3) & 7;
        break;
      case Act.mem: setMem(op, code, log, out); break;
      case Act.immB: setImm(op, bytes[p++]!, 0); break;
      case Act.one: setImm(op, operandPrograms[at + 3]!, 0); break;
      case Act.immBs: {
        const v = (bytes[p++]! << 24) >> 24;
        setImm(op, operandSize === 2 ? v & 0xffff : v, operandSize === 8 ? v >> 31 : 0);
        break;
      }
      case Act.immW:
        setImm(op, bytes[p]! | (bytes[p + 1]! << 8), 0);
        p += 2;
        break;
      case Act.immZ:
      case Act.immV:
        p = decodeImmediate(bytes, p, op, operandSize, operandPrograms[at] === Act.immV);
        break;
      case Act.relB:
        op.kind = Kind.rel;
        op.imm = (bytes[p++]! << 24) >> 24;
        break;
      case Act.relZ:
        op.kind = Kind.rel;
        if (operandSize === 2) {
          op.imm = ((bytes[p]! | (bytes[p + 1]! << 8)) << 16) >> 16;
          p += 2;
        } else {
          op.imm = i32(bytes, p);
          p += 4;
        }
        break;
      case Act.far:
        op.kind = Kind.far;
        op.imm = operandSize === 2 ? bytes[p]! | (bytes[p + 1]! << 8) : i32(bytes, p);
        p += operandSize === 2 ? 2 : 4;
        op.immHigh = bytes[p]! | (bytes[p + 1]! << 8);
        p += 2;
        op.size = operandSize + 2;
        break;
      case Act.moffs: p = decodeMoffs(bytes, p, op, out); break;
      case Act.strSrc: op.kind = Kind.strSrc; break;
      case Act.strDst: op.kind = Kind.strDst; break;
      case Act.regSeg:
        op.kind = Kind.seg;
        op.reg = (modrm >> 3) & 7;
        // cs cannot be loaded by mov.
        if (op.reg > 5 || (op.reg === 1 && k === 0)) return Bad;
        break;
      case Act.fixedSeg:
        op.kind = Kind.seg;
        op.reg = operandPrograms[at + 3]!;
        break;
      case Act.st0: op.kind = Kind.st; break;
      case Act.stI:
        op.kind = Kind.st;
        op.reg = modrm & 7;
        break;
      case Act.control:
        op.kind = Kind.control;
        op.reg = reg;
        op.size = out.mode >> 3;
        if (reg === 1 || reg > 8 || (reg > 4 && reg < 8)) return Bad;
        break;
      case Act.debug:
        op.kind = Kind.debug;
        op.reg = reg;
        op.size = out.mode >> 3;
        if (reg > 7) return Bad;
        break;
      default:
        op.kind = Kind.none;
    }
  }
  return p;
}

function setMem(op: Operand, code: number, log: number, out: Instruction): void {
  op.kind = Kind.mem;
  op.size = code === SIZE_S ? (out.mode === 64 ? 10 : 6) : code === SIZE_X && out.l !== 0 ? 32 : sizeOf[code * 4 + log]!;
}

function decodeImmediate(bytes: Uint8Array, p: number, op: Operand, operandSize: number, full: boolean): number {
  if (operandSize === 2) {
    setImm(op, bytes[p]! | (bytes[p + 1]! << 8), 0);
    return p + 2;
  }
  const low = i32(bytes, p);
  if (operandSize === 4) {
    setImm(op, low, 0);
    return p + 4;
  }
  if (full) {
    setImm(op, low, i32(bytes, p + 4));
    return p + 8;
  }
  setImm(op, low, low >> 31);
  return p + 4;
}

function decodeMoffs(bytes: Uint8Array, p: number, op: Operand, out: Instruction): number {
  op.kind = Kind.mem;
  if (out.addressSize === 2) {
    out.disp = bytes[p]! | (bytes[p + 1]! << 8);
    return p + 2;
  }
  out.disp = i32(bytes, p);
  if (out.addressSize === 4) {
    out.dispHigh = 0;
    return p + 4;
  }
  out.dispHigh = i32(bytes, p + 4);
  return p + 8;
}
