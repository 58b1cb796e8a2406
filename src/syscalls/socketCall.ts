import { EFAULT, EINVAL } from '../abi/linux/errno.ts';
import type { Task } from '../kernel/task/task.ts';
import type { Handler, SyscallRow } from './row.ts';
import {
  receiveMany, sysAccept4, sysBind, sysConnect, sysGetpeername, sysGetsockname, sysGetsockopt, sysListen, sysRecvfrom, sysRecvmsg, sysSendmmsg, sysSendmsg, sysSendto,
  sysSetsockopt, sysShutdown, sysSocket, sysSocketpair,
} from './socket.ts';

/** i: signed 32 bits, u: unsigned (addresses, sizes). */
type Entry = readonly [kinds: string, handler: Handler];

/** The calls behind i386's socketcall(2), by number. */
const calls: readonly (Entry | null)[] = [
  null,
  ['iii', sysSocket],
  ['iui', sysBind],
  ['iui', sysConnect],
  ['ii', sysListen],
  ['iuu', (t, fd, ptr, length) => sysAccept4(t, fd, ptr, length, 0)],
  ['iuu', sysGetsockname],
  ['iuu', sysGetpeername],
  ['iiiu', sysSocketpair],
  ['iuui', (t, fd, ptr, length, flags) => sysSendto(t, fd, ptr, length, flags, 0, 0)],
  ['iuui', (t, fd, ptr, length, flags) => sysRecvfrom(t, fd, ptr, length, flags, 0, 0)],
  ['iuuiui', sysSendto],
  ['iuuiuu', sysRecvfrom],
  ['ii', sysShutdown],
  ['iiiui', sysSetsockopt],
  ['iiiuu', sysGetsockopt],
  ['iui', sysSendmsg],
  ['iui', sysRecvmsg],
  ['iuui', sysAccept4],
  ['iuuiu', (t, fd, ptr, count, flags, time) => receiveMany(t, fd, ptr, count, flags, time, t.abi.timespec)],
  ['iuui', sysSendmmsg],
];

function sysSocketcall(t: Task, call: number, ptr: number): number {
  const entry = calls[call] ?? null;
  if (entry === null) return -EINVAL;
  const [kinds, handler] = entry;
  const args = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < kinds.length; i++) {
    const value = kinds[i] === 'i' ? t.memory.i32(ptr + i * 4) : t.memory.u32(ptr + i * 4);
    if (value === null) return -EFAULT;
    args[i] = value;
  }
  return handler(t, args[0]!, args[1]!, args[2]!, args[3]!, args[4]!, args[5]!);
}

export const socketCallRows: readonly SyscallRow[] = [
  { name: 'socketcall', x86_64: -1, i386: 102, args: ['int', 'ptr'], ret: 'int', handler: sysSocketcall },
];
