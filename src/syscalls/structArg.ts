import { E2BIG, EFAULT } from '../abi/linux/errno.ts';
import type { Task } from '../kernel/task/task.ts';

/**
 * A structure that may have grown (copy_struct_from_user): of `size` bytes the first `known` are copied, missing ones are zeros, and what is
 * beyond them must be zeros. -E2BIG, -EFAULT.
 */
export function structArg(t: Task, ptr: number, size: number, known: number): Uint8Array | number {
  if (size > known) {
    // The first byte that is not zero ends it, whether or not the rest can be read.
    const rest = t.memory.readablePrefix(ptr + known, size - known);
    if (rest?.some((byte) => byte !== 0)) return -E2BIG;
    if (rest === null || rest.length < size - known) return -EFAULT;
  }
  const out = new Uint8Array(known);
  const given = t.memory.readable(ptr, Math.min(size, known));
  if (given === null) return -EFAULT;
  out.set(given);
  return out;
}
