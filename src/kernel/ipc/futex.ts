import { FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS } from '../../abi/linux/futex.ts';
import { EPOLLIN } from '../../abi/linux/poll.ts';
import type { WaitTable } from '../../machine/waitTable.ts';
import { WaitQueue } from '../../vfs/waitQueue.ts';
import type { Task } from '../task/task.ts';

/** What a futex word is known by: private ones by address space and address, shared ones by object and offset. */
export interface FutexKey {
  readonly owner: object;
  readonly offset: number;
  /** Of private ones: AddressSpace.memoryId. Threads may wait in their workers, too, unknown here (machine/waitTable.ts). Else -1. */
  readonly memory: number;
}

/** A task (or one entry of futex_waitv) that waits on a word. */
export class FutexWaiter {
  readonly task: Task;
  readonly bitset: number;
  key: FutexKey;
  woken = false;
  readonly queue: WaitQueue;
  /** PI: waits for ownership, and its rank among the waiters. */
  readonly pi: boolean;
  /** FUTEX_WAIT_REQUEUE_PI: the PI futex it may be moved to. */
  requeueTarget: FutexKey | null = null;
  /** Address of the word in the waiter's memory. */
  addr: number;
  /** Its place in the order of all that wait for the word; null before it does. */
  turn: number | null = null;
  constructor(task: Task, key: FutexKey, addr: number, bitset: number, pi: boolean, queue = new WaitQueue()) {
    this.task = task;
    this.key = key;
    this.addr = addr;
    this.bitset = bitset;
    this.pi = pi;
    this.queue = queue;
  }
}

/** Turns are counted in 32 bits. */
const isBefore = (a: number, b: number): boolean => ((a - b) | 0) < 0;

export const sameKey = (a: FutexKey, b: FutexKey): boolean => a.owner === b.owner && a.offset === b.offset;

/**
 * All waiting of futex(2) that the kernel knows of. Wakes, too, what waits in its worker. Who waits adds itself first and then compares the
 * word: a worker that changes it afterwards sees that somebody waits here, and leaves the waking to the kernel.
 */
export class FutexTable {
  private readonly buckets = new Map<object, Map<number, FutexWaiter[]>>();
  private readonly local: WaitTable;
  private readonly nowNs: () => number;

  private piWaiters = 0;

  constructor(local: WaitTable, nowNs: () => number) {
    this.local = local;
    this.nowNs = nowNs;
  }

  /** Key of the word at addr. `shared`: without FUTEX_PRIVATE_FLAG. Precondition: the word can be read. */
  keyOf(t: Task, addr: number, shared: boolean): FutexKey {
    if (shared) {
      const vma = t.mm.areas.find(addr);
      if (vma !== null && vma.object !== null) return { owner: vma.object, offset: addr - vma.start + vma.offset, memory: -1 };
    }
    return { owner: t.mm, offset: addr, memory: t.mm.memoryId };
  }

  waiters(key: FutexKey): readonly FutexWaiter[] {
    return this.buckets.get(key.owner)?.get(key.offset) ?? [];
  }

  add(waiter: FutexWaiter): void {
    const { key } = waiter;
    if (waiter.pi) this.piWaiters++;
    waiter.turn ??= this.local.takeTurn();
    if (key.memory >= 0) this.local.countInKernel(key.memory, key.offset, 1);
    let bucket = this.buckets.get(key.owner);
    if (bucket === undefined) {
      bucket = new Map();
      this.buckets.set(key.owner, bucket);
    }
    const list = bucket.get(key.offset);
    if (list === undefined) {
      bucket.set(key.offset, [waiter]);
      return;
    }
    // One that has waited in its worker until now may have come before others.
    let at = list.length;
    while (at > 0 && isBefore(waiter.turn, list[at - 1]!.turn!)) at--;
    list.splice(at, 0, waiter);
  }

  /** A thread that has waited in its worker until now has been added (WaitTable.take). */
  tookOver(key: FutexKey): void {
    this.local.countInKernel(key.memory, key.offset, -1);
  }

  remove(waiter: FutexWaiter): void {
    const { key } = waiter;
    const bucket = this.buckets.get(key.owner);
    const list = bucket?.get(key.offset);
    const index = list?.indexOf(waiter) ?? -1;
    if (index < 0) return;
    if (waiter.pi) this.piWaiters--;
    if (key.memory >= 0) this.local.countInKernel(key.memory, key.offset, -1);
    list!.splice(index, 1);
    if (list!.length > 0) return;
    bucket!.delete(key.offset);
    if (bucket!.size === 0) this.buckets.delete(key.owner);
  }

  wakeOne(waiter: FutexWaiter): void {
    this.remove(waiter);
    waiter.woken = true;
    waiter.queue.wake(EPOLLIN);
  }

  /** Wakes up to `count` that wait with one of `bitset`; how many. */
  wake(key: FutexKey, count: number, bitset = 0xffffffff): number {
    let woken = 0;
    for (const waiter of [...this.waiters(key)]) {
      if (woken >= count) break;
      if (waiter.pi || (waiter.bitset & bitset) === 0) continue;
      woken += this.wakeLocal(key, count - woken, bitset, waiter.turn);
      if (woken >= count) break;
      this.wakeOne(waiter);
      woken++;
    }
    return woken + this.wakeLocal(key, count - woken, bitset, null);
  }

  /** Those that wait in their workers, and came before `turn`. */
  private wakeLocal(key: FutexKey, count: number, bitset: number, turn: number | null): number {
    let woken = 0;
    while (key.memory >= 0 && woken < count) {
      const next = this.local.first(key.memory, key.offset, bitset);
      if (next === null || (turn !== null && !isBefore(next.turn, turn))) break;
      if (this.local.wakeSlot(next.slot, next.turn, this.nowNs())) woken++;
    }
    return woken;
  }

  /** Wakes waiters of a word whether they wait privately or shared (thread exit). */
  wakeAddress(t: Task, addr: number, count: number): void {
    const woken = this.wake(this.keyOf(t, addr, true), count);
    if (woken < count) this.wake(this.keyOf(t, addr, false), count - woken);
  }

  /** Moves up to `count` waiters to another word. */
  requeue(from: FutexKey, to: FutexKey, toAddr: number, count: number): number {
    if (sameKey(from, to)) return Math.min(count, this.waiters(from).length + (from.memory < 0 ? 0 : this.local.count(from.memory, from.offset)));
    let moved = 0;
    for (const waiter of [...this.waiters(from)]) {
      moved += this.moveLocal(from, to, count - moved, waiter.turn);
      if (moved >= count) break;
      this.remove(waiter);
      waiter.key = to;
      waiter.addr = toAddr;
      waiter.turn = null;
      this.add(waiter);
      moved++;
    }
    return moved + this.moveLocal(from, to, count - moved, null);
  }

  /** Those that wait in their workers, and came before `turn`. Between private and shared words they are woken instead: they look again. */
  private moveLocal(from: FutexKey, to: FutexKey, count: number, turn: number | null): number {
    if (from.memory !== to.memory) return this.wakeLocal(from, count, -1, turn);
    let moved = 0;
    while (from.memory >= 0 && moved < count) {
      const next = this.local.first(from.memory, from.offset, -1);
      if (next === null || (turn !== null && !isBefore(next.turn, turn))) break;
      if (this.local.moveFirst(from.memory, from.offset, to.offset)) moved++;
    }
    return moved;
  }

  /** Gives a PI futex to its first waiter (its word says so), or frees it. `keep`: bits the word keeps (FUTEX_OWNER_DIED). */
  handOver(t: Task, key: FutexKey, addr: number, keep: number): void {
    const next = this.waiters(key).find((waiter) => waiter.pi);
    if (next === undefined) {
      t.memory.setU32(addr, keep);
      return;
    }
    this.remove(next);
    // Linux leaves the bit, though nobody else may wait.
    next.task.memory.setU32(next.addr, (next.task.ownTid | keep | FUTEX_WAITERS) >>> 0);
    next.woken = true;
    next.queue.wake(EPOLLIN);
  }

  /** A thread ends: PI futexes it still owns and others wait for go to them. Robust ones were passed on already. */
  ownerEnds(t: Task): void {
    if (this.piWaiters === 0) return;
    const orphans = new Map<FutexWaiter, FutexKey>();
    for (const bucket of this.buckets.values()) {
      for (const list of bucket.values()) {
        const first = list.find((waiter) => waiter.pi && waiter.requeueTarget === null);
        const word = first?.task.memory.u32(first.addr);
        if (first !== undefined && typeof word === 'number' && t.pidNs === first.task.pidNs && (word & FUTEX_TID_MASK) === t.ownTid) orphans.set(first, first.key);
      }
    }
    for (const [first, key] of orphans) this.handOver(first.task, key, first.addr, FUTEX_OWNER_DIED);
  }

  /** The owner of a robust PI futex has died. */
  passPi(t: Task, addr: number): void {
    const shared = this.keyOf(t, addr, true);
    this.handOver(t, this.waiters(shared).length > 0 ? shared : this.keyOf(t, addr, false), addr, FUTEX_OWNER_DIED);
  }
}
