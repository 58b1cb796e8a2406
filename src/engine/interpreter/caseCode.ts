import { Field, SCALE_SHIFT } from '../../ir/ops.ts';
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
  /** ADDRESS_BITS, or TALL_ADDRESS_BITS. */
  addressBits: number;
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
  /** What cases of the loop share. */
  shared?: SharedEnds;
}

/** Places of the loop where cases go on: with them the cases themselves contain no calls, and V8 keeps their values in registers. */
export interface SharedEnds {
  /** Label: the case's function does the instruction, of which nothing has been done yet. */
  whole: number;
  /** Label: the record after this one. */
  next: number;
  /** Label: along the record's link. */
  taken: number;
  /** To the guest address on the stack. */
  indirect(code: Code): void;
  /** Leaves for the guest address on the stack. */
  leaveAt(code: Code, kind: number): void;
  /** To the address of 64 bits on the stack, which cannot be jumped to. */
  wild(code: Code): void;
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
    if (field === Field.scale) {
      code.mem('i32.load8_u', Field.index);
      code.i32(SCALE_SHIFT);
      code.op('i32.shr_u');
    } else code.mem(field === Field.caseId || field === Field.r0 || field === Field.r1 ? 'i32.load16_u' : 'i32.load', field);
  }

  /** Where in the memory the register is that one of the record's fields names. */
  place(code: Code, field: number): void {
    code.get(CPU);
    code.get(RECORD);
    if (field !== Field.base && field !== Field.index) code.mem('i32.load16_u', field, 1);
    else {
      code.mem('i32.load8_u', field);
      if (field === Field.index) {
        code.i32((1 << SCALE_SHIFT) - 1);
        code.op('i32.and');
      }
      code.i32(3);
      code.op('i32.shl');
    }
    code.op('i32.add');
  }

  /** Of an instruction that has changed nothing yet (or, `after`, is over). */
  trap(code: Code, vector: number, after: boolean): void {
    if (this.end.shared && !after) return code.br(this.end.shared.whole);
    code.get(CPU);
    code.i32(vector);
    this.field(code, after ? Field.rip + RECORD_SIZE : Field.rip);
    code.call(this.run.leaveTrap);
    this.end.leave(code);
  }

  /** rip = what `target` puts on the stack, then leave. */
  leaveAt(code: Code, kind: number, target: () => void): void {
    if (this.end.shared) {
      target();
      return this.end.shared.leaveAt(code, kind);
    }
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
