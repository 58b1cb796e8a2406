import { IrBuilder } from '../../ir/builder.ts';
import { rows } from '../../isa/rows.ts';
import { Lift, type Lifter } from '../../lift/context.ts';
import type { Shape } from './enumerate.ts';
import { KnownFlagsLift } from './knownFlagsLift.ts';
import { RecordSource } from './source.ts';

/** What an instruction of the shape does. `ccOp`: the flags before, if they are known. */
export function liftShape({ instruction: i, form }: Shape, lifter: Lifter, ccOp = -1): IrBuilder {
  const b = new IrBuilder(), row = rows[i.row]!, source = new RecordSource(i, form);
  lifter(ccOp < 0 ? new Lift(b, i, row, source) : new KnownFlagsLift(b, i, row, source, ccOp));
  return b;
}
