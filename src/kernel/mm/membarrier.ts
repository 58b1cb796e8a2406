import type { AddressSpace } from './addressSpace.ts';

const registrations = new WeakMap<AddressSpace, number>();

/** MEMBARRIER_CMD_REGISTER_* commands that an address space has given; fork's child has them, too. */
export const membarrierRegistrations = (mm: AddressSpace): number => registrations.get(mm) ?? 0;
export function registerMembarrier(mm: AddressSpace, commands: number): void {
  if (commands !== 0) registrations.set(mm, membarrierRegistrations(mm) | commands);
}
