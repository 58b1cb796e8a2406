import { EAGAIN, EWOULDBLOCK } from '../abi/linux/errno.ts';
import { EPOLLIN } from '../abi/linux/poll.ts';
import type { FileDescription } from './fileDescription.ts';
import type { Inode } from './inode.ts';
import { F_RDLCK, F_UNLCK, F_WRLCK } from './locks.ts';
import { WaitQueue } from './waitQueue.ts';

/** fs.lease-break-time: after this a holder that does not answer loses its lease. */
export const LEASE_BREAK_MS = 45_000;

interface Lease {
  readonly file: FileDescription;
  type: number;
  /** What the breaker wants it to become; null while nobody does. */
  target: number | null;
  /** FsEnv.ticks at which it is broken by force. */
  deadline: number;
  /** Tells the holder (SIGIO, or its F_SETSIG signal). */
  readonly tell: () => void;
}

/** The leases of one inode (fcntl(2), "Leases"). */
export class LeaseTable {
  private leases: Lease[] = [];
  /** Woken when a lease goes or weakens. */
  readonly waitQueue = new WaitQueue();

  /** F_GETLEASE: what the lease is, or is becoming. */
  typeOf(file: FileDescription): number {
    const lease = this.leases.find((l) => l.file === file);
    return lease === undefined ? F_UNLCK : lease.target ?? lease.type;
  }

  /** F_SETLEASE: 0 or -EAGAIN. `openers`: descriptions that have the file open. */
  set(file: FileDescription, type: number, inode: Inode, tell: () => void): number {
    const held = this.leases.find((l) => l.file === file);
    if (type === F_UNLCK) {
      if (held === undefined) return -EAGAIN;
      this.remove(file);
      return 0;
    }
    if (type === F_RDLCK && inode.writeCount > 0) return -EAGAIN;
    if (type === F_WRLCK && (inode.opens > 1 || inode.writeCount !== Number(file.writable))) return -EAGAIN;
    if (this.leases.some((l) => l !== held && (type === F_WRLCK || l.type === F_WRLCK))) return -EAGAIN;
    if (held === undefined) {
      this.leases.push({ file, type, target: null, deadline: Infinity, tell });
      return 0;
    }
    // While one is being broken to nothing, asking for more changes nothing.
    if (held.target === F_UNLCK) return type === F_RDLCK ? 0 : -EAGAIN;
    held.type = type;
    if (type === held.target) held.target = null;
    this.waitQueue.wake(EPOLLIN);
    return 0;
  }

  remove(file: FileDescription): void {
    const before = this.leases.length;
    this.leases = this.leases.filter((l) => l.file !== file);
    if (this.leases.length !== before) this.waitQueue.wake(EPOLLIN);
  }

  /** Somebody opens the file, or cuts it: holders in the way are told. 0 when nobody is (any more), else -EWOULDBLOCK. */
  breakFor(writes: boolean, nowMs: number): number {
    let waits = false;
    for (const lease of [...this.leases]) {
      if (!writes && lease.type === F_RDLCK) continue;
      const target = writes ? F_UNLCK : F_RDLCK;
      if (lease.target === null) {
        lease.target = target;
        lease.deadline = nowMs + LEASE_BREAK_MS;
        lease.tell();
      } else if (nowMs >= lease.deadline) {
        this.force(lease);
        continue;
      } else if (target === F_UNLCK) lease.target = target;
      waits = true;
    }
    return waits ? -EWOULDBLOCK : 0;
  }

  private force(lease: Lease): void {
    if (lease.target === F_UNLCK) this.remove(lease.file);
    else {
      lease.type = lease.target!;
      lease.target = null;
      this.waitQueue.wake(EPOLLIN);
    }
  }
}

/** breakFor on an inode, which mostly has no leases. */
export function breakLeases(inode: Inode, writes: boolean): number {
  return inode.leases === null ? 0 : inode.leases.breakFor(writes, inode.fs.env.ticks());
}
