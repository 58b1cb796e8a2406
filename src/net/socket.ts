import { FIOGETOWN, FIOSETOWN, SIOCGPGRP, SIOCSPGRP } from '../abi/linux/ioctl.ts';
import { EFAULT, EINVAL, ENOPROTOOPT, ENOTTY, EOPNOTSUPP } from '../abi/linux/errno.ts';
import { O_ASYNC, O_NONBLOCK, O_RDWR } from '../abi/linux/openFlags.ts';
import { MSG_PEEK, SOCK_STREAM, SOL_SOCKET } from '../abi/linux/socket.ts';
import type { Abi } from '../abi/abi.ts';
import { FileDescription, type FileCaller } from '../vfs/fileDescription.ts';
import type { PathContext } from '../vfs/path.ts';
import { ClaimingQueue, type WaitQueue } from '../vfs/waitQueue.ts';
import { totalLength } from './buffers.ts';
import { interfaceRequest } from './interfaceRequests.ts';
import { Incoming, type Outgoing } from './message.ts';
import type { NetStack } from './netStack.ts';
import { FilteredPacket } from './packetFilter.ts';
import { getSocketOption, setSocketOption, SocketOptions } from './options.ts';
import { protocolName } from './protocolName.ts';
import { socketPath } from './sockFs.ts';
import type { LaneSide, StreamLanes } from './streamLanes.ts';

/** Owner kinds, as F_SETOWN_EX has them. */
const OWNER_PROCESS = 1;
const OWNER_GROUP = 2;

/** bind(2) waits for the host's answer: see Socket.bind. Not an errno. */
export const PENDING = -0x7ffffffe;

/**
 * An open socket of any family. Like other files its methods never wait: -EAGAIN (-EINPROGRESS from connect) says that they
 * would, and the system call parks on `waitQueue` and tries again. Addresses are the bytes of a sockaddr.
 */
export abstract class Socket extends FileDescription {
  override readonly waitQueue: WaitQueue = new ClaimingQueue(() => this.claimLanes());
  /** Of a stream to another socket of this system. */
  lanes: StreamLanes | null = null;
  readonly net: NetStack;
  readonly family: number;
  readonly type: number;
  readonly protocol: number;
  readonly options = new SocketOptions();
  /** What SO_ERROR tells next. */
  error = 0;
  /** RCV_SHUTDOWN, SEND_SHUTDOWN. */
  shutdownBits = 0;
  /** A sender that got -EAGAIN waits for this besides its own queue. */
  blockedOn: WaitQueue | null = null;

  constructor(t: PathContext, net: NetStack, family: number, type: number, protocol: number, flags: number) {
    super(socketPath(t, protocolName(family, type, protocol)), O_RDWR | flags, t.cred);
    this.net = net;
    this.family = family;
    this.type = type;
    this.protocol = protocol;
  }

  /** Whether SO_ATTACH_FILTER's programs are asked about what it receives. */
  get filtersPackets(): boolean {
    return false;
  }
  /** What SO_ATTACH_FILTER leaves of a message; null: nothing, it is dropped without a word. */
  filtered(message: Uint8Array): Uint8Array | null {
    const { filter } = this.options;
    if (filter === null) return message;
    const length = filter.run(new FilteredPacket(message));
    return length === 0 ? null : message.subarray(0, length);
  }

  override get canSignal(): boolean {
    return true;
  }

  // ---- what workers do with it by themselves ----

  /** Before anything is done with it, or looked at. */
  protected claimLanes(): void {
    this.lanes?.claim();
  }
  /** Before a look at what it can read. */
  protected claimIncoming(): void {
    this.lanes?.claimTo(this as unknown as LaneSide);
  }
  /** Of LaneSide.isPlain, what is the same for all. */
  protected get isPlainSocket(): boolean {
    return this.shutdownBits === 0 && this.error === 0 && (this.flags & O_ASYNC) === 0 && this.options.arePlain;
  }
  get waitsNever(): boolean {
    return (this.flags & O_NONBLOCK) !== 0;
  }
  override get channelEntry(): number {
    return this.lanes?.entryOf(this as unknown as LaneSide) ?? 0;
  }
  override leaveChannel(): void {
    this.claimLanes();
  }
  override waited(): void {
    this.lanes?.lend();
  }
  override setFlags(flags: number): number {
    this.claimLanes();
    return super.setFlags(flags);
  }

  override raisesSigpipe(done: number): boolean {
    return this.isStream && done === 0;
  }
  override get readTimeoutNs(): number {
    return this.options.rcvTimeoutNs;
  }
  override get writeTimeoutNs(): number {
    return this.options.sndTimeoutNs;
  }
  /** Data is a stream of bytes: transfers may be partial and go on. */
  get isStream(): boolean {
    return false;
  }
  get listening(): boolean {
    return false;
  }

  /** The pending error, once, as a positive number. */
  takeError(): number {
    const { error } = this;
    this.error = 0;
    return error;
  }

  // ---- what a family implements ----

  /** 0, -errno, or PENDING: then bindResult() says 0, -errno or still PENDING after a wake. */
  abstract bind(address: Uint8Array, t: FileCaller): number;
  bindResult(): number {
    return 0;
  }
  /** 0, -errno, -EINPROGRESS (connectResult() tells), or -EAGAIN (call again after a wake). */
  abstract connect(address: Uint8Array, t: FileCaller): number;
  connectResult(): number {
    return 0;
  }
  listen(_backlog: number, _t: FileCaller): number {
    return -EOPNOTSUPP;
  }
  /** Like bindResult, for listen(). */
  listenResult(): number {
    return 0;
  }
  /** A new socket (the caller's reference), -EAGAIN. */
  accept(_t: FileCaller, _flags: number): Socket | number {
    return -EOPNOTSUPP;
  }
  /** The caller had no descriptor for a connection: it waits again. */
  putBack(_accepted: Socket): void {}
  abstract send(msg: Outgoing, t: FileCaller): number;
  abstract receive(msg: Incoming, t: FileCaller): number;
  abstract shutdown(how: number): number;
  abstract localName(): Uint8Array;
  /** -ENOTCONN */
  abstract peerName(): Uint8Array | number;
  setFamilyOption(_level: number, _name: number, _value: Uint8Array, _abi: Abi, _t: FileCaller): number {
    return -ENOPROTOOPT;
  }
  getFamilyOption(_level: number, _name: number, _abi: Abi): Uint8Array | number {
    return -ENOPROTOOPT;
  }
  /** An option of SOL_SOCKET has a new value. */
  optionChanged(_name: number): void {}
  /** SIOC* and FIONREAD of the family; null: not one of them. */
  familyIoctl(_t: FileCaller, _cmd: number, _arg: number): number | null {
    return null;
  }

  // ---- the same for all ----

  setOption(level: number, name: number, value: Uint8Array, abi: Abi, t: FileCaller): number {
    this.claimLanes();
    if (level !== SOL_SOCKET) return this.setFamilyOption(level, name, value, abi, t);
    return setSocketOption(this, name, value, abi, t.cred);
  }
  getOption(level: number, name: number, abi: Abi): Uint8Array | number {
    if (level !== SOL_SOCKET) return this.getFamilyOption(level, name, abi);
    const own = this.getFamilyOption(level, name, abi);
    return own !== -ENOPROTOOPT ? own : getSocketOption(this, name, abi);
  }

  override ioctl(t: FileCaller, cmd: number, arg: number): number {
    return this.familyIoctl(t, cmd, arg) ?? this.ownerRequest(t, cmd, arg) ?? interfaceRequest(this.net, t, cmd, arg) ?? -ENOTTY;
  }

  /** The older names of F_SETOWN and F_GETOWN. */
  private ownerRequest(t: FileCaller, cmd: number, arg: number): number | null {
    if (cmd === FIOSETOWN || cmd === SIOCSPGRP) {
      const id = t.memory.i32(arg);
      if (id === null) return -EFAULT;
      this.owner = id < 0 ? { type: OWNER_GROUP, id: -id } : { type: OWNER_PROCESS, id };
      return 0;
    }
    if (cmd !== FIOGETOWN && cmd !== SIOCGPGRP) return null;
    const { type, id } = this.owner;
    return t.memory.setU32(arg, type === OWNER_GROUP ? -id : id) ? 0 : -EFAULT;
  }

  override read(buf: Uint8Array, t: FileCaller): number {
    return this.readv([buf], t);
  }
  override readv(bufs: readonly Uint8Array[], t: FileCaller): number {
    const length = totalLength(bufs);
    if (length === 0) return 0;
    const msg = new Incoming(bufs, length, 0);
    const n = this.receive(msg, t);
    msg.dropFiles();
    return n;
  }
  override write(buf: Uint8Array, t: FileCaller): number {
    return this.send({ bufs: [buf], length: buf.length, name: null, flags: 0, control: null }, t);
  }
  override writev(bufs: readonly Uint8Array[], t: FileCaller): number {
    return this.send({ bufs, length: totalLength(bufs), name: null, flags: 0, control: null }, t);
  }
  /** A stream keeps what has not been fetched. */
  override readInVain(length: number, _offset: number, t: FileCaller): number {
    const msg = new Incoming([new Uint8Array(1)], length, this.type === SOCK_STREAM ? MSG_PEEK : 0);
    const n = this.receive(msg, t);
    msg.dropFiles();
    return n > 0 ? -EFAULT : n;
  }
  override fsync(): number {
    return -EINVAL;
  }
}
