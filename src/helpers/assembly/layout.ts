// Offsets of the CPU state, as src/machine/cpuState.ts defines them (layout.test.ts compares the two), and the
// bits of the control and status words.

export const X87_CONTROL: usize = 0x140;
export const X87_STATUS: usize = 0x144;
export const X87_TOP: usize = 0x148;
export const X87_TAG: usize = 0x150;
export const X87_FIP: usize = 0x158;
export const X87_FDP: usize = 0x160;
export const X87_FOP: usize = 0x168;
export const X87_FCS: usize = 0x16c;
export const X87_FDS: usize = 0x170;
export const X87_REG: usize = 0x180;
export const XMM: usize = 0x200;
export const MXCSR: usize = 0x400;
/** u32, 1 when SSE arithmetic must go through the soft floats. */
export const SSE_EXACT: usize = 0x404;
/** Second results of helpers: 16-byte slots. */
export const SCRATCH: usize = 0x420;

// Exception flags, the same bits in the x87 status word and in MXCSR; masks are at << 7 in MXCSR, << 0 in the control word.
export const IE: u32 = 0x01;
export const DE: u32 = 0x02;
export const ZE: u32 = 0x04;
export const OE: u32 = 0x08;
export const UE: u32 = 0x10;
export const PE: u32 = 0x20;
/** x87 stack fault. */
export const SF: u32 = 0x40;
/** x87 error summary. */
export const ES: u32 = 0x80;
export const C0: u32 = 0x100;
export const C1: u32 = 0x200;
export const C2: u32 = 0x400;
export const C3: u32 = 0x4000;
/** x87 busy: a copy of ES. */
export const BUSY: u32 = 0x8000;

export const MXCSR_DAZ: u32 = 0x40;
export const MXCSR_FTZ: u32 = 0x8000;
/** All that is not a flag, and its value at process start. */
export const MXCSR_CONTROL: u32 = 0xffc0;
export const MXCSR_DEFAULT: u32 = 0x1f80;

// Rounding modes, the same two bits in both.
export const RC_NEAREST: u32 = 0;
export const RC_DOWN: u32 = 1;
export const RC_UP: u32 = 2;
export const RC_ZERO: u32 = 3;
