/**
 * Segment descriptors as the processor has them (SDM vol. 3, 3.4.5): two words each. The kernel writes the local table of a
 * process and the three entries of a thread for thread-local storage; the engine reads them when a segment register is used
 * that is not one of the flat ones. The rest of the global table is Linux's (arch/x86/include/asm/segment.h).
 */
import { Cpu } from './cpuState.ts';
import { LDT_TABLE } from './memoryLayout.ts';

export const USER32_CS = 0x23;
export const USER_DS = 0x2b;
export const USER_CS = 0x33;
/** First of the three entries for thread-local storage. */
export const TLS_FIRST = 12;
export const TLS_ENTRIES = 3;
export const LDT_ENTRIES = 8192;
/** Its limit is the number of the processor (the vDSO's getcpu). */
const CPU_NODE = 15;

/** Of a descriptor's upper word. */
export const Attribute = {
  accessed: 1 << 8,
  /** Data: may be written; code: may be read. */
  readWrite: 1 << 9,
  /** Data: grows down; code: conforming. */
  down: 1 << 10,
  code: 1 << 11,
  /** Code or data. */
  normal: 1 << 12,
  privilege: 3 << 13,
  present: 1 << 15,
  long: 1 << 21,
  /** 32-bit code or stack. */
  big: 1 << 22,
  pages: 1 << 23,
} as const;

const FLAT_DATA = 0xcff300, FLAT_CODE32 = 0xcffb00, FLAT_CODE64 = 0xaffb00;

/** A descriptor taken apart; one object is filled again and again. */
export class Descriptor {
  base = 0;
  /** Offset of the last byte. */
  limit = 0;
  /** The upper word without base and limit, 0 = none; see `Attribute`. lar shows it with the limit's upper bits. */
  attributes = 0;
  upper = 0;

  set(lo: number, hi: number): void {
    this.base = ((lo >>> 16) | ((hi & 0xff) << 16) | (hi & 0xff000000)) >>> 0;
    const limit = (lo & 0xffff) | (hi & 0xf0000);
    this.limit = (hi & Attribute.pages) !== 0 ? ((limit << 12) | 0xfff) >>> 0 : limit;
    this.attributes = hi & 0xf0ff00;
    this.upper = hi & 0xffff00;
  }

  has(attribute: number): boolean {
    return (this.attributes & attribute) !== 0;
  }
}

/** Fills `out` with what `selector` names; false: nothing that user code may name. Null selectors name nothing. */
export function lookUpDescriptor(words: Int32Array, cpu: number, selector: number, out: Descriptor): boolean {
  const index = (selector & 0xffff) >>> 3;
  let lo = 0xffff, hi = 0;
  if ((selector & 4) !== 0) {
    lo = words[(LDT_TABLE >> 2) + index * 2]!;
    hi = words[(LDT_TABLE >> 2) + index * 2 + 1]!;
  } else if (index >= TLS_FIRST && index < TLS_FIRST + TLS_ENTRIES) {
    const at = (cpu + Cpu.tls) / 4 + (index - TLS_FIRST) * 2;
    lo = words[at]!;
    hi = words[at + 1]!;
  } else if (index === CPU_NODE) {
    lo = words[(cpu + Cpu.cpuNumber) >> 2]! & 0xffff;
    hi = 0x40f500;
  } else hi = index === USER_DS >> 3 ? FLAT_DATA : index === USER32_CS >> 3 ? FLAT_CODE32 : index === USER_CS >> 3 ? FLAT_CODE64 : 0;
  out.set(lo, hi);
  return hi !== 0;
}

/** user_desc's bits: seg_32bit, contents (2), read_exec_only, limit_in_pages, seg_not_present, useable (fill_ldt). Returns [lo, hi]. */
export function packDescriptor(base: number, limit: number, flags: number): [lo: number, hi: number] {
  const type = ((flags & 8) !== 0 ? 0 : Attribute.readWrite) | (((flags >>> 1) & 3) << 10) | Attribute.accessed | Attribute.normal;
  const rest = ((flags & 0x20) !== 0 ? 0 : Attribute.present) | ((flags & 0x40) !== 0 ? 1 << 20 : 0) | ((flags & 1) !== 0 ? Attribute.big : 0) | ((flags & 0x10) !== 0 ? Attribute.pages : 0);
  const hi = type | Attribute.privilege | rest | (limit & 0xf0000) | ((base >>> 16) & 0xff) | (base & 0xff000000);
  return [(limit & 0xffff) | ((base & 0xffff) << 16), hi];
}

/** Whether code of this segment is 64-bit code. Only the kernel's own segment is. */
export function isLongCode(selector: number): boolean {
  return (selector & 0xfffc) === (USER_CS & 0xfffc);
}
