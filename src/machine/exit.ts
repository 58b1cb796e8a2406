/** Why a guest thread left the engine for the kernel (Cpu.exitReason). */
export const Exit = {
  none: 0,
  /** `syscall` in 64-bit mode. rip is after the instruction; rcx and r11 hold what the instruction puts there. */
  syscall64: 1,
  /** `int 0x80`. rip is after it. */
  int80: 2,
  /** `sysenter` (and `syscall` in 32-bit mode): the vDSO's entry; rip is after it. */
  sysenter: 3,
  /** A memory access or fetch was refused. rip is at the instruction, exitAddr the address, exitCode the `Access`. */
  fault: 4,
  /** A processor exception other than a page fault: exitCode is the vector, in its upper half the error code. rip as the processor pushes it (after int3, at the instruction for #DE, #UD, #GP...). */
  trap: 5,
  /** Cpu.interrupt was non-zero at a poll; rip is at the next instruction. */
  interrupt: 6,
} as const;
export type ExitReason = (typeof Exit)[keyof typeof Exit];

/** exitCode of Exit.fault. */
export const Access = { read: 1, write: 2, execute: 4 } as const;

/** Exception vectors (Intel SDM vol. 3, table 6-1). */
export const Vector = { DE: 0, DB: 1, BP: 3, OF: 4, BR: 5, UD: 6, NM: 7, NP: 11, SS: 12, GP: 13, PF: 14, MF: 16, AC: 17, XM: 19 } as const;

/** exitCode behind an instruction that began under TF: in the upper half, for want of an error code, what #DB notes in DR6 (BS). */
export const STEPPED = Vector.DB | (0x4000 << 16);
