import { Rmw } from '../ir/ops.ts';
import type { Lift, Lifter } from './context.ts';

function liftAdd(c: Lift): void {
  const size = c.opSize(0), src = c.read(1);
  const { value } = c.modify(0, (old) => c.int(size, 'add', old, src), Rmw.add, src);
  c.setFlags('add', size, value, src);
}

export const aluLifters = {
  add: liftAdd,
} satisfies Record<string, Lifter>;
