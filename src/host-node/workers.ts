import { availableParallelism } from 'node:os';
import { MessageChannel, type MessagePort, SHARE_ENV, Worker } from 'node:worker_threads';
import type { WorkerMessage, WorkerNews } from './guestWorker.entry.ts';
import type { RegionTrace, TranslatorMessage } from './translator.entry.ts';
import type { KeptFile } from './keptRegionFile.ts';
import { Shared, SHARED_BYTES } from './translatorShared.ts';
import type { GuestRun, GuestWorker, Workers } from '../host/workers.ts';
import type { GuestInit, GuestMessage } from '../boot/guestWorker.ts';
import { PoolWorker, WorkerPool } from './workerPool.ts';

/** The translating worker starts with the first request, but not before this has gone by: a short run does not pay for it. */
const TRANSLATE_AFTER_MS = 100;
/**
 * So many workers boot at a time. More take the processors from the guests, the kernel and each other; fewer get too little of a machine that does
 * other things as well.
 */
const BOOTING_PER_PROCESSOR = 2;
/** So long the end of the emulator waits for translations to be written. */
const KEEP_MS = 1500;

/** Guest calls nest as calls of the host's; see MAX_DEPTH in emit/regionEmitter.ts. */
const STACK_MB = 16;

class NodeWorker extends PoolWorker {
  readonly worker: Worker;

  constructor(workers: NodeWorkers, script: URL) {
    super();
    this.worker = new Worker(script, { env: SHARE_ENV, execArgv: [], trackUnmanagedFds: false, resourceLimits: { stackSizeMb: STACK_MB } });
    let reason = 'worker ended';
    this.worker.on('error', (error: Error) => {
      reason = error.stack ?? error.message;
    });
    this.worker.on('exit', () => workers.pool.ended(this, reason));
    this.worker.on('message', (news: WorkerNews) => {
      if (news === 'ready') workers.pool.booted(this);
      else if (news === 'tall') workers.tall = true;
      else workers.translatorWanted();
    });
  }

  /** Gives the worker its end of a channel to the translating one; the answer is the other end. */
  connect(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    const message: WorkerMessage = { type: 'translator', port: port1 };
    this.worker.postMessage(message, [port1]);
    return port2;
  }

  override post(message: GuestMessage | WorkerMessage): void {
    this.worker.postMessage(message);
  }

  override retire(): void {
    this.worker.unref();
    this.post({ type: 'end' });
  }

  override terminate(): void {
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
  readonly pool: WorkerPool;
  #regionTrace: RegionTrace | null = null;
  #profiled = false;
  /** A guest has had a tall address space. */
  tall = false;

  constructor(script: URL, translatorScript: URL) {
    this.#script = script;
    this.#translatorScript = translatorScript;
    this.pool = new WorkerPool(() => this.#spawn(), BOOTING_PER_PROCESSOR * availableParallelism(), setImmediate);
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
    if (this.pool.closed) return;
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
      if (!this.pool.closed) process.stderr.write(`tuxlate: the translator has failed: ${error.message}\n`);
    });
    if (this.#profiled) this.#translator.postMessage({ type: 'profile' } satisfies TranslatorMessage);
    if (this.#regionTrace !== null) this.#translator.postMessage({ type: 'trace', ...this.#regionTrace } satisfies TranslatorMessage);
    for (const port of this.#ports.splice(0)) this.#hand(port);
  }

  #connect(worker: NodeWorker): void {
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
    for (const worker of this.pool.all) this.#prepare(worker as NodeWorker);
  }

  #prepare(worker: NodeWorker): void {
    if (this.#kept !== null) worker.post({ type: 'kept', files: this.#kept.files, tall: this.#kept.tall, compiled: this.#kept.compiled });
    worker.post({ type: 'init', ...this.#init! });
  }

  #spawn(): NodeWorker {
    const worker = new NodeWorker(this, this.#script);
    this.#connect(worker);
    if (this.#init !== null) this.#prepare(worker);
    return worker;
  }

  start(job: GuestRun, died: (reason: string) => void): GuestWorker {
    return this.pool.start(job, died);
  }

  /** The program will probably fork: earlier runs have. */
  expectForks(): void {
    this.pool.expectForks();
  }

  /** Whether more than one worker was wanted. */
  get forked(): boolean {
    return this.pool.started > 1;
  }

  forget(memoryId: number): void {
    this.pool.forget(memoryId);
  }

  /** Ends all guests; resolves when what is worth keeping of their translations has been written. */
  async close(): Promise<void> {
    this.pool.close();
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
