import { Cpu, Seg } from '../../machine/cpuState.ts';
import { Vector } from '../../machine/exit.ts';
import type { Task } from '../task/task.ts';
import { raiseTrap } from '../signal/trap.ts';

/** Selectors of a 64-bit Linux kernel (arch/x86/include/asm/segment.h). */
export const USER32_CS = 0x23;
export const USER_DS = 0x2b;
export const USER_CS = 0x33;
/** First of the three GDT entries for thread-local storage. */
export const TLS_FIRST = 12;
export const TLS_ENTRIES = 3;
/** modify_ldt's limit. */
export const LDT_ENTRIES = 8192;

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

/** Exit.loadSegment: the guest loads a segment register. */
export function loadSegment(t: Task, code: number, selector: number): void {
  if (setSegment(t, code & 0xff, selector & 0xffff)) return;
  t.regs.rip = t.regs.rip - ((code >>> 8) & 0xff);
  // a pop had taken the selector off the stack
  t.regs.setU32(Cpu.gpr + 8 * 4, t.regs.u32(Cpu.gpr + 8 * 4) - (code >>> 16));
  raiseTrap(t, Vector.GP);
  t.trap.error = selector & 0xfffc;
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
  // In 64-bit mode the bases of es, cs, ss and ds are taken as 0.
  const flat = regs.long && segment !== Seg.fs && segment !== Seg.gs;
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
