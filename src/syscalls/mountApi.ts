/** Mounting in steps: trees of mounts by descriptor, file systems that are described first (open_tree(2), fsopen(2), mount_setattr(2)). */
import { E2BIG, EBADF, EBUSY, EINVAL, ENODEV, EOPNOTSUPP, EPERM } from '../abi/linux/errno.ts';
import { AT_EMPTY_PATH, AT_FDCWD, AT_NO_AUTOMOUNT, AT_RECURSIVE, AT_SYMLINK_NOFOLLOW } from '../abi/linux/fcntl.ts';
import * as F from '../abi/linux/fs.ts';
import { O_CLOEXEC, O_PATH } from '../abi/linux/openFlags.ts';
import { getU32 } from '../abi/layout.ts';
import { FsContextFile } from '../fs/anon/fsContextFile.ts';
import { TmpFs } from '../fs/tmpfs/tmpFs.ts';
import type { Task } from '../kernel/task/task.ts';
import { Cap } from '../vfs/cred.ts';
import { PathFile } from '../vfs/inodeFile.ts';
import { Mount, topOf } from '../vfs/mount.ts';
import { Path } from '../vfs/path.ts';
import { setPropagation, treeOf, unmountTree } from '../vfs/propagation.ts';
import { fileOf, installFile, placeAt } from './fileArgs.ts';
import { isFileSystemType, makeFileSystem, tmpfsOptions } from './fileSystemTypes.ts';
import { ATIME, copyToBind, hasWriters, mayHaveFlags, mayMount, moveMount, someFile } from './mount.ts';
import type { SyscallRow } from './row.ts';
import { structArg } from './structArg.ts';

const FSMOUNT_CLOEXEC = 1;
const MOVE_MOUNT_BENEATH = 0x200;
const MOVE_MOUNT_KNOWN = F.MOVE_MOUNT__MASK | MOVE_MOUNT_BENEATH;
const PLACE_FLAGS = AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_SYMLINK_NOFOLLOW;

/** A tree of mounts that is nowhere, by descriptor: without it the tree is gone, unless move_mount has put it somewhere. */
class TreeFile extends PathFile {
  protected override close(): void {
    const { mount } = this.path;
    if (!mount.anonymous || mount.parent !== null) return;
    mount.anonymous = false;
    unmountTree(mount);
  }
}

function installTree(t: Task, mount: Mount, flags: number): number {
  mount.anonymous = true;
  return installFile(t, new TreeFile(new Path(mount, mount.root), O_PATH, t.cred), flags);
}

function sysOpenTree(t: Task, dirfd: number, ptr: number, flags: number): number {
  if ((flags & ~(PLACE_FLAGS | AT_RECURSIVE | F.OPEN_TREE_CLONE | O_CLOEXEC)) !== 0) return -EINVAL;
  const clone = (flags & F.OPEN_TREE_CLONE) !== 0, recursive = (flags & AT_RECURSIVE) !== 0;
  if (recursive && !clone) return -EINVAL;
  if (clone && !mayMount(t)) return -EPERM;
  const place = placeAt(t, dirfd, ptr, flags);
  if (typeof place === 'number') return place;
  if (!clone) return installFile(t, new PathFile(place, O_PATH, t.cred), flags);
  if (!t.ns.mnt.has(place.mount) && !place.mount.top.anonymous && place.mount.fs.typeName !== 'nsfs') return -EINVAL;
  const copy = copyToBind(place, recursive);
  return typeof copy === 'number' ? copy : installTree(t, copy, flags);
}

function sysMoveMount(t: Task, fromFd: number, fromPtr: number, toFd: number, toPtr: number, flags: number): number {
  if (!mayMount(t)) return -EPERM;
  if ((flags & ~MOVE_MOUNT_KNOWN) !== 0 || (flags & (MOVE_MOUNT_BENEATH | F.MOVE_MOUNT_SET_GROUP)) === (MOVE_MOUNT_BENEATH | F.MOVE_MOUNT_SET_GROUP)) return -EINVAL;
  const at = (symlinks: number, empty: number): number => ((flags & symlinks) === 0 ? AT_SYMLINK_NOFOLLOW : 0) | ((flags & empty) !== 0 ? AT_EMPTY_PATH : 0);
  const to = placeAt(t, toFd, toPtr, at(F.MOVE_MOUNT_T_SYMLINKS, F.MOVE_MOUNT_T_EMPTY_PATH));
  if (typeof to === 'number') return to;
  const from = placeAt(t, fromFd, fromPtr, at(F.MOVE_MOUNT_F_SYMLINKS, F.MOVE_MOUNT_F_EMPTY_PATH));
  if (typeof from === 'number') return from;
  // Neither beneath what is mounted, nor into a group of peers.
  if ((flags & (MOVE_MOUNT_BENEATH | F.MOVE_MOUNT_SET_GROUP)) !== 0) return -EINVAL;
  return moveMount(t, from, topOf(to));
}

// ---- file systems that are described first ----

const Config = { flag: 0, string: 1, binary: 2, path: 3, pathEmpty: 4, fd: 5, create: 6, reconfigure: 7, createExclusive: 8 } as const;
const MAX_BINARY = 1 << 20;

function sysFsopen(t: Task, ptr: number, flags: number): number {
  if (!mayMount(t)) return -EPERM;
  if ((flags & ~F.FSOPEN_CLOEXEC) !== 0) return -EINVAL;
  const type = t.memory.cstring(ptr, 4096);
  if (typeof type === 'number') return type;
  if (!isFileSystemType(type)) return -ENODEV;
  return installFile(t, new FsContextFile(t, type, null), (flags & F.FSOPEN_CLOEXEC) !== 0 ? O_CLOEXEC : 0);
}

function sysFspick(t: Task, dirfd: number, ptr: number, flags: number): number {
  if (!mayMount(t)) return -EPERM;
  if ((flags & ~(F.FSPICK_CLOEXEC | F.FSPICK_SYMLINK_NOFOLLOW | F.FSPICK_NO_AUTOMOUNT | F.FSPICK_EMPTY_PATH)) !== 0) return -EINVAL;
  const how = ((flags & F.FSPICK_SYMLINK_NOFOLLOW) !== 0 ? AT_SYMLINK_NOFOLLOW : 0) | ((flags & F.FSPICK_EMPTY_PATH) !== 0 ? AT_EMPTY_PATH : 0);
  const found = placeAt(t, dirfd, ptr, how);
  if (typeof found === 'number') return found;
  const { mount, dentry } = found;
  if (dentry !== mount.root) return -EINVAL;
  return installFile(t, new FsContextFile(t, mount.fs.typeName, mount.fs), (flags & F.FSPICK_CLOEXEC) !== 0 ? O_CLOEXEC : 0);
}

/** Which of key, value and number each command takes. */
function isWellFormed(cmd: number, key: number, value: number, aux: number): boolean {
  switch (cmd) {
    case Config.flag: return key !== 0 && value === 0 && aux === 0;
    case Config.string: return key !== 0 && value !== 0 && aux === 0;
    case Config.binary: return key !== 0 && value !== 0 && aux > 0 && aux <= MAX_BINARY;
    case Config.path:
    case Config.pathEmpty: return key !== 0 && value !== 0 && (aux === AT_FDCWD || aux >= 0);
    case Config.fd: return key !== 0 && value === 0 && aux >= 0;
    default: return key === 0 && value === 0 && aux === 0;
  }
}

/** A parameter that all types know, or one of the type's own. */
function setParameter(t: Task, context: FsContextFile, cmd: number, key: string, value: string): number {
  if (context.phase === 'created' || context.phase === 'failed') return -EBUSY;
  if (cmd === Config.flag && (key === 'ro' || key === 'rw')) {
    context.readOnly = key === 'ro';
    return 0;
  }
  if (cmd === Config.flag && ['sync', 'async', 'dirsync', 'lazytime', 'nolazytime', 'mand', 'nomand'].includes(key)) return 0;
  if (cmd === Config.string && key === 'source') {
    if (context.source !== '') return -EINVAL;
    context.source = value;
    return 0;
  }
  if (context.typeName !== 'tmpfs' || (cmd !== Config.flag && cmd !== Config.string)) return -EINVAL;
  const option = cmd === Config.flag ? key : `${key}=${value}`;
  if (cmd === Config.flag && !key.startsWith('inode')) return -EINVAL;
  const parsed = tmpfsOptions(option, t.cred.userNs);
  if (typeof parsed === 'number') return parsed;
  context.options.push(option);
  return 0;
}

function create(t: Task, context: FsContextFile): number {
  if (context.phase !== 'parameters') return -EBUSY;
  const made = makeFileSystem(t, context.typeName, context.options.join(','));
  context.phase = typeof made === 'number' ? 'failed' : 'created';
  if (typeof made === 'number') return made;
  if (made instanceof TmpFs) {
    made.userNs = t.cred.userNs;
    made.readOnly = context.readOnly;
  }
  context.fileSystem = made;
  return 0;
}

function reconfigure(t: Task, context: FsContextFile): number {
  const { fileSystem } = context;
  if (context.phase !== 'mounted' || fileSystem === null) return -EBUSY;
  const refused = !t.cred.hasIn(Cap.SYS_ADMIN, fileSystem.userNs) ? -EPERM
    : context.readOnly && !fileSystem.readOnly && someFile(t, (file) => file.path.mount.fs === fileSystem && file.writable) ? -EBUSY : 0;
  // There is no second try.
  if (refused < 0) context.phase = 'failed';
  if (refused < 0) return refused;
  if (fileSystem instanceof TmpFs) fileSystem.readOnly = context.readOnly;
  return 0;
}

function sysFsconfig(t: Task, fd: number, cmd: number, keyPtr: number, valuePtr: number, aux: number): number {
  if (fd < 0) return -EINVAL;
  if (cmd > Config.createExclusive) return -EOPNOTSUPP;
  if (!isWellFormed(cmd, keyPtr, valuePtr, aux)) return -EINVAL;
  const file = fileOf(t, fd);
  if (file === null) return -EBADF;
  if (!(file instanceof FsContextFile)) return -EINVAL;
  const key = keyPtr === 0 ? '' : t.memory.cstring(keyPtr, 256);
  if (typeof key === 'number') return key;
  if (cmd === Config.create || cmd === Config.createExclusive) return create(t, file);
  if (cmd === Config.reconfigure) return reconfigure(t, file);
  const value = cmd === Config.string ? t.memory.cstring(valuePtr, 256) : '';
  return typeof value === 'number' ? value : setParameter(t, file, cmd, key, value);
}

// ---- attributes ----

const ATTRIBUTES: readonly (readonly [attribute: number, flag: number])[] = [
  [F.MOUNT_ATTR_RDONLY, F.MS_RDONLY], [F.MOUNT_ATTR_NOSUID, F.MS_NOSUID], [F.MOUNT_ATTR_NODEV, F.MS_NODEV], [F.MOUNT_ATTR_NOEXEC, F.MS_NOEXEC],
  [F.MOUNT_ATTR_NODIRATIME, F.MS_NODIRATIME], [F.MOUNT_ATTR_NOSYMFOLLOW, F.MS_NOSYMFOLLOW],
];
const PLAIN_ATTRIBUTES = ATTRIBUTES.reduce((all, [attribute]) => all | attribute, 0);
const ATIME_FLAGS: ReadonlyMap<number, number> = new Map([[F.MOUNT_ATTR_RELATIME, F.MS_RELATIME], [F.MOUNT_ATTR_NOATIME, F.MS_NOATIME], [F.MOUNT_ATTR_STRICTATIME, 0]]);

/** Flags of a mount for attributes, but those of access times. */
const plainFlags = (attributes: number): number => ATTRIBUTES.reduce((flags, [attribute, flag]) => ((attributes & attribute) !== 0 ? flags | flag : flags), 0);

function sysFsmount(t: Task, fd: number, flags: number, attributes: number): number {
  if (!mayMount(t)) return -EPERM;
  if ((flags & ~FSMOUNT_CLOEXEC) !== 0 || (attributes & ~(PLAIN_ATTRIBUTES | F.MOUNT_ATTR__ATIME)) !== 0) return -EINVAL;
  const atime = ATIME_FLAGS.get(attributes & F.MOUNT_ATTR__ATIME);
  if (atime === undefined) return -EINVAL;
  const file = fileOf(t, fd);
  if (file === null) return -EBADF;
  if (!(file instanceof FsContextFile) || file.fileSystem === null) return -EINVAL;
  if (file.phase !== 'created') return -EBUSY;
  file.phase = 'mounted';
  const { fileSystem } = file, source = file.source === '' ? 'none' : file.source;
  return installTree(t, new Mount(fileSystem, fileSystem.root, source, plainFlags(attributes) | atime), (flags & FSMOUNT_CLOEXEC) !== 0 ? O_CLOEXEC : 0);
}

interface AttributeChange {
  readonly set: number;
  readonly clear: number;
  readonly propagation: number;
}

/** struct mount_attr as a change of flags (build_mount_kattr); -EINVAL. */
function attributeChange(attr: Uint8Array): AttributeChange | number {
  const word = (k: number): number => getU32(attr, 8 * k), [set, clear, propagation] = [word(0), word(1), word(2)] as const;
  if ([0, 1, 2].some((k) => getU32(attr, 8 * k + 4) !== 0)) return -EINVAL;
  const types = F.MS_SHARED | F.MS_SLAVE | F.MS_PRIVATE | F.MS_UNBINDABLE;
  if ((propagation & ~types) !== 0 || (propagation & (propagation - 1)) !== 0) return -EINVAL;
  // Ids of mounts cannot be mapped: no file system here allows it.
  if (((set | clear) & ~(PLAIN_ATTRIBUTES | F.MOUNT_ATTR__ATIME)) !== 0) return -EINVAL;
  const change = { set: plainFlags(set), clear: plainFlags(clear), propagation };
  if ((clear & F.MOUNT_ATTR__ATIME) === 0) return (set & F.MOUNT_ATTR__ATIME) !== 0 ? -EINVAL : change;
  const atime = ATIME_FLAGS.get(set & F.MOUNT_ATTR__ATIME);
  if ((clear & F.MOUNT_ATTR__ATIME) !== F.MOUNT_ATTR__ATIME || atime === undefined) return -EINVAL;
  return { ...change, set: change.set | atime, clear: change.clear | (ATIME & ~F.MS_NODIRATIME) };
}

function sysMountSetattr(t: Task, dirfd: number, ptr: number, flags: number, attrPtr: number, size: number): number {
  if ((flags & ~(PLACE_FLAGS | AT_RECURSIVE)) !== 0) return -EINVAL;
  if (size > 4096) return -E2BIG;
  if (size < F.MOUNT_ATTR_SIZE_VER0) return -EINVAL;
  if (!mayMount(t)) return -EPERM;
  const attr = structArg(t, attrPtr, size, F.MOUNT_ATTR_SIZE_VER0);
  if (typeof attr === 'number') return attr;
  if (attr.subarray(0, 24).every((byte) => byte === 0)) return 0;
  const change = attributeChange(attr);
  if (typeof change === 'number') return change;
  const place = placeAt(t, dirfd, ptr, flags);
  if (typeof place === 'number') return place;
  const { mount } = place;
  if (place.dentry !== mount.root || (!t.ns.mnt.has(mount) && !mount.top.anonymous)) return -EINVAL;
  const mounts = (flags & AT_RECURSIVE) !== 0 ? treeOf(mount) : [mount];
  const next = (one: Mount): number => (one.flags & ~change.clear) | change.set;
  // All or nothing.
  if (mounts.some((one) => !mayHaveFlags(one, next(one)))) return -EPERM;
  if (mounts.some((one) => (next(one) & ~one.flags & F.MS_RDONLY) !== 0 && hasWriters(t, one))) return -EBUSY;
  for (const one of mounts) {
    one.flags = next(one);
    if (change.propagation !== 0) setPropagation(one, change.propagation);
  }
  return 0;
}

export const mountApiRows: readonly SyscallRow[] = [
  { name: 'open_tree', x86_64: 428, i386: 428, args: ['dirfd', 'path', 'hex'], ret: 'fd', handler: sysOpenTree },
  { name: 'move_mount', x86_64: 429, i386: 429, args: ['dirfd', 'path', 'dirfd', 'path', 'hex'], ret: 'int', handler: sysMoveMount, note: 'not beneath mounts, nor into groups of peers' },
  { name: 'fsopen', x86_64: 430, i386: 430, args: ['str', 'hex'], ret: 'fd', handler: sysFsopen, note: 'types that mount knows' },
  { name: 'fsconfig', x86_64: 431, i386: 431, args: ['fd', 'uint', 'str', 'ptr', 'int'], ret: 'int', handler: sysFsconfig },
  { name: 'fsmount', x86_64: 432, i386: 432, args: ['fd', 'hex', 'hex'], ret: 'fd', handler: sysFsmount },
  { name: 'fspick', x86_64: 433, i386: 433, args: ['dirfd', 'path', 'hex'], ret: 'fd', handler: sysFspick },
  { name: 'mount_setattr', x86_64: 442, i386: 442, args: ['dirfd', 'path', 'atFlags', 'ptr', 'size'], ret: 'int', handler: sysMountSetattr, note: 'no ids of mounts' },
];
