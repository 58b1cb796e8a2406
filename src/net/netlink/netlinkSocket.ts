import {
  EAGAIN, ECONNREFUSED, EFAULT, EINVAL, EMSGSIZE, ENODATA, ENOPROTOOPT, EOPNOTSUPP, EPERM,
} from '../../abi/linux/errno.ts';
import { SIOCINQ } from '../../abi/linux/ioctl.ts';
import { EPOLLIN, EPOLLOUT, EPOLLRDNORM, EPOLLWRBAND, EPOLLWRNORM } from '../../abi/linux/poll.ts';
import {
  AF_NETLINK, MSG_OOB, MSG_PEEK, MSG_TRUNC, NETLINK_ADD_MEMBERSHIP, NETLINK_BROADCAST_ERROR, NETLINK_CAP_ACK, NETLINK_DROP_MEMBERSHIP, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK,
  NETLINK_LISTEN_ALL_NSID, NETLINK_LIST_MEMBERSHIPS, NETLINK_NO_ENOBUFS, NETLINK_PKTINFO, SOL_NETLINK, SOL_SOCKET,
} from '../../abi/linux/socket.ts';
import { getI32, getU16, getU32, putU16, putU32 } from '../../abi/layout.ts';
import type { Abi } from '../../abi/abi.ts';
import type { Task } from '../../kernel/task/task.ts';
import type { FileCaller } from '../../vfs/fileDescription.ts';
import type { PathContext } from '../../vfs/path.ts';
import { copyOf, spread } from '../buffers.ts';
import { Fifo } from '../fifo.ts';
import type { Incoming, Outgoing } from '../message.ts';
import type { NetStack } from '../netStack.ts';
import { intValue } from '../options.ts';
import { Socket } from '../socket.ts';
import { answerRequests } from './answers.ts';

/** Options that are 0 or 1. */
const FLAGS = new Set<number>([NETLINK_PKTINFO, NETLINK_BROADCAST_ERROR, NETLINK_NO_ENOBUFS, NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]);

/** The caller's process as it knows itself. */
const ownPid = (t: FileCaller): number => (t as Task).pidNs.out(t.tgid);

/** A socket of NETLINK_ROUTE, SOCK_DIAG, GENERIC or KOBJECT_UEVENT: questions are answered, nearly all changes refused. Port ids are unique in the protocol. */
export class NetlinkSocket extends Socket {
  private portId = 0;
  private groups = 0;
  private destination = { pid: 0, groups: 0 };
  private readonly queue = new Fifo<Uint8Array>();
  private readonly ints = new Map<number, number>();

  constructor(t: PathContext, net: NetStack, type: number, protocol: number, flags: number) {
    super(t, net, AF_NETLINK, type, protocol, flags);
  }

  private address(pid: number, groups: number): Uint8Array {
    const out = new Uint8Array(12);
    putU16(out, 0, AF_NETLINK);
    putU32(out, 4, pid);
    putU32(out, 8, groups);
    return out;
  }

  override bind(address: Uint8Array, t: FileCaller): number {
    if (address.length < 12 || getU16(address, 0) !== AF_NETLINK) return -EINVAL;
    const pid = getU32(address, 4);
    if (this.portId !== 0 && pid !== this.portId) return -EINVAL;
    this.groups = getU32(address, 8);
    return this.portId !== 0 ? 0 : this.net.takeNetlinkPort(this.protocol, pid, ownPid(t), (id) => (this.portId = id));
  }
  private autobind(t: FileCaller): void {
    if (this.portId === 0) this.net.takeNetlinkPort(this.protocol, 0, ownPid(t), (id) => (this.portId = id));
  }

  override connect(address: Uint8Array, t: FileCaller): number {
    if (address.length < 2) return -EINVAL;
    if (getU16(address, 0) === 0) {
      this.destination = { pid: 0, groups: 0 };
      return 0;
    }
    if (getU16(address, 0) !== AF_NETLINK || address.length < 12) return -EINVAL;
    this.autobind(t);
    this.destination = { pid: getU32(address, 4), groups: getU32(address, 8) };
    return 0;
  }

  override localName(): Uint8Array {
    return this.address(this.portId, this.groups);
  }
  override peerName(): Uint8Array {
    return this.address(this.destination.pid, this.destination.groups);
  }

  override send(msg: Outgoing, t: FileCaller): number {
    if ((msg.flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
    if (msg.length === 0) return -ENODATA;
    let { pid } = this.destination;
    if (msg.name !== null) {
      if (msg.name.length < 12 || getU16(msg.name, 0) !== AF_NETLINK) return -EINVAL;
      pid = getU32(msg.name, 4);
    }
    if (msg.length > this.options.sndBuf - 32) return -EMSGSIZE;
    this.autobind(t);
    // Only the kernel listens.
    if (pid !== 0) return -ECONNREFUSED;
    for (const answer of answerRequests(this.net, this.protocol, copyOf(msg.bufs, 0, msg.length), this.portId, t.cred)) this.deliver(answer);
    return msg.length;
  }

  override receive(msg: Incoming): number {
    if ((msg.flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
    const first = this.queue.first;
    if (first === undefined) return -EAGAIN;
    const n = spread(first, msg.bufs);
    if (n < first.length) msg.outFlags |= MSG_TRUNC;
    msg.name = this.address(0, 0);
    if ((msg.flags & MSG_PEEK) === 0) this.queue.shift();
    return (msg.flags & MSG_TRUNC) !== 0 ? first.length : n;
  }

  /** A message from the kernel. */
  deliver(message: Uint8Array): void {
    const left = this.filtered(message);
    if (left === null) return;
    this.queue.push(left);
    this.waitQueue.wake(EPOLLIN | EPOLLRDNORM);
  }
  override get filtersPackets(): boolean {
    return true;
  }

  override shutdown(): number {
    return -EOPNOTSUPP;
  }
  override poll(): number {
    return (this.queue.length > 0 ? EPOLLIN | EPOLLRDNORM : 0) | EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
  }

  override setFamilyOption(level: number, name: number, value: Uint8Array): number {
    if (level !== SOL_NETLINK) return -ENOPROTOOPT;
    const n = value.length >= 4 ? getI32(value, 0) : 0;
    // As many groups as NETLINK_ROUTE has.
    if (name === NETLINK_ADD_MEMBERSHIP || name === NETLINK_DROP_MEMBERSHIP) return n <= 0 || n > 40 ? -EINVAL : 0;
    if (name === NETLINK_LISTEN_ALL_NSID) return -EPERM;
    if (!FLAGS.has(name)) return -ENOPROTOOPT;
    this.ints.set(name, n === 0 ? 0 : 1);
    return 0;
  }
  override getFamilyOption(level: number, name: number, _abi: Abi): Uint8Array | number {
    if (level === SOL_SOCKET || level !== SOL_NETLINK) return -ENOPROTOOPT;
    if (name === NETLINK_LIST_MEMBERSHIPS) return new Uint8Array(0);
    return FLAGS.has(name) || name === NETLINK_LISTEN_ALL_NSID ? intValue(this.ints.get(name) ?? 0) : -ENOPROTOOPT;
  }
  override familyIoctl(t: FileCaller, cmd: number, arg: number): number | null {
    if (cmd !== SIOCINQ) return null;
    return t.memory.setU32(arg, this.queue.first?.length ?? 0) ? 0 : -EFAULT;
  }
  protected override close(): void {
    this.net.freeNetlinkPort(this.protocol, this.portId);
  }
}

