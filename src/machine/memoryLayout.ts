/**
 * The plan of a process's linear memory. Offset in memory = guest address + BIAS; below the bias lies what the guest
 * cannot address.
 *
 *   0x0000000  unused (so that a null cpu pointer is never valid)
 *   0x0000800  CPU states, one of Cpu.size bytes per thread
 *   0x0100000  permission bytes, one per 4 KiB guest page (2^20 of them)
 *   0x0200000  jump cache (guest address -> decoded record / translation)
 *   0x0280000  static data and stack of the compiled helpers (src/helpers)
 *   0x02f0000  the process's local descriptor table (machine/descriptors.ts)
 *   0x0300000  per-page table of decoded code (u32 per guest page)
 *   0x0700000  decoded records
 *   0x4000000  guest address 0
 */
export const BIAS = 0x4000000;
export const PAGE_SIZE = 0x1000;
export const PAGE_SHIFT = 12;
/** Pages a permission byte exists for. */
export const GUEST_PAGES = 1 << 20;
export const CPU_AREA = 0x800;
export const MAX_THREADS_PER_PROCESS = 510;
export const PERMISSION_TABLE = 0x100000;
export const JUMP_CACHE = 0x200000;
export const HELPER_DATA = 0x280000;
export const LDT_TABLE = 0x2f0000;
export const CODE_PAGE_TABLE = 0x300000;
export const RECORD_ARENA = 0x700000;
export const RECORD_ARENA_END = BIAS;
/** Lowest guest address that may be mapped (vm.mmap_min_addr). */
export const GUEST_MIN = 0x10000;
/** First guest address that may not be mapped. */
export const GUEST_END = 0x1_0000_0000 - BIAS;
/**
 * Address bits that count. Of a tall address space (kernel/mm/tall.ts) the engine looks at the low 32 alone, as long as the address is
 * in the lower half of those of 64-bit programs; of every other the rest must be 0.
 */
export const ADDRESS_BITS = 32;
export const TALL_ADDRESS_BITS = 47;
/** Where the addresses of 64-bit programs end on a real processor. */
export const TASK_SIZE = 2 ** TALL_ADDRESS_BITS - PAGE_SIZE;

/**
 * Bits of a permission byte. R, W and X are what the fast path of translated code tests; the others say why one of them
 * is missing although the mapping has it.
 */
export const Perm = {
  R: 1,
  W: 2,
  X: 4,
  /** Decoded or translated code exists for this page. W is cleared while it does; the engine takes it off on a write. */
  CODE: 8,
  /** With CODE: the page would have W otherwise. */
  CODE_W: 16,
  /** With CODE_W: no thread still takes W for granted (engine/codeCache.ts). */
  SETTLED: 64,
  /** Must be copied or filled by the kernel before use (not present, copy-on-write, shared). The engine only hands it on. */
  ASK: 32,
} as const;
