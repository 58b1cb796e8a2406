import type { Row } from '../../isa/row.ts';
import type { Shape } from './enumerate.ts';

/** Mnemonics whose cases stand in the loop itself, for operand sizes of 1, 4 and 8 bytes, without lock. */
const hotMnemonics = new Set([
  'mov', 'add', 'sub', 'cmp', 'test', 'and', 'or', 'xor', 'lea', 'push', 'pop', 'jmp', 'jcc', 'call', 'ret', 'movzx', 'movsx', 'movsxd', 'inc', 'dec',
  'shl', 'shr', 'sar', 'nop', 'setcc', 'cmovcc',
]);
/** Only with register operands. */
const registerOnly = new Set(['imul', 'neg', 'not', 'adc', 'sbb', 'cbw', 'cwd', 'leave']);
const odd = new Set(['Sw', 'Rv/Mw', 'Ry', 'Cy', 'Dy', 'FS', 'GS', 'ES', 'DS', 'SS', 'CS', 'Ob', 'Ov']);

export function isHot(row: Row, shape: Shape): boolean {
  const i = shape.instruction;
  if (i.lock !== 0 || i.operandSize === 2) return false;
  if (row.operands.some((o) => odd.has(o))) return false;
  if (shape.form < 0 && i.addressSize !== shape.mode / 8) return false;
  if (hotMnemonics.has(row.mnemonic)) {
    // read-modify-write of memory and conditional moves from it are big and rare
    if (shape.form >= 0 && (row.mnemonic.startsWith('s') && row.mnemonic !== 'sub' || row.mnemonic === 'cmovcc' || row.mnemonic === 'inc' || row.mnemonic === 'dec')) return false;
    return true;
  }
  return registerOnly.has(row.mnemonic) && shape.form < 0;
}
