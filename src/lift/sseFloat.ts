/**
 * SSE arithmetic on binary32 and binary64.
 *
 * The plain result is computed with WebAssembly's operator. It stands while MXCSR is at its default with PE noted (Cpu.sseExact
 * = 0) and neither operands nor result are in doubt (sseDoubt.ts). Otherwise the helper of the same operation computes it again
 * with rounding mode, flags and masks; it leaves 1 in scratch word 0 when an exception is unmasked.
 */
import type { IrBuilder, Value } from '../ir/builder.ts';
import { defineHelpers } from '../ir/helpers.ts';
import type { TypeName } from '../ir/ops.ts';
import { Cpu } from '../machine/cpuState.ts';
import { Vector } from '../machine/exit.ts';
import type { Lift, Lifter } from './context.ts';
import type { FloatShape } from './floatFacts.ts';
import { constantOf, readVector, shuffleLanes, words, writeLow } from './sseCommon.ts';
import { both, certain, type Doubts, isNan, isOdd, isPacked, isZero, productDoubts, rootDoubts, sumDoubts, toBits } from './sseDoubt.ts';
import { areClean, leaveIfDoubtful, noteClean, noteZero, operandDoubts, resultDoubts } from './ssePlain.ts';
import { immMask } from './sseShuffle.ts';

/** Type of a value of the shape in the fast path, and of its bits as helpers take them. */
const valueType: Record<FloatShape, TypeName> = { f32: 'f32', f64: 'f64', f32x4: 'v128', f64x2: 'v128' };
const bitsLetter: Record<FloatShape, string> = { f32: 'i', f64: 'l', f32x4: 'v', f64x2: 'v' };

for (const shape of Object.keys(valueType) as FloatShape[]) {
  const t = bitsLetter[shape];
  for (const op of ['Add', 'Sub', 'Mul', 'Div']) defineHelpers({ [shape + op]: `${t}${t}:${t}` });
  defineHelpers({ [`${shape}Sqrt`]: `${t}:${t}`, [`${shape}MinMax`]: `${t}${t}i:${t}`, [`${shape}Compare`]: `${t}${t}i:${t}`, [`${shape}Round`]: `${t}i:${t}` });
}
for (const shape of ['f32x4', 'f64x2']) {
  defineHelpers({ [`${shape}AddSub`]: 'vv:v', [`${shape}HorizontalAdd`]: 'vv:v', [`${shape}HorizontalSub`]: 'vv:v', [`${shape}Dot`]: 'vvi:v' });
}
defineHelpers({
  f32CompareFlags: 'iii:i', f64CompareFlags: 'lli:i',
  f32Reciprocal: 'i:i', f32x4Reciprocal: 'v:v', f32ReciprocalRoot: 'i:i', f32x4ReciprocalRoot: 'v:v',
});

export function readFloat(c: Lift, shape: FloatShape, k: number): Value {
  if (shape === 'f32') return c.readF32(k);
  if (shape === 'f64') return c.readF64(k);
  return readVector(c, k);
}

export function writeFloat(c: Lift, shape: FloatShape, k: number, v: Value): void {
  if (isPacked(shape)) c.setXmm(k, v);
  else writeLow(c, k, v);
}

export function fromBits(b: IrBuilder, shape: FloatShape, v: Value): Value {
  if (shape === 'f32') return b.op('f32.reinterpret_i32', v);
  if (shape === 'f64') return b.op('f64.reinterpret_i64', v);
  return v;
}

/** Non-zero when the soft floats must be used. */
export function isExact(b: IrBuilder): Value {
  return b.get(4, Cpu.sseExact);
}

/** After a soft-float helper: #XM when it met an unmasked exception. */
export function trapUnmasked(c: Lift): void {
  c.b.if(c.b.get(4, Cpu.scratch), () => c.trap(Vector.XM));
}

/** `plain`, or what `exact` computes instead: when flags must be looked at always, or there are `doubts`. Of a plain version `plain` alone. */
export function orExact(c: Lift, type: TypeName, plain: Value, doubts: Doubts, exact: () => Value): Value {
  if (c.source.floats !== null) {
    leaveIfDoubtful(c.b, doubts);
    return plain;
  }
  const b = c.b, result = b.var(type, plain);
  b.block((done) => {
    b.block((doubtful) => {
      const staged = doubts.quick !== doubts.sure, folded = staged && c.source.boundsFail;
      if (!folded) doubtful(isExact(b));
      if (staged) {
        b.block((perhaps) => {
          for (const doubt of doubts.quick()) perhaps(doubt);
          done();
        });
      }
      if (folded) doubtful(isExact(b));
      for (const doubt of doubts.sure()) doubtful(doubt);
      done();
    });
    b.setVar(result, exact());
    trapUnmasked(c);
  });
  return b.getVar(result);
}

/** As orExact, for an operation that gives a value of the shape. */
export function orExactFloat(c: Lift, shape: FloatShape, plain: Value, doubts: Doubts, exact: () => Value): Value {
  return orExact(c, valueType[shape], plain, doubts, () => fromBits(c.b, shape, exact()));
}

function binaryDoubts(c: Lift, op: 'Add' | 'Sub' | 'Mul' | 'Div', shape: FloatShape, plain: Value, x: Value, y: Value): Doubts {
  const b = c.b, isSum = op === 'Add' || op === 'Sub', zeros = () => (op === 'Mul' ? [x, y] : [x]).map((v) => isZero(b, shape, v));
  if (c.source.floats !== null) return resultDoubts(c, shape, plain, [[0, x], [1, y]], isSum ? null : zeros);
  return isSum ? sumDoubts(b, shape, plain, x, y) : productDoubts(b, shape, plain, [x, y], zeros);
}

function liftBinary(op: 'Add' | 'Sub' | 'Mul' | 'Div', shape: FloatShape): Lifter {
  const wasm = `${shape}.${op.toLowerCase()}`;
  return (c) => {
    const b = c.b, y = readFloat(c, shape, 1), x = readFloat(c, shape, 0);
    const plain = b.op(wasm, x, y), doubts = binaryDoubts(c, op, shape, plain, x, y);
    writeFloat(c, shape, 0, orExactFloat(c, shape, plain, doubts, () => c.callHelper(shape + op, toBits(b, shape, x), toBits(b, shape, y))));
    noteClean(c, shape);
    // A finite sum or product has clean operands; 0 is also what is left of a number that is divided by infinity.
    if (op !== 'Div' && !c.isMem(1)) c.source.floats?.noteOperand(c.reg(1), shape);
  };
}

function liftSqrt(shape: FloatShape): Lifter {
  return (c) => {
    const b = c.b, y = readFloat(c, shape, 1);
    const plain = b.op(`${shape}.sqrt`, y), doubts = rootDoubts(b, shape, plain, y);
    if (areClean(c, shape, 1)) noteClean(c, shape);
    writeFloat(c, shape, 0, orExactFloat(c, shape, plain, doubts, () => c.callHelper(`${shape}Sqrt`, toBits(b, shape, y))));
  };
}

/** The second operand when the two are equal or unordered, which is what pmin and pmax give with exchanged operands. */
function liftMinMax(max: boolean, shape: FloatShape): Lifter {
  return (c) => {
    const b = c.b, y = readFloat(c, shape, 1), x = readFloat(c, shape, 0);
    const plain = isPacked(shape)
      ? b.op(`${shape}.p${max ? 'max' : 'min'}`, y, x)
      : b.select(b.op(`${shape}.${max ? 'gt' : 'lt'}`, x, y), x, y);
    const exact = () => c.callHelper(`${shape}MinMax`, toBits(b, shape, x), toBits(b, shape, y), b.i32(max ? 1 : 0));
    if (areClean(c, shape, 0, 1)) noteClean(c, shape);
    writeFloat(c, shape, 0, orExactFloat(c, shape, plain, operandDoubts(c, shape, [0, x], [1, y]), exact));
  };
}

/** The four basic predicates; 4..7 are their negations (SDM vol. 2, CMPPD, table 3-1). */
function basicCompare(b: IrBuilder, shape: FloatShape, n: number, x: Value, y: Value): Value {
  if (n === 0) return b.op(`${shape}.eq`, x, y);
  if (n === 1) return b.op(`${shape}.lt`, x, y);
  if (n === 2) return b.op(`${shape}.le`, x, y);
  const or = isPacked(shape) ? 'v128.or' : 'i32.or';
  return b.op(or, b.op(`${shape}.ne`, x, x), b.op(`${shape}.ne`, y, y));
}

/** A comparison as v128 mask (packed) or i32 0/1 (scalar). */
function plainCompare(b: IrBuilder, shape: FloatShape, imm: Value, x: Value, y: Value): Value {
  const packed = isPacked(shape), k = constantOf(b, imm);
  const all = () => (packed ? words(b, -1) : b.i32(1));
  const xor = packed ? 'v128.xor' : 'i32.xor';
  if (k !== undefined) {
    const positive = basicCompare(b, shape, k & 3, x, y);
    return k & 4 ? b.op(xor, positive, all()) : positive;
  }
  const result = b.var(packed ? 'v128' : 'i32');
  const low = b.op('i32.and', imm, b.i32(3));
  const set = (n: number) => () => b.setVar(result, basicCompare(b, shape, n, x, y));
  b.if(b.op('i32.lt_u', low, b.i32(2)), () => b.if(low, set(1), set(0)), () => b.if(b.op('i32.eq', low, b.i32(2)), set(2), set(3)));
  b.if(b.op('i32.and', imm, b.i32(4)), () => b.setVar(result, b.op(xor, b.getVar(result), all())));
  return b.getVar(result);
}

function liftCompare(shape: FloatShape): Lifter {
  return (c) => {
    const b = c.b, y = readFloat(c, shape, 1), x = readFloat(c, shape, 0), imm = c.imm(2);
    const plain = plainCompare(b, shape, imm, x, y), doubts = operandDoubts(c, shape, [0, x], [1, y]);
    const exact = () => c.callHelper(`${shape}Compare`, toBits(b, shape, x), toBits(b, shape, y), b.op('i32.and', imm, b.i32(7)));
    if (isPacked(shape)) {
      c.setXmm(0, orExact(c, 'v128', plain, doubts, exact));
      return;
    }
    const zero = b.i32(0);
    const mask = shape === 'f32' ? b.op('i32.sub', zero, plain) : b.op('i64.extend_i32_s', b.op('i32.sub', zero, plain));
    const result = orExact(c, shape === 'f32' ? 'i32' : 'i64', mask, doubts, exact);
    writeLow(c, 0, result);
  };
}

/** comiss, ucomiss, comisd, ucomisd: ZF PF CF = 111 unordered, 000 greater, 001 less, 100 equal. */
function liftCompareFlags(shape: 'f32' | 'f64', signal: boolean): Lifter {
  return (c) => {
    const b = c.b, y = readFloat(c, shape, 1), x = readFloat(c, shape, 0), ordered = c.source.floats !== null;
    const less = b.op(`${shape}.lt`, x, y), differ = b.op('i32.or', less, b.op(`${shape}.gt`, x, y));
    const zero = b.op('i32.shl', b.op('i32.eqz', differ), b.i32(6));
    const two = b.op('i32.or', ordered ? less : b.op('i32.eqz', b.op(`${shape}.ge`, x, y)), zero);
    // What is not ordered does not come here in a plain version.
    const plain = ordered ? two : b.op('i32.or', two, b.op('i32.shl', basicCompare(b, shape, 3, x, y), b.i32(2)));
    const exact = () => c.callHelper(`${shape}CompareFlags`, toBits(b, shape, x), toBits(b, shape, y), b.i32(signal ? 1 : 0));
    c.putStatusFlags(orExact(c, 'i32', plain, operandDoubts(c, shape, [0, x], [1, y]), exact));
  };
}

function liftHorizontal(op: 'Add' | 'Sub', shape: 'f32x4' | 'f64x2'): Lifter {
  const even = shape === 'f32x4' ? [0, 2, 4, 6] : [0, 2], odd = even.map((n) => n + 1);
  return (c) => {
    const b = c.b, y = readVector(c, 1), x = c.xmm(0);
    const plain = b.op(`${shape}.${op.toLowerCase()}`, shuffleLanes(b, x, y, even), shuffleLanes(b, x, y, odd));
    c.setXmm(0, orExact(c, 'v128', plain, sumDoubts(b, shape, plain, x, y), () => c.callHelper(`${shape}Horizontal${op}`, x, y)));
  };
}

function liftAddSub(shape: 'f32x4' | 'f64x2'): Lifter {
  const signs = shape === 'f32x4' ? [0x80000000 | 0, 0, 0x80000000 | 0, 0] : [0, 0x80000000 | 0, 0, 0];
  return (c) => {
    const b = c.b, y = readVector(c, 1), x = c.xmm(0);
    const plain = b.op(`${shape}.add`, x, b.op('v128.xor', y, b.v128(signs[0]!, signs[1]!, signs[2]!, signs[3]!)));
    c.setXmm(0, orExact(c, 'v128', plain, sumDoubts(b, shape, plain, x, y), () => c.callHelper(`${shape}AddSub`, x, y)));
  };
}

function liftDot(shape: 'f32x4' | 'f64x2'): Lifter {
  const lanes = shape === 'f32x4' ? 4 : 2;
  return (c) => {
    const b = c.b, y = readVector(c, 1), x = c.xmm(0), imm = c.imm(2);
    const chosen = immMask(b, b.op('i32.shr_u', imm, b.i32(4)), lanes), products = b.op('v128.and', b.op(`${shape}.mul`, x, y), chosen);
    let sum = b.op(`${shape}.add`, products, shuffleLanes(b, products, products, lanes === 4 ? [1, 0, 3, 2] : [1, 0]));
    if (lanes === 4) sum = b.op('f32x4.add', sum, shuffleLanes(b, sum, sum, [2, 3, 0, 1]));
    const plain = b.op('v128.and', sum, immMask(b, imm, lanes));
    const odd = certain(b, shape, () => [b.op('v128.and', isOdd(b, shape, products), chosen)]);
    c.setXmm(0, orExact(c, 'v128', plain, both(odd, sumDoubts(b, shape, sum, x, y)), () => c.callHelper(`${shape}Dot`, x, y, imm)));
  };
}

const rounders = ['nearest', 'floor', 'ceil', 'trunc'] as const;

/** roundss and kin. The immediate's bit 2 takes the mode from MXCSR, which is `nearest` in the fast path. */
function liftRound(shape: FloatShape): Lifter {
  return (c) => {
    const b = c.b, y = readFloat(c, shape, 1), imm = c.imm(2), k = constantOf(b, imm);
    const result = b.var(valueType[shape]);
    const set = (n: number) => () => b.setVar(result, b.op(`${shape}.${rounders[n]!}`, y));
    if (k !== undefined) set(k & 4 ? 0 : k & 3)();
    else {
      const mode = b.select(b.op('i32.and', imm, b.i32(4)), b.i32(0), b.op('i32.and', imm, b.i32(3)));
      b.if(b.op('i32.lt_u', mode, b.i32(2)), () => b.if(mode, set(1), set(0)), () => b.if(b.op('i32.eq', mode, b.i32(2)), set(2), set(3)));
    }
    const rounded = b.getVar(result);
    if (areClean(c, shape, 1)) noteClean(c, shape);
    writeFloat(c, shape, 0, orExactFloat(c, shape, rounded, certain(b, shape, () => [isNan(b, shape, rounded)]), () => c.callHelper(`${shape}Round`, toBits(b, shape, y), imm)));
  };
}

/** and, andn, or, xor in the three spellings of the same operation. */
function liftBits(op: 'and' | 'or' | 'xor' | 'andnot'): Lifter {
  return (c) => {
    const y = readVector(c, 1), x = c.xmm(0);
    c.setXmm(0, op === 'andnot' ? c.b.op('v128.andnot', y, x) : c.b.op(`v128.${op}`, x, y));
    if (op === 'xor') noteZero(c);
  };
}

/** rcpps, rsqrtps and their scalar forms: a table of the processor's own (src/helpers/assembly/reciprocal.ts). */
function liftEstimate(name: 'Reciprocal' | 'ReciprocalRoot', shape: 'f32' | 'f32x4'): Lifter {
  return (c) => {
    if (shape === 'f32x4') c.setXmm(0, c.callHelper(shape + name, readVector(c, 1)));
    else writeLow(c, 0, c.callHelper(shape + name, c.read(1)));
  };
}

export const sseFloatLifters = {
  addps: liftBinary('Add', 'f32x4'), addpd: liftBinary('Add', 'f64x2'), addss: liftBinary('Add', 'f32'), addsd: liftBinary('Add', 'f64'),
  subps: liftBinary('Sub', 'f32x4'), subpd: liftBinary('Sub', 'f64x2'), subss: liftBinary('Sub', 'f32'), subsd: liftBinary('Sub', 'f64'),
  mulps: liftBinary('Mul', 'f32x4'), mulpd: liftBinary('Mul', 'f64x2'), mulss: liftBinary('Mul', 'f32'), mulsd: liftBinary('Mul', 'f64'),
  divps: liftBinary('Div', 'f32x4'), divpd: liftBinary('Div', 'f64x2'), divss: liftBinary('Div', 'f32'), divsd: liftBinary('Div', 'f64'),
  minps: liftMinMax(false, 'f32x4'), minpd: liftMinMax(false, 'f64x2'), minss: liftMinMax(false, 'f32'), minsd: liftMinMax(false, 'f64'),
  maxps: liftMinMax(true, 'f32x4'), maxpd: liftMinMax(true, 'f64x2'), maxss: liftMinMax(true, 'f32'), maxsd: liftMinMax(true, 'f64'),
  sqrtps: liftSqrt('f32x4'), sqrtpd: liftSqrt('f64x2'), sqrtss: liftSqrt('f32'), sqrtsd: liftSqrt('f64'),
  cmpps: liftCompare('f32x4'), cmppd: liftCompare('f64x2'), cmpss: liftCompare('f32'), cmpsd: liftCompare('f64'),
  comiss: liftCompareFlags('f32', true), ucomiss: liftCompareFlags('f32', false),
  comisd: liftCompareFlags('f64', true), ucomisd: liftCompareFlags('f64', false),
  haddps: liftHorizontal('Add', 'f32x4'), haddpd: liftHorizontal('Add', 'f64x2'),
  hsubps: liftHorizontal('Sub', 'f32x4'), hsubpd: liftHorizontal('Sub', 'f64x2'),
  addsubps: liftAddSub('f32x4'), addsubpd: liftAddSub('f64x2'), dpps: liftDot('f32x4'), dppd: liftDot('f64x2'),
  roundps: liftRound('f32x4'), roundpd: liftRound('f64x2'), roundss: liftRound('f32'), roundsd: liftRound('f64'),
  rcpps: liftEstimate('Reciprocal', 'f32x4'), rcpss: liftEstimate('Reciprocal', 'f32'),
  rsqrtps: liftEstimate('ReciprocalRoot', 'f32x4'), rsqrtss: liftEstimate('ReciprocalRoot', 'f32'),
  andps: liftBits('and'), andpd: liftBits('and'), andnps: liftBits('andnot'), andnpd: liftBits('andnot'),
  orps: liftBits('or'), orpd: liftBits('or'), xorps: liftBits('xor'), xorpd: liftBits('xor'),
} satisfies Record<string, Lifter>;
