/**
 * How decoded code lies in a process's memory. Shared by its threads; made by the engine, dropped by either side.
 *
 * CODE_PAGE_TABLE[page] -> page header: u32 first run; u32 first forwarder; at 16: 128 bits, one per 32 guest bytes that hold decoded code.
 * A run is a straight line of instructions of one page: a header as large as a record, then a record each, then an end record.
 * An instruction that reaches into the next page is a run of its own (in the page where it begins) and a watch in the next page's list.
 * Dropping a run sets the case of its records to 0 (stale) and takes it out of the list; a stale record that a direct jump still leads
 * to is made a `goto` to the new one and noted as forwarder (u32 next, u32 record), so that the next drop in the page makes it stale again; the memory is used again only after all code has been dropped.
 */
export const RECORD_SIZE = 24;
export const PAGE_HEADER_SIZE = 32;

/** Fields of a run header. */
export const Run = {
  next: 0,
  /** Guest addresses covered: [first, end). */
  first: 4,
  end: 8,
  /** Records, without the end record. */
  count: 12,
  /** Offset of the first record. */
  records: 16,
} as const;

export const PAGE_HEADER_FORWARDERS = 4;
export const PAGE_HEADER_BITMAP = 16;

/** Owner of Globals.lock that is no thread of the process. */
export const KERNEL_OWNS = 1;

/** Words of the engine's that all threads of a process share, below the CPU states. */
export const Globals = {
  /** Held while runs are made or dropped: the CPU state of the thread that does it, KERNEL_OWNS for the kernel, 0 = free. */
  lock: 0x400,
  /** Next free byte of the record arena (0 = not initialised). */
  arenaTop: 0x404,
  /** Incremented when all code is dropped. */
  generation: 0x408,
  /** Held during an unaligned atomic operation. */
  splitLock: 0x40c,
  /** 1 while a thread empties the arena: nobody enters the interpreter. */
  flushing: 0x410,
  /** Incremented when a translated region is dropped: activations that began before may stand in its code. */
  regionsDropped: 0x414,
  /** Regions installed in this generation: their numbers, and so their places in the tables, are the same in all workers of the process. */
  regions: 0x418,
  /** Length of the memory in pages of 64 KiB; the kernel stores it whenever it has grown the memory. */
  memoryPages: 0x41c,
  /** Mode of the code in the cache, 32 or 64: that of the program; 0 = nothing has run yet. */
  mode: 0x420,
  /** 1: the address space is tall (memoryLayout.ts). The kernel stores it while no thread runs that could know such an address. */
  tall: 0x424,
} as const;

/** Engine-private fields of a CPU state (relative to Cpu.engine's own offset 0x500). */
export const EngineField = {
  /** An `EngineExit`. */
  exitKind: 0x500,
  /** Record that left. */
  exitRecord: 0x504,
  /** u64, result of an address record. */
  ea: 0x508,
  /** 1 = writes into pages with code are let through (single step after the code has been dropped). */
  allowWrite: 0x510,
  /** 1 while the thread is inside the interpreter. */
  inside: 0x514,
  /** Length of the write refused by EngineExit.codeWrite (its address is in Cpu.exitAddr). */
  writeLength: 0x518,
  /** Regions that are nested calls below the interpreter's current activation. */
  depth: 0x51c,
  /** Jumps left until the interpreter leaves with EngineExit.fuel; at most 0: at the next jump. */
  fuel: 0x520,
  /** Where the translated region begins that runs, under --profile only; 0: none. */
  region: 0x524,
  /** Where the interpreter was when last looked at. */
  sampled: 0x528,
  /** The interpreter's present activation ends when the guest comes to this address by a computed jump with its stack above stopSp; -1: never. */
  stop: 0x52c,
  /** Low half of the stack pointer where it began. */
  stopSp: 0x530,
  /** 1: regions were dropped below an activation; whatever was called by regions before gives up as well. */
  unwinding: 0x534,
  /** 4 records of the segmented processor (engine/segmented). */
  records: 0x580,
  /** `pageNotes` x u64: what translated loops have found permitted (emit/pageNotes.ts). */
  pageNote: 0x700,
  pageNotes: 32,
} as const;

/** Why the interpreter returned to the dispatcher. */
export const EngineExit = {
  /** To the kernel; Cpu.exitReason says why. */
  kernel: 0,
  /** Cpu.rip has no record yet (or a stale one). */
  lookup: 1,
  /** As lookup; the direct jump in exitRecord wants its link. */
  link: 2,
  /** A write into a page with decoded code. */
  codeWrite: 3,
  /** Nothing is wrong; gives a better compiled version of the interpreter the chance to take over. */
  fuel: 4,
  /** The dispatcher does the instruction at Cpu.rip itself: it is about segments (engine/segmented). */
  segments: 5,
  /** The activation has come to its end (EngineField.stop). */
  stop: 6,
} as const;

/** Jumps between two samples of what is hot, in the mean. */
export const SAMPLE_FUEL = 4000;
/** What a call out of a region that finds no region counts as, in jumps. */
export const MISS_FUEL = 500;

/** What a place in the table answers whose region another worker of the process has. */
export const FOREIGN_REGION = -2;

/** Case numbers with a fixed meaning. */
export const Case = {
  /** Dropped: look rip up again. */
  stale: 0,
  /** Continue at the record `link` (imm = its guest address). */
  goto: 1,
  /** #UD at rip. */
  invalid: 2,
  /** #GP(0) at rip: longer than 15 bytes. */
  tooLong: 3,
  /** A translated region begins here: `link` = its place in the interpreter's table, imm = record of the instruction itself. */
  region: 4,
} as const;

/** Entries of the jump cache: u32 guest address, u32 record. */
export const JUMP_CACHE_ENTRIES = 0x10000;

/** Spreads addresses over the jump cache; functions of one program lie too regularly for their own bits to do it. */
export const JUMP_CACHE_FACTOR = 0x9e3779b1;
/** (addr * JUMP_CACHE_FACTOR) >>> JUMP_CACHE_SHIFT numbers the pair of entries that an address uses. */
export const JUMP_CACHE_SHIFT = 17;

/** The first entry of the pair. */
export function jumpCacheIndex(addr: number): number {
  return (Math.imul(addr, JUMP_CACHE_FACTOR) >>> JUMP_CACHE_SHIFT) << 1;
}
