import {
  F_ADD_SEALS, F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_GETFL, F_GETLEASE, F_GETLK, F_GETLK64, F_GETOWN, F_GETOWN_EX, F_GETPIPE_SZ, F_GETSIG,
  F_GET_RW_HINT, F_GET_SEALS, F_NOTIFY, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW, F_SETFD, F_SETFL, F_SETLEASE, F_SETLK, F_SETLK64, F_SETLKW, F_SETLKW64, F_SETOWN,
  F_SETOWN_EX, F_SETPIPE_SZ, F_SETSIG, F_SET_RW_HINT,
} from '../abi/linux/fcntl.ts';
import { EACCES, EAGAIN, EBADF, EFAULT, EINVAL, EMFILE, EOVERFLOW, EPERM, ESRCH, EWOULDBLOCK } from '../abi/linux/errno.ts';
import { O_APPEND, O_ASYNC, O_DIRECT, O_NOATIME, O_NONBLOCK, O_PATH } from '../abi/linux/openFlags.ts';
import { EPOLLIN, EPOLLMSG, EPOLLRDNORM } from '../abi/linux/poll.ts';
import { S_IFREG } from '../abi/linux/fileMode.ts';
import type { Layout } from '../abi/layout.ts';
import { PipeFile } from '../fs/pipefs/pipeFile.ts';
import { TmpRegular } from '../fs/tmpfs/tmpRegular.ts';
import { Rlimit } from '../kernel/fd/rlimits.ts';
import type { Task } from '../kernel/task/task.ts';
import { Cap } from '../vfs/cred.ts';
import type { FileDescription } from '../vfs/fileDescription.ts';
import { LeaseTable } from '../vfs/lease.ts';
import { F_RDLCK, F_UNLCK, F_WRLCK, LOCK_TO_EOF, LockTable } from '../vfs/locks.ts';
import { ownerOrCapable } from '../vfs/permission.ts';
import { OWNER_GROUP, OWNER_PROCESS, OWNER_TASK } from '../kernel/signal/fileOwner.ts';
import { changeFlags, tellOwner } from './asyncIo.ts';
import { notifyDirectory } from './dnotify.ts';
import { fileOf } from './fileArgs.ts';
import { PARKED, type SyscallRow } from './row.ts';

const FD_CLOEXEC = 1;
const F_DUPFD_QUERY = 1027;
const F_CREATED_QUERY = 1028;
const RWH_WRITE_LIFE_EXTREME = 5;
const CHANGEABLE = O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME;
const OFFSET_MAX_32 = 0x7fffffff;

type FlockLayout = Layout<'l_type' | 'l_whence' | 'l_start' | 'l_len' | 'l_pid'>;
type Command = (t: Task, file: FileDescription, fd: number, arg: number) => number;

// ---- record locks ----

interface Wanted {
  type: number;
  start: number;
  /** Exclusive; LOCK_TO_EOF. */
  end: number;
  pid: number;
}

/** struct flock as a range of bytes; -errno. */
function readFlock(t: Task, file: FileDescription, ptr: number, layout: FlockLayout): Wanted | number {
  const buf = t.memory.readable(ptr, layout.size);
  if (buf === null) return -EFAULT;
  const { l_type, l_whence, l_start, l_len, l_pid } = layout.read(buf);
  let start: number;
  switch (l_whence) {
    case 0: start = l_start; break;
    case 1: start = file.pos + l_start; break;
    case 2: start = file.inode.stat().size + l_start; break;
    default: return -EINVAL;
  }
  let end = l_len === 0 ? LOCK_TO_EOF : start + l_len;
  if (l_len < 0) {
    end = start;
    start += l_len;
  }
  if (start < 0) return -EINVAL;
  if (l_len > 0 && end > 2 ** 63) return -EOVERFLOW;
  if (l_type !== F_RDLCK && l_type !== F_WRLCK && l_type !== F_UNLCK) return -EINVAL;
  return { type: l_type, start, end, pid: l_pid };
}

function locksOf(file: FileDescription): LockTable {
  return (file.inode.locks ??= new LockTable());
}

function getLock(t: Task, file: FileDescription, ptr: number, layout: FlockLayout, ofd: boolean): number {
  const wanted = readFlock(t, file, ptr, layout);
  if (typeof wanted === 'number') return wanted;
  if (wanted.type === F_UNLCK && !ofd) return -EINVAL;
  if (ofd && wanted.pid !== 0) return -EINVAL;
  const found = file.inode.locks?.conflict(ofd ? file : t.fds, wanted.type, wanted.start, wanted.end) ?? null;
  const buf = t.memory.writable(ptr, layout.size);
  if (buf === null) return -EFAULT;
  if (found === null) {
    layout.update(buf, { l_type: F_UNLCK });
    return 0;
  }
  const length = found.end === LOCK_TO_EOF ? 0 : found.end - found.start;
  if (layout.sizeOf('l_start') === 4 && (found.start > OFFSET_MAX_32 || length > OFFSET_MAX_32)) return -EOVERFLOW;
  layout.update(buf, { l_type: found.type, l_whence: 0, l_start: found.start, l_len: length, l_pid: found.pid < 0 ? found.pid : t.pidNs.out(found.pid) });
  return 0;
}

function setLock(t: Task, file: FileDescription, ptr: number, layout: FlockLayout, ofd: boolean, waits: boolean): number {
  const wanted = readFlock(t, file, ptr, layout);
  if (typeof wanted === 'number') return wanted;
  if ((wanted.type === F_RDLCK && !file.readable) || (wanted.type === F_WRLCK && !file.writable)) return -EBADF;
  if (ofd && wanted.pid !== 0) return -EINVAL;
  if (wanted.type === F_UNLCK && file.inode.locks === null) return 0;
  const table = locksOf(file);
  const owner: object = ofd ? file : t.fds;
  const pid = ofd ? -1 : t.tgid;
  const attempt = (): number => table.setRecord(owner, pid, wanted.type, wanted.start, wanted.end);
  const first = attempt();
  if (first !== -EAGAIN || !waits) return first;
  const deadlock = ofd ? 0 : table.startWaiting(owner, wanted.type, wanted.start, wanted.end);
  if (deadlock < 0) return deadlock;
  file.acquire();
  return t.block({
    queues: [table.waitQueue],
    retry: () => {
      const result = attempt();
      if (result !== -EAGAIN) return result;
      if (ofd) return PARKED;
      const cycle = table.startWaiting(owner, wanted.type, wanted.start, wanted.end);
      return cycle < 0 ? cycle : PARKED;
    },
    cleanup: () => {
      table.stopWaiting(owner);
      file.release();
    },
  });
}

// ---- flock ----

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;
const LOCK_MAND = 32;

function sysFlock(t: Task, fd: number, op: number): number {
  if ((op & LOCK_MAND) !== 0) return 0;
  const kind = op & ~LOCK_NB;
  const type = kind === LOCK_SH ? F_RDLCK : kind === LOCK_EX ? F_WRLCK : kind === LOCK_UN ? F_UNLCK : -1;
  if (type < 0) return -EINVAL;
  const file = fileOf(t, fd);
  if (file === null) return -EBADF;
  if (type !== F_UNLCK && !file.readable && !file.writable) return -EBADF;
  const table = locksOf(file);
  const first = table.flock(file, type);
  if (first !== -EAGAIN || (op & LOCK_NB) !== 0) return first === -EAGAIN ? -EWOULDBLOCK : first;
  file.acquire();
  return t.block({
    queues: [table.waitQueue],
    retry: () => {
      const result = table.flock(file, type);
      return result === -EAGAIN ? PARKED : result;
    },
    cleanup: () => file.release(),
  });
}

// ---- descriptor and status flags ----

function duplicate(t: Task, file: FileDescription, from: number, cloexec: boolean): number {
  const limit = t.rlimits.cur[Rlimit.NOFILE]!;
  if (from < 0 || from >= limit) return -EINVAL;
  const fd = t.fds.install(file.acquire(), cloexec, limit, from);
  if (fd < 0) {
    file.release();
    return -EMFILE;
  }
  return fd;
}

function setStatusFlags(t: Task, file: FileDescription, fd: number, arg: number): number {
  if ((file.flags & O_APPEND) !== 0 && (arg & O_APPEND) === 0 && (file.inode.flags & 0x20) !== 0) return -EPERM;
  if ((arg & O_NOATIME) !== 0 && (file.flags & O_NOATIME) === 0 && !ownerOrCapable(file.inode.stat(), t.cred)) return -EPERM;
  if ((arg & O_DIRECT) !== 0 && !file.canBeDirect) return -EINVAL;
  return changeFlags(t, file, fd, (file.flags & ~CHANGEABLE) | (arg & CHANGEABLE), false);
}

// ---- owner of SIGIO ----

function setOwnerEx(t: Task, file: FileDescription, arg: number): number {
  const { fOwnerEx } = t.abi;
  const buf = t.memory.readable(arg, fOwnerEx.size);
  if (buf === null) return -EFAULT;
  const { type, pid } = fOwnerEx.read(buf);
  if (type !== OWNER_TASK && type !== OWNER_PROCESS && type !== OWNER_GROUP) return -EINVAL;
  const { tasks, processes, groups, sessions } = t.kernel.pids, id = t.pidNs.inArgument(pid);
  const known = tasks.has(id) || processes.has(id) || groups.has(id) || sessions.has(id);
  if (id !== 0 && !known) return -ESRCH;
  file.owner = { type, id };
  return 0;
}
function getOwnerEx(t: Task, file: FileDescription, arg: number): number {
  const { fOwnerEx } = t.abi;
  const buf = t.memory.writable(arg, fOwnerEx.size);
  if (buf === null) return -EFAULT;
  fOwnerEx.write(buf, { type: file.owner.id === 0 ? OWNER_TASK : file.owner.type, pid: t.pidNs.out(file.owner.id) });
  return 0;
}
function setOwner(t: Task, file: FileDescription, arg: number): number {
  if ((arg | 0) === -0x80000000) return -EINVAL;
  const id = t.pidNs.inArgument(arg | 0);
  if (id < 0) {
    if (!t.kernel.pids.groups.has(-id)) return -ESRCH;
    file.owner = { type: OWNER_GROUP, id: -id };
  } else {
    if (id !== 0 && !t.kernel.pids.processes.has(id)) return -ESRCH;
    file.owner = { type: OWNER_PROCESS, id };
  }
  return 0;
}

// ---- leases, seals, pipes ----

const POLL_MSG = 3;
const LEASE_BAND = EPOLLIN | EPOLLRDNORM | EPOLLMSG;

function setLease(t: Task, file: FileDescription, fd: number, arg: number): number {
  const { inode } = file;
  const type = arg | 0;
  if (type !== F_RDLCK && type !== F_WRLCK && type !== F_UNLCK) return -EINVAL;
  if (t.cred.fsuid !== inode.stat().uid && !t.cred.has(Cap.LEASE)) return -EACCES;
  if (inode.type !== S_IFREG) return -EINVAL;
  if (type === F_UNLCK && inode.leases === null) return -EAGAIN;
  inode.leases ??= new LeaseTable();
  const { kernel } = t;
  const result = inode.leases.set(file, type, inode, () => tellOwner(kernel, file, fd, POLL_MSG, LEASE_BAND));
  if (result < 0) return result;
  if (type === F_UNLCK) {
    // lease_modify forgets whom it told, and how.
    file.owner = { type: 0, id: 0 };
    file.signal = 0;
  } else if (file.owner.id === 0) file.owner = { type: OWNER_PROCESS, id: t.tgid };
  return 0;
}

function sealable(file: FileDescription): TmpRegular | null {
  return file.inode instanceof TmpRegular ? file.inode : null;
}

const commands: Readonly<Record<number, Command>> = {
  [F_DUPFD]: (t, file, _fd, arg) => duplicate(t, file, arg | 0, false),
  [F_DUPFD_CLOEXEC]: (t, file, _fd, arg) => duplicate(t, file, arg | 0, true),
  [F_GETFD]: (t, _file, fd) => (t.fds.isCloexec(fd) ? FD_CLOEXEC : 0),
  [F_SETFD]: (t, _file, fd, arg) => {
    t.fds.setCloexec(fd, (arg & FD_CLOEXEC) !== 0);
    return 0;
  },
  [F_GETFL]: (_t, file) => file.flags,
  [F_SETFL]: (t, file, fd, arg) => setStatusFlags(t, file, fd, arg),
  [F_GETLK]: (t, file, _fd, arg) => getLock(t, file, arg, t.abi.flock, false),
  [F_SETLK]: (t, file, _fd, arg) => setLock(t, file, arg, t.abi.flock, false, false),
  [F_SETLKW]: (t, file, _fd, arg) => setLock(t, file, arg, t.abi.flock, false, true),
  [F_OFD_GETLK]: (t, file, _fd, arg) => getLock(t, file, arg, t.abi.flock64, true),
  [F_OFD_SETLK]: (t, file, _fd, arg) => setLock(t, file, arg, t.abi.flock64, true, false),
  [F_OFD_SETLKW]: (t, file, _fd, arg) => setLock(t, file, arg, t.abi.flock64, true, true),
  [F_SETOWN]: (t, file, _fd, arg) => setOwner(t, file, arg),
  [F_GETOWN]: (t, file) => (file.owner.type === OWNER_GROUP ? -t.pidNs.out(file.owner.id) : t.pidNs.out(file.owner.id)),
  [F_SETOWN_EX]: (t, file, _fd, arg) => setOwnerEx(t, file, arg),
  [F_GETOWN_EX]: (t, file, _fd, arg) => getOwnerEx(t, file, arg),
  [F_SETSIG]: (_t, file, _fd, arg) => {
    if (arg < 0 || arg > 64) return -EINVAL;
    file.signal = arg;
    return 0;
  },
  [F_GETSIG]: (_t, file) => file.signal,
  [F_SETLEASE]: (t, file, fd, arg) => setLease(t, file, fd, arg),
  [F_GETLEASE]: (_t, file) => file.inode.leases?.typeOf(file) ?? F_UNLCK,
  [F_NOTIFY]: (t, file, fd, arg) => notifyDirectory(t, file, fd, arg | 0),
  [F_SETPIPE_SZ]: (_t, file, _fd, arg) => (file instanceof PipeFile ? file.resize(arg >>> 0) : -EBADF),
  [F_GETPIPE_SZ]: (_t, file) => (file instanceof PipeFile ? file.pipe.capacity : -EBADF),
  [F_GET_RW_HINT]: (t, file, _fd, arg) => (t.memory.setU64(arg, file.inode.writeHint) ? 0 : -EFAULT),
  [F_SET_RW_HINT]: (t, file, _fd, arg) => {
    if (!ownerOrCapable(file.inode.stat(), t.cred)) return -EPERM;
    const hint = t.memory.u64(arg);
    if (hint === null) return -EFAULT;
    if (hint > RWH_WRITE_LIFE_EXTREME) return -EINVAL;
    file.inode.writeHint = hint;
    return 0;
  },
  [F_DUPFD_QUERY]: (t, file, _fd, arg) => {
    const other = t.fds.get(arg | 0);
    return other === null ? -EBADF : Number(other === file);
  },
  [F_CREATED_QUERY]: (_t, file) => Number(file.wasCreated),
  [F_ADD_SEALS]: (_t, file, _fd, arg) => {
    if (!file.writable) return -EPERM;
    return sealable(file)?.addSeals(arg >>> 0) ?? -EINVAL;
  },
  [F_GET_SEALS]: (_t, file) => sealable(file)?.seals ?? -EINVAL,
};

/** The large-file lock commands, which only i386 has (in both of its calls). */
const commands64: Readonly<Record<number, Command>> = {
  [F_GETLK64]: (t, file, _fd, arg) => getLock(t, file, arg, t.abi.flock64, false),
  [F_SETLK64]: (t, file, _fd, arg) => setLock(t, file, arg, t.abi.flock64, false, false),
  [F_SETLKW64]: (t, file, _fd, arg) => setLock(t, file, arg, t.abi.flock64, false, true),
};

/** What may be asked of an O_PATH descriptor. */
const PATH_COMMANDS = new Set<number>([F_DUPFD, F_DUPFD_CLOEXEC, F_DUPFD_QUERY, F_CREATED_QUERY, F_GETFD, F_SETFD, F_GETFL]);

function fcntl(t: Task, fd: number, cmd: number, arg: number, table64: boolean): number {
  const file = t.fds.get(fd);
  if (file === null || ((file.flags & O_PATH) !== 0 && !PATH_COMMANDS.has(cmd))) return -EBADF;
  const command = commands[cmd] ?? (table64 ? commands64[cmd] : undefined);
  return command === undefined ? -EINVAL : command(t, file, fd, arg);
}

export const lockRows: readonly SyscallRow[] = [
  {
    name: 'fcntl', x86_64: 72, i386: -1, args: ['fd', 'fcntlCmd', 'ulong'], ret: 'int', handler: (t, fd, cmd, arg) => fcntl(t, fd, cmd, arg, false),
  },
  { name: 'fcntl', x86_64: -1, i386: 55, args: ['fd', 'fcntlCmd', 'ulong'], ret: 'int', handler: (t, fd, cmd, arg) => fcntl(t, fd, cmd, arg, true) },
  { name: 'fcntl64', x86_64: -1, i386: 221, args: ['fd', 'fcntlCmd', 'ulong'], ret: 'int', handler: (t, fd, cmd, arg) => fcntl(t, fd, cmd, arg, true) },
  { name: 'flock', x86_64: 73, i386: 143, args: ['fd', 'int'], ret: 'int', handler: sysFlock },
];
