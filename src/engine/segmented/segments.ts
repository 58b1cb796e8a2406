import { Cpu, Seg } from '../../machine/cpuState.ts';
import { Attribute, Descriptor, lookUpDescriptor, TLS_ENTRIES, TLS_FIRST } from '../../machine/descriptors.ts';

const ALL = 0xffffffff;

/** The six segment registers of a thread with what the processor keeps of their descriptors. */
export class Segments {
  readonly base = new Float64Array(6);
  readonly limit = new Float64Array(6);
  private readonly selector = new Int32Array(6);
  /** `Attribute`s; 0 = a null selector. */
  readonly attributes = new Int32Array(6);
  /** Of the code: 64, 32 or 16. */
  mode = 64;
  /** 32-bit code as Linux starts it: all of memory behind every segment, but for the bases of fs and gs. */
  flat = true;
  /** The stack segment has all of memory, and 32 bits. */
  flatStack = true;
  private readonly descriptor = new Descriptor();

  /** Follows the selectors and descriptors of a thread. */
  refresh(words: Int32Array, cpu: number): void {
    for (let s = 0; s < 6; s++) this.load(words, cpu, s);
    this.mode = this.has(Seg.cs, Attribute.long) ? 64 : this.has(Seg.cs, Attribute.big) ? 32 : 16;
    this.flatStack = this.isFlatData(Seg.ss) && this.has(Seg.ss, Attribute.big);
    const others = this.isFlatData(Seg.ds) && this.isFlatData(Seg.es) && this.isOpen(Seg.fs) && this.isOpen(Seg.gs);
    this.flat = this.mode === 32 && this.base[Seg.cs] === 0 && this.limit[Seg.cs] === ALL && this.flatStack && others;
  }

  private load(words: Int32Array, cpu: number, s: number): void {
    const selector = words[(cpu + Cpu.segSelector + 4 * s) >> 2]!, d = this.descriptor;
    const found = (selector & 0xfffc) !== 0 && lookUpDescriptor(words, cpu, selector, d);
    this.selector[s] = selector;
    this.attributes[s] = found ? d.attributes : 0;
    this.limit[s] = found ? d.limit : 0;
    const at = (cpu + Cpu.segBase + 8 * s) >> 2;
    this.base[s] = found ? d.base : 0;
    // 64-bit code has bases of its own for fs and gs
    if (s >= Seg.fs && words[(cpu + Cpu.long) >> 2] !== 0) this.base[s] = (words[at]! >>> 0) + (words[at + 1]! >>> 0) * 2 ** 32;
  }

  has(s: number, attribute: number): boolean {
    return (this.attributes[s]! & attribute) !== 0;
  }

  private isFlatData(s: number): boolean {
    return this.base[s] === 0 && this.isWide(s);
  }

  private isWide(s: number): boolean {
    return this.limit[s] === ALL && (this.attributes[s]! & (Attribute.code | Attribute.down | Attribute.readWrite)) === Attribute.readWrite;
  }

  /** Null selectors in fs and gs are taken for flat: every program starts with them. */
  private isOpen(s: number): boolean {
    return this.attributes[s] === 0 || this.isWide(s) || this.isThreadLocal(s);
  }

  /**
   * Thread-local storage of whole pages (set_thread_area; SBCL's has 64 MiB) is not worth a thousand times slower code: behind its
   * limit lies what else is mapped there, as behind that of the usual entry, and no #GP.
   */
  private isThreadLocal(s: number): boolean {
    const index = (this.selector[s]! >> 3) - TLS_FIRST;
    if ((this.selector[s]! & 4) !== 0 || index < 0 || index >= TLS_ENTRIES) return false;
    return (this.attributes[s]! & (Attribute.pages | Attribute.code | Attribute.down | Attribute.readWrite)) === (Attribute.pages | Attribute.readWrite);
  }

  /** Linear address of `size` bytes at `offset`, -1 when the segment does not let them be used so. Not for 64-bit code. */
  linear(s: number, offset: number, size: number, write: boolean): number {
    const attributes = this.attributes[s]!;
    if (attributes === 0) return -1;
    const allowed = (attributes & Attribute.code) !== 0 ? !write && (attributes & Attribute.readWrite) !== 0 : !write || (attributes & Attribute.readWrite) !== 0;
    if (!allowed) return -1;
    const last = offset + size - 1, limit = this.limit[s]!;
    if ((attributes & (Attribute.code | Attribute.down)) === Attribute.down) {
      if (offset <= limit || last > ((attributes & Attribute.big) !== 0 ? ALL : 0xffff)) return -1;
    } else if (last > limit) return -1;
    return (this.base[s]! + offset) % 2 ** 32;
  }
}
