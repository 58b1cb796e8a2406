import type { SyscallEntry, SyscallTable, SyscallTables } from '../kernel/task/syscallTable.ts';
import { argKinds, type SyscallRow } from '../syscalls/row.ts';

const pidArguments = (row: SyscallRow): number[] => row.args.flatMap((kind, i) => (kind === 'pid' ? [i] : []));

/** The rows as the dense arrays that the kernel dispatches by. */
export function syscallTables(rows: readonly SyscallRow[]): SyscallTables {
  const entries = new Map<SyscallRow, Uint8Array>();
  for (const row of rows) entries.set(row, Uint8Array.from(row.args, (kind) => argKinds[kind]));
  const dense = (abi: 'x86_64' | 'i386'): SyscallTable => {
    const table: (SyscallEntry | null)[] = [];
    for (const row of rows) {
      const number = row[abi];
      if (number < 0) continue;
      while (table.length <= number) table.push(null);
      table[number] = { name: row.name, number, kinds: entries.get(row)!, handler: row.handler, pids: pidArguments(row) };
    }
    return table;
  };
  return { x86_64: dense('x86_64'), i386: dense('i386') };
}
