import { Rlimit, Rlimits } from '../kernel/fd/rlimits.ts';
import { FdTable } from '../kernel/fd/fdTable.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { AddressSpace } from '../kernel/mm/addressSpace.ts';
import { SignalHandlers } from '../kernel/signal/handlers.ts';
import { Process } from '../kernel/task/process.ts';
import { Task } from '../kernel/task/task.ts';
import { ProcessTimers } from '../kernel/time/processTimers.ts';
import { Cred } from '../vfs/cred.ts';
import { FsContext, type Path } from '../vfs/path.ts';
import type { RunOptions } from './options.ts';

/** Ids below belong to nobody: the first program is an ordinary process, not init. */
const FIRST_PID = 100;

/** The task that becomes the first program: leader of its own session, without a program yet. */
export function firstTask(kernel: Kernel, root: Path, options: RunOptions): Task {
  const { pids } = kernel;
  let pid = pids.allocate();
  while (pid < FIRST_PID) pid = pids.allocate();
  const limits = Rlimits.defaults();
  limits.cur[Rlimit.STACK] = options.stackLimit;
  const group = pids.newGroup(pid, pids.newSession(pid));
  const process = new Process(pid, null, group, 0, limits, kernel.nowNs(), kernel.realtime().sec);
  process.timers = new ProcessTimers(kernel, process);
  const arch = kernel.parts.archs.x86_64;
  const t = new Task(kernel, pid, {
    process,
    mm: new AddressSpace(kernel),
    fds: new FdTable(),
    fs: new FsContext(root, root),
    cred: Cred.user(options.uid, options.gid, options.groups),
    handlers: new SignalHandlers(),
    arch,
    abi: arch.abi,
  });
  process.leader = t;
  process.tasks.add(t);
  group.members.add(process);
  pids.processes.set(pid, process);
  pids.tasks.set(pid, t);
  return t;
}
