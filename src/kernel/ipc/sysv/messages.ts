import { E2BIG, EACCES, EAGAIN, EIDRM, EINVAL, ENOMSG } from '../../../abi/linux/errno.ts';
import { IPC_NOWAIT, MSG_COPY, MSG_EXCEPT, MSG_NOERROR } from '../../../abi/linux/ipc.ts';
import { EPOLLIN, EPOLLOUT } from '../../../abi/linux/poll.ts';
import { WaitQueue } from '../../../vfs/waitQueue.ts';
import type { Task } from '../../task/task.ts';
import { IpcObject } from './ids.ts';

export const MSGMAX = 8192;
export const MSGMNB = 16384;
export const MSGMNI = 32000;

export interface Message {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** A System V message queue. Waiting is the system call's doing: -EAGAIN here, and `waitQueue`. */
export class MessageQueue extends IpcObject {
  readonly messages: Message[] = [];
  bytes = 0;
  limit = MSGMNB;
  sendTime = 0;
  receiveTime = 0;
  changeTime: number;
  sender = 0;
  receiver = 0;
  readonly waitQueue = new WaitQueue();

  constructor(t: Task, key: number, mode: number) {
    super(t, key, mode);
    this.changeTime = t.kernel.realtime().sec;
  }

  send(t: Task, message: Message): number {
    if (this.removed) return -EIDRM;
    if (this.access(t, 0o222) < 0) return -EACCES;
    if (this.bytes + message.bytes.length > this.limit || this.messages.length + 1 > this.limit) return -EAGAIN;
    this.messages.push(message);
    this.bytes += message.bytes.length;
    this.sendTime = t.kernel.realtime().sec;
    this.sender = t.tgid;
    this.waitQueue.wake(EPOLLIN);
    return 0;
  }

  /** The message msgrcv takes, or -errno (-EAGAIN: none yet). It is taken unless MSG_COPY. */
  receive(t: Task, type: number, room: number, flags: number): Message | number {
    if (this.removed) return -EIDRM;
    if (this.access(t, 0o444) < 0) return -EACCES;
    if ((flags & MSG_COPY) !== 0) {
      const copy = this.messages[type];
      if (copy === undefined) return -ENOMSG;
      return copy.bytes.length > room && (flags & MSG_NOERROR) === 0 ? -E2BIG : copy;
    }
    const index = this.search(type, flags);
    if (index < 0) return (flags & IPC_NOWAIT) !== 0 ? -ENOMSG : -EAGAIN;
    const message = this.messages[index]!;
    if (message.bytes.length > room && (flags & MSG_NOERROR) === 0) return -E2BIG;
    this.messages.splice(index, 1);
    this.bytes -= message.bytes.length;
    this.receiveTime = t.kernel.realtime().sec;
    this.receiver = t.tgid;
    this.waitQueue.wake(EPOLLOUT);
    return message;
  }

  /** type 0: the first; > 0: the first of it (MSG_EXCEPT: of another); < 0: of the lowest type up to -type. */
  private search(type: number, flags: number): number {
    if (type === 0) return this.messages.length > 0 ? 0 : -1;
    if (type > 0) return this.messages.findIndex((m) => ((flags & MSG_EXCEPT) !== 0 ? m.type !== type : m.type === type));
    let best = -1;
    this.messages.forEach((m, i) => {
      if (m.type <= -type && (best < 0 || m.type < this.messages[best]!.type)) best = i;
    });
    return best;
  }
}

/** msgsnd's arguments: a type above 0, a length up to msgmax. */
export const checkMessage = (type: number, length: number): number => (length > MSGMAX || length < 0 || type < 1 ? -EINVAL : 0);
