import { EINVAL, ENODATA, EOPNOTSUPP, EPERM, ERANGE, EROFS, E2BIG } from '../abi/linux/errno.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, S_ISVTX } from '../abi/linux/fileMode.ts';
import { ACL_ACCESS, ACL_DEFAULT, setAcl } from './acl.ts';
import { Cap } from './cred.ts';
import { IN_ATTRIB, notifyDentry } from './notify.ts';
import type { Path, PathContext } from './path.ts';
import { inodePermission, MAY_READ, MAY_WRITE, ownerOrCapable } from './permission.ts';

const XATTR_SIZE_MAX = 65536;

/** Linux's xattr_permission: 0 or -errno. */
function mayUse(t: PathContext, path: Path, name: string, mask: number): number {
  const { inode } = path;
  const writes = mask === MAY_WRITE;
  if (writes && (inode.flags & 0x30) !== 0) return -EPERM;
  if (name.startsWith('system.')) return 0;
  if (name.startsWith('security.')) {
    return writes && !t.cred.has(name === 'security.capability' ? Cap.SETFCAP : Cap.SYS_ADMIN) ? -EPERM : 0;
  }
  if (name.startsWith('trusted.')) return t.cred.has(Cap.SYS_ADMIN) ? 0 : writes ? -EPERM : -ENODATA;
  if (name.startsWith('user.')) {
    const { mode, ...stat } = inode.stat();
    const type = mode & S_IFMT;
    if (type !== S_IFREG && type !== S_IFDIR) return writes ? -EPERM : -ENODATA;
    if (type === S_IFDIR && (mode & S_ISVTX) !== 0 && writes && !ownerOrCapable({ mode, ...stat }, t.cred)) return -EPERM;
  }
  return inodePermission(inode, mask, t.cred);
}

/** 0 when there is such a name space and something behind its dot. */
function checkSpace(name: string): number {
  const match = /^(user|trusted|security)\.(.?)/s.exec(name);
  if (match === null) return -EOPNOTSUPP;
  return match[2] === '' ? -EINVAL : 0;
}
const isAcl = (name: string): boolean => name === ACL_ACCESS || name === ACL_DEFAULT;

export function getXattr(t: PathContext, path: Path, name: string): Uint8Array | number {
  if (name.length === 0 || name.length > 255) return -ERANGE;
  // Access control lists can be asked for; nothing has one.
  if (isAcl(name)) return path.inode.type === S_IFLNK ? -EOPNOTSUPP : -ENODATA;
  if (name.startsWith('system.')) return path.inode.systemXattr(name);
  const allowed = mayUse(t, path, name, MAY_READ);
  if (allowed < 0) return allowed;
  const space = checkSpace(name);
  return space < 0 ? space : path.inode.getxattr(name);
}

/** struct vfs_cap_data of revision 2 or 3. */
function validCapability(value: Uint8Array): boolean {
  const revision = value[3] ?? 0;
  return (revision === 2 && value.length === 20) || (revision === 3 && value.length === 24);
}

export function setXattr(t: PathContext, path: Path, name: string, value: Uint8Array, flags: number): number {
  if (name.length === 0 || name.length > 255) return -ERANGE;
  if (value.length > XATTR_SIZE_MAX) return -E2BIG;
  if (name === 'security.capability' && !validCapability(value)) return -EINVAL;
  if (path.mount.readOnly) return -EROFS;
  if (isAcl(name)) return setAcl(t, path, name, value);
  const allowed = mayUse(t, path, name, MAY_WRITE);
  if (allowed < 0) return allowed;
  const space = checkSpace(name);
  if (space < 0) return space;
  const result = path.inode.setxattr(name, value, flags);
  if (result === 0) notifyDentry(path.dentry, IN_ATTRIB);
  return result;
}

export function removeXattr(t: PathContext, path: Path, name: string): number {
  if (name.length === 0 || name.length > 255) return -ERANGE;
  if (path.mount.readOnly) return -EROFS;
  if (isAcl(name)) return setAcl(t, path, name, new Uint8Array(0));
  const allowed = mayUse(t, path, name, MAY_WRITE);
  if (allowed < 0) return allowed;
  const space = checkSpace(name);
  if (space < 0) return space;
  const result = path.inode.removexattr(name);
  if (result === 0) notifyDentry(path.dentry, IN_ATTRIB);
  return result;
}

/** Names that the caller may see. */
export function listXattr(t: PathContext, path: Path): string[] | number {
  const names = path.inode.listxattr();
  if (typeof names === 'number') return names;
  return t.cred.has(Cap.SYS_ADMIN) ? names : names.filter((name) => !name.startsWith('trusted.'));
}
