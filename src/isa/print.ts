/** An instruction as one line of Intel syntax, for traces and test reports. */
import { conditionNames } from './flags.ts';
import { BASE_RIP, type Instruction, Kind, type Operand } from './instruction.ts';
import { gprName, segmentNames } from './registers.ts';
import { rowAt } from './rows.ts';

/** Names that differ by operand size: 16, 32, 64 bits. */
const sizedNames: Record<string, readonly [string, string, string]> = {
  cbw: ['cbw', 'cwde', 'cdqe'], cwd: ['cwd', 'cdq', 'cqo'], jcxz: ['jcxz', 'jecxz', 'jrcxz'], pusha: ['pusha', 'pushad', ''], popa: ['popa', 'popad', ''],
  pushf: ['pushf', 'pushfd', 'pushfq'], popf: ['popf', 'popfd', 'popfq'], iret: ['iret', 'iretd', 'iretq'],
};
const sizeNames: Record<number, string> = { 1: 'byte ', 2: 'word ', 4: 'dword ', 6: 'fword ', 8: 'qword ', 10: 'tbyte ', 16: 'xmmword ', 32: 'ymmword ' };

function hex(value: number): string {
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

function signed(value: number): string {
  return value < 0 ? `-0x${(-value).toString(16)}` : `+0x${value.toString(16)}`;
}

function memory(i: Instruction, op: Operand, ip: number): string {
  const parts: string[] = [];
  if (i.base === BASE_RIP) return `${sizeNames[op.size] ?? ''}[${i.segment >= 0 ? `${segmentNames[i.segment]}:` : ''}${hex(ip + i.length + i.disp)}]`;
  if (i.base >= 0) parts.push(gprName(i.base, i.addressSize));
  if (i.index >= 0) parts.push(gprName(i.index, i.addressSize) + (i.scale > 0 ? `*${1 << i.scale}` : ''));
  let text = parts.join('+');
  if (text === '') text = `0x${((BigInt(i.addressSize === 8 ? i.dispHigh >>> 0 : 0) << 32n) | BigInt(i.disp >>> 0)).toString(16)}`;
  else if (i.disp !== 0) text += signed(i.disp);
  return `${sizeNames[op.size] ?? ''}[${i.segment >= 0 ? `${segmentNames[i.segment]}:` : ''}${text}]`;
}

function operand(i: Instruction, op: Operand, ip: number): string {
  switch (op.kind) {
    case Kind.gpr: return gprName(op.reg, op.size);
    case Kind.mem: return memory(i, op, ip);
    case Kind.imm: return op.size === 8 && op.immHigh !== op.imm >> 31 ? `0x${((BigInt(op.immHigh >>> 0) << 32n) | BigInt(op.imm >>> 0)).toString(16)}` : hex(op.imm);
    case Kind.rel: return hex(ip + i.length + op.imm);
    case Kind.far: return `${hex(op.immHigh)}:${hex(op.imm >>> 0)}`;
    case Kind.xmm: return `xmm${op.reg}`;
    case Kind.ymm: return `ymm${op.reg}`;
    case Kind.mmx: return `mm${op.reg}`;
    case Kind.st: return `st${op.reg}`;
    case Kind.seg: return segmentNames[op.reg]!;
    case Kind.control: return `cr${op.reg}`;
    case Kind.debug: return `dr${op.reg}`;
    case Kind.strSrc: return `${sizeNames[op.size]}[${segmentNames[i.memSegment]}:${gprName(6, i.addressSize)}]`;
    case Kind.strDst: return `${sizeNames[op.size]}[es:${gprName(7, i.addressSize)}]`;
    default: return '?';
  }
}

/** `ip` is the guest address of the instruction. */
export function printInstruction(i: Instruction, ip: number): string {
  const row = rowAt(i.row);
  let name = row.mnemonic;
  if (row.cc >= 0) name = name.replace('cc', conditionNames[row.cc]!);
  const sized = sizedNames[name];
  if (sized !== undefined) {
    const size = name === 'jcxz' ? i.addressSize : i.operandSize;
    name = sized[size === 2 ? 0 : size === 4 ? 1 : 2];
  }
  const prefix = (i.lock !== 0 ? 'lock ' : '') + (i.rep === 0 ? '' : i.rep === 2 ? 'repne ' : row.rep === 'repz' ? 'repe ' : 'rep ');
  const operands = i.op.slice(0, i.operandCount).map((op) => operand(i, op, ip));
  return `${prefix}${name}${operands.length > 0 ? ' ' : ''}${operands.join(', ')}`;
}
