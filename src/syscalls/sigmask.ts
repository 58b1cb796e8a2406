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
