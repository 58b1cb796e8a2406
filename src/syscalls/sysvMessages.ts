import { EAGAIN, EFAULT, EINVAL, EPERM } from '../abi/linux/errno.ts';
import { IPC_INFO, IPC_NOWAIT, IPC_RMID, IPC_SET, IPC_STAT, MSG_COPY, MSG_EXCEPT, MSG_INFO, MSG_STAT, MSG_STAT_ANY } from '../abi/linux/ipc.ts';
import { EPOLLIN, EPOLLOUT } from '../abi/linux/poll.ts';
import { checkMessage, MessageQueue, MSGMAX, MSGMNB, MSGMNI } from '../kernel/ipc/sysv/messages.ts';
import { PARKED, Restart } from '../kernel/task/block.ts';
import type { Task } from '../kernel/task/task.ts';
import { Cap } from '../vfs/cred.ts';
import { applySet, permFields } from './sysvPerm.ts';

export function sysMsgget(t: Task, key: number, flags: number): number {
  return t.ns.ipc.sysv.queues.get(t, key, flags, () => 0, () => new MessageQueue(t, key, flags));
}

export function sysMsgsnd(t: Task, id: number, ptr: number, size: number, flags: number): number {
  const word = t.abi.longBytes;
  const type = word === 8 ? t.memory.i64(ptr) : t.memory.i32(ptr);
  if (type === null) return -EFAULT;
  const checked = id < 0 ? -EINVAL : checkMessage(type, size);
  if (checked < 0) return checked;
  const bytes = t.memory.copyIn(ptr + word, size);
  if (bytes === null) return -EFAULT;
  const queue = t.ns.ipc.sysv.queues.find(id);
  if (typeof queue === 'number') return queue;
  const message = { type, bytes };
  const first = queue.send(t, message);
  if (first !== -EAGAIN || (flags & IPC_NOWAIT) !== 0) return first;
  return t.block({
    queues: [queue.waitQueue], events: EPOLLOUT, restart: Restart.noHandler,
    retry: () => {
      const n = queue.send(t, message);
      return n === -EAGAIN ? PARKED : n;
    },
  });
}

export function sysMsgrcv(t: Task, id: number, ptr: number, size: number, type: number, flags: number): number {
  if (id < 0 || size < 0 || size > 0x7fffffff) return -EINVAL;
  if ((flags & MSG_COPY) !== 0 && ((flags & MSG_EXCEPT) !== 0 || (flags & IPC_NOWAIT) === 0)) return -EINVAL;
  const queue = t.ns.ipc.sysv.queues.find(id);
  if (typeof queue === 'number') return queue;
  const word = t.abi.longBytes;
  const attempt = (): number => {
    const message = queue.receive(t, type, size, flags);
    if (typeof message === 'number') return message;
    const length = Math.min(size, message.bytes.length);
    const out = t.memory.writable(ptr, word + length);
    if (out === null) return -EFAULT;
    t.memory.setWord(ptr, word, message.type);
    out.set(message.bytes.subarray(0, length), word);
    return length;
  };
  const first = attempt();
  if (first !== -EAGAIN) return first;
  return t.block({
    queues: [queue.waitQueue], events: EPOLLIN, restart: Restart.noHandler,
    retry: () => {
      const n = attempt();
      return n === -EAGAIN ? PARKED : n;
    },
  });
}

function writeStat(t: Task, queue: MessageQueue, ptr: number): number {
  const { msqidDs } = t.abi;
  const buf = t.memory.writable(ptr, msqidDs.size);
  if (buf === null) return -EFAULT;
  msqidDs.write(buf, {
    ...permFields(t, queue), msg_stime: queue.sendTime, msg_rtime: queue.receiveTime, msg_ctime: queue.changeTime, msg_cbytes: queue.bytes,
    msg_qnum: queue.messages.length, msg_qbytes: queue.limit, msg_lspid: t.pidNs.out(queue.sender), msg_lrpid: t.pidNs.out(queue.receiver),
  });
  return 0;
}

export function sysMsgctl(t: Task, id: number, command: number, ptr: number): number {
  const { queues } = t.ns.ipc.sysv;
  if (id < 0 || command < 0) return -EINVAL;
  switch (command) {
    case IPC_INFO: case MSG_INFO: {
      const { msginfo } = t.abi;
      const buf = t.memory.writable(ptr, msginfo.size);
      if (buf === null) return -EFAULT;
      const all = queues.list();
      const info = command === MSG_INFO;
      msginfo.write(buf, {
        msgpool: info ? all.length : MSGMNI * 16, msgmap: info ? all.reduce((n, q) => n + q.messages.length, 0) : MSGMNB,
        msgtql: info ? all.reduce((n, q) => n + q.bytes, 0) : MSGMNB, msgmax: MSGMAX, msgmnb: MSGMNB, msgmni: MSGMNI, msgssz: 16, msgseg: 0xffff,
      });
      return Math.max(0, queues.highest);
    }
    case IPC_STAT: case MSG_STAT: case MSG_STAT_ANY: {
      const queue = command === IPC_STAT ? queues.find(id) : queues.at(id);
      if (typeof queue === 'number') return queue;
      const allowed = command === MSG_STAT_ANY ? 0 : queue.access(t, 0o444);
      if (allowed < 0) return allowed;
      const written = writeStat(t, queue, ptr);
      return written < 0 || command === IPC_STAT ? written : queue.id;
    }
    case IPC_SET: {
      const { msqidDs } = t.abi;
      const buf = t.memory.readable(ptr, msqidDs.size);
      if (buf === null) return -EFAULT;
      const queue = queues.find(id);
      if (typeof queue === 'number') return queue;
      const allowed = queue.mayControl(t);
      if (allowed < 0) return allowed;
      const limit = msqidDs.get(buf, 'msg_qbytes');
      if (limit > MSGMNB && !t.cred.hasIn(Cap.SYS_RESOURCE, t.ns.ipc.userNs)) return -EPERM;
      const applied = applySet(t, queue, msqidDs.read(buf));
      if (applied < 0) return applied;
      queue.limit = limit;
      queue.changeTime = t.kernel.realtime().sec;
      queue.waitQueue.wake(EPOLLIN | EPOLLOUT);
      return 0;
    }
    case IPC_RMID: {
      const queue = queues.find(id);
      if (typeof queue === 'number') return queue;
      const allowed = queue.mayControl(t);
      if (allowed < 0) return allowed;
      queues.remove(queue);
      queue.waitQueue.wake(EPOLLIN | EPOLLOUT);
      return 0;
    }
    default:
      return -EINVAL;
  }
}
