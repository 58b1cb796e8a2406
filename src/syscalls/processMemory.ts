import { EBADF, EFAULT, EINVAL, ENOENT, EPERM, ESRCH } from '../abi/linux/errno.ts';
import { getU32 } from '../abi/layout.ts';
import { EpollFile } from '../fs/anon/epollFile.ts';
import { mayInspect } from '../fs/procfs/pidDir.ts';
import type { Task } from '../kernel/task/task.ts';
import type { SyscallRow } from './row.ts';

const IOV_MAX = 1024;

interface Piece {
  base: number;
  length: number;
}

function vector(t: Task, ptr: number, count: number): Piece[] | number {
  if (count > IOV_MAX) return -EINVAL;
  const { iovec } = t.abi;
  const buf = t.memory.readable(ptr, count * iovec.size);
  if (buf === null) return -EFAULT;
  for (let i = 0; i < count; i++) if (iovec.read(buf, i * iovec.size).iov_len >= 2 ** (8 * t.abi.longBytes - 1)) return -EINVAL;
  return Array.from({ length: count }, (_, i) => {
    const { iov_base, iov_len } = iovec.read(buf, i * iovec.size);
    return { base: iov_base, length: iov_len };
  });
}

/** process_vm_readv and process_vm_writev: as much as can be moved, in order; bytes or -errno. */
const transfer = (write: boolean) => (t: Task, pid: number, localPtr: number, localCount: number, remotePtr: number, remoteCount: number, flags: number): number => {
  if (flags !== 0) return -EINVAL;
  const local = vector(t, localPtr, localCount);
  if (typeof local === 'number') return local;
  const remote = vector(t, remotePtr, remoteCount);
  if (typeof remote === 'number') return remote;
  const target = t.kernel.pids.tasks.get(pid);
  if (target === undefined || target.state === 'dead') return -ESRCH;
  if (mayInspect(t, target) < 0) return -EPERM;
  let done = 0;
  let l = 0;
  let r = 0;
  while (l < local.length && r < remote.length) {
    const here = local[l]!;
    const there = remote[r]!;
    const length = Math.min(here.length, there.length);
    if (length > 0) {
      const theirs = write ? target.memory.writablePrefix(there.base, length) : target.memory.readablePrefix(there.base, length);
      if (theirs === null) return done > 0 ? done : -EFAULT;
      const ours = write ? t.memory.readablePrefix(here.base, theirs.length) : t.memory.writablePrefix(here.base, theirs.length);
      if (ours === null) return done > 0 ? done : -EFAULT;
      const n = Math.min(ours.length, theirs.length);
      if (write) theirs.set(ours.subarray(0, n));
      else ours.set(theirs.subarray(0, n));
      done += n;
      if (n < length) return done;
    }
    here.base += length;
    here.length -= length;
    there.base += length;
    there.length -= length;
    if (here.length === 0) l++;
    if (there.length === 0) r++;
  }
  return done;
};

const Kcmp = { FILE: 0, VM: 1, FILES: 2, FS: 3, SIGHAND: 4, IO: 5, SYSVSEM: 6, EPOLL_TFD: 7 } as const;

const order = new WeakMap<object, number>();
let nextOrder = 1;
/** Objects in the order they were first compared: an order without a meaning, as kcmp's is. */
function rank(o: object): number {
  let n = order.get(o);
  if (n === undefined) order.set(o, (n = nextOrder++));
  return n;
}
const compare = (a: object, b: object): number => (a === b ? 0 : rank(a) < rank(b) ? 1 : 2);

/** struct kcmp_epoll_slot: a file that an epoll watches. */
function compareEpoll(t: Task, a: Task, b: Task, fd: number, ptr: number): number {
  const slot = t.memory.readable(ptr, 12);
  if (slot === null) return -EFAULT;
  const [efd, tfd, nth] = [getU32(slot, 0), getU32(slot, 4), getU32(slot, 8)];
  const file = a.fds.get(fd), epoll = b.fds.get(efd);
  if (file === null || epoll === null) return -EBADF;
  if (!(epoll instanceof EpollFile)) return -EINVAL;
  const watched = epoll.watched(tfd, nth);
  return watched === null ? -ENOENT : compare(file, watched);
}

function sysKcmp(t: Task, pid1: number, pid2: number, type: number, index1: number, index2: number): number {
  const a = t.kernel.pids.tasks.get(pid1);
  const b = t.kernel.pids.tasks.get(pid2);
  if (a === undefined || b === undefined) return -ESRCH;
  if (mayInspect(t, a) < 0 || mayInspect(t, b) < 0) return -EPERM;
  switch (type) {
    case Kcmp.FILE: {
      const x = a.fds.get(index1);
      const y = b.fds.get(index2);
      return x === null || y === null ? -EBADF : compare(x, y);
    }
    case Kcmp.VM: return compare(a.mm, b.mm);
    case Kcmp.FILES: return compare(a.fds, b.fds);
    case Kcmp.FS: return compare(a.fs, b.fs);
    case Kcmp.SIGHAND: return compare(a.handlers, b.handlers);
    case Kcmp.IO: return 0;
    // Only who has asked for SEM_UNDO has a list.
    case Kcmp.SYSVSEM: return !a.process.hasSemUndo && !b.process.hasSemUndo ? 0 : compare(a.process, b.process);
    case Kcmp.EPOLL_TFD: return compareEpoll(t, a, b, index1, index2);
    default: return -EINVAL;
  }
}

export const processMemoryRows: readonly SyscallRow[] = [
  { name: 'process_vm_readv', x86_64: 310, i386: 347, args: ['pid', 'iovec', 'ulong', 'iovec', 'ulong', 'ulong'], ret: 'ssize', handler: transfer(false) },
  { name: 'process_vm_writev', x86_64: 311, i386: 348, args: ['pid', 'iovec', 'ulong', 'iovec', 'ulong', 'ulong'], ret: 'ssize', handler: transfer(true) },
  { name: 'kcmp', x86_64: 312, i386: 349, args: ['pid', 'pid', 'int', 'ulong', 'ulong'], ret: 'int', handler: sysKcmp },
];
