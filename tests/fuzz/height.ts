/** Moves a case's pointers above 4 GiB. */
import { BASE_RIP } from '../../src/isa/instruction.ts';
import { Area, HEIGHT } from '../oracle/oracle.ts';
import { memoryOperand } from './encoding.ts';
import type { FuzzCase } from './fuzzCase.ts';

/** As far from the areas as displacements and pushes of cases reach. */
const NEAR = 0x1000;

function pointsToData(value: bigint): boolean {
  return value >= BigInt(Area.data - NEAR) && value < BigInt(Area.readOnly + Area.readOnlySize + NEAR);
}

/** Registers that are an operand's base, stack and string pointers, whatever else holds an address of the areas and is no index. */
export function raise({ instruction: i, state, single, mode }: FuzzCase): void {
  if (mode !== 64) return;
  const hasOperand = single && memoryOperand(i) >= 0, index = hasOperand ? i.index : -1;
  const aimed = hasOperand && i.addressSize === 8 && i.base >= 0 && i.base !== BASE_RIP && i.base !== index ? i.base : -1;
  for (let r = 0; r < 16; r++) {
    if (r !== index && (r === aimed || pointsToData(state.gpr(r)))) state.setGpr(r, BigInt.asUintN(64, state.gpr(r) + BigInt(HEIGHT)));
  }
}
