import { EACCES, EEXIST, EIDRM, EINVAL, ENOENT, ENOSPC, EPERM } from '../../../abi/linux/errno.ts';
import { IPC_CREAT, IPC_EXCL, IPC_PRIVATE } from '../../../abi/linux/ipc.ts';
import { Cap } from '../../../vfs/cred.ts';
import type { Task } from '../../task/task.ts';

/** Ids are sequence * 32768 + index, so that an old id of a reused index is told from the new one. */
const INDEX_BITS = 15;
const MAX_SEQUENCE = 0xffff;

/** What all three kinds of System V objects have (struct kern_ipc_perm). */
export class IpcObject {
  id = 0;
  /** IPC_PRIVATE once it cannot be found by key any more. */
  key: number;
  uid: number;
  gid: number;
  readonly cuid: number;
  readonly cgid: number;
  mode: number;
  /** Taken out of its table; waiting calls end with EIDRM. */
  removed = false;

  constructor(t: Task, key: number, mode: number) {
    this.key = key;
    this.uid = this.cuid = t.cred.euid;
    this.gid = this.cgid = t.cred.egid;
    this.mode = mode & 0o777;
  }
  get sequence(): number {
    return this.id >>> INDEX_BITS;
  }
  get index(): number {
    return this.id & ((1 << INDEX_BITS) - 1);
  }

  /** Permission bits `wanted` (as in 0444, 0222). 0 or -EACCES (ipcperms). */
  access(t: Task, wanted: number): number {
    const { cred } = t;
    const asked = (wanted >>> 6) | (wanted >>> 3) | wanted;
    let granted = this.mode;
    if (cred.euid === this.cuid || cred.euid === this.uid) granted >>>= 6;
    else if (cred.egid === this.cgid || cred.egid === this.gid || cred.groups.includes(this.cgid) || cred.groups.includes(this.gid)) granted >>>= 3;
    return (asked & ~granted & 7) !== 0 && !cred.hasIn(Cap.IPC_OWNER, t.ns.ipc.userNs) ? -EACCES : 0;
  }

  /** Who may change or remove it. 0 or -EPERM. */
  mayControl(t: Task): number {
    const { euid } = t.cred;
    return euid === this.cuid || euid === this.uid || t.cred.hasIn(Cap.SYS_ADMIN, t.ns.ipc.userNs) ? 0 : -EPERM;
  }
}

/** The objects of one kind, by id and by key. */
export class IpcTable<T extends IpcObject> {
  private readonly slots: (T | null)[] = [];
  private sequence = 0;
  private lastIndex = -1;
  /** kernel.msg_next_id, ...: what the next object is to be called, if that is free; -1: as it comes. */
  nextId = -1;
  private readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  get count(): number {
    return this.list().length;
  }
  /** Highest index in use, -1 for none: what the INFO calls answer. */
  get highest(): number {
    for (let i = this.slots.length - 1; i >= 0; i--) if (this.slots[i]) return i;
    return -1;
  }
  list(): T[] {
    return this.slots.filter((slot): slot is T => slot !== null && slot !== undefined);
  }

  /** The object with that id; -EINVAL for a number that never was one, -EIDRM for one whose index is taken by another. */
  find(id: number): T | number {
    if (id < 0) return -EINVAL;
    const object = this.slots[id & ((1 << INDEX_BITS) - 1)] ?? null;
    if (object === null) return -EINVAL;
    return object.id === id ? object : -EIDRM;
  }
  /** By index, for the *_STAT commands. */
  at(index: number): T | number {
    return this.slots[index & ((1 << INDEX_BITS) - 1)] ?? -EINVAL;
  }

  /** msgget, semget, shmget: an id. `suits` checks an existing object, `make` makes a new one (or -errno). */
  get(t: Task, key: number, flags: number, suits: (object: T) => number, make: () => T | number): number {
    if (key !== IPC_PRIVATE) {
      const found = this.list().find((object) => object.key === key);
      if (found !== undefined) {
        if ((flags & IPC_CREAT) !== 0 && (flags & IPC_EXCL) !== 0) return -EEXIST;
        const fits = suits(found);
        if (fits < 0) return fits;
        const allowed = found.access(t, flags & 0o777);
        return allowed < 0 ? allowed : found.id;
      }
      if ((flags & IPC_CREAT) === 0) return -ENOENT;
    }
    const object = make();
    return typeof object === 'number' ? object : this.add(object);
  }

  private add(object: T): number {
    if (this.count >= this.limit) return -ENOSPC;
    const wanted = this.nextId;
    this.nextId = -1;
    let index = wanted < 0 ? 0 : wanted & ((1 << INDEX_BITS) - 1);
    while (this.slots[index]) index++;
    if (wanted >= 0) {
      object.id = (wanted >>> INDEX_BITS) * (1 << INDEX_BITS) + index;
      this.slots[index] = object;
      return object.id;
    }
    if (index <= this.lastIndex) this.sequence = this.sequence >= MAX_SEQUENCE ? 0 : this.sequence + 1;
    this.lastIndex = index;
    object.id = this.sequence * (1 << INDEX_BITS) + index;
    this.slots[index] = object;
    return object.id;
  }

  remove(object: T): void {
    object.removed = true;
    if (this.slots[object.index] === object) this.slots[object.index] = null;
  }
}
