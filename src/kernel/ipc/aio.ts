import { EPOLLIN } from '../../abi/linux/poll.ts';
import type { FileDescription } from '../../vfs/fileDescription.ts';
import { WaitQueue, type Waiter } from '../../vfs/waitQueue.ts';
import type { AddressSpace } from '../mm/addressSpace.ts';

/** fs.aio-max-nr */
export const AIO_MAX = 65536;

/** What has been done: struct io_event. `data` is 64 bits, as two halves. */
export interface AioEvent {
  readonly dataLo: number;
  readonly dataHi: number;
  readonly iocb: number;
  readonly result: number;
}

/** A request that waits for its file. `attempt` gives the result, or null while there is none. */
export class AioRequest implements Waiter {
  readonly context: AioContext;
  readonly iocb: number;
  readonly file: FileDescription;
  readonly cancellable: boolean;
  private readonly attempt: (events: number) => number | null;
  private readonly complete: (result: number) => void;

  constructor(context: AioContext, iocb: number, file: FileDescription, cancellable: boolean, attempt: (events: number) => number | null, complete: (result: number) => void) {
    this.context = context;
    this.iocb = iocb;
    this.file = file.acquire();
    this.cancellable = cancellable;
    this.attempt = attempt;
    this.complete = complete;
    file.waitQueue?.add(this);
    context.waiting.add(this);
  }

  onWake(events: number): void {
    this.context.defer(() => {
      if (!this.context.waiting.has(this)) return;
      const result = this.attempt(events);
      if (result === null) return;
      this.drop();
      this.complete(result);
    });
  }

  drop(): void {
    this.context.waiting.delete(this);
    this.file.waitQueue?.remove(this);
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

  destroy(): void {
    this.dead = true;
    for (const request of [...this.waiting]) request.drop();
    this.queue.wake(EPOLLIN);
  }
}

const contexts = new WeakMap<AddressSpace, Map<number, AioContext>>();

/** The contexts of an address space, by the address that stands for each. */
export function aioContexts(mm: AddressSpace): Map<number, AioContext> {
  let map = contexts.get(mm);
  if (map === undefined) contexts.set(mm, (map = new Map()));
  return map;
}
