import { EINVAL, ENODEV, ENOTBLK, EPERM } from '../abi/linux/errno.ts';
import { mqueueFs } from '../fs/mqueue/mqueueFs.ts';
import { ProcFs } from '../fs/procfs/procFs.ts';
import { TmpFs, type TmpFsOptions } from '../fs/tmpfs/tmpFs.ts';
import type { Task } from '../kernel/task/task.ts';
import { Cap } from '../vfs/cred.ts';
import type { FileSystem } from '../vfs/fileSystem.ts';
import { NO_ID, type UserNamespace } from '../vfs/userNamespace.ts';

/** Kinds that exist already. */
const KNOWN_TYPES = new Set(['proc', 'sysfs', 'devpts', 'mqueue']);
/** Kinds that need a device, which nobody here has. */
const BLOCK_TYPES = new Set(['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'vfat', 'iso9660', 'squashfs', 'ntfs3']);

/** A size as tmpfs takes it: 10k, 5m, 1g, bytes; NaN when it is none. A share of memory (50%) counts of 4 GiB. */
function sizeOption(text: string): number {
  const match = /^(\d+)([kmg%]?)$/i.exec(text);
  if (match === null) return NaN;
  const unit = { '': 1, k: 1024, m: 1 << 20, g: 1 << 30, '%': 2 ** 32 / 100 }[match[2]!.toLowerCase()]!;
  return Math.floor(Number(match[1]) * unit);
}

export function tmpfsOptions(data: string, userNs: UserNamespace): TmpFsOptions | number {
  const options: TmpFsOptions = { mode: 0o1777 };
  for (const word of data.split(',').filter((w) => w !== '')) {
    const [key, value = ''] = word.split('=', 2) as [string, string?];
    const number = key === 'mode' ? Number.parseInt(value, 8) : key === 'size' || key === 'nr_inodes' ? sizeOption(value) : Number(value);
    if (Number.isNaN(number)) return -EINVAL;
    if ((key === 'uid' && userNs.uidIn(number) === NO_ID) || (key === 'gid' && userNs.gidIn(number) === NO_ID)) return -EINVAL;
    if (key === 'size') options.size = number;
    else if (key === 'nr_inodes') options.inodes = number;
    else if (key === 'mode') options.mode = number & 0o7777;
    else if (key === 'uid') options.uid = userNs.uidIn(number);
    else if (key === 'gid') options.gid = userNs.gidIn(number);
    else if (key !== 'nr_blocks' && key !== 'huge' && key !== 'mpol' && key !== 'inode64' && key !== 'inode32') return -EINVAL;
  }
  if (options.size === 0) delete options.size;
  return options;
}

/** An instance of a kind the VFS itself has, or the one that is mounted already (proc, sysfs, devpts exist once). */
export function makeFileSystem(t: Task, type: string, data: string): FileSystem | number {
  if (type === 'tmpfs' || type === 'ramfs') {
    const options = tmpfsOptions(data, t.cred.userNs);
    return typeof options === 'number' ? options : new TmpFs(t.fs.root.mount.fs.env, { ...options, typeName: type, uid: options.uid ?? t.cred.fsuid, gid: options.gid ?? t.cred.fsgid });
  }
  if (BLOCK_TYPES.has(type)) return t.cred.userNs.parent === null ? -ENOTBLK : -EPERM;
  // What shows processes or networks is for who has rights over those.
  const owner = type === 'proc' ? t.ns.pid.userNs : type === 'sysfs' ? t.ns.net.userNs : null;
  if (owner !== null && !t.cred.hasIn(Cap.SYS_ADMIN, owner)) return -EPERM;
  if (type === 'mqueue') return mqueueFs(t.ns.ipc, t.fs.root.mount.fs.env);
  const existing = t.ns.mnt.list().find((mount) => mount.fs.typeName === type && KNOWN_TYPES.has(type));
  if (existing === undefined) return -ENODEV;
  return existing.fs instanceof ProcFs ? existing.fs.viewOf(t.ns.pid) : existing.fs;
}

/** Whether there is such a kind at all (get_fs_type). */
export const isFileSystemType = (type: string): boolean => type === 'tmpfs' || type === 'ramfs' || KNOWN_TYPES.has(type) || BLOCK_TYPES.has(type);
