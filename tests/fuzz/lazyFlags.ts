/** The status flags from the lazy fields of a CPU state, by the definitions of CcOp: slow and plain. */
import { CcOp, Cpu, Eflags } from '../../src/machine/cpuState.ts';

export function lazyStatus(view: DataView, cpu: number): number {
  const op = view.getUint32(cpu + Cpu.ccOp, true), kind = op >> 2, bits = 8 << (op & 3);
  const u = (x: bigint): bigint => BigInt.asUintN(bits, x);
  if (kind === CcOp.eflags) return view.getUint32(cpu + Cpu.ccSrc, true) & Eflags.STATUS;
  const dst = u(view.getBigUint64(cpu + Cpu.ccDst, true)), src = u(view.getBigUint64(cpu + Cpu.ccSrc, true)), src2 = view.getBigUint64(cpu + Cpu.ccSrc2, true) & 1n;
  const top = (x: bigint): boolean => ((x >> BigInt(bits - 1)) & 1n) === 1n;
  let cf = false, of = false, af = false;
  switch (kind) {
    case CcOp.add: case CcOp.adc: {
      const c = kind === CcOp.adc ? src2 : 0n, a = u(dst - src - c);
      cf = a + src + c !== dst;
      of = top((a ^ dst) & (src ^ dst));
      af = ((a ^ src ^ dst) & 16n) !== 0n;
      break;
    }
    case CcOp.sub: case CcOp.sbb: {
      const c = kind === CcOp.sbb ? src2 : 0n, a = u(dst + src + c);
      cf = a < src + c;
      of = top((a ^ src) & (a ^ dst));
      af = ((a ^ src ^ dst) & 16n) !== 0n;
      break;
    }
    case CcOp.inc: case CcOp.dec:
      cf = view.getBigUint64(cpu + Cpu.ccSrc, true) % 256n !== 0n;
      of = kind === CcOp.inc ? dst === 1n << BigInt(bits - 1) : dst === (1n << BigInt(bits - 1)) - 1n;
      af = kind === CcOp.inc ? (dst & 15n) === 0n : (dst & 15n) === 15n;
      break;
    case CcOp.shl:
      cf = top(src);
      of = cf !== top(dst);
      af = true;
      break;
    case CcOp.shr:
      cf = (src & 1n) === 1n;
      of = top(dst ^ src);
      af = true;
      break;
    case CcOp.mul:
      cf = of = src !== 0n;
      break;
    case CcOp.bmi:
      cf = src === 0n;
      break;
    default:
  }
  let parity = Number(dst & 255n);
  parity ^= parity >> 4;
  const pf = ((0x9669 >> (parity & 15)) & 1) === 1;
  return (cf ? Eflags.CF : 0) | (pf ? Eflags.PF : 0) | (af ? Eflags.AF : 0) | (dst === 0n ? Eflags.ZF : 0) | (top(dst) ? Eflags.SF : 0) | (of ? Eflags.OF : 0);
}
