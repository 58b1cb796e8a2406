import { EBUSY, EFAULT, EINVAL, ELOOP, ENOTDIR, EPERM } from '../abi/linux/errno.ts';
import { TmpFs } from '../fs/tmpfs/tmpFs.ts';
import type { Task } from '../kernel/task/task.ts';
import { Cap } from '../vfs/cred.ts';
import type { FileDescription } from '../vfs/fileDescription.ts';
import {
  MS_BIND, MS_MOVE, MS_NOATIME, MS_NODEV, MS_NODIRATIME, MS_NOEXEC, MS_NOSUID, MS_NOSYMFOLLOW, MS_PRIVATE, MS_RDONLY, MS_REC, MS_RELATIME, MS_REMOUNT, MS_SHARED,
  MS_SLAVE, MS_STRICTATIME, MS_SYNCHRONOUS, MS_UNBINDABLE,
} from '../abi/linux/fs.ts';
import { Mount, topOf } from '../vfs/mount.ts';
import type { Path } from '../vfs/path.ts';
import { copyMount, copyTree, mountTree, setPropagation, treeOf, twinsOf, unmountTree } from '../vfs/propagation.ts';
import { lookup } from './fileArgs.ts';
import { makeFileSystem } from './fileSystemTypes.ts';
import type { SyscallRow } from './row.ts';

const MS_PROPAGATION = MS_UNBINDABLE | MS_PRIVATE | MS_SLAVE | MS_SHARED;
const MS_SILENT = 1 << 15;
export const KEPT = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_SYNCHRONOUS | MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_NOSYMFOLLOW;
export const ATIME = MS_NOATIME | MS_NODIRATIME | MS_RELATIME;
const MNT_DETACH = 2;
const MNT_EXPIRE = 4;
const UMOUNT_KNOWN = 0xf;
export function keptFlags(flags: number): number {
  const kept = flags & KEPT;
  return (flags & (MS_NOATIME | MS_STRICTATIME)) === 0 ? kept | MS_RELATIME : kept;
}

/** A string argument of mount that may be missing. */
function optional(t: Task, ptr: number): string | number {
  return ptr === 0 ? '' : t.memory.cstring(ptr, 4096);
}

/** CAP_SYS_ADMIN over the caller's mounts. */
export const mayMount = (t: Task): boolean => t.cred.hasIn(Cap.SYS_ADMIN, t.ns.mnt.userNs);

function sysMount(t: Task, sourcePtr: number, targetPtr: number, typePtr: number, flagBits: number, dataPtr: number): number {
  const type = optional(t, typePtr);
  if (typeof type === 'number') return type === -EFAULT ? -EFAULT : -EINVAL;
  const source = optional(t, sourcePtr);
  if (typeof source === 'number') return source === -EFAULT ? -EFAULT : -EINVAL;
  const data = dataPtr === 0 ? '' : t.memory.cstring(dataPtr, 4096);
  if (typeof data === 'number') return -EFAULT;
  const found = lookup(t, targetPtr);
  if (typeof found === 'number') return found;
  const place = topOf(found);
  if (!mayMount(t)) return -EPERM;
  const flags = (flagBits & 0xffff0000) === (0xc0ed0000 | 0) ? flagBits & 0xffff : flagBits;
  if ((flags & MS_REMOUNT) !== 0) return remount(t, place, flags);
  if ((flags & MS_BIND) !== 0) return bindTo(t, source, sourcePtr, place, (flags & MS_REC) !== 0);
  if ((flags & MS_PROPAGATION) !== 0) return changePropagation(t, place, flags);
  if ((flags & MS_MOVE) !== 0) return move(t, sourcePtr, place);
  if (typePtr === 0 || type === '') return -EINVAL;
  const fs = makeFileSystem(t, type, data);
  if (typeof fs === 'number') return fs;
  if (!place.inode.isDirectory) return -ENOTDIR;
  if (!t.ns.mnt.has(place.mount)) return -EINVAL;
  if (fs instanceof TmpFs) fs.userNs = t.cred.userNs;
  mountTree(new Mount(fs, fs.root, source === '' ? 'none' : source, keptFlags(flags)), place.mount, place.dentry);
  return 0;
}

function changePropagation(t: Task, { mount, dentry }: Path, flags: number): number {
  const type = flags & ~(MS_REC | MS_SILENT);
  if (dentry !== mount.root || !t.ns.mnt.has(mount) || (type !== MS_SHARED && type !== MS_SLAVE && type !== MS_PRIVATE && type !== MS_UNBINDABLE)) return -EINVAL;
  for (const one of (flags & MS_REC) !== 0 ? treeOf(mount) : [mount]) setPropagation(one, type);
  return 0;
}

/** Locked flags stay (can_change_locked_flags). */
export const mayHaveFlags = (mount: Mount, next: number): boolean => (mount.lockedFlags & ~next) === 0 && (!mount.atimeLocked || ((mount.flags ^ next) & ATIME) === 0);

function remount(t: Task, place: Path, flags: number): number {
  const { mount } = place;
  if (place.dentry !== mount.root) return -EINVAL;
  // A remount that says nothing of access times keeps what there was.
  const next = (flags & (ATIME | MS_STRICTATIME)) === 0 ? (flags & KEPT & ~ATIME) | (mount.flags & ATIME) : keptFlags(flags);
  if (!mayHaveFlags(mount, next)) return -EPERM;
  if ((next & ~mount.flags & MS_RDONLY) !== 0 && hasWriters(t, mount)) return -EBUSY;
  mount.flags = next;
  return 0;
}

/** Another view of a place, with MS_REC of what is mounted below it, too; -EINVAL. */
export function copyToBind({ mount, dentry }: Path, recursive: boolean): Mount | number {
  // What is under a locked mount would be seen.
  if (mount.unbindable || (!recursive && mount.children.some((child) => child.locked && child.mountPoint!.isWithin(dentry)))) return -EINVAL;
  return recursive ? copyTree(mount, dentry) : copyMount(mount, dentry);
}

function bindTo(t: Task, source: string, sourcePtr: number, place: Path, recursive: boolean): number {
  if (source === '') return -EINVAL;
  const from = lookup(t, sourcePtr);
  if (typeof from === 'number') return from;
  if (from.inode.isDirectory !== place.inode.isDirectory) return -ENOTDIR;
  if (!t.ns.mnt.has(place.mount) || (!t.ns.mnt.has(from.mount) && from.mount.fs.typeName !== 'nsfs')) return -EINVAL;
  const copy = copyToBind(from, recursive);
  if (typeof copy === 'number') return copy;
  mountTree(copy, place.mount, place.dentry);
  return 0;
}

function move(t: Task, sourcePtr: number, place: Path): number {
  const from = lookup(t, sourcePtr);
  return typeof from === 'number' ? from : moveMount(t, from, place);
}

/** Puts a mount elsewhere, or one that is nowhere yet somewhere. */
export function moveMount(t: Task, from: Path, place: Path): number {
  const { mount } = from, attached = mount.parent !== null && t.ns.mnt.has(mount);
  if (from.dentry !== mount.root || !(attached || (mount.anonymous && mount.parent === null)) || mount.locked || !t.ns.mnt.has(place.mount)) return -EINVAL;
  if (mount.root.inode!.isDirectory !== place.inode.isDirectory) return -EINVAL;
  for (let at: Mount | null = place.mount; at !== null; at = at.parent) if (at === mount) return -ELOOP;
  // Its going would not be heard of.
  if ((mount.parent !== null && mount.parent.group !== null) || (place.mount.group !== null && treeOf(mount).some((one) => one.unbindable))) return -EINVAL;
  mount.detach();
  mount.anonymous = false;
  mountTree(mount, place.mount, place.dentry);
  return 0;
}

function sysUmount(t: Task, ptr: number, flags: number): number {
  if ((flags & ~UMOUNT_KNOWN) !== 0) return -EINVAL;
  const found = lookup(t, ptr, (flags & 8) === 0);
  if (typeof found === 'number') return found;
  // Of the working directory, what has been mounted over it since.
  const place = topOf(found);
  const { mount } = place;
  if (!mayMount(t)) return -EPERM;
  if (place.dentry !== mount.root || mount.parent === null || mount.locked || !t.ns.mnt.has(mount)) return -EINVAL;
  if ((flags & MNT_EXPIRE) !== 0) return -EINVAL;
  if ((flags & MNT_DETACH) === 0 && (mount.children.length > 0 || isBusy(t, mount) || twinsOf(mount).some((twin) => twin.children.length === 0 && isBusy(t, twin)))) return -EBUSY;
  unmountTree(mount);
  return 0;
}

/** Whether some process works in the mount or has a file of it open. */
function isBusy(t: Task, mount: Mount): boolean {
  for (const task of t.kernel.pids.tasks.values()) if (task.fs.cwd.mount === mount || task.fs.root.mount === mount) return true;
  return someFile(t, (file) => file.path.mount === mount);
}

/** Whether a file of the mount is open for writing: it cannot become read-only. */
export const hasWriters = (t: Task, mount: Mount): boolean => someFile(t, (file) => file.path.mount === mount && file.writable);

/** Whether anybody has such a file open. */
export function someFile(t: Task, wanted: (file: FileDescription) => boolean): boolean {
  for (const task of t.kernel.pids.tasks.values()) for (const [, file] of task.fds.entries()) if (wanted(file)) return true;
  return false;
}

/** Whether one gets from `path` up to `top`. */
function isBelow(path: Path, top: Path): boolean {
  let { mount, dentry } = path;
  while (mount !== top.mount) {
    if (mount.parent === null || mount.mountPoint === null) return false;
    dentry = mount.mountPoint;
    mount = mount.parent;
  }
  return dentry.isWithin(top.dentry);
}

/** pivot_root(2): the mount `new` becomes the root, the old root is seen at `old` below it. */
function sysPivotRoot(t: Task, newPtr: number, oldPtr: number): number {
  if (!mayMount(t)) return -EPERM;
  const fresh = lookup(t, newPtr);
  if (typeof fresh === 'number') return fresh;
  const old = lookup(t, oldPtr);
  if (typeof old === 'number') return old;
  if (!fresh.inode.isDirectory || !old.inode.isDirectory) return -ENOTDIR;
  const { root } = t.fs;
  const { mnt } = t.ns;
  if (!mnt.has(root.mount) || !mnt.has(fresh.mount) || !mnt.has(old.mount) || fresh.mount.locked) return -EINVAL;
  if (old.mount.group !== null || fresh.mount.parent?.group || root.mount.parent?.group) return -EINVAL;
  if (fresh.mount === root.mount || old.mount === root.mount) return -EBUSY;
  if (root.dentry !== root.mount.root || fresh.dentry !== fresh.mount.root) return -EINVAL;
  if (!isBelow(old, fresh) || !isBelow(fresh, root)) return -EINVAL;
  const { parent, mountPoint, locked } = root.mount;
  fresh.mount.detach();
  root.mount.detach();
  root.mount.locked = false;
  fresh.mount.locked = locked;
  if (parent !== null) fresh.mount.attach(parent, mountPoint!);
  else mnt.root = fresh.mount;
  root.mount.attach(old.mount, old.dentry);
  // Whoever stood at the old root stands at the new one (chroot_fs_refs).
  for (const task of t.kernel.pids.tasks.values()) {
    if (task.fs.root.equals(root)) task.fs.root = fresh;
    if (task.fs.cwd.equals(root)) task.fs.cwd = fresh;
  }
  return 0;
}

export const mountRows: readonly SyscallRow[] = [
  {
    name: 'mount', x86_64: 165, i386: 21, args: ['str', 'path', 'str', 'ulong', 'ptr'], ret: 'int', handler: sysMount,
    note: 'tmpfs, bind, move, remount, propagation, and second views of proc, sysfs, devpts',
  },
  { name: 'umount2', x86_64: 166, i386: 52, args: ['path', 'int'], ret: 'int', handler: sysUmount },
  { name: 'umount', x86_64: -1, i386: 22, args: ['path'], ret: 'int', handler: (t, path) => sysUmount(t, path, 0) },
  { name: 'pivot_root', x86_64: 155, i386: 217, args: ['path', 'path'], ret: 'int', handler: sysPivotRoot },
];
