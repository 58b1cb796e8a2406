import { EFAULT, EINVAL } from '../abi/linux/errno.ts';
import type { Task } from '../kernel/task/task.ts';

/** Linux moves at most this many bytes in one call. */
export const MAX_RW_COUNT = 0x7ffff000;
const IOV_MAX = 1024;
const NOTHING = new Uint8Array(0);

export interface IoVec {
  readonly base: number;
  readonly length: number;
}

/** The vector at `ptr`, clipped to MAX_RW_COUNT in all; -EINVAL, -EFAULT. */
export function readVector(t: Task, ptr: number, count: number): IoVec[] | number {
  const { iovec } = t.abi;
  if (count > IOV_MAX) return -EINVAL;
  // One after the other (copy_iovec_from_user): lengths are looked at before the next is read, places when all are.
  const buf = t.memory.readable(ptr, count * iovec.size) ?? t.memory.readablePrefix(ptr, count * iovec.size) ?? NOTHING;
  for (let i = 0; i < count; i++) {
    const at = i * iovec.size;
    if (at + iovec.size > buf.length) return -EFAULT;
    const top = t.abi.longBytes === 8 ? iovec.hi(buf, 'iov_len', at) : iovec.lo(buf, 'iov_len', at);
    if (top > 0x7fffffff) return -EINVAL;
  }
  const out: IoVec[] = [];
  let total = 0;
  for (let i = 0; i < count; i++) {
    const at = i * iovec.size, base = iovec.get(buf, 'iov_base', at), length = iovec.get(buf, 'iov_len', at);
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
