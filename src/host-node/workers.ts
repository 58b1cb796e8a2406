import { MessageChannel, type MessagePort, SHARE_ENV, Worker } from 'node:worker_threads';
import type { WorkerMessage, WorkerNews } from './guestWorker.entry.ts';
import type { RegionTrace, TranslatorMessage } from './translator.entry.ts';
import type { KeptFile } from './keptRegionFile.ts';
import { Shared, SHARED_BYTES } from './translatorShared.ts';
import type { GuestRun, GuestWorker, Workers } from '../host/workers.ts';
import type { GuestInit, GuestMessage } from '../boot/guestWorker.ts';
import { RecentMemories } from '../machine/recentMemories.ts';

/**
 * Idle workers kept for the next fork, which otherwise waits for one to boot (a tenth of a second on a busy machine). None before the first
 * fork, unless earlier runs of the program have forked; then one; three for who has shown that it wants several at once: pipelines, threads.
 */
const READY = { forking: 1, busy: 3 } as const;
/** So many in use are busy: a shell that waits for its only child is not. */
const BUSY = 3;

/** The translating worker starts with the first request, but not before this has gone by: a short run does not pay for it. */
const TRANSLATE_AFTER_MS = 100;
/** So long the end of the emulator waits for translations to be written. */
const KEEP_MS = 1500;
/** More idle workers than this are ended. */
const MOST_IDLE = 12;

/** Guest calls nest as calls of the host's; see MAX_DEPTH in emit/regionEmitter.ts. */
const STACK_MB = 16;

class PooledWorker implements GuestWorker {
  readonly worker: Worker;
  readonly pool: NodeWorkers;
  died: ((reason: string) => void) | null = null;
  /** As the worker has it. */
  readonly recent = new RecentMemories<true>();

  constructor(pool: NodeWorkers, script: URL) {
    this.pool = pool;
    this.worker = new Worker(script, { env: SHARE_ENV, execArgv: [], trackUnmanagedFds: false, resourceLimits: { stackSizeMb: STACK_MB } });
    let reason = 'worker ended';
    this.worker.on('error', (error: Error) => {
      reason = error.stack ?? error.message;
    });
    this.worker.on('exit', () => this.pool.ended(this, reason));
    this.worker.on('message', (news: WorkerNews) => {
      if (news === 'tall') this.pool.tall = true;
      else this.pool.translatorWanted();
    });
  }

  /** Gives the worker its end of a channel to the translating one; the answer is the other end. */
  connect(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    const message: WorkerMessage = { type: 'translator', port: port1 };
    this.worker.postMessage(message, [port1]);
    return port2;
  }

  post(message: GuestMessage | WorkerMessage): void {
    this.worker.postMessage(message);
  }

  run(job: GuestRun): GuestWorker {
    const other = this.recent.has(job.memoryId) ? null : this.pool.exchange(this, job.memoryId);
    if (other === null) this.begin(job);
    else other.begin(job);
    return other ?? this;
  }

  begin({ memory, memoryId, cpu, slot }: GuestRun): void {
    const attached = this.recent.has(memoryId);
    this.recent.use(memoryId, () => true);
    this.post({ type: 'run', memory: attached ? null : memory, memoryId, cpu, slot });
  }

  forget(memoryId: number): void {
    if (!this.recent.has(memoryId)) return;
    this.recent.forget(memoryId);
    this.post({ type: 'forget', memoryId });
  }

  free(): void {
    this.died = null;
    this.pool.idle(this);
  }

  /** Ends the worker when its thread has left the engine. */
  retire(): void {
    this.worker.unref();
    this.post({ type: 'end' });
  }

  terminate(): void {
    this.died = null;
    void this.worker.terminate();
  }
}

/** What is kept for guest workers: translations, `prefix` of the files' names, those there are; `compiled` as compiledCodeFrom() wants it. */
interface Kept {
  readonly prefix: string;
  readonly files: readonly KeptFile[];
  /** The file with compiled code of the interpreter for tall address spaces. */
  readonly tall: string;
  readonly compiled: Uint8Array | null;
}

/**
 * Workers on node:worker_threads. Started empty, so that the first one boots while the main thread still loads the rest;
 * init() hands the compiled modules to all of them.
 */
export class NodeWorkers implements Workers {
  readonly #script: URL;
  readonly #translatorScript: URL;
  #translator: Worker | null = null;
  #wanted = false;
  readonly #created = performance.now();
  /** Ends of channels that wait for the translating worker. */
  readonly #ports: MessagePort[] = [];
  #init: GuestInit | null = null;
  #kept: Kept | null = null;
  /** Shared with the translating worker. */
  readonly #shared = new Int32Array(new SharedArrayBuffer(SHARED_BYTES));
  readonly #idle: PooledWorker[] = [];
  readonly #all = new Set<PooledWorker>();
  #started = 0;
  #expected = false;
  #refill: ReturnType<typeof setImmediate> | null = null;
  #closed = false;
  #regionTrace: RegionTrace | null = null;
  #profiled = false;
  /** A guest has had a tall address space. */
  tall = false;

  constructor(script: URL, translatorScript: URL) {
    this.#script = script;
    this.#translatorScript = translatorScript;
    this.#spawn();
  }

  /** Requests wait in their channels until it is there; what ends before needs no translation. */
  translatorWanted(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    setTimeout(() => this.#startTranslator(), Math.max(0, TRANSLATE_AFTER_MS - (performance.now() - this.#created))).unref();
  }

  /** Before the program starts. */
  traceRegions(trace: RegionTrace): void {
    this.#regionTrace = trace;
  }

  /** Before the program starts: translated code says where it is. */
  profileRegions(): void {
    this.#profiled = true;
  }

  /** What the translator has done so far. */
  get translated(): { regions: number; instructions: number; ms: number } {
    const word = (n: number): number => Atomics.load(this.#shared, n);
    return { regions: word(Shared.regions), instructions: word(Shared.instructions), ms: word(Shared.microseconds) / 1000 };
  }

  #startTranslator(): void {
    if (this.#closed) return;
    this.#translator = new Worker(this.#translatorScript, {
      env: SHARE_ENV,
      execArgv: [],
      trackUnmanagedFds: false,
      workerData: this.#shared.buffer,
      // The control-flow structurer recurses along the dominator tree.
      resourceLimits: { stackSizeMb: STACK_MB },
    });
    this.#translator.unref();
    // Without it everything is interpreted: slower, and a bug of ours to be reported.
    this.#translator.on('error', (error: Error) => {
      if (!this.#closed) process.stderr.write(`tuxlate: the translator has failed: ${error.message}\n`);
    });
    if (this.#profiled) this.#translator.postMessage({ type: 'profile' } satisfies TranslatorMessage);
    if (this.#regionTrace !== null) this.#translator.postMessage({ type: 'trace', ...this.#regionTrace } satisfies TranslatorMessage);
    for (const port of this.#ports.splice(0)) this.#hand(port);
  }

  #connect(worker: PooledWorker): void {
    const port = worker.connect();
    if (this.#translator === null) this.#ports.push(port);
    else this.#hand(port);
  }

  #hand(port: MessagePort): void {
    const message: TranslatorMessage = { type: 'port', port };
    try {
      this.#translator!.postMessage(message, [port]);
    } catch (error) {
      // The worker at its other end has been retired meanwhile: nobody asks through it any more.
      if ((error as Error).name !== 'DataCloneError') throw error;
    }
  }

  /** `kept`: where translations are kept (keptTranslations.ts); null: nowhere. */
  init(init: GuestInit, kept: Kept | null): void {
    this.#init = init;
    this.#kept = kept;
    for (const worker of this.#all) this.#prepare(worker);
  }

  #prepare(worker: PooledWorker): void {
    if (this.#kept !== null) worker.post({ type: 'kept', files: this.#kept.files, tall: this.#kept.tall, compiled: this.#kept.compiled });
    worker.post({ type: 'init', ...this.#init! });
  }

  #spawn(): void {
    const worker = new PooledWorker(this, this.#script);
    this.#all.add(worker);
    this.#connect(worker);
    if (this.#init !== null) this.#prepare(worker);
    this.#idle.push(worker);
  }

  start(job: GuestRun, died: (reason: string) => void): GuestWorker {
    if (this.#idle.length === 0) this.#spawn();
    const worker = this.#idleFor(job.memoryId) ?? this.#idle.pop()!;
    worker.died = died;
    worker.begin(job);
    this.#started++;
    if (this.#idle.length < this.#ready()) this.#refillSoon();
    return worker;
  }

  /** The program will probably fork: earlier runs have. */
  expectForks(): void {
    this.#expected = true;
  }

  /** Whether more than one worker was wanted. */
  get forked(): boolean {
    return this.#started > 1;
  }

  /** How many idle workers there should be. */
  #ready(): number {
    if (this.#started < 2 && !this.#expected) return 0;
    return this.#all.size - this.#idle.length < BUSY ? READY.forking : READY.busy;
  }

  #refillSoon(): void {
    this.#refill ??= setImmediate(() => {
      this.#refill = null;
      if (this.#closed) return;
      if (this.#idle.length < this.#ready()) this.#spawn();
      if (this.#idle.length < this.#ready()) this.#refillSoon();
    });
  }

  /** An idle worker that is attached to the memory; it is idle no longer. */
  #idleFor(memoryId: number): PooledWorker | null {
    const at = this.#idle.findLastIndex((worker) => worker.recent.has(memoryId));
    return at < 0 ? null : this.#idle.splice(at, 1)[0]!;
  }

  /** `worker` is to run in a memory that an idle one is attached to, which is returned: the two change places. */
  exchange(worker: PooledWorker, memoryId: number): PooledWorker | null {
    const other = this.#idleFor(memoryId);
    if (other === null) return null;
    other.died = worker.died;
    worker.died = null;
    this.#idle.push(worker);
    return other;
  }

  forget(memoryId: number): void {
    for (const worker of this.#all) worker.forget(memoryId);
  }

  idle(worker: PooledWorker): void {
    if (!this.#all.has(worker)) return;
    if (this.#idle.length < MOST_IDLE) this.#idle.push(worker);
    else {
      this.#all.delete(worker);
      worker.retire();
    }
  }

  ended(worker: PooledWorker, reason: string): void {
    this.#all.delete(worker);
    const at = this.#idle.indexOf(worker);
    if (at >= 0) this.#idle.splice(at, 1);
    const died = worker.died;
    worker.died = null;
    if (died !== null && !this.#closed) died(reason);
  }

  /** Ends all guests; resolves when what is worth keeping of their translations has been written. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const worker of this.#all) worker.terminate();
    const translator = this.#translator;
    if (translator !== null && this.#kept !== null) await this.#keep(translator, this.#kept);
    void translator?.terminate();
  }

  #keep(translator: Worker, { prefix, compiled }: Kept): Promise<void> {
    Atomics.store(this.#shared, Shared.ended, 1);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, KEEP_MS);
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      translator.once('message', done);
      translator.once('exit', done);
      const message: TranslatorMessage = { type: 'keep', prefix, compiled };
      translator.postMessage(message);
    });
  }
}
