/**
 * The shape of the instruction table (opcodes/*.ts) and what one line of it means.
 *
 * A line is [encoding, mnemonic, operands, notes].
 *
 * Encoding, in the notation of the Intel manual (vol. 2, 3.1.1.1):
 *   NP            66, F3 and F2 are not allowed (they select another row or #UD)
 *   NFx           F3 and F2 are not allowed, 66 is the operand size
 *   66 F3 F2      mandatory prefix, written first
 *   (nothing)     prefixes keep their legacy meaning or none
 *   REX.W + / W0 + only with REX.W = 1 / = 0
 *   0F, 0F 38, 0F 3A  opcode map, then the opcode byte
 *   +r            register in the low three bits of the opcode (operand letter Z)
 *   +cc           sixteen rows, one per condition code; the row's `cc` is the code
 *   /r            ModRM follows; /0../7 ModRM.reg selects the row
 *   C0+i, C8      after a ModRM opcode: that ModRM byte (x87, 0F 01); +i = any of eight, ST(i) in rm
 *   VEX.128.66.0F38.W0 etc. as in the manual
 *
 * Operands: the letters of the opcode map (vol. 2, appendix A.2), in Intel order:
 *   A far pointer | C control | D debug | E gpr or memory | G gpr | I immediate | J branch displacement | M memory only |
 *   N mmx in rm | O moffs | P mmx | Q mmx or memory | R gpr in rm | S segment | U xmm in rm | V xmm | W xmm or memory |
 *   X string source | Y string destination | B, H, L as with VEX
 *   sizes: b 1, w 2, d 4, q 8, t 10, dq/x/ps/pd 16, ss 4, sd 8, v 2/4/8, y 4/8, z 2/4 (imm sign-extended), p far pointer, a two of v
 * Departures from the manual: Z = register in the opcode; Ibs = imm8 sign-extended to the operand size; a size in digits
 * (M14, M512, M0) = that many bytes; Mv2 = 14/28 bytes fenv and so on are written with `env`/`sav` (fnstenv, fnsave);
 * AL CL DX rAX eAX ... ST0 STi 1 3 ES CS SS DS FS GS stand for themselves.
 *
 * Notes, separated by blanks:
 *   r:OSZAPC      status flags (and D) read        w:OSZAPC  written with a defined value       u:OSZAPC  left undefined
 *   lock          LOCK is allowed when the first operand is memory
 *   rep / repz    F3 (F2) repeats / F3 = while equal, F2 = while not equal
 *   i64 / o64     invalid in / only valid in 64-bit mode
 *   d64 / f64     operand size in 64-bit mode is 8 unless 66 / always 8
 *   cpuid=X       feature bit (see Feature); none = base
 *   priv          #GP outside ring 0
 *   undoc         not in the manual, but every processor does it
 */
export type RowText = readonly [encoding: string, mnemonic: string, operands: string, notes?: string];

export const features = [
  'base', 'fpu', 'tsc', 'cx8', 'cmov', 'mmx', 'fxsr', 'sse', 'sse2', 'sse3', 'ssse3', 'sse41', 'sse42', 'popcnt', 'cx16',
  'movbe', 'lahf', 'abm', 'bmi1', 'bmi2', 'rdtscp', 'fsgsbase', 'prefetchw', 'xsave', 'clfsh', 'sysenter', 'syscall', 'avx', 'avx2', 'fma', 'f16c',
] as const;
export type Feature = (typeof features)[number];

/** Mandatory prefix of a row. */
export const Prefix = { any: 0, np: 1, nfx: 2, p66: 3, f3: 4, f2: 5 } as const;

/** A line of the table with every note resolved. Fields are constants a lifter may use. */
export class Row {
  /** Index into `rows`. */
  readonly id: number;
  readonly encoding: string;
  readonly mnemonic: string;
  readonly operands: readonly string[];
  readonly notes: string;
  readonly feature: Feature;
  /** EFLAGS masks. `flagsWritten` are defined afterwards, `flagsUndefined` are not; the others keep their value. */
  readonly flagsRead: number;
  readonly flagsWritten: number;
  readonly flagsUndefined: number;
  readonly lock: boolean;
  readonly rep: '' | 'rep' | 'repz';
  readonly valid32: boolean;
  readonly valid64: boolean;
  readonly size64: '' | 'd64' | 'f64';
  readonly privileged: boolean;
  /** Condition code 0..15 of a +cc row, else -1. */
  readonly cc: number;
  /** Parsed encoding, for the decoder tables. */
  readonly vex: boolean;
  /** A `Prefix`. */
  readonly prefix: number;
  /** 0 one-byte, 1 0F, 2 0F 38, 3 0F 3A. */
  readonly map: number;
  readonly opcode: number;
  /** +r */
  readonly plusReg: boolean;
  /** ModRM follows. */
  readonly modrm: boolean;
  /** /0../7, else -1. */
  readonly reg: number;
  /** Whole ModRM byte (C8), with +i the first of eight; else -1. */
  readonly modrmByte: number;
  readonly plusI: boolean;
  /** Required REX.W / VEX.W: 0, 1 or -1. */
  readonly w: number;
  /** Required VEX.L, or -1. */
  readonly l: number;

  constructor(id: number, text: RowText, cc: number) {
    const [encoding, mnemonic, operands, notes = ''] = text;
    this.id = id;
    this.encoding = encoding;
    this.mnemonic = mnemonic;
    this.operands = operands === '' ? [] : operands.split(',');
    this.notes = notes;
    this.cc = cc;
    let feature: Feature = 'base';
    let read = 0, written = 0, undef = 0, lock = false, priv = false;
    let rep: '' | 'rep' | 'repz' = '', size64: '' | 'd64' | 'f64' = '', valid32 = true, valid64 = true;
    for (const note of notes === '' ? [] : notes.split(' ')) {
      if (note === 'lock') lock = true;
      else if (note === 'rep' || note === 'repz') rep = note;
      else if (note === 'd64' || note === 'f64') size64 = note;
      else if (note === 'i64') valid64 = false;
      else if (note === 'o64') valid32 = false;
      else if (note === 'priv') priv = true;
      else if (note === 'undoc') continue;
      else if (note.startsWith('cpuid=')) feature = note.slice(6) as Feature;
      else if (note.startsWith('r:')) read = flagMask(note.slice(2));
      else if (note.startsWith('w:')) written = flagMask(note.slice(2));
      else if (note.startsWith('u:')) undef = flagMask(note.slice(2));
      else throw new Error(`unknown note ${note} in ${encoding}`);
    }
    if (cc >= 0) read |= conditionFlags[cc >> 1]!;
    this.feature = feature;
    this.flagsRead = read;
    this.flagsWritten = written;
    this.flagsUndefined = undef;
    this.lock = lock;
    this.rep = rep;
    this.valid32 = valid32;
    this.valid64 = valid64;
    this.size64 = size64;
    this.privileged = priv;
    const e = parseEncoding(encoding, cc);
    this.vex = e.vex;
    this.prefix = e.prefix;
    this.map = e.map;
    this.opcode = e.opcode;
    this.plusReg = e.plusReg;
    this.modrm = e.modrm;
    this.reg = e.reg;
    this.modrmByte = e.modrmByte;
    this.plusI = e.plusI;
    this.w = e.w;
    this.l = e.l;
  }
}

const flagLetters: Record<string, number> = { C: 0x001, P: 0x004, A: 0x010, Z: 0x040, S: 0x080, D: 0x400, O: 0x800, I: 0x200 };

function flagMask(letters: string): number {
  let mask = 0;
  for (const letter of letters) mask |= flagLetters[letter]!;
  return mask;
}

/** EFLAGS bits each pair of condition codes tests: o b z be s p l le. */
export const conditionFlags = [0x800, 0x001, 0x040, 0x041, 0x080, 0x004, 0x880, 0x8c0] as const;

interface Encoding {
  vex: boolean; prefix: number; map: number; opcode: number; plusReg: boolean; modrm: boolean; reg: number;
  modrmByte: number; plusI: boolean; w: number; l: number;
}

function parseEncoding(text: string, cc: number): Encoding {
  const e: Encoding = {
    vex: false, prefix: Prefix.any, map: 0, opcode: -1, plusReg: false, modrm: false, reg: -1, modrmByte: -1, plusI: false, w: -1, l: -1,
  };
  const words = text.split(' ');
  words.forEach((word, k) => {
    if (word === '+') return;
    if (word === 'NP') e.prefix = Prefix.np;
    else if (word === 'NFx') e.prefix = Prefix.nfx;
    else if (word === 'REX.W') e.w = 1;
    else if (word === 'W0') e.w = 0;
    else if (word.startsWith('VEX.')) parseVex(e, word);
    else if (word === '/r') e.modrm = true;
    else if (word.startsWith('/')) { e.modrm = true; e.reg = Number(word.slice(1)); }
    else if (e.opcode < 0 && e.map === 0 && k < words.length - 1 && isPrefix(word)) e.prefix = word === '66' ? Prefix.p66 : word === 'F3' ? Prefix.f3 : Prefix.f2;
    else if (e.opcode < 0 && word === '0F' && e.map === 0) e.map = 1;
    else if (e.opcode < 0 && e.map === 1 && !e.vex && k < words.length - 1 && (word === '38' || word === '3A')) e.map = word === '38' ? 2 : 3;
    else if (e.opcode < 0) {
      e.opcode = Number.parseInt(word, 16);
      if (word.endsWith('+r')) e.plusReg = true;
      if (word.endsWith('+cc')) e.opcode += cc;
    } else {
      e.modrm = true;
      e.modrmByte = Number.parseInt(word, 16);
      e.plusI = word.endsWith('+i');
    }
  });
  return e;
}

function isPrefix(word: string): boolean {
  return word === '66' || word === 'F3' || word === 'F2';
}

function parseVex(e: Encoding, word: string): void {
  e.vex = true;
  e.map = 1;
  e.prefix = Prefix.np;
  for (const part of word.split('.')) {
    if (part === '128' || part === 'LZ' || part === 'L0') e.l = 0;
    else if (part === '256' || part === 'L1') e.l = 1;
    else if (part === '66') e.prefix = Prefix.p66;
    else if (part === 'F3') e.prefix = Prefix.f3;
    else if (part === 'F2') e.prefix = Prefix.f2;
    else if (part === '0F38') e.map = 2;
    else if (part === '0F3A') e.map = 3;
    else if (part === 'W0') e.w = 0;
    else if (part === 'W1') e.w = 1;
  }
}
