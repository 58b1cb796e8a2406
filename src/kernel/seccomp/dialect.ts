import { BPF_ABS, BPF_LD } from '../../abi/linux/seccomp.ts';
import { type BpfDialect, type BpfInput, type BpfProgram, checkProgram, COMMON, runProgram } from '../bpf.ts';

/** struct seccomp_data as words: nr, arch, ip (2), six arguments (2 each). */
const SECCOMP_DATA_BYTES = 64;
const SECCOMP: BpfDialect = { allowed: new Set([...COMMON, BPF_LD | BPF_ABS]), isPlace: (k) => k % 4 === 0 && k < SECCOMP_DATA_BYTES };

/** The filter in `bytes` (struct sock_filter each), or null when the kernel would refuse it (seccomp_check_filter). */
export const checkFilter = (bytes: Uint8Array): BpfProgram | null => checkProgram(bytes, SECCOMP);

const call: BpfInput & { words: Uint32Array } = { words: new Uint32Array(0), length: SECCOMP_DATA_BYTES, load: (place: number): number => call.words[place >>> 2]! };

/** The filter's verdict on one call. */
export function runFilter(p: BpfProgram, data: Uint32Array): number {
  call.words = data;
  return runProgram(p, call);
}
