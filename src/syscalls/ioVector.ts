import { EFAULT, EINVAL } from '../abi/linux/errno.ts';
import type { Task } from '../kernel/task/task.ts';

/** Linux moves at most this many bytes in one call. */
export const MAX_RW_COUNT = 0x7ffff000;
const IOV_MAX = 1024;

export interface IoVec {
  readonly base: number;
  readonly length: number;
}

/** The vector at `ptr`, clipped to MAX_RW_COUNT in all; -EINVAL, -EFAULT. */
export function readVector(t: Task, ptr: number, count: number): IoVec[] | number {
  const { iovec } = t.abi;
  if (count > IOV_MAX) return -EINVAL;
  const buf = t.memory.readable(ptr, count * iovec.size);
  if (buf === null) return -EFAULT;
  const out: IoVec[] = [];
  let total = 0;
  for (let i = 0; i < count; i++) {
    const at = i * iovec.size;
    const base = iovec.get(buf, 'iov_base', at);
    const length = iovec.get(buf, 'iov_len', at);
    const top = t.abi.longBytes === 8 ? iovec.hi(buf, 'iov_len', at) : iovec.lo(buf, 'iov_len', at);
    if (top > 0x7fffffff) return -EINVAL;
    const clipped = Math.min(length, MAX_RW_COUNT - total);
    if (clipped > 0 && !t.memory.inRange(base, clipped)) return -EFAULT;
    total += clipped;
    out.push({ base, length: clipped });
  }
  return out;
}

export function totalOf(vector: readonly IoVec[]): number {
  return vector.reduce((sum, v) => sum + v.length, 0);
}

/** Views of the vector's memory from byte `skip` on, at most `limit` bytes; up to the first place that cannot be accessed. null: not one byte can. */
export function vectorViews(t: Task, vector: readonly IoVec[], skip: number, limit: number, writable: boolean): Uint8Array[] | null {
  const out: Uint8Array[] = [];
  let left = limit;
  for (const { base, length } of vector) {
    if (skip >= length) {
      skip -= length;
      continue;
    }
    const want = Math.min(length - skip, left);
    if (want === 0) break;
    const view = writable ? t.memory.writablePrefix(base + skip, want) : t.memory.readablePrefix(base + skip, want);
    if (view === null) return out.length === 0 ? null : out;
    out.push(view);
    skip = 0;
    left -= want;
    if (view.length < want) break;
  }
  return out;
}
