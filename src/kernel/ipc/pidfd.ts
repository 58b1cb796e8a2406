import { EBADF } from '../../abi/linux/errno.ts';
import { O_NONBLOCK, O_RDWR } from '../../abi/linux/openFlags.ts';
import { EPOLLHUP, EPOLLIN, EPOLLRDNORM } from '../../abi/linux/poll.ts';
import type { Cred } from '../../vfs/cred.ts';
import { FileDescription } from '../../vfs/fileDescription.ts';
import type { Path } from '../../vfs/path.ts';
import type { WaitQueue } from '../../vfs/waitQueue.ts';
import { Rlimit } from '../fd/rlimits.ts';
import type { PidNamespace } from '../task/pidNamespace.ts';
import type { Process } from '../task/process.ts';
import type { Task } from '../task/task.ts';

/** pidfd_open(2): a process by descriptor. Readable when it has ended. */
export class PidFile extends FileDescription {
  readonly process: Process;
  /** PIDFD_THREAD: one thread. */
  readonly thread: Task | null;
  override readonly waitQueue: WaitQueue;

  constructor(path: Path, flags: number, cred: Cred, process: Process, thread: Task | null) {
    super(path, flags, cred);
    this.process = process;
    this.thread = thread;
    this.waitQueue = process.exitQueue;
  }

  /** pread and pwrite are not refused for want of positions (though lseek is), but because nothing can be read or written. */
  override get seekable(): boolean {
    return true;
  }
  override poll(): number {
    const ended = this.thread === null ? this.process.state !== 'alive' : this.thread.state === 'dead';
    if (!ended) return 0;
    return EPOLLIN | EPOLLRDNORM | (this.process.state === 'reaped' ? EPOLLHUP : 0);
  }
  /** Of /proc/PID/fdinfo/N: the numbers that a /proc of `shown` knows, and those in spaces below it (pidfd_show_fdinfo). */
  numbers(shown: PidNamespace): string {
    const { process } = this;
    if (process.state === 'reaped') return 'Pid:\t-1\nNSpid:\t-1\n';
    const numbers = process.pidNs.numbersFrom(shown, process.pid);
    return `Pid:\t${numbers[0] ?? 0}\nNSpid:\t${numbers.length === 0 ? 0 : numbers.join('\t')}\n`;
  }
}

/** The process id behind a descriptor, or -EBADF. */
export function pidOfFile(file: FileDescription): number {
  return file instanceof PidFile ? file.process.pid : -EBADF;
}

/** A new descriptor for a process. `place`: where anonymous files live (boot gives it). */
export function installPidfd(t: Task, place: Path, process: Process, thread: Task | null, nonblock: boolean): number {
  const file = new PidFile(place, O_RDWR | (nonblock ? O_NONBLOCK : 0), t.cred, process, thread);
  const fd = t.fds.install(file, true, t.rlimits.cur[Rlimit.NOFILE]!);
  if (fd < 0) file.release();
  return fd;
}
