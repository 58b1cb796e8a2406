/** Runs a case in the interpreter. */
import { readFileSync } from 'node:fs';
import { GuestThread } from '../../src/engine/guestThread.ts';
import { generateInterpreter } from '../../src/engine/interpreter/generate.ts';
import { CodePages } from '../../src/machine/codePages.ts';
import { Cpu } from '../../src/machine/cpuState.ts';
import { Exit, Vector } from '../../src/machine/exit.ts';
import { Reply } from '../../src/machine/mailbox.ts';
import { PAGE_SHIFT } from '../../src/machine/memoryLayout.ts';
import { Area, type OracleResult } from '../oracle/oracle.ts';
import type { Executor } from './fuzz.ts';
import type { FuzzCase } from './fuzzCase.ts';
import { Guest } from './guest.ts';

let module: WebAssembly.Module | null = null;

function interpreter(): WebAssembly.Module {
  return (module ??= new WebAssembly.Module(generateInterpreter()));
}

export class InterpreterExecutor implements Executor {
  readonly mode: 32 | 64;
  private readonly guest: Guest;
  private readonly thread: GuestThread;

  constructor(mode: 32 | 64, helperPath: string) {
    this.mode = mode;
    this.guest = new Guest(mode);
    this.thread = new GuestThread({
      interpreterModule: interpreter(),
      helpersModule: new WebAssembly.Module(readFileSync(helperPath)),
      mailbox: { call: () => Reply.leave },
    });
  }

  /** The kernel's part for a selector it does not have. */
  private refuseSegment(): void {
    const { view, cpu } = this.guest;
    if (view.getUint32(cpu + Cpu.exitReason, true) !== Exit.loadSegment) return;
    const code = view.getUint32(cpu + Cpu.exitCode, true), rsp = cpu + Cpu.gpr + 8 * 4;
    view.setUint32(cpu + Cpu.rip, view.getUint32(cpu + Cpu.rip, true) - ((code >> 8) & 0xff), true);
    view.setUint32(rsp, view.getUint32(rsp, true) - (code >> 16), true);
    view.setUint32(cpu + Cpu.exitReason, Exit.trap, true);
    view.setUint32(cpu + Cpu.exitCode, Vector.GP, true);
  }

  run(c: FuzzCase): OracleResult {
    const guest = this.guest;
    new CodePages(guest.memory.buffer).dropPages(Area.code >>> PAGE_SHIFT, (Area.code + Area.codeSize - 1) >>> PAGE_SHIFT);
    guest.load(c, c.exactSse);
    this.thread.run(guest.memory, guest.cpu, 0);
    this.refuseSegment();
    return guest.result(c, guest.view.getUint32(guest.cpu + Cpu.ccSrc, true));
  }
}
