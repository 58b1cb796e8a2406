import { EBADF, EINVAL } from '../abi/linux/errno.ts';
import { SFD_CLOEXEC, SFD_NONBLOCK } from '../abi/linux/signal.ts';
import { SignalFile } from '../fs/anon/signalFile.ts';
import type { Task } from '../kernel/task/task.ts';
import { fileOf } from './fileArgs.ts';
import { installFile } from './install.ts';
import type { SyscallRow } from './row.ts';
import { readMask } from './sigmask.ts';

function sysSignalfd4(t: Task, fd: number, maskPtr: number, size: number, flags: number): number {
  const mask = readMask(t, maskPtr, size);
  if (typeof mask === 'number') return mask;
  if ((flags & ~(SFD_CLOEXEC | SFD_NONBLOCK)) !== 0) return -EINVAL;
  if (fd === -1) return installFile(t, new SignalFile(t, mask, flags & SFD_NONBLOCK), (flags & SFD_CLOEXEC) !== 0);
  const file = fileOf(t, fd);
  if (file === null) return -EBADF;
  if (!(file instanceof SignalFile)) return -EINVAL;
  file.setMask(mask);
  return fd;
}

export const signalfdRows: readonly SyscallRow[] = [
  { name: 'signalfd', x86_64: 282, i386: 321, args: ['fd', 'sigsetIn', 'size'], ret: 'fd', handler: (t, fd, mask, size) => sysSignalfd4(t, fd, mask, size, 0) },
  { name: 'signalfd4', x86_64: 289, i386: 327, args: ['fd', 'sigsetIn', 'size', 'hex'], ret: 'fd', handler: sysSignalfd4 },
];
