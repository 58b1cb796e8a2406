/** The words of a thread's CPU state by which it goes in and out of its code. */
import { EngineExit, EngineField, Globals } from '../machine/codeLayout.ts';
import { Cpu, SP } from '../machine/cpuState.ts';
import { Access, Exit } from '../machine/exit.ts';

/** Whether the activation ends where the guest is. */
export function isAtStop(words: Int32Array, cpu: number): boolean {
  return words[(cpu + Cpu.rip) >> 2] === words[(cpu + EngineField.stop) >> 2] && words[(cpu + SP) >> 2]! >>> 0 > words[(cpu + EngineField.stopSp) >> 2]! >>> 0;
}

export function setRip(words: Int32Array, cpu: number, rip: number): void {
  words[(cpu + Cpu.rip) >> 2] = rip;
  words[(cpu + Cpu.rip + 4) >> 2] = 0;
}

/** Into the interpreter or translated code: not while somebody drops all code. */
export function enter(words: Int32Array, cpu: number): void {
  if (words[(cpu + EngineField.inside) >> 2] !== 0) return;
  for (;;) {
    Atomics.store(words, (cpu + EngineField.inside) >> 2, 1);
    if (Atomics.load(words, Globals.flushing >> 2) === 0) return;
    Atomics.store(words, (cpu + EngineField.inside) >> 2, 0);
  }
}

export function leave(words: Int32Array, cpu: number): void {
  Atomics.store(words, (cpu + EngineField.inside) >> 2, 0);
}

/** Out, because the instruction at `addr` may not be fetched. */
export function leaveFetchFault(words: Int32Array, cpu: number, addr: number): 'left' {
  leave(words, cpu);
  words[(cpu + Cpu.exitReason) >> 2] = Exit.fault;
  words[(cpu + Cpu.exitCode) >> 2] = Access.execute;
  words[(cpu + Cpu.exitAddr) >> 2] = addr;
  words[(cpu + Cpu.exitAddr + 4) >> 2] = words[(cpu + Cpu.rip + 4) >> 2]!;
  words[(cpu + EngineField.exitKind) >> 2] = EngineExit.kernel;
  return 'left';
}
