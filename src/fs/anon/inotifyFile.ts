import { EAGAIN, EEXIST, EFAULT, EINVAL, ENOTTY } from '../../abi/linux/errno.ts';
import { FIONREAD } from '../../abi/linux/ioctl.ts';
import {
  IN_ALL_EVENTS, IN_DELETE_SELF, IN_EXCL_UNLINK, IN_IGNORED, IN_MASK_ADD, IN_MASK_CREATE, IN_ONESHOT, IN_Q_OVERFLOW, IN_UNMOUNT,
} from '../../abi/linux/inotify.ts';
import { EPOLLIN, EPOLLRDNORM } from '../../abi/linux/poll.ts';
import { x86_64 } from '../../abi/abi.ts';
import { FileDescription, type FileCaller, RWF_HIPRI } from '../../vfs/fileDescription.ts';
import type { Inode, InodeWatch } from '../../vfs/inode.ts';
import { WaitQueue } from '../../vfs/waitQueue.ts';
import { anonPath } from './anonFs.ts';

interface Event {
  wd: number;
  mask: number;
  cookie: number;
  /** With its terminating zeros: a multiple of 16 bytes, or nothing. */
  name: string;
}

// One structure of 4-byte fields, the same on both ABIs.
const { inotifyEvent } = x86_64;
/** fs.inotify.max_queued_events */
const MAX_QUEUED = 16384;

/** One watched inode of one inotify instance. */
class Watch implements InodeWatch {
  readonly owner: InotifyFile;
  readonly wd: number;
  readonly inode: Inode;
  mask: number;

  constructor(owner: InotifyFile, wd: number, inode: Inode, mask: number) {
    this.owner = owner;
    this.wd = wd;
    this.inode = inode;
    this.mask = mask;
  }

  onEvent(mask: number, cookie: number, name: string): void {
    if ((mask & this.mask & IN_ALL_EVENTS) !== 0) {
      this.owner.queue(this.wd, mask, cookie, name);
      if ((this.mask & IN_ONESHOT) !== 0) this.owner.drop(this);
    }
    if ((mask & (IN_DELETE_SELF | IN_UNMOUNT)) !== 0) this.owner.drop(this);
  }
}

/** inotify(7). */
export class InotifyFile extends FileDescription {
  override readonly waitQueue = new WaitQueue();
  private readonly watches = new Map<number, Watch>();
  private readonly byInode = new Map<Inode, Watch>();
  private nextWd = 1;
  private events: Event[] = [];

  constructor(t: FileCaller, flags: number) {
    super(anonPath(t, 'inotify'), flags, t.cred);
  }

  /** A watch descriptor or -errno. */
  add(inode: Inode, mask: number): number {
    const kept = mask & (IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK);
    const old = this.byInode.get(inode);
    if (old !== undefined) {
      if ((mask & IN_MASK_CREATE) !== 0) return -EEXIST;
      old.mask = (mask & IN_MASK_ADD) !== 0 ? old.mask | kept : kept;
      return old.wd;
    }
    const watch = new Watch(this, this.nextWd++, inode, kept);
    this.watches.set(watch.wd, watch);
    this.byInode.set(inode, watch);
    (inode.watches ??= new Set()).add(watch);
    return watch.wd;
  }

  remove(wd: number): number {
    const watch = this.watches.get(wd);
    if (watch === undefined) return -EINVAL;
    this.drop(watch);
    return 0;
  }

  drop(watch: Watch): void {
    if (this.watches.get(watch.wd) !== watch) return;
    this.unlink(watch);
    this.queue(watch.wd, IN_IGNORED, 0, '');
  }

  private unlink(watch: Watch): void {
    this.watches.delete(watch.wd);
    this.byInode.delete(watch.inode);
    const set = watch.inode.watches;
    set?.delete(watch);
    if (set?.size === 0) watch.inode.watches = null;
  }

  queue(wd: number, mask: number, cookie: number, name: string): void {
    const padded = name === '' ? '' : name.padEnd(Math.ceil((name.length + 1) / 16) * 16, '\0');
    const last = this.events[this.events.length - 1];
    if (last !== undefined && last.wd === wd && last.mask === mask && last.cookie === cookie && last.name === padded) return;
    if (this.events.length >= MAX_QUEUED) {
      if (last!.mask !== IN_Q_OVERFLOW) this.events.push({ wd: -1, mask: IN_Q_OVERFLOW, cookie: 0, name: '' });
    } else this.events.push({ wd, mask, cookie, name: padded });
    this.waitQueue.wake(EPOLLIN | EPOLLRDNORM);
  }

  override get canSignal(): boolean {
    return true;
  }
  override get rwFlags(): number {
    return RWF_HIPRI;
  }

  override read(buf: Uint8Array): number {
    if (this.events.length === 0) return -EAGAIN;
    let at = 0;
    let taken = 0;
    for (const e of this.events) {
      const size = inotifyEvent.size + e.name.length;
      if (at + size > buf.length) break;
      inotifyEvent.write(buf, { wd: e.wd, mask: e.mask, cookie: e.cookie, len: e.name.length }, at);
      for (let i = 0; i < e.name.length; i++) buf[at + inotifyEvent.size + i] = e.name.charCodeAt(i);
      at += size;
      taken++;
    }
    if (taken === 0) return -EINVAL;
    this.events.splice(0, taken);
    return at;
  }

  /** Seeking is allowed and does nothing. */
  override seek(): number {
    return this.pos;
  }

  override poll(): number {
    return this.events.length > 0 ? EPOLLIN | EPOLLRDNORM : 0;
  }

  override ioctl(t: FileCaller, cmd: number, arg: number): number {
    if (cmd !== FIONREAD) return -ENOTTY;
    const bytes = this.events.reduce((sum, e) => sum + inotifyEvent.size + e.name.length, 0);
    return t.memory.setU32(arg, bytes) ? 0 : -EFAULT;
  }

  override fdinfo(): string {
    let text = '';
    for (const watch of [...this.watches.values()].reverse()) {
      const { ino, dev } = watch.inode.stat();
      text += `inotify wd:${watch.wd.toString(16)} ino:${ino.toString(16)} sdev:${dev.toString(16)} mask:${(watch.mask & IN_ALL_EVENTS).toString(16)} ignored_mask:0 \n`;
    }
    return text;
  }

  protected override close(): void {
    for (const watch of [...this.watches.values()]) this.unlink(watch);
  }
}
