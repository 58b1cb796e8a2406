/** Names of the functions of an ELF file by place in the file, from its symbol tables (ELF, "Symbol Table"). */
import { PT_LOAD, SHT_DYNSYM, SHT_SYMTAB } from '../abi/linux/elf.ts';

/** Reads bytes of the file: those that are there. */
export type FileReader = (offset: number, length: number) => Uint8Array;

const ELF_MAGIC = 0x464c457f;
const CLASS_64 = 2;
const STT_FUNC = 2;
/** GNU: a function that is chosen when the program starts. */
const STT_GNU_IFUNC = 10;
/** Tables larger than this are not read. */
const MOST_BYTES = 64 << 20;

interface FileFunction {
  /** Bytes of the file. */
  start: number;
  end: number;
  name: string;
}

interface Header { offset: number; vaddr: number; size: number }
interface Section { type: number; offset: number; size: number; link: number; entrySize: number }

/** Where the fields of a class's structures are; `word` is 8 or 4 bytes. */
class ElfView {
  readonly word: 8 | 4;
  private readonly read: FileReader;

  constructor(read: FileReader, word: 8 | 4) {
    this.read = read;
    this.word = word;
  }

  table(offset: number, length: number): DataView {
    const bytes = this.read(offset, Math.min(length, MOST_BYTES));
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** An address, an offset or a size. */
  value(view: DataView, at: number): number {
    return this.word === 8 ? Number(view.getBigUint64(at, true)) : view.getUint32(at, true);
  }

  segments(head: DataView): Header[] {
    const wide = this.word === 8, size = wide ? 56 : 32, count = head.getUint16(wide ? 56 : 44, true);
    const view = this.table(this.value(head, wide ? 32 : 28), count * size), list: Header[] = [];
    for (let at = 0; at + size <= view.byteLength; at += size) {
      if (view.getUint32(at, true) !== PT_LOAD) continue;
      const [offset, vaddr, bytes] = wide ? [8, 16, 32] : [4, 8, 16];
      list.push({ offset: this.value(view, at + offset), vaddr: this.value(view, at + vaddr), size: this.value(view, at + bytes) });
    }
    return list;
  }

  sections(head: DataView): Section[] {
    const wide = this.word === 8, size = wide ? 64 : 40, count = head.getUint16(wide ? 60 : 48, true);
    const view = this.table(this.value(head, wide ? 40 : 32), count * size), list: Section[] = [];
    for (let at = 0; at + size <= view.byteLength; at += size) {
      const [offset, bytes, link, entry] = wide ? [24, 32, 40, 56] : [16, 20, 24, 36];
      list.push({
        type: view.getUint32(at + 4, true), offset: this.value(view, at + offset), size: this.value(view, at + bytes),
        link: view.getUint32(at + link, true), entrySize: this.value(view, at + entry),
      });
    }
    return list;
  }

  /** Address, size, and the name's place in the string table, of each function. */
  functions(table: Section): { value: number; size: number; name: number }[] {
    const wide = this.word === 8, size = wide ? 24 : 16;
    if (table.entrySize !== size) return [];
    const view = this.table(table.offset, table.size), list: { value: number; size: number; name: number }[] = [];
    for (let at = 0; at + size <= view.byteLength; at += size) {
      const type = view.getUint8(at + (wide ? 4 : 12)) & 15, defined = view.getUint16(at + (wide ? 6 : 14), true) !== 0;
      if (!defined || (type !== STT_FUNC && type !== STT_GNU_IFUNC)) continue;
      list.push({ value: this.value(view, at + (wide ? 8 : 4)), size: this.value(view, at + (wide ? 16 : 8)), name: view.getUint32(at, true) });
    }
    return list;
  }
}

/** Functions in the order of their places in the file; none when it is no ELF file or has been stripped of them. */
function functionsOf(read: FileReader): FileFunction[] {
  const ident = read(0, 64);
  if (ident.length < 64) return [];
  const head = new DataView(ident.buffer, ident.byteOffset, ident.byteLength);
  if (head.getUint32(0, true) !== ELF_MAGIC) return [];
  const elf = new ElfView(read, ident[4] === CLASS_64 ? 8 : 4), segments = elf.segments(head), sections = elf.sections(head);
  const table = sections.find((s) => s.type === SHT_SYMTAB) ?? sections.find((s) => s.type === SHT_DYNSYM);
  const names = table === undefined ? undefined : sections[table.link];
  if (table === undefined || names === undefined) return [];
  const strings = elf.table(names.offset, names.size), list: FileFunction[] = [];
  for (const { value, size, name } of elf.functions(table)) {
    const segment = segments.find((s) => value >= s.vaddr && value < s.vaddr + s.size);
    if (segment === undefined) continue;
    const start = value - segment.vaddr + segment.offset;
    list.push({ start, end: start + Math.max(size, 1), name: stringAt(strings, name) });
  }
  return list.sort((a, b) => a.start - b.start);
}

function stringAt(strings: DataView, at: number): string {
  let text = '';
  for (let k = at; k < strings.byteLength; k++) {
    const byte = strings.getUint8(k);
    if (byte === 0) break;
    text += String.fromCharCode(byte);
  }
  return text;
}

export class ElfSymbols {
  private readonly functions: readonly FileFunction[];

  constructor(read: FileReader) {
    let functions: FileFunction[] = [];
    try {
      functions = functionsOf(read);
    } catch (error) {
      // A table that ends in the middle of a field.
      if (!(error instanceof RangeError)) throw error;
    }
    this.functions = functions;
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
    return found !== undefined && offset < found.end ? found.name : null;
  }
}
