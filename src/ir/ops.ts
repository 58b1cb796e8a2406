/**
 * The one operation table of the IR. Builder, printer, verifier and emitters read it.
 *
 * Numeric and SIMD operations carry their WebAssembly name and mean exactly what WebAssembly means by it (so integer
 * division traps: a lift guards it). Machine operations below them are ours.
 *
 * A signature is `operands:result` in type letters: i = i32, l = i64, f = f32, d = f64, v = v128, a = address (i32 or i64;
 * an i64 address whose high half is not zero faults).
 */
export const typeLetters = ['i', 'l', 'f', 'd', 'v'] as const;
/** Value types. */
export const Type = { none: 0, i32: 1, i64: 2, f32: 3, f64: 4, v128: 5 } as const;
export type TypeName = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

const numeric: readonly (readonly [signature: string, names: string])[] = [
  ['i:i', 'i32.eqz i32.clz i32.ctz i32.popcnt i32.extend8_s i32.extend16_s'],
  ['l:i', 'i64.eqz i32.wrap_i64'],
  ['ii:i', `i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s i32.gt_u i32.le_s i32.le_u i32.ge_s i32.ge_u
    i32.add i32.sub i32.mul i32.div_s i32.div_u i32.rem_s i32.rem_u i32.and i32.or i32.xor i32.shl i32.shr_s i32.shr_u i32.rotl i32.rotr`],
  ['ll:i', 'i64.eq i64.ne i64.lt_s i64.lt_u i64.gt_s i64.gt_u i64.le_s i64.le_u i64.ge_s i64.ge_u'],
  ['ll:l', `i64.add i64.sub i64.mul i64.div_s i64.div_u i64.rem_s i64.rem_u i64.and i64.or i64.xor
    i64.shl i64.shr_s i64.shr_u i64.rotl i64.rotr`],
  ['l:l', 'i64.clz i64.ctz i64.popcnt i64.extend8_s i64.extend16_s i64.extend32_s'],
  ['i:l', 'i64.extend_i32_s i64.extend_i32_u'],
  ['ff:i', 'f32.eq f32.ne f32.lt f32.gt f32.le f32.ge'],
  ['dd:i', 'f64.eq f64.ne f64.lt f64.gt f64.le f64.ge'],
  ['f:f', 'f32.abs f32.neg f32.ceil f32.floor f32.trunc f32.nearest f32.sqrt'],
  ['d:d', 'f64.abs f64.neg f64.ceil f64.floor f64.trunc f64.nearest f64.sqrt'],
  ['ff:f', 'f32.add f32.sub f32.mul f32.div f32.min f32.max f32.copysign'],
  ['dd:d', 'f64.add f64.sub f64.mul f64.div f64.min f64.max f64.copysign'],
  ['f:i', 'i32.trunc_f32_s i32.trunc_f32_u i32.reinterpret_f32 i32.trunc_sat_f32_s i32.trunc_sat_f32_u'],
  ['d:i', 'i32.trunc_f64_s i32.trunc_f64_u i32.trunc_sat_f64_s i32.trunc_sat_f64_u'],
  ['f:l', 'i64.trunc_f32_s i64.trunc_f32_u i64.trunc_sat_f32_s i64.trunc_sat_f32_u'],
  ['d:l', 'i64.trunc_f64_s i64.trunc_f64_u i64.reinterpret_f64 i64.trunc_sat_f64_s i64.trunc_sat_f64_u'],
  ['i:f', 'f32.convert_i32_s f32.convert_i32_u f32.reinterpret_i32'],
  ['l:f', 'f32.convert_i64_s f32.convert_i64_u'],
  ['d:f', 'f32.demote_f64'],
  ['i:d', 'f64.convert_i32_s f64.convert_i32_u'],
  ['l:d', 'f64.convert_i64_s f64.convert_i64_u f64.reinterpret_i64'],
  ['f:d', 'f64.promote_f32'],
  // select operands: value if true, value if false, condition
  ['iii:i', 'i32.select'], ['lli:l', 'i64.select'], ['ffi:f', 'f32.select'], ['ddi:d', 'f64.select'], ['vvi:v', 'v128.select'],
  ['vv:v', `i8x16.swizzle i8x16.eq i8x16.ne i8x16.lt_s i8x16.lt_u i8x16.gt_s i8x16.gt_u i8x16.le_s i8x16.le_u i8x16.ge_s i8x16.ge_u
    i16x8.eq i16x8.ne i16x8.lt_s i16x8.lt_u i16x8.gt_s i16x8.gt_u i16x8.le_s i16x8.le_u i16x8.ge_s i16x8.ge_u
    i32x4.eq i32x4.ne i32x4.lt_s i32x4.lt_u i32x4.gt_s i32x4.gt_u i32x4.le_s i32x4.le_u i32x4.ge_s i32x4.ge_u
    i64x2.eq i64x2.ne i64x2.lt_s i64x2.gt_s i64x2.le_s i64x2.ge_s
    f32x4.eq f32x4.ne f32x4.lt f32x4.gt f32x4.le f32x4.ge f64x2.eq f64x2.ne f64x2.lt f64x2.gt f64x2.le f64x2.ge
    v128.and v128.andnot v128.or v128.xor
    i8x16.narrow_i16x8_s i8x16.narrow_i16x8_u i16x8.narrow_i32x4_s i16x8.narrow_i32x4_u
    i8x16.add i8x16.add_sat_s i8x16.add_sat_u i8x16.sub i8x16.sub_sat_s i8x16.sub_sat_u i8x16.min_s i8x16.min_u i8x16.max_s i8x16.max_u i8x16.avgr_u
    i16x8.add i16x8.add_sat_s i16x8.add_sat_u i16x8.sub i16x8.sub_sat_s i16x8.sub_sat_u i16x8.mul i16x8.min_s i16x8.min_u i16x8.max_s i16x8.max_u
    i16x8.avgr_u i16x8.q15mulr_sat_s i16x8.extmul_low_i8x16_s i16x8.extmul_high_i8x16_s i16x8.extmul_low_i8x16_u i16x8.extmul_high_i8x16_u
    i32x4.add i32x4.sub i32x4.mul i32x4.min_s i32x4.min_u i32x4.max_s i32x4.max_u i32x4.dot_i16x8_s
    i32x4.extmul_low_i16x8_s i32x4.extmul_high_i16x8_s i32x4.extmul_low_i16x8_u i32x4.extmul_high_i16x8_u
    i64x2.add i64x2.sub i64x2.mul i64x2.extmul_low_i32x4_s i64x2.extmul_high_i32x4_s i64x2.extmul_low_i32x4_u i64x2.extmul_high_i32x4_u
    f32x4.add f32x4.sub f32x4.mul f32x4.div f32x4.min f32x4.max f32x4.pmin f32x4.pmax
    f64x2.add f64x2.sub f64x2.mul f64x2.div f64x2.min f64x2.max f64x2.pmin f64x2.pmax`],
  ['v:v', `v128.not i8x16.abs i8x16.neg i8x16.popcnt i16x8.abs i16x8.neg i32x4.abs i32x4.neg i64x2.abs i64x2.neg
    i16x8.extadd_pairwise_i8x16_s i16x8.extadd_pairwise_i8x16_u i32x4.extadd_pairwise_i16x8_s i32x4.extadd_pairwise_i16x8_u
    i16x8.extend_low_i8x16_s i16x8.extend_high_i8x16_s i16x8.extend_low_i8x16_u i16x8.extend_high_i8x16_u
    i32x4.extend_low_i16x8_s i32x4.extend_high_i16x8_s i32x4.extend_low_i16x8_u i32x4.extend_high_i16x8_u
    i64x2.extend_low_i32x4_s i64x2.extend_high_i32x4_s i64x2.extend_low_i32x4_u i64x2.extend_high_i32x4_u
    f32x4.ceil f32x4.floor f32x4.trunc f32x4.nearest f64x2.ceil f64x2.floor f64x2.trunc f64x2.nearest
    f32x4.abs f32x4.neg f32x4.sqrt f64x2.abs f64x2.neg f64x2.sqrt
    i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u f32x4.convert_i32x4_s f32x4.convert_i32x4_u
    i32x4.trunc_sat_f64x2_s_zero i32x4.trunc_sat_f64x2_u_zero f64x2.convert_low_i32x4_s f64x2.convert_low_i32x4_u
    f32x4.demote_f64x2_zero f64x2.promote_low_f32x4`],
  ['vvv:v', 'v128.bitselect'],
  ['v:i', `v128.any_true i8x16.all_true i8x16.bitmask i16x8.all_true i16x8.bitmask i32x4.all_true i32x4.bitmask i64x2.all_true i64x2.bitmask`],
  ['vi:v', `i8x16.shl i8x16.shr_s i8x16.shr_u i16x8.shl i16x8.shr_s i16x8.shr_u i32x4.shl i32x4.shr_s i32x4.shr_u i64x2.shl i64x2.shr_s i64x2.shr_u`],
  ['i:v', 'i8x16.splat i16x8.splat i32x4.splat'], ['l:v', 'i64x2.splat'], ['f:v', 'f32x4.splat'], ['d:v', 'f64x2.splat'],
];

/** With a lane number as immediate: `b.lane(name, lane, ...)`. */
const lanes: readonly (readonly [signature: string, names: string])[] = [
  ['v:i', 'i8x16.extract_lane_s i8x16.extract_lane_u i16x8.extract_lane_s i16x8.extract_lane_u i32x4.extract_lane'],
  ['v:l', 'i64x2.extract_lane'], ['v:f', 'f32x4.extract_lane'], ['v:d', 'f64x2.extract_lane'],
  ['vi:v', 'i8x16.replace_lane i16x8.replace_lane i32x4.replace_lane'],
  ['vl:v', 'i64x2.replace_lane'], ['vf:v', 'f32x4.replace_lane'], ['vd:v', 'f64x2.replace_lane'],
];

/**
 * Machine operations: [name, signature, class]. Classes: pure; state = reads the CPU state; put = writes it;
 * load, store, check = guest memory with a possible fault; control = structure; exit = ends the instruction.
 */
const machine: readonly (readonly [name: string, signature: string, effect: Effect])[] = [
  // constants; imm (and imm2) hold the bits; v128 an index into the builder's side table
  ['i32.const', ':i', 'pure'], ['i64.const', ':l', 'pure'], ['f32.const', ':f', 'pure'], ['f64.const', ':d', 'pure'], ['v128.const', ':v', 'pure'],
  ['i8x16.shuffle', 'vv:v', 'pure'],
  // a number of bounds.ts, by imm
  ['bound.f32', ':f', 'pure'], ['bound.f64', ':d', 'pure'], ['bound.v128', ':v', 'pure'],
  // a field of the interpreter's record: imm = `Field`
  ['field.i32', ':i', 'pure'], ['field.i64', ':l', 'pure'], ['field.imm64', ':l', 'pure'],
  // CPU state: imm = RegRef
  ['get8', ':i', 'state'], ['get16', ':i', 'state'], ['get32', ':i', 'state'], ['get64', ':l', 'state'],
  ['get.f32', ':f', 'state'], ['get.f64', ':d', 'state'], ['get128', ':v', 'state'],
  ['put8', 'i:', 'put'], ['put16', 'i:', 'put'], ['put32', 'i:', 'put'], ['put64', 'l:', 'put'],
  ['put.f32', 'f:', 'put'], ['put.f64', 'd:', 'put'], ['put128', 'v:', 'put'],
  // CPU state at a computed byte offset (x87 stack, ...): operand 0 = offset within the CPU state, imm = constant added
  ['getAt8', 'i:i', 'state'], ['getAt16', 'i:i', 'state'], ['getAt32', 'i:i', 'state'], ['getAt64', 'i:l', 'state'], ['getAt128', 'i:v', 'state'],
  ['putAt8', 'ii:', 'put'], ['putAt16', 'ii:', 'put'], ['putAt32', 'ii:', 'put'], ['putAt64', 'il:', 'put'], ['putAt128', 'iv:', 'put'],
  // guest memory; imm = `MemFlag`
  ['load8', 'a:i', 'load'], ['load16', 'a:i', 'load'], ['load32', 'a:i', 'load'], ['load64', 'a:l', 'load'],
  ['load.f32', 'a:f', 'load'], ['load.f64', 'a:d', 'load'], ['load128', 'a:v', 'load'],
  ['store8', 'ai:', 'store'], ['store16', 'ai:', 'store'], ['store32', 'ai:', 'store'], ['store64', 'al:', 'store'],
  ['store.f32', 'af:', 'store'], ['store.f64', 'ad:', 'store'], ['store128', 'av:', 'store'],
  // imm = size in bytes
  ['checkRead', 'a:', 'check'], ['checkWrite', 'a:', 'check'],
  // variable size: address, length in bytes (i32)
  ['checkReadN', 'ai:', 'check'], ['checkWriteN', 'ai:', 'check'],
  // the number of bytes from the address (at most operand 1) that may be accessed without a fault, without crossing the page. imm = `Access`
  ['span', 'ai:i', 'load'],
  // exact bulk operations on checked memory: destination, source | byte, length
  ['copy', 'aai:', 'store'], ['fill', 'aii:', 'store'],
  // atomics on guest memory: imm = size, imm2 = `Rmw`; result is the old value. i32 for 1, 2, 4 bytes
  ['rmw32', 'ai:i', 'store'], ['rmw64', 'al:l', 'store'],
  // address, expected, replacement -> old value; imm = size
  ['cmpxchg32', 'aii:i', 'store'], ['cmpxchg64', 'all:l', 'store'],
  ['fence', ':', 'store'],
  // around a 16-byte compare and exchange
  ['lockSplit', ':', 'store'], ['unlockSplit', ':', 'store'],
  // nanoseconds of a steady clock
  ['timeStamp', ':l', 'helper'],
  // lazy flags: imm = CcOp kind, imm2 = size; operands dst, src, src2 (i32 for sizes 1, 2, 4; i64 for 8), absent = -1
  ['setFlags', '***:', 'put'],
  // imm = condition code 0..15
  ['cond', ':i', 'state'],
  // imm = one bit of Eflags.STATUS; 0 or 1
  ['flag', ':i', 'state'],
  // the interpreter's: the flags are of this kind and size (imm = Cpu.ccOp), or the general case does it all
  ['expectFlags', ':', 'check'],
  // the six status flags in EFLAGS positions
  ['statusFlags', ':i', 'state'], ['putStatusFlags', 'i:', 'put'],
  // structure. if..else..end; loop..end (falls out at its end); continue = back to the innermost `loop` start; imm = depth
  ['if', 'i:', 'control'], ['else', ':', 'control'], ['end', ':', 'control'], ['loop', ':', 'control'], ['block', ':', 'control'],
  ['br', ':', 'control'], ['brIf', 'i:', 'control'],
  // variables: imm = number
  ['var.get', ':*', 'var'], ['var.set', '*:', 'var'],
  // imm = index into `helperNames`; result by its signature. In 'helper' order with everything.
  ['helper', '***:*', 'helper'],
  // ends of an instruction. imm as named; `next` = the following instruction
  ['exit', ':', 'exit'],          // imm = Exit reason; Cpu.rip = next
  ['trap', ':', 'exit'],          // imm = vector, imm2 = 1: rip = next, 0: rip = this instruction
  ['fault', 'a:', 'exit'],        // page fault at the address; imm = Access
  ['next', ':', 'exit'],          // go on with the following instruction (end of a branch of `if`)
  ['again', ':', 'exit'],         // go on with this instruction (rep with work left: an interrupt may come between)
  ['leaveNext', ':', 'exit'],     // as next, but through the dispatcher (something it looks at has changed: TF)
  ['leaveRegion', ':', 'exit'],   // translated: as if it were the interpreter's instruction, before it; the interpreter goes on
  ['jump', ':', 'exit'],          // to the instruction's relative target
  ['jumpTo', 'a:', 'exit'],       // to a computed address
  ['branch', 'i:', 'exit'],       // to the relative target if non-zero, else next
  ['call', ':', 'exit'],          // as jump; the return address (next) has been pushed
  ['callTo', 'a:', 'exit'],
  ['ret', 'a:', 'exit'],
  // plain versions of regions only: the instruction may have a flag to note; the interpreter takes it
  ['leaveDoubtful', ':', 'exit'],
  // interpreter only: rip = this record's, imm = EngineExit; along the record's link
  ['leaveHere', ':', 'exit'], ['follow', ':', 'exit'], ['region', ':', 'exit'],
  // interpreter only: this record's instruction is over, what follows is the next one's
  ['nextRecord', ':', 'put'],
  // runtime functions only: leaves the function with an i32
  ['return', 'i:', 'exit'],
  // parameter imm of a runtime function
  ['param.i32', ':i', 'pure'], ['param.i64', ':l', 'pure'],
  // our own memory below the bias: operand = offset, imm = constant added
  ['raw.load8', 'i:i', 'state'], ['raw.load32', 'i:i', 'state'], ['raw.load64', 'i:l', 'state'], ['raw.store32', 'ii:', 'put'],
];
export type Effect = 'pure' | 'state' | 'put' | 'load' | 'store' | 'check' | 'control' | 'var' | 'helper' | 'exit';

export class OpInfo {
  readonly id: number;
  readonly name: string;
  /** Type letters of the operands. */
  readonly params: string;
  readonly result: string;
  readonly effect: Effect;
  /** A WebAssembly instruction of the same name (with a lane immediate when `lane`). */
  readonly numeric: boolean;
  readonly lane: boolean;
  constructor(id: number, name: string, signature: string, effect: Effect, numericOp: boolean, lane: boolean) {
    this.id = id;
    this.name = name;
    const colon = signature.indexOf(':');
    this.params = signature.slice(0, colon);
    this.result = signature.slice(colon + 1);
    this.effect = effect;
    this.numeric = numericOp;
    this.lane = lane;
  }
}

function buildOps(): OpInfo[] {
  const list: OpInfo[] = [];
  for (const [signature, names] of numeric) for (const name of names.trim().split(/\s+/)) list.push(new OpInfo(list.length, name, signature, 'pure', true, false));
  for (const [signature, names] of lanes) for (const name of names.trim().split(/\s+/)) list.push(new OpInfo(list.length, name, signature, 'pure', true, true));
  for (const [name, signature, effect] of machine) list.push(new OpInfo(list.length, name, signature, effect, false, false));
  return list;
}

/** By number. */
// Those that only want other facts of this file do not pay for the table.
export const ops: readonly OpInfo[] = /* @__PURE__ */ buildOps();
let byName: Map<string, number> | null = null;

export function opId(name: string): number {
  byName ??= new Map(ops.map((op) => [op.name, op.id]));
  const id = byName.get(name);
  if (id === undefined) throw new Error(`no IR operation ${name}`);
  return id;
}

/** Imm of loads and stores. */
export const MemFlag = {
  none: 0,
  /** A check for this access has already been made in the same instruction: do not test again. */
  checked: 1,
  /** load: test for writing too (read-modify-write). A refusal is reported as a write. */
  forWrite: 2,
  /** Must be 16-byte aligned, else #GP(0) (movaps and the like). */
  aligned16: 4,
  /** SSE data: unaligned accesses are fine, but keep the size for the translator. */
} as const;

/** imm2 of rmw. */
export const Rmw = { add: 0, sub: 1, and: 2, or: 3, xor: 4, xchg: 5 } as const;

/**
 * Byte offsets in the interpreter's pre-decoded record, see engine/record.ts. Programs run through megabytes of records: they are as small
 * as may be. `base` and `index` are bytes that count 8 bytes of the CPU state; the two highest bits of `index` are `scale`, which is no
 * offset. What has two immediates or one of 64 bits (`high`) has no memory operand, and what has a third register has no immediate. `link` has a place of its
 * own: when a region begins at an instruction it is written while other threads may be about to do the instruction by this record.
 */
export const Field = { caseId: 0, base: 2, index: 3, r0: 4, r1: 6, disp: 8, high: 8, imm: 12, r2: 12, r3: 14, rip: 16, link: 20, scale: 32 } as const;
/** Bits of Field.index above the place. */
export const SCALE_SHIFT = 6;

/**
 * A place in the CPU state. Constant: its byte offset (>= 0). Symbolic: the record's u16 field holds the offset, to which
 * `add` is added; encoded as a negative number.
 */
export type RegRef = number;
export function symbolicRef(field: number, add = 0): RegRef {
  return -1 - ((add << 8) | field);
}
export function refField(ref: RegRef): number {
  return (-1 - ref) & 0xff;
}
export function refAdd(ref: RegRef): number {
  return (-1 - ref) >> 8;
}
/** The place `bytes` further on. */
export function refPlus(ref: RegRef, bytes: number): RegRef {
  return ref >= 0 ? ref + bytes : symbolicRef(refField(ref), refAdd(ref) + bytes);
}
