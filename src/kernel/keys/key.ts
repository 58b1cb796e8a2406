import { EACCES, EKEYEXPIRED, EKEYREVOKED, ENOKEY } from '../../abi/linux/errno.ts';
import { Cap } from '../../vfs/cred.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../task/task.ts';

/** Permission bits, as they stand in the lowest of the four groups: possessor, owner, group, others. */
export const Need = { view: 1, read: 2, write: 4, search: 8, link: 16, setattr: 32 } as const;

/** Permission words that keys begin with (include/linux/key.h: KEY_POS_*, KEY_USR_*). */
export const Perm = {
  possessorAll: 0x3f000000,
  possessorNoRead: 0x3d000000,
  userAll: 0x3f0000,
  userView: Need.view << 16,
  userRead: Need.read << 16,
  userLink: Need.link << 16,
  possessorNoSetattr: 0x1f000000,
  groupAll: 0x3f00,
  known: 0x3f3f3f3f,
} as const;

/** The id of nobody. */
const NOBODY = 0xffffffff;

export type KeyType = 'user' | 'logon' | 'keyring';
export const KEY_TYPES: readonly string[] = ['user', 'logon', 'keyring'];

/** keyrings(7): a key or a keyring, alive while a keyring links it or it is anchored to a task or user. */
export class Key {
  readonly serial: number;
  readonly type: KeyType;
  readonly description: string;
  uid: number;
  gid: number;
  perm: number;
  /** Of keys that are not keyrings. */
  payload: Uint8Array = new Uint8Array(0);
  /** Of keyrings. */
  readonly links: Key[] = [];
  /** Whom quota counts it for; -1: nobody. */
  quotaUid = -1;
  expiryNs = Infinity;
  revoked = false;
  invalidated = false;
  /** Instantiated negatively: there is no such key, and asking again does not help for a while. */
  negative = false;
  /** KEYCTL_RESTRICT_KEYRING: takes no more links. */
  restricted = false;

  constructor(serial: number, type: KeyType, description: string, uid: number, gid: number, perm: number) {
    this.serial = serial;
    this.type = type;
    this.description = description;
    this.uid = uid;
    this.gid = gid;
    this.perm = perm;
  }

  get isKeyring(): boolean {
    return this.type === 'keyring';
  }

  /** 0, or why it cannot be used. */
  usable(nowNs: number): number {
    if (this.invalidated) return -ENOKEY;
    if (this.revoked) return -EKEYREVOKED;
    return nowNs >= this.expiryNs ? -EKEYEXPIRED : 0;
  }
}

/** All keys of a kernel. */
export class KeyStore {
  readonly keys = new Map<number, Key>();
  readonly userKeyrings = new Map<number, { user: Key; session: Key }>();
  private next: number;

  constructor(kernel: Kernel) {
    const seed = new Uint8Array(4);
    kernel.parts.random.fill(seed);
    this.next = 0x1000_0000 + ((seed[0]! << 16) | (seed[1]! << 8) | seed[2]!);
  }

  create(type: KeyType, description: string, uid: number, gid: number, perm: number): Key {
    this.next += 7;
    const key = new Key(this.next, type, description, uid, gid, perm);
    this.keys.set(key.serial, key);
    return key;
  }

  /** The keyrings of a user: his own, linked from his default session's. */
  ofUser(uid: number): { user: Key; session: Key } {
    let both = this.userKeyrings.get(uid);
    if (both === undefined) {
      const user = this.create('keyring', `_uid.${uid}`, uid, NOBODY, Perm.possessorNoSetattr | Perm.userAll);
      const session = this.create('keyring', `_uid_ses.${uid}`, uid, NOBODY, Perm.possessorNoSetattr | Perm.userAll);
      session.links.push(user);
      this.userKeyrings.set(uid, (both = { user, session }));
    }
    return both;
  }
}

const stores = new WeakMap<Kernel, KeyStore>();
export function keyStore(kernel: Kernel): KeyStore {
  let store = stores.get(kernel);
  if (store === undefined) stores.set(kernel, (store = new KeyStore(kernel)));
  return store;
}

/** Found from a keyring, through the keyrings it links; nesting ends at 6. */
export function reaches(from: Key, key: Key, t: Task, depth = 0): boolean {
  if (from === key) return depth === 0 || permitted(t, key, Need.search, true);
  if (!from.isKeyring || depth >= 7 || !permitted(t, from, Need.search, true)) return false;
  return from.links.some((link) => reaches(link, key, t, depth + 1));
}

/** key_task_permission. */
export function permitted(t: Task, key: Key, need: number, possessed: boolean): boolean {
  const { cred } = t;
  let bits = key.uid === cred.fsuid ? key.perm >>> 16 : key.gid !== NOBODY && (key.perm & Perm.groupAll) !== 0 && cred.inGroup(key.gid) ? key.perm >>> 8 : key.perm;
  if (possessed) bits |= key.perm >>> 24;
  return (bits & need) === need;
}

/** 0 or -EACCES. */
export const check = (t: Task, key: Key, need: number, possessed: boolean): number => (permitted(t, key, need, possessed) ? 0 : -EACCES);

export const isAdmin = (t: Task): boolean => t.cred.has(Cap.SYS_ADMIN);
