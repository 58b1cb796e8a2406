// Executes one x87 instruction (opcode D8..DF and ModRM) on the helpers, as the lifters do, for tests of the helpers alone.

import { Cpu } from '../../machine/cpuState.ts';
import { CPU } from './instance.ts';

type Helpers = Record<string, (...args: (number | bigint)[]) => number | bigint>;

/** Runs it; memory operands are at linear offset `mem`. Answers ZF PF CF for fcomi, else undefined; eflags decide fcmov. */
export function executeX87(h: Helpers, view: DataView, code: readonly number[], mem: number, eflags = 0): number | undefined {
  const [op, modrm] = code as [number, number];
  const reg = (modrm >> 3) & 7;
  const i = modrm & 7;
  const f32 = () => view.getInt32(mem, true);
  const f64 = () => view.getBigInt64(mem, true);
  const i16 = () => view.getInt16(mem, true);
  const ops = ['Add', 'Mul', '', '', 'Sub', 'Subr', 'Div', 'Divr'];
  const call = (name: string, ...args: (number | bigint)[]) => h[name]!(CPU, ...args);
  if (modrm < 0xc0) {
    const k = (op - 0xd8) * 8 + reg;
    switch (op) {
      case 0xd8:
        if (reg === 2 || reg === 3) call('x87CompareF32', f32(), reg - 2);
        else call(`x87${ops[reg]}F32`, f32());
        return;
      case 0xdc:
        if (reg === 2 || reg === 3) call('x87CompareF64', f64(), reg - 2);
        else call(`x87${ops[reg]}F64`, f64());
        return;
      case 0xda:
      case 0xde: {
        const v = op === 0xda ? f32() : i16();
        if (reg === 2 || reg === 3) call('x87CompareInt', v, reg - 2);
        else call('x87ArithInt', reg, v);
        return;
      }
    }
    switch (k) {
      case 8: call('x87LoadF32', f32()); return;
      case 10: case 11: call('x87StoreF32', mem, reg - 2); return;
      case 12: call('x87LoadEnv', mem, 0); return;
      case 13: call('x87LoadControl', view.getUint16(mem, true)); return;
      case 14: call('x87SaveEnv', mem, 0); return;
      case 15: view.setUint16(mem, view.getUint32(CPU + Cpu.x87Control, true), true); return;
      case 24: call('x87LoadInt', BigInt(f32())); return;
      case 25: call('x87StoreInt', mem, 4, 3); return;
      case 26: case 27: call('x87StoreInt', mem, 4, reg - 2); return;
      case 29: call('x87LoadF80', f64(), view.getUint16(mem + 8, true)); return;
      case 31: call('x87StoreF80', mem); return;
      case 40: call('x87LoadF64', f64()); return;
      case 41: call('x87StoreInt', mem, 8, 3); return;
      case 42: case 43: call('x87StoreF64', mem, reg - 2); return;
      case 44: call('x87Restore', mem, 0); return;
      case 46: call('x87Save', mem, 0); return;
      case 47: view.setUint16(mem, call('x87StatusWord') as number, true); return;
      case 56: call('x87LoadInt', BigInt(i16())); return;
      case 57: call('x87StoreInt', mem, 2, 3); return;
      case 58: case 59: call('x87StoreInt', mem, 2, reg - 2); return;
      case 60: call('x87LoadBcd', f64(), view.getUint16(mem + 8, true)); return;
      case 61: call('x87LoadInt', f64()); return;
      case 62: call('x87StoreBcd', mem); return;
      case 63: call('x87StoreInt', mem, 8, 1); return;
    }
    throw new Error(`no memory form ${op.toString(16)} /${reg}`);
  }
  // The DC and DE rows have fsub/fsubr and fdiv/fdivr exchanged.
  const swapped = reg >= 4 ? reg ^ 1 : reg;
  const conditions = [(e: number) => e & 1, (e: number) => e & 0x40, (e: number) => e & 0x41, (e: number) => e & 4];
  switch (op) {
    case 0xd8:
      if (reg === 2 || reg === 3) call('x87CompareReg', i, reg - 2, 0);
      else call(`x87${ops[reg]}Reg`, 0, i, 0);
      return;
    case 0xdc: call(`x87${ops[swapped]}Reg`, i, 0, 0); return;
    case 0xde:
      if (reg === 3) call('x87CompareReg', 1, 2, 0);
      else call(`x87${ops[swapped]}Reg`, i, 0, 1);
      return;
    case 0xda:
    case 0xdb:
      if (op === 0xda && modrm === 0xe9) call('x87CompareReg', 1, 2, 1);
      else if (modrm === 0xe2) call('x87ClearExceptions');
      else if (modrm === 0xe3) call('x87Init');
      else if (op === 0xdb && reg >= 5) return Number(call('x87CompareFlags', i, 0, reg === 5 ? 1 : 0));
      else call('x87ConditionalMove', i, (conditions[reg]!(eflags) !== 0) === (op === 0xda) ? 1 : 0);
      return;
    case 0xdd:
      if (reg === 0) call('x87Free', i, 0);
      else if (reg < 4) call('x87StoreReg', i, reg - 2);
      else call('x87CompareReg', i, reg - 4, 1);
      return;
    case 0xdf:
      if (modrm === 0xe0) return void view.setUint16(CPU + Cpu.gpr, call('x87StatusWord') as number, true);
      return Number(call('x87CompareFlags', i, 1, reg === 5 ? 1 : 0));
  }
  if (reg === 0) return void call('x87LoadReg', i);
  if (reg === 1) return void call('x87Exchange', i);
  if (reg === 5) return void call('x87LoadConstant', i);
  switch (modrm) {
    case 0xd0: return;
    case 0xe0: call('x87Sign', 0); return;
    case 0xe1: call('x87Sign', 1); return;
    case 0xe4: call('x87CompareInt', 0, 0); return;
    case 0xe5: call('x87Examine'); return;
    case 0xf0: call('x87Exp2Minus1'); return;
    case 0xf1: call('x87YLog2X'); return;
    case 0xf2: call('x87Tangent'); return;
    case 0xf3: call('x87Arctangent'); return;
    case 0xf4: call('x87Extract'); return;
    case 0xf5: call('x87Remainder', 1); return;
    case 0xf6: call('x87Turn', -1); return;
    case 0xf7: call('x87Turn', 1); return;
    case 0xf8: call('x87Remainder', 0); return;
    case 0xf9: call('x87YLog2XPlus1'); return;
    case 0xfa: call('x87SquareRoot'); return;
    case 0xfb: call('x87SineCosine'); return;
    case 0xfc: call('x87RoundInt'); return;
    case 0xfd: call('x87Scale'); return;
    case 0xfe: call('x87Sine', 0); return;
    case 0xff: call('x87Sine', 1); return;
  }
  throw new Error(`no register form ${op.toString(16)} ${modrm.toString(16)}`);
}

/** Puts an fnsave image (32-bit format) into the CPU state without the loading rules of frstor. */
export function loadImage(view: DataView, image: DataView): void {
  const word = (at: number) => image.getUint16(at, true);
  view.setUint32(CPU + Cpu.x87Control, word(0), true);
  view.setUint32(CPU + Cpu.x87Status, word(4) & 0xc7ff, true);
  const top = (word(4) >> 11) & 7;
  view.setUint32(CPU + Cpu.x87Top, top, true);
  for (let p = 0; p < 8; p++) view.setUint8(CPU + Cpu.x87Tag + p, ((word(8) >> (2 * p)) & 3) === 3 ? 1 : 0);
  for (let i = 0; i < 8; i++) {
    const reg = CPU + Cpu.x87Reg + (((top + i) & 7) << 4);
    view.setBigUint64(reg, image.getBigUint64(28 + 10 * i, true), true);
    view.setBigUint64(reg + 8, BigInt(image.getUint16(36 + 10 * i, true)), true);
  }
}
