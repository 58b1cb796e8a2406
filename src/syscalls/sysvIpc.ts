import { EFAULT, EINVAL, ENOSYS } from '../abi/linux/errno.ts';
import {
  MSGCTL, MSGGET, MSGRCV, MSGSND, SEMCTL, SEMGET, SEMOP, SEMTIMEDOP, SHMAT, SHMCTL, SHMDT, SHMGET,
} from '../abi/linux/ipc.ts';
import type { Task } from '../kernel/task/task.ts';
import type { Time } from './poll.ts';
import type { SyscallRow } from './row.ts';
import { sysMsgctl, sysMsgget, sysMsgrcv, sysMsgsnd } from './sysvMessages.ts';
import { sysShmat, sysShmctl, sysShmdt, sysShmget } from './sysvMemory.ts';
import { semtimedop, sysSemctl, sysSemget, sysSemop } from './sysvSemaphores.ts';

/** i386's libraries ask for the structures of today; the older ones are of the 2.0 era and not here. */
const IPC_64 = 0x100;

const sysSemtimedop = (time64: boolean) => (t: Task, id: number, ptr: number, count: number, timePtr: number): number =>
  semtimedop(t, id, ptr, count, timePtr, (time64 ? t.abi.timespec64 : t.abi.timespec) as Time);

/** i386 call 117: all of System V IPC by a first argument. */
function sysIpc(t: Task, call: number, first: number, second: number, third: number, ptr: number, fifth: number): number {
  const version = call >>> 16;
  const { memory } = t;
  switch (call & 0xffff) {
    case SEMOP: return sysSemop(t, first, ptr, second >>> 0);
    case SEMTIMEDOP: return sysSemtimedop(false)(t, first, ptr, second >>> 0, fifth);
    case SEMGET: return sysSemget(t, first, second, third);
    case SEMCTL: {
      if (ptr === 0) return -EINVAL;
      const arg = memory.u32(ptr);
      return arg === null ? -EFAULT : sysSemctl(t, first, second, third & ~IPC_64, arg);
    }
    case MSGSND: return sysMsgsnd(t, first, ptr, second, third);
    case MSGRCV: {
      if (version !== 0) return sysMsgrcv(t, first, ptr, second, fifth | 0, third);
      if (ptr === 0) return -EINVAL;
      const { ipcKludge } = t.abi;
      const buf = memory.readable(ptr, ipcKludge.size);
      if (buf === null) return -EFAULT;
      const { msgp, msgtyp } = ipcKludge.read(buf);
      return sysMsgrcv(t, first, msgp, second, msgtyp, third);
    }
    case MSGGET: return sysMsgget(t, first, second);
    case MSGCTL: return sysMsgctl(t, first, second & ~IPC_64, ptr);
    case SHMAT: {
      if (version === 1) return -EINVAL;
      const at = sysShmat(t, first, ptr, second);
      if (at < 0) return at;
      return memory.setU32(third >>> 0, at) ? 0 : -EFAULT;
    }
    case SHMDT: return sysShmdt(t, ptr);
    case SHMGET: return sysShmget(t, first, second >>> 0, third);
    case SHMCTL: return sysShmctl(t, first, second & ~IPC_64, ptr);
    default: return -ENOSYS;
  }
}

export const sysvIpcRows: readonly SyscallRow[] = [
  { name: 'ipc', x86_64: -1, i386: 117, args: ['uint', 'int', 'int', 'int', 'ptr', 'ptr'], ret: 'int', handler: sysIpc },
  { name: 'shmget', x86_64: 29, i386: 395, args: ['int', 'size', 'int'], ret: 'int', handler: sysShmget },
  { name: 'shmat', x86_64: 30, i386: 397, args: ['int', 'ptr', 'int'], ret: 'ptr', handler: sysShmat },
  { name: 'shmctl', x86_64: 31, i386: 396, args: ['int', 'int', 'ptr'], ret: 'int', handler: (t, id, command, ptr) => sysShmctl(t, id, command, ptr) },
  { name: 'shmdt', x86_64: 67, i386: 398, args: ['ptr'], ret: 'int', handler: sysShmdt },
  { name: 'semget', x86_64: 64, i386: 393, args: ['int', 'int', 'int'], ret: 'int', handler: sysSemget },
  { name: 'semop', x86_64: 65, i386: -1, args: ['int', 'ptr', 'uint'], ret: 'int', handler: sysSemop },
  { name: 'semctl', x86_64: 66, i386: 394, args: ['int', 'int', 'int', 'ptr'], ret: 'int', handler: (t, id, num, command, arg) => sysSemctl(t, id, num, command, arg) },
  { name: 'semtimedop', x86_64: 220, i386: -1, args: ['int', 'ptr', 'uint', 'timespecIn'], ret: 'int', handler: sysSemtimedop(false) },
  { name: 'semtimedop_time64', x86_64: -1, i386: 420, args: ['int', 'ptr', 'uint', 'timespecIn'], ret: 'int', handler: sysSemtimedop(true) },
  { name: 'msgget', x86_64: 68, i386: 399, args: ['int', 'int'], ret: 'int', handler: sysMsgget },
  { name: 'msgsnd', x86_64: 69, i386: 400, args: ['int', 'ptr', 'ssize', 'int'], ret: 'int', handler: sysMsgsnd },
  { name: 'msgrcv', x86_64: 70, i386: 401, args: ['int', 'ptr', 'ssize', 'long', 'int'], ret: 'ssize', handler: sysMsgrcv },
  { name: 'msgctl', x86_64: 71, i386: 402, args: ['int', 'int', 'ptr'], ret: 'int', handler: (t, id, command, ptr) => sysMsgctl(t, id, command, ptr) },
];
