import { EPERM } from '../../abi/linux/errno.ts';
import { MS_NOSUID } from '../../abi/linux/fs.ts';
import { SECBIT_KEEP_CAPS, SECBIT_NOROOT } from '../../abi/linux/capability.ts';
import { S_ISGID, S_ISUID, S_IXGRP } from '../../abi/linux/fileMode.ts';
import type { Cred } from '../../vfs/cred.ts';
import type { Inode } from '../../vfs/inode.ts';
import type { Path } from '../../vfs/path.ts';
import type { Task } from './task.ts';

const halves = (set: number): [number, number] => [set >>> 0, Math.floor(set / 2 ** 32) >>> 0];
/** Capability sets are below 2^53: joined and intersected by halves. */
export function andCaps(a: number, b: number): number {
  const [al, ah] = halves(a);
  const [bl, bh] = halves(b);
  return ((ah & bh) >>> 0) * 2 ** 32 + ((al & bl) >>> 0);
}
export function orCaps(a: number, b: number): number {
  const [al, ah] = halves(a);
  const [bl, bh] = halves(b);
  return ((ah | bh) >>> 0) * 2 ** 32 + ((al | bl) >>> 0);
}
const subset = (a: number, b: number): boolean => andCaps(a, b) === a;

interface FileCaps {
  readonly permitted: number;
  readonly inheritable: number;
  readonly effective: boolean;
}

/** The extended attribute security.capability (struct vfs_cap_data). null: none that counts. */
function fileCaps(inode: Inode): FileCaps | null {
  const value = inode.getxattr('security.capability');
  if (typeof value === 'number' || value.length < 12) return null;
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  const magic = view.getUint32(0, true), revision = magic >>> 24;
  const words = revision === 1 ? 1 : revision === 2 || revision === 3 ? 2 : 0;
  if (words === 0 || value.length !== 4 + 8 * words + (revision === 3 ? 4 : 0)) return null;
  if (revision === 3 && view.getUint32(20, true) !== 0) return null;
  const set = (at: number): number => view.getUint32(at, true) + (words === 2 ? view.getUint32(at + 8, true) * 2 ** 32 : 0);
  return { permitted: set(4), inheritable: set(8), effective: (magic & 1) !== 0 };
}

/** What execve makes of the credentials, or -EPERM (capabilities(7), "Transformation of capabilities during execve"; security/commoncap.c). */
export function credForExec(t: Task, path: Path): { cred: Cred; secure: boolean } | number {
  const old = t.cred;
  const stat = path.inode.stat();
  const maySuid = (path.mount.flags & MS_NOSUID) === 0;
  let { euid, egid } = old;
  if (maySuid && !t.noNewPrivs) {
    // Owners that the namespace does not know are nobody it can become.
    const known = old.userNs.parent === null || (old.userNs.uids.has(stat.uid) && old.userNs.gids.has(stat.gid));
    if (known && (stat.mode & S_ISUID) !== 0) euid = stat.uid;
    if (known && (stat.mode & (S_ISGID | S_IXGRP)) === (S_ISGID | S_IXGRP)) egid = stat.gid;
  }
  let permitted = 0, effective = false;
  const caps = maySuid ? fileCaps(path.inode) : null;
  if (caps !== null) {
    permitted = orCaps(andCaps(old.capBounding, caps.permitted), andCaps(old.capInheritable, caps.inheritable));
    effective = caps.effective;
    if (effective && !subset(caps.permitted, permitted)) return -EPERM;
  }
  const { root } = old.userNs;
  const noRoot = (old.secureBits & SECBIT_NOROOT) !== 0;
  if (!noRoot && !(caps !== null && old.uid !== root && euid === root)) {
    if (old.uid === root || euid === root) permitted = orCaps(old.capBounding, old.capInheritable);
    if (euid === root) effective = true;
  }
  const gained = !subset(permitted, old.capPermitted);
  // Another's debugger, or the promise not to gain anything, takes away what would be new.
  if (gained && t.noNewPrivs) {
    euid = old.uid;
    egid = old.gid;
    permitted = andCaps(permitted, old.capPermitted);
  }
  const idChanged = euid !== old.euid || !(egid === old.egid || old.inGroup(egid));
  const capAmbient = caps !== null || idChanged ? 0 : old.capAmbient;
  permitted = orCaps(permitted, capAmbient);
  const capEffective = effective ? permitted : capAmbient;
  const cred = old.with({
    euid, egid, suid: euid, sgid: egid, fsuid: euid, fsgid: egid, capPermitted: permitted, capEffective, capAmbient,
    secureBits: old.secureBits & ~SECBIT_KEEP_CAPS,
  });
  const grew = !subset(permitted, capAmbient);
  return { cred, secure: euid !== old.uid || egid !== old.gid || (old.uid !== root && (effective || grew)) };
}

