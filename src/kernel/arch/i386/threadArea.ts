import { i386 } from '../../../abi/abi.ts';
import { EFAULT, EINVAL, ESRCH } from '../../../abi/linux/errno.ts';
import { getU32, putU32 } from '../../../abi/layout.ts';
import { TLS_ENTRIES, TLS_FIRST } from '../../../machine/descriptors.ts';
import { publishDescriptors, refreshSegments, type Descriptor } from '../segments.ts';
import type { GuestMemory } from '../../../machine/guestMemory.ts';
import type { Task } from '../../task/task.ts';

const FLAGS_AT = 12;

/** A user_desc that clears its entry (LDT_empty or LDT_zero). */
function isEmpty(d: Descriptor): boolean {
  return d.base === 0 && d.limit === 0 && ((d.flags & 0x7f) === 0x28 || (d.flags & 0x7f) === 0);
}

function isLegal(d: Descriptor): boolean {
  if (isEmpty(d)) return true;
  // 32-bit, data (contents 0 or 1), present.
  return (d.flags & 1) !== 0 && ((d.flags >>> 1) & 3) <= 1 && (d.flags & 0x20) === 0;
}

export function readDescriptor(buf: Uint8Array): Descriptor {
  return { base: i386.userDesc.get(buf, 'base_addr'), limit: i386.userDesc.get(buf, 'limit') & 0xfffff, flags: getU32(buf, FLAGS_AT) & 0xff };
}

/** set_thread_area(2); `choose` lets entry -1 pick a free one. Also CLONE_SETTLS of i386, for the child's task. */
export function setThreadArea(t: Task, addr: number, choose: boolean): number {
  const buf = t.memory.readable(addr, i386.userDesc.size);
  if (buf === null) return -EFAULT;
  let entry = i386.userDesc.get(buf, 'entry_number') | 0;
  const descriptor = readDescriptor(buf);
  if (!isLegal(descriptor)) return -EINVAL;
  if (entry === -1 && choose) {
    const free = t.tls.indexOf(null);
    if (free < 0) return -ESRCH;
    entry = free + TLS_FIRST;
    if (!t.memory.setU32(addr, entry)) return -EFAULT;
  }
  if (entry < TLS_FIRST || entry >= TLS_FIRST + TLS_ENTRIES) return -EINVAL;
  t.tls[entry - TLS_FIRST] = isEmpty(descriptor) ? null : descriptor;
  publishDescriptors(t);
  refreshSegments(t);
  return 0;
}

/** PTRACE_SET_THREAD_AREA: the descriptor is read from the tracer's memory. */
export function setThreadAreaOf(t: Task, entry: number, memory: GuestMemory, addr: number): number {
  const buf = memory.readable(addr, i386.userDesc.size);
  if (buf === null) return -EFAULT;
  const descriptor = readDescriptor(buf);
  if (!isLegal(descriptor) || entry < TLS_FIRST || entry >= TLS_FIRST + TLS_ENTRIES) return -EINVAL;
  t.tls[entry - TLS_FIRST] = isEmpty(descriptor) ? null : descriptor;
  publishDescriptors(t);
  refreshSegments(t);
  return 0;
}

export function getThreadArea(t: Task, addr: number): number {
  const entry = t.memory.i32(addr);
  return entry === null ? -EFAULT : getThreadAreaOf(t, entry, t.memory, addr);
}

/** Entry `entry` of `t` goes to `addr` in `memory` (PTRACE_GET_THREAD_AREA: the tracer's). */
export function getThreadAreaOf(t: Task, entry: number, memory: GuestMemory, addr: number): number {
  if (entry < TLS_FIRST || entry >= TLS_FIRST + TLS_ENTRIES) return -EINVAL;
  const buf = memory.writable(addr, i386.userDesc.size);
  if (buf === null) return -EFAULT;
  const d = t.tls[entry - TLS_FIRST] ?? { base: 0, limit: 0, flags: 0x28 };
  putU32(buf, 0, entry);
  putU32(buf, 4, d.base);
  putU32(buf, 8, d.limit);
  putU32(buf, FLAGS_AT, d.flags);
  return 0;
}
