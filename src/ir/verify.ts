import type { Columns } from './columns.ts';
import { helperNames, helperSignatures } from './helpers.ts';
import { opId, ops, Type } from './ops.ts';

const letters: Record<string, number> = { i: Type.i32, l: Type.i64, f: Type.f32, d: Type.f64, v: Type.v128 };
const IF = opId('if'), ELSE = opId('else'), END = opId('end'), LOOP = opId('loop'), BLOCK = opId('block');
const BR = opId('br'), BR_IF = opId('brIf'), VAR_GET = opId('var.get'), VAR_SET = opId('var.set'), HELPER = opId('helper');

/**
 * What is wrong with a stretch of IR, as text; empty = nothing. Types of operands, visibility of values (a value made inside a
 * branch or loop is not visible outside), nesting.
 */
export function verifyIr(ir: Columns): string[] {
  const problems: string[] = [];
  /** Number of the structure each value was made in, and which structures are open. */
  const home = new Int32Array(ir.length);
  const open: number[] = [0];
  let structures = 0;
  const complain = (n: number, text: string): void => { problems.push(`%${n} ${ops[ir.op[n]!]!.name}: ${text}`); };
  for (let n = 0; n < ir.length; n++) {
    const op = ir.op[n]!, operands = [ir.a[n]!, ir.b[n]!, ir.c[n]!];
    if (op === END || op === ELSE) {
      if (open.length === 1) complain(n, 'closes nothing');
      else open.pop();
    }
    for (const v of operands) {
      if (v < 0) continue;
      if (v >= n) complain(n, `operand %${v} comes later`);
      else if (ir.type[v] === Type.none) complain(n, `operand %${v} has no value`);
      else if (!open.includes(home[v]!)) complain(n, `operand %${v} is not visible here`);
    }
    checkTypes(ir, n, operands, complain);
    home[n] = open[open.length - 1]!;
    if (op === IF || op === LOOP || op === BLOCK || op === ELSE) open.push(++structures);
    if ((op === BR || op === BR_IF) && ir.imm[n]! >= open.length - 1) complain(n, 'no such structure');
  }
  if (open.length !== 1) problems.push('a structure is left open');
  return problems;
}

function checkTypes(ir: Columns, n: number, operands: number[], complain: (n: number, text: string) => void): void {
  const op = ops[ir.op[n]!]!;
  let params = op.params;
  if (op.id === HELPER) params = helperSignatures[helperNames[ir.imm[n]!]!]!.split(':')[0]!;
  if (op.id === VAR_SET) {
    if (ir.type[operands[0]!] !== ir.varTypes[ir.imm[n]!]) complain(n, 'value and variable differ in type');
    return;
  }
  if (op.id === VAR_GET) return;
  operands.forEach((v, k) => {
    const letter = params[k] ?? '';
    if (letter === '*') return;
    if (v < 0) {
      if (letter !== '') complain(n, `operand ${k} is missing`);
      return;
    }
    const type = ir.type[v]!;
    if (letter === '') complain(n, `operand ${k} is one too many`);
    else if (letter === 'a' ? type !== Type.i32 && type !== Type.i64 : type !== letters[letter]) complain(n, `operand ${k} has the wrong type`);
  });
}

const stateChanges = new Set(['put', 'store', 'helper']);
const faults = new Set(['load', 'check']);
/** Ends that a region leaves before the instruction for. */
const refusals = new Set(['trap', 'fault', 'leaveHere', 'leaveNext', 'leaveRegion']);

/**
 * The law of lifts: no access that may fault after a change of state, on the straight path of one instruction, and no end that a region
 * has the interpreter do the instruction for. Accesses to checked
 * memory and what follows a helper are exempt. Returns the offending rows.
 */
export function lateFaults(ir: Columns, checkedFlag: number): number[] {
  const late: number[] = [];
  let changed = false, depth = 0;
  for (let n = 0; n < ir.length; n++) {
    const op = ops[ir.op[n]!]!;
    if (op.id === IF || op.id === LOOP || op.id === BLOCK) depth++;
    else if (op.id === END) depth--;
    if (changed && refusals.has(op.name)) late.push(n);
    if (depth > 0) continue;
    const isChecked = (ir.imm[n]! & checkedFlag) !== 0 && /^(load|store)/.test(op.name);
    if (changed && !isChecked && (faults.has(op.effect) || (op.effect === 'store' && /^store|^rmw|^cmpxchg/.test(op.name)))) late.push(n);
    if (stateChanges.has(op.effect) && !isChecked && op.effect !== 'helper') changed = changed || op.effect === 'put';
  }
  return late;
}
