import { EINVAL, ENOSPC, EPERM } from '../../abi/linux/errno.ts';
import { CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWTIME, CLONE_NEWUSER, CLONE_NEWUTS } from '../../abi/linux/sched.ts';
import { ALL_CAPS, Cap, type Cred } from '../../vfs/cred.ts';
import type { MountNamespace } from '../../vfs/mountNamespace.ts';
import type { FsContext } from '../../vfs/path.ts';
import { initialUserNamespace, newNamespaceId, NO_ID, UserNamespace } from '../../vfs/userNamespace.ts';
import { SysvIpc } from '../ipc/sysv/sysv.ts';
import { MAX_PID_LEVEL, PidNamespace } from './pidNamespace.ts';
import type { Task } from './task.ts';

export type NamespaceKind = 'cgroup' | 'ipc' | 'mnt' | 'net' | 'pid' | 'time' | 'user' | 'uts';
export const CLONE_FLAG: Readonly<Record<NamespaceKind, number>> = {
  cgroup: CLONE_NEWCGROUP, ipc: CLONE_NEWIPC, mnt: CLONE_NEWNS, net: CLONE_NEWNET, pid: CLONE_NEWPID, time: CLONE_NEWTIME, user: CLONE_NEWUSER, uts: CLONE_NEWUTS,
};
export const ALL_NAMESPACES = Object.values(CLONE_FLAG).reduce((all, flag) => all | flag, 0);
/** How deep user namespaces may be nested. */
const MAX_LEVEL = 32;

/** What processes can have of their own (namespaces(7)). Who has a capability in `userNs` has it over this. */
export class Namespace {
  readonly kind: NamespaceKind;
  readonly userNs: UserNamespace;
  /** Its inode number. */
  readonly id: number;
  constructor(kind: NamespaceKind, userNs: UserNamespace, id = newNamespaceId()) {
    this.kind = kind;
    this.userNs = userNs;
    this.id = id;
  }
}

export class UtsNamespace extends Namespace {
  hostname: string;
  domainname: string;
  constructor(userNs: UserNamespace, hostname: string, domainname: string, id?: number) {
    super('uts', userNs, id);
    this.hostname = hostname;
    this.domainname = domainname;
  }
}

/** System V objects; POSIX queues hang theirs on it themselves. */
export class IpcNamespace extends Namespace {
  readonly sysv = new SysvIpc();
  constructor(userNs: UserNamespace, id?: number) {
    super('ipc', userNs, id);
  }
}

/** What sysctls say of a network; the stack hangs on it by itself. */
export class NetNamespace extends Namespace {
  /** net.ipv4.ping_group_range: nobody, at first. */
  pingGroups: readonly [low: number, high: number] = [1, 0];
  constructor(userNs: UserNamespace, id?: number) {
    super('net', userNs, id);
  }
}

/** What is added to clocks that count from the machine's start (time_namespaces(7)). */
export class TimeNamespace extends Namespace {
  monotonicNs = 0;
  bootNs = 0;
  /** Somebody lives in it: it does not change any more. */
  frozen: boolean;
  constructor(userNs: UserNamespace, from: TimeNamespace | null, id?: number) {
    super('time', userNs, id);
    this.frozen = from === null;
    if (from === null) return;
    this.monotonicNs = from.monotonicNs;
    this.bootNs = from.bootNs;
  }
  get shifted(): boolean {
    return this.monotonicNs !== 0 || this.bootNs !== 0;
  }
}

/** Those of a thread (struct nsproxy), but for its user namespace, which belongs to its credentials. Never changed: replaced. */
export interface Namespaces {
  readonly cgroup: Namespace;
  readonly ipc: IpcNamespace;
  readonly mnt: MountNamespace;
  readonly net: NetNamespace;
  /** Where children are born; the thread itself lives in its process's. */
  readonly pid: PidNamespace;
  readonly time: TimeNamespace;
  /** Where children and the next program live. */
  readonly timeForChildren: TimeNamespace;
  readonly uts: UtsNamespace;
}

export type AnyNamespace = Namespace | PidNamespace | MountNamespace | UserNamespace;

export function namespaceOf(t: Task, kind: NamespaceKind): AnyNamespace {
  if (kind === 'user') return t.cred.userNs;
  return kind === 'pid' ? t.process.pidNs : t.ns[kind];
}

/** The first of each kind but mounts, with the numbers they have on Linux. */
export function initialNamespaces(hostname: string): Omit<Namespaces, 'mnt'> {
  const user = initialUserNamespace;
  const time = new TimeNamespace(user, null, 4026531834);
  return {
    cgroup: new Namespace('cgroup', user, 4026531835), ipc: new IpcNamespace(user, 4026531839), net: new NetNamespace(user, 4026531840),
    pid: new PidNamespace(user, null, 4026531836), time, timeForChildren: time, uts: new UtsNamespace(user, hostname, '(none)', 4026531838),
  };
}

/** Credentials in a user namespace of their own: all capabilities there, none outside of it. Or -errno. */
export function credInNewUserNamespace(t: Task): Cred | number {
  const { cred } = t;
  if (cred.userNs.level > MAX_LEVEL) return -ENOSPC;
  const { root } = t.fs;
  // Out of a chroot it would get by a descriptor.
  if (!t.ns.mnt.rootPath.equals(root)) return -EPERM;
  if (cred.userNs.uidOutOrNone(cred.euid) === NO_ID || cred.userNs.gidOutOrNone(cred.egid) === NO_ID) return -EPERM;
  return credIn(cred, new UserNamespace(cred.userNs, cred.euid, cred.egid, newNamespaceId()));
}

/** Credentials of who has just entered a user namespace. */
export function credIn(cred: Cred, userNs: UserNamespace): Cred {
  return cred.with({ userNs, secureBits: 0, capInheritable: 0, capPermitted: ALL_CAPS, capEffective: ALL_CAPS, capBounding: ALL_CAPS, capAmbient: 0 });
}

/**
 * The namespaces that `flags` ask for, made for `cred`; t's own otherwise. `fs` is what is to see the new mounts. -EPERM, -EINVAL or -ENOSPC.
 */
export function newNamespaces(t: Task, flags: number, cred: Cred, fs: FsContext): Namespaces | number {
  const wanted = flags & ALL_NAMESPACES & ~CLONE_NEWUSER;
  if (wanted === 0) return t.ns;
  if (!cred.hasOwn(Cap.SYS_ADMIN)) return -EPERM;
  const { ns } = t, { userNs } = cred;
  if ((wanted & CLONE_NEWPID) !== 0) {
    // Who has one waiting for its first child makes no other.
    if (ns.pid !== t.process.pidNs) return -EINVAL;
    if (ns.pid.level >= MAX_PID_LEVEL) return -ENOSPC;
  }
  const asked = (kind: NamespaceKind): boolean => (wanted & CLONE_FLAG[kind]) !== 0;
  return {
    ...ns,
    ...(asked('cgroup') ? { cgroup: new Namespace('cgroup', userNs) } : {}),
    ...(asked('ipc') ? { ipc: new IpcNamespace(userNs) } : {}),
    ...(asked('mnt') ? { mnt: ns.mnt.copy(userNs, fs) } : {}),
    ...(asked('net') ? { net: new NetNamespace(userNs) } : {}),
    ...(asked('pid') ? { pid: new PidNamespace(userNs, ns.pid) } : {}),
    ...(asked('time') ? { timeForChildren: new TimeNamespace(userNs, ns.timeForChildren) } : {}),
    ...(asked('uts') ? { uts: new UtsNamespace(userNs, ns.uts.hostname, ns.uts.domainname) } : {}),
  };
}

/** A process with memory of its own lives in the time that was made for it (timens_on_fork). */
export function enterTime(ns: Namespaces): Namespaces {
  const { timeForChildren: time } = ns;
  if (ns.time === time) return ns;
  time.frozen = true;
  return { ...ns, time };
}

/** Gives a thread other namespaces; `null` at its end. */
export function switchNamespaces(t: Task, next: Namespaces | null): void {
  const old = t.ns.mnt;
  if (next !== null) {
    next.mnt.acquire();
    t.ns = next;
  }
  old.release();
}
