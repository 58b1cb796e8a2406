import { EINVAL } from '../abi/linux/errno.ts';
import { EFD_CLOEXEC, EFD_NONBLOCK, EFD_SEMAPHORE } from '../abi/linux/epoll.ts';
import { O_NONBLOCK, O_RDWR } from '../abi/linux/openFlags.ts';
import { EventFile } from '../fs/anon/eventFile.ts';
import type { Task } from '../kernel/task/task.ts';
import { installFile } from './install.ts';
import type { SyscallRow } from './row.ts';

function sysEventfd2(t: Task, initial: number, flags: number): number {
  if ((flags & ~(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE)) !== 0) return -EINVAL;
  return installFile(t, new EventFile(t, initial, flags, O_RDWR | (flags & O_NONBLOCK), t.kernel.channels.openCounter()), (flags & EFD_CLOEXEC) !== 0);
}

export const eventfdRows: readonly SyscallRow[] = [
  { name: 'eventfd', x86_64: 284, i386: 323, args: ['uint'], ret: 'fd', handler: (t, initial) => sysEventfd2(t, initial, 0) },
  { name: 'eventfd2', x86_64: 290, i386: 328, args: ['uint', 'hex'], ret: 'fd', handler: sysEventfd2 },
];
