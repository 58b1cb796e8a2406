import { describe, expect, test } from 'vitest';
import { i386, x86_64 } from '../../abi/abi.ts';
import { EIO, ELIBBAD, ENOEXEC } from '../../abi/linux/errno.ts';
import { archI386 } from '../arch/i386/arch.ts';
import { archX86_64 } from '../arch/x86_64/arch.ts';
import { readElf, readInterpreter, segmentsError, type ElfImage, type ElfReader } from './elf.ts';
import { placeProgram } from './load.ts';
import { vdsoOf } from './vdso.ts';

const archs = [archX86_64, archI386];
const reader = (bytes: Uint8Array): ElfReader => (offset, length) =>
  (offset >= 0 && Number.isFinite(offset) ? bytes.slice(offset, offset + length) : new Uint8Array(0));

interface Header {
  type: number;
  vaddr?: number;
  offset?: number;
  filesz?: number;
  memsz?: number;
  flags?: number;
  align?: number;
}

function elf(abi: typeof x86_64 | typeof i386, headers: Header[], change: Record<string, number> = {}): Uint8Array {
  const bytes = new Uint8Array(8192);
  const long = abi.longBytes === 8;
  bytes.set([0x7f, 0x45, 0x4c, 0x46, long ? 2 : 1, 1, 1]);
  abi.elfEhdr.update(bytes, {
    e_type: 2, e_machine: long ? 62 : 3, e_version: 1, e_entry: 0x400100, e_phoff: abi.elfEhdr.size, e_ehsize: abi.elfEhdr.size,
    e_phentsize: abi.elfPhdr.size, e_phnum: headers.length, ...change,
  });
  headers.forEach((h, i) => abi.elfPhdr.write(bytes, {
    p_type: h.type, p_flags: h.flags ?? 5, p_offset: h.offset ?? 0, p_vaddr: h.vaddr ?? 0, p_filesz: h.filesz ?? 0, p_memsz: h.memsz ?? h.filesz ?? 0,
    p_align: h.align ?? 4096,
  }, abi.elfEhdr.size + i * abi.elfPhdr.size));
  return bytes;
}
const load: Header = { type: 1, vaddr: 0x400000, filesz: 0x1000 };

describe('readElf', () => {
  test.each([['x86_64', x86_64], ['i386', i386]] as const)('a %s program', (name, abi) => {
    const image = readElf(reader(elf(abi, [load, { type: 0x6474e551, flags: 6 }])), archs) as ElfImage;
    expect(image).toMatchObject({ dynamic: false, entry: 0x400100, low: 0x400000, high: 0x401000, execStack: false, interpreter: null });
    expect(image.arch.name).toBe(name);
  });

  test('what is not a program for us', () => {
    const read = (bytes: Uint8Array): unknown => readElf(reader(bytes), archs);
    expect(read(new Uint8Array(0))).toBe(-ENOEXEC);
    expect(read(new Uint8Array(100))).toBe(-ENOEXEC);
    expect(read(elf(x86_64, [load]).slice(0, 60))).toBe(-ENOEXEC);
    expect(read(elf(x86_64, [load], { e_machine: 183 }))).toBe(-ENOEXEC);
    expect(read(elf(x86_64, [load], { e_machine: 3 }))).toBe(-ENOEXEC);
    expect(read(elf(x86_64, [load], { e_type: 1 }))).toBe(-ENOEXEC);
    expect(read(elf(x86_64, [load], { e_phentsize: 32 }))).toBe(-ENOEXEC);
    expect(read(elf(x86_64, [load], { e_phnum: 0 }))).toBe(-ENOEXEC);
    expect(read(elf(x86_64, [load], { e_phoff: 1 << 30 }))).toBe(-ENOEXEC);
    expect(read(elf(x86_64, [load, { type: 3, offset: 8190, filesz: 20 }]))).toBe(-EIO);
    expect(readInterpreter(reader(elf(x86_64, [load], { e_machine: 183 })), archX86_64)).toBe(-ELIBBAD);
    expect(readInterpreter(reader(elf(i386, [load])), archX86_64)).toBe(-ELIBBAD);
    expect(readInterpreter(reader(new Uint8Array(40)), archX86_64)).toBe(-EIO);
  });

  test('the class of a file does not matter, its machine does', () => {
    const bytes = elf(x86_64, [load]);
    bytes[4] = 1;
    expect(readElf(reader(bytes), archs)).toMatchObject({ arch: archX86_64 });
  });

  test('segments that lie are refused', () => {
    const read = (header: Header): number => {
      const image = readElf(reader(elf(x86_64, [header])), archs);
      if (typeof image === 'number') return image;
      const error = segmentsError(image);
      if (error !== 0) return error;
      const placed = placeProgram(image, 8 << 20);
      return typeof placed === 'number' ? placed : 0;
    };
    expect(read(load)).toBe(0);
    expect(read({ ...load, filesz: 0x2000, memsz: 0x1000 })).toBeLessThan(0);
    expect(read({ ...load, vaddr: 0x400123 })).toBeLessThan(0);
    expect(read({ ...load, memsz: 2 ** 40 })).toBeLessThan(0);
    expect(read({ ...load, vaddr: 2 ** 47 })).toBeLessThan(0);
    expect(read({ ...load, vaddr: 0 })).toBeLessThan(0);
  });

  test('any bytes give an image or an error, and never a throw', () => {
    let seed = 42;
    const random = (n: number): number => ((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) >>> 8) % n;
    for (let round = 0; round < 5000; round++) {
      const abi = round % 2 === 0 ? x86_64 : i386;
      const bytes = elf(abi, [load, { type: 3, offset: 600, filesz: 20 }, { type: 0x6474e551 }]);
      for (let n = 1 + random(6); n > 0; n--) bytes[random(300)] = random(256);
      const image = readElf(reader(bytes.slice(0, random(4) === 0 ? random(400) : 8192)), archs);
      if (typeof image === 'number') expect(image).toBeLessThan(0);
      else if (segmentsError(image) === 0) {
        const placed = placeProgram(image, 8 << 20);
        if (typeof placed === 'number') expect(placed).toBeLessThan(0);
        else expect(placed.bias + image.high).toBeLessThanOrEqual(2 ** 32);
      }
    }
  });
});

describe('vDSO', () => {
  test.each([['x86_64', 62], ['i386', 3]] as const)('%s is an ELF object that our own loader reads', (name, machine) => {
    const { bytes, vsyscall, sigreturn, rtSigreturn } = vdsoOf(name, '6.1.0-tuxlate');
    const image = readElf(reader(bytes), archs) as ElfImage;
    expect(image.arch.elfMachine).toBe(machine);
    expect(image.dynamic).toBe(true);
    expect(image.segments[0]).toMatchObject({ vaddr: 0, offset: 0, flags: 5 });
    expect([vsyscall, sigreturn, rtSigreturn].every((at) => (name === 'i386' ? at > 0 : at === 0))).toBe(true);
  });
});
