/**
 * Functions of the helpers module that lifts may call: name -> signature in the type letters of ops.ts.
 * The function gets the `cpu` pointer as an i32 before these operands.
 *
 * A helper touches, of the CPU state, only x87, mxcsr and scratch fields (those of `xmmHelpers` the xmm registers too); it reads and
 * writes guest memory (at guest address + BIAS) only where the lift has checked the permission before the call, and never
 * leaves the guest: it returns a code and the lift decides. Further results go through Cpu.scratch.
 */
export const helperSignatures: Record<string, string> = {};

/** Adds rows (called at module level by the lift files that use them). Names are the exports of the helpers module. */
export function defineHelpers(rows: Record<string, string>): void {
  for (const [name, signature] of Object.entries(rows)) {
    const old = helperSignatures[name];
    if (old !== undefined && old !== signature) throw new Error(`helper ${name} has two signatures`);
    helperSignatures[name] = signature;
    if (!helperIndex.has(name)) {
      helperIndex.set(name, helperNames.length);
      helperNames.push(name);
    }
  }
}
export const helperNames: string[] = [];
export const helperIndex = new Map<string, number>();

/** The helpers that read or write xmm registers in the CPU state; the others get vectors as operands. */
export const xmmHelpers: ReadonlySet<string> = new Set(['x87FxSave', 'x87FxRestore', 'xsave', 'xrstor']);
/** The helpers that may change Cpu.sseExact from 0 to 1. */
export const modeHelpers: ReadonlySet<string> = new Set(['x87FxRestore', 'xrstor']);
