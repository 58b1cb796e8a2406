import {
  EAGAIN, EBADF, EFAULT, EINPROGRESS, EINVAL, EMSGSIZE, ENOBUFS, ENODATA, ENOTSOCK, EOPNOTSUPP, ESRCH,
} from '../abi/linux/errno.ts';
import { O_NONBLOCK, O_PATH } from '../abi/linux/openFlags.ts';
import {
  AF_UNIX, MSG_CMSG_CLOEXEC, MSG_DONTWAIT, MSG_WAITFORONE, SOCK_CLOEXEC, SOCK_NONBLOCK, SOL_SOCKET, SO_ATTACH_FILTER, SO_COOKIE, SO_GET_FILTER, SO_NETNS_COOKIE, SO_PEERCRED, SO_PEERGROUPS, SO_PEERNAME,
} from '../abi/linux/socket.ts';
import { getI32, getU32, type Layout, putU32 } from '../abi/layout.ts';
import { Rlimit } from '../kernel/fd/rlimits.ts';
import { PARKED, Restart } from '../kernel/task/block.ts';
import type { Task } from '../kernel/task/task.ts';
import { createPair, createSocket } from '../net/createSocket.ts';
import type { Incoming, OutControl } from '../net/message.ts';
import { netStackOf } from '../net/netStack.ts';
import { intValue } from '../net/options.ts';
import { PENDING, Socket } from '../net/socket.ts';
import { installFile } from './install.ts';
import { timespecDeadline } from './poll.ts';
import { type IoVec, readVector } from './ioVector.ts';
import type { SyscallRow } from './row.ts';
import { attachFilter, getFilter } from './socketFilter.ts';
import { ControlWriter, parseControl } from './socketControl.ts';
import { type Operation, ReceiveOperation, runOperation, SendOperation } from './socketTransfer.ts';

const TYPE_MASK = 0xf;
/** Largest address (struct sockaddr_storage). */
const MAX_ADDRESS = 128;
const MAX_OPTION = 4096;
const MAX_RW_COUNT = 0x7ffff000;
const UIO_MAXIOV = 1024;
/** net.core.optmem_max */
const MAX_CONTROL = 131072;

/** The socket of a descriptor, or -EBADF, -ENOTSOCK. */
function socketOf(t: Task, fd: number): Socket | number {
  const file = t.fds.get(fd);
  if (file === null || (file.flags & O_PATH) !== 0) return -EBADF;
  return file instanceof Socket ? file : -ENOTSOCK;
}

const descriptionFlags = (type: number): number => ((type & SOCK_NONBLOCK) !== 0 ? O_NONBLOCK : 0);

// ---- making ----

export function sysSocket(t: Task, domain: number, type: number, protocol: number): number {
  if ((type & ~TYPE_MASK & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) !== 0) return -EINVAL;
  const s = createSocket(t, netStackOf(t), domain, type & TYPE_MASK, protocol, descriptionFlags(type));
  return typeof s === 'number' ? s : installFile(t, s, (type & SOCK_CLOEXEC) !== 0);
}

export function sysSocketpair(t: Task, domain: number, type: number, protocol: number, ptr: number): number {
  if ((type & ~TYPE_MASK & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) !== 0) return -EINVAL;
  if (t.memory.writable(ptr, 8) === null) return -EFAULT;
  const net = netStackOf(t);
  if (domain !== AF_UNIX) {
    const s = createSocket(t, net, domain, type & TYPE_MASK, protocol, 0);
    if (typeof s === 'number') return s;
    s.release();
    return -EOPNOTSUPP;
  }
  const pair = createPair(t, net, type & TYPE_MASK, protocol, descriptionFlags(type));
  if (typeof pair === 'number') return pair;
  const cloexec = (type & SOCK_CLOEXEC) !== 0;
  const first = installFile(t, pair[0], cloexec);
  if (first < 0) {
    pair[1].release();
    return first;
  }
  const second = installFile(t, pair[1], cloexec);
  if (second < 0) {
    t.fds.close(first);
    return second;
  }
  t.memory.setU32(ptr, first);
  t.memory.setU32(ptr + 4, second);
  return 0;
}

// ---- addresses ----

/** An address argument: a copy, or -errno. */
function addressArg(t: Task, ptr: number, length: number): Uint8Array | number {
  if (length < 0 || length > MAX_ADDRESS) return -EINVAL;
  return t.memory.copyIn(ptr, length) ?? -EFAULT;
}

/** Gives an address back: what fits, and how long it is. */
function putAddress(t: Task, address: Uint8Array, ptr: number, lengthPtr: number): number {
  const room = t.memory.i32(lengthPtr);
  if (room === null) return -EFAULT;
  if (room < 0) return -EINVAL;
  if (!t.memory.copyOut(ptr, address.subarray(0, room))) return -EFAULT;
  return t.memory.setU32(lengthPtr, address.length) ? 0 : -EFAULT;
}

export function sysGetsockname(t: Task, fd: number, ptr: number, lengthPtr: number): number {
  const s = socketOf(t, fd);
  return typeof s === 'number' ? s : putAddress(t, s.localName(), ptr, lengthPtr);
}

export function sysGetpeername(t: Task, fd: number, ptr: number, lengthPtr: number): number {
  const s = socketOf(t, fd);
  if (typeof s === 'number') return s;
  const name = s.peerName();
  return typeof name === 'number' ? name : putAddress(t, name, ptr, lengthPtr);
}

// ---- bind, listen, connect, accept ----

/** The host is asked: a short wait that no signal ends. */
function untilAnswered(t: Task, s: Socket, first: number, result: () => number): number {
  if (first !== PENDING) return first;
  s.acquire();
  return t.block({
    queues: [s.waitQueue],
    uninterruptible: true,
    retry: () => {
      const now = result();
      return now === PENDING ? PARKED : now;
    },
    cleanup: () => s.release(),
  });
}

export function sysBind(t: Task, fd: number, ptr: number, length: number): number {
  const s = socketOf(t, fd);
  if (typeof s === 'number') return s;
  const address = addressArg(t, ptr, length);
  if (typeof address === 'number') return address;
  return untilAnswered(t, s, s.bind(address, t), () => s.bindResult());
}

export function sysListen(t: Task, fd: number, backlog: number): number {
  const s = socketOf(t, fd);
  if (typeof s === 'number') return s;
  return untilAnswered(t, s, s.listen(backlog, t), () => s.listenResult());
}

export function sysConnect(t: Task, fd: number, ptr: number, length: number): number {
  const result = beginConnect(t, fd, ptr, length);
  // Inside, the connection may be there though nobody has been told yet.
  if (result === 0 || result === -EINPROGRESS) t.fds.publish(fd);
  return result;
}

function beginConnect(t: Task, fd: number, ptr: number, length: number): number {
  const s = socketOf(t, fd);
  if (s === -EBADF) return s;
  const address = addressArg(t, ptr, length);
  if (typeof address === 'number') return address;
  if (typeof s === 'number') return s;
  s.blockedOn = null;
  const first = s.connect(address, t);
  if ((s.flags & O_NONBLOCK) !== 0) return first;
  if (first !== -EINPROGRESS && first !== -EAGAIN) return first;
  const attempt = first === -EAGAIN ? () => s.connect(address, t) : () => s.connectResult();
  if (first === -EINPROGRESS) {
    const now = s.connectResult();
    if (now !== -EINPROGRESS) return now;
  }
  const timeoutNs = s.options.sndTimeoutNs;
  s.acquire();
  return t.block({
    queues: s.blockedOn === null ? [s.waitQueue] : [s.waitQueue, s.blockedOn],
    ...(timeoutNs === Infinity ? {} : { deadlineNs: t.kernel.nowNs() + timeoutNs, onTimeout: () => first }),
    restart: timeoutNs === Infinity ? Restart.sys : Restart.never,
    retry: () => {
      const now = attempt();
      if (now === first) return PARKED;
      if (now === 0) t.fds.publish(fd);
      return now;
    },
    cleanup: () => s.release(),
  });
}

export function sysAccept4(t: Task, fd: number, ptr: number, lengthPtr: number, flags: number): number {
  const s = socketOf(t, fd);
  if (s === -EBADF) return s;
  if ((flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) !== 0) return -EINVAL;
  if (typeof s === 'number') return s;
  const attempt = (): number => {
    const accepted = s.accept(t, descriptionFlags(flags));
    if (typeof accepted === 'number') return accepted;
    if (ptr !== 0) {
      const name = accepted.peerName();
      const put = typeof name === 'number' ? name : putAddress(t, name, ptr, lengthPtr);
      if (put < 0) {
        accepted.release();
        return put;
      }
    }
    const got = t.fds.install(accepted, (flags & SOCK_CLOEXEC) !== 0, t.rlimits.cur[Rlimit.NOFILE]!);
    if (got < 0) s.putBack(accepted);
    return got;
  };
  return runOperation(t, {
    socket: s, attempt, done: 0, waits: (s.flags & O_NONBLOCK) === 0, timeoutNs: s.options.rcvTimeoutNs, dispose: () => {},
  });
}

export function sysShutdown(t: Task, fd: number, how: number): number {
  const s = socketOf(t, fd);
  if (typeof s === 'number') return s;
  return how < 0 || how > 2 ? -EINVAL : s.shutdown(how);
}

// ---- options ----

export function sysSetsockopt(t: Task, fd: number, level: number, name: number, ptr: number, length: number): number {
  const s = socketOf(t, fd);
  if (typeof s === 'number') return s;
  if (length < 0) return -EINVAL;
  if (level === SOL_SOCKET && name === SO_ATTACH_FILTER) return attachFilter(t, s, ptr, length);
  const wanted = Math.min(length, MAX_OPTION);
  // Of a value that is longer than the option only what the option needs has to be there.
  const value = wanted === 0 ? new Uint8Array(0) : (t.memory.readablePrefix(ptr, wanted)?.slice() ?? new Uint8Array(0));
  const result = s.setOption(level, name, value, t.abi, t);
  return result === -EINVAL && value.length < wanted ? -EFAULT : result;
}

const SO_PEERPIDFD = 77;

/** A pidfd of the process at the other end of a Unix socket, as the value of an option. */
function peerPidfd(t: Task, s: Socket): Uint8Array | number {
  const peer = s.getOption(SOL_SOCKET, SO_PEERCRED, t.abi);
  const pid = typeof peer === 'number' || s.family !== AF_UNIX ? 0 : getI32(peer, 0);
  if (pid === 0) return -ENODATA;
  const process = t.kernel.pids.processes.get(pid);
  if (process === undefined) return -ESRCH;
  const fd = t.kernel.openPidfd?.(t, process, null, false) ?? -ENODATA;
  return fd < 0 ? fd : intValue(fd);
}

/** Ids of the other end as the caller's namespaces number them. */
function numberPeers(t: Task, name: number, value: Uint8Array): void {
  const { userNs } = t.cred;
  if (name === SO_PEERCRED) {
    putU32(value, 0, t.pidNs.out(getU32(value, 0)));
    putU32(value, 4, userNs.uidOut(getU32(value, 4)));
    putU32(value, 8, userNs.gidOut(getU32(value, 8)));
  } else if (name === SO_PEERGROUPS) for (let at = 0; at < value.length; at += 4) putU32(value, at, userNs.gidOut(getU32(value, at)));
}

export function sysGetsockopt(t: Task, fd: number, level: number, name: number, ptr: number, lengthPtr: number): number {
  const s = socketOf(t, fd);
  if (typeof s === 'number') return s;
  const room = t.memory.i32(lengthPtr);
  if (room === null) return -EFAULT;
  if (room < 0) return -EINVAL;
  if (level === SOL_SOCKET && ((name === SO_COOKIE && room < 8) || (name === SO_NETNS_COOKIE && room !== 8))) return -EINVAL;
  if (level === SOL_SOCKET && name === SO_GET_FILTER) return getFilter(t, s, ptr, room, lengthPtr);
  const value = level === SOL_SOCKET && name === SO_PEERPIDFD ? peerPidfd(t, s) : s.getOption(level, name, t.abi);
  if (typeof value === 'number') return value;
  if (level === SOL_SOCKET && name === SO_PEERNAME && value.length < room) return -EINVAL;
  if (level === SOL_SOCKET && s.family === AF_UNIX) numberPeers(t, name, value);
  const shown = value.subarray(0, room);
  if (!t.memory.copyOut(ptr, shown)) return -EFAULT;
  return t.memory.setU32(lengthPtr, shown.length) ? 0 : -EFAULT;
}

// ---- sending ----

function oneVector(t: Task, ptr: number, length: number): IoVec[] | number {
  const clipped = Math.min(length, MAX_RW_COUNT);
  return t.memory.inRange(ptr, clipped) ? [{ base: ptr, length: clipped }] : -EFAULT;
}

export function sysSendto(t: Task, fd: number, ptr: number, length: number, flags: number, namePtr: number, nameLength: number): number {
  const vector = oneVector(t, ptr, length);
  if (typeof vector === 'number') return vector;
  const s = socketOf(t, fd);
  if (typeof s === 'number') return s;
  let name: Uint8Array | null = null;
  if (namePtr !== 0) {
    const given = addressArg(t, namePtr, nameLength);
    if (typeof given === 'number') return given;
    name = given;
  }
  return runOperation(t, new SendOperation(t, s, vector, name, flags, null));
}

interface Header {
  readonly vector: IoVec[];
  readonly namePtr: number;
  readonly nameLength: number;
  readonly controlPtr: number;
  readonly controlLength: number;
}

function readHeader(t: Task, ptr: number): Header | number {
  const { msghdr } = t.abi;
  const buf = t.memory.readable(ptr, msghdr.size);
  if (buf === null) return -EFAULT;
  const h = msghdr.read(buf);
  if (h.msg_namelen < 0) return -EINVAL;
  if (h.msg_iovlen > UIO_MAXIOV) return -EMSGSIZE;
  const vector = readVector(t, h.msg_iov, h.msg_iovlen);
  if (typeof vector === 'number') return vector;
  return {
    vector,
    namePtr: h.msg_name,
    nameLength: h.msg_name === 0 ? 0 : Math.min(h.msg_namelen, MAX_ADDRESS),
    controlPtr: h.msg_control,
    controlLength: h.msg_controllen,
  };
}

function sendOperation(t: Task, s: Socket, ptr: number, flags: number): SendOperation | number {
  const h = readHeader(t, ptr);
  if (typeof h === 'number') return h;
  let name: Uint8Array | null = null;
  if (h.nameLength > 0) {
    name = t.memory.copyIn(h.namePtr, h.nameLength);
    if (name === null) return -EFAULT;
  }
  let control: OutControl | null = null;
  if (h.controlLength > 0) {
    if (h.controlLength > MAX_CONTROL) return -ENOBUFS;
    const buf = t.memory.copyIn(h.controlPtr, h.controlLength);
    if (buf === null) return -EFAULT;
    const parsed = parseControl(t, s, buf);
    if (typeof parsed === 'number') return parsed;
    control = parsed;
  }
  return new SendOperation(t, s, h.vector, name, flags, control);
}

export function sysSendmsg(t: Task, fd: number, ptr: number, flags: number): number {
  const s = socketOf(t, fd);
  if (typeof s === 'number') return s;
  const op = sendOperation(t, s, ptr, flags);
  return typeof op === 'number' ? op : runOperation(t, op);
}

// ---- receiving ----

export function sysRecvfrom(t: Task, fd: number, ptr: number, length: number, flags: number, namePtr: number, lengthPtr: number): number {
  const vector = oneVector(t, ptr, length);
  if (typeof vector === 'number') return vector;
  const s = socketOf(t, fd);
  if (typeof s === 'number') return s;
  return runOperation(t, new ReceiveOperation(t, s, vector, flags, (msg, n) => {
    if (namePtr === 0) return n;
    const put = putAddress(t, msg.name ?? new Uint8Array(0), namePtr, lengthPtr);
    return put < 0 ? put : n;
  }));
}

function receiveOperation(t: Task, s: Socket, ptr: number, flags: number): ReceiveOperation | number {
  const h = readHeader(t, ptr);
  if (typeof h === 'number') return h;
  const { msghdr } = t.abi;
  const finish = (msg: Incoming, n: number): number => {
    const control = new ControlWriter(t, h.controlPtr, h.controlLength);
    control.write(msg);
    if (h.namePtr !== 0) {
      const name = msg.name ?? new Uint8Array(0);
      if (!t.memory.copyOut(h.namePtr, name.subarray(0, h.nameLength)) || !t.memory.setU32(ptr + msghdr.offset.msg_namelen, name.length)) return -EFAULT;
    }
    const out = t.memory.writable(ptr, msghdr.size);
    if (out === null) return -EFAULT;
    msghdr.update(out, { msg_flags: msg.outFlags | control.flags | (flags & MSG_CMSG_CLOEXEC), msg_controllen: control.used });
    return n;
  };
  return new ReceiveOperation(t, s, h.vector, flags, finish);
}

export function sysRecvmsg(t: Task, fd: number, ptr: number, flags: number): number {
  const s = socketOf(t, fd);
  if (typeof s === 'number') return s;
  const op = receiveOperation(t, s, ptr, flags);
  return typeof op === 'number' ? op : runOperation(t, op);
}

// ---- many at once ----

type MakeOperation = (ptr: number, index: number) => Operation | number;

/** sendmmsg and recvmmsg: one message after the other, as far as it goes; how many. `enough` after a message ends it early. */
class ManyOperation implements Operation {
  readonly socket: Socket;
  readonly timeoutNs: number;
  done = 0;
  private readonly t: Task;
  private readonly ptr: number;
  private readonly count: number;
  private readonly make: MakeOperation;
  private readonly enough: () => boolean;
  private current: Operation | null = null;

  constructor(t: Task, socket: Socket, ptr: number, count: number, timeoutNs: number, make: MakeOperation, enough: () => boolean) {
    this.t = t;
    this.socket = socket;
    this.ptr = ptr;
    this.count = Math.min(count, UIO_MAXIOV);
    this.timeoutNs = timeoutNs;
    this.make = make;
    this.enough = enough;
  }

  get waits(): boolean {
    return this.current?.waits ?? true;
  }

  attempt(): number {
    const { mmsghdr } = this.t.abi;
    while (this.done < this.count) {
      const at = this.ptr + this.done * mmsghdr.size;
      if (this.current === null) {
        const op = this.make(at, this.done);
        if (typeof op === 'number') return this.done > 0 ? this.done : op;
        this.current = op;
      }
      const n = this.current.attempt();
      if (n === -EAGAIN && this.current.waits) return -EAGAIN;
      if (n < 0) return this.done > 0 ? this.done : n;
      this.current.dispose();
      this.current = null;
      if (!this.t.memory.setU32(at + mmsghdr.offset.msg_len, n)) return this.done > 0 ? this.done : -EFAULT;
      this.done++;
      if (this.enough()) break;
    }
    return this.done;
  }

  dispose(): void {
    this.current?.dispose();
  }
}

export function sysSendmmsg(t: Task, fd: number, ptr: number, count: number, flags: number): number {
  const s = socketOf(t, fd);
  if (typeof s === 'number') return s;
  return runOperation(t, new ManyOperation(t, s, ptr, count, s.options.sndTimeoutNs, (at) => sendOperation(t, s, at, flags), () => false));
}

type TimeLayout = Layout<'tv_sec' | 'tv_nsec'>;

export function receiveMany(t: Task, fd: number, ptr: number, count: number, flags: number, timePtr: number, layout: TimeLayout): number {
  const deadlineNs = timespecDeadline(t, timePtr, layout);
  if (deadlineNs < 0) return deadlineNs;
  const s = socketOf(t, fd);
  if (typeof s === 'number') return s;
  const make: MakeOperation = (at, index) => {
    const waitsForOne = (flags & MSG_WAITFORONE) !== 0 && index > 0;
    return receiveOperation(t, s, at, (flags & ~MSG_WAITFORONE) | (waitsForOne ? MSG_DONTWAIT : 0));
  };
  // The limit is looked at after each message only (recvmmsg(2), BUGS).
  return runOperation(t, new ManyOperation(t, s, ptr, count, s.options.rcvTimeoutNs, make, () => t.kernel.nowNs() >= deadlineNs));
}

export const socketRows: readonly SyscallRow[] = [
  { name: 'socket', x86_64: 41, i386: 359, args: ['socketDomain', 'socketType', 'int'], ret: 'fd', handler: sysSocket },
  { name: 'socketpair', x86_64: 53, i386: 360, args: ['socketDomain', 'socketType', 'int', 'fdPairOut'], ret: 'int', handler: sysSocketpair },
  { name: 'bind', x86_64: 49, i386: 361, args: ['fd', 'sockaddr', 'int'], ret: 'int', handler: sysBind },
  { name: 'connect', x86_64: 42, i386: 362, args: ['fd', 'sockaddr', 'int'], ret: 'int', handler: sysConnect },
  { name: 'listen', x86_64: 50, i386: 363, args: ['fd', 'int'], ret: 'int', handler: sysListen },
  { name: 'accept', x86_64: 43, i386: -1, args: ['fd', 'ptr', 'ptr'], ret: 'fd', handler: (t, fd, ptr, length) => sysAccept4(t, fd, ptr, length, 0) },
  { name: 'accept4', x86_64: 288, i386: 364, args: ['fd', 'ptr', 'ptr', 'hex'], ret: 'fd', handler: sysAccept4 },
  { name: 'getsockopt', x86_64: 55, i386: 365, args: ['fd', 'socketLevel', 'int', 'ptr', 'ptr'], ret: 'int', handler: sysGetsockopt },
  { name: 'setsockopt', x86_64: 54, i386: 366, args: ['fd', 'socketLevel', 'int', 'ptr', 'int'], ret: 'int', handler: sysSetsockopt },
  { name: 'getsockname', x86_64: 51, i386: 367, args: ['fd', 'ptr', 'ptr'], ret: 'int', handler: sysGetsockname },
  { name: 'getpeername', x86_64: 52, i386: 368, args: ['fd', 'ptr', 'ptr'], ret: 'int', handler: sysGetpeername },
  { name: 'sendto', x86_64: 44, i386: 369, args: ['fd', 'bufIn', 'size', 'msgFlags', 'sockaddr', 'int'], ret: 'ssize', handler: sysSendto },
  { name: 'sendmsg', x86_64: 46, i386: 370, args: ['fd', 'ptr', 'msgFlags'], ret: 'ssize', handler: sysSendmsg },
  { name: 'recvfrom', x86_64: 45, i386: 371, args: ['fd', 'bufOut', 'size', 'msgFlags', 'ptr', 'ptr'], ret: 'ssize', handler: sysRecvfrom },
  { name: 'recvmsg', x86_64: 47, i386: 372, args: ['fd', 'ptr', 'msgFlags'], ret: 'ssize', handler: sysRecvmsg },
  { name: 'shutdown', x86_64: 48, i386: 373, args: ['fd', 'shutdownHow'], ret: 'int', handler: sysShutdown },
  { name: 'sendmmsg', x86_64: 307, i386: 345, args: ['fd', 'ptr', 'uint', 'msgFlags'], ret: 'int', handler: sysSendmmsg },
  {
    name: 'recvmmsg', x86_64: 299, i386: 337, args: ['fd', 'ptr', 'uint', 'msgFlags', 'timespecIn'], ret: 'int',
    handler: (t, fd, ptr, count, flags, time) => receiveMany(t, fd, ptr, count, flags, time, t.abi.timespec),
  },
  {
    name: 'recvmmsg_time64', x86_64: -1, i386: 417, args: ['fd', 'ptr', 'uint', 'msgFlags', 'timespecIn'], ret: 'int',
    handler: (t, fd, ptr, count, flags, time) => receiveMany(t, fd, ptr, count, flags, time, t.abi.timespec64),
  },
];
