/**
 * The register file of one guest thread, as it lies in the process's linear memory.
 *
 * Every offset is relative to the thread's `cpu` pointer (an offset into the WebAssembly memory, not a guest address).
 * The engine keeps registers here between cases; the kernel reads and writes the same bytes (system-call arguments,
 * signal frames, ptrace). All fields are little-endian and naturally aligned.
 */
export const Cpu = {
  /** 16 x u64 in encoding order: rax rcx rdx rbx rsp rbp rsi rdi r8..r15. In 32-bit mode the high halves are 0. */
  gpr: 0x000,
  /** u64, address of the next instruction (of the faulting one after a fault exit). */
  rip: 0x080,
  /** u32, what ccDst/ccSrc/ccSrc2 mean: a `CcOp` kind * 4 + log2(size in bytes). */
  ccOp: 0x088,
  /** i32, +1 or -1: the direction flag as a step. */
  df: 0x08c,
  /** u64 each; only the low `size` bytes mean anything. */
  ccDst: 0x090,
  ccSrc: 0x098,
  ccSrc2: 0x0a0,
  /** u32, the EFLAGS bits that are neither status flags nor DF: TF IF NT RF AC ID ... in their EFLAGS positions. */
  eflagsSystem: 0x0a8,
  /** u32, 1 in 64-bit mode, 0 in 32-bit mode. */
  long: 0x0ac,
  /** 6 x u64 in encoding order: es cs ss ds fs gs. es, cs, ss and ds are 0 in practice. */
  segBase: 0x0b0,
  /** 6 x u32 selectors in the same order. */
  segSelector: 0x0e0,
  /** i32, polled at taken jumps; non-zero asks the thread to leave to the kernel. Written with Atomics. */
  interrupt: 0x0f8,
  /** u32, an `Exit` value; why the guest stopped. */
  exitReason: 0x100,
  /** u32, trap vector (Exit.trap) or access bits (Exit.fault: `Access`). */
  exitCode: 0x104,
  /** u64, faulting guest address (Exit.fault). */
  exitAddr: 0x108,
  /** u64, TSC offset and other per-thread constants may follow up to 0x140. */
  tscOffset: 0x110,
  /** u32, CPU number reported by rdtscp, rdpid, getcpu. */
  cpuNumber: 0x118,
  /** 3 x 8 bytes, the thread's descriptors for thread-local storage (descriptors.ts). */
  tls: 0x120,
  /** x87. control, status (TOP held apart in `x87Top`), tag: 8 bytes by PHYSICAL register, 1 = empty, 0 = not. */
  x87Control: 0x140,
  x87Status: 0x144,
  x87Top: 0x148,
  x87Tag: 0x150,
  /** last instruction pointer, data pointer, opcode (11 bits), as fnstenv/fxsave show them. */
  x87Fip: 0x158,
  x87Fdp: 0x160,
  x87Fop: 0x168,
  x87Fcs: 0x16c,
  x87Fds: 0x170,
  /** u64, always 0: the register an address without base or index reads. (Index registers must lie in the first 512 bytes.) */
  zero: 0x178,
  /** 8 x 16 bytes by PHYSICAL register: u64 significand, u16 sign and exponent, 6 bytes 0. MMX register n = significand of physical n. */
  x87Reg: 0x180,
  /** 16 x 16 bytes. */
  xmm: 0x200,
  /** 16 x 16 bytes, the upper halves of ymm. */
  ymmHigh: 0x300,
  mxcsr: 0x400,
  /**
   * u32. 0: MXCSR's control bits are at their default and PE is noted: SSE arithmetic uses WebAssembly's operators where nothing
   * else can be to note. 1: every operation goes through src/helpers, which obey and update MXCSR. Follows from MXCSR
   * (mxcsr.ts); whoever writes that writes this. See docs/floating-point.md.
   */
  sseExact: 0x404,
  /** scratch for helpers and lifts, 0x410..0x4ff; 16-byte aligned slots from 0x420. */
  scratch: 0x420,
  /** engine-private fields, 0x500..0x5ff. */
  engine: 0x500,
  /** slot of this thread in the mailbox (u32). */
  mailboxSlot: 0x600,
  /** reserved for the kernel's mirrors (signal mask, tid, ...) 0x604..0x6ff; from 0x700 on the engine's again. */
  kernel: 0x608,
  /** bytes per thread. */
  size: 0x800,
} as const;

/** Encoding order of the general registers. */
export const Gpr = { rax: 0, rcx: 1, rdx: 2, rbx: 3, rsp: 4, rbp: 5, rsi: 6, rdi: 7, r8: 8, r9: 9, r10: 10, r11: 11, r12: 12, r13: 13, r14: 14, r15: 15 } as const;
/** Field with the low half of the stack pointer. */
export const SP = Cpu.gpr + 8 * Gpr.rsp;

/** Encoding order of the segment registers. */
export const Seg = { es: 0, cs: 1, ss: 2, ds: 3, fs: 4, gs: 5 } as const;

/** EFLAGS bits (Intel SDM vol. 1, 3.4.3). */
export const Eflags = {
  CF: 0x0001, PF: 0x0004, AF: 0x0010, ZF: 0x0040, SF: 0x0080, TF: 0x0100, IF: 0x0200, DF: 0x0400, OF: 0x0800,
  IOPL: 0x3000, NT: 0x4000, RF: 0x10000, VM: 0x20000, AC: 0x40000, VIF: 0x80000, VIP: 0x100000, ID: 0x200000,
  /** bit 1 always reads as 1. */
  FIXED: 0x0002,
  STATUS: 0x08d5,
} as const;

/**
 * What the last flag-setting instruction was. ccOp = kind * 4 + log2(bytes).
 * dst is the result; a and b are the instruction's operands before it.
 */
export const CcOp = {
  /** ccSrc holds CF PF AF ZF SF OF in their EFLAGS positions. */
  eflags: 0,
  /** ccDst = a + b, ccSrc = b. */
  add: 1,
  /** ccDst = a + b + c, ccSrc = b, ccSrc2 = c (0 or 1). */
  adc: 2,
  /** ccDst = a - b, ccSrc = b. cmp too. */
  sub: 3,
  /** ccDst = a - b - c, ccSrc = b, ccSrc2 = c. */
  sbb: 4,
  /** ccDst = result; CF = OF = AF = 0. */
  logic: 5,
  /** ccDst = result, ccSrc = CF before (0 or 1). */
  inc: 6,
  dec: 7,
  /** ccDst = result, ccSrc = value whose top bit (of size) is CF: a << (count-1). OF = CF ^ SF; AF = 1, as on AMD, for both kinds of shifts. */
  shl: 8,
  /** ccDst = result, ccSrc = value whose bit 0 is CF: a >> (count-1). OF = top bit of (result ^ ccSrc), which is 0 for sar. */
  shr: 9,
  /** ccDst = low result, ccSrc = non-zero when CF = OF = 1. */
  mul: 10,
  /** ccDst = result, ccSrc = a: CF = (ccSrc == 0) (blsi: inverted by the lift). OF = 0. */
  bmi: 11,
} as const;
