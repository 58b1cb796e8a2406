import type { Task } from '../task/task.ts';

export const SS_ONSTACK = 1;
export const SS_DISABLE = 2;
/** 1 << 31: the stack is disabled while a handler runs on it. */
export const SS_AUTODISARM = 0x80000000;

/** Whether sp lies on the alternate stack (on_sig_stack). */
export function onAltStack(t: Task, sp: number): boolean {
  const { altStack } = t;
  if ((altStack.flags & SS_AUTODISARM) !== 0) return false;
  return sp > altStack.sp && sp - altStack.sp <= altStack.size;
}

/** Flags as sigaltstack shows them. */
export function altStackFlags(t: Task, sp: number): number {
  if (t.altStack.size === 0) return SS_DISABLE;
  return onAltStack(t, sp) ? SS_ONSTACK : 0;
}

/**
 * Where a frame goes: below `sp` (the interrupted stack pointer, less the red zone), or at the top of the alternate stack. -1 when it
 * would leave the alternate stack that it is on.
 */
export function frameStack(t: Task, sp: number, wantsAlt: boolean): number {
  const nested = onAltStack(t, sp);
  if (nested) return sp;
  const { altStack } = t;
  if (wantsAlt && altStack.size !== 0 && (altStack.flags & SS_DISABLE) === 0) return altStack.sp + altStack.size;
  return sp;
}

/** SS_AUTODISARM: the frame has saved the setting, now it is off. */
export function afterPush(t: Task): void {
  if ((t.altStack.flags & SS_AUTODISARM) !== 0) t.altStack = { sp: 0, size: 0, flags: SS_DISABLE };
}

/** sigreturn brings back what the frame says; errors are ignored, as Linux does. */
export function restoreAltStack(t: Task, sp: number, flags: number, size: number): void {
  if (((flags >>> 0) & ~(SS_AUTODISARM | SS_DISABLE | SS_ONSTACK)) >>> 0 !== 0) return;
  if ((flags & SS_DISABLE) !== 0) t.altStack = { sp: 0, size: 0, flags: SS_DISABLE };
  else if (size >= 2048) t.altStack = { sp, size, flags: ((flags & SS_AUTODISARM) >>> 0) };
}
