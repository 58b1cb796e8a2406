import { ENOTTY } from '../abi/linux/errno.ts';
import { O_ASYNC } from '../abi/linux/openFlags.ts';
import { EPOLLIN, EPOLLOUT, EPOLLRDNORM, EPOLLWRBAND, EPOLLWRNORM } from '../abi/linux/poll.ts';
import { SIGIO } from '../abi/linux/signal.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { signalOwner } from '../kernel/signal/fileOwner.ts';
import { kernelSignal } from '../kernel/signal/send.ts';
import { siginfo } from '../kernel/signal/siginfo.ts';
import type { Task } from '../kernel/task/task.ts';
import type { FileDescription } from '../vfs/fileDescription.ts';
import type { Waiter } from '../vfs/waitQueue.ts';

const POLL_IN = 1;
const POLL_OUT = 2;

/** Signal-driven I/O: tells the owner of a file (F_SETOWN) with SIGIO, or its F_SETSIG signal, that it may have become ready. */
class AsyncNotifier implements Waiter {
  private readonly kernel: Kernel;
  private readonly file: FileDescription;
  /** The descriptor that O_ASYNC was set through: si_fd. */
  private readonly fd: number;

  constructor(kernel: Kernel, file: FileDescription, fd: number) {
    this.kernel = kernel;
    this.file = file;
    this.fd = fd;
  }

  onWake(events: number): void {
    const { file } = this;
    if (!file.open) {
      file.waitQueue?.remove(this);
      return;
    }
    if (file.readable && (events & EPOLLIN) !== 0) this.tell(POLL_IN, EPOLLIN | EPOLLRDNORM);
    else if (file.writable && (events & EPOLLOUT) !== 0) this.tell(POLL_OUT, EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
  }

  private tell(code: number, band: number): void {
    tellOwner(this.kernel, this.file, this.fd, code, band);
  }
}

/** Sends a file's owner its signal: SIGIO, or what F_SETSIG chose (only then with details). */
export function tellOwner(kernel: Kernel, file: FileDescription, fd: number, code: number, band: number): void {
  const { owner, signal } = file;
  if (owner.id === 0) return;
  const info = signal === 0 ? kernelSignal(SIGIO) : siginfo(signal, code, { band, fd });
  signalOwner(kernel, file, info);
}

const notifiers = new WeakMap<FileDescription, AsyncNotifier>();

/** Changes a description's status flags, with what O_ASYNC means. Files that tell nobody have no O_ASYNC: it is left out, or `strict` ENOTTY. */
export function changeFlags(t: Task, file: FileDescription, fd: number, flags: number, strict: boolean): number {
  const { waitQueue } = file;
  const wanted = (flags & O_ASYNC) !== 0;
  if (!file.canSignal) return wanted && strict ? -ENOTTY : file.setFlags(flags & ~O_ASYNC);
  const result = file.setFlags(flags);
  if (result < 0 || waitQueue === null) return result;
  const present = notifiers.get(file);
  if (wanted && present === undefined) {
    const notifier = new AsyncNotifier(t.kernel, file, fd);
    notifiers.set(file, notifier);
    waitQueue.add(notifier);
  } else if (!wanted && present !== undefined) {
    notifiers.delete(file);
    waitQueue.remove(present);
  }
  return 0;
}
