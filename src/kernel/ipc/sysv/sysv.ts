import { IpcTable } from './ids.ts';
import { MSGMNI, type MessageQueue } from './messages.ts';
import { type Segment, SHMMNI } from './segments.ts';
import { SEMMNI, type SemaphoreSet } from './semaphores.ts';

/** System V IPC of one namespace. */
export class SysvIpc {
  readonly queues = new IpcTable<MessageQueue>(MSGMNI);
  readonly semaphores = new IpcTable<SemaphoreSet>(SEMMNI);
  readonly segments = new IpcTable<Segment>(SHMMNI);
}
