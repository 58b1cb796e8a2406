import type { Kernel } from '../../kernel.ts';
import { IpcTable } from './ids.ts';
import { MSGMNI, type MessageQueue } from './messages.ts';
import { type Segment, SHMMNI } from './segments.ts';
import { SEMMNI, type SemaphoreSet } from './semaphores.ts';

/** System V IPC of one kernel. */
export class SysvIpc {
  readonly queues = new IpcTable<MessageQueue>(MSGMNI);
  readonly semaphores = new IpcTable<SemaphoreSet>(SEMMNI);
  readonly segments = new IpcTable<Segment>(SHMMNI);
}

const instances = new WeakMap<Kernel, SysvIpc>();

export function sysvOf(kernel: Kernel): SysvIpc {
  let ipc = instances.get(kernel);
  if (ipc === undefined) instances.set(kernel, (ipc = new SysvIpc()));
  return ipc;
}
