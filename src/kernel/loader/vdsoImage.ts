import { putU16, putU32, putU64 } from '../../abi/layout.ts';
import type { Abi } from '../../abi/abi.ts';
import { DT_HASH, DT_NULL, DT_SONAME, DT_STRSZ, DT_STRTAB, DT_SYMENT, DT_SYMTAB, DT_VERDEF, DT_VERDEFNUM, DT_VERSYM } from '../../abi/linux/elf.ts';

/** A function of the vDSO; several names may share one piece of code. */
export interface VdsoFunction {
  readonly names: readonly string[];
  /** Weak names, as clock_gettime beside __vdso_clock_gettime. */
  readonly weak?: readonly string[];
  readonly version: string;
  readonly code: readonly number[];
}

export interface VdsoImage {
  readonly bytes: Uint8Array;
  /** Offset of each function's code by name. */
  readonly symbols: ReadonlyMap<string, number>;
}

/** An unwind description made for the code offset it is given. */
export type EhFrameMaker = (codeAt: (name: string) => number, ehFrameAt: number) => { frame: Uint8Array; table: readonly (readonly [code: number, fde: number])[] };

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_NOTE = 4;
const PT_GNU_EH_FRAME = 0x6474e550;

/** Name "Linux", type 0: LINUX_VERSION_CODE, which old loaders ask for. */
function kernelNote(release: string): Uint8Array {
  const [, major, minor, patch] = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(release) ?? [];
  const note = Uint8Array.of(6, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0x4c, 0x69, 0x6e, 0x75, 0x78, 0, 0, 0, 0, 0, 0, 0);
  putU32(note, 20, (Number(major ?? 0) << 16) | (Number(minor ?? 0) << 8) | Math.min(Number(patch ?? 0), 255));
  return note;
}

/** The System V hash of symbol and version names. */
function elfHash(name: string): number {
  let h = 0;
  for (let i = 0; i < name.length; i++) {
    h = ((h << 4) + name.charCodeAt(i)) >>> 0;
    const g = h & 0xf0000000;
    h = (h ^ (g >>> 24)) & ~g;
  }
  return h >>> 0;
}

class Strings {
  text = '\0';
  private readonly places = new Map<string, number>();
  at(name: string): number {
    let place = this.places.get(name);
    if (place === undefined) {
      place = this.text.length;
      this.text += `${name}\0`;
      this.places.set(name, place);
    }
    return place;
  }
}

/** Lays out an ELF shared object of one read-only executable segment at address 0. */
export function buildVdso(abi: Abi, machine: number, soname: string, functions: readonly VdsoFunction[], unwind: EhFrameMaker, release: string): VdsoImage {
  const long = abi.longBytes === 8;
  const note = kernelNote(release);
  const word = abi.longBytes;
  const strings = new Strings();
  const names = functions.flatMap((f) => [...f.names.map((n) => ({ name: n, weak: false, f })), ...(f.weak ?? []).map((n) => ({ name: n, weak: true, f }))]);
  const versions = [...new Set(functions.map((f) => f.version))];
  strings.at(soname);
  for (const { name } of names) strings.at(name);
  for (const version of versions) strings.at(version);

  const symSize = abi.elfSym.size;
  const align = (n: number, to = 16): number => Math.ceil(n / to) * to;
  const headers = abi.elfEhdr.size + 4 * abi.elfPhdr.size;
  const noteAt = align(headers);
  const hashAt = align(noteAt + note.length);
  const symAt = align(hashAt + 4 * (2 + 1 + names.length + 1));
  const strAt = symAt + symSize * (names.length + 1);
  const versymAt = align(strAt + strings.text.length, 2);
  const verdefAt = align(versymAt + 2 * (names.length + 1), 4);
  const verdefCount = versions.length + 1;
  const dynamicAt = align(verdefAt + verdefCount * 28);
  const dynamicEntries = 10;
  let at = align(dynamicAt + dynamicEntries * 2 * word);
  const codeAt = new Map<string, number>();
  const codes: [number, readonly number[]][] = [];
  for (const f of functions) {
    for (const n of [...f.names, ...(f.weak ?? [])]) codeAt.set(n, at);
    codes.push([at, f.code]);
    at = align(at + f.code.length + 1, 16);
  }
  const ehHeaderAt = at;
  const probe = unwind((n) => codeAt.get(n)!, 0);
  const ehFrameAt = align(ehHeaderAt + 12 + 8 * probe.table.length, 8);
  const ehFrame = unwind((n) => codeAt.get(n)!, ehFrameAt);
  at = ehFrameAt + ehFrame.frame.length;
  const size = at;
  const bytes = new Uint8Array(Math.ceil(size / 4096) * 4096);
  const put = (offset: number, value: number): void => (long ? putU64(bytes, offset, value) : putU32(bytes, offset, value));

  bytes.set([0x7f, 0x45, 0x4c, 0x46, long ? 2 : 1, 1, 1]);
  abi.elfEhdr.update(bytes, {
    e_type: 3, e_machine: machine, e_version: 1, e_entry: 0, e_phoff: abi.elfEhdr.size, e_ehsize: abi.elfEhdr.size, e_phentsize: abi.elfPhdr.size,
    e_phnum: 4, e_shentsize: abi.elfShdr.size,
  });
  const header = (index: number, type: number, offset: number, length: number, flags: number, alignment: number): void => {
    abi.elfPhdr.write(bytes, {
      p_type: type, p_flags: flags, p_offset: offset, p_vaddr: offset, p_paddr: offset, p_filesz: length, p_memsz: length, p_align: alignment,
    }, abi.elfEhdr.size + index * abi.elfPhdr.size);
  };
  header(0, PT_LOAD, 0, size, 5, 4096);
  header(1, PT_DYNAMIC, dynamicAt, dynamicEntries * 2 * word, 4, word);
  header(2, PT_NOTE, noteAt, note.length, 4, 4);
  bytes.set(note, noteAt);

  // One bucket: a chain through all symbols.
  putU32(bytes, hashAt, 1);
  putU32(bytes, hashAt + 4, names.length + 1);
  putU32(bytes, hashAt + 8, names.length > 0 ? 1 : 0);
  for (let i = 1; i <= names.length; i++) putU32(bytes, hashAt + 12 + 4 * i, i < names.length ? i + 1 : 0);
  names.forEach(({ name, weak, f }, i) => {
    abi.elfSym.write(bytes, {
      st_name: strings.at(name), st_info: ((weak ? 2 : 1) << 4) | 2, st_shndx: 1, st_value: codeAt.get(name)!, st_size: f.code.length,
    }, symAt + (i + 1) * symSize);
    putU16(bytes, versymAt + 2 * (i + 1), versions.indexOf(f.version) + 2);
  });
  for (let i = 0; i < strings.text.length; i++) bytes[strAt + i] = strings.text.charCodeAt(i);
  // Verdef: the object's own name (VER_FLG_BASE), then each version; one Verdaux each.
  [soname, ...versions].forEach((name, i) => {
    const v = verdefAt + i * 28;
    putU16(bytes, v, 1);
    putU16(bytes, v + 2, i === 0 ? 1 : 0);
    putU16(bytes, v + 4, i + 1);
    putU16(bytes, v + 6, 1);
    putU32(bytes, v + 8, elfHash(name));
    putU32(bytes, v + 12, 20);
    putU32(bytes, v + 16, i === verdefCount - 1 ? 0 : 28);
    putU32(bytes, v + 20, strings.at(name));
  });
  const dynamic: [number, number][] = [
    [DT_SONAME, strings.at(soname)], [DT_HASH, hashAt], [DT_STRTAB, strAt], [DT_SYMTAB, symAt], [DT_STRSZ, strings.text.length],
    [DT_SYMENT, symSize], [DT_VERDEF, verdefAt], [DT_VERDEFNUM, verdefCount], [DT_VERSYM, versymAt], [DT_NULL, 0],
  ];
  dynamic.forEach(([tag, value], i) => {
    put(dynamicAt + i * 2 * word, tag);
    put(dynamicAt + i * 2 * word + word, value);
  });
  for (const [offset, code] of codes) bytes.set(code, offset);
  header(3, PT_GNU_EH_FRAME, ehHeaderAt, 12 + 8 * ehFrame.table.length, 4, 4);
  // Version 1; frame pointer pc-relative, count and table absolute and relative to this header.
  bytes.set([1, 0x1b, 0x03, 0x3b], ehHeaderAt);
  putU32(bytes, ehHeaderAt + 4, ehFrameAt - (ehHeaderAt + 4));
  putU32(bytes, ehHeaderAt + 8, ehFrame.table.length);
  ehFrame.table.forEach(([code, fde], i) => {
    putU32(bytes, ehHeaderAt + 12 + 8 * i, code - ehHeaderAt);
    putU32(bytes, ehHeaderAt + 16 + 8 * i, fde - ehHeaderAt);
  });
  bytes.set(ehFrame.frame, ehFrameAt);
  return { bytes, symbols: codeAt };
}
