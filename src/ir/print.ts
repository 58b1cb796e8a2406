import type { Columns } from './columns.ts';
import { helperNames } from './helpers.ts';
import { opId, ops, refAdd, refField } from './ops.ts';

const typeNames = ['', 'i32', 'i64', 'f32', 'f64', 'v128'];
const opens = new Set(['if', 'loop', 'block']);
const I64_CONST = opId('i64.const'), HELPER = opId('helper');

/** IR as text, one operation a line; values are %n. For people and goldens. */
export function printIr(ir: Columns): string {
  const lines: string[] = [];
  let depth = 0;
  for (let n = 0; n < ir.length; n++) {
    const op = ops[ir.op[n]!]!;
    if (op.name === 'end' || op.name === 'else') depth--;
    const operands = [ir.a[n]!, ir.b[n]!, ir.c[n]!].filter((v) => v >= 0).map((v) => `%${v}`);
    const result = ir.type[n] !== 0 ? `%${n}:${typeNames[ir.type[n]!]} = ` : '';
    const text = [...immediates(ir, n), ...operands].join(' ');
    lines.push(`${'  '.repeat(Math.max(depth, 0))}${result}${op.name}${text === '' ? '' : ` ${text}`}`);
    if (opens.has(op.name) || op.name === 'else') depth++;
  }
  return lines.join('\n');
}

function immediates(ir: Columns, n: number): string[] {
  const op = ops[ir.op[n]!]!, imm = ir.imm[n]!, imm2 = ir.imm2[n]!;
  if (op.id === HELPER) return [helperNames[imm]!];
  if (op.id === I64_CONST) return [String(BigInt.asIntN(64, (BigInt(imm2) << 32n) | BigInt(imm >>> 0)))];
  if (op.name.endsWith('.const')) return [op.name.startsWith('i') ? String(imm) : `bits ${(imm >>> 0).toString(16)} ${(imm2 >>> 0).toString(16)}`];
  if (/^(get|put)(8|16|32|64|128|\.)/.test(op.name)) return [imm >= 0 ? `[${imm.toString(16)}]` : `[record.${refField(imm)}${refAdd(imm) === 0 ? '' : `+${refAdd(imm)}`}]`];
  if (op.lane || imm !== 0 || imm2 !== 0) return imm2 !== 0 ? [`#${imm}`, `#${imm2}`] : [`#${imm}`];
  return [];
}
