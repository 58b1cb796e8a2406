import { i386, x86_64 } from '../../abi/abi.ts';
import { buildVdso, type EhFrameMaker, type VdsoFunction, type VdsoImage } from './vdsoImage.ts';

/** mov $number, %eax; syscall; ret: src/local answers the call in the guest's worker, so it costs little. */
const syscall64 = (number: number): number[] => [0xb8, number & 0xff, number >>> 8, 0, 0, 0x0f, 0x05, 0xc3];

const vdso64 = (name: string, number: number): VdsoFunction => ({
  names: [`__vdso_${name}`], weak: [name], version: 'LINUX_2.6', code: syscall64(number),
});

/** push %ebx; arguments from the stack; int $0x80; pop %ebx; ret. */
function call32(number: number, args: number): number[] {
  const load = [[0x8b, 0x5c, 0x24, 0x08], [0x8b, 0x4c, 0x24, 0x0c], [0x8b, 0x54, 0x24, 0x10]].slice(0, args).flat();
  return [0x53, ...load, 0xb8, number & 0xff, number >>> 8, 0, 0, 0xcd, 0x80, 0x5b, 0xc3];
}

const vdso32 = (name: string, number: number, args: number): VdsoFunction => ({
  names: [`__vdso_${name}`], version: 'LINUX_2.6', code: call32(number, args),
});

/** push %ecx; push %edx; push %ebp; mov %esp,%ebp; sysenter; int $0x80; (landing pad) pop %ebp; pop %edx; pop %ecx; ret */
const VSYSCALL = [0x51, 0x52, 0x55, 0x89, 0xe5, 0x0f, 0x34, 0xcd, 0x80, 0x5d, 0x5a, 0x59, 0xc3];
const LANDING_PAD = 9;

const functions64: readonly VdsoFunction[] = [
  vdso64('clock_gettime', 228), vdso64('gettimeofday', 96), vdso64('time', 201), vdso64('getcpu', 309), vdso64('clock_getres', 229),
];

const functions32: readonly VdsoFunction[] = [
  { names: ['__kernel_vsyscall'], version: 'LINUX_2.5', code: VSYSCALL },
  // Unwinders know signal frames by exactly these bytes.
  { names: ['__kernel_sigreturn'], version: 'LINUX_2.5', code: [0x58, 0xb8, 0x77, 0, 0, 0, 0xcd, 0x80] },
  { names: ['__kernel_rt_sigreturn'], version: 'LINUX_2.5', code: [0xb8, 0xad, 0, 0, 0, 0xcd, 0x80] },
  vdso32('clock_gettime', 265, 2), vdso32('gettimeofday', 78, 2), vdso32('time', 13, 1), vdso32('clock_getres', 266, 2),
  vdso32('clock_gettime64', 403, 2), vdso32('getcpu', 318, 3),
];

const DW_CFA_advance = 0x40;
const DW_CFA_offset = 0x80;
const DW_CFA_restore = 0xc0;
const DW_CFA_def_cfa = 0x0c;
const DW_CFA_def_cfa_offset = 0x0e;
const DW_EH_PE_pcrel_sdata4 = 0x1b;
const [ECX, EDX, EBX, EBP] = [1, 2, 3, 5];

const push = (register: number, depth: number): number[] => [DW_CFA_advance | 1, DW_CFA_def_cfa_offset, 4 * depth, DW_CFA_offset | register, depth];
const pop = (after: number, register: number, depth: number): number[] => [
  DW_CFA_advance | after, DW_CFA_restore | register, DW_CFA_def_cfa_offset, 4 * depth,
];

/** How a function of the i386 vDSO moves its stack; null: unwinders know a signal frame by its code. */
function stackMoves32(f: VdsoFunction): number[] | null {
  if (f.code === VSYSCALL) return [...push(ECX, 2), ...push(EDX, 3), ...push(EBP, 4), ...pop(7, EBP, 3), ...pop(1, EDX, 2), ...pop(1, ECX, 1)];
  return f.code[0] === 0x53 ? [...push(EBX, 2), ...pop(f.code.length - 2, EBX, 1)] : null;
}

/**
 * Unwind tables: cancelled threads are unwound through __kernel_vsyscall, and a handler may come in any function. `cie`: what follows
 * the augmentation string "zR"; `moves`: the program of a function's entry, null for none.
 */
function unwind(functions: readonly VdsoFunction[], cie: readonly number[], moves: (f: VdsoFunction) => number[] | null): EhFrameMaker {
  return (codeAt, ehFrameAt) => {
    const bytes: number[] = [];
    const record = (body: number[]): number => {
      const at = bytes.length;
      bytes.push(...u32(body.length), ...body);
      return at;
    };
    record(pad([...u32(0), 1, 0x7a, 0x52, 0, ...cie]));
    const table = functions.flatMap((f): [number, number][] => {
      const program = moves(f);
      if (program === null) return [];
      const code = codeAt(f.names[0]!);
      const at = bytes.length;
      record(pad([...u32(at + 4), ...u32(code - (ehFrameAt + at + 8)), ...u32(f.code.length), 0, ...program]));
      return [[code, ehFrameAt + at]];
    });
    bytes.push(0, 0, 0, 0);
    return { frame: Uint8Array.from(bytes), table };
  };
}

// Code alignment 1, data alignment -8 or -4, column of the return address, pointers; CFA is the stack pointer behind the return address.
const CIE_64 = [1, 0x78, 16, 1, DW_EH_PE_pcrel_sdata4, DW_CFA_def_cfa, 7, 8, DW_CFA_offset | 16, 1];
const CIE_32 = [1, 0x7c, 8, 1, DW_EH_PE_pcrel_sdata4, DW_CFA_def_cfa, 4, 4, DW_CFA_offset | 8, 1];

const u32 = (n: number): number[] => [n & 0xff, (n >>> 8) & 0xff, (n >>> 16) & 0xff, n >>> 24];

/** Zero bytes (DW_CFA_nop) up to a multiple of 4. */
function pad(bytes: number[]): number[] {
  while (bytes.length % 4 !== 0) bytes.push(0);
  return bytes;
}

export interface Vdso {
  readonly bytes: Uint8Array;
  /** Offsets, 0 where the ABI has none. */
  readonly sysenterReturn: number;
  readonly vsyscall: number;
  readonly sigreturn: number;
  readonly rtSigreturn: number;
}

function describe(image: VdsoImage): Vdso {
  const at = (name: string): number => image.symbols.get(name) ?? 0;
  const vsyscall = at('__kernel_vsyscall');
  return {
    bytes: image.bytes, vsyscall, sysenterReturn: vsyscall === 0 ? 0 : vsyscall + LANDING_PAD, sigreturn: at('__kernel_sigreturn'),
    rtSigreturn: at('__kernel_rt_sigreturn'),
  };
}

const made = new Map<string, Vdso>();

/** The vDSO of an ABI, of the kernel that `uname -r` names. */
export function vdsoOf(name: 'x86_64' | 'i386', release: string): Vdso {
  const key = `${name} ${release}`;
  let vdso = made.get(key);
  if (vdso === undefined) {
    vdso = describe(name === 'x86_64'
      ? buildVdso(x86_64, 62, 'linux-vdso.so.1', functions64, unwind(functions64, CIE_64, () => []), release)
      : buildVdso(i386, 3, 'linux-gate.so.1', functions32, unwind(functions32, CIE_32, stackMoves32), release));
    made.set(key, vdso);
  }
  return vdso;
}
