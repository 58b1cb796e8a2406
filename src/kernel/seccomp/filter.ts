import { putU32, putU16 } from '../../abi/layout.ts';
import { INSTRUCTION_BYTES, type BpfProgram } from '../bpf.ts';
import type { Listener } from './listener.ts';

/** Each filter on a call's way counts for so many instructions more. */
const OVERHEAD = 4;

/** One filter of a chain, which threads and children share. Whoever has it holds it: threads, and the next newer filter. */
export class Filter {
  readonly program: BpfProgram;
  readonly older: Filter | null;
  /** Filters in the chain, and their instructions as the limit counts them. */
  readonly count: number;
  readonly cost: number;
  /** SECCOMP_FILTER_FLAG_LOG */
  readonly logs: boolean;
  /** Who answers SECCOMP_RET_USER_NOTIF; null when nobody does (any more). */
  listener: Listener | null = null;
  private holders = 1;

  /** Takes over the caller's hold of `older`. */
  constructor(program: BpfProgram, older: Filter | null, logs: boolean) {
    this.program = program;
    this.older = older;
    this.logs = logs;
    this.count = (older?.count ?? 0) + 1;
    this.cost = (older?.cost ?? 0) + program.code.length + OVERHEAD;
  }

  hold(): this {
    this.holders++;
    return this;
  }
  /** A thread has ended: a listener that nobody can ask any more hears of it. */
  drop(): void {
    if (--this.holders > 0) return;
    this.listener?.abandoned();
    this.older?.drop();
  }
  /** Whether any thread is left that it is asked for. */
  get used(): boolean {
    return this.holders > 0;
  }

  /** The filter of the chain that is the `index`th to have been installed. */
  nth(index: number): Filter | null {
    if (index < 0 || index >= this.count) return null;
    return index === this.count - 1 ? this : this.older!.nth(index);
  }

  /** The program as struct sock_filter each. */
  get bytes(): Uint8Array {
    const { code, jt, jf, k } = this.program;
    const out = new Uint8Array(code.length * INSTRUCTION_BYTES);
    for (let i = 0, at = 0; i < code.length; i++, at += INSTRUCTION_BYTES) {
      putU16(out, at, code[i]!);
      out[at + 2] = jt[i]!;
      out[at + 3] = jf[i]!;
      putU32(out, at + 4, k[i]!);
    }
    return out;
  }
}
