import { Cpu, Eflags } from '../../machine/cpuState.ts';
import type { Task } from '../task/task.ts';

const COUNT = 4;
/** DR7: enable bits, then type and length of each breakpoint. */
const ENABLE = 0xff;
const TYPE_EXECUTE = 0;
const LENGTHS = [1, 2, 8, 4];
/** DR6 as after reset. */
const DR6_INIT = 0xffff0ff0;

/**
 * Debug registers of one thread. The processor here has none: while one is enabled the thread is stepped, and what they watch is
 * compared after every instruction. Reads cannot be seen this way; a watch for both finds the writes.
 */
export class DebugRegisters {
  readonly address = [0, 0, 0, 0];
  dr6 = DR6_INIT;
  dr7 = 0;
  /** TF is set because of us. */
  stepping = false;
  private readonly seen: (Uint8Array | null)[] = [null, null, null, null];

  get active(): boolean {
    return (this.dr7 & ENABLE) !== 0;
  }
  get(n: number): number {
    return n < COUNT ? this.address[n]! : n === 6 ? this.dr6 : n === 7 ? this.dr7 : 0;
  }
  /** Whether the value was taken. */
  set(n: number, value: number): boolean {
    if (n < COUNT) this.address[n] = value;
    else if (n === 6) this.dr6 = value >>> 0;
    else if (n === 7) this.dr7 = value >>> 0;
    else return false;
    this.seen.fill(null);
    return true;
  }

  private enabled(n: number): boolean {
    return (this.dr7 & (3 << (2 * n))) !== 0;
  }
  private type(n: number): number {
    return (this.dr7 >>> (16 + 4 * n)) & 3;
  }
  private length(n: number): number {
    return LENGTHS[(this.dr7 >>> (18 + 4 * n)) & 3]!;
  }

  /** The thread is about to run. */
  arm(t: Task): void {
    if (!this.active) return;
    for (let n = 0; n < COUNT; n++) {
      if (this.enabled(n) && this.type(n) !== TYPE_EXECUTE && this.seen[n] === null) this.seen[n] = t.memory.copyIn(this.address[n]!, this.length(n));
    }
    const flags = t.regs.u32(Cpu.eflagsSystem);
    if ((flags & Eflags.TF) !== 0 && !t.singleStep) return;
    t.regs.setU32(Cpu.eflagsSystem, flags | Eflags.TF);
    this.stepping = true;
  }

  /** One instruction was done: whether a register says stop. TF is off afterwards. */
  stepped(t: Task): boolean {
    this.stepping = false;
    t.regs.setU32(Cpu.eflagsSystem, t.regs.u32(Cpu.eflagsSystem) & ~Eflags.TF);
    let hits = 0;
    for (let n = 0; n < COUNT; n++) {
      if (!this.enabled(n)) continue;
      if (this.type(n) === TYPE_EXECUTE) {
        if (t.regs.rip === this.address[n]) hits |= 1 << n;
        continue;
      }
      const now = t.memory.copyIn(this.address[n]!, this.length(n)), before = this.seen[n];
      this.seen[n] = now;
      if (now !== null && before && now.some((byte, i) => byte !== before[i])) hits |= 1 << n;
    }
    if (hits !== 0) this.dr6 = (this.dr6 & ~0xf) | hits;
    return hits !== 0;
  }
}
