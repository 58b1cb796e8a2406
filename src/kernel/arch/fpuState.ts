import { putU32, getU16, getU32, putU16 } from '../../abi/layout.ts';
import { Cpu, Seg } from '../../machine/cpuState.ts';
import { sseExactFor } from '../../machine/mxcsr.ts';
import type { Registers } from './registers.ts';

/** What fxsave writes, and after it the xsave header as Linux lays both into a signal frame (arch/x86/kernel/fpu/signal.c). */
export const FXSAVE_BYTES = 512;
/** fxsave area and xsave header; XCR0 has x87 and SSE only. */
export const XSAVE_BYTES = 576;
export const FP_XSTATE_MAGIC1 = 0x46505853;
export const FP_XSTATE_MAGIC2 = 0x46505845;
/** The frame's floating-point part: state and the closing magic word. */
export const FRAME_FPU_BYTES = XSAVE_BYTES + 4;
const SW_RESERVED = 464;
const MXCSR_MASK = 0xffff;

/** x87 as at process start: finit's state, MXCSR 0x1f80. */
export function initFpu(regs: Registers): void {
  regs.setU32(Cpu.x87Control, 0x37f);
  regs.setU32(Cpu.x87Status, 0);
  regs.setU32(Cpu.x87Top, 0);
  regs.bytes.fill(1, Cpu.x87Tag, Cpu.x87Tag + 8);
  regs.bytes.fill(0, Cpu.x87Fip, Cpu.mxcsr);
  setMxcsr(regs, 0x1f80);
}

function setMxcsr(regs: Registers, value: number): void {
  regs.setU32(Cpu.sseExact, sseExactFor(value));
  regs.setU32(Cpu.mxcsr, value);
}

/** Everything as at process start: what a signal handler begins with (fpu__clear_user_states). */
export function clearFpu(regs: Registers): void {
  initFpu(regs);
  regs.bytes.fill(0, Cpu.xmm, Cpu.mxcsr);
}

function statusWord(regs: Registers): number {
  return (regs.u32(Cpu.x87Status) & ~0x3800) | ((regs.u32(Cpu.x87Top) & 7) << 11);
}

/** After the control word: error summary and busy follow from flags and masks, whatever an image says. */
function setStatusWord(regs: Registers, value: number): void {
  const pending = (value & ~regs.u32(Cpu.x87Control) & 0x3f) !== 0;
  regs.setU32(Cpu.x87Status, (value & 0x477f) | (pending ? 0x8080 : 0));
  regs.setU32(Cpu.x87Top, (value >>> 11) & 7);
}

/** fxsave: `long` writes 64-bit pointers and 16 xmm registers, as fxsave64 does; else 8 registers and selectors. */
export function saveFx(regs: Registers, buf: Uint8Array, long: boolean): void {
  buf.fill(0, 0, FXSAVE_BYTES);
  putU16(buf, 0, regs.u32(Cpu.x87Control) & 0xffff);
  putU16(buf, 2, statusWord(regs));
  let tags = 0;
  for (let i = 0; i < 8; i++) if (regs.bytes[Cpu.x87Tag + i] === 0) tags |= 1 << i;
  buf[4] = tags;
  putU16(buf, 6, regs.u32(Cpu.x87Fop) & 0x7ff);
  buf.set(regs.bytes.subarray(Cpu.x87Fip, Cpu.x87Fip + (long ? 8 : 4)), 8);
  buf.set(regs.bytes.subarray(Cpu.x87Fdp, Cpu.x87Fdp + (long ? 8 : 4)), 16);
  if (!long) {
    putU16(buf, 12, regs.u32(Cpu.x87Fcs));
    putU16(buf, 20, regs.u32(Cpu.x87Fds));
  }
  putU32(buf, 24, regs.u32(Cpu.mxcsr));
  putU32(buf, 28, MXCSR_MASK);
  const top = regs.u32(Cpu.x87Top);
  for (let i = 0; i < 8; i++) {
    const from = Cpu.x87Reg + ((top + i) & 7) * 16;
    buf.set(regs.bytes.subarray(from, from + 10), 32 + i * 16);
  }
  buf.set(regs.bytes.subarray(Cpu.xmm, Cpu.xmm + (long ? 256 : 128)), 160);
}

export function restoreFx(regs: Registers, buf: Uint8Array, long: boolean): void {
  regs.setU32(Cpu.x87Control, (getU16(buf, 0) & 0x1f3f) | 0x40);
  setStatusWord(regs, getU16(buf, 2));
  for (let i = 0; i < 8; i++) regs.bytes[Cpu.x87Tag + i] = (buf[4]! & (1 << i)) !== 0 ? 0 : 1;
  regs.setU32(Cpu.x87Fop, getU16(buf, 6) & 0x7ff);
  regs.bytes.fill(0, Cpu.x87Fip, Cpu.x87Fip + 16);
  regs.bytes.set(buf.subarray(8, long ? 16 : 12), Cpu.x87Fip);
  regs.bytes.set(buf.subarray(16, long ? 24 : 20), Cpu.x87Fdp);
  if (!long) {
    regs.setU32(Cpu.x87Fcs, getU16(buf, 12));
    regs.setU32(Cpu.x87Fds, getU16(buf, 20));
  }
  setMxcsr(regs, getU32(buf, 24) & MXCSR_MASK);
  const top = regs.u32(Cpu.x87Top);
  for (let i = 0; i < 8; i++) {
    const to = Cpu.x87Reg + ((top + i) & 7) * 16;
    regs.bytes.fill(0, to, to + 16);
    regs.bytes.set(buf.subarray(32 + i * 16, 32 + i * 16 + 10), to);
  }
  regs.bytes.set(buf.subarray(160, 160 + (long ? 256 : 128)), Cpu.xmm);
}

/** fxsave area, xsave header and the software bytes that announce them; `frameBytes` is extended_size. */
export function saveFrameFpu(regs: Registers, buf: Uint8Array, long: boolean, frameBytes: number): void {
  saveFx(regs, buf, long);
  const sw = buf.subarray(SW_RESERVED, FXSAVE_BYTES);
  putU32(sw, 0, FP_XSTATE_MAGIC1);
  putU32(sw, 4, frameBytes);
  putU32(sw, 8, 3);
  putU32(sw, 12, 0);
  putU32(sw, 16, XSAVE_BYTES);
  buf.fill(0, FXSAVE_BYTES, XSAVE_BYTES);
  putU32(buf, FXSAVE_BYTES, 3);
  putU32(buf, XSAVE_BYTES, FP_XSTATE_MAGIC2);
}

/**
 * What xrstor asks of the header (standard form): only components of XCR0, and zeros in the 16 bytes behind them. Of an i386 frame Linux looks
 * at the header itself, and wants the rest of it to be zero too (validate_user_xstate_header).
 */
function isHeaderValid(buf: Uint8Array, long: boolean): boolean {
  if ((getU32(buf, FXSAVE_BYTES) & ~3) !== 0) return false;
  return buf.subarray(FXSAVE_BYTES + 4, long ? FXSAVE_BYTES + 24 : XSAVE_BYTES).every((byte) => byte === 0);
}

/**
 * Restores from a frame. `buf` is the fxsave area and what follows as far as it is readable. With intact magic words the header's
 * xfeatures say which parts are there; the others get their initial state. False: MXCSR has reserved bits set, or xrstor refuses the header.
 */
export function restoreFrameFpu(regs: Registers, buf: Uint8Array, long: boolean): boolean {
  if ((getU32(buf, 24) & ~MXCSR_MASK) !== 0) return false;
  let features = 3;
  if (buf.length >= FRAME_FPU_BYTES && getU32(buf, SW_RESERVED) === FP_XSTATE_MAGIC1 && getU32(buf, SW_RESERVED + 16) === XSAVE_BYTES &&
    getU32(buf, XSAVE_BYTES) === FP_XSTATE_MAGIC2) {
    if (!isHeaderValid(buf, long)) return false;
    features = getU32(buf, FXSAVE_BYTES) & getU32(buf, SW_RESERVED + 8);
  }
  const high = long ? null : regs.bytes.slice(Cpu.xmm + 128, Cpu.xmm + 256);
  if (features === 0) initFpu(regs);
  const xmm = regs.bytes.slice(Cpu.xmm, Cpu.xmm + 256);
  const mxcsr = regs.u32(Cpu.mxcsr);
  if ((features & 1) !== 0 || (features & 2) !== 0) restoreFx(regs, buf, long);
  if ((features & 2) === 0) {
    regs.bytes.set(features === 0 ? new Uint8Array(256) : xmm, Cpu.xmm);
    setMxcsr(regs, features === 0 ? 0x1f80 : mxcsr);
  }
  if (high !== null) regs.bytes.set(high, Cpu.xmm + 128);
  return true;
}

/** The tag of one x87 register as fnstenv shows it: 0 valid, 1 zero, 2 special, 3 empty. */
function tagOf(bytes: Uint8Array, at: number): number {
  const exponent = getU16(bytes, at + 8) & 0x7fff;
  const lo = getU32(bytes, at);
  const hi = getU32(bytes, at + 4);
  if (exponent === 0x7fff) return 2;
  if (exponent === 0) return (lo | hi) === 0 ? 1 : 2;
  return hi >>> 31 !== 0 ? 0 : 2;
}

/** The 112-byte fregs_state at the head of an i386 frame: fnsave's layout, status and the magic that says fxsave data follow. */
export function saveLegacyFpu(regs: Registers, buf: Uint8Array): void {
  putU32(buf, 0, (regs.u32(Cpu.x87Control) & 0xffff) | 0xffff0000);
  const status = statusWord(regs);
  putU32(buf, 4, status | 0xffff0000);
  let tag = 0;
  for (let i = 0; i < 8; i++) tag |= (regs.bytes[Cpu.x87Tag + i] !== 0 ? 3 : tagOf(regs.bytes, Cpu.x87Reg + i * 16)) << (i * 2);
  putU32(buf, 8, tag | 0xffff0000);
  putU32(buf, 12, regs.u32(Cpu.x87Fip));
  // of the program, whatever the last instruction used (convert_from_fxsr)
  putU32(buf, 16, regs.u32(Cpu.segSelector + Seg.cs * 4) & 0xffff);
  putU32(buf, 20, regs.u32(Cpu.x87Fdp));
  putU32(buf, 24, (regs.u32(Cpu.segSelector + Seg.ds * 4) & 0xffff) | 0xffff0000);
  const top = regs.u32(Cpu.x87Top);
  for (let i = 0; i < 8; i++) {
    const from = Cpu.x87Reg + ((top + i) & 7) * 16;
    buf.set(regs.bytes.subarray(from, from + 10), 28 + i * 10);
  }
  putU16(buf, 108, status);
  // X86_FXSR_MAGIC
  putU16(buf, 110, 0);
}

/** Takes the x87 part from the fnsave layout: what an i386 handler may have changed. The fxsave part gives SSE. */
export function restoreLegacyFpu(regs: Registers, buf: Uint8Array): void {
  regs.setU32(Cpu.x87Control, (getU16(buf, 0) & 0x1f3f) | 0x40);
  setStatusWord(regs, getU16(buf, 4));
  const tag = getU16(buf, 8);
  for (let i = 0; i < 8; i++) regs.bytes[Cpu.x87Tag + i] = ((tag >>> (i * 2)) & 3) === 3 ? 1 : 0;
  regs.setHalves(Cpu.x87Fip, getU32(buf, 12), 0);
  regs.setU32(Cpu.x87Fcs, getU16(buf, 16));
  regs.setU32(Cpu.x87Fop, getU16(buf, 18) & 0x7ff);
  regs.setHalves(Cpu.x87Fdp, getU32(buf, 20), 0);
  regs.setU32(Cpu.x87Fds, getU16(buf, 24));
  const top = regs.u32(Cpu.x87Top);
  for (let i = 0; i < 8; i++) {
    const to = Cpu.x87Reg + ((top + i) & 7) * 16;
    regs.bytes.fill(0, to, to + 16);
    regs.bytes.set(buf.subarray(28 + i * 10, 38 + i * 10), to);
  }
}
