import { i386, x86_64 } from '../../abi/abi.ts';
import { putU32 } from '../../abi/layout.ts';
import { buildVdso, type VdsoFunction, type VdsoImage } from './vdsoImage.ts';

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
const DW_CFA_def_cfa_offset = 0x0e;
const [ECX, EDX, EBP] = [1, 2, 5];

/** Unwind tables for __kernel_vsyscall: cancelled threads are unwound through it. */
function unwind32(codeAt: (name: string) => number, ehFrameAt: number): { frame: Uint8Array; table: readonly (readonly [number, number])[] } {
  // version 1, "zR", code alignment 1, data alignment -4, return address column 8, pc-relative signed 4-byte pointers
  const cie = pad([0, 0, 0, 0, 1, 0x7a, 0x52, 0, 1, 0x7c, 8, 1, 0x1b, 0x0c, 4, 4, DW_CFA_offset | 8, 1]);
  const push = (register: number, depth: number): number[] => [DW_CFA_advance | 1, DW_CFA_def_cfa_offset, 4 * depth, DW_CFA_offset | register, depth];
  const pop = (after: number, register: number, depth: number): number[] => [
    DW_CFA_advance | after, DW_CFA_restore | register, DW_CFA_def_cfa_offset, 4 * depth,
  ];
  const program = [...push(ECX, 2), ...push(EDX, 3), ...push(EBP, 4), ...pop(7, EBP, 3), ...pop(1, EDX, 2), ...pop(1, ECX, 1)];
  const fde = pad([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...program]);
  const frame = new Uint8Array(4 + cie.length + 4 + fde.length + 4);
  putU32(frame, 0, cie.length);
  frame.set(cie, 4);
  const fdeAt = 4 + cie.length;
  putU32(frame, fdeAt, fde.length);
  frame.set(fde, fdeAt + 4);
  putU32(frame, fdeAt + 4, fdeAt + 4);
  const code = codeAt('__kernel_vsyscall');
  putU32(frame, fdeAt + 8, code - (ehFrameAt + fdeAt + 8));
  putU32(frame, fdeAt + 12, VSYSCALL.length);
  return { frame, table: [[code, ehFrameAt + fdeAt]] };
}

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

/** The vDSO of an ABI. */
export function vdsoOf(name: 'x86_64' | 'i386'): Vdso {
  let vdso = made.get(name);
  if (vdso === undefined) {
    vdso = describe(name === 'x86_64'
      ? buildVdso(x86_64, 62, 'linux-vdso.so.1', functions64, null)
      : buildVdso(i386, 3, 'linux-gate.so.1', functions32, unwind32));
    made.set(name, vdso);
  }
  return vdso;
}
