import { SI_KERNEL } from '../abi/linux/signal.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { sendToProcess } from '../kernel/signal/send.ts';
import { siginfo } from '../kernel/signal/siginfo.ts';
import type { ProcessGroup, Session } from '../kernel/task/session.ts';
import { Timer } from '../kernel/time/timerHeap.ts';

/** What terminals need of the kernel. */
export interface TtyServices {
  /** Sends `sig` (from the kernel: SI_KERNEL) to every process of the group. */
  signalGroup(group: ProcessGroup, sig: number): void;
  /** To the leader of a session. */
  signalLeader(session: Session, sig: number): void;
  /** Whether any session has a process group of this number. */
  groupExists(id: number): boolean;
  /** Monotonic time. */
  nowNs(): number;
  /** Calls `run` once at that monotonic time. */
  at(deadlineNs: number, run: () => void): void;
  /** Runs `work` on the kernel loop: host callbacks come in through it. */
  defer(work: () => void): void;
}

export function ttyServices(kernel: Kernel): TtyServices {
  return {
    signalGroup(group, sig) {
      for (const process of [...group.members]) sendToProcess(process, siginfo(sig, SI_KERNEL));
    },
    signalLeader(session, sig) {
      const leader = kernel.pids.processes.get(session.id);
      if (leader !== undefined && leader.session === session) sendToProcess(leader, siginfo(sig, SI_KERNEL));
    },
    groupExists: (id) => kernel.pids.groups.has(id),
    nowNs: () => kernel.nowNs(),
    at(deadlineNs, run) {
      kernel.timers.set(new Timer(run), deadlineNs);
    },
    defer: (work) => kernel.defer(work),
  };
}
