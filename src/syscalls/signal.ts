import { EBADF, EAGAIN, EFAULT, EINVAL, ENOMEM, EPERM, ESRCH } from '../abi/linux/errno.ts';
import {
  SA_NOCLDSTOP, SA_NOCLDWAIT, SA_NODEFER, SA_ONSTACK, SA_RESETHAND, SA_RESTART, SA_RESTORER, SA_SIGINFO, SA_EXPOSE_TAGBITS, SIGKILL, SIGSEGV, SIGSTOP,
  SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK, SI_TKILL, SI_USER, SI_KERNEL,
} from '../abi/linux/signal.ts';
import { Gpr } from '../machine/cpuState.ts';
import { PARKED, Restart } from '../kernel/task/block.ts';
import { IGNORED_BY_DEFAULT } from '../kernel/signal/defaults.ts';
import { dequeueSignal } from '../kernel/signal/deliver.ts';
import { SIG_DFL, SIG_IGN, type SigAction } from '../kernel/signal/handlers.ts';
import { SS_AUTODISARM, SS_DISABLE, SS_ONSTACK, altStackFlags, onAltStack } from '../kernel/signal/altStack.ts';
import { forceSignal, mayKill, sendToProcess, sendToTask } from '../kernel/signal/send.ts';
import { siginfo, type Siginfo } from '../kernel/signal/siginfo.ts';
import { readSiginfo, writeSiginfo } from '../kernel/signal/siginfoLayout.ts';
import { SigSet } from '../kernel/signal/sigset.ts';
import type { Process } from '../kernel/task/process.ts';
import type { Task } from '../kernel/task/task.ts';
import type { Layout } from '../abi/layout.ts';
import { O_PATH } from '../abi/linux/openFlags.ts';
import { ProcessDir } from '../fs/procfs/pidDir.ts';
import { PidFile } from '../kernel/ipc/pidfd.ts';
import { Cap } from '../vfs/cred.ts';
import type { SyscallRow } from './row.ts';

const NSIG = 64;
const KNOWN_FLAGS = (SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER | SA_RESETHAND | SA_RESTORER | SA_EXPOSE_TAGBITS) >>> 0;

const unkillable = (set: SigSet): SigSet => {
  set.delete(SIGKILL);
  set.delete(SIGSTOP);
  return set;
};

// ---- dispositions ----

/** The common part of sigaction, rt_sigaction and signal. */
function changeAction(t: Task, sig: number, fresh: SigAction | null): SigAction | number {
  if (sig < 1 || sig > NSIG || (fresh !== null && (sig === SIGKILL || sig === SIGSTOP))) return -EINVAL;
  const { actions } = t.handlers;
  const old = actions[sig]!;
  if (fresh !== null) {
    unkillable(fresh.mask);
    actions[sig] = { ...fresh, flags: (fresh.flags & KNOWN_FLAGS) >>> 0 };
    // What is ignored from now on is no longer pending (POSIX).
    if (fresh.handler === SIG_IGN || (fresh.handler === SIG_DFL && IGNORED_BY_DEFAULT.has(sig))) {
      const set = SigSet.of(sig);
      t.process.pending.discard(set);
      for (const thread of t.process.tasks) thread.pending.discard(set);
    }
  }
  return old;
}

function sysRtSigaction(t: Task, sig: number, newPtr: number, oldPtr: number, size: number): number {
  if (size !== 8) return -EINVAL;
  const layout = t.abi.sigaction;
  let fresh: SigAction | null = null;
  if (newPtr !== 0) {
    const buf = t.memory.readable(newPtr, layout.size);
    if (buf === null) return -EFAULT;
    const a = layout.read(buf);
    fresh = { handler: a.sa_handler, flags: a.sa_flags >>> 0, restorer: a.sa_restorer, mask: new SigSet(a.sa_mask, a.sa_mask_hi) };
  }
  const old = changeAction(t, sig, fresh);
  if (typeof old === 'number') return old;
  if (oldPtr === 0) return 0;
  const buf = t.memory.writable(oldPtr, layout.size);
  if (buf === null) return -EFAULT;
  layout.write(buf, { sa_handler: old.handler, sa_flags: old.flags, sa_restorer: old.restorer, sa_mask: old.mask.lo, sa_mask_hi: old.mask.hi });
  return 0;
}

function sysSigaction(t: Task, sig: number, newPtr: number, oldPtr: number): number {
  const layout = t.abi.oldSigaction;
  let fresh: SigAction | null = null;
  if (newPtr !== 0) {
    const buf = t.memory.readable(newPtr, layout.size);
    if (buf === null) return -EFAULT;
    const a = layout.read(buf);
    fresh = { handler: a.sa_handler, flags: a.sa_flags >>> 0, restorer: a.sa_restorer, mask: new SigSet(a.sa_mask, 0) };
  }
  const old = changeAction(t, sig, fresh);
  if (typeof old === 'number') return old;
  if (oldPtr === 0) return 0;
  const buf = t.memory.writable(oldPtr, layout.size);
  if (buf === null) return -EFAULT;
  layout.write(buf, { sa_handler: old.handler, sa_flags: old.flags, sa_restorer: old.restorer, sa_mask: old.mask.lo });
  return 0;
}

/** signal(2) of i386: System V semantics. */
function sysSignal(t: Task, sig: number, handler: number): number {
  const old = changeAction(t, sig, { handler, flags: (SA_RESETHAND | SA_NODEFER) >>> 0, restorer: 0, mask: new SigSet() });
  return typeof old === 'number' ? old : old.handler;
}

// ---- masks ----

function readSet(t: Task, ptr: number): SigSet | null {
  const buf = t.memory.readable(ptr, 8);
  return buf === null ? null : new SigSet(t.abi.sigset.get(buf, 'lo'), t.abi.sigset.get(buf, 'hi'));
}

function writeSet(t: Task, ptr: number, set: SigSet, size = 8): number {
  const bytes = new Uint8Array(8);
  t.abi.sigset.write(bytes, { lo: set.lo, hi: set.hi });
  return t.memory.copyOut(ptr, bytes.subarray(0, size)) ? 0 : -EFAULT;
}

function changeMask(t: Task, how: number, set: SigSet): number {
  const mask = t.blocked.copy();
  if (how === SIG_BLOCK) mask.addAll(set);
  else if (how === SIG_UNBLOCK) mask.deleteAll(set);
  else if (how === SIG_SETMASK) mask.set(set);
  else return -EINVAL;
  t.setBlocked(mask);
  return 0;
}

function sysRtSigprocmask(t: Task, how: number, newPtr: number, oldPtr: number, size: number): number {
  if (size !== 8) return -EINVAL;
  const old = t.blocked.copy();
  if (newPtr !== 0) {
    const set = readSet(t, newPtr);
    if (set === null) return -EFAULT;
    const error = changeMask(t, how, set);
    if (error !== 0) return error;
  }
  return oldPtr === 0 ? 0 : writeSet(t, oldPtr, old);
}

function sysSigprocmask(t: Task, how: number, newPtr: number, oldPtr: number): number {
  const old = t.blocked.copy();
  if (newPtr !== 0) {
    const word = t.memory.u32(newPtr);
    if (word === null) return -EFAULT;
    // Only the first 32 signals change.
    const set = new SigSet(word, how === SIG_SETMASK ? t.blocked.hi : 0);
    const error = changeMask(t, how, set);
    if (error !== 0) return error;
  }
  return oldPtr !== 0 && !t.memory.setU32(oldPtr, old.lo) ? -EFAULT : 0;
}

function sysSsetmask(t: Task, mask: number): number {
  const old = t.blocked.lo;
  t.setBlocked(new SigSet(mask, 0));
  return old;
}

function pendingSet(t: Task): SigSet {
  const set = t.pending.set.copy();
  set.addAll(t.process.pending.set);
  return new SigSet(set.lo & t.blocked.lo, set.hi & t.blocked.hi);
}

function sysRtSigpending(t: Task, ptr: number, size: number): number {
  return size > 8 ? -EINVAL : writeSet(t, ptr, pendingSet(t), size);
}

function suspend(t: Task, mask: SigSet): number {
  t.setTemporaryMask(mask);
  return t.block({ queues: [], retry: () => PARKED, restart: Restart.noHandler });
}

function sysRtSigsuspend(t: Task, ptr: number, size: number): number {
  if (size !== 8) return -EINVAL;
  const set = readSet(t, ptr);
  return set === null ? -EFAULT : suspend(t, set);
}

function sysPause(t: Task): number {
  return t.block({ queues: [], retry: () => PARKED, restart: Restart.noHandler });
}

// ---- sending ----

const userInfo = (t: Task, sig: number, code: number): Siginfo => siginfo(sig, code, { pid: t.tgid, uid: t.cred.uid });

/** kill(2). */
function sysKill(t: Task, pid: number, sig: number): number {
  const { kernel } = t;
  const known = sig >= 0 && sig <= NSIG;
  const info = (): Siginfo => userInfo(t, sig, SI_USER);
  if (pid > 0) {
    const target = kernel.pids.processes.get(pid) ?? kernel.pids.tasks.get(pid)?.process;
    // Process 1 that is not one of ours: an init that belongs to root and ignores what it is sent.
    if (target !== undefined && !known) return -EINVAL;
    if (target === undefined) return pid !== 1 ? -ESRCH : t.cred.euid === 0 || t.cred.has(Cap.KILL) ? 0 : -EPERM;
    const allowed = mayKill(t, target, sig);
    if (allowed < 0) return allowed;
    return sig === 0 ? 0 : sendToProcess(target, info());
  }
  let targets: Process[];
  if (pid === -1) targets = [...kernel.pids.processes.values()].filter((p) => t.pidNs.out(p.pid) > 1 && p !== t.process);
  else {
    const group = kernel.pids.groups.get(pid === 0 ? t.process.pgid : -pid);
    targets = group === undefined ? [] : [...group.members];
  }
  if (targets.length === 0) return -ESRCH;
  if (!known) return -EINVAL;
  let error = 0;
  let sent = false;
  for (const target of targets) {
    const allowed = mayKill(t, target, sig);
    if (allowed < 0) error = allowed;
    else {
      sent = true;
      if (sig !== 0) sendToProcess(target, info());
    }
  }
  return sent || pid === -1 ? 0 : error;
}

function sysTgkill(t: Task, tgid: number, tid: number, sig: number): number {
  if (tgid <= 0 || tid <= 0) return -EINVAL;
  return killThread(t, tgid, tid, sig, null);
}

function sysTkill(t: Task, tid: number, sig: number): number {
  return tid <= 0 ? -EINVAL : killThread(t, 0, tid, sig, null);
}

function killThread(t: Task, tgid: number, tid: number, sig: number, info: Siginfo | null): number {
  const target = t.kernel.pids.tasks.get(tid);
  if (target === undefined || (tgid !== 0 && target.tgid !== tgid)) return -ESRCH;
  if (sig < 0 || sig > NSIG) return -EINVAL;
  const allowed = mayKill(t, target.process, sig);
  if (allowed < 0) return allowed;
  return sig === 0 ? 0 : sendToTask(target, info ?? userInfo(t, sig, SI_TKILL));
}

/** The siginfo a program sends; it cannot pretend to be the kernel or kill(2), except to itself. */
function readSent(t: Task, ptr: number, sig: number, self: boolean): Siginfo | number {
  const buf = t.memory.readable(ptr, t.abi.siginfo.size);
  if (buf === null) return -EFAULT;
  const info = readSiginfo(t.abi, buf);
  info.signo = sig;
  info.uid = t.cred.userNs.uidIn(info.uid >>> 0);
  if (t.pidNs.level > 0) info.pid = t.pidNs.in(info.pid);
  if ((info.code >= 0 || info.code === SI_TKILL) && !self) return -EPERM;
  return info;
}

function sysRtSigqueueinfo(t: Task, tgid: number, sig: number, ptr: number): number {
  const info = readSent(t, ptr, sig, tgid === t.tgid);
  if (typeof info === 'number') return info;
  if (sig < 0 || sig > NSIG) return -EINVAL;
  const target = t.kernel.pids.processes.get(tgid) ?? t.kernel.pids.tasks.get(tgid)?.process;
  if (target === undefined) return -ESRCH;
  const allowed = mayKill(t, target, sig);
  if (allowed < 0) return allowed;
  return sig === 0 ? 0 : sendToProcess(target, info);
}

function sysRtTgsigqueueinfo(t: Task, tgid: number, tid: number, sig: number, ptr: number): number {
  if (tgid <= 0 || tid <= 0) return -EINVAL;
  const info = readSent(t, ptr, sig, tgid === t.tgid);
  return typeof info === 'number' ? info : killThread(t, tgid, tid, sig, info);
}

function sysPidfdSendSignal(t: Task, pidfd: number, sig: number, infoPtr: number, flags: number): number {
  if ((flags & ~7) !== 0) return -EINVAL;
  const file = t.fds.get(pidfd);
  // The directory of a process in /proc stands for it, too.
  const directory = file !== null && (file.flags & O_PATH) === 0 && file.inode instanceof ProcessDir ? file.inode : null;
  const pidFile = file instanceof PidFile ? file : null;
  const target = (pidFile ?? directory)?.process;
  if (target === undefined) return -EBADF;
  if (sig < 0 || sig > NSIG) return -EINVAL;
  if (target.state === 'reaped') return -ESRCH;
  let info = userInfo(t, sig, SI_USER);
  if (infoPtr !== 0) {
    const sent = readSent(t, infoPtr, sig, target === t.process);
    if (typeof sent === 'number') return sent;
    if (t.memory.i32(infoPtr) !== sig) return -EINVAL;
    info = sent;
  }
  const allowed = mayKill(t, target, sig);
  if (allowed < 0) return allowed;
  if (sig === 0) return 0;
  const thread = pidFile?.thread ?? null;
  return thread !== null && (flags & 2) === 0 ? sendToTask(thread, info) : sendToProcess(target, info);
}

// ---- waiting for signals ----

const rtSigtimedwait = (layoutOf: (t: Task) => Layout<'tv_sec' | 'tv_nsec'>) => (t: Task, setPtr: number, infoPtr: number, timePtr: number, size: number): number => {
  if (size !== 8) return -EINVAL;
  const set = readSet(t, setPtr);
  if (set === null) return -EFAULT;
  unkillable(set);
  let deadlineNs = Infinity;
  if (timePtr !== 0) {
    const layout = layoutOf(t);
    const buf = t.memory.readable(timePtr, layout.size);
    if (buf === null) return -EFAULT;
    const { tv_sec, tv_nsec } = layout.read(buf);
    if (tv_sec < 0 || tv_nsec < 0 || tv_nsec >= 1e9) return -EINVAL;
    deadlineNs = t.kernel.nowNs() + tv_sec * 1e9 + tv_nsec;
  }
  const others = new SigSet(~set.lo, ~set.hi);
  const take = (): number => {
    const info = dequeueSignal(t, others);
    if (info === null) return PARKED;
    if (infoPtr !== 0) {
      const buf = t.memory.writable(infoPtr, t.abi.siginfo.size);
      if (buf === null) return -EFAULT;
      writeSiginfo(t.abi, buf, info);
    }
    return info.signo;
  };
  const now = take();
  if (now !== PARKED) return now;
  if (deadlineNs <= t.kernel.nowNs()) return -EAGAIN;
  // The awaited signals are let through while it waits, so that they wake it (sys_rt_sigtimedwait).
  const before = t.blocked.copy();
  const open = before.copy();
  open.deleteAll(set);
  t.realBlocked = before;
  t.blocked.set(open);
  return t.block({
    queues: [t.kernel.signalQueue],
    retry: take,
    deadlineNs,
    onTimeout: () => -EAGAIN,
    restart: Restart.never,
    cleanup: () => {
      t.blocked.set(before);
      t.realBlocked = null;
    },
  });
};

// ---- alternate stack, return ----

function sysSigaltstack(t: Task, newPtr: number, oldPtr: number): number {
  const layout = t.abi.stack;
  const sp = t.arch.wordSize === 8 ? t.regs.gpr(Gpr.rsp) : t.regs.lo(Gpr.rsp) >>> 0;
  const old = { ss_sp: t.altStack.sp, ss_flags: altStackFlags(t, sp) | (t.altStack.flags & SS_AUTODISARM), ss_size: t.altStack.size };
  if (newPtr !== 0) {
    const buf = t.memory.readable(newPtr, layout.size);
    if (buf === null) return -EFAULT;
    const { ss_sp, ss_flags, ss_size } = layout.read(buf);
    if (onAltStack(t, sp)) return -EPERM;
    const mode = (ss_flags >>> 0) & ~SS_AUTODISARM;
    if (mode !== 0 && mode !== SS_ONSTACK && mode !== SS_DISABLE) return -EINVAL;
    if (mode === SS_DISABLE) t.altStack = { sp: 0, size: 0, flags: ss_flags };
    else {
      if (ss_size < 2048) return -ENOMEM;
      t.altStack = { sp: ss_sp, size: ss_size, flags: ss_flags };
    }
  }
  if (oldPtr === 0) return 0;
  const buf = t.memory.writable(oldPtr, layout.size);
  if (buf === null) return -EFAULT;
  layout.write(buf, old);
  return 0;
}

const sigreturn = (rt: boolean) => (t: Task): number => {
  t.restartBlock = null;
  if (!t.arch.popSignal(t, rt)) forceSignal(t, siginfo(SIGSEGV, SI_KERNEL));
  return t.kernel.finishWithoutResult(t);
};

function sysRestartSyscall(t: Task): number {
  const go = t.restartBlock;
  t.restartBlock = null;
  return go === null ? -4 : go();
}


export const signalRows: readonly SyscallRow[] = [
  { name: 'rt_sigaction', x86_64: 13, i386: 174, args: ['signal', 'sigactionIn', 'sigactionOut', 'size'], ret: 'int', handler: sysRtSigaction },
  { name: 'sigaction', x86_64: -1, i386: 67, args: ['signal', 'ptr', 'ptr'], ret: 'int', handler: sysSigaction },
  { name: 'signal', x86_64: -1, i386: 48, args: ['signal', 'ptr'], ret: 'ptr', handler: sysSignal },
  { name: 'rt_sigprocmask', x86_64: 14, i386: 175, args: ['sigHow', 'sigsetIn', 'sigsetOut', 'size'], ret: 'int', handler: sysRtSigprocmask },
  { name: 'sigprocmask', x86_64: -1, i386: 126, args: ['sigHow', 'ptr', 'ptr'], ret: 'int', handler: sysSigprocmask },
  { name: 'sgetmask', x86_64: -1, i386: 68, args: [], ret: 'hex', handler: (t) => t.blocked.lo },
  { name: 'ssetmask', x86_64: -1, i386: 69, args: ['hex'], ret: 'hex', handler: sysSsetmask },
  { name: 'rt_sigpending', x86_64: 127, i386: 176, args: ['sigsetOut', 'size'], ret: 'int', handler: sysRtSigpending },
  {
    name: 'sigpending', x86_64: -1, i386: 73, args: ['ptr'], ret: 'int',
    handler: (t, ptr) => (t.memory.setU32(ptr, pendingSet(t).lo) ? 0 : -EFAULT),
  },
  { name: 'rt_sigsuspend', x86_64: 130, i386: 179, args: ['sigsetIn', 'size'], ret: 'int', handler: sysRtSigsuspend },
  { name: 'sigsuspend', x86_64: -1, i386: 72, args: ['int', 'int', 'hex'], ret: 'int', handler: (t, _a, _b, mask) => suspend(t, new SigSet(mask, 0)) },
  { name: 'pause', x86_64: 34, i386: 29, args: [], ret: 'int', handler: sysPause },
  { name: 'kill', x86_64: 62, i386: 37, args: ['pid', 'signal'], ret: 'int', handler: sysKill },
  { name: 'tkill', x86_64: 200, i386: 238, args: ['pid', 'signal'], ret: 'int', handler: sysTkill },
  { name: 'tgkill', x86_64: 234, i386: 270, args: ['pid', 'pid', 'signal'], ret: 'int', handler: sysTgkill },
  { name: 'rt_sigqueueinfo', x86_64: 129, i386: 178, args: ['pid', 'signal', 'ptr'], ret: 'int', handler: sysRtSigqueueinfo },
  { name: 'rt_tgsigqueueinfo', x86_64: 297, i386: 335, args: ['pid', 'pid', 'signal', 'ptr'], ret: 'int', handler: sysRtTgsigqueueinfo },
  { name: 'pidfd_send_signal', x86_64: 424, i386: 424, args: ['fd', 'signal', 'ptr', 'hex'], ret: 'int', handler: sysPidfdSendSignal },
  { name: 'rt_sigtimedwait', x86_64: 128, i386: 177, args: ['sigsetIn', 'ptr', 'timespecIn', 'size'], ret: 'int', handler: rtSigtimedwait((t) => t.abi.timespec) },
  {
    name: 'rt_sigtimedwait_time64', x86_64: -1, i386: 421, args: ['sigsetIn', 'ptr', 'ptr', 'size'], ret: 'int',
    handler: rtSigtimedwait((t) => t.abi.timespec64),
  },
  { name: 'sigaltstack', x86_64: 131, i386: 186, args: ['ptr', 'ptr'], ret: 'int', handler: sysSigaltstack },
  { name: 'rt_sigreturn', x86_64: 15, i386: 173, args: [], ret: 'hex', handler: sigreturn(true) },
  { name: 'sigreturn', x86_64: -1, i386: 119, args: [], ret: 'hex', handler: sigreturn(false) },
  { name: 'restart_syscall', x86_64: 219, i386: 0, args: [], ret: 'int', handler: sysRestartSyscall },
];
