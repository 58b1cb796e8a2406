import { LocalField, LocalFlag } from '../../machine/localState.ts';
import type { Task } from '../task/task.ts';

/** PR_SET_TSC: whether rdtsc and rdtscp fault. */
export function setTimeStampFaults(t: Task, on: boolean): void {
  t.timeStampFaults = on;
  const flags = t.regs.u32(LocalField.flags);
  t.regs.setU32(LocalField.flags, on ? flags | LocalFlag.timeStampFaults : flags & ~LocalFlag.timeStampFaults);
}
