/** The control bits of MXCSR (DAZ, masks, rounding, FTZ), what they are at process start, and the inexact flag. */
export const MXCSR_CONTROL = 0xffc0;
export const MXCSR_DEFAULT = 0x1f80;
export const MXCSR_PE = 0x20;

/** Value of Cpu.sseExact that goes with a value of MXCSR. Whoever writes one writes the other. */
export function sseExactFor(mxcsr: number): number {
  return (mxcsr & (MXCSR_CONTROL | MXCSR_PE)) === (MXCSR_DEFAULT | MXCSR_PE) ? 0 : 1;
}
