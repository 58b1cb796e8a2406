import { initialUserNamespace, type UserNamespace } from './userNamespace.ts';

/** Capability numbers (capabilities(7)). */
export const Cap = {
  CHOWN: 0, DAC_OVERRIDE: 1, DAC_READ_SEARCH: 2, FOWNER: 3, FSETID: 4, KILL: 5, SETGID: 6, SETUID: 7, SETPCAP: 8,
  LINUX_IMMUTABLE: 9, NET_BIND_SERVICE: 10, NET_BROADCAST: 11, NET_ADMIN: 12, NET_RAW: 13, IPC_LOCK: 14, IPC_OWNER: 15,
  SYS_MODULE: 16, SYS_RAWIO: 17, SYS_CHROOT: 18, SYS_PTRACE: 19, SYS_PACCT: 20, SYS_ADMIN: 21, SYS_BOOT: 22,
  SYS_NICE: 23, SYS_RESOURCE: 24, SYS_TIME: 25, SYS_TTY_CONFIG: 26, MKNOD: 27, LEASE: 28, AUDIT_WRITE: 29,
  AUDIT_CONTROL: 30, SETFCAP: 31, MAC_OVERRIDE: 32, MAC_ADMIN: 33, SYSLOG: 34, WAKE_ALARM: 35, BLOCK_SUSPEND: 36,
  AUDIT_READ: 37, PERFMON: 38, BPF: 39, CHECKPOINT_RESTORE: 40,
} as const;
export const LAST_CAP = Cap.CHECKPOINT_RESTORE;
/** A capability set is a whole number below 2^53: bit n = capability n. */
export const ALL_CAPS = 2 ** (LAST_CAP + 1) - 1;

export function capIn(set: number, cap: number): boolean {
  return cap < 32 ? ((set >>> 0) & (1 << cap)) !== 0 : ((Math.floor(set / 2 ** 32) >>> 0) & (1 << (cap - 32))) !== 0;
}

/**
 * Identity and privileges of a task (credentials(7)). Immutable by custom: whoever changes one makes a copy with `with`
 * and hangs it into the task, so that a file description may keep its opener's.
 */
export class Cred {
  readonly uid: number = 0;
  readonly gid: number = 0;
  readonly euid: number = 0;
  readonly egid: number = 0;
  readonly suid: number = 0;
  readonly sgid: number = 0;
  readonly fsuid: number = 0;
  readonly fsgid: number = 0;
  readonly groups: readonly number[] = [];
  readonly capPermitted: number = ALL_CAPS;
  readonly capEffective: number = ALL_CAPS;
  readonly capInheritable: number = 0;
  readonly capBounding: number = ALL_CAPS;
  readonly capAmbient: number = 0;
  readonly secureBits: number = 0;
  /** The capabilities are over what belongs to this namespace and those inside of it. */
  readonly userNs: UserNamespace = initialUserNamespace;

  static user(uid: number, gid: number, groups: readonly number[] = []): Cred {
    const caps = uid === 0 ? ALL_CAPS : 0;
    return new Cred().with({
      uid, euid: uid, suid: uid, fsuid: uid, gid, egid: gid, sgid: gid, fsgid: gid, groups, capPermitted: caps, capEffective: caps,
    });
  }

  with(change: Partial<Omit<Cred, 'with' | 'has' | 'hasOwn' | 'hasIn' | 'hasOver' | 'inGroup'>>): Cred {
    return Object.assign(Object.assign(new Cred(), this), change);
  }

  /** A capability over the system itself: in the first user namespace. */
  has(cap: number): boolean {
    return this.userNs.parent === null && capIn(this.capEffective, cap);
  }
  /** In its own user namespace. */
  hasOwn(cap: number): boolean {
    return capIn(this.capEffective, cap);
  }
  /** Over what belongs to the user namespace `ns` (cap_capable): its owner has all of them. */
  hasIn(cap: number, ns: UserNamespace): boolean {
    for (let at = ns; ; at = at.parent!) {
      if (at === this.userNs) return capIn(this.capEffective, cap);
      if (at.level <= this.userNs.level) return false;
      if (at.parent === this.userNs && at.owner === this.euid) return true;
    }
  }
  /** Over a file: the namespace must know its owners (capable_wrt_inode_uidgid). */
  hasOver(cap: number, file: { readonly uid: number; readonly gid: number }): boolean {
    const { userNs } = this;
    return capIn(this.capEffective, cap) && (userNs.parent === null || (userNs.uids.has(file.uid) && userNs.gids.has(file.gid)));
  }

  /** Whether files of group `gid` count as ours (file-system identity). */
  inGroup(gid: number): boolean {
    return gid === this.fsgid || this.groups.includes(gid);
  }
}
