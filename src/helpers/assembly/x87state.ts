// The x87 register stack, tags, control and status words (SDM vol. 1, chapter 8), and the exception bookkeeping that
// every x87 helper shares. Between enter() and leave() the exceptions of the instruction collect in core.ts's flags.

import { begin, flags, raise } from './core';
import {
  BUSY, C1, ES, IE, PE, SF, X87_CONTROL, X87_REG, X87_STATUS, X87_TAG, X87_TOP,
} from './layout';
import { setMasks } from './pack';

/** Control word and TOP of the instruction under way. */
export let control: u32 = 0;
export let top: u32 = 0;

export const INDEFINITE_SE: u32 = 0xffff;
export const INDEFINITE_SIG: u64 = 0xc000000000000000;

// @ts-ignore: decorator
@inline
export function enter(cpu: usize): void {
  control = load<u32>(cpu, X87_CONTROL);
  top = load<u32>(cpu, X87_TOP);
  begin((control >>> 10) & 3);
}

/** Makes the masks of the control word those of pack.ts. */
// @ts-ignore: decorator
@inline
export function usePackMasks(): void {
  setMasks(control & 0x3f, false);
}

/** Merges the collected exceptions into the status word; C1 is the collected one, other condition codes stay. */
// @ts-ignore: decorator
@inline
export function leave(cpu: usize): void {
  let f = flags;
  // An unmasked invalid, denormal or divide-by-zero stops the operation before it can round.
  if ((f & 7 & ~control) != 0) f &= (f & PE) != 0 ? 7 : 7 | SF | C1;
  const old = load<u32>(cpu, X87_STATUS) & ~C1;
  const now = old | f;
  store<u32>(cpu, (f & ~control & 0x3f) != 0 ? now | ES | BUSY : now, X87_STATUS);
}

/** leave() for fcomi and fcmov, which touch C1 only to clear it at a stack fault. */
export function leaveKeepingC1(cpu: usize): void {
  const c1 = load<u32>(cpu, X87_STATUS) & C1;
  if ((flags & SF) == 0) raise(c1);
  leave(cpu);
}

/** leave() that also sets the condition codes C0 C2 C3 (C1 collected as ever). */
// @ts-ignore: decorator
@inline
export function leaveWithCodes(cpu: usize, codes: u32): void {
  store<u32>(cpu, (load<u32>(cpu, X87_STATUS) & ~<u32>0x4500) | codes, X87_STATUS);
  leave(cpu);
}

/** Whether one of the collected exceptions `bits` is unmasked. */
// @ts-ignore: decorator
@inline
export function unmasked(bits: u32): bool {
  return (flags & bits & ~control) != 0;
}

// @ts-ignore: decorator
@inline
export function physical(i: u32): u32 {
  return (top + i) & 7;
}
/** Address of ST(i)'s 16 bytes. */
// @ts-ignore: decorator
@inline
export function st(cpu: usize, i: u32): usize {
  return cpu + (physical(i) << 4);
}
// @ts-ignore: decorator
@inline
export function sigOf(reg: usize): u64 {
  return load<u64>(reg, X87_REG);
}
// @ts-ignore: decorator
@inline
export function seOf(reg: usize): u32 {
  return load<u16>(reg, X87_REG + 8);
}
// @ts-ignore: decorator
@inline
export function isEmpty(cpu: usize, i: u32): bool {
  return load<u8>(cpu + physical(i), X87_TAG) != 0;
}
// @ts-ignore: decorator
@inline
export function put(cpu: usize, i: u32, se: u32, sig: u64): void {
  const reg = st(cpu, i);
  store<u64>(reg, sig, X87_REG);
  store<u16>(reg, se, X87_REG + 8);
  store<u8>(cpu + physical(i), 0, X87_TAG);
}
// @ts-ignore: decorator
@inline
export function putIndefinite(cpu: usize, i: u32): void {
  put(cpu, i, INDEFINITE_SE, INDEFINITE_SIG);
}

// @ts-ignore: decorator
@inline
export function popStack(cpu: usize): void {
  store<u8>(cpu + top, 1, X87_TAG);
  top = (top + 1) & 7;
  store<u32>(cpu, top, X87_TOP);
}
export function popTimes(cpu: usize, pops: i32): void {
  if (pops > 0) popStack(cpu);
  if (pops > 1) popStack(cpu);
}

/** Reading an empty register: IE and SF with C1 = 0. True when the masked response is to be given. */
export function underflow(): bool {
  raise(IE | SF);
  return (control & IE) != 0;
}

/** Pushes a value, or answers a push onto a register in use: IE, SF, C1 = 1 and the indefinite when masked. */
export function push(cpu: usize, se: u32, sig: u64): void {
  const next = (top - 1) & 7;
  if (load<u8>(cpu + next, X87_TAG) == 0) {
    raise(IE | SF | C1);
    if ((control & IE) == 0) return;
    se = INDEFINITE_SE;
    sig = INDEFINITE_SIG;
  }
  top = next;
  store<u32>(cpu, next, X87_TOP);
  put(cpu, 0, se, sig);
}
/** Whether a push would overflow the stack. */
// @ts-ignore: decorator
@inline
export function pushOverflows(cpu: usize): bool {
  return load<u8>(cpu + ((top - 1) & 7), X87_TAG) == 0;
}

/** Pushes and clears C1 when a register is free; else does nothing and answers false. Needs no enter(), and no leave() after. */
// @ts-ignore: decorator
@inline
export function quickPush(cpu: usize, se: u32, sig: u64): bool {
  const next = (load<u32>(cpu, X87_TOP) - 1) & 7;
  if (load<u8>(cpu + next, X87_TAG) == 0) return false;
  const reg = cpu + (next << 4);
  store<u64>(reg, sig, X87_REG);
  store<u16>(reg, se, X87_REG + 8);
  store<u8>(cpu + next, 0, X87_TAG);
  store<u32>(cpu, next, X87_TOP);
  store<u32>(cpu, load<u32>(cpu, X87_STATUS) & ~C1, X87_STATUS);
  return true;
}
