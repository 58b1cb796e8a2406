/**
 * Random byte strings on the real processor and in the decoder: what one refuses with #UD the other must refuse, and what
 * runs through must have the length the decoder says. Instructions beyond the level we report are left out with iced's help.
 */
import { Code, Decoder } from 'iced-x86';
import { decode } from '../../src/isa/decode/decode.ts';
import { Instruction } from '../../src/isa/instruction.ts';
import { printInstruction } from '../../src/isa/print.ts';
import { rows } from '../../src/isa/rows.ts';
import { Area, Oracle, type OracleCase, OracleState } from '../oracle/oracle.ts';
import { beyond } from './beyond.ts';
import { START } from './fuzzCase.ts';
import { Random } from './random.ts';

const codeNames = new Map(Object.entries(Code).map(([name, value]) => [value, name]));
const leads = [
  [], [], [0x0f], [0x66, 0x0f], [0xf3, 0x0f], [0xf2, 0x0f], [0x0f, 0x38], [0x66, 0x0f, 0x38], [0xf2, 0x0f, 0x38], [0x66, 0x0f, 0x3a], [0x0f, 0x3a], [0x48], [0x66], [0x67],
  [0xf0], [0xf0, 0x0f], [0xc4, 0xe2], [0x41, 0x0f], [0x0f, 0x01], [0x0f, 0xae], [0x0f, 0xc7], [0xf3, 0x0f, 0xae], [0x66, 0x0f, 0xae], [0x66, 0x0f, 0xc7], [0xd9], [0xdb], [0xdf],
  [0xf3], [0xf2], [0x0f, 0x00], [0xf2, 0xf3, 0x0f], [0x66, 0xf2, 0x0f], [0x66, 0xf3, 0x0f], [0xf0, 0x48, 0x0f], [0x8f], [0x0f, 0x0d], [0x8e], [0x8c], [0x0f, 0xba],
];
/** Their #UD depends on more than the bytes (a jump into its own middle, say), or they stop the harness. */
const leaveOut = /^(j.*|call|loop.*|ud0|ud1|ud2|syscall|sysenter|sysexit|sysret|int|int1|int3|into)$/;

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function icedName(bytes: Uint8Array, mode: 32 | 64): string {
  const decoder = new Decoder(mode, bytes, 0);
  const instruction = decoder.decode();
  const name = codeNames.get(instruction.code)!;
  instruction.free();
  decoder.free();
  return name;
}

interface Attempt extends OracleCase {
  full: Uint8Array;
  length: number;
  text: string;
  mnemonic: string;
}

function makeAttempt(mode: 32 | 64, random: Random): Attempt | undefined {
  const full = new Uint8Array(15);
  for (let k = 0; k < 15; k++) full[k] = random.below(256);
  full.set(random.pick(leads), 0);
  const i = new Instruction();
  const length = decode(full, 0, 15, mode, i);
  const mnemonic = length > 0 ? rows[i.row]!.mnemonic : '';
  if (leaveOut.test(mnemonic) || length === -2) return undefined;
  if (beyond.test(icedName(full, mode))) return undefined;
  // AMD's processors take lock verr and lock verw, and lock mov cr0 as another name of cr8.
  if (/^f0(4[0-9a-f])?0f(00|2[0-3])/.test(hex(full))) return undefined;
  const state = new OracleState();
  for (let k = 0; k < (mode === 64 ? 16 : 8); k++) state.setGpr(k, Area.data + 0x2000);
  return { full, length, code: length > 0 ? full.slice(0, length) : full, state, text: length > 0 ? printInstruction(i, START) : '#UD', mnemonic };
}

export function hostile(mode: 32 | 64, count: number, seed: number): string[] {
  const random = new Random(seed);
  const attempts: Attempt[] = [];
  while (attempts.length < count) {
    const attempt = makeAttempt(mode, random);
    if (attempt !== undefined) attempts.push(attempt);
  }
  const results = new Oracle(mode).run(attempts);
  const problems: string[] = [];
  results.forEach((r, k) => {
    const a = attempts[k]!;
    const where = `${hex(a.full)} (${a.text}; iced ${icedName(a.full, mode)})`;
    const nativeUd = r.trapno === 6 && r.state.rip === START;
    if (nativeUd !== (a.length < 0)) problems.push(`${nativeUd ? 'only the processor refuses' : `only the decoder refuses (native: signal ${r.signo}, trap ${r.trapno})`} ${where}`);
    else if (r.signo === 0 && !/^(ret|iret)/.test(a.mnemonic) && r.state.rip !== START + a.length) problems.push(`length ${a.length}, native ${r.state.rip - START}: ${where}`);
  });
  return problems;
}

/** Code that ends with the last executable page: a fetch fault exactly when the decoder asks for more bytes. */
export function truncated(mode: 32 | 64, count: number, seed: number): string[] {
  const random = new Random(seed);
  const cases: (OracleCase & { length: number; text: string })[] = [];
  const end = Area.code + Area.codeSize;
  while (cases.length < count) {
    const attempt = makeAttempt(mode, random);
    if (attempt === undefined) continue;
    const kept = attempt.length > 0 ? 1 + random.below(attempt.length) : 1 + random.below(6);
    const code = attempt.full.slice(0, kept);
    const length = decode(code, 0, kept, mode, new Instruction());
    if (length > 0) continue;
    cases.push({ code, codeOffset: Area.codeSize - kept, state: attempt.state, length, text: hex(code) });
  }
  const results = new Oracle(mode).run(cases);
  const problems: string[] = [];
  results.forEach((r, k) => {
    const c = cases[k]!;
    // ud0 and ud1 have no ModRM byte on AMD's processors.
    if (/0f(ff|b9)/.test(c.text)) return;
    // Processors find the length even of what they refuse; we refuse as soon as we know.
    if (c.length === -1 && r.trapno === 14) return;
    const wanted = c.length === 0 ? `14 ${end}` : c.length === -1 ? '6' : '13';
    const got = r.trapno === 14 ? `14 ${r.siAddr}` : String(r.trapno);
    if (wanted !== got) problems.push(`${c.text}: processor ${got}, decoder ${wanted}`);
  });
  return problems;
}
