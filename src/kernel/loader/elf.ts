import { EINVAL, EIO, ELIBBAD, ENOEXEC, EOVERFLOW, EPERM } from '../../abi/linux/errno.ts';
import { ET_DYN, ET_EXEC, PF_X, PT_GNU_STACK, PT_INTERP, PT_LOAD } from '../../abi/linux/elf.ts';
import type { Abi } from '../../abi/abi.ts';
import { getU16, getU32 } from '../../abi/layout.ts';
import type { Arch } from '../arch/arch.ts';

const EM_486 = 6;
/** Program headers may take this much (fs/binfmt_elf.c: ELF_MIN_ALIGN). */
const MAX_HEADERS_BYTES = 65536;
const PATH_MAX = 4096;
/** Ends of Linux's address spaces, by word size (TASK_SIZE). */
const TASK_SIZE: Readonly<Record<number, number>> = { 8: 0x7fff_ffff_f000, 4: 0xffff_e000 };
/** vm.mmap_min_addr. */
const MIN_ADDRESS = 65536;

export interface Segment {
  vaddr: number;
  offset: number;
  fileSize: number;
  memSize: number;
  /** PF_* */
  flags: number;
  align: number;
}

/** An ELF program or interpreter as the loader needs it; addresses as linked. */
export interface ElfImage {
  arch: Arch;
  /** ET_* */
  type: number;
  /** ET_DYN: can be placed anywhere. */
  dynamic: boolean;
  entry: number;
  headerOffset: number;
  headerSize: number;
  headerCount: number;
  segments: Segment[];
  interpreter: string | null;
  /** PT_GNU_STACK asks for an executable stack; null: no such header (then it is executable, and i386 reads imply execution). */
  execStack: boolean | null;
  /** Page-aligned bounds of all segments; 0 and 0 when none takes memory. */
  low: number;
  high: number;
}

/** Reads `length` bytes of the file at `offset`; fewer at its end; -errno. */
export type ElfReader = (offset: number, length: number) => Uint8Array | number;

/**
 * Reads the headers, and refuses what Linux's execve refuses, with its error (fs/binfmt_elf.c, load_elf_binary up to begin_new_exec).
 * The class, byte order and version of the file are not looked at there: the machine decides. What is wrong with segments comes
 * after the point of no return (`segmentsError`).
 */
export function readElf(read: ElfReader, archs: readonly Arch[]): ElfImage | number {
  const head = read(0, 64);
  if (typeof head === 'number') return head;
  // Linux looks at a buffer that is zero behind the file's end.
  const ident = new Uint8Array(64);
  ident.set(head);
  if (getU32(ident, 0) !== 0x464c457f) return -ENOEXEC;
  const machine = getU16(ident, 18);
  const arch = archs.find((a) => a.elfMachine === machine || (a.elfMachine === 3 && machine === EM_486));
  if (arch === undefined) return -ENOEXEC;
  const type = (arch.abi as Abi).elfEhdr.get(ident, 'e_type');
  if (type !== ET_EXEC && type !== ET_DYN) return -ENOEXEC;
  return readHeaders(read, arch, ident, readInterpreterName) ?? -ENOEXEC;
}

/** The same for a program's interpreter: -EIO when it is shorter than a header, else -ELIBBAD. */
export function readInterpreter(read: ElfReader, arch: Arch): ElfImage | number {
  const { elfEhdr } = arch.abi as Abi;
  const ident = read(0, elfEhdr.size);
  if (typeof ident === 'number') return ident;
  if (ident.length < elfEhdr.size) return -EIO;
  if (getU32(ident, 0) !== 0x464c457f) return -ELIBBAD;
  const machine = getU16(ident, 18);
  if (machine !== arch.elfMachine && !(arch.elfMachine === 3 && machine === EM_486)) return -ELIBBAD;
  return readHeaders(read, arch, ident, null) ?? -ELIBBAD;
}

type NameReader = (read: ElfReader, h: Record<string, number>) => string | number;

/** null: there is no table of program headers where the file says. */
function readHeaders(read: ElfReader, arch: Arch, ident: Uint8Array, name: NameReader | null): ElfImage | number | null {
  const { elfEhdr, elfPhdr } = arch.abi as Abi;
  const headerSize = elfEhdr.get(ident, 'e_phentsize');
  const headerCount = elfEhdr.get(ident, 'e_phnum');
  const headerOffset = elfEhdr.get(ident, 'e_phoff');
  if (headerSize !== elfPhdr.size || headerCount < 1 || headerCount * headerSize > MAX_HEADERS_BYTES) return null;
  const headers = read(headerOffset, headerCount * headerSize);
  if (typeof headers === 'number' || headers.length < headerCount * headerSize) return null;
  const image: ElfImage = {
    arch, type: elfEhdr.get(ident, 'e_type'), dynamic: elfEhdr.get(ident, 'e_type') === ET_DYN, entry: elfEhdr.get(ident, 'e_entry'),
    headerOffset, headerSize, headerCount, segments: [], interpreter: null, execStack: null, low: 0, high: 0,
  };
  for (let i = 0; i < headerCount; i++) {
    const h = elfPhdr.read(headers, i * headerSize);
    if (h.p_type === PT_LOAD) addSegment(image, h);
    else if (h.p_type === PT_GNU_STACK) image.execStack = (h.p_flags! & PF_X) !== 0;
    else if (h.p_type === PT_INTERP && name !== null && image.interpreter === null) {
      const text = name(read, h);
      if (typeof text === 'number') return text;
      image.interpreter = text;
    }
  }
  return image;
}

function addSegment(image: ElfImage, h: Record<string, number>): void {
  const segment = { vaddr: h.p_vaddr!, offset: h.p_offset!, fileSize: h.p_filesz!, memSize: h.p_memsz!, flags: h.p_flags!, align: h.p_align! };
  image.segments.push(segment);
  if (segment.memSize === 0) return;
  const first = image.high === 0;
  const low = segment.vaddr - (segment.vaddr % 4096);
  image.low = first ? low : Math.min(image.low, low);
  image.high = Math.max(image.high, Math.ceil((segment.vaddr + segment.memSize) / 4096) * 4096);
}

function readInterpreterName(read: ElfReader, h: Record<string, number>): string | number {
  const size = h.p_filesz!;
  if (size > PATH_MAX || size < 2) return -ENOEXEC;
  if (h.p_offset! >= 2 ** 63) return -EINVAL;
  const text = read(h.p_offset!, size);
  if (typeof text === 'number') return text;
  if (text.length < size) return -EIO;
  if (text[size - 1] !== 0) return -ENOEXEC;
  return String.fromCharCode(...text.subarray(0, text.indexOf(0)));
}

/**
 * What Linux's mapping of the segments would fail with, after the point of no return: it kills the program by SIGSEGV then.
 * 0 when nothing is wrong with them.
 */
export function segmentsError(image: ElfImage): number {
  const size = TASK_SIZE[image.arch.wordSize]!;
  if (image.type !== ET_EXEC && image.type !== ET_DYN) return -EINVAL;
  for (const s of image.segments) {
    if (s.vaddr >= size || s.fileSize > s.memSize || s.memSize > size || size - s.memSize < s.vaddr) return -EINVAL;
    if (s.fileSize > 0 && s.vaddr % 4096 !== s.offset % 4096) return -EINVAL;
    if (s.fileSize > 0 && s.offset + s.fileSize >= 2 ** 63) return -EOVERFLOW;
    if (s.memSize > 0 && !image.dynamic && s.vaddr < MIN_ADDRESS) return -EPERM;
  }
  // Nothing at the entry.
  return image.high === 0 ? -EINVAL : 0;
}
