import type { GuestRun, GuestWorker } from '../host/workers.ts';
import { RecentMemories } from '../machine/recentMemories.ts';

/**
 * Idle workers kept for the next fork, which otherwise waits for one to boot (a tenth of a second on a busy machine). None before the first
 * fork, unless earlier runs of the program have forked; then one; three for who has shown that it wants several at once: pipelines, threads.
 */
const READY = { forking: 1, busy: 3 } as const;
/** So many in use are busy: a shell that waits for its only child is not. */
const BUSY = 3;
/** More idle workers than this are ended. */
const MOST_IDLE = 12;

/** What the pool knows of a worker: booting, idle (in neither case has it a guest), or in use. */
export abstract class PoolWorker {
  /** Whose guest it runs. */
  seat: Seat | null = null;
  /** As the worker has it. */
  readonly recent = new RecentMemories<true>();

  abstract post(message: { type: 'run'; memory: WebAssembly.Memory | null; memoryId: number; cpu: number; slot: number } | { type: 'forget'; memoryId: number }): void;
  /** Ends the worker when its thread has left the engine. */
  abstract retire(): void;
  abstract terminate(): void;

  begin(seat: Seat, { memory, memoryId, cpu, slot }: GuestRun): void {
    this.seat = seat;
    seat.worker = this;
    const attached = this.recent.has(memoryId);
    this.recent.use(memoryId, () => true);
    this.post({ type: 'run', memory: attached ? null : memory, memoryId, cpu, slot });
  }

  forget(memoryId: number): void {
    if (!this.recent.has(memoryId)) return;
    this.recent.forget(memoryId);
    this.post({ type: 'forget', memoryId });
  }
}

/** A guest thread's place: it has a worker, or waits for one. */
export class Seat implements GuestWorker {
  worker: PoolWorker | null = null;
  job: GuestRun;
  readonly died: (reason: string) => void;
  private readonly pool: WorkerPool;

  constructor(pool: WorkerPool, job: GuestRun, died: (reason: string) => void) {
    this.pool = pool;
    this.job = job;
    this.died = died;
  }

  run(job: GuestRun): void {
    this.job = job;
    if (this.worker !== null) this.pool.exchange(this, this.worker);
  }

  free(): boolean {
    if (this.worker === null) return this.pool.withdraw(this);
    this.worker.seat = null;
    this.pool.offer(this.worker);
    return true;
  }

  terminate(): void {
    const { worker } = this;
    if (worker === null) {
      this.pool.withdraw(this);
      return;
    }
    worker.seat = null;
    worker.terminate();
  }
}

/**
 * Who gets which worker. Threads wait for one in the order in which they were started, and take the first that is ready, be it a new one or one that
 * another thread has left. No more than `mostBooting` boot at a time.
 */
export class WorkerPool {
  readonly all = new Set<PoolWorker>();
  private readonly booting = new Set<PoolWorker>();
  /** The latest last. */
  private readonly idle: PoolWorker[] = [];
  private readonly waiting: Seat[] = [];
  private readonly spawn: () => PoolWorker;
  private readonly mostBooting: number;
  /** Runs work when the thread is free. */
  private readonly later: (work: () => void) => void;
  private growing = false;
  private expected = false;
  started = 0;
  closed = false;

  /** The first worker boots at once. */
  constructor(spawn: () => PoolWorker, mostBooting: number, later: (work: () => void) => void) {
    this.spawn = spawn;
    this.mostBooting = mostBooting;
    this.later = later;
    this.boot();
  }

  private boot(): void {
    const worker = this.spawn();
    this.all.add(worker);
    this.booting.add(worker);
  }

  start(job: GuestRun, died: (reason: string) => void): Seat {
    const seat = new Seat(this, job, died), first = this.started++ === 0;
    const worker = this.takeFor(job.memoryId) ?? this.idle.pop() ?? null;
    if (worker !== null) worker.begin(seat, job);
    else if (first) this.beginBooting(seat);
    else this.waiting.push(seat);
    this.grow();
    return seat;
  }

  /** The first thread has nothing to wait for but this one. */
  private beginBooting(seat: Seat): void {
    const [worker] = this.booting;
    this.booting.delete(worker!);
    worker!.begin(seat, seat.job);
  }

  /** The program will probably fork: earlier runs have. */
  expectForks(): void {
    this.expected = true;
  }

  /** How many workers should be idle, or boot. */
  private wanted(): number {
    if (this.started < 2 && !this.expected) return 0;
    return this.waiting.length + (this.all.size - this.idle.length - this.booting.size < BUSY ? READY.forking : READY.busy);
  }

  private get isShort(): boolean {
    return !this.closed && this.booting.size < this.mostBooting && this.idle.length + this.booting.size < this.wanted();
  }

  /** At once for who waits, else when there is time. */
  private grow(): void {
    if (this.waiting.length > this.booting.size && this.isShort) this.boot();
    if (this.growing || !this.isShort) return;
    this.growing = true;
    this.later(() => {
      this.growing = false;
      if (this.isShort) this.boot();
      this.grow();
    });
  }

  /** The worker has booted. */
  booted(worker: PoolWorker): void {
    if (!this.booting.delete(worker)) return;
    this.offer(worker);
    this.grow();
  }

  /** The worker has no guest any more (it may still be on its way out): for the first who waits. */
  offer(worker: PoolWorker): void {
    if (!this.all.has(worker)) return;
    const seat = this.waiting.shift();
    if (seat !== undefined) worker.begin(seat, seat.job);
    else if (this.idle.length < MOST_IDLE) this.idle.push(worker);
    else {
      this.all.delete(worker);
      worker.retire();
    }
  }

  /** False: it has waited, and does so no longer. */
  withdraw(seat: Seat): false {
    const at = this.waiting.indexOf(seat);
    if (at >= 0) this.waiting.splice(at, 1);
    return false;
  }

  /** An idle worker that is attached to the memory; it is idle no longer. */
  private takeFor(memoryId: number): PoolWorker | null {
    const at = this.idle.findLastIndex((worker) => worker.recent.has(memoryId));
    return at < 0 ? null : this.idle.splice(at, 1)[0]!;
  }

  /** The seat's guest has another program: it changes to a worker that is attached to its memory, if there is one. */
  exchange(seat: Seat, worker: PoolWorker): void {
    const other = worker.recent.has(seat.job.memoryId) ? null : this.takeFor(seat.job.memoryId);
    if (other !== null) worker.seat = null;
    (other ?? worker).begin(seat, seat.job);
    if (other !== null) this.offer(worker);
  }

  forget(memoryId: number): void {
    for (const worker of this.all) worker.forget(memoryId);
  }

  /** The worker is gone, whatever it did. */
  ended(worker: PoolWorker, reason: string): void {
    this.all.delete(worker);
    const at = this.idle.indexOf(worker);
    if (at >= 0) this.idle.splice(at, 1);
    // One that cannot boot must not be followed by others for ever.
    const seat = this.booting.delete(worker) ? this.waiting.shift() : worker.seat;
    worker.seat = null;
    if (seat && !this.closed) seat.died(reason);
    this.grow();
  }

  close(): void {
    this.closed = true;
    for (const worker of this.all) worker.terminate();
  }
}
