import { EIO, ERESTARTSYS } from '../abi/linux/errno.ts';
import { SIGTTIN } from '../abi/linux/signal.ts';
import { SIG_IGN } from '../kernel/signal/handlers.ts';
import type { Process } from '../kernel/task/process.ts';
import type { ControllingTty } from '../kernel/task/session.ts';
import type { Task } from '../kernel/task/task.ts';
import type { FileCaller } from '../vfs/fileDescription.ts';
import type { Tty } from './tty.ts';

/** Whoever calls a file is a task; vfs does not know the type. */
export function taskOf(t: FileCaller): Task {
  return t as Task;
}

/** The controlling terminal of a process. */
export const ttyOf = (process: Process): ControllingTty | null => (process.gaveUpTty ? null : process.session.tty);

/**
 * A process in the background wants to read (SIGTTIN) or change (SIGTTOU) its controlling terminal: tty_check_change. 0: it may.
 * When its group is sent the signal, the call is restarted after SIGCONT or interrupted by the handler.
 */
export function checkChange(tty: Tty, t: FileCaller, sig: number): number {
  const task = taskOf(t);
  const { group } = task.process;
  if (ttyOf(task.process) !== tty || tty.group === null || tty.group === group) return 0;
  const ignored = task.blocked.has(sig) || task.handlers.actions[sig]!.handler === SIG_IGN;
  if (ignored) return sig === SIGTTIN ? -EIO : 0;
  if (group.orphaned) return -EIO;
  tty.services.signalGroup(group, sig);
  return -ERESTARTSYS;
}

/** The caller's session gets `tty` as its controlling terminal. */
export function takeControl(tty: Tty, t: FileCaller): void {
  taskOf(t).process.gaveUpTty = false;
  const { session, group } = taskOf(t).process;
  tty.control(session, group);
}
