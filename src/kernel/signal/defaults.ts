/** What signals do to who does not handle them (signal(7)); all others end the process. */
import {
  SIGABRT, SIGBUS, SIGCHLD, SIGCONT, SIGFPE, SIGILL, SIGKILL, SIGQUIT, SIGSEGV, SIGSTOP, SIGSYS, SIGTRAP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH, SIGXCPU,
  SIGXFSZ,
} from '../../abi/linux/signal.ts';
import type { Task } from '../task/task.ts';
import { SIG_DFL } from './handlers.ts';
import { SigSet } from './sigset.ts';

export const STOP_SIGNALS = SigSet.of(SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU);
export const IGNORED_BY_DEFAULT = SigSet.of(SIGCHLD, SIGCONT, SIGURG, SIGWINCH);
export const DUMPS_CORE = SigSet.of(SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGFPE, SIGSEGV, SIGBUS, SIGSYS, SIGXCPU, SIGXFSZ);

/**
 * Whether the thread's end is certain, whatever it waits for: SIGKILL is there, or a signal that ends its process without a core dump
 * and that no tracer has a say in (complete_signal).
 */
export function isDoomed(t: Task): boolean {
  const { process } = t;
  if (process.exiting || t.pending.set.has(SIGKILL) || process.pending.set.has(SIGKILL)) return true;
  if (t.trace !== null) return false;
  const spared = t.blocked.copy();
  for (const set of [STOP_SIGNALS, IGNORED_BY_DEFAULT, DUMPS_CORE]) spared.addAll(set);
  for (const pending of [t.pending.set, process.pending.set]) {
    const left = spared.copy();
    for (let sig = pending.firstNotIn(left); sig !== 0; sig = pending.firstNotIn(left)) {
      if (t.handlers.actions[sig]!.handler === SIG_DFL) return true;
      left.add(sig);
    }
  }
  return false;
}
