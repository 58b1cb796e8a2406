import type { Clock } from '../host/clock.ts';
import { Cpu, Gpr } from '../machine/cpuState.ts';
import { Exit } from '../machine/exit.ts';
import { LocalField, LocalFlag } from '../machine/localState.ts';
import { BIAS, GUEST_END, PERMISSION_TABLE, Perm } from '../machine/memoryLayout.ts';
import { wholeBuffer } from '../machine/wholeBuffer.ts';

const TWO32 = 4294967296;
const CLOCK_REALTIME = 0;
const CLOCK_REALTIME_COARSE = 5;
const CLOCK_TAI = 11;
/** monotonic, raw, coarse, boottime: one clock here. */
const MONOTONIC_CLOCKS = new Set([1, 4, 7]);

/** What a call needs to know of its ABI: how long a time_t and a pointer are. */
type Local = (calls: LocalCalls, long: boolean) => number;

/** Not answered here: the kernel is asked. */
const PASS = -0x7fffffff;

const byNumber64: (Local | undefined)[] = [];
byNumber64[228] = (c) => c.clockGettime(8);
byNumber64[96] = (c) => c.gettimeofday(8);
byNumber64[201] = (c) => c.time(8);
byNumber64[309] = (c) => c.getcpu();
byNumber64[39] = (c) => c.word(LocalField.tgid);
byNumber64[186] = (c) => c.word(LocalField.tid);

const byNumber32: (Local | undefined)[] = [];
byNumber32[265] = (c) => c.clockGettime(4);
byNumber32[403] = (c) => c.clockGettime(8);
byNumber32[78] = (c) => c.gettimeofday(4);
byNumber32[13] = (c) => c.time(4);
byNumber32[318] = (c) => c.getcpu();
byNumber32[20] = (c) => c.word(LocalField.tgid);
byNumber32[224] = (c) => c.word(LocalField.tid);

/**
 * The system calls that are answered in the guest's own worker, without the kernel thread: those that need nothing but a clock and
 * facts about the caller that never change. Anything unusual (a bad pointer, a CPU-time clock) goes to the kernel.
 */
export class LocalCalls {
  private readonly clock: Clock;
  private memory: WebAssembly.Memory | null = null;
  private words: Int32Array = new Int32Array(0);
  private bytes: Uint8Array = new Uint8Array(0);
  private cpu = 0;
  private long = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** The engine's hook: true when the call is done and its result in rax. */
  readonly answer = (memory: WebAssembly.Memory, cpu: number): boolean => {
    if (this.memory !== memory) this.attach(memory);
    this.cpu = cpu;
    const words = this.words;
    const reason = words[(cpu + Cpu.exitReason) >>> 2];
    const number = words[(cpu + Cpu.gpr) >>> 2]!;
    this.long = reason === Exit.syscall64;
    const call = this.long ? byNumber64[number] : reason === Exit.int80 || reason === Exit.sysenter ? byNumber32[number] : undefined;
    if (call === undefined) return false;
    if ((words[(cpu + LocalField.flags) >>> 2]! & LocalFlag.off) !== 0) return false;
    const result = call(this, this.long);
    if (result === PASS || (reason === Exit.sysenter && !this.returnFromSysenter())) return false;
    words[(cpu + Cpu.gpr) >>> 2] = result | 0;
    words[(cpu + Cpu.gpr + 4) >>> 2] = this.long ? Math.floor(result / TWO32) : 0;
    return true;
  };

  /**
   * As the kernel does it (kernel/arch/i386): the vDSO has pushed ebp and put esp there. No call of ours is harmed by being
   * made again, when this is the kernel's business after all.
   */
  private returnFromSysenter(): boolean {
    const { words, cpu } = this;
    const rip = this.word(LocalField.sysenterReturn), frame = this.word(Cpu.gpr + 8 * Gpr.rbp) >>> 0;
    if (rip === 0 || frame % 4 !== 0 || frame >= GUEST_END || (this.bytes[PERMISSION_TABLE + (frame >>> 12)]! & Perm.R) === 0) return false;
    if (frame + BIAS >= this.bytes.length) this.attach(this.memory!);
    // The pages are mapped, so the memory is that long; the kernel answers if this thread cannot see it yet.
    if (frame + BIAS >= this.bytes.length) return false;
    words[(cpu + Cpu.gpr + 8 * Gpr.rsp) >>> 2] = frame;
    words[(cpu + Cpu.gpr + 8 * Gpr.rbp) >>> 2] = this.words[(frame + BIAS) >>> 2]!;
    words[(cpu + Cpu.rip) >>> 2] = rip;
    words[(cpu + Cpu.rip + 4) >>> 2] = 0;
    return true;
  }

  private attach(memory: WebAssembly.Memory): void {
    const buffer = wholeBuffer(memory);
    this.memory = memory;
    this.words = new Int32Array(buffer);
    this.bytes = new Uint8Array(buffer);
  }

  word(field: number): number {
    return this.words[(this.cpu + field) >>> 2]!;
  }

  /** Argument k: rdi rsi rdx, or ebx ecx edx. A pointer beyond guest space gives -1. */
  private arg(k: 0 | 1 | 2): number {
    const n = this.long ? [Gpr.rdi, Gpr.rsi, Gpr.rdx][k]! : [Gpr.rbx, Gpr.rcx, Gpr.rdx][k]!;
    const at = (this.cpu + Cpu.gpr + n * 8) >>> 2;
    const lo = this.words[at]! >>> 0;
    return this.long && this.words[at + 1] !== 0 ? -1 : lo;
  }

  /** Whether `size` bytes can be written; the views reach that far. */
  private writable(addr: number, size: number): boolean {
    if (addr < 0 || addr + size > GUEST_END || addr % 4 !== 0) return false;
    const bytes = this.bytes;
    if ((bytes[PERMISSION_TABLE + (addr >>> 12)]! & bytes[PERMISSION_TABLE + ((addr + size - 1) >>> 12)]! & Perm.W) === 0) return false;
    if (addr + size + BIAS > this.bytes.length) this.attach(this.memory!);
    return addr + size + BIAS <= this.bytes.length;
  }

  /** Two time_t-sized fields. */
  private putPair(addr: number, width: 4 | 8, first: number, second: number): void {
    const at = (addr + BIAS) >>> 2;
    if (width === 4) {
      this.words[at] = first | 0;
      this.words[at + 1] = second;
    } else {
      this.words[at] = first | 0;
      this.words[at + 1] = Math.floor(first / TWO32);
      this.words[at + 2] = second;
      this.words[at + 3] = 0;
    }
  }

  private get ownWallClock(): boolean {
    return (this.word(LocalField.flags) & LocalFlag.wallClockSet) === 0;
  }

  clockGettime(width: 4 | 8): number {
    const id = this.arg(0) | 0;
    const addr = this.arg(1);
    if (!this.writable(addr, 2 * width)) return PASS;
    if (MONOTONIC_CLOCKS.has(id)) {
      if ((this.word(LocalField.flags) & LocalFlag.timeShifted) !== 0) return PASS;
      const now = this.clock.monotonicNs();
      const sec = Math.floor(now / 1e9);
      this.putPair(addr, width, sec, Math.floor(now - sec * 1e9));
      return 0;
    }
    if ((id !== CLOCK_REALTIME && id !== CLOCK_REALTIME_COARSE && id !== CLOCK_TAI) || !this.ownWallClock) return PASS;
    const { sec, nsec } = this.clock.realtime();
    this.putPair(addr, width, sec, nsec);
    return 0;
  }

  gettimeofday(width: 4 | 8): number {
    const addr = this.arg(0);
    if (this.arg(1) !== 0 || !this.ownWallClock || !this.writable(addr, 2 * width)) return PASS;
    const { sec, nsec } = this.clock.realtime();
    this.putPair(addr, width, sec, Math.floor(nsec / 1000));
    return 0;
  }

  time(width: 4 | 8): number {
    const addr = this.arg(0);
    if (!this.ownWallClock) return PASS;
    const { sec } = this.clock.realtime();
    if (addr === 0) return sec;
    if (!this.writable(addr, width)) return PASS;
    const at = (addr + BIAS) >>> 2;
    this.words[at] = sec | 0;
    if (width === 8) this.words[at + 1] = Math.floor(sec / TWO32);
    return sec;
  }

  getcpu(): number {
    for (const [k, value] of [[0, this.word(Cpu.cpuNumber)], [1, 0]] as const) {
      const addr = this.arg(k);
      if (addr === 0) continue;
      if (!this.writable(addr, 4)) return PASS;
      this.words[(addr + BIAS) >>> 2] = value;
    }
    return 0;
  }
}
