import { EACCES, EAGAIN, EBADF, EBUSY, EEXIST, EFAULT, EINVAL, EMFILE, EMSGSIZE, ENOENT } from '../abi/linux/errno.ts';
import { EPOLLIN, EPOLLOUT } from '../abi/linux/poll.ts';
import { O_ACCMODE, O_CLOEXEC, O_CREAT, O_EXCL, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } from '../abi/linux/openFlags.ts';
import { SI_MESGQ, SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD } from '../abi/linux/signal.ts';
import type { Abi } from '../abi/abi.ts';
import { DEFAULT_MAX_MESSAGES, DEFAULT_MESSAGE_SIZE, mqueueFs, QueueFile, type QueueInode } from '../fs/mqueue/mqueueFs.ts';
import { Rlimit } from '../kernel/fd/rlimits.ts';
import { sendToProcess } from '../kernel/signal/send.ts';
import { siginfo } from '../kernel/signal/siginfo.ts';
import { PARKED } from '../kernel/task/block.ts';
import type { Task } from '../kernel/task/task.ts';
import { Cap } from '../vfs/cred.ts';
import { inodePermission, MAY_READ, MAY_WRITE } from '../vfs/permission.ts';
import { Path } from '../vfs/path.ts';
import { Dentry } from '../vfs/dentry.ts';
import { fileOf } from './fileArgs.ts';
import { installFile } from './install.ts';
import type { Time } from './poll.ts';
import { NetlinkSocket } from '../net/netlink/netlinkSocket.ts';
import type { SyscallRow } from './row.ts';

const HARD_MSG_MAX = 65536;
const HARD_MSG_SIZE = 16 * 1024 * 1024;
const MSG_MAX = 10;
const MSGSIZE_MAX = 8192;
const PRIORITY_MAX = 32768;

const fsOf = (t: Task): ReturnType<typeof mqueueFs> => mqueueFs(t.ns.ipc, t.fs.root.mount.fs.env);

/** glibc strips the leading slash, so a name is one component. */
function nameArg(t: Task, ptr: number): string | number {
  const name = t.memory.cstring(ptr);
  if (typeof name === 'number') return name;
  if (name === '') return -ENOENT;
  if (name.length > 255) return -36;
  return name.includes('/') || name === '.' || name === '..' ? -EACCES : name;
}

function attributes(t: Task, ptr: number): { max: number; size: number } | number {
  if (ptr === 0) return { max: DEFAULT_MAX_MESSAGES, size: DEFAULT_MESSAGE_SIZE };
  const { mqAttr } = t.abi;
  const buf = t.memory.readable(ptr, mqAttr.size);
  if (buf === null) return -EFAULT;
  const { mq_maxmsg, mq_msgsize } = mqAttr.read(buf);
  const privileged = t.cred.has(Cap.SYS_RESOURCE);
  if (mq_maxmsg <= 0 || mq_msgsize <= 0) return -EINVAL;
  if (mq_maxmsg > (privileged ? HARD_MSG_MAX : MSG_MAX) || mq_msgsize > (privileged ? HARD_MSG_SIZE : MSGSIZE_MAX)) return -EINVAL;
  return { max: mq_maxmsg, size: mq_msgsize };
}

/** What the kernel counts for a queue: its messages, and two small structures for each. */
const weight = (max: number, size: number): number => max * size + 48 * max + 48 * Math.min(max, PRIORITY_MAX);

/** RLIMIT_MSGQUEUE: bytes of all queues of a user. */
function overLimit(t: Task, { max, size }: { max: number; size: number }): boolean {
  let used = weight(max, size);
  for (const queue of fsOf(t).directory.queues.values()) if (queue.stat().uid === t.cred.fsuid) used += weight(queue.maxMessages, queue.messageSize);
  return used > t.rlimits.cur[Rlimit.MSGQUEUE]!;
}

const ACCESS: readonly number[] = [MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE];

function sysMqOpen(t: Task, namePtr: number, flags: number, mode: number, attrPtr: number): number {
  // The attributes are copied in first, wanted or not.
  if (attrPtr !== 0 && t.memory.readable(attrPtr, t.abi.mqAttr.size) === null) return -EFAULT;
  const name = nameArg(t, namePtr);
  if (typeof name === 'number') return name;
  const fs = fsOf(t);
  let queue: QueueInode | number | undefined = fs.directory.queues.get(name);
  if (queue === undefined) {
    if ((flags & O_CREAT) === 0) return -ENOENT;
    const attr = attributes(t, attrPtr);
    if (typeof attr === 'number') return attr;
    if (overLimit(t, attr)) return -EMFILE;
    queue = fs.directory.create(name, { mode: mode & 0o777 & ~t.fs.umask, uid: t.cred.fsuid, gid: t.cred.fsgid }, attr.max, attr.size);
    if (typeof queue === 'number') return queue;
  } else {
    if ((flags & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL)) return -EEXIST;
    if ((flags & O_ACCMODE) === O_ACCMODE) return -EINVAL;
    const allowed = inodePermission(queue, ACCESS[flags & O_ACCMODE]!, t.cred);
    if (allowed < 0) return allowed;
  }
  const path = new Path(fs.mount, new Dentry(name, fs.root, queue));
  const file = new QueueFile(queue, path, flags & (O_RDONLY | O_WRONLY | O_RDWR | O_NONBLOCK), t.cred);
  return installFile(t, file, (flags & O_CLOEXEC) !== 0);
}

function sysMqUnlink(t: Task, namePtr: number): number {
  const name = nameArg(t, namePtr);
  if (typeof name === 'number') return name;
  const { directory } = fsOf(t);
  const queue = directory.queues.get(name);
  if (queue === undefined) return -ENOENT;
  // The directory is sticky.
  if (t.cred.fsuid !== queue.stat().uid && !t.cred.hasOver(Cap.FOWNER, queue.stat())) return -EACCES;
  return directory.unlink(name);
}

/** Deadlines are wall-clock times. A monotonic one, Infinity for none, or -errno. */
function deadlineOf(t: Task, ptr: number, layout: Time): number {
  if (ptr === 0) return Infinity;
  const buf = t.memory.readable(ptr, layout.size);
  if (buf === null) return -EFAULT;
  const { tv_sec, tv_nsec } = layout.read(buf);
  if (tv_sec < 0 || tv_nsec < 0 || tv_nsec >= 1e9) return -EINVAL;
  const wall = t.kernel.realtime();
  return Math.max(0, t.kernel.nowNs() + (tv_sec - wall.sec) * 1e9 + (tv_nsec - wall.nsec));
}

function queueOf(t: Task, fd: number): QueueFile | number {
  const file = fileOf(t, fd);
  return file instanceof QueueFile ? file : -EBADF;
}

const ETIMEDOUT = 110;

const timedSend = (layout: (abi: Abi) => Time) => (t: Task, fd: number, ptr: number, length: number, priority: number, timePtr: number): number => {
  const deadlineNs = deadlineOf(t, timePtr, layout(t.abi));
  if (deadlineNs < 0) return deadlineNs;
  if (priority >= PRIORITY_MAX) return -EINVAL;
  const file = queueOf(t, fd);
  if (typeof file === 'number' || !file.writable) return -EBADF;
  if (length > file.queue.messageSize) return -EMSGSIZE;
  const bytes = t.memory.copyIn(ptr, length);
  if (bytes === null) return -EFAULT;
  const attempt = (): number => file.queue.send(bytes, priority, { pid: t.tgid, uid: t.cred.uid });
  const first = attempt();
  if (first !== -EAGAIN || (file.flags & O_NONBLOCK) !== 0) return first;
  return t.block({
    queues: [file.waitQueue], events: EPOLLOUT, deadlineNs, onTimeout: () => -ETIMEDOUT,
    retry: () => {
      const n = attempt();
      return n === -EAGAIN ? PARKED : n;
    },
  });
};

const timedReceive = (layout: (abi: Abi) => Time) => (t: Task, fd: number, ptr: number, length: number, priorityPtr: number, timePtr: number): number => {
  const deadlineNs = deadlineOf(t, timePtr, layout(t.abi));
  if (deadlineNs < 0) return deadlineNs;
  const file = queueOf(t, fd);
  if (typeof file === 'number' || !file.readable) return -EBADF;
  const { queue } = file;
  const attempt = (): number => {
    const message = queue.take(length);
    if (typeof message === 'number') return message;
    if (!t.memory.copyOut(ptr, message.bytes)) return -EFAULT;
    if (priorityPtr !== 0 && !t.memory.setU32(priorityPtr, message.priority)) return -EFAULT;
    return message.bytes.length;
  };
  const first = attempt();
  if (first !== -EAGAIN || (file.flags & O_NONBLOCK) !== 0) return first;
  queue.waitingReaders++;
  return t.block({
    queues: [file.waitQueue], events: EPOLLIN, deadlineNs, onTimeout: () => -ETIMEDOUT,
    retry: () => {
      const n = attempt();
      return n === -EAGAIN ? PARKED : n;
    },
    cleanup: () => {
      queue.waitingReaders--;
    },
  });
};

const NOTIFY_WOKENUP = 1;
const NOTIFY_REMOVED = 2;
const NOTIFY_COOKIE_LEN = 32;

/** SIGEV_THREAD: a helper thread of the C library reads the netlink socket `fd`, from which it gets its cookie and what has happened. */
function helperThread(t: Task, fd: number, cookiePtr: number): ((what: number) => void) | number {
  const cookie = t.memory.copyIn(cookiePtr, NOTIFY_COOKIE_LEN);
  if (cookie === null) return -EFAULT;
  const socket = t.fds.get(fd);
  if (socket === null) return -EBADF;
  if (!(socket instanceof NetlinkSocket)) return -EINVAL;
  return (what) => {
    const message = cookie.slice();
    message[NOTIFY_COOKIE_LEN - 1] = what;
    socket.deliver(message);
  };
}

function sysMqNotify(t: Task, fd: number, eventPtr: number): number {
  const { sigevent } = t.abi;
  let event: { sigev_notify: number; sigev_signo: number } | null = null;
  let lo = 0;
  let hi = 0;
  let helper: ((what: number) => void) | null = null;
  if (eventPtr !== 0) {
    const buf = t.memory.readable(eventPtr, sigevent.size);
    if (buf === null) return -EFAULT;
    event = sigevent.read(buf);
    lo = sigevent.lo(buf, 'sigev_value');
    hi = sigevent.hi(buf, 'sigev_value');
    const { sigev_notify: kind, sigev_signo: signo } = event;
    if (kind !== SIGEV_NONE && kind !== SIGEV_SIGNAL && kind !== SIGEV_THREAD) return -EINVAL;
    if (kind === SIGEV_SIGNAL && (signo < 0 || signo > 64)) return -EINVAL;
    if (kind === SIGEV_THREAD) {
      const found = helperThread(t, signo, sigevent.get(buf, 'sigev_value'));
      if (typeof found === 'number') return found;
      helper = found;
    }
  }
  const file = queueOf(t, fd);
  if (typeof file === 'number') return file;
  const { queue } = file;
  if (event === null) {
    queue.dropNotice(t.tgid);
    return 0;
  }
  if (queue.notice?.alive()) return -EBUSY;
  const { process } = t;
  const { sigev_signo: signo, sigev_notify: kind } = event;
  queue.notice = {
    pid: t.tgid, kind, signo: kind === SIGEV_SIGNAL ? signo : 0,
    holds: (owner) => process.leader.fds === owner,
    alive: () => process.state === 'alive',
    removed: helper === null ? null : () => helper(NOTIFY_REMOVED),
    fire: ({ pid, uid }) => {
      helper?.(NOTIFY_WOKENUP);
      if (kind === SIGEV_SIGNAL && signo !== 0) sendToProcess(process, siginfo(signo, SI_MESGQ, { pid, uid, valueLo: lo, valueHi: hi }));
    },
  };
  return 0;
}

function sysMqGetsetattr(t: Task, fd: number, newPtr: number, oldPtr: number): number {
  const { mqAttr } = t.abi;
  let flags = -1;
  if (newPtr !== 0) {
    const buf = t.memory.readable(newPtr, mqAttr.size);
    if (buf === null) return -EFAULT;
    flags = mqAttr.get(buf, 'mq_flags');
    if ((flags & ~O_NONBLOCK) !== 0) return -EINVAL;
  }
  const file = queueOf(t, fd);
  if (typeof file === 'number') return file;
  const { queue } = file;
  const before = { mq_flags: file.flags & O_NONBLOCK, mq_maxmsg: queue.maxMessages, mq_msgsize: queue.messageSize, mq_curmsgs: queue.count };
  if (flags >= 0) file.flags = (file.flags & ~O_NONBLOCK) | flags;
  if (oldPtr === 0) return 0;
  const out = t.memory.writable(oldPtr, mqAttr.size);
  if (out === null) return -EFAULT;
  mqAttr.write(out, before);
  return 0;
}

const native = (abi: Abi): Time => abi.timespec as Time;
const time64 = (abi: Abi): Time => abi.timespec64 as Time;

export const mqueueRows: readonly SyscallRow[] = [
  { name: 'mq_open', x86_64: 240, i386: 277, args: ['str', 'openFlags', 'mode', 'ptr'], ret: 'fd', handler: sysMqOpen },
  { name: 'mq_unlink', x86_64: 241, i386: 278, args: ['str'], ret: 'int', handler: sysMqUnlink },
  { name: 'mq_timedsend', x86_64: 242, i386: 279, args: ['fd', 'bufIn', 'size', 'uint', 'timespecIn'], ret: 'int', handler: timedSend(native) },
  { name: 'mq_timedreceive', x86_64: 243, i386: 280, args: ['fd', 'bufOut', 'size', 'ptr', 'timespecIn'], ret: 'ssize', handler: timedReceive(native) },
  { name: 'mq_notify', x86_64: 244, i386: 281, args: ['fd', 'ptr'], ret: 'int', handler: sysMqNotify },
  { name: 'mq_getsetattr', x86_64: 245, i386: 282, args: ['fd', 'ptr', 'ptr'], ret: 'int', handler: sysMqGetsetattr },
  { name: 'mq_timedsend_time64', x86_64: -1, i386: 418, args: ['fd', 'bufIn', 'size', 'uint', 'timespecIn'], ret: 'int', handler: timedSend(time64) },
  { name: 'mq_timedreceive_time64', x86_64: -1, i386: 419, args: ['fd', 'bufOut', 'size', 'ptr', 'timespecIn'], ret: 'ssize', handler: timedReceive(time64) },
];
