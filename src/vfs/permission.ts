import { EACCES, EOVERFLOW, EPERM } from '../abi/linux/errno.ts';
import { S_IFDIR, S_IFMT, S_ISGID, S_ISUID, S_ISVTX, S_IXGRP } from '../abi/linux/fileMode.ts';
import { Cap, type Cred } from './cred.ts';
import { FS_IMMUTABLE, type Inode } from './inode.ts';
import type { Stat } from './stat.ts';

export const MAY_EXEC = 1;
export const MAY_WRITE = 2;
export const MAY_READ = 4;

/** Linux's generic_permission: owner, group, other bits, then capabilities. 0 or -EACCES. */
export function mayAccess(stat: Stat, mask: number, cred: Cred): number {
  const mode = stat.mode;
  let bits = mode;
  if (cred.fsuid === stat.uid) bits = mode >>> 6;
  else if (((mode >>> 3) & 7) !== (mode & 7) && cred.inGroup(stat.gid)) bits = mode >>> 3;
  if ((mask & ~bits & 7) === 0) return 0;
  if ((mode & S_IFMT) === S_IFDIR) {
    if ((mask & MAY_WRITE) === 0 && cred.hasOver(Cap.DAC_READ_SEARCH, stat)) return 0;
    return cred.hasOver(Cap.DAC_OVERRIDE, stat) ? 0 : -EACCES;
  }
  if (mask === MAY_READ && cred.hasOver(Cap.DAC_READ_SEARCH, stat)) return 0;
  if (((mask & MAY_EXEC) === 0 || (mode & 0o111) !== 0) && cred.hasOver(Cap.DAC_OVERRIDE, stat)) return 0;
  return -EACCES;
}

/** Permission on an inode, file systems with their own rules included. */
export function inodePermission(inode: Inode, mask: number, cred: Cred): number {
  if ((mask & MAY_WRITE) !== 0 && (inode.flags & FS_IMMUTABLE) !== 0) return -EPERM;
  const own = inode.permission(mask, cred);
  return own !== null ? own : mayAccess(inode.stat(), mask, cred);
}

export function ownerOrCapable(stat: Stat, cred: Cred): boolean {
  if (cred.fsuid === stat.uid) return true;
  return cred.hasOwn(Cap.FOWNER) && (cred.userNs.parent === null || cred.userNs.uids.has(stat.uid));
}

/** Whether the sticky bit of `dir` keeps `cred` from removing or renaming `victim`. */
export function stickyForbids(dir: Stat, victim: Stat, cred: Cred): boolean {
  if ((dir.mode & S_ISVTX) === 0) return false;
  return cred.fsuid !== victim.uid && cred.fsuid !== dir.uid && !cred.hasOver(Cap.FOWNER, victim);
}

/** Whether `cred` may make an inode in `dir`: 0 or -errno (may_o_create, may_create). */
export function mayMakeIn(dir: Inode, cred: Cred): number {
  const { userNs } = dir.fs;
  // Nobody there could own it.
  if (userNs.parent !== null && (!userNs.uids.has(cred.fsuid) || !userNs.gids.has(cred.fsgid))) return -EOVERFLOW;
  return inodePermission(dir, MAY_WRITE | MAY_EXEC, cred);
}

/** Group and mode of an inode made in `dir`: set-group-ID directories pass their group on (inode_init_owner). */
export function initialOwner(dir: Stat, mode: number, cred: Cred): { mode: number; uid: number; gid: number } {
  let gid = cred.fsgid;
  let bits = mode;
  if ((dir.mode & S_ISGID) !== 0) {
    gid = dir.gid;
    if ((mode & S_IFMT) === S_IFDIR) bits |= S_ISGID;
    else if ((mode & (S_ISGID | S_IXGRP)) === (S_ISGID | S_IXGRP) && !cred.inGroup(gid) && !cred.hasOver(Cap.FSETID, dir)) bits &= ~S_ISGID;
  }
  return { mode: bits, uid: cred.fsuid, gid };
}

/** Mode after data was written or the owner changed: set-ID bits go (file_remove_privs). -1 when nothing changes. */
export function modeWithoutPrivileges(mode: number): number {
  let out = mode & ~S_ISUID;
  if ((mode & S_IXGRP) !== 0) out &= ~S_ISGID;
  return out === mode ? -1 : out;
}

/** Credentials as access(2) uses them: the real ids in the place of the file-system ones. */
export function realIdCred(cred: Cred): Cred {
  const { root } = cred.userNs;
  if (cred.fsuid === cred.uid && cred.fsgid === cred.gid && (cred.uid === root || cred.capEffective === 0)) return cred;
  return cred.with({ fsuid: cred.uid, fsgid: cred.gid, capEffective: cred.uid === root ? cred.capPermitted : 0 });
}

/** chmod's and chown's right to change. */
export function mayChangeMode(stat: Stat, cred: Cred): number {
  return ownerOrCapable(stat, cred) ? 0 : -EPERM;
}

/** `uid`, `gid` -1 = unchanged. */
export function mayChangeOwner(stat: Stat, uid: number, gid: number, cred: Cred): number {
  if (cred.hasOver(Cap.CHOWN, stat)) return 0;
  if (uid !== -1 && !(cred.fsuid === stat.uid && uid === stat.uid)) return -EPERM;
  if (gid !== -1 && !(cred.fsuid === stat.uid && (gid === stat.gid || cred.inGroup(gid)))) return -EPERM;
  return 0;
}
