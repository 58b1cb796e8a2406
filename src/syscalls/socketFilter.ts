import { EFAULT, EINVAL, ENOPROTOOPT, EPERM } from '../abi/linux/errno.ts';
import { BPF_MAXINSNS } from '../abi/linux/seccomp.ts';
import { SO_LOCK_FILTER } from '../abi/linux/socket.ts';
import { INSTRUCTION_BYTES } from '../kernel/bpf.ts';
import type { Task } from '../kernel/task/task.ts';
import { PacketFilter } from '../net/packetFilter.ts';
import type { Socket } from '../net/socket.ts';

/** SO_ATTACH_FILTER: `ptr` is a struct sock_fprog. TCP and ICMP have their packets from the host, or none. */
export function attachFilter(t: Task, s: Socket, ptr: number, length: number): number {
  const { wordSize } = t.arch;
  if (length < 4) return -EINVAL;
  if (t.memory.readable(ptr, 4) === null) return -EFAULT;
  if (!s.filtersPackets) return -ENOPROTOOPT;
  if (length !== 2 * wordSize) return -EINVAL;
  const count = t.memory.u16(ptr), at = t.memory.word(ptr + wordSize, wordSize);
  if (count === null || at === null) return -EFAULT;
  if (s.options.flag(SO_LOCK_FILTER)) return -EPERM;
  if (at === 0 || count === 0 || count > BPF_MAXINSNS) return -EINVAL;
  const bytes = t.memory.copyIn(at, count * INSTRUCTION_BYTES);
  if (bytes === null) return -EFAULT;
  const filter = PacketFilter.of(bytes);
  if (filter === null) return -EINVAL;
  s.options.filter = filter;
  return 0;
}

/** SO_GET_FILTER, whose lengths are numbers of instructions. */
export function getFilter(t: Task, s: Socket, ptr: number, room: number, lengthPtr: number): number {
  const { filter } = s.options, count = filter?.instructions ?? 0;
  if (filter !== null && room > 0) {
    if (room < count) return -EINVAL;
    if (!t.memory.copyOut(ptr, filter.bytes)) return -EFAULT;
  }
  return t.memory.setU32(lengthPtr, count) ? 0 : -EFAULT;
}
