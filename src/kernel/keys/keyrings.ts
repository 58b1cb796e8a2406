import { EACCES, EAGAIN, EDEADLK, EINVAL, EKEYEXPIRED, EKEYREVOKED, ELOOP, ENOENT, ENOKEY, ENOTDIR, EPERM } from '../../abi/linux/errno.ts';
import * as K from '../../abi/linux/keyctl.ts';
import type { AddressSpace } from '../mm/addressSpace.ts';
import type { Process } from '../task/process.ts';
import type { Task } from '../task/task.ts';
import { Need, Perm, keyStore, permitted, reaches, type Key, type KeyType } from './key.ts';

/** Keyrings in keyrings (KEYRING_SEARCH_MAX_DEPTH). */
const MAX_DEPTH = 6;

interface Anchored {
  readonly key: Key;
  /** execve drops it: then the memory is another. */
  readonly mm: AddressSpace;
}
const threadKeyrings = new WeakMap<Task, Anchored>();
const processKeyrings = new WeakMap<Process, Anchored>();

function anchored<K extends object>(map: WeakMap<K, Anchored>, owner: K, t: Task, create: boolean, name: string): Key | null {
  const had = map.get(owner);
  if (had !== undefined && had.mm === t.mm) return had.key;
  if (!create) return null;
  const key = keyStore(t.kernel).create('keyring', name, t.cred.uid, t.cred.gid, Perm.possessorAll | Perm.userView);
  map.set(owner, { key, mm: t.mm });
  return key;
}

export const threadKeyring = (t: Task, create: boolean): Key | null => anchored(threadKeyrings, t, t, create, '_tid');
export const processKeyring = (t: Task, create: boolean): Key | null => anchored(processKeyrings, t.process, t, create, '_pid');

/** The session's keyring; a task without one uses its user's default. */
export function sessionKeyring(t: Task): Key {
  const own = t.sessionKeyring;
  return own !== null && !own.revoked ? own : (own ?? keyStore(t.kernel).ofUser(t.cred.uid).session);
}

/** What the task's own keyrings lead to is possessed. */
export function possesses(t: Task, key: Key): boolean {
  const roots = [threadKeyring(t, false), processKeyring(t, false), sessionKeyring(t)];
  return roots.some((root) => root !== null && reaches(root, key, t));
}

export interface KeyRef {
  readonly key: Key;
  readonly possessed: boolean;
}

/** lookup_user_key: a key by its serial number or special name. `partial`, without `need`: revoked and expired ones, too. `need` 0: no permission asked. */
export function lookupKey(t: Task, id: number, create: boolean, partial: boolean, need: number): KeyRef | number {
  const store = keyStore(t.kernel);
  let key: Key | null | undefined;
  let possessed = true;
  switch (id) {
    case K.KEY_SPEC_THREAD_KEYRING: key = threadKeyring(t, create); break;
    case K.KEY_SPEC_PROCESS_KEYRING: key = processKeyring(t, create); break;
    case K.KEY_SPEC_SESSION_KEYRING:
      if (t.sessionKeyring === null && create) joinSession(t, null);
      key = sessionKeyring(t);
      break;
    case K.KEY_SPEC_USER_KEYRING: key = store.ofUser(t.cred.uid).user; break;
    case K.KEY_SPEC_USER_SESSION_KEYRING: key = store.ofUser(t.cred.uid).session; break;
    case K.KEY_SPEC_GROUP_KEYRING: return -EINVAL;
    case K.KEY_SPEC_REQKEY_AUTH_KEY: case K.KEY_SPEC_REQUESTOR_KEYRING: return -ENOKEY;
    default:
      if (id < 1) return -EINVAL;
      key = store.keys.get(id);
      possessed = key !== undefined && possesses(t, key);
  }
  if (key === null || key === undefined) return -ENOKEY;
  if (id === K.KEY_SPEC_USER_KEYRING || id === K.KEY_SPEC_USER_SESSION_KEYRING) possessed = possesses(t, key);
  if (key.invalidated) return -ENOKEY;
  if (!partial || need !== 0) {
    const error = key.usable(t.kernel.nowNs());
    if (error !== 0) return error;
    if (key.negative && !partial) return -ENOKEY;
  }
  return need !== 0 && !permitted(t, key, need, possessed) ? -EACCES : { key, possessed };
}

/** KEYCTL_JOIN_SESSION_KEYRING. */
export function joinSession(t: Task, name: string | null): Key | number {
  const store = keyStore(t.kernel);
  if (name !== null) {
    for (const key of store.keys.values()) {
      if (!key.isKeyring || key.description !== name || key.usable(t.kernel.nowNs()) !== 0 || !permitted(t, key, Need.search, false)) continue;
      return (t.sessionKeyring = key);
    }
  }
  return (t.sessionKeyring = store.create('keyring', name ?? '_ses', t.cred.uid, t.cred.gid, Perm.possessorAll | Perm.userView | Perm.userRead | (name === null ? 0 : Perm.userLink)));
}

function depthOf(key: Key): number {
  return key.isKeyring ? 1 + Math.max(0, ...key.links.map(depthOf)) : 0;
}
const contains = (ring: Key, key: Key): boolean => ring === key || ring.links.some((link) => contains(link, key));

/** Links `key` into `ring`, in place of one of the same type and description. */
export function linkKey(ring: Key, key: Key): number {
  if (!ring.isKeyring) return -ENOTDIR;
  if (ring.restricted) return -EPERM;
  if (key.isKeyring && contains(key, ring)) return -EDEADLK;
  if (key.isKeyring && depthOf(key) >= MAX_DEPTH) return -ELOOP;
  const at = ring.links.findIndex((link) => link.type === key.type && link.description === key.description);
  if (at >= 0) ring.links[at] = key;
  else ring.links.push(key);
  return 0;
}

export function unlinkKey(ring: Key, key: Key): number {
  if (!ring.isKeyring) return -ENOTDIR;
  const at = ring.links.indexOf(key);
  if (at < 0) return -ENOENT;
  ring.links.splice(at, 1);
  return 0;
}

/** Breadth-first, as far as searching is allowed. A key, -EAGAIN when there is none, or why what was found is no good. */
export function searchRing(t: Task, root: Key, possessed: boolean, type: KeyType, description: string, skipExpired = false): KeyRef | number {
  const nowNs = t.kernel.nowNs();
  let level = [root];
  let error: number = -EAGAIN;
  for (let depth = 0; depth <= MAX_DEPTH && level.length > 0; depth++) {
    const next: Key[] = [];
    for (const ring of level) {
      if (ring.usable(nowNs) !== 0) continue;
      for (const key of ring.links) {
        if (key.type === type && key.description === description) {
          const bad = key.invalidated ? -EKEYREVOKED : key.usable(nowNs);
          if (bad !== 0) {
            if (bad !== -EKEYEXPIRED || !skipExpired) error = bad;
            continue;
          }
          if (permitted(t, key, Need.search, possessed)) return key.negative ? -ENOKEY : { key, possessed };
          error = -EACCES;
        }
        if (key.isKeyring && permitted(t, key, Need.search, possessed)) next.push(key);
      }
    }
    level = next;
  }
  return error;
}

/** search_process_keyrings: that a keyring has nothing outweighs what is wrong in another. */
export function searchTask(t: Task, type: KeyType, description: string): KeyRef | number {
  let error: number = -EAGAIN;
  let nothing = false;
  for (const root of [threadKeyring(t, false), processKeyring(t, false), sessionKeyring(t)]) {
    if (root === null) continue;
    const found = searchRing(t, root, true, type, description, true);
    if (typeof found !== 'number') return found;
    if (found === -EAGAIN) nothing = true;
    else error = found;
  }
  return nothing || error === -EAGAIN ? -ENOKEY : error;
}
