import { BIAS, GUEST_END } from './memoryLayout.ts';
import { Access } from './exit.ts';

/** A guest address. Only GuestMemory turns one into bytes. */
export type UserPtr = number & { readonly userPtr?: true };

/** Makes guest pages usable by the kernel: fills, copies, takes over shared ones. Implemented by kernel/mm. */
export interface Pager {
  /**
   * Prepares [addr, addr + length) for the kernel's access (`Access.read` or `Access.write`) and answers how many bytes from
   * addr on are accessible: `length`, or less when a page refuses. The range lies in guest space.
   */
  prepare(addr: number, length: number, access: number): number;
}

const EFAULT = 14;
const ENAMETOOLONG = 36;

/** Where the byte at a guest address lies in the linear memory. */
function offsetOf(addr: UserPtr): number {
  return (addr >>> 0) + BIAS;
}

/**
 * The kernel's door to one process's memory. A view it hands out is valid until the kernel next lets a guest run or
 * changes mappings, so use it at once and keep none. null stands for EFAULT.
 */
export class GuestMemory {
  readonly memory: WebAssembly.Memory;
  private readonly pager: Pager;
  /** The whole linear memory. Replaced when it grows. */
  bytes: Uint8Array;
  private view: DataView;
  /** Where guest space ends. Of a tall address space that is far above what there is: the low 32 bits of an address tell the place. */
  limit = GUEST_END;

  constructor(memory: WebAssembly.Memory, pager: Pager) {
    this.memory = memory;
    this.pager = pager;
    this.bytes = new Uint8Array(memory.buffer);
    this.view = new DataView(memory.buffer);
  }

  /** Called by the owner of the address space after memory.grow. */
  refresh(): void {
    this.bytes = new Uint8Array(this.memory.buffer);
    this.view = new DataView(this.memory.buffer);
  }

  /** True when [addr, addr + length) is below the end of guest space (access_ok); says nothing about what is mapped. */
  inRange(addr: UserPtr, length: number): boolean {
    return addr >= 0 && length >= 0 && addr + length <= this.limit;
  }

  /** `length` bytes for reading. */
  readable(addr: UserPtr, length: number): Uint8Array | null {
    if (length === 0) return this.bytes.subarray(0, 0);
    if (!this.inRange(addr, length) || this.pager.prepare(addr, length, Access.read) < length) return null;
    return this.slice(addr, length);
  }

  /** `length` bytes for writing. */
  writable(addr: UserPtr, length: number): Uint8Array | null {
    if (length === 0) return this.bytes.subarray(0, 0);
    if (!this.inRange(addr, length) || this.pager.prepare(addr, length, Access.write) < length) return null;
    return this.slice(addr, length);
  }

  /** The accessible beginning of [addr, addr + length), for calls that transfer what they can. null when not even one byte is. */
  readablePrefix(addr: UserPtr, length: number): Uint8Array | null {
    return this.prefix(addr, length, Access.read);
  }

  writablePrefix(addr: UserPtr, length: number): Uint8Array | null {
    return this.prefix(addr, length, Access.write);
  }

  private prefix(addr: UserPtr, length: number, access: number): Uint8Array | null {
    if (length === 0) return this.bytes.subarray(0, 0);
    if (!(addr >= 0 && addr < this.limit)) return null;
    const n = this.pager.prepare(addr, Math.min(length, this.limit - addr), access);
    return n > 0 ? this.slice(addr, n) : null;
  }

  /** Bytes that have been prepared. */
  slice(addr: UserPtr, length: number): Uint8Array {
    const at = offsetOf(addr);
    return this.bytes.subarray(at, at + length);
  }

  /**
   * The C string at addr, one character a byte, without its 0; -ENAMETOOLONG when there is no 0 in the first `max` bytes,
   * -EFAULT when it runs into memory that cannot be read.
   */
  cstring(addr: UserPtr, max = 4096): string | number {
    const length = this.cstringLength(addr, max);
    if (length < 0) return length;
    if (length < max && addr + length < this.limit) return latin1(this.slice(addr, length));
    return addr + max >= this.limit ? -EFAULT : -ENAMETOOLONG;
  }

  /** Length of the C string at addr without its 0, at most `max`; -EFAULT. */
  cstringLength(addr: UserPtr, max: number): number {
    if (!(addr >= 0 && addr < this.limit)) return -EFAULT;
    let at = addr as number;
    const limit = Math.min(addr + max, this.limit);
    while (at < limit) {
      const pageEnd = Math.min((at - (at % 4096)) + 4096, limit);
      if (this.pager.prepare(at, pageEnd - at, Access.read) < pageEnd - at) return -EFAULT;
      const nul = this.slice(at, pageEnd - at).indexOf(0);
      if (nul >= 0) return at + nul - addr;
      at = pageEnd;
    }
    return limit - addr;
  }

  /** Copies bytes out to the guest; false is EFAULT (nothing copied). */
  copyOut(addr: UserPtr, from: Uint8Array): boolean {
    const to = this.writable(addr, from.length);
    if (to === null) return false;
    to.set(from);
    return true;
  }

  /** A copy of guest bytes in memory of our own; null is EFAULT. */
  copyIn(addr: UserPtr, length: number): Uint8Array | null {
    const from = this.readable(addr, length);
    return from === null ? null : from.slice();
  }

  /** Writes a string of one character a byte, without a 0; false is EFAULT. */
  putString(addr: UserPtr, text: string): boolean {
    const to = this.writable(addr, text.length);
    if (to === null) return false;
    for (let i = 0; i < text.length; i++) to[i] = text.charCodeAt(i);
    return true;
  }

  private can(addr: number, length: number, access: number): boolean {
    return addr >= 0 && addr + length <= this.limit && this.pager.prepare(addr, length, access) === length;
  }

  u8(addr: UserPtr): number | null {
    return this.can(addr, 1, Access.read) ? this.view.getUint8(offsetOf(addr)) : null;
  }
  u16(addr: UserPtr): number | null {
    return this.can(addr, 2, Access.read) ? this.view.getUint16(offsetOf(addr), true) : null;
  }
  u32(addr: UserPtr): number | null {
    return this.can(addr, 4, Access.read) ? this.view.getUint32(offsetOf(addr), true) : null;
  }
  i32(addr: UserPtr): number | null {
    return this.can(addr, 4, Access.read) ? this.view.getInt32(offsetOf(addr), true) : null;
  }
  /** Exact up to 2^53. */
  u64(addr: UserPtr): number | null {
    if (!this.can(addr, 8, Access.read)) return null;
    return this.view.getUint32(offsetOf(addr) + 4, true) * 4294967296 + this.view.getUint32(offsetOf(addr), true);
  }
  i64(addr: UserPtr): number | null {
    if (!this.can(addr, 8, Access.read)) return null;
    return this.view.getInt32(offsetOf(addr) + 4, true) * 4294967296 + this.view.getUint32(offsetOf(addr), true);
  }
  /** An unsigned word of `size` 4 or 8 bytes (t.arch.wordSize). */
  word(addr: UserPtr, size: number): number | null {
    return size === 8 ? this.u64(addr) : this.u32(addr);
  }

  setU8(addr: UserPtr, value: number): boolean {
    if (!this.can(addr, 1, Access.write)) return false;
    this.view.setUint8(offsetOf(addr), value);
    return true;
  }
  setU16(addr: UserPtr, value: number): boolean {
    if (!this.can(addr, 2, Access.write)) return false;
    this.view.setUint16(offsetOf(addr), value, true);
    return true;
  }
  /** Signed values too: the low 32 bits are stored. */
  setU32(addr: UserPtr, value: number): boolean {
    if (!this.can(addr, 4, Access.write)) return false;
    this.view.setInt32(offsetOf(addr), value | 0, true);
    return true;
  }
  /** Signed values too, exact up to 2^53. */
  setU64(addr: UserPtr, value: number): boolean {
    if (!this.can(addr, 8, Access.write)) return false;
    this.view.setInt32(offsetOf(addr), value >>> 0, true);
    this.view.setInt32(offsetOf(addr) + 4, Math.floor(value / 4294967296), true);
    return true;
  }
  setWord(addr: UserPtr, size: number, value: number): boolean {
    return size === 8 ? this.setU64(addr, value) : this.setU32(addr, value);
  }

  /** compare-and-swap on an aligned word, atomic against running guest threads; the word's value before, null for EFAULT. */
  compareExchange32(addr: UserPtr, expected: number, replacement: number): number | null {
    if (!this.can(addr, 4, Access.write)) return null;
    const words = new Int32Array(this.bytes.buffer, offsetOf(addr), 1);
    return Atomics.compareExchange(words, 0, expected | 0, replacement | 0) >>> 0;
  }
}

/** Bytes [start, end) as a string of one character a byte. */
export function latin1(bytes: Uint8Array, start = 0, end = bytes.length): string {
  let text = '', at = start;
  // Spread out, the bytes would be iterated over: four times slower.
  for (; at + 8 <= end; at += 8) {
    text += String.fromCharCode(bytes[at]!, bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!, bytes[at + 4]!, bytes[at + 5]!, bytes[at + 6]!, bytes[at + 7]!);
  }
  for (; at < end; at++) text += String.fromCharCode(bytes[at]!);
  return text;
}

/** The bytes of such a string. */
export function fromLatin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
