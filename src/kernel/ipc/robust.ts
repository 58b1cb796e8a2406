import { FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS } from '../../abi/linux/futex.ts';
import type { Task } from '../task/task.ts';

const ROBUST_LIST_LIMIT = 2048;

/** A thread ends: the robust futexes it holds tell the next owner (get_robust_list(2), exit_robust_list). */
export function releaseRobustFutexes(t: Task): void {
  const abi = t.robustListAbi;
  if (t.robustList === 0 || abi === null) return;
  const word = abi.longBytes;
  const head = t.robustList;
  t.robustList = 0;
  const { memory } = t;
  const offset = word === 8 ? memory.i64(head + 8) : memory.i32(head + 4);
  const pending = memory.word(head + 2 * word, word);
  let entry = memory.word(head, word);
  if (offset === null || pending === null || entry === null) return;
  const pendingAt = pending - (pending % 2);
  for (let i = 0; i < ROBUST_LIST_LIMIT; i++) {
    const at = entry - (entry % 2);
    if (at === head) break;
    const next: number | null = memory.word(at, word);
    if (at !== pendingAt && !ownerDied(t, at + offset, entry % 2 === 1, false)) return;
    if (next === null) return;
    entry = next;
  }
  if (pendingAt !== 0) ownerDied(t, pendingAt + offset, pending % 2 === 1, true);
}

/** One futex word; false when it cannot be used. */
function ownerDied(t: Task, addr: number, pi: boolean, pendingOp: boolean): boolean {
  if (addr % 4 !== 0) return false;
  const value = t.memory.u32(addr);
  if (value === null) return false;
  if (pendingOp && !pi && value === 0) {
    t.kernel.futexes.wakeAddress(t, addr, 1);
    return true;
  }
  if ((value & FUTEX_TID_MASK) !== t.ownTid) return true;
  if (!t.memory.setU32(addr, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED)) return false;
  if ((value & FUTEX_WAITERS) !== 0) {
    if (pi) t.kernel.futexes.passPi(t, addr);
    else t.kernel.futexes.wakeAddress(t, addr, 1);
  }
  return true;
}
