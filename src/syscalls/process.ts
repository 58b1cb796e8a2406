import { EAGAIN, E2BIG, EACCES, EBADF, EFAULT, EINVAL, ELOOP, EPERM, ESRCH, ENOENT } from '../abi/linux/errno.ts';
import { O_NONBLOCK } from '../abi/linux/openFlags.ts';
import { S_IFLNK } from '../abi/linux/fileMode.ts';
import * as C from '../abi/linux/sched.ts';
import { P_ALL, P_PGID, P_PID, P_PIDFD, WCONTINUED, WEXITED, WNOHANG, WNOWAIT, WSTOPPED, WUNTRACED, __WALL, __WCLONE, __WNOTHREAD } from '../abi/linux/wait.ts';
import { SIGCHLD } from '../abi/linux/signal.ts';
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW } from '../abi/linux/fcntl.ts';
import { PARKED } from '../kernel/task/block.ts';
import { cloneTask, emptyCloneArgs } from '../kernel/task/clone.ts';
import { becomeProgram, prepareProgram } from '../kernel/task/exec.ts';
import { exitGroup, exitTask } from '../kernel/task/exit.ts';
import { seenParent } from '../kernel/task/localFacts.ts';
import { waitForChild, type WaitTarget } from '../kernel/task/wait.ts';
import type { Process, Usage } from '../kernel/task/process.ts';
import type { Task } from '../kernel/task/task.ts';
import { writeSiginfo } from '../kernel/signal/siginfoLayout.ts';
import { pidOfFile } from '../kernel/ipc/pidfd.ts';
import type { Path } from '../vfs/path.ts';
import { Walk, walkPath } from '../vfs/walk.ts';
import { mayExecute } from '../vfs/open.ts';
import { structArg } from './structArg.ts';
import type { SyscallRow } from './row.ts';
import { writeRusage } from './resource.ts';

const AT_FDCWD = -100;

// ---- clone ----

function sysFork(t: Task): number {
  return cloneTask(t, { ...emptyCloneArgs(), exitSignal: SIGCHLD });
}

function sysVfork(t: Task): number {
  return cloneTask(t, { ...emptyCloneArgs(), flags: C.CLONE_VFORK | C.CLONE_VM, exitSignal: SIGCHLD });
}

/** clone(flags, stack, parent_tid, child_tid, tls); i386 has tls before child_tid. */
function clone(t: Task, flags: number, stack: number, parentTid: number, childTid: number, tls: number): number {
  const low = flags % 0x1_0000_0000;
  return cloneTask(t, {
    ...emptyCloneArgs(), flags: low & ~C.CSIGNAL, exitSignal: low & C.CSIGNAL, stack, parentTid, childTid, tls, pidfd: parentTid,
  });
}

function sysClone3(t: Task, addr: number, size: number): number {
  if (size < C.CLONE_ARGS_SIZE_VER0) return -EINVAL;
  if (size > 4096) return -E2BIG;
  const layout = t.abi.cloneArgs;
  const buf = structArg(t, addr, size, layout.size);
  if (typeof buf === 'number') return buf;
  const a = layout.read(buf);
  const high = layout.hi(buf, 'flags');
  const low = layout.lo(buf, 'flags');
  if ((high & ~3) !== 0 || (low & ((C.CSIGNAL & ~C.CLONE_NEWTIME) | C.CLONE_DETACHED)) !== 0) return -EINVAL;
  if (layout.hi(buf, 'exit_signal') !== 0 || a.exit_signal > 64) return -EINVAL;
  if ((low & (C.CLONE_THREAD | C.CLONE_PARENT)) !== 0 && a.exit_signal !== 0) return -EINVAL;
  // There are no control groups to be put into.
  if ((high & 2) !== 0) return size < C.CLONE_ARGS_SIZE_VER2 || a.cgroup > 0x7fffffff ? -EINVAL : -EBADF;
  if ((a.stack === 0) !== (a.stack_size === 0)) return -EINVAL;
  if (a.stack !== 0 && !t.memory.inRange(a.stack, a.stack_size)) return -EINVAL;
  if ((a.set_tid === 0) !== (a.set_tid_size === 0) || a.set_tid_size > 32) return -EINVAL;
  const wantedTids: number[] = [];
  for (let i = 0; i < a.set_tid_size; i++) {
    const tid = t.memory.i32(a.set_tid + 4 * i);
    if (tid === null) return -EFAULT;
    wantedTids.push(tid);
  }
  return cloneTask(t, {
    flags: low, clearSighand: (high & 1) !== 0, exitSignal: a.exit_signal, stack: a.stack === 0 ? 0 : a.stack + a.stack_size, tls: a.tls,
    parentTid: a.parent_tid, childTid: a.child_tid, pidfd: a.pidfd, wantedTids,
  });
}

function sysSetTidAddress(t: Task, addr: number): number {
  t.clearChildTid = addr;
  return t.ownTid;
}

// ---- exit ----

function sysExit(t: Task, code: number): number {
  exitTask(t, (code & 0xff) << 8);
  return PARKED;
}

function sysExitGroup(t: Task, code: number): number {
  exitGroup(t, (code & 0xff) << 8);
  return PARKED;
}

// ---- execve ----

/** The strings of argv or envp; null entries end it; a null pointer is an empty list. -errno. */
function readStrings(t: Task, ptr: number): string[] | number {
  const out: string[] = [];
  if (ptr === 0) return out;
  const word = t.arch.wordSize;
  let total = 0;
  for (let at = ptr; ; at += word) {
    const addr = t.memory.word(at, word);
    if (addr === null) return -EFAULT;
    if (addr === 0) return out;
    const text = t.memory.cstring(addr, 131072);
    if (typeof text === 'number') return text === -EFAULT ? -EFAULT : -E2BIG;
    total += text.length + 1 + word;
    if (total > 8 << 20) return -E2BIG;
    out.push(text);
  }
}

function execute(t: Task, path: Path, filename: string, argvPtr: number, envpPtr: number): number {
  // That it cannot be run is found out before the arguments are looked at.
  const allowed = mayExecute(t, path);
  if (allowed < 0) return allowed;
  const argv = readStrings(t, argvPtr);
  if (typeof argv === 'number') return argv;
  const envp = readStrings(t, envpPtr);
  if (typeof envp === 'number') return envp;
  const program = prepareProgram(t, { path, filename, argv, envp });
  if (typeof program === 'number') return program;
  const { kernel } = t;
  if (kernel.hooks.syscallExit !== null) kernel.traceResult(t, 0);
  becomeProgram(t, program);
  return PARKED;
}

function sysExecve(t: Task, pathPtr: number, argv: number, envp: number): number {
  return sysExecveat(t, AT_FDCWD, pathPtr, argv, envp, 0);
}

function sysExecveat(t: Task, dirfd: number, pathPtr: number, argv: number, envp: number, flags: number): number {
  const name = t.memory.cstring(pathPtr);
  if (typeof name === 'number') return name;
  if (name === '' && (flags & AT_EMPTY_PATH) === 0) return -ENOENT;
  if ((flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) !== 0) return -EINVAL;
  let start: Path | null = null;
  if (dirfd !== AT_FDCWD && !name.startsWith('/')) {
    const file = t.fds.get(dirfd);
    if (file === null) return -EBADF;
    start = file.path;
  }
  const follow = (flags & AT_SYMLINK_NOFOLLOW) === 0 ? Walk.follow : 0;
  const path = walkPath(t, start, name, follow | ((flags & AT_EMPTY_PATH) !== 0 ? Walk.empty : 0));
  if (typeof path === 'number') return path;
  if (path.inode.type === S_IFLNK) return -ELOOP;
  // What a script's interpreter opens (fs/exec.c, bprm->fdpath).
  const filename = start === null ? name : name === '' ? `/dev/fd/${dirfd}` : `/dev/fd/${dirfd}/${name}`;
  if (start !== null && t.fds.isCloexec(dirfd) && isScript(path)) return -2;
  return execute(t, path, filename, argv, envp);
}

/** A script whose descriptor is closed on exec could not be opened by its interpreter. */
function isScript(path: Path): boolean {
  const head = new Uint8Array(2);
  return path.inode.readAt(head, 0) === 2 && head[0] === 0x23 && head[1] === 0x21;
}

// ---- wait ----

/** The value that wait4's rusage gets: of the child. */
function storeWait(t: Task, statusPtr: number, usagePtr: number, status: number, usage: Usage): number {
  if (statusPtr !== 0 && !t.memory.setU32(statusPtr, status)) return -EFAULT;
  return usagePtr === 0 ? 0 : writeRusage(t, usagePtr, usage);
}

function sysWait4(t: Task, pid: number, statusPtr: number, options: number, usagePtr: number): number {
  if ((options & ~(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL)) !== 0) return -EINVAL;
  if (pid === -0x80000000) return -ESRCH;
  const target: WaitTarget = pid === -1 ? { kind: 'all' } : pid > 0 ? { kind: 'pid', pid } : { kind: 'group', id: pid === 0 ? t.process.pgid : -pid };
  return waitForChild(t, target, options | WEXITED, (found) => {
    if (found === null) return 0;
    const error = storeWait(t, statusPtr, usagePtr, found.status, found.usage);
    return error < 0 ? error : found.pid;
  });
}

function sysWaitpid(t: Task, pid: number, statusPtr: number, options: number): number {
  return sysWait4(t, pid, statusPtr, options, 0);
}

/** waitid; its siginfo is written (as zeros) even when it fails, so a bad pointer shows whatever happens. */
function sysWaitid(t: Task, which: number, id: number, infoPtr: number, options: number, usagePtr: number): number {
  const result = waitById(t, which, id, infoPtr, options, usagePtr);
  return result < 0 && result !== PARKED && infoPtr !== 0 && t.memory.writable(infoPtr, t.abi.siginfo.size) === null ? -EFAULT : result;
}

function waitById(t: Task, which: number, id: number, infoPtr: number, options: number, usagePtr: number): number {
  if ((options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL)) !== 0) return -EINVAL;
  if ((options & (WEXITED | WSTOPPED | WCONTINUED)) === 0) return -EINVAL;
  let target: WaitTarget;
  let patient = true;
  switch (which) {
    case P_ALL: target = { kind: 'all' }; break;
    case P_PID:
      if (id <= 0) return -EINVAL;
      target = { kind: 'pid', pid: t.pidNs.in(id) };
      break;
    case P_PGID:
      if (id < 0) return -EINVAL;
      target = { kind: 'group', id: id === 0 ? t.process.pgid : t.pidNs.in(id) };
      break;
    case P_PIDFD: {
      if (id < 0) return -EINVAL;
      const file = t.fds.get(id);
      if (file === null) return -EBADF;
      const pid = pidOfFile(file);
      if (pid < 0) return pid;
      target = { kind: 'pid', pid };
      patient = (file.flags & O_NONBLOCK) === 0;
      break;
    }
    default: return -EINVAL;
  }
  return waitForChild(t, target, patient ? options : options | WNOHANG, (found) => {
    if (!patient && found === null && (options & WNOHANG) === 0) return -EAGAIN;
    if (usagePtr !== 0 && found !== null) {
      const error = writeRusage(t, usagePtr, found.usage);
      if (error < 0) return error;
    }
    if (infoPtr === 0) return 0;
    const layout = t.abi.siginfo;
    const buf = t.memory.writable(infoPtr, found === null ? layout.size : layout.size);
    if (buf === null) return -EFAULT;
    if (found === null) layout.update(buf, { si_signo: 0, si_errno: 0, si_code: 0, si_pid: 0, si_uid: 0, si_status: 0 });
    else {
      const whole = new Uint8Array(layout.size);
      writeSiginfo(t.abi, whole, { ...found.info, uid: t.cred.userNs.uidOut(found.info.uid) });
      const { si_signo, si_errno, si_code, si_pid, si_uid, si_status } = layout.read(whole);
      layout.update(buf, { si_signo, si_errno, si_code, si_pid, si_uid, si_status });
    }
    return 0;
  });
}

// ---- ids, groups, sessions ----

const processOf = (t: Task, pid: number): Process | undefined =>
  (pid === 0 ? t.process : t.kernel.pids.processes.get(pid) ?? t.kernel.pids.tasks.get(pid)?.process);

function sysSetpgid(t: Task, pidArg: number, pgidArg: number): number {
  const pid = pidArg === 0 ? t.process.pid : pidArg;
  const pgid = pgidArg === 0 ? pid : pgidArg;
  if (pgid < 0) return -EINVAL;
  const { pids } = t.kernel;
  const target = pids.processes.get(pid);
  if (target === undefined) return -ESRCH;
  if (target.parent === t.process) {
    if (target.session !== t.process.session) return -EPERM;
    if (target.execed) return -EACCES;
  } else if (target !== t.process) return -ESRCH;
  if (target.session.id === target.pid) return -EPERM;
  if (pgid === target.pgid) return 0;
  let group = pids.groups.get(pgid);
  if (pgid !== pid) {
    if (group === undefined || group.session !== t.process.session) return -EPERM;
  } else group ??= pids.newGroup(pgid, target.session);
  pids.join(target, group);
  return 0;
}

function sysGetpgid(t: Task, pid: number): number {
  const process = processOf(t, pid);
  return process === undefined ? -ESRCH : t.pidNs.out(process.pgid);
}

function sysGetsid(t: Task, pid: number): number {
  const process = processOf(t, pid);
  return process === undefined ? -ESRCH : t.pidNs.out(process.sid);
}

function sysSetsid(t: Task): number {
  const { pids } = t.kernel;
  const { process } = t;
  if (pids.groups.has(process.pid) || process.pgid === process.pid) return -EPERM;
  pids.join(process, pids.newGroup(process.pid, pids.newSession(process.pid)));
  return t.pidNs.out(process.pid);
}


export const processRows: readonly SyscallRow[] = [
  { name: 'fork', x86_64: 57, i386: 2, args: [], ret: 'pid', handler: sysFork },
  { name: 'vfork', x86_64: 58, i386: 190, args: [], ret: 'pid', handler: sysVfork },
  { name: 'clone', x86_64: 56, i386: -1, args: ['cloneFlags', 'ptr', 'ptr', 'ptr', 'ptr'], ret: 'pid', handler: clone },
  {
    name: 'clone', x86_64: -1, i386: 120, args: ['cloneFlags', 'ptr', 'ptr', 'ptr', 'ptr'], ret: 'pid',
    handler: (t, flags, stack, parentTid, tls, childTid) => clone(t, flags, stack, parentTid, childTid, tls),
  },
  { name: 'clone3', x86_64: 435, i386: 435, args: ['ptr', 'size'], ret: 'pid', handler: sysClone3 },
  { name: 'set_tid_address', x86_64: 218, i386: 258, args: ['ptr'], ret: 'pid', handler: sysSetTidAddress },
  { name: 'exit', x86_64: 60, i386: 1, args: ['int'], ret: 'void', handler: sysExit },
  { name: 'exit_group', x86_64: 231, i386: 252, args: ['int'], ret: 'void', handler: sysExitGroup },
  { name: 'execve', x86_64: 59, i386: 11, args: ['path', 'strv', 'ptr'], ret: 'int', handler: sysExecve },
  { name: 'execveat', x86_64: 322, i386: 358, args: ['dirfd', 'path', 'strv', 'ptr', 'atFlags'], ret: 'int', handler: sysExecveat },
  { name: 'wait4', x86_64: 61, i386: 114, args: ['pid', 'waitStatusOut', 'waitFlags', 'ptr'], ret: 'pid', handler: sysWait4 },
  { name: 'waitpid', x86_64: -1, i386: 7, args: ['pid', 'waitStatusOut', 'waitFlags'], ret: 'pid', handler: sysWaitpid },
  { name: 'waitid', x86_64: 247, i386: 284, args: ['int', 'int', 'ptr', 'waitFlags', 'ptr'], ret: 'int', handler: sysWaitid },
  { name: 'getpid', x86_64: 39, i386: 20, args: [], ret: 'pid', handler: (t) => t.pidNs.out(t.tgid) },
  { name: 'gettid', x86_64: 186, i386: 224, args: [], ret: 'pid', handler: (t) => t.ownTid },
  { name: 'getppid', x86_64: 110, i386: 64, args: [], ret: 'pid', handler: (t) => seenParent(t.process) },
  { name: 'setpgid', x86_64: 109, i386: 57, args: ['pid', 'pid'], ret: 'int', handler: sysSetpgid },
  { name: 'getpgid', x86_64: 121, i386: 132, args: ['pid'], ret: 'pid', handler: sysGetpgid },
  { name: 'getpgrp', x86_64: 111, i386: 65, args: [], ret: 'pid', handler: (t) => t.pidNs.out(t.process.pgid) },
  { name: 'getsid', x86_64: 124, i386: 147, args: ['pid'], ret: 'pid', handler: sysGetsid },
  { name: 'setsid', x86_64: 112, i386: 66, args: [], ret: 'pid', handler: sysSetsid },
];
