/** add_key, request_key, keyctl (keyrings(7)): keys of types user, logon and keyring. Nobody answers upcalls, so what is not there stays so. */
import {
  EACCES, EAGAIN, EDQUOT, EEXIST, EFAULT, EINVAL, ENAMETOOLONG, ENODEV, ENOENT, ENOKEY, ENOTDIR, EOPNOTSUPP, EPERM,
  ERESTARTNOHAND, ERESTARTNOINTR, ERESTARTSYS, ERESTART_RESTARTBLOCK,
} from '../abi/linux/errno.ts';
import * as K from '../abi/linux/keyctl.ts';
import { putU32 } from '../abi/layout.ts';
import { type Key, KEY_TYPES, Need, Perm, isAdmin, keyStore, permitted, type KeyType } from '../kernel/keys/key.ts';
import { joinSession, linkKey, lookupKey, possesses, searchRing, searchTask, sessionKeyring, unlinkKey, type KeyRef } from '../kernel/keys/keyrings.ts';
import type { Task } from '../kernel/task/task.ts';
import { fromLatin1 } from '../machine/guestMemory.ts';
import type { SyscallRow } from './row.ts';

const MAX_PAYLOAD = 1024 * 1024 - 1;
const USER_MAX = 32767;
/** How long it is remembered that nobody could make a key. */
const NEGATIVE_NS = 60e9;
const MAX_ERRNO = 4095;
const RESTARTS = [ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_RESTARTBLOCK];
const QUOTA_KEYS = 200, QUOTA_BYTES = 20000, ROOT_KEYS = 1000000, ROOT_BYTES = 25000000;

/** Arguments of keyctl come as signed words: ids are small, addresses of i386 may look negative. */
const address = (n: number): number => (n < 0 ? n + 2 ** 32 : n);

function typeArg(t: Task, ptr: number): string | number {
  const type = t.memory.cstring(address(ptr), 32);
  if (type === -ENAMETOOLONG || type === '') return -EINVAL;
  return typeof type === 'string' && type.startsWith('.') ? -EPERM : type;
}

/** A string of up to a page; -EINVAL when longer. */
function textArg(t: Task, ptr: number): string | number {
  const text = t.memory.cstring(address(ptr), 4096);
  return text === -ENAMETOOLONG ? -EINVAL : text;
}

function payloadError(type: KeyType, payload: Uint8Array): number {
  if (type === 'keyring') return payload.length === 0 ? 0 : -EINVAL;
  return payload.length > 0 && payload.length <= USER_MAX ? 0 : -EINVAL;
}

/** -EDQUOT when a user has too many keys or bytes in them. Root has room for a million. */
function quotaError(t: Task, bytes: number): number {
  const { uid } = t.cred;
  let keys = 0, used = 0;
  for (const key of keyStore(t.kernel).keys.values()) {
    if (key.quotaUid !== uid) continue;
    keys++;
    used += key.description.length + 1 + key.payload.length;
  }
  const [mostKeys, mostBytes] = uid === 0 ? [ROOT_KEYS, ROOT_BYTES] : [QUOTA_KEYS, QUOTA_BYTES];
  return keys + 1 > mostKeys || used + bytes > mostBytes ? -EDQUOT : 0;
}

/** Keys that nothing leads to any more go, and their quota with them. */
function collect(t: Task): void {
  const store = keyStore(t.kernel);
  const live = new Set<Key>();
  const visit = (key: Key | null): void => {
    if (key === null || live.has(key)) return;
    live.add(key);
    key.links.forEach(visit);
  };
  for (const both of store.userKeyrings.values()) [both.user, both.session].forEach(visit);
  for (const task of t.kernel.pids.tasks.values()) {
    for (const id of [K.KEY_SPEC_THREAD_KEYRING, K.KEY_SPEC_PROCESS_KEYRING]) {
      const found = lookupKey(task, id, false, true, 0);
      if (typeof found !== 'number') visit(found.key);
    }
    visit(task.sessionKeyring);
  }
  for (const key of store.keys.values()) if (!live.has(key)) store.keys.delete(key.serial);
}

function sysAddKey(t: Task, typePtr: number, descPtr: number, payloadPtr: number, length: number, ringId: number): number {
  if (length > MAX_PAYLOAD) return -EINVAL;
  const type = typeArg(t, typePtr);
  if (typeof type === 'number') return type;
  let description: string | null = null;
  if (descPtr !== 0) {
    const text = textArg(t, descPtr);
    if (typeof text === 'number') return text;
    if (text.startsWith('.') && type.startsWith('keyring')) return -EPERM;
    description = text === '' ? null : text;
  }
  const payload = t.memory.copyIn(payloadPtr, length);
  if (payload === null) return -EFAULT;
  const ring = lookupKey(t, ringId, true, false, Need.write);
  if (typeof ring === 'number') return ring;
  if (!KEY_TYPES.includes(type)) return -ENODEV;
  if (!ring.key.isKeyring) return -ENOTDIR;
  return createOrUpdate(t, ring, type as KeyType, description, payload);
}

function createOrUpdate(t: Task, ring: KeyRef, type: KeyType, description: string | null, payload: Uint8Array): number {
  const bad = payloadError(type, payload);
  if (bad !== 0 || description === null) return bad || -EINVAL;
  if (type === 'logon' && description.indexOf(':') < 1) return -EINVAL;
  if (ring.key.restricted) return -EPERM;
  const had = type === 'keyring' ? undefined : ring.key.links.find((key) => key.type === type && key.description === description && key.usable(t.kernel.nowNs()) === 0);
  if (had !== undefined) {
    if (!permitted(t, had, Need.write, ring.possessed)) return -EACCES;
    had.payload = payload;
    had.expiryNs = Infinity;
    return had.serial;
  }
  collect(t);
  const full = quotaError(t, description.length + 1 + payload.length);
  if (full !== 0) return full;
  const perm = type === 'logon' ? Perm.possessorNoRead | Perm.userView : Perm.possessorAll | Perm.userView;
  const key = keyStore(t.kernel).create(type, description, t.cred.fsuid, t.cred.fsgid, perm);
  key.payload = payload;
  key.quotaUid = t.cred.uid;
  const linked = linkKey(ring.key, key);
  return linked < 0 ? linked : key.serial;
}

function sysRequestKey(t: Task, typePtr: number, descPtr: number, calloutPtr: number, destId: number): number {
  const type = typeArg(t, typePtr);
  if (typeof type === 'number') return type;
  const description = textArg(t, descPtr);
  if (typeof description === 'number') return description;
  if (calloutPtr !== 0) {
    const callout = textArg(t, calloutPtr);
    if (typeof callout === 'number') return callout;
  }
  let dest: KeyRef | null = null;
  if (destId !== 0) {
    const ring = lookupKey(t, destId, true, false, Need.write);
    if (typeof ring === 'number') return ring;
    dest = ring;
  }
  if (!KEY_TYPES.includes(type)) return -ENOKEY;
  const found = searchTask(t, type as KeyType, description);
  if (typeof found === 'number') {
    if (found === -ENOKEY && calloutPtr !== 0) leaveNegative(t, dest, type as KeyType, description);
    return found;
  }
  if (dest !== null) {
    const linked = linkKey(dest.key, found.key);
    if (linked < 0) return linked;
  }
  return found.key.serial;
}

/** Nobody could make the key: that is remembered for a while. */
function leaveNegative(t: Task, dest: KeyRef | null, type: KeyType, description: string): void {
  const key = keyStore(t.kernel).create(type, description, t.cred.fsuid, t.cred.fsgid, Perm.possessorAll | Perm.userView);
  key.negative = true;
  key.expiryNs = t.kernel.nowNs() + NEGATIVE_NS;
  linkKey(dest?.key ?? sessionKeyring(t), key);
}

// ---- keyctl ----

type Operation = (t: Task, a: number, b: number, c: number, d: number) => number;
const serialOf = (ref: KeyRef | number): number => (typeof ref === 'number' ? ref : ref.key.serial);

function update(t: Task, id: number, ptr: number, length: number): number {
  if (length < 0 || length > 4096) return -EINVAL;
  const payload = t.memory.copyIn(address(ptr), length);
  if (payload === null) return -EFAULT;
  const ref = lookupKey(t, id | 0, false, false, Need.write);
  if (typeof ref === 'number') return ref;
  if (ref.key.isKeyring) return -EOPNOTSUPP;
  const bad = payloadError(ref.key.type, payload);
  if (bad !== 0) return bad;
  ref.key.payload = payload;
  ref.key.expiryNs = Infinity;
  return 0;
}

function revoke(t: Task, id: number): number {
  let ref = lookupKey(t, id | 0, false, false, Need.write);
  if (ref === -EACCES) ref = lookupKey(t, id | 0, false, false, Need.setattr);
  if (typeof ref === 'number') return ref;
  ref.key.revoked = true;
  ref.key.links.length = 0;
  return 0;
}

/** An id that is left as it is. */
const keeps = (id: number): boolean => id >>> 0 === 0xffffffff;

function chown(t: Task, id: number, uid: number, gid: number): number {
  if (keeps(uid) && keeps(gid)) return 0;
  const ref = lookupKey(t, id | 0, true, true, Need.setattr);
  if (typeof ref === 'number') return ref;
  const { key } = ref;
  if (!isAdmin(t)) {
    if (!keeps(uid) && key.uid !== uid >>> 0) return -EACCES;
    if (!keeps(gid) && gid >>> 0 !== key.gid && !t.cred.inGroup(gid >>> 0)) return -EACCES;
  }
  if (!keeps(uid)) key.uid = uid >>> 0;
  if (!keeps(gid)) key.gid = gid >>> 0;
  return 0;
}

function setPerm(t: Task, id: number, perm: number): number {
  if ((perm & ~Perm.known) !== 0) return -EINVAL;
  const ref = lookupKey(t, id | 0, true, true, Need.setattr);
  if (typeof ref === 'number') return ref;
  if (!isAdmin(t) && ref.key.uid !== t.cred.fsuid) return -EACCES;
  ref.key.perm = perm;
  return 0;
}

/** -1 has no name in a user name space. */
const munged = (id: number): number => (id === 0xffffffff ? 65534 : id);
const hex8 = (n: number): string => n.toString(16).padStart(8, '0');

function describe(t: Task, id: number, ptr: number, length: number): number {
  const ref = lookupKey(t, id | 0, false, true, Need.view);
  if (typeof ref === 'number') return ref;
  const { key } = ref;
  const text = fromLatin1(`${key.type};${munged(key.uid)};${munged(key.gid)};${hex8(key.perm)};${key.description}\0`);
  if (ptr !== 0 && length >= text.length && !t.memory.copyOut(address(ptr), text)) return -EFAULT;
  return text.length;
}

function clear(t: Task, id: number): number {
  const ref = lookupKey(t, id | 0, true, false, Need.write);
  if (typeof ref === 'number') return ref;
  if (!ref.key.isKeyring) return -ENOTDIR;
  ref.key.links.length = 0;
  return 0;
}

function link(t: Task, id: number, ringId: number): number {
  const ring = lookupKey(t, ringId | 0, true, false, Need.write);
  if (typeof ring === 'number') return ring;
  const ref = lookupKey(t, id | 0, true, false, Need.link);
  return typeof ref === 'number' ? ref : linkKey(ring.key, ref.key);
}

function unlink(t: Task, id: number, ringId: number): number {
  const ring = lookupKey(t, ringId | 0, false, false, Need.write);
  if (typeof ring === 'number') return ring;
  const ref = lookupKey(t, id | 0, false, true, 0);
  return typeof ref === 'number' ? ref : unlinkKey(ring.key, ref.key);
}

function move(t: Task, id: number, fromId: number, toId: number, flags: number): number {
  if ((flags & ~K.KEYCTL_MOVE_EXCL) !== 0) return -EINVAL;
  const ref = lookupKey(t, id | 0, true, false, Need.link);
  if (typeof ref === 'number') return ref;
  const from = lookupKey(t, fromId | 0, false, false, Need.write);
  if (typeof from === 'number') return from;
  const to = lookupKey(t, toId | 0, true, false, Need.write);
  if (typeof to === 'number') return to;
  if (!from.key.isKeyring || !to.key.isKeyring) return -ENOTDIR;
  if (from.key === to.key) return 0;
  if (!from.key.links.includes(ref.key)) return -ENOENT;
  const { type, description } = ref.key;
  if ((flags & K.KEYCTL_MOVE_EXCL) !== 0 && to.key.links.some((key) => key.type === type && key.description === description)) return -EEXIST;
  const linked = linkKey(to.key, ref.key);
  return linked < 0 ? linked : unlinkKey(from.key, ref.key);
}

function search(t: Task, ringId: number, typePtr: number, descPtr: number, destId: number): number {
  const type = typeArg(t, typePtr);
  if (typeof type === 'number') return type;
  const description = textArg(t, descPtr);
  if (typeof description === 'number') return description;
  const ring = lookupKey(t, ringId | 0, false, false, Need.search);
  if (typeof ring === 'number') return ring;
  let dest: KeyRef | null = null;
  if ((destId | 0) !== 0) {
    const found = lookupKey(t, destId | 0, true, false, Need.write);
    if (typeof found === 'number') return found;
    dest = found;
  }
  if (!KEY_TYPES.includes(type)) return -ENOKEY;
  if (!ring.key.isKeyring) return -ENOTDIR;
  const found = searchRing(t, ring.key, ring.possessed, type as KeyType, description);
  if (typeof found === 'number') return found === -EAGAIN ? -ENOKEY : found;
  if (dest !== null) {
    if (!permitted(t, found.key, Need.link, found.possessed)) return -EACCES;
    const linked = linkKey(dest.key, found.key);
    if (linked < 0) return linked;
  }
  return found.key.serial;
}

function read(t: Task, id: number, ptr: number, length: number): number {
  const ref = lookupKey(t, id | 0, false, false, 0);
  if (typeof ref === 'number') return ref;
  const { key } = ref;
  // Readable when it says so, or when the holder could have searched for it.
  if (!permitted(t, key, Need.read, ref.possessed) && !possesses(t, key)) return -EACCES;
  if (key.type === 'logon') return -EOPNOTSUPP;
  if (key.isKeyring && length % 4 !== 0) return -EINVAL;
  let bytes = key.payload;
  if (key.isKeyring) {
    bytes = new Uint8Array(4 * key.links.length);
    key.links.forEach((member, i) => putU32(bytes, 4 * i, member.serial));
  }
  if (ptr === 0 || length === 0) return bytes.length;
  if (!key.isKeyring && length < bytes.length) return bytes.length;
  return t.memory.copyOut(address(ptr), bytes.subarray(0, Math.min(length, bytes.length))) ? bytes.length : -EFAULT;
}

function setTimeout_(t: Task, id: number, seconds: number): number {
  const ref = lookupKey(t, id | 0, true, true, Need.setattr);
  if (typeof ref === 'number') return ref;
  ref.key.expiryNs = seconds >>> 0 === 0 ? Infinity : t.kernel.nowNs() + (seconds >>> 0) * 1e9;
  return 0;
}

function getSecurity(t: Task, id: number, ptr: number, length: number): number {
  const ref = lookupKey(t, id | 0, false, true, Need.view);
  // Without permission a token that allows to fill it in is looked for.
  if (typeof ref === 'number') return ref === -EACCES ? -ENOKEY : ref;
  if (ptr !== 0 && length > 0 && !t.memory.copyOut(address(ptr), new Uint8Array(1))) return -EFAULT;
  return 1;
}

function joinNamed(t: Task, namePtr: number): number {
  let name: string | null = null;
  if (namePtr !== 0) {
    const text = textArg(t, namePtr);
    if (typeof text === 'number') return text;
    if (text.startsWith('.')) return -EPERM;
    name = text;
  }
  const key = joinSession(t, name);
  return typeof key === 'number' ? key : key.serial;
}

function sessionToParent(t: Task): number {
  const parent = t.process.parent;
  if (parent === null || parent.pid <= 1) return -EPERM;
  const its = parent.leader.cred, mine = t.cred;
  if (parent.tasks.size > 1 || its.uid !== mine.euid || its.euid !== mine.euid || its.suid !== mine.euid) return -EPERM;
  parent.leader.sessionKeyring = sessionKeyring(t);
  return 0;
}

function restrict(t: Task, id: number, typePtr: number): number {
  const ref = lookupKey(t, id | 0, false, false, Need.setattr);
  if (typeof ref === 'number') return ref;
  if (typePtr !== 0) return -EOPNOTSUPP;
  if (!ref.key.isKeyring) return -ENOTDIR;
  if (ref.key.restricted) return -EEXIST;
  ref.key.restricted = true;
  return 0;
}

function setRequestDefault(t: Task, which: number): number {
  const old = t.requestKeyDefault;
  if ((which | 0) === K.KEY_REQKEY_DEFL_NO_CHANGE) return old;
  if (which > K.KEY_REQKEY_DEFL_REQUESTOR_KEYRING || which === K.KEY_REQKEY_DEFL_GROUP_KEYRING || (which | 0) < 0) return -EINVAL;
  t.requestKeyDefault = which;
  return old;
}

const noAuthority: Operation = () => -EPERM;

const operations: Record<number, Operation> = {
  [K.KEYCTL_GET_KEYRING_ID]: (t, id, create) => serialOf(lookupKey(t, id | 0, create !== 0, false, Need.search)),
  [K.KEYCTL_JOIN_SESSION_KEYRING]: joinNamed,
  [K.KEYCTL_UPDATE]: update,
  [K.KEYCTL_REVOKE]: revoke,
  [K.KEYCTL_CHOWN]: chown,
  [K.KEYCTL_SETPERM]: setPerm,
  [K.KEYCTL_DESCRIBE]: describe,
  [K.KEYCTL_CLEAR]: clear,
  [K.KEYCTL_LINK]: link,
  [K.KEYCTL_UNLINK]: unlink,
  [K.KEYCTL_SEARCH]: search,
  [K.KEYCTL_READ]: read,
  [K.KEYCTL_INSTANTIATE]: (_t, _id, _ptr, length) => (length > MAX_PAYLOAD ? -EINVAL : -EPERM),
  [K.KEYCTL_NEGATE]: noAuthority,
  [K.KEYCTL_SET_REQKEY_KEYRING]: setRequestDefault,
  [K.KEYCTL_SET_TIMEOUT]: setTimeout_,
  [K.KEYCTL_ASSUME_AUTHORITY]: (_t, id) => ((id | 0) < 0 ? -EINVAL : id === 0 ? 0 : -ENOKEY),
  [K.KEYCTL_GET_SECURITY]: getSecurity,
  [K.KEYCTL_SESSION_TO_PARENT]: sessionToParent,
  [K.KEYCTL_REJECT]: (_t, _id, _timeout, error) => (error >>> 0 === 0 || error >>> 0 >= MAX_ERRNO || RESTARTS.includes(error) ? -EINVAL : -EPERM),
  [K.KEYCTL_INSTANTIATE_IOV]: noAuthority,
  [K.KEYCTL_INVALIDATE]: (t, id) => {
    const ref = lookupKey(t, id | 0, false, false, Need.search);
    if (typeof ref === 'number') return ref;
    ref.key.invalidated = true;
    return 0;
  },
  [K.KEYCTL_RESTRICT_KEYRING]: restrict,
  [K.KEYCTL_MOVE]: move,
};

function sysKeyctl(t: Task, op: number, a: number, b: number, c: number, d: number): number {
  const operation = operations[op];
  return operation === undefined ? -EOPNOTSUPP : operation(t, a, b, c, d);
}

export const keyRows: readonly SyscallRow[] = [
  { name: 'add_key', x86_64: 248, i386: 286, args: ['str', 'str', 'ptr', 'size', 'int'], ret: 'int', handler: sysAddKey, note: 'types user, logon, keyring' },
  { name: 'request_key', x86_64: 249, i386: 287, args: ['str', 'str', 'str', 'int'], ret: 'int', handler: sysRequestKey, note: 'no upcalls' },
  { name: 'keyctl', x86_64: 250, i386: 288, args: ['int', 'long', 'long', 'long', 'long'], ret: 'int', handler: sysKeyctl, note: 'no asymmetric keys, no instantiation by request-key' },
];
