import { EPOLLIN } from '../../abi/linux/poll.ts';
import type { FileDescription } from '../../vfs/fileDescription.ts';
import { WaitQueue, type Waiter } from '../../vfs/waitQueue.ts';

/** fs.aio-max-nr */
export const AIO_MAX = 65536;

/** What has been done: struct io_event. `data` is 64 bits, as two halves. */
export interface AioEvent {
  readonly dataLo: number;
  readonly dataHi: number;
  readonly iocb: number;
  readonly result: number;
}

/** A poll request whose file is not ready. `attempt` gives the result, or null while there is none. */
export class AioRequest implements Waiter {
  readonly context: AioContext;
  readonly iocb: number;
  readonly file: FileDescription;
  private readonly attempt: (events: number) => number | null;
  private readonly complete: (result: number) => void;

  constructor(context: AioContext, iocb: number, file: FileDescription, attempt: (events: number) => number | null, complete: (result: number) => void) {
    this.context = context;
    this.iocb = iocb;
    this.file = file.acquire();
    this.attempt = attempt;
    this.complete = complete;
    file.waitQueue?.add(this);
    context.waiting.add(this);
  }

  onWake(events: number): void {
    this.context.defer(() => {
      if (!this.context.waiting.has(this)) return;
      const result = this.attempt(events);
      if (result !== null) this.finish(result);
    });
  }

  /** It waits no more; a request that is called back ends with 0. */
  finish(result: number): void {
    this.context.waiting.delete(this);
    this.file.waitQueue?.remove(this);
    this.complete(result);
    this.file.release();
  }
}

/** io_setup(2): completed requests in order, and those that wait. */
export class AioContext {
  readonly id: number;
  /** Requests under way and events not yet fetched; no more than this. */
  readonly capacity: number;
  readonly events: AioEvent[] = [];
  readonly waiting = new Set<AioRequest>();
  readonly queue = new WaitQueue();
  readonly defer: (work: () => void) => void;
  dead = false;

  constructor(id: number, capacity: number, defer: (work: () => void) => void) {
    this.id = id;
    this.capacity = capacity;
    this.defer = defer;
  }

  get full(): boolean {
    return this.events.length + this.waiting.size >= this.capacity;
  }

  push(event: AioEvent): void {
    this.events.push(event);
    this.queue.wake(EPOLLIN);
  }

  /** Calls back what waits: nobody fetches the events, but eventfds hear of them. */
  destroy(): void {
    this.dead = true;
    for (const request of [...this.waiting]) request.finish(0);
    this.queue.wake(EPOLLIN);
  }
}
