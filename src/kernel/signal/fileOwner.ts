import type { FileDescription } from '../../vfs/fileDescription.ts';
import type { Kernel } from '../kernel.ts';
import { sendToGroup, sendToProcess, sendToTask } from './send.ts';
import type { Siginfo } from './siginfo.ts';

/** Owner kinds of F_SETOWN_EX. */
export const OWNER_TASK = 0;
export const OWNER_PROCESS = 1;
export const OWNER_GROUP = 2;

/** Sends a signal to whom a file belongs (F_SETOWN), if to anybody. */
export function signalOwner({ pids }: Kernel, { owner }: FileDescription, info: Siginfo): void {
  if (owner.id === 0) return;
  if (owner.type === OWNER_GROUP) {
    const group = pids.groups.get(owner.id);
    if (group !== undefined) sendToGroup(group, info);
  } else if (owner.type === OWNER_PROCESS) {
    const process = pids.processes.get(owner.id);
    if (process !== undefined) sendToProcess(process, info);
  } else {
    const task = pids.tasks.get(owner.id);
    if (task !== undefined) sendToTask(task, info);
  }
}
