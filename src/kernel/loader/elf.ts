import { EINVAL, ELIBBAD, ENOEXEC, ENOMEM } from '../../abi/linux/errno.ts';
import { ET_DYN, ET_EXEC, PF_X, PT_GNU_STACK, PT_INTERP, PT_LOAD } from '../../abi/linux/elf.ts';
import type { Abi } from '../../abi/abi.ts';
import { getU16, getU32 } from '../../abi/layout.ts';
import type { Arch } from '../arch/arch.ts';

const EM_486 = 6;
/** Program headers may take this much (fs/binfmt_elf.c: ELF_MIN_ALIGN). */
const MAX_HEADERS_BYTES = 65536;
const PATH_MAX = 4096;

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
  /** Page-aligned bounds of all segments. */
  low: number;
  high: number;
}

/** Reads `length` bytes of the file at `offset`; fewer at its end; -errno. */
export type ElfReader = (offset: number, length: number) => Uint8Array | number;

/**
 * Reads and checks the headers. The errors are those of Linux's execve: -ENOEXEC for what is not a program for us, and so on.
 * `asInterpreter` makes them -ELIBBAD.
 */
export function readElf(read: ElfReader, archs: readonly Arch[], asInterpreter: boolean): ElfImage | number {
  const bad = asInterpreter ? -ELIBBAD : -ENOEXEC;
  const ident = read(0, 64);
  if (typeof ident === 'number') return ident;
  if (ident.length < 52 || getU32(ident, 0) !== 0x464c457f) return bad;
  const elfClass = ident[4]!;
  const machine = getU16(ident, 18);
  const arch = archs.find((a) => a.elfClass === elfClass && (a.elfMachine === machine || (a.elfMachine === 3 && machine === EM_486)));
  if (arch === undefined) return bad;
  const { elfEhdr, elfPhdr } = arch.abi as Abi;
  if (ident.length < elfEhdr.size) return bad;
  const type = elfEhdr.get(ident, 'e_type');
  if (type !== ET_EXEC && type !== ET_DYN) return bad;
  const headerSize = elfEhdr.get(ident, 'e_phentsize');
  const headerCount = elfEhdr.get(ident, 'e_phnum');
  const headerOffset = elfEhdr.get(ident, 'e_phoff');
  if (headerSize !== elfPhdr.size || headerCount < 1 || headerCount * headerSize > MAX_HEADERS_BYTES) return bad;
  const headers = read(headerOffset, headerCount * headerSize);
  if (typeof headers === 'number') return headers;
  if (headers.length < headerCount * headerSize) return bad;
  const image: ElfImage = {
    arch, dynamic: type === ET_DYN, entry: elfEhdr.get(ident, 'e_entry'), headerOffset, headerSize, headerCount,
    segments: [], interpreter: null, execStack: null, low: Infinity, high: 0,
  };
  for (let i = 0; i < headerCount; i++) {
    const error = readHeader(image, elfPhdr.read(headers, i * headerSize), read, asInterpreter);
    if (error !== 0) return error;
  }
  if (image.segments.length === 0) return asInterpreter ? -ELIBBAD : -EINVAL;
  return image;
}

function readHeader(image: ElfImage, h: Record<string, number>, read: ElfReader, asInterpreter: boolean): number {
  switch (h.p_type) {
    case PT_LOAD: {
      const segment = { vaddr: h.p_vaddr!, offset: h.p_offset!, fileSize: h.p_filesz!, memSize: h.p_memsz!, flags: h.p_flags!, align: h.p_align! };
      const error = checkSegment(segment);
      if (error !== 0) return error;
      image.segments.push(segment);
      image.low = Math.min(image.low, segment.vaddr - (segment.vaddr % 4096));
      image.high = Math.max(image.high, Math.ceil((segment.vaddr + segment.memSize) / 4096) * 4096);
      return 0;
    }
    case PT_INTERP: {
      if (asInterpreter || image.interpreter !== null) return 0;
      const size = h.p_filesz!;
      if (size > PATH_MAX || size < 2) return -ENOEXEC;
      const text = read(h.p_offset!, size);
      if (typeof text === 'number') return text;
      if (text.length < size || text[size - 1] !== 0) return -ENOEXEC;
      image.interpreter = String.fromCharCode(...text.subarray(0, text.indexOf(0)));
      return 0;
    }
    case PT_GNU_STACK:
      image.execStack = (h.p_flags! & PF_X) !== 0;
      return 0;
    default:
      return 0;
  }
}

/** What elf_map and mmap would refuse. */
function checkSegment(s: Segment): number {
  if (s.fileSize > s.memSize) return -EINVAL;
  if (!(s.vaddr + s.memSize < 0x1_0000_0000)) return -ENOMEM;
  if (!(s.offset + s.fileSize <= Number.MAX_SAFE_INTEGER)) return -EINVAL;
  if (s.memSize > 0 && s.vaddr % 4096 !== s.offset % 4096) return -EINVAL;
  return 0;
}
