import {
  EAGAIN, ECONNREFUSED, ECONNRESET, EMSGSIZE, ENOTCONN, EOPNOTSUPP, EPERM, EPIPE, EPROTOTYPE,
} from '../../abi/linux/errno.ts';
import {
  EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLRDNORM, EPOLLWRBAND, EPOLLWRNORM,
} from '../../abi/linux/poll.ts';
import { AF_UNSPEC, MSG_DONTWAIT, MSG_OOB, MSG_PEEK, MSG_TRUNC, SOCK_DGRAM, SOCK_SEQPACKET } from '../../abi/linux/socket.ts';
import { O_NONBLOCK } from '../../abi/linux/openFlags.ts';
import { getU16 } from '../../abi/layout.ts';
import type { FileCaller } from '../../vfs/fileDescription.ts';
import type { PathContext } from '../../vfs/path.ts';
import { copyOf, spread } from '../buffers.ts';
import { type Incoming, type Outgoing, RCV_SHUTDOWN, SEND_SHUTDOWN, SHUTDOWN_MASK } from '../message.ts';
import type { NetStack } from '../netStack.ts';
import { datagramPacketSize, Packet } from './packet.ts';
import { parseUnixAddress, unixAddressBytes } from './unixAddress.ts';
import { UnixConnection } from './unixConnection.ts';
import { UnixSocket, UnixState } from './unixSocket.ts';
import { NOBODY } from './unixStream.ts';

/** net.unix.max_dgram_qlen: a socket with more messages than this takes no more. */
const MAX_QUEUED = 10;
const READABLE = EPOLLIN | EPOLLRDNORM;
const WRITABLE = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
const ALL = READABLE | WRITABLE | EPOLLRDHUP | EPOLLHUP | EPOLLERR;

/** Puts a message into `to`'s queue: bytes taken or -errno. */
function deliver(from: UnixSocket, to: UnixSocket, msg: Outgoing, t: FileCaller): number {
  const data = to.filtered(copyOf(msg.bufs, 0, msg.length));
  if (data === null) return msg.length;
  const cred = msg.control?.cred ?? (from.passesCred || to.passesCred ? from.credOf(t) : null);
  const files = msg.control?.files ?? [];
  msg.control = null;
  from.departing(files);
  const size = datagramPacketSize(msg.length);
  from.outstanding += size;
  to.packets.push(new Packet(data, from, from.name, files, cred, size));
  to.waitQueue.wake(READABLE);
  return msg.length;
}

/** Takes the first message of `s`; null: there is none. */
function takePacket(s: UnixSocket, msg: Incoming): number | null {
  const packet = s.packets.first;
  if (packet === undefined) return null;
  const peek = (msg.flags & MSG_PEEK) !== 0;
  if (packet.from !== null) msg.name = unixAddressBytes(packet.from);
  const n = spread(packet.data, msg.bufs);
  if (n < packet.data.length) msg.outFlags |= MSG_TRUNC;
  if (s.passesCred) msg.cred = packet.cred ?? NOBODY;
  if (peek) msg.files = packet.files.map((file) => file.acquire());
  else {
    msg.files = packet.takeFiles();
    s.packets.shift();
    packet.free();
  }
  return (msg.flags & MSG_TRUNC) !== 0 ? packet.data.length : n;
}

/** SOCK_SEQPACKET: messages over a connection. */
export class UnixSeqpacket extends UnixConnection {
  constructor(t: PathContext, net: NetStack, flags: number) {
    super(t, net, SOCK_SEQPACKET, flags);
  }
  protected override another(t: PathContext): UnixSeqpacket {
    return new UnixSeqpacket(t, this.net, 0);
  }

  override send(msg: Outgoing, t: FileCaller): number {
    if (this.error !== 0) return -this.takeError();
    if (this.state !== UnixState.established) return -ENOTCONN;
    if ((msg.flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
    const other = this.peer as UnixSeqpacket;
    if (msg.length > this.options.sndBuf - 32) return -EMSGSIZE;
    if ((this.shutdownBits & SEND_SHUTDOWN) !== 0 || other.dead || (other.shutdownBits & RCV_SHUTDOWN) !== 0) return -EPIPE;
    return this.outstanding >= this.options.sndBuf ? -EAGAIN : deliver(this, other, msg, t);
  }

  override receive(msg: Incoming): number {
    if (this.state !== UnixState.established) return -ENOTCONN;
    if ((msg.flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
    const n = takePacket(this, msg);
    if (n !== null) return n;
    if (this.error !== 0) return -this.takeError();
    return (this.shutdownBits & RCV_SHUTDOWN) !== 0 ? 0 : -EAGAIN;
  }

  protected override unread(): number {
    let total = 0;
    for (const packet of this.packets) total += packet.data.length;
    return total;
  }
}

/** SOCK_DGRAM. */
export class UnixDatagram extends UnixSocket {
  /** Sockets that have this one as default peer: they may write again when it reads. */
  private readonly senders = new Set<UnixDatagram>();

  constructor(t: PathContext, net: NetStack, flags: number) {
    super(t, net, SOCK_DGRAM, flags);
  }

  join(other: UnixDatagram, t: FileCaller): void {
    this.setPeer(other);
    other.setPeer(this);
    this.peerCred = other.peerCred = this.effectiveCredOf(t);
    this.peerGroups = other.peerGroups = t.cred.groups;
  }

  private setPeer(other: UnixDatagram | null): void {
    (this.peer as UnixDatagram | null)?.senders.delete(this);
    this.peer = other;
    other?.senders.add(this);
    this.state = other === null ? UnixState.close : UnixState.established;
  }

  private get full(): boolean {
    return this.packets.length > MAX_QUEUED;
  }

  override connect(address: Uint8Array, t: FileCaller): number {
    if (address.length >= 2 && getU16(address, 0) === AF_UNSPEC) {
      const had = this.peer as UnixDatagram | null;
      this.setPeer(null);
      if (had !== null) this.dropFrom(had);
      return 0;
    }
    const other = this.target(address, t);
    if (typeof other === 'number') return other;
    if (this.passesCred && this.name === null) this.autobind();
    if (!other.acceptsFrom(this)) return -EPERM;
    this.setPeer(other);
    this.waitQueue.wake(WRITABLE);
    return 0;
  }

  /** A new default peer: what others have sent is dropped, and they hear of it. */
  private dropFrom(old: UnixDatagram): void {
    if (this.packets.length === 0) return;
    this.dropPackets();
    if (old.peer === this && !old.dead) {
      old.error = ECONNRESET;
      old.waitQueue.wake(EPOLLERR);
    }
  }

  private target(address: Uint8Array, t: FileCaller): UnixDatagram | number {
    const name = parseUnixAddress(address, false);
    if (typeof name === 'number') return name;
    const other = this.find(name, t);
    return typeof other === 'number' ? other : other instanceof UnixDatagram ? other : -EPROTOTYPE;
  }

  /** A connected socket takes messages from its peer only. */
  private acceptsFrom(sender: UnixDatagram): boolean {
    return this.peer === null || this.peer === sender;
  }

  override send(msg: Outgoing, t: FileCaller): number {
    if ((msg.flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
    if (msg.length > this.options.sndBuf - 32) return -EMSGSIZE;
    if (this.error !== 0) return -this.takeError();
    if ((this.shutdownBits & SEND_SHUTDOWN) !== 0) return -EPIPE;
    let other: UnixDatagram;
    if (msg.name !== null && msg.name.length > 0) {
      const found = this.target(msg.name, t);
      if (typeof found === 'number') return found;
      other = found;
    } else {
      if (this.peer === null) return -ENOTCONN;
      other = this.peer as UnixDatagram;
    }
    if (this.passesCred && this.name === null) this.autobind();
    if (msg.length > this.options.sndBuf - 32) return -EMSGSIZE;
    if (this.error !== 0) return -this.takeError();
    if ((this.shutdownBits & SEND_SHUTDOWN) !== 0) return -EPIPE;
    if (this.outstanding >= this.options.sndBuf) return -EAGAIN;
    if (!other.acceptsFrom(this)) return -EPERM;
    if (other.dead) {
      if (this.peer === other) this.setPeer(null);
      return -ECONNREFUSED;
    }
    if ((other.shutdownBits & RCV_SHUTDOWN) !== 0) return -EPIPE;
    if (other !== this && other.peer !== this && other.full) {
      this.blockedOn = other.waitQueue;
      return -EAGAIN;
    }
    return deliver(this, other, msg, t);
  }

  override receive(msg: Incoming): number {
    if ((msg.flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
    const wasFull = this.full;
    const n = takePacket(this, msg);
    if (n !== null) {
      if (wasFull && !this.full) this.roomAgain();
      return n;
    }
    if (this.error !== 0) return -this.takeError();
    const waits = (msg.flags & MSG_DONTWAIT) === 0 && (this.flags & O_NONBLOCK) === 0;
    return (this.shutdownBits & RCV_SHUTDOWN) !== 0 && waits ? 0 : -EAGAIN;
  }

  private roomAgain(): void {
    this.waitQueue.wake(EPOLLOUT);
    for (const sender of this.senders) sender.waitQueue.wake(WRITABLE);
  }

  override shutdown(how: number): number {
    this.shutdownBits |= how + 1;
    this.waitQueue.wake(ALL);
    if ((this.shutdownBits & RCV_SHUTDOWN) !== 0) this.roomAgain();
    return 0;
  }

  override poll(): number {
    let mask = 0;
    if (this.error !== 0) mask |= EPOLLERR;
    if (this.shutdownBits === SHUTDOWN_MASK) mask |= EPOLLHUP;
    if ((this.shutdownBits & RCV_SHUTDOWN) !== 0) mask |= EPOLLRDHUP | READABLE;
    if (this.packets.length > 0) mask |= READABLE;
    const other = this.peer as UnixDatagram | null;
    const blocked = other !== null && other.peer !== this && other.full;
    if (this.mayWrite && !blocked) mask |= WRITABLE;
    return mask;
  }

  protected override unread(): number {
    return this.packets.first?.data.length ?? 0;
  }

  protected override close(): void {
    super.close();
    this.dropPackets();
    this.setPeer(null);
    this.waitQueue.wake(ALL);
    for (const sender of this.senders) sender.waitQueue.wake(ALL);
  }
}
