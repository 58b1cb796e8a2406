import type { SystemFacts } from '../fs/systemFacts.ts';
import { GUEST_END } from '../machine/memoryLayout.ts';

/**
 * The memory a guest sees. Programs size heaps by the machine's memory (Java takes a quarter, databases more), and one process
 * never has more than its 4 GiB of addresses, half of which libraries, stacks and reservations may take: more is not shown.
 */
export function shownMemory(host: SystemFacts['memory']): SystemFacts['memory'] {
  const most = Math.floor(GUEST_END / 2 ** 30) * 2 ** 30;
  return () => {
    const { total, free } = host();
    if (total <= most) return { total, free };
    return { total: most, free: Math.min(free, Math.floor((most * free) / total)) };
  };
}
