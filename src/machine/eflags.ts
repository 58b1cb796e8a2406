import { CcOp, Cpu, Eflags } from './cpuState.ts';

/** Bits the program may set through popf and sigreturn (Linux's FIX_EFLAGS and what user popf changes). */
const SYSTEM = Eflags.TF | Eflags.IF | Eflags.IOPL | Eflags.NT | Eflags.RF | Eflags.VM | Eflags.AC | Eflags.VIF | Eflags.VIP | Eflags.ID;

function parity(value: bigint): number {
  let byte = Number(value & 0xffn);
  byte ^= byte >> 4;
  byte ^= byte >> 2;
  byte ^= byte >> 1;
  return (byte & 1) === 0 ? Eflags.PF : 0;
}

/** The status flags that the lazy fields of a CPU state stand for (cpuState.ts, CcOp). */
function statusFlags(view: DataView): number {
  const ccOp = view.getUint32(Cpu.ccOp, true);
  const kind = ccOp >>> 2;
  const src = view.getBigUint64(Cpu.ccSrc, true);
  if (kind === CcOp.eflags) return Number(src & 0xffffffffn) & Eflags.STATUS;
  const bits = BigInt(8 << (ccOp & 3));
  const mask = (1n << bits) - 1n;
  const top = 1n << (bits - 1n);
  const r = view.getBigUint64(Cpu.ccDst, true) & mask;
  const b = src & mask;
  const c = view.getBigUint64(Cpu.ccSrc2, true) & 1n;
  let cf = false;
  let of = false;
  let af = false;
  switch (kind) {
    case CcOp.add:
    case CcOp.adc: {
      const carry = kind === CcOp.adc ? c : 0n;
      const a = (r - b - carry) & mask;
      cf = a + b + carry > mask;
      of = ((a ^ r) & (b ^ r) & top) !== 0n;
      af = ((a ^ b ^ r) & 0x10n) !== 0n;
      break;
    }
    case CcOp.sub:
    case CcOp.sbb: {
      const borrow = kind === CcOp.sbb ? c : 0n;
      const a = (r + b + borrow) & mask;
      cf = a < b + borrow;
      of = ((a ^ b) & (a ^ r) & top) !== 0n;
      af = ((a ^ b ^ r) & 0x10n) !== 0n;
      break;
    }
    case CcOp.inc:
      cf = (src & 1n) !== 0n;
      of = r === top;
      af = (r & 0xfn) === 0n;
      break;
    case CcOp.dec:
      cf = (src & 1n) !== 0n;
      of = r === top - 1n;
      af = (r & 0xfn) === 0xfn;
      break;
    case CcOp.shl:
      cf = (b & top) !== 0n;
      of = cf !== ((r & top) !== 0n);
      af = true;
      break;
    case CcOp.shr:
      cf = (b & 1n) !== 0n;
      of = ((r ^ b) & top) !== 0n;
      af = true;
      break;
    case CcOp.mul:
      cf = of = src !== 0n;
      break;
    case CcOp.bmi:
      cf = b === 0n;
      break;
    default:
      break;
  }
  return (cf ? Eflags.CF : 0) | (of ? Eflags.OF : 0) | (af ? Eflags.AF : 0) | (r === 0n ? Eflags.ZF : 0) | ((r & top) !== 0n ? Eflags.SF : 0) | parity(r);
}

/** EFLAGS as pushf would show it. Precondition: the thread is stopped; `view` begins at its CPU state. */
export function readEflags(view: DataView): number {
  const df = view.getInt32(Cpu.df, true) < 0 ? Eflags.DF : 0;
  return (statusFlags(view) | df | (view.getUint32(Cpu.eflagsSystem, true) & SYSTEM) | Eflags.FIXED | Eflags.IF) >>> 0;
}

/** Sets all of EFLAGS. */
export function writeEflags(view: DataView, value: number): void {
  view.setUint32(Cpu.ccOp, CcOp.eflags << 2, true);
  view.setBigUint64(Cpu.ccSrc, BigInt(value & Eflags.STATUS), true);
  view.setBigUint64(Cpu.ccDst, 0n, true);
  view.setBigUint64(Cpu.ccSrc2, 0n, true);
  view.setInt32(Cpu.df, (value & Eflags.DF) !== 0 ? -1 : 1, true);
  view.setUint32(Cpu.eflagsSystem, value & SYSTEM, true);
}
