import { BIAS, GUEST_END } from '../../machine/memoryLayout.ts';
import type { Task } from '../task/task.ts';

/**
 * The beginning of [addr, addr + length) of another thread's memory, for a debugger: protections of private pages do not count. null:
 * not even one byte. A view, to be used at once.
 */
export function forcedBytes(t: Task, addr: number, length: number, access: number): Uint8Array | null {
  if (length === 0) return new Uint8Array(0);
  if (!(addr >= 0 && addr < GUEST_END)) return null;
  const n = t.mm.prepareForced(addr, Math.min(length, GUEST_END - addr), access);
  return n > 0 ? t.memory.bytes.subarray(addr + BIAS, addr + BIAS + n) : null;
}
