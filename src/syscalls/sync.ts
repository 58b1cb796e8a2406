import { EBADF, EFBIG, EINVAL, EISDIR, ENODEV, EOPNOTSUPP, EPERM, ESPIPE, ETXTBSY } from '../abi/linux/errno.ts';
import { S_IFBLK, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG } from '../abi/linux/fileMode.ts';
import { SIGXFSZ } from '../abi/linux/signal.ts';
import { Rlimit } from '../kernel/fd/rlimits.ts';
import { kernelSignal, sendToTask } from '../kernel/signal/send.ts';
import type { Task } from '../kernel/task/task.ts';
import { MAX_FILE_SIZE, RegularFile } from '../vfs/inodeFile.ts';
import type { Mount } from '../vfs/mount.ts';
import { fileOf } from './fileArgs.ts';
import { writeBackInPieces } from './pieces.ts';
import type { SyscallRow } from './row.ts';

const FALLOC_KEEP_SIZE = 1;
const FALLOC_PUNCH_HOLE = 2;
const FALLOC_COLLAPSE = 8;
const FALLOC_ZERO = 16;
const FALLOC_INSERT = 32;
const FALLOC_UNSHARE = 64;
const FALLOC_KNOWN = FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE | FALLOC_COLLAPSE | FALLOC_ZERO | FALLOC_INSERT | FALLOC_UNSHARE;

function topMount(t: Task): Mount {
  let mount = t.fs.root.mount;
  while (mount.parent !== null) mount = mount.parent;
  return mount;
}

function sysSync(t: Task): number {
  const visit = (mount: Mount): void => {
    mount.fs.sync();
    mount.children.forEach(visit);
  };
  visit(topMount(t));
  return 0;
}

function sysSyncfs(t: Task, fd: number): number {
  const file = fileOf(t, fd);
  return file === null ? -EBADF : file.path.mount.fs.sync();
}

const fsync = (dataOnly: boolean) => (t: Task, fd: number): number => {
  const file = fileOf(t, fd);
  if (file === null) return -EBADF;
  if (!(file instanceof RegularFile)) return file.fsync(dataOnly);
  const { inode } = file;
  return writeBackInPieces(t, [{ file, mappings: inode.mappings, offset: 0, length: MAX_FILE_SIZE, finish: () => inode.fsync(dataOnly) }], 0);
};

function sysSyncFileRange(t: Task, fd: number, offset: number, length: number, flags: number): number {
  const file = fileOf(t, fd);
  if (file === null) return -EBADF;
  if ((flags & ~7) !== 0 || offset < 0 || length < 0) return -EINVAL;
  const { type } = file.inode;
  if (type !== S_IFREG && type !== S_IFBLK && type !== S_IFDIR && type !== S_IFLNK) return -ESPIPE;
  return flags !== 0 && file instanceof RegularFile ? file.fsync(true) : 0;
}

/** 0 or the error that vfs_fallocate gives for a mode. */
function checkMode(mode: number): number {
  const op = mode & ~FALLOC_KEEP_SIZE;
  if ((mode & ~FALLOC_KNOWN) !== 0) return -EOPNOTSUPP;
  switch (op) {
    case 0:
    case FALLOC_ZERO: return 0;
    case FALLOC_UNSHARE: return 0;
    case FALLOC_PUNCH_HOLE: return (mode & FALLOC_KEEP_SIZE) !== 0 ? 0 : -EOPNOTSUPP;
    case FALLOC_COLLAPSE:
    case FALLOC_INSERT: return (mode & FALLOC_KEEP_SIZE) !== 0 ? -EOPNOTSUPP : 0;
    default: return -EOPNOTSUPP;
  }
}

function sysFallocate(t: Task, fd: number, mode: number, offset: number, length: number): number {
  const file = fileOf(t, fd);
  if (file === null) return -EBADF;
  if (offset < 0 || length <= 0) return -EINVAL;
  const checked = checkMode(mode);
  if (checked < 0) return checked;
  if (!file.writable) return -EBADF;
  const { inode } = file;
  if ((inode.flags & 0x10) !== 0 || ((inode.flags & 0x20) !== 0 && mode !== 0 && mode !== FALLOC_KEEP_SIZE)) return -EPERM;
  if (inode.writeCount < 0) return -ETXTBSY;
  if (inode.type === S_IFIFO) return -ESPIPE;
  if (inode.type === S_IFDIR) return -EISDIR;
  if (inode.type !== S_IFREG) return -ENODEV;
  if (offset + length > MAX_FILE_SIZE) return -EFBIG;
  const limit = t.rlimits.cur[Rlimit.FSIZE]!;
  if ((mode & FALLOC_KEEP_SIZE) === 0 && offset + length > limit && offset + length > inode.stat().size) {
    sendToTask(t, kernelSignal(SIGXFSZ));
    return -EFBIG;
  }
  return file.allocate(mode, offset, length);
}

/** Advice changes nothing here: only the arguments are checked. */
function sysFadvise(t: Task, fd: number, _offset: number, length: number, advice: number): number {
  const file = fileOf(t, fd);
  if (file === null) return -EBADF;
  if (file.inode.type === S_IFIFO) return -ESPIPE;
  return length < 0 || length >= 2 ** 63 || advice < 0 || advice > 5 ? -EINVAL : 0;
}

function sysReadahead(t: Task, fd: number): number {
  const file = fileOf(t, fd);
  if (file === null || !file.readable) return -EBADF;
  return file.inode.type === S_IFREG || file.inode.type === S_IFBLK ? 0 : -EINVAL;
}

export const syncRows: readonly SyscallRow[] = [
  { name: 'sync', x86_64: 162, i386: 36, args: [], ret: 'int', handler: sysSync },
  { name: 'syncfs', x86_64: 306, i386: 344, args: ['fd'], ret: 'int', handler: sysSyncfs },
  { name: 'fsync', x86_64: 74, i386: 118, args: ['fd'], ret: 'int', handler: fsync(false) },
  { name: 'fdatasync', x86_64: 75, i386: 148, args: ['fd'], ret: 'int', handler: fsync(true) },
  { name: 'sync_file_range', x86_64: 277, i386: 314, args: ['fd', 'loff', 'loff', 'hex'], ret: 'int', handler: sysSyncFileRange },
  { name: 'fallocate', x86_64: 285, i386: 324, args: ['fd', 'hex', 'loff', 'loff'], ret: 'int', handler: sysFallocate },
  { name: 'fadvise64', x86_64: 221, i386: 250, args: ['fd', 'loff', 'size', 'int'], ret: 'int', handler: sysFadvise },
  { name: 'fadvise64_64', x86_64: -1, i386: 272, args: ['fd', 'loff', 'loff', 'int'], ret: 'int', handler: sysFadvise },
  { name: 'readahead', x86_64: 187, i386: 225, args: ['fd', 'loff', 'size'], ret: 'ssize', handler: sysReadahead },
];
