/** What ids without a mapping show as (kernel.overflowuid, kernel.overflowgid). */
export const OVERFLOW_ID = 65534;
/** The id that is none: (uid_t)-1. */
export const NO_ID = 0xffffffff;

/** `count` ids from `inside` on stand for the kernel's ids from `kernel` on. */
export interface IdExtent {
  readonly inside: number;
  readonly kernel: number;
  readonly count: number;
}

/** Ids of one kind as a user namespace numbers them. Empty until it has been written, once. */
export class IdMap {
  extents: readonly IdExtent[] = [];

  constructor(extents: readonly IdExtent[] = []) {
    this.extents = extents;
  }

  /** The kernel's id of an id of the namespace; NO_ID: none. */
  toKernel(id: number): number {
    for (const e of this.extents) if (id >= e.inside && id - e.inside < e.count) return e.kernel + (id - e.inside);
    return NO_ID;
  }
  /** The namespace's id of a kernel id; NO_ID: none. */
  fromKernel(id: number): number {
    for (const e of this.extents) if (id >= e.kernel && id - e.kernel < e.count) return e.inside + (id - e.kernel);
    return NO_ID;
  }
  has(kernelId: number): boolean {
    return this.fromKernel(kernelId) !== NO_ID;
  }
}

let nextNamespaceId = 4026532200;
/** The inode number that /proc/PID/ns shows of a new namespace. */
export const newNamespaceId = (): number => nextNamespaceId++;

/**
 * A set of ids and of capabilities over them (user_namespaces(7)). Everything inside the kernel is in ids of the first namespace ("kernel
 * ids"); they are translated where a program passes or sees them.
 */
export class UserNamespace {
  readonly kind = 'user';
  readonly parent: UserNamespace | null;
  readonly level: number;
  /** Kernel ids of who made it: has all capabilities in it from outside. */
  readonly owner: number;
  readonly group: number;
  readonly id: number;
  readonly uids: IdMap;
  readonly gids: IdMap;
  readonly projects: IdMap;
  /** Whether setgroups(2) may be called (/proc/PID/setgroups). */
  setgroups: boolean;

  constructor(parent: UserNamespace | null, owner: number, group: number, id: number, whole: readonly IdExtent[] = []) {
    this.parent = parent;
    this.level = parent === null ? 0 : parent.level + 1;
    this.owner = owner;
    this.group = group;
    this.id = id;
    this.uids = new IdMap(whole);
    this.gids = new IdMap(whole);
    this.projects = new IdMap(whole);
    this.setgroups = parent?.setgroups ?? true;
  }

  /** A uid that a program passes, as the kernel's; NO_ID when it stands for nobody (and for -1). */
  uidIn(uid: number): number {
    return this.parent === null ? uid : this.uids.toKernel(uid);
  }
  gidIn(gid: number): number {
    return this.parent === null ? gid : this.gids.toKernel(gid);
  }
  /** A kernel uid as a program sees it. */
  uidOut(uid: number): number {
    if (this.parent === null) return uid;
    const id = this.uids.fromKernel(uid);
    return id === NO_ID ? OVERFLOW_ID : id;
  }
  gidOut(gid: number): number {
    if (this.parent === null) return gid;
    const id = this.gids.fromKernel(gid);
    return id === NO_ID ? OVERFLOW_ID : id;
  }
  /** As uidOut, but NO_ID for who has no id here. */
  uidOutOrNone(uid: number): number {
    return this.parent === null ? uid : this.uids.fromKernel(uid);
  }
  gidOutOrNone(gid: number): number {
    return this.parent === null ? gid : this.gids.fromKernel(gid);
  }
  /** The kernel's id of its user 0; NO_ID: it has none. */
  get root(): number {
    return this.uidIn(0);
  }
  /** Whether it is `other` or inside of it. */
  isWithin(other: UserNamespace): boolean {
    let at: UserNamespace = this;
    while (at.level > other.level) at = at.parent!;
    return at === other;
  }
}

/** The first one, of every emulator: its ids are the kernel's, and it has no state. */
export const initialUserNamespace = new UserNamespace(null, 0, 0, 4026531837, [{ inside: 0, kernel: 0, count: NO_ID }]);
