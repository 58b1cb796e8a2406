import { EBADF, EINVAL, ENOTDIR } from '../abi/linux/errno.ts';
import { IN_ALL_EVENTS, IN_CLOEXEC, IN_DONT_FOLLOW, IN_EXCL_UNLINK, IN_IGNORED, IN_ISDIR, IN_MASK_ADD, IN_MASK_CREATE, IN_NONBLOCK, IN_ONESHOT, IN_ONLYDIR, IN_Q_OVERFLOW, IN_UNMOUNT } from '../abi/linux/inotify.ts';
import { InotifyFile } from '../fs/anon/inotifyFile.ts';
import type { Task } from '../kernel/task/task.ts';
import { inodePermission, MAY_READ } from '../vfs/permission.ts';
import { Walk, Walker } from '../vfs/walk.ts';
import { fileOf } from './fileArgs.ts';
import { installFile } from './install.ts';
import type { SyscallRow } from './row.ts';

/** Also those that events carry, though they mean nothing here. */
const KNOWN_BITS = IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ISDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_ADD | IN_MASK_CREATE | IN_ONESHOT | IN_ONLYDIR;
const ADD_BITS = IN_ALL_EVENTS | IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_ADD | IN_MASK_CREATE | IN_ONESHOT | IN_ONLYDIR;

function sysInotifyInit1(t: Task, flags: number): number {
  if ((flags & ~(IN_CLOEXEC | IN_NONBLOCK)) !== 0) return -EINVAL;
  return installFile(t, new InotifyFile(t, flags & IN_NONBLOCK), (flags & IN_CLOEXEC) !== 0);
}

function sysInotifyAddWatch(t: Task, fd: number, pathPtr: number, mask: number): number {
  if ((mask & ~KNOWN_BITS) !== 0 || (mask & ADD_BITS) === 0) return -EINVAL;
  const file = fileOf(t, fd);
  if (file === null) return -EBADF;
  if ((mask & IN_MASK_ADD) !== 0 && (mask & IN_MASK_CREATE) !== 0) return -EINVAL;
  if (!(file instanceof InotifyFile)) return -EINVAL;
  const name = t.memory.cstring(pathPtr);
  if (typeof name === 'number') return name;
  const walker = new Walker(t, null, ((mask & IN_DONT_FOLLOW) === 0 ? Walk.follow : 0) | ((mask & IN_ONLYDIR) !== 0 ? Walk.directory : 0));
  const walked = walker.toEnd(name);
  if (walked < 0) return walked;
  const { inode } = walker.path;
  if ((mask & IN_ONLYDIR) !== 0 && !inode.isDirectory) return -ENOTDIR;
  const allowed = inodePermission(inode, MAY_READ, t.cred);
  return allowed < 0 ? allowed : file.add(inode, mask);
}

function sysInotifyRmWatch(t: Task, fd: number, wd: number): number {
  const file = fileOf(t, fd);
  if (file === null) return -EBADF;
  return file instanceof InotifyFile ? file.remove(wd) : -EINVAL;
}

export const inotifyRows: readonly SyscallRow[] = [
  { name: 'inotify_init', x86_64: 253, i386: 291, args: [], ret: 'fd', handler: (t) => sysInotifyInit1(t, 0) },
  { name: 'inotify_init1', x86_64: 294, i386: 332, args: ['hex'], ret: 'fd', handler: sysInotifyInit1 },
  { name: 'inotify_add_watch', x86_64: 254, i386: 292, args: ['fd', 'path', 'hex'], ret: 'int', handler: sysInotifyAddWatch },
  { name: 'inotify_rm_watch', x86_64: 255, i386: 293, args: ['fd', 'int'], ret: 'int', handler: sysInotifyRmWatch },
];
