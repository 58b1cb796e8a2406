/** Runs a case in the interpreter until it leaves to the kernel. */
import { readFileSync } from 'node:fs';
import { GuestThread } from '../../src/engine/guestThread.ts';
import { OwnTranslator } from '../../src/engine/translate/service.ts';
import { generateInterpreter } from '../../src/engine/interpreter/generate.ts';
import { Globals, JUMP_CACHE_ENTRIES } from '../../src/machine/codeLayout.ts';
import { Reply } from '../../src/machine/mailbox.ts';
import { CODE_PAGE_TABLE, JUMP_CACHE, PAGE_SHIFT, RECORD_ARENA } from '../../src/machine/memoryLayout.ts';
import { Area, type OracleResult } from '../oracle/oracle.ts';
import type { Executor } from './fuzz.ts';
import type { FuzzCase } from './fuzzCase.ts';
import { Guest } from './guest.ts';
import { lazyStatus } from './lazyFlags.ts';

let module: WebAssembly.Module | undefined, tallModule: WebAssembly.Module | undefined;

export class InterpreterExecutor implements Executor {
  readonly mode: 32 | 64;
  readonly guest: Guest;
  private readonly thread: GuestThread;
  private readonly words: Int32Array;

  constructor(mode: 32 | 64, helperPath: string, tall = false) {
    this.mode = mode;
    this.guest = new Guest(mode);
    this.words = new Int32Array(this.guest.memory.buffer);
    this.words[Globals.tall >> 2] = tall ? 1 : 0;
    this.thread = new GuestThread({
      interpreterModule: (module ??= new WebAssembly.Module(generateInterpreter())),
      tallInterpreter: () => (tallModule ??= new WebAssembly.Module(generateInterpreter(true))),
      helpersModule: new WebAssembly.Module(readFileSync(helperPath)),
      mailbox: { call: () => Reply.leave },
      translator: new OwnTranslator(),
    });
  }

  run(c: FuzzCase): OracleResult {
    this.forgetCode();
    this.guest.load(c, c.exactSse);
    this.thread.attach(1, this.guest.memory);
    this.thread.run(this.guest.cpu, 0);
    return this.guest.result(c, lazyStatus(this.guest.view, this.guest.cpu));
  }

  /** Empties the decode cache, as nobody else runs: dropping the pages would leave their dead records in the lists. */
  private forgetCode(): void {
    const words = this.words;
    this.guest.bytes.fill(0, RECORD_ARENA, Math.max(RECORD_ARENA, words[Globals.arenaTop >> 2]!));
    words[Globals.arenaTop >> 2] = RECORD_ARENA;
    words.fill(0, JUMP_CACHE >> 2, (JUMP_CACHE >> 2) + JUMP_CACHE_ENTRIES * 2);
    words.fill(0, (CODE_PAGE_TABLE >> 2) + (Area.code >>> PAGE_SHIFT), (CODE_PAGE_TABLE >> 2) + ((Area.self + Area.selfSize) >>> PAGE_SHIFT) + 1);
  }
}
