import { EAGAIN, EBADF, EFAULT, EINVAL, EISDIR, ENOTTY, EOPNOTSUPP, EPERM, EXDEV } from '../abi/linux/errno.ts';
import {
  FIBMAP, FICLONE, FICLONERANGE, FIFREEZE, FIGETBSZ, FIOASYNC, FIOCLEX, FIONBIO, FIONCLEX, FIONREAD, FIOQSIZE, FITHAW, FS_IOC_FIEMAP,
} from '../abi/linux/ioctl.ts';
import { S_IFDIR, S_IFLNK, S_IFREG } from '../abi/linux/stat.ts';
import { O_ASYNC, O_NONBLOCK, O_PATH } from '../abi/linux/openFlags.ts';

import { PARKED } from '../kernel/task/block.ts';
import type { Task } from '../kernel/task/task.ts';
import { Cap } from '../vfs/cred.ts';
import type { FileDescription } from '../vfs/fileDescription.ts';
import { changeFlags } from './asyncIo.ts';
import type { SyscallRow } from './row.ts';

type Request = (t: Task, file: FileDescription, fd: number, arg: number) => number;

/** FIONBIO and FIOASYNC: a flag from an int. */
function flagRequest(flag: number): Request {
  return (t, file, fd, arg) => {
    const on = t.memory.i32(arg);
    if (on === null) return -EFAULT;
    return changeFlags(t, file, fd, on !== 0 ? file.flags | flag : file.flags & ~flag, flag === O_ASYNC);
  };
}

/** Requests that the VFS answers for every file (do_vfs_ioctl). */
const general: Readonly<Record<number, Request>> = {
  [FIOCLEX]: (t, _file, fd) => {
    t.fds.setCloexec(fd, true);
    return 0;
  },
  [FIONCLEX]: (t, _file, fd) => {
    t.fds.setCloexec(fd, false);
    return 0;
  },
  [FIONBIO]: flagRequest(O_NONBLOCK),
  [FIOASYNC]: flagRequest(O_ASYNC),
  [FIOQSIZE]: (t, file, _fd, arg) => {
    const { type } = file.inode;
    if (type !== S_IFREG && type !== S_IFDIR && type !== S_IFLNK) return -ENOTTY;
    return t.memory.setU64(arg, file.inode.stat().size) ? 0 : -EFAULT;
  },
  [FIFREEZE]: (t) => (t.cred.has(Cap.SYS_ADMIN) ? -EOPNOTSUPP : -EPERM),
  [FITHAW]: (t) => (t.cred.has(Cap.SYS_ADMIN) ? -EINVAL : -EPERM),
  [FIGETBSZ]: (t, file, _fd, arg) => (t.memory.setU32(arg, file.inode.stat().blksize) ? 0 : -EFAULT),
  [FS_IOC_FIEMAP]: () => -EOPNOTSUPP,
  [FICLONE]: clone,
  [FICLONERANGE]: (t, file, fd, arg) => {
    const { fileCloneRange } = t.abi;
    const buf = t.memory.readable(arg, fileCloneRange.size);
    return buf === null ? -EFAULT : clone(t, file, fd, fileCloneRange.get(buf, 'src_fd'));
  },
};

/** No file system here shares blocks: the checks of ioctl_ficlone(2), then EOPNOTSUPP. */
function clone(t: Task, file: FileDescription, _fd: number, sourceFd: number): number {
  const source = t.fds.get(sourceFd | 0);
  if (source === null) return -EBADF;
  if (source.path.mount !== file.path.mount) return -EXDEV;
  if (source.inode.type === S_IFDIR || file.inode.type === S_IFDIR) return -EISDIR;
  if (source.inode.type !== S_IFREG || file.inode.type !== S_IFREG) return -EINVAL;
  if (!source.readable || !file.writable) return -EBADF;
  return -EOPNOTSUPP;
}

/** Requests that regular files have besides. */
const regular: Readonly<Record<number, Request>> = {
  [FIONREAD]: (t, file, _fd, arg) => (t.memory.setU32(arg, Math.max(0, file.inode.stat().size - file.pos)) ? 0 : -EFAULT),
  [FIBMAP]: (t) => (t.cred.has(Cap.SYS_RAWIO) ? -EINVAL : -EPERM),
};

function sysIoctl(t: Task, fd: number, cmd: number, arg: number): number {
  const file = t.fds.get(fd);
  if (file === null || (file.flags & O_PATH) !== 0) return -EBADF;
  const own = general[cmd] ?? (file.inode.type === S_IFREG ? regular[cmd] : undefined);
  if (own !== undefined) return own(t, file, fd, arg);
  const result = file.ioctl(t, cmd, arg);
  if (result !== -EAGAIN || file.waitQueue === null) return result;
  // A terminal that must send what it has first (tcdrain, TCSETSW).
  return t.block({
    queues: [file.waitQueue],
    retry: () => {
      const again = file.ioctl(t, cmd, arg);
      return again === -EAGAIN ? PARKED : again;
    },
  });
}

export const ioctlRows: readonly SyscallRow[] = [
  { name: 'ioctl', x86_64: 16, i386: 54, args: ['fd', 'ioctlCmd', 'ptr'], ret: 'int', handler: sysIoctl },
];
