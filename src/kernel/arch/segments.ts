import { Globals } from '../../machine/codeLayout.ts';
import { Cpu, Seg } from '../../machine/cpuState.ts';
import { isLongCode, LDT_ENTRIES, packDescriptor, TLS_ENTRIES, TLS_FIRST, USER32_CS, USER_CS, USER_DS } from '../../machine/descriptors.ts';
import { LDT_TABLE } from '../../machine/memoryLayout.ts';
import type { AddressSpace } from '../mm/addressSpace.ts';
import type { Task } from '../task/task.ts';
import type { Registers } from './registers.ts';

/** What set_thread_area and modify_ldt keep of a descriptor. */
export interface Descriptor {
  base: number;
  limit: number;
  /** user_desc's bit fields: seg_32bit, contents (2), read_exec_only, limit_in_pages, seg_not_present, useable. */
  flags: number;
}

const NOT_PRESENT = 0x20;

/** The descriptor a selector names, undefined when there is none. The flat user segments have base 0. */
function lookup(t: Task, selector: number): Descriptor | undefined {
  const index = selector >>> 3;
  if ((selector & 4) !== 0) return t.mm.ldt?.[index];
  if ((selector & 3) !== 3) return undefined;
  if (selector === USER_DS || selector === USER_CS || selector === USER32_CS) return { base: 0, limit: 0xfffff, flags: 0 };
  return index >= TLS_FIRST && index < TLS_FIRST + TLS_ENTRIES ? t.tls[index - TLS_FIRST] ?? undefined : undefined;
}

/** The engine's copy of a thread's descriptors: of those for thread-local storage, and of the process's local table. */
export function publishDescriptors(t: Task): void {
  for (let k = 0; k < TLS_ENTRIES; k++) {
    const d = t.tls[k];
    const [lo, hi] = d ? packDescriptor(d.base, d.limit, d.flags) : [0, 0];
    t.regs.setHalves(Cpu.tls + 8 * k, lo, hi);
  }
}

/** fork: the child's memory has the same local table. */
export function inheritLdt(from: AddressSpace, to: AddressSpace): void {
  if (from.ldt === null) return;
  to.ldt = [...from.ldt];
  to.ldt.forEach((_d, index) => publishLdtEntry(to, index));
}

export function publishLdtEntry(mm: AddressSpace, index: number): void {
  const d = mm.ldt?.[index], words = new Int32Array(mm.memory.memory.buffer, LDT_TABLE, LDT_ENTRIES * 2);
  const [lo, hi] = d ? packDescriptor(d.base, d.limit, d.flags) : [0, 0];
  // the next process would find it
  mm.spoiled = true;
  words[2 * index] = lo;
  words[2 * index + 1] = hi;
}

/** Whether the task's program is a 64-bit one, in whichever mode its code runs now. */
export function isLongProgram(t: Task): boolean {
  const mode = new Int32Array(t.memory.memory.buffer, Globals.mode, 1)[0]!;
  return mode === 0 ? t.regs.long : mode === 64;
}

/** A code segment of the kernel's or the guest's choice. */
export function setCode(regs: Registers, selector: number): void {
  regs.setU32(Cpu.segSelector + Seg.cs * 4, selector);
  regs.setU32(Cpu.long, isLongCode(selector) ? 1 : 0);
}

/** Sets selector and base of a segment register; false: the selector names nothing that can be loaded. */
export function setSegment(t: Task, segment: number, selector: number): boolean {
  const { regs } = t;
  if ((selector & 0xfffc) === 0) {
    if (segment === Seg.ss && !regs.long) return false;
    regs.setU32(Cpu.segSelector + segment * 4, selector);
    // A null selector clears the base (as Intel processors do).
    regs.setHalves(Cpu.segBase + segment * 8, 0, 0);
    return true;
  }
  const descriptor = lookup(t, selector);
  if (descriptor === undefined || (descriptor.flags & NOT_PRESENT) !== 0) return false;
  regs.setU32(Cpu.segSelector + segment * 4, selector);
  // The engine finds the bases of es, cs, ss and ds through their selectors.
  const flat = segment !== Seg.fs && segment !== Seg.gs;
  regs.setHalves(Cpu.segBase + segment * 8, flat ? 0 : descriptor.base, 0);
  return true;
}

/** A descriptor has changed: segment registers that hold its selector take the new base, as the kernel's return does. */
export function refreshSegments(t: Task): void {
  for (const segment of [Seg.es, Seg.ss, Seg.ds, Seg.fs, Seg.gs]) {
    const selector = t.regs.u32(Cpu.segSelector + segment * 4);
    if ((selector & 0xfffc) === 0) continue;
    if (!setSegment(t, segment, selector)) {
      t.regs.setU32(Cpu.segSelector + segment * 4, 0);
      t.regs.setHalves(Cpu.segBase + segment * 8, 0, 0);
    }
  }
}
