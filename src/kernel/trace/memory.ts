import type { Task } from '../task/task.ts';

/**
 * The beginning of [addr, addr + length) of another thread's memory, for a debugger: protections of private pages do not count. null:
 * not even one byte. A view, to be used at once.
 */
export function forcedBytes(t: Task, addr: number, length: number, access: number): Uint8Array | null {
  if (length === 0) return new Uint8Array(0);
  const { mm, memory } = t;
  if (!(addr >= 0 && addr < mm.limit)) return null;
  const n = mm.prepareForced(addr, Math.min(length, mm.limit - addr), access);
  return n > 0 ? memory.slice(addr, n) : null;
}
