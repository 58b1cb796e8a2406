import { Rlimit, Rlimits } from '../kernel/fd/rlimits.ts';
import { FdTable } from '../kernel/fd/fdTable.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { AddressSpace } from '../kernel/mm/addressSpace.ts';
import { SIG_IGN, SignalHandlers } from '../kernel/signal/handlers.ts';
import type { Namespaces } from '../kernel/task/namespaces.ts';
import { Process } from '../kernel/task/process.ts';
import { Task } from '../kernel/task/task.ts';
import { ProcessTimers } from '../kernel/time/processTimers.ts';
import { Cred } from '../vfs/cred.ts';
import type { MountNamespace } from '../vfs/mountNamespace.ts';
import { FsContext } from '../vfs/path.ts';
import { Registers } from '../kernel/arch/registers.ts';
import type { RunOptions } from './options.ts';

/** Ids below belong to init, or to nobody: the first program is an ordinary process. */
const FIRST_PID = 100;

/** Process 1, for those who name it and for orphans, whom it reaps: sleeps for ever and heeds no signal. No worker runs it. */
function initProcess(kernel: Kernel, mm: AddressSpace, ns: Namespaces): void {
  const root = ns.mnt.rootPath;
  const { pids } = kernel;
  const pid = pids.allocate(ns.pid);
  const group = pids.newGroup(pid, pids.newSession(pid));
  const process = new Process(pid, ns.pid, null, group, 0, Rlimits.defaults(), kernel.nowNs(), kernel.realtime().sec);
  process.timers = new ProcessTimers(kernel, process);
  const handlers = new SignalHandlers();
  for (const action of handlers.actions) action.handler = SIG_IGN;
  const arch = kernel.parts.archs.x86_64;
  const t = new Task(kernel, pid, { process, mm: mm.share(), fds: new FdTable(kernel.channels), fs: new FsContext(root, root), cred: Cred.user(0, 0), handlers, arch, abi: arch.abi, ns });
  ns.mnt.acquire();
  t.comm = 'init';
  t.state = 'parked';
  kernel.guests.attachCpu(t, (memory, cpu) => new Registers(memory, cpu));
  process.leader = t;
  process.tasks.add(t);
  group.members.add(process);
  pids.processes.set(pid, process);
  pids.tasks.set(pid, t);
  kernel.init = process;
}

/** The task that becomes the first program: leader of its own session, without a program yet. */
export function firstTask(kernel: Kernel, mnt: MountNamespace, options: RunOptions): Task {
  const ns: Namespaces = { ...kernel.namespaces, mnt };
  const root = mnt.rootPath;
  const { pids } = kernel;
  const mm = new AddressSpace(kernel);
  initProcess(kernel, mm, ns);
  let pid = pids.allocate(ns.pid);
  while (pid < FIRST_PID) pid = pids.allocate(ns.pid);
  const limits = Rlimits.defaults();
  limits.cur[Rlimit.STACK] = options.stackLimit;
  const group = pids.newGroup(pid, pids.newSession(pid));
  const process = new Process(pid, ns.pid, null, group, 0, limits, kernel.nowNs(), kernel.realtime().sec);
  process.timers = new ProcessTimers(kernel, process);
  const arch = kernel.parts.archs.x86_64;
  const t = new Task(kernel, pid, {
    process,
    mm,
    fds: new FdTable(kernel.channels),
    fs: new FsContext(root, root, options.umask),
    cred: Cred.user(options.uid, options.gid, options.groups),
    handlers: new SignalHandlers(),
    arch,
    abi: arch.abi,
    ns,
  });
  mnt.acquire();
  t.nice = options.nice;
  process.leader = t;
  process.tasks.add(t);
  group.members.add(process);
  pids.processes.set(pid, process);
  pids.tasks.set(pid, t);
  return t;
}
