/** Names of EFLAGS bits and condition codes, for printing, documents and tests. */
import { Eflags } from '../machine/cpuState.ts';

const letters: readonly (readonly [string, number])[] = [
  ['O', Eflags.OF], ['D', Eflags.DF], ['S', Eflags.SF], ['Z', Eflags.ZF], ['A', Eflags.AF], ['P', Eflags.PF], ['C', Eflags.CF],
];

/** The status flags and DF set in `mask`, as letters in the order of the manual: ODSZAPC. */
export function flagLetters(mask: number): string {
  return letters.filter(([, bit]) => (mask & bit) !== 0).map(([letter]) => letter).join('');
}

/** Suffix of jcc, setcc, cmovcc by condition code. */
export const conditionNames = ['o', 'no', 'b', 'ae', 'e', 'ne', 'be', 'a', 's', 'ns', 'p', 'np', 'l', 'ge', 'le', 'g'] as const;
