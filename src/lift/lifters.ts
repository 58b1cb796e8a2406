import type { Lifter } from './context.ts';
import { aluLifters } from './alu.ts';
import { bcdLifters } from './bcd.ts';
import { bitLifters } from './bit.ts';
import { bmiLifters } from './bmi.ts';
import { controlLifters } from './control.ts';
import { movLifters } from './mov.ts';
import { segmentLifters } from './segment.ts';
import { shiftLifters } from './shift.ts';
import { sseConvertLifters } from './sseConvert.ts';
import { sseFloatLifters } from './sseFloat.ts';
import { sseIntegerLifters } from './sseInteger.ts';
import { sseMoveLifters } from './sseMove.ts';
import { sseShuffleLifters } from './sseShuffle.ts';
import { sseStringLifters } from './sseString.ts';
import { stackLifters } from './stack.ts';
import { stringLifters } from './string.ts';
import { systemLifters } from './system.ts';
import { x87Lifters } from './x87.ts';
import { x87ControlLifters } from './x87Control.ts';

/** Every lifter by mnemonic. */
export const lifters: Partial<Record<string, Lifter>> = {
  ...aluLifters, ...bcdLifters, ...bitLifters, ...bmiLifters, ...controlLifters, ...movLifters, ...segmentLifters, ...shiftLifters,
  ...stackLifters, ...stringLifters, ...systemLifters, ...sseConvertLifters, ...sseFloatLifters, ...sseIntegerLifters, ...sseMoveLifters,
  ...sseShuffleLifters, ...sseStringLifters, ...x87Lifters, ...x87ControlLifters,
};
