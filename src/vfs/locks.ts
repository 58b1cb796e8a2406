import { EAGAIN, EDEADLK } from '../abi/linux/errno.ts';
import { EPOLLIN } from '../abi/linux/poll.ts';
import { WaitQueue } from './waitQueue.ts';

export const F_RDLCK = 0;
export const F_WRLCK = 1;
export const F_UNLCK = 2;
/** End of a lock that reaches to the end of the file, however it grows. */
export const LOCK_TO_EOF = Infinity;

/** A record lock on bytes [start, end). */
export interface RecordLock {
  start: number;
  end: number;
  /** F_RDLCK or F_WRLCK. */
  type: number;
  /** Descriptor table (POSIX) or file description (OFD). */
  owner: object;
  /** As F_GETLK tells: the locker's tgid; -1 for OFD locks. */
  pid: number;
}

/** Which owner waits for which, over all files: for EDEADLK. OFD owners never appear. */
const waitsFor = new Map<object, object>();

/** The advisory locks of one inode: record locks (POSIX and OFD) and flock's, which do not see each other. */
export class LockTable {
  /** Sorted by start within an owner; owners mixed. */
  private records: RecordLock[] = [];
  private readonly flocks = new Map<object, number>();
  /** Woken whenever a lock goes or weakens. */
  readonly waitQueue = new WaitQueue();

  get empty(): boolean {
    return this.records.length === 0 && this.flocks.size === 0;
  }
  list(): readonly RecordLock[] {
    return this.records;
  }
  flockList(): ReadonlyMap<object, number> {
    return this.flocks;
  }

  /** The first lock that keeps `owner` from having `type` on [start, end), or null. */
  conflict(owner: object, type: number, start: number, end: number): RecordLock | null {
    let found: RecordLock | null = null;
    for (const lock of this.records) {
      if (lock.owner === owner || lock.end <= start || lock.start >= end) continue;
      if (type === F_RDLCK && lock.type === F_RDLCK) continue;
      if (found === null || lock.start < found.start) found = lock;
    }
    return found;
  }

  /** Sets or removes (F_UNLCK) a record lock; parts of the owner's older locks give way. 0 or -EAGAIN. */
  setRecord(owner: object, pid: number, type: number, start: number, end: number): number {
    if (type !== F_UNLCK && this.conflict(owner, type, start, end) !== null) return -EAGAIN;
    const next: RecordLock[] = [];
    let from = start;
    let to = end;
    let weaker = false;
    for (const lock of this.records) {
      if (lock.owner !== owner || lock.end < start || lock.start > end) {
        next.push(lock);
      } else if (lock.type === type) {
        // Same kind, overlapping or touching: grows together.
        from = Math.min(from, lock.start);
        to = Math.max(to, lock.end);
      } else {
        if (lock.start < end && lock.end > start) weaker ||= type !== F_WRLCK;
        if (lock.start < start) next.push({ ...lock, end: Math.min(lock.end, start) });
        if (lock.end > end) next.push({ ...lock, start: Math.max(lock.start, end) });
      }
    }
    if (type !== F_UNLCK) next.push({ start: from, end: to, type, owner, pid });
    this.records = next;
    if (weaker) this.waitQueue.wake(EPOLLIN);
    return 0;
  }

  /** Notes that `owner` waits for the holder of a conflicting lock; -EDEADLK when that one waits for `owner`, directly or through others. */
  startWaiting(owner: object, type: number, start: number, end: number): number {
    const blocker = this.conflict(owner, type, start, end);
    if (blocker === null || blocker.pid === -1) return 0;
    for (let at: object | undefined = blocker.owner, hops = 0; at !== undefined && hops < 1000; at = waitsFor.get(at), hops++) {
      if (at === owner) return -EDEADLK;
    }
    waitsFor.set(owner, blocker.owner);
    return 0;
  }
  stopWaiting(owner: object): void {
    waitsFor.delete(owner);
  }

  /** All record locks of an owner go. */
  removeOwner(owner: object): void {
    const before = this.records.length;
    if (before === 0) return;
    this.records = this.records.filter((lock) => lock.owner !== owner);
    if (this.records.length !== before) this.waitQueue.wake(EPOLLIN);
  }

  /** flock(2): F_RDLCK shared, F_WRLCK exclusive, F_UNLCK. A conversion drops the old lock first, as Linux does. 0 or -EAGAIN. */
  flock(owner: object, type: number): number {
    const held = this.flocks.get(owner);
    if (type === F_UNLCK) {
      if (this.flocks.delete(owner)) this.waitQueue.wake(EPOLLIN);
      return 0;
    }
    if (held === type) return 0;
    if (held !== undefined) {
      this.flocks.delete(owner);
      this.waitQueue.wake(EPOLLIN);
    }
    for (const other of this.flocks.values()) if (type === F_WRLCK || other === F_WRLCK) return -EAGAIN;
    this.flocks.set(owner, type);
    return 0;
  }

  /** The description `owner` is gone: its flock and OFD locks go. */
  closeDescription(owner: object): void {
    if (this.flocks.delete(owner)) this.waitQueue.wake(EPOLLIN);
    this.removeOwner(owner);
  }
}
