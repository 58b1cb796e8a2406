import { EBADF, EINVAL, EPERM, ESRCH, EUSERS } from '../abi/linux/errno.ts';
import {
  CLONE_FILES, CLONE_FS, CLONE_NEWIPC, CLONE_NEWNS, CLONE_NEWUSER, CLONE_SIGHAND, CLONE_SYSVSEM, CLONE_THREAD, CLONE_VM,
} from '../abi/linux/sched.ts';
import { NamespaceFile } from '../fs/nsfs/nsFs.ts';
import { PidFile } from '../kernel/ipc/pidfd.ts';
import { SemaphoreSet } from '../kernel/ipc/sysv/semaphores.ts';
import {
  ALL_NAMESPACES, type AnyNamespace, CLONE_FLAG, credIn, credInNewUserNamespace, namespaceOf, newNamespaces, type NamespaceKind, type Namespaces, switchNamespaces, TimeNamespace,
} from '../kernel/task/namespaces.ts';
import { PidNamespace } from '../kernel/task/pidNamespace.ts';
import type { Task } from '../kernel/task/task.ts';
import { LocalField, LocalFlag } from '../machine/localState.ts';
import { Cap, type Cred } from '../vfs/cred.ts';
import { MountNamespace } from '../vfs/mountNamespace.ts';
import { FsContext } from '../vfs/path.ts';
import { UserNamespace } from '../vfs/userNamespace.ts';
import { fileOf } from './fileArgs.ts';
import type { SyscallRow } from './row.ts';

/** unshare(2). What one flag brings with it: a user namespace is one process's, mounts are of one working directory. */
function implied(flags: number): number {
  let all = flags;
  if ((all & CLONE_NEWUSER) !== 0) all |= CLONE_THREAD | CLONE_FS;
  if ((all & CLONE_VM) !== 0) all |= CLONE_SIGHAND;
  if ((all & CLONE_SIGHAND) !== 0) all |= CLONE_THREAD;
  if ((all & CLONE_NEWNS) !== 0) all |= CLONE_FS;
  if ((all & CLONE_NEWIPC) !== 0) all |= CLONE_SYSVSEM;
  return all;
}

function sysUnshare(t: Task, asked: number): number {
  const known = ALL_NAMESPACES | CLONE_FILES | CLONE_FS | CLONE_SYSVSEM | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
  const flags = implied(asked);
  if ((flags & ~known) !== 0) return -EINVAL;
  if ((flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)) !== 0 && t.process.tasks.size > 1) return -EINVAL;
  const fs = (flags & CLONE_FS) !== 0 ? t.fs.clone() : t.fs;
  const cred = (flags & CLONE_NEWUSER) !== 0 ? credInNewUserNamespace(t) : t.cred;
  if (typeof cred === 'number') return cred;
  const ns = newNamespaces(t, flags, cred, fs);
  if (typeof ns === 'number') return ns;
  if ((flags & CLONE_SYSVSEM) !== 0) SemaphoreSet.leave(t, t.ns.ipc.sysv.semaphores.list());
  t.cred = cred;
  t.fs = fs;
  if (ns !== t.ns) switchNamespaces(t, ns);
  if ((flags & CLONE_FILES) !== 0) t.unshareFds();
  return 0;
}

/** A thread on its way into other namespaces: all are entered, or none. */
class Entering {
  readonly t: Task;
  cred: Cred;
  fs: FsContext;
  ns: Namespaces;

  constructor(t: Task) {
    this.t = t;
    this.cred = t.cred;
    this.fs = t.fs;
    this.ns = t.ns;
  }

  /** 0 or -errno (the install functions of each kind). */
  enter(to: AnyNamespace): number {
    const { cred } = this;
    if (to instanceof UserNamespace) return this.enterUser(to);
    if (!cred.hasIn(Cap.SYS_ADMIN, to.userNs) || !cred.hasOwn(Cap.SYS_ADMIN)) return -EPERM;
    if (to instanceof MountNamespace) {
      if (!cred.hasOwn(Cap.SYS_CHROOT)) return -EPERM;
      if (this.sharesFs()) return -EINVAL;
      const root = to.rootPath;
      this.fs = new FsContext(root, root, this.fs.umask);
    }
    // Only down: into one's own space of numbers, or one nested in it.
    if (to instanceof PidNamespace && !to.isWithin(this.t.pidNs)) return -EINVAL;
    if (to instanceof TimeNamespace) {
      if (this.t.process.tasks.size > 1) return -EUSERS;
      to.frozen = true;
      this.ns = { ...this.ns, timeForChildren: to };
    }
    this.ns = { ...this.ns, [to.kind]: to };
    return 0;
  }

  private enterUser(to: UserNamespace): number {
    const { t, cred } = this;
    if (to === cred.userNs || t.process.tasks.size > 1 || this.sharesFs()) return -EINVAL;
    if (!cred.hasIn(Cap.SYS_ADMIN, to)) return -EPERM;
    this.cred = credIn(cred, to);
    return 0;
  }

  private sharesFs(): boolean {
    for (const other of this.t.kernel.pids.tasks.values()) if (other !== this.t && other.fs === this.t.fs) return true;
    return false;
  }

  done(): number {
    const { t } = this;
    t.cred = this.cred;
    t.fs = this.fs;
    if (this.ns !== t.ns) switchNamespaces(t, this.ns);
    if (t.ns.time.shifted) t.regs.setU32(LocalField.flags, t.regs.u32(LocalField.flags) | LocalFlag.timeShifted);
    return 0;
  }
}

/** The user namespace comes first: it gives the right to the others. */
const ORDER: readonly NamespaceKind[] = ['user', 'mnt', 'uts', 'ipc', 'pid', 'cgroup', 'net', 'time'];

function sysSetns(t: Task, fd: number, types: number): number {
  const file = fileOf(t, fd);
  if (file === null) return -EBADF;
  const entering = new Entering(t);
  if (file instanceof NamespaceFile) {
    const { namespace } = file;
    if (types !== 0 && types !== CLONE_FLAG[namespace.kind]) return -EINVAL;
    const result = entering.enter(namespace);
    return result < 0 ? result : entering.done();
  }
  if (!(file instanceof PidFile) || types === 0 || (types & ~ALL_NAMESPACES) !== 0) return -EINVAL;
  if (file.process.state !== 'alive') return -ESRCH;
  const target = file.process.leader;
  // Its own user namespace cannot be entered again.
  if ((types & CLONE_NEWUSER) !== 0 && target.cred.userNs === t.cred.userNs) return -EINVAL;
  for (const kind of ORDER) {
    if ((types & CLONE_FLAG[kind]) === 0) continue;
    const result = entering.enter(namespaceOf(target, kind));
    if (result < 0) return result;
  }
  return entering.done();
}

export const namespaceRows: readonly SyscallRow[] = [
  { name: 'unshare', x86_64: 272, i386: 310, args: ['hex'], ret: 'int', handler: sysUnshare },
  { name: 'setns', x86_64: 308, i386: 346, args: ['fd', 'hex'], ret: 'int', handler: sysSetns },
];
