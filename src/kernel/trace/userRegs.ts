import { getU32, putU32 } from '../../abi/layout.ts';
import { Cpu, Eflags, Gpr, Seg } from '../../machine/cpuState.ts';
import { readEflags, writeEflags } from '../../machine/eflags.ts';
import { setSegment } from '../arch/segments.ts';
import type { Task } from '../task/task.ts';
import { stepped } from './trace.ts';

/** struct user_regs_struct of both ABIs, field by field (arch/x86/include/asm/user_64.h, user_32.h). */
const FIELDS64 = [
  15, 14, 13, 12, Gpr.rbp, Gpr.rbx, 11, 10, 9, 8, Gpr.rax, Gpr.rcx, Gpr.rdx, Gpr.rsi, Gpr.rdi, 'orig', 'ip', 'cs', 'flags', Gpr.rsp, 'ss', 'fsBase', 'gsBase', 'ds', 'es', 'fs', 'gs',
] as const;
const FIELDS32 = [Gpr.rbx, Gpr.rcx, Gpr.rdx, Gpr.rsi, Gpr.rdi, Gpr.rbp, Gpr.rax, 'ds', 'es', 'fs', 'gs', 'orig', 'ip', 'cs', 'flags', Gpr.rsp, 'ss'] as const;
type Field = (typeof FIELDS64)[number] | (typeof FIELDS32)[number];

export const USER_REGS_BYTES = { x86_64: FIELDS64.length * 8, i386: FIELDS32.length * 4 } as const;
export type RegsAbi = keyof typeof USER_REGS_BYTES;

const SEGMENTS: Readonly<Record<string, number>> = { cs: Seg.cs, ss: Seg.ss, ds: Seg.ds, es: Seg.es, fs: Seg.fs, gs: Seg.gs };
/** What a tracer may change in the flags (FLAG_MASK). */
const FLAG_MASK = Eflags.CF | Eflags.PF | Eflags.AF | Eflags.ZF | Eflags.SF | Eflags.TF | Eflags.DF | Eflags.OF | Eflags.NT | Eflags.AC | Eflags.RF;

function read(t: Task, field: Field): readonly [number, number] {
  const { regs } = t;
  if (typeof field === 'number') return [regs.lo(field), regs.hi(field)];
  switch (field) {
    case 'orig': return [t.syscallNumber, t.syscallNumber >> 31];
    case 'ip': return [regs.u32(Cpu.rip), regs.u32(Cpu.rip + 4)];
    case 'flags': return [readEflags(regs.view) & ~(stepped(t) ? Eflags.TF : 0), 0];
    case 'fsBase': return [regs.u32(Cpu.segBase + Seg.fs * 8), regs.u32(Cpu.segBase + Seg.fs * 8 + 4)];
    case 'gsBase': return [regs.u32(Cpu.segBase + Seg.gs * 8), regs.u32(Cpu.segBase + Seg.gs * 8 + 4)];
    default: return [regs.u32(Cpu.segSelector + SEGMENTS[field]! * 4), 0];
  }
}

function write(t: Task, field: Field, lo: number, hi: number): void {
  const { regs } = t;
  if (typeof field === 'number') return regs.setHalves(Cpu.gpr + field * 8, lo, hi);
  switch (field) {
    // A number that is no call's: none is restarted, and at the entry of one none is made.
    case 'orig': t.syscallNumber = (lo | 0) < 0 ? -1 : lo; return;
    case 'ip': return regs.setHalves(Cpu.rip, lo, hi);
    case 'flags': {
      const tf = stepped(t) ? Eflags.TF : 0;
      writeEflags(regs.view, (readEflags(regs.view) & ~FLAG_MASK) | (lo & FLAG_MASK) | tf);
      return;
    }
    case 'fsBase': return regs.setHalves(Cpu.segBase + Seg.fs * 8, lo, hi);
    case 'gsBase': return regs.setHalves(Cpu.segBase + Seg.gs * 8, lo, hi);
    default: {
      const segment = SEGMENTS[field]!;
      if (regs.u32(Cpu.segSelector + segment * 4) === (lo & 0xffff)) return;
      setSegment(t, segment, lo & 0xffff);
    }
  }
}

const layoutOf = (abi: RegsAbi): { fields: readonly Field[]; size: number } => (abi === 'x86_64' ? { fields: FIELDS64, size: 8 } : { fields: FIELDS32, size: 4 });

/** The tracee's registers as user_regs_struct of `abi`. */
export function saveUserRegs(t: Task, abi: RegsAbi): Uint8Array {
  const { fields, size } = layoutOf(abi);
  const out = new Uint8Array(fields.length * size);
  fields.forEach((field, i) => {
    const [lo, hi] = read(t, field);
    putU32(out, i * size, lo);
    if (size === 8) putU32(out, i * size + 4, hi);
  });
  return out;
}

/** Takes as many whole fields as `buf` has. */
export function loadUserRegs(t: Task, abi: RegsAbi, buf: Uint8Array): void {
  const { fields, size } = layoutOf(abi);
  const count = Math.min(fields.length, Math.floor(buf.length / size));
  // The bases after the selectors, which would clear them.
  const later: (() => void)[] = [];
  for (let i = 0; i < count; i++) {
    const field = fields[i]!;
    const store = (): void => write(t, field, getU32(buf, i * size), size === 8 ? getU32(buf, i * size + 4) : 0);
    if (field === 'fsBase' || field === 'gsBase') later.push(store);
    else store();
  }
  for (const store of later) store();
}

/** One word of it (PTRACE_POKEUSER). */
export function loadUserWord(t: Task, abi: RegsAbi, index: number, lo: number, hi: number): void {
  write(t, layoutOf(abi).fields[index]!, lo, hi);
}
