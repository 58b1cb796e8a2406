import { getU16, getU32 } from '../abi/layout.ts';
import * as B from '../abi/linux/seccomp.ts';

/** A checked filter: classic BPF, one instruction a place. */
export interface BpfProgram {
  readonly code: Uint16Array;
  readonly jt: Uint8Array;
  readonly jf: Uint8Array;
  readonly k: Uint32Array;
}

/** struct sock_filter */
export const INSTRUCTION_BYTES = 8;

const { BPF_LD, BPF_LDX, BPF_ST, BPF_STX, BPF_ALU, BPF_JMP, BPF_RET, BPF_MISC, BPF_ABS, BPF_IMM, BPF_LEN, BPF_MEM, BPF_A, BPF_K, BPF_X, BPF_TAX, BPF_TXA } = B;
const OPERATIONS = [B.BPF_ADD, B.BPF_SUB, B.BPF_MUL, B.BPF_DIV, B.BPF_AND, B.BPF_OR, B.BPF_XOR, B.BPF_LSH, B.BPF_RSH];
/** Bits of a load that say from where. */
const MODE = 0xe0;
const CONDITIONS = [B.BPF_JEQ, B.BPF_JGE, B.BPF_JGT, B.BPF_JSET];

/** What programs of all kinds may consist of. */
export const COMMON: readonly number[] = [
  BPF_LD | BPF_LEN, BPF_LDX | BPF_LEN, BPF_RET | BPF_K, BPF_RET | BPF_A, BPF_ALU | B.BPF_NEG, BPF_LD | BPF_IMM, BPF_LDX | BPF_IMM,
  BPF_MISC | BPF_TAX, BPF_MISC | BPF_TXA, BPF_LD | BPF_MEM, BPF_LDX | BPF_MEM, BPF_ST, BPF_STX, BPF_JMP | B.BPF_JA,
  ...OPERATIONS.flatMap((op) => [BPF_ALU | op | BPF_K, BPF_ALU | op | BPF_X]), ...CONDITIONS.flatMap((op) => [BPF_JMP | op | BPF_K, BPF_JMP | op | BPF_X]),
];

/** Programs of one kind. */
export interface BpfDialect {
  /** What they may consist of. */
  readonly allowed: ReadonlySet<number>;
  /** Whether `k` is a place to load from. */
  readonly isPlace: (k: number) => boolean;
}

/** The filter in `bytes` (struct sock_filter each), or null when the kernel would refuse it (bpf_check_classic). */
export function checkProgram(bytes: Uint8Array, dialect: BpfDialect): BpfProgram | null {
  const n = bytes.length / INSTRUCTION_BYTES;
  const program = { code: new Uint16Array(n), jt: new Uint8Array(n), jf: new Uint8Array(n), k: new Uint32Array(n) };
  for (let i = 0; i < n; i++) {
    program.code[i] = getU16(bytes, i * INSTRUCTION_BYTES);
    program.jt[i] = bytes[i * INSTRUCTION_BYTES + 2]!;
    program.jf[i] = bytes[i * INSTRUCTION_BYTES + 3]!;
    program.k[i] = getU32(bytes, i * INSTRUCTION_BYTES + 4);
  }
  for (let i = 0; i < n; i++) if (!instructionIsGood(program, i, n, dialect)) return null;
  return (program.code[n - 1]! & 7) === BPF_RET && loadsFollowStores(program, n) ? program : null;
}

function instructionIsGood(p: BpfProgram, i: number, n: number, { allowed, isPlace }: BpfDialect): boolean {
  const code = p.code[i]!, k = p.k[i]!;
  if (!allowed.has(code)) return false;
  switch (code) {
    case BPF_LD | BPF_ABS:
    case BPF_LD | B.BPF_H | BPF_ABS:
    case BPF_LD | B.BPF_B | BPF_ABS: return isPlace(k);
    case BPF_ALU | B.BPF_MOD | BPF_K:
    case BPF_ALU | B.BPF_DIV | BPF_K: return k !== 0;
    case BPF_ALU | B.BPF_LSH | BPF_K:
    case BPF_ALU | B.BPF_RSH | BPF_K: return k < 32;
    case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_MEM:
    case BPF_ST:
    case BPF_STX: return k < B.BPF_MEMWORDS;
    case BPF_JMP | B.BPF_JA: return k < n - i - 1;
    default: return (code & 7) !== BPF_JMP || (i + p.jt[i]! + 1 < n && i + p.jf[i]! + 1 < n);
  }
}

/** No path reads a scratch word that it has not written (check_load_and_stores). */
function loadsFollowStores(p: BpfProgram, n: number): boolean {
  const masks = new Uint16Array(n).fill(0xffff);
  let valid = 0;
  for (let i = 0; i < n; i++) {
    valid &= masks[i]!;
    const code = p.code[i]!, k = p.k[i]!;
    if (code === BPF_ST || code === BPF_STX) valid |= 1 << k;
    else if (code === (BPF_LD | BPF_MEM) || code === (BPF_LDX | BPF_MEM)) {
      if ((valid & (1 << k)) === 0) return false;
    } else if (code === (BPF_JMP | B.BPF_JA)) {
      masks[i + 1 + k]! &= valid;
      valid = 0xffff;
    } else if ((code & 7) === BPF_JMP) {
      masks[i + 1 + p.jt[i]!]! &= valid;
      masks[i + 1 + p.jf[i]!]! &= valid;
      valid = 0xffff;
    }
  }
  return true;
}

function compute(op: number, a: number, b: number): number {
  switch (op) {
    case B.BPF_ADD: return (a + b) >>> 0;
    case B.BPF_SUB: return (a - b) >>> 0;
    case B.BPF_MUL: return Math.imul(a, b) >>> 0;
    case B.BPF_DIV: return Math.floor(a / b);
    case B.BPF_MOD: return a % b;
    case B.BPF_AND: return (a & b) >>> 0;
    case B.BPF_OR: return (a | b) >>> 0;
    case B.BPF_XOR: return (a ^ b) >>> 0;
    case B.BPF_LSH: return (a << (b & 31)) >>> 0;
    default: return a >>> (b & 31);
  }
}

function holds(op: number, a: number, b: number): boolean {
  switch (op) {
    case B.BPF_JEQ: return a === b;
    case B.BPF_JGE: return a >= b;
    case B.BPF_JGT: return a > b;
    default: return (a & b) !== 0;
  }
}

/** What a program looks at. */
export interface BpfInput {
  /** In bytes. */
  readonly length: number;
  /** `size` bytes from a place on, as the accumulator gets them; -1: there is no such place, which ends the program with 0. `a` and `x`: its registers. */
  load(place: number, size: number, a: number, x: number): number;
}

/** The program's verdict. */
export function runProgram(p: BpfProgram, input: BpfInput): number {
  const scratch = new Uint32Array(B.BPF_MEMWORDS);
  let a = 0, x = 0;
  for (let i = 0; ; i++) {
    const code = p.code[i]!, k = p.k[i]!;
    const operand = (code & BPF_X) !== 0 ? x : k;
    switch (code & 7) {
      case BPF_RET: return code === (BPF_RET | BPF_A) ? a : k;
      case BPF_LD: {
        const mode = code & MODE;
        if (mode === BPF_ABS || mode === B.BPF_IND) {
          const n = input.load(mode === BPF_ABS ? k : (k + x) >>> 0, (code & B.BPF_H) !== 0 ? 2 : (code & B.BPF_B) !== 0 ? 1 : 4, a, x);
          if (n < 0) return 0;
          a = n;
        } else a = mode === BPF_LEN ? input.length : mode === BPF_MEM ? scratch[k]! : k;
        break;
      }
      case BPF_LDX:
        if (code === (BPF_LDX | B.BPF_B | B.BPF_MSH)) {
          // The length of an IP header.
          const first = input.load(k, 1, a, x);
          if (first < 0) return 0;
          x = (first & 0xf) * 4;
        } else x = code === (BPF_LDX | BPF_LEN) ? input.length : code === (BPF_LDX | BPF_MEM) ? scratch[k]! : k;
        break;
      case BPF_ST: scratch[k] = a; break;
      case BPF_STX: scratch[k] = x; break;
      case BPF_MISC:
        if (code === (BPF_MISC | BPF_TAX)) x = a;
        else a = x;
        break;
      case BPF_ALU:
        if (code === (BPF_ALU | B.BPF_NEG)) a = -a >>> 0;
        // Division by a register that is 0 ends the filter with 0.
        else if (((code & 0xf0) === B.BPF_DIV || (code & 0xf0) === B.BPF_MOD) && operand === 0) return 0;
        else a = compute(code & 0xf0, a, operand);
        break;
      default:
        if (code === (BPF_JMP | B.BPF_JA)) i += k;
        else i += holds(code & 0xf0, a, operand) ? p.jt[i]! : p.jf[i]!;
    }
  }
}
