import { E2BIG, EAGAIN, EFAULT, EINVAL, ERANGE } from '../abi/linux/errno.ts';
import {
  GETALL, GETNCNT, GETPID, GETVAL, GETZCNT, IPC_INFO, IPC_NOWAIT, IPC_RMID, IPC_SET, IPC_STAT, SEM_INFO, SEM_STAT, SEM_STAT_ANY, SETALL, SETVAL,
} from '../abi/linux/ipc.ts';
import { EPOLLOUT } from '../abi/linux/poll.ts';
import { putU16 } from '../abi/layout.ts';
import { SEMMNI, SEMMSL, type SemOp, SEMOPM, SemaphoreSet, SEMVMX } from '../kernel/ipc/sysv/semaphores.ts';
import { PARKED, Restart } from '../kernel/task/block.ts';
import type { Task } from '../kernel/task/task.ts';
import { timespecDeadline, type Time } from './poll.ts';
import { applySet, permFields } from './sysvPerm.ts';

export function sysSemget(t: Task, key: number, count: number, flags: number): number {
  if (count < 0 || count > SEMMSL) return -EINVAL;
  return t.ns.ipc.sysv.semaphores.get(
    t, key, flags, (set) => (count > set.values.length ? -EINVAL : 0), () => (count === 0 ? -EINVAL : new SemaphoreSet(t, key, flags, count)),
  );
}

function readOps(t: Task, ptr: number, count: number): SemOp[] | number {
  const { sembuf } = t.abi;
  const buf = t.memory.readable(ptr, count * sembuf.size);
  if (buf === null) return -EFAULT;
  return Array.from({ length: count }, (_, i) => {
    const { sem_num, sem_op, sem_flg } = sembuf.read(buf, i * sembuf.size);
    return { num: sem_num, op: sem_op, flags: sem_flg & 0xffff };
  });
}

/** `layout`: of the timeout, which is there when `timePtr` is not 0. */
export function semtimedop(t: Task, id: number, ptr: number, count: number, timePtr: number, layout: Time): number {
  const deadlineNs = timespecDeadline(t, timePtr, layout);
  if (deadlineNs < 0) return deadlineNs;
  if (count > SEMOPM) return -E2BIG;
  if (count < 1) return -EINVAL;
  const ops = readOps(t, ptr, count);
  if (typeof ops === 'number') return ops;
  if (id < 0) return -EINVAL;
  const set = t.ns.ipc.sysv.semaphores.find(id);
  if (typeof set === 'number') return set;
  const blocked: { op: SemOp | null } = { op: null };
  const first = set.operate(t, ops, blocked);
  if (first !== -EAGAIN || (blocked.op!.flags & IPC_NOWAIT) !== 0) return first;
  let noted = { num: blocked.op!.num, zero: blocked.op!.op === 0 };
  set.waiting.add(noted);
  return t.block({
    queues: [set.waitQueue],
    retry: () => {
      const n = set.operate(t, ops, blocked);
      if (n !== -EAGAIN || (blocked.op!.flags & IPC_NOWAIT) !== 0) return n;
      set.waiting.delete(noted);
      noted = { num: blocked.op!.num, zero: blocked.op!.op === 0 };
      set.waiting.add(noted);
      return PARKED;
    },
    deadlineNs,
    onTimeout: () => -EAGAIN,
    restart: Restart.never,
    cleanup: () => set.waiting.delete(noted),
  });
}

export function sysSemop(t: Task, id: number, ptr: number, count: number): number {
  return semtimedop(t, id, ptr, count, 0, t.abi.timespec as Time);
}

function info(t: Task, command: number, ptr: number): number {
  const { semaphores } = t.ns.ipc.sysv;
  const { seminfo } = t.abi;
  const buf = t.memory.writable(ptr, seminfo.size);
  if (buf === null) return -EFAULT;
  const all = semaphores.list();
  const used = command === SEM_INFO;
  seminfo.write(buf, {
    semmni: SEMMNI, semmns: 1024000000, semmsl: SEMMSL, semopm: SEMOPM, semvmx: SEMVMX, semmnu: 1024000000, semmap: 1024000000, semume: SEMOPM,
    semusz: used ? all.length : 20, semaem: used ? all.reduce((n, s) => n + s.values.length, 0) : SEMVMX,
  });
  return Math.max(0, semaphores.highest);
}

function stat(t: Task, id: number, command: number, ptr: number): number {
  const { semaphores } = t.ns.ipc.sysv;
  const set = command === IPC_STAT ? semaphores.find(id) : semaphores.at(id);
  if (typeof set === 'number') return set;
  const allowed = command === SEM_STAT_ANY ? 0 : set.access(t, 0o444);
  if (allowed < 0) return allowed;
  const { semidDs } = t.abi;
  const buf = t.memory.writable(ptr, semidDs.size);
  if (buf === null) return -EFAULT;
  semidDs.write(buf, { ...permFields(t, set), sem_otime: set.opTime, sem_ctime: set.changeTime, sem_nsems: set.values.length });
  return command === IPC_STAT ? 0 : set.id;
}

function setAll(t: Task, set: SemaphoreSet, ptr: number): number {
  const from = t.memory.readable(ptr, set.values.length * 2);
  if (from === null) return -EFAULT;
  const values = Array.from(set.values, (_, i) => from[i * 2]! | (from[i * 2 + 1]! << 8));
  if (values.some((v) => v > SEMVMX)) return -ERANGE;
  values.forEach((v, i) => set.assign(t, i, v));
  set.waitQueue.wake(EPOLLOUT);
  return 0;
}

function perSemaphore(t: Task, set: SemaphoreSet, num: number, command: number, arg: number): number {
  if (num < 0 || num >= set.values.length) return -EINVAL;
  switch (command) {
    case GETVAL: return set.values[num]!;
    case GETPID: return t.pidNs.out(set.pids[num]!);
    case GETNCNT: return set.waiters(num, false);
    case GETZCNT: return set.waiters(num, true);
    default:
      if ((arg | 0) < 0 || (arg | 0) > SEMVMX) return -ERANGE;
      set.assign(t, num, arg | 0);
      set.waitQueue.wake(EPOLLOUT);
      return 0;
  }
}

function getAll(t: Task, set: SemaphoreSet, ptr: number): number {
  const out = t.memory.writable(ptr, set.values.length * 2);
  if (out === null) return -EFAULT;
  set.values.forEach((v, i) => putU16(out, i * 2, v));
  return 0;
}

function control(t: Task, id: number, command: number, ptr: number): number {
  const { semaphores } = t.ns.ipc.sysv;
  const { semidDs } = t.abi;
  const buf = command === IPC_SET ? t.memory.readable(ptr, semidDs.size) : null;
  if (command === IPC_SET && buf === null) return -EFAULT;
  const set = semaphores.find(id);
  if (typeof set === 'number') return set;
  const allowed = set.mayControl(t);
  if (allowed < 0) return allowed;
  if (command === IPC_RMID) {
    semaphores.remove(set);
    set.waitQueue.wake(EPOLLOUT);
  } else {
    const applied = applySet(t, set, semidDs.read(buf!));
    if (applied < 0) return applied;
    set.changeTime = t.kernel.realtime().sec;
  }
  return 0;
}

export function sysSemctl(t: Task, id: number, num: number, command: number, arg: number): number {
  if (id < 0) return -EINVAL;
  switch (command) {
    case IPC_INFO: case SEM_INFO: return info(t, command, arg);
    case IPC_STAT: case SEM_STAT: case SEM_STAT_ANY: return stat(t, id, command, arg);
    case IPC_SET: case IPC_RMID: return control(t, id, command, arg);
    case GETVAL: case GETPID: case GETNCNT: case GETZCNT: case SETVAL: case GETALL: case SETALL: {
      // Numbers below 0 that fill a 64-bit register are too high to be exact.
      if (command === SETVAL && (arg >= 2 ** 63 || (arg | 0) < 0 || (arg | 0) > SEMVMX)) return -ERANGE;
      const set = t.ns.ipc.sysv.semaphores.find(id);
      if (typeof set === 'number') return set;
      const writes = command === SETVAL || command === SETALL;
      const allowed = set.access(t, writes ? 0o222 : 0o444);
      if (allowed < 0) return allowed;
      if (command === GETALL) return getAll(t, set, arg);
      return command === SETALL ? setAll(t, set, arg) : perSemaphore(t, set, num, command, arg);
    }
    default:
      return -EINVAL;
  }
}
