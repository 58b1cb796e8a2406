import type { Lift, Lifter } from './context.ts';

function liftMov(c: Lift): void {
  c.write(0, c.read(1));
}

export const movLifters = {
  mov: liftMov,
} satisfies Record<string, Lifter>;
