import { EACCES, EINVAL, EOPNOTSUPP, EPERM } from '../abi/linux/errno.ts';
import { getU16, getU32 } from '../abi/layout.ts';
import { S_IFDIR, S_IFMT, S_IFLNK } from '../abi/linux/fileMode.ts';
import { changeMode } from './attributes.ts';
import type { Path, PathContext } from './path.ts';
import { ownerOrCapable } from './permission.ts';

export const ACL_ACCESS = 'system.posix_acl_access';
export const ACL_DEFAULT = 'system.posix_acl_default';

const VERSION = 2;
const Tag = { userObj: 1, user: 2, groupObj: 4, group: 8, mask: 0x10, other: 0x20 } as const;

/**
 * The permission bits that a list says the same as, -1 when it says more (it names users or groups, or has a mask), -EINVAL when it
 * is not one (posix_acl_valid: in order, owner, group and others once each, a mask where somebody is named).
 */
function modeOf(value: Uint8Array): number {
  let mode = 0;
  let last = 0;
  let named = false;
  let seen = 0;
  for (let at = 4; at < value.length; at += 8) {
    const tag = getU16(value, at);
    const permissions = getU16(value, at + 2);
    const isNamed = tag === Tag.user || tag === Tag.group;
    if ((permissions & ~7) !== 0 || tag < last || (tag === last && !isNamed)) return -EINVAL;
    if (isNamed && getU32(value, at + 4) === 0xffffffff) return -EINVAL;
    if (tag === Tag.userObj) mode |= permissions << 6;
    else if (tag === Tag.groupObj) mode |= permissions << 3;
    else if (tag === Tag.other) mode |= permissions;
    named ||= isNamed;
    seen |= tag;
    last = tag;
  }
  const needed = Tag.userObj | Tag.groupObj | Tag.other | (named ? Tag.mask : 0);
  if ((seen & needed) !== needed) return -EINVAL;
  return (seen & Tag.mask) !== 0 ? -1 : mode;
}

const KNOWN_TAGS: readonly number[] = Object.values(Tag);

/**
 * Sets an access control list (a value without entries, or none, removes it). No file system here keeps one: a list that says no more than
 * the mode does is the mode, as programs that copy permissions write it; another one is refused as by a file system without lists.
 */
export function setAcl(t: PathContext, path: Path, name: string, value: Uint8Array): number {
  if (value.length > 0 && value.length < 4) return -EINVAL;
  if (value.length > 0 && getU32(value, 0) !== VERSION) return -EOPNOTSUPP;
  if ((value.length & 7) !== 4 && value.length > 0) return -EINVAL;
  const none = value.length <= 4;
  for (let at = 4; at < value.length; at += 8) if (!KNOWN_TAGS.includes(getU16(value, at))) return -EINVAL;
  const stat = path.inode.stat();
  if ((stat.mode & S_IFMT) === S_IFLNK) return -EOPNOTSUPP;
  if (name === ACL_DEFAULT && (stat.mode & S_IFMT) !== S_IFDIR) return none ? 0 : -EACCES;
  if (!ownerOrCapable(stat, t.cred)) return -EPERM;
  if (none) return 0;
  const mode = modeOf(value);
  if (mode < -1) return mode;
  if (mode === -1 || name === ACL_DEFAULT) return -EOPNOTSUPP;
  return changeMode(t, path, (stat.mode & 0o7000) | mode);
}
