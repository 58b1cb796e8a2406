/** name_to_handle_at and open_by_handle_at: files by a number that outlives their names. */
import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_FOLLOW } from '../abi/linux/fcntl.ts';
import { EBADF, EFAULT, EINVAL, EOPNOTSUPP, EOVERFLOW, EPERM, ESTALE } from '../abi/linux/errno.ts';
import { getU32, putU32 } from '../abi/layout.ts';
import { O_CLOEXEC } from '../abi/linux/openFlags.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Task } from '../kernel/task/task.ts';
import { Cap } from '../vfs/cred.ts';
import type { Inode } from '../vfs/inode.ts';
import { checkFlags, openAt } from '../vfs/open.ts';
import { Path } from '../vfs/path.ts';
import { Walk } from '../vfs/walk.ts';
import { fileOf, installFile, lookupAt } from './fileArgs.ts';
import type { SyscallRow } from './row.ts';

/** Handles as we make them: a number of 32 bits and a check of it. */
const HANDLE_BYTES = 8, HANDLE_TYPE = 1, HEADER_BYTES = 8, MAX_HANDLE = 128;
const AT_HANDLE_FID = 0x200, AT_HANDLE_CONNECTABLE = 2, AT_HANDLE_MNT_ID_UNIQUE = 1;
const KNOWN = AT_SYMLINK_FOLLOW | AT_EMPTY_PATH | AT_HANDLE_FID | AT_HANDLE_CONNECTABLE | AT_HANDLE_MNT_ID_UNIQUE;
/** Kinds of file systems whose files are only views of something else. */
const WITHOUT_HANDLES = new Set(['proc', 'sysfs', 'devpts', 'mqueue', 'pipefs', 'sockfs', 'anon_inodefs']);

/** The files that handles were made for; they stay in memory. */
interface Handles {
  readonly numbers: WeakMap<Inode, number>;
  readonly places: Path[];
}
const handles = new WeakMap<Kernel, Handles>();
function handlesOf(kernel: Kernel): Handles {
  let table = handles.get(kernel);
  if (table === undefined) handles.set(kernel, (table = { numbers: new WeakMap(), places: [] }));
  return table;
}

function numberOf({ numbers, places }: Handles, path: Path): number {
  let n = numbers.get(path.inode);
  if (n === undefined) {
    n = places.length;
    numbers.set(path.inode, n);
    places.push(path);
  } else if (places[n]!.dentry.unhashed) places[n] = path;
  return n;
}

const checkOf = (n: number): number => (n ^ 0x7458_6c74) >>> 0;

function sysNameToHandle(t: Task, dirfd: number, pathPtr: number, handlePtr: number, mountIdPtr: number, flags: number): number {
  if ((flags & ~KNOWN) !== 0) return -EINVAL;
  if ((flags & AT_HANDLE_FID) !== 0 && (flags & AT_HANDLE_CONNECTABLE) !== 0) return -EINVAL;
  const place = lookupAt(t, dirfd, pathPtr, ((flags & AT_SYMLINK_FOLLOW) !== 0 ? Walk.follow : Walk.none) | ((flags & AT_EMPTY_PATH) !== 0 ? Walk.empty : 0));
  if (typeof place === 'number') return place;
  if (WITHOUT_HANDLES.has(place.mount.fs.typeName) && (flags & AT_HANDLE_FID) === 0) return -EOPNOTSUPP;
  const room = t.memory.u32(handlePtr);
  if (room === null) return -EFAULT;
  if (room > MAX_HANDLE) return -EINVAL;
  const fits = room >= HANDLE_BYTES;
  const out = new Uint8Array(HEADER_BYTES + (fits ? HANDLE_BYTES : 0));
  putU32(out, 0, HANDLE_BYTES);
  putU32(out, 4, fits ? HANDLE_TYPE : 255);
  if (fits) {
    const n = numberOf(handlesOf(t.kernel), place);
    putU32(out, 8, n);
    putU32(out, 12, checkOf(n));
  }
  const idWords = (flags & AT_HANDLE_MNT_ID_UNIQUE) !== 0 ? [place.mount.id, 0] : [place.mount.id];
  const id = new Uint8Array(4 * idWords.length);
  idWords.forEach((word, i) => putU32(id, 4 * i, word));
  if (!t.memory.copyOut(mountIdPtr, id) || !t.memory.copyOut(handlePtr, out)) return -EFAULT;
  return fits ? 0 : -EOVERFLOW;
}

function sysOpenByHandle(t: Task, mountFd: number, handlePtr: number, flags: number): number {
  const how = { flags, mode: 0, resolve: 0 };
  const header = t.memory.readable(handlePtr, HEADER_BYTES);
  if (header === null) return -EFAULT;
  const length = getU32(header, 0), type = getU32(header, 4);
  if (length > MAX_HANDLE || length === 0 || type > 0xffff) return -EINVAL;
  const root = mountFd === AT_FDCWD ? t.fs.cwd : fileOf(t, mountFd)?.path;
  if (root === undefined) return -EBADF;
  if (!t.cred.has(Cap.DAC_READ_SEARCH)) return -EPERM;
  const handle = t.memory.copyIn(handlePtr + HEADER_BYTES, length);
  if (handle === null) return -EFAULT;
  if (length < HANDLE_BYTES || type !== HANDLE_TYPE) return -ESTALE;
  const n = getU32(handle, 0), place = handlesOf(t.kernel).places[n];
  if (place === undefined || getU32(handle, 4) !== checkOf(n)) return -ESTALE;
  if (place.mount.fs !== root.mount.fs || (place.dentry.unhashed && place.inode.stat().nlink === 0)) return -ESTALE;
  const bad = checkFlags(how);
  if (bad < 0) return bad;
  const file = openAt(t, new Path(root.mount, place.dentry), how, false);
  return typeof file === 'number' ? file : installFile(t, file, flags & O_CLOEXEC);
}

export const fileHandleRows: readonly SyscallRow[] = [
  { name: 'name_to_handle_at', x86_64: 303, i386: 341, args: ['dirfd', 'path', 'ptr', 'ptr', 'atFlags'], ret: 'int', handler: sysNameToHandle },
  { name: 'open_by_handle_at', x86_64: 304, i386: 342, args: ['fd', 'ptr', 'openFlags'], ret: 'fd', handler: sysOpenByHandle },
];
