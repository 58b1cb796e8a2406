import { EEXIST, EINVAL, ELOOP, ENOENT, EPERM } from '../../abi/linux/errno.ts';
import { EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD } from '../../abi/linux/epoll.ts';
import { EPOLLERR, EPOLLET, EPOLLEXCLUSIVE, EPOLLHUP, EPOLLIN, EPOLLONESHOT, EPOLLOUT, EPOLLRDNORM, EPOLLWAKEUP } from '../../abi/linux/poll.ts';
import { O_RDWR } from '../../abi/linux/openFlags.ts';
import { FileDescription, type FileCaller } from '../../vfs/fileDescription.ts';
import { type Waiter, WaitQueue } from '../../vfs/waitQueue.ts';
import { anonPath } from './anonFs.ts';

/** Bits of a registration that are not readiness. */
const PRIVATE = (EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE) >>> 0;
const EXCLUSIVE_OK = (EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE) >>> 0;
/** Epolls watching epolls watching ...: Linux's EP_MAX_NESTS. */
const MAX_NESTS = 4;

/** Registration of one (descriptor, file) pair. */
class Item implements Waiter {
  readonly owner: EpollFile;
  readonly fd: number;
  readonly file: FileDescription;
  events: number;
  dataLo: number;
  dataHi: number;

  constructor(owner: EpollFile, fd: number, file: FileDescription, events: number, dataLo: number, dataHi: number) {
    this.owner = owner;
    this.fd = fd;
    this.file = file;
    this.events = events;
    this.dataLo = dataLo;
    this.dataHi = dataHi;
  }

  get wants(): number {
    return (this.events & ~PRIVATE) === 0 ? 0 : this.events;
  }

  onWake(events: number): void {
    if ((this.events & ~PRIVATE) === 0) return;
    if (events !== 0 && (events & (this.events | EPOLLERR | EPOLLHUP)) === 0) return;
    this.owner.becameReady(this);
  }

  /** What is ready of what is wanted. */
  poll(t: FileCaller | null): number {
    return t === null ? this.file.poll() & this.events : this.file.poll(t) & this.events;
  }
}

export interface EpollResult {
  events: number;
  dataLo: number;
  dataHi: number;
}

/** epoll(7). */
export class EpollFile extends FileDescription {
  override readonly waitQueue = new WaitQueue();
  private readonly items = new Map<number, Item[]>();

  /** The `nth` file that is watched under descriptor `fd` (kcmp). */
  watched(fd: number, nth: number): FileDescription | null {
    return this.items.get(fd)?.[nth]?.file ?? null;
  }
  /** Items that may be ready, oldest first. */
  private ready = new Set<Item>();

  constructor(t: FileCaller) {
    super(anonPath(t, '[eventpoll]'), O_RDWR, t.cred);
  }

  /** Items of `fd`, less those whose file has been closed since. */
  private find(fd: number, file: FileDescription): Item | undefined {
    for (const item of this.items.get(fd) ?? []) if (item.file === file) return item;
    return undefined;
  }

  private forget(item: Item): void {
    item.file.waitQueue?.remove(item);
    this.ready.delete(item);
    const rest = (this.items.get(item.fd) ?? []).filter((other) => other !== item);
    if (rest.length > 0) this.items.set(item.fd, rest);
    else this.items.delete(item.fd);
  }

  /** Of descriptor `fd`, or of all. */
  private dropClosed(fd = -1): void {
    const lists = fd >= 0 ? [this.items.get(fd) ?? []] : [...this.items.values()];
    for (const list of lists) for (const item of list) if (!item.file.open) this.forget(item);
  }

  /** epoll_ctl(2) on a file that is open as `fd`. 0 or -errno. */
  control(op: number, fd: number, file: FileDescription, events: number, dataLo: number, dataHi: number, t: FileCaller): number {
    if (file.waitQueue === null) return -EPERM;
    if (file === this) return -EINVAL;
    events >>>= 0;
    if ((events & EPOLLEXCLUSIVE) !== 0 && op !== EPOLL_CTL_DEL) {
      if (op === EPOLL_CTL_MOD) return -EINVAL;
      if (op === EPOLL_CTL_ADD && (file instanceof EpollFile || (events & ~EXCLUSIVE_OK) !== 0)) return -EINVAL;
    }
    this.dropClosed(fd);
    const item = this.find(fd, file);
    switch (op) {
      case EPOLL_CTL_ADD: {
        if (file instanceof EpollFile) {
          if (file.watches(this) || file.depth() + 1 > MAX_NESTS) return -ELOOP;
        }
        if (item !== undefined) return -EEXIST;
        const added = new Item(this, fd, file, (events | EPOLLERR | EPOLLHUP) >>> 0, dataLo, dataHi);
        this.items.set(fd, [...(this.items.get(fd) ?? []), added]);
        file.waitQueue.addFirst(added);
        if (added.poll(t) !== 0) this.becameReady(added);
        return 0;
      }
      case EPOLL_CTL_DEL:
        if (item === undefined) return -ENOENT;
        this.forget(item);
        return 0;
      case EPOLL_CTL_MOD:
        if (item === undefined) return -ENOENT;
        if ((item.events & EPOLLEXCLUSIVE) !== 0) return -EINVAL;
        if (((events | EPOLLERR | EPOLLHUP) & ~item.wants) !== 0) file.waitQueue.reconsider();
        item.events = (events | EPOLLERR | EPOLLHUP) >>> 0;
        item.dataLo = dataLo;
        item.dataHi = dataHi;
        this.ready.delete(item);
        if (item.poll(t) !== 0) this.becameReady(item);
        return 0;
      default:
        return -EINVAL;
    }
  }

  /** Whether `other` is among what this epoll watches, at any depth. */
  private watches(other: EpollFile): boolean {
    for (const list of this.items.values()) {
      for (const { file } of list) if (file.open && (file === other || (file instanceof EpollFile && file.watches(other)))) return true;
    }
    return false;
  }

  private depth(): number {
    let depth = 0;
    for (const list of this.items.values()) for (const { file } of list) if (file instanceof EpollFile && file.open) depth = Math.max(depth, file.depth() + 1);
    return depth;
  }

  becameReady(item: Item): void {
    this.ready.add(item);
    this.waitQueue.wake(EPOLLIN | EPOLLRDNORM);
  }

  /** Takes up to `max` events; those that stay ready (level-triggered) go to the end of the queue. */
  collect(max: number, t: FileCaller): EpollResult[] {
    const results: EpollResult[] = [];
    const again: Item[] = [], readable = new Set<FileDescription>();
    let left = this.ready.size;
    for (const item of this.ready) {
      // Those that become ready meanwhile come behind.
      if (results.length >= max || left-- === 0) break;
      this.ready.delete(item);
      if (!item.file.open) {
        this.forget(item);
        continue;
      }
      if ((item.events & ~PRIVATE) === 0) continue;
      const events = item.poll(t);
      if (events === 0) continue;
      results.push({ events: events >>> 0, dataLo: item.dataLo, dataHi: item.dataHi });
      if ((events & EPOLLIN) !== 0) readable.add(item.file);
      if ((item.events & EPOLLONESHOT) !== 0) item.events = (item.events & PRIVATE) >>> 0;
      else if ((item.events & EPOLLET) === 0) again.push(item);
    }
    for (const file of readable) file.waited();
    for (const item of again) this.ready.add(item);
    return results;
  }

  /** Seeking is allowed and does nothing. */
  override seek(): number {
    return this.pos;
  }

  override poll(t?: FileCaller): number {
    let left = this.ready.size;
    for (const item of this.ready) {
      if (left-- === 0) break;
      if (!item.file.open) this.forget(item);
      else if ((item.events & ~PRIVATE) !== 0 && item.poll(t ?? null) !== 0) return EPOLLIN | EPOLLRDNORM;
      else this.ready.delete(item);
    }
    return 0;
  }

  override ioctl(): number {
    return -EINVAL;
  }

  override fdinfo(): string {
    this.dropClosed();
    let text = '';
    for (const list of this.items.values()) {
      for (const item of list) {
        const data = item.dataHi === 0 ? item.dataLo.toString(16) : item.dataHi.toString(16) + item.dataLo.toString(16).padStart(8, '0');
        const { ino, dev } = item.file.inode.stat();
        text += `tfd: ${String(item.fd).padStart(8)} events: ${(item.events >>> 0).toString(16).padStart(8)} data: ${data.padStart(16)}  pos:${item.file.pos} ino:${ino.toString(16)} sdev:${dev.toString(16)}\n`;
      }
    }
    return text;
  }

  protected override close(): void {
    for (const list of [...this.items.values()]) for (const item of list) this.forget(item);
  }
}

