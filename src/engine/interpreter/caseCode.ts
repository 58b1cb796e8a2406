import { Field } from '../../ir/ops.ts';
import { RECORD_SIZE } from '../../machine/codeLayout.ts';
import type { Code } from '../../wasm/code.ts';

/** Functions every case may call; numbers in the module. */
export interface RuntimeFunctions {
  slow: number;
  span: number;
  leaveFault: number;
  leaveTrap: number;
  leaveAt: number;
  lookup: number;
  flags: Record<number, number>;
  cond: number[];
  statusFlags: number;
  /** Type (cpu, depth) -> i32 of translated regions. */
  regionType: number;
  timeStamp: number;
  helper(name: string): number;
}

/** Locals of every case: the CPU pointer and the record. */
export const CPU = 0;
export const RECORD = 1;

/** How a case ends: inside the big loop, or in a function of its own. */
export interface CaseEnd {
  /** The next record's offset is on the stack. */
  goOn(code: Code): void;
  /** Everything for the dispatcher has been written. */
  leave(code: Code): void;
  /** Jumps count this local down to leave now and then; -1 = not. */
  fuel: number;
  /** To the record after this one, and along its link, where cases share code for that. */
  next?(code: Code): void;
  taken?(code: Code): void;
}

/** What every part of a case's code needs: the functions it calls, how it ends, and the ways out to the dispatcher. */
export class CaseCode {
  readonly run: RuntimeFunctions;
  readonly end: CaseEnd;
  constructor(run: RuntimeFunctions, end: CaseEnd) {
    this.run = run;
    this.end = end;
  }

  field(code: Code, field: number): void {
    code.get(RECORD);
    const op = field === Field.seg || field === Field.scale ? 'i32.load8_u' : field >= Field.r0 && field <= Field.index ? 'i32.load16_u' : 'i32.load';
    code.mem(op, field);
  }

  trap(code: Code, vector: number, after: boolean): void {
    code.get(CPU);
    code.i32(vector);
    this.field(code, after ? Field.rip + RECORD_SIZE : Field.rip);
    code.call(this.run.leaveTrap);
    this.end.leave(code);
  }

  /** rip = what `target` puts on the stack, then leave. */
  leaveAt(code: Code, kind: number, target: () => void): void {
    code.get(CPU);
    code.get(RECORD);
    target();
    code.i32(kind);
    code.call(this.run.leaveAt);
    this.end.leave(code);
  }

  leaveFault(code: Code, access: number, addr: () => void, rip: () => void): void {
    code.get(CPU);
    addr();
    code.i32(access);
    rip();
    code.call(this.run.leaveFault);
    this.end.leave(code);
  }
}
