/** Names of the functions of an ELF file by place in the file, from its symbol tables (ELF, "Symbol Table"). */
import type { Abi } from '../abi/abi.ts';
import { SHN_UNDEF, SHT_DYNSYM, SHT_SYMTAB, STT_FUNC } from '../abi/linux/elf.ts';
import type { Arch } from '../kernel/arch/arch.ts';
import { type ElfReader, readElf, type Segment } from '../kernel/loader/elf.ts';

/** A GNU extension: a function that is chosen when the program starts. */
const STT_GNU_IFUNC = 10;
/** Tables larger than this are not read. */
const MOST_BYTES = 64 << 20;
/** Of a name that much is shown. */
const LONGEST_NAME = 500;

interface FileFunction {
  /** Bytes of the file. */
  readonly start: number;
  readonly end: number;
  /** Place in the string table. */
  readonly name: number;
}

export class ElfSymbols {
  private functions: readonly FileFunction[] = [];
  private strings = new Uint8Array(0);
  private readonly read: ElfReader;

  /** `archs`: of which the file may be. Without symbol tables, or when it is no ELF file, there are no names. */
  constructor(read: ElfReader, archs: readonly Arch[]) {
    this.read = read;
    const image = readElf(read, archs);
    if (typeof image === 'number') return;
    const abi = image.arch.abi as Abi, { elfEhdr, elfShdr } = abi, head = this.table(0, elfEhdr.size);
    const sections = this.table(elfEhdr.get(head, 'e_shoff'), elfEhdr.get(head, 'e_shnum') * elfShdr.size), all: Record<string, number>[] = [];
    for (let at = 0; at + elfShdr.size <= sections.length; at += elfShdr.size) all.push(elfShdr.read(sections, at));
    const symbols = all.find((s) => s['sh_type'] === SHT_SYMTAB) ?? all.find((s) => s['sh_type'] === SHT_DYNSYM);
    const names = symbols === undefined ? undefined : all[symbols['sh_link']!];
    if (symbols === undefined || names === undefined) return;
    this.strings = this.table(names['sh_offset']!, names['sh_size']!);
    this.functions = functionsOf(this.table(symbols['sh_offset']!, symbols['sh_size']!), abi, image.segments);
  }

  /** What is there of `length` bytes. */
  private table(offset: number, length: number): Uint8Array<ArrayBuffer> {
    const bytes = length > MOST_BYTES || !Number.isSafeInteger(offset) ? -1 : this.read(offset, length);
    return typeof bytes === 'number' ? new Uint8Array(0) : Uint8Array.from(bytes);
  }

  /** The function that byte `offset` of the file is in; null when no symbol tells. */
  at(offset: number): string | null {
    let low = 0, high = this.functions.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.functions[middle]!.start <= offset) low = middle + 1;
      else high = middle;
    }
    const found = this.functions[low - 1];
    return found !== undefined && offset < found.end ? this.stringAt(found.name) : null;
  }

  private stringAt(at: number): string {
    const text = this.strings.subarray(at, at + LONGEST_NAME), end = text.indexOf(0);
    return String.fromCharCode(...(end < 0 ? text : text.subarray(0, end)));
  }
}

/** In the order of their places in the file. */
function functionsOf(table: Uint8Array, { elfSym }: Abi, segments: readonly Segment[]): FileFunction[] {
  const list: FileFunction[] = [];
  for (let at = 0; at + elfSym.size <= table.length; at += elfSym.size) {
    const type = elfSym.get(table, 'st_info', at) & 15, value = elfSym.get(table, 'st_value', at);
    if ((type !== STT_FUNC && type !== STT_GNU_IFUNC) || elfSym.get(table, 'st_shndx', at) === SHN_UNDEF) continue;
    const segment = segments.find((s) => value >= s.vaddr && value < s.vaddr + s.fileSize);
    if (segment === undefined) continue;
    const start = value - segment.vaddr + segment.offset;
    list.push({ start, end: start + Math.max(elfSym.get(table, 'st_size', at), 1), name: elfSym.get(table, 'st_name', at) });
  }
  return list.sort((a, b) => a.start - b.start);
}
