/** The worker's side: joins the engine, the mailbox and the calls that are answered without the kernel. */
import { GuestThread } from '../engine/guestThread.ts';
import type { Translator } from '../engine/translate/translation.ts';
import type { Clock } from '../host/clock.ts';
import { LocalCalls } from '../local/localCalls.ts';
import { MailboxGuest, Reply } from '../machine/mailbox.ts';

export type GuestInit = {
  readonly interpreter: WebAssembly.Module;
  readonly helpers: WebAssembly.Module;
  readonly mailbox: SharedArrayBuffer;
  readonly decodedRuns: SharedArrayBuffer;
  readonly wallOffsetNs: number;
};

/** What the main thread posts to a worker. */
export type GuestMessage =
  | ({ readonly type: 'init' } & GuestInit)
  /** `memory` is null when the worker is attached to it (machine/recentMemories.ts). */
  | { readonly type: 'run'; readonly memory: WebAssembly.Memory | null; readonly memoryId: number; readonly cpu: number; readonly slot: number }
  | { readonly type: 'forget'; readonly memoryId: number };

export class GuestHost {
  readonly #clockOf: (wallOffsetNs: number) => Clock;
  readonly #tallInterpreter: () => WebAssembly.Module;
  /** Set before the first `init`, if the host has a translating worker. */
  translator: Translator | null = null;
  #thread: GuestThread | null = null;
  #mailbox: MailboxGuest | null = null;

  constructor(clockOf: (wallOffsetNs: number) => Clock, tallInterpreter: () => WebAssembly.Module) {
    this.#clockOf = clockOf;
    this.#tallInterpreter = tallInterpreter;
  }

  /** A `run` blocks until the guest thread has ended. */
  receive(message: GuestMessage): void {
    if (message.type === 'init') this.#init(message);
    else if (message.type === 'forget') this.#thread!.forget(message.memoryId);
    else {
      this.#thread!.attach(message.memoryId, message.memory);
      // The kernel decides when guest code runs: it may have to change this memory first.
      if (this.#mailbox!.begin(message.slot) === Reply.resume) this.#thread!.run(message.cpu, message.slot);
    }
  }

  #init(init: GuestInit): void {
    this.#mailbox = new MailboxGuest(init.mailbox);
    const calls = new LocalCalls(this.#clockOf(init.wallOffsetNs), this.#mailbox);
    this.#thread = new GuestThread({
      interpreterModule: init.interpreter,
      tallInterpreter: this.#tallInterpreter,
      helpersModule: init.helpers,
      mailbox: this.#mailbox,
      decodedRuns: init.decodedRuns,
      local: calls,
      ...(this.translator === null ? {} : { translator: this.translator }),
    });
  }
}
