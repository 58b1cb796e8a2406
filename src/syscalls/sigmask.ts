import { EFAULT, EINVAL } from '../abi/linux/errno.ts';
import { SigSet } from '../kernel/signal/sigset.ts';
import type { Task } from '../kernel/task/task.ts';

/** The signal set at `ptr`, whose size the caller gives as `size` bytes; or -errno. */
export function readMask(t: Task, ptr: number, size: number): SigSet | number {
  if (size !== 8) return -EINVAL;
  const buf = t.memory.readable(ptr, 8);
  if (buf === null) return -EFAULT;
  const { lo, hi } = t.abi.sigset.read(buf);
  return new SigSet(lo, hi);
}

/** Sets the mask that ppoll and the like have for the time of their wait; none for a null pointer. 0 or -errno. */
export function useMask(t: Task, mask: number, size: number): number {
  if (mask === 0) return 0;
  const set = readMask(t, mask, size);
  if (typeof set === 'number') return set;
  t.setTemporaryMask(set);
  return 0;
}
