import { EADDRINUSE, EAGAIN, EALREADY, ECONNABORTED, ECONNREFUSED, ECONNRESET, EINPROGRESS, EINVAL, EISCONN, ENETUNREACH, ENOPROTOOPT,
  ENOTCONN, EOPNOTSUPP, EPIPE, EFAULT } from '../../abi/linux/errno.ts';
import { O_NONBLOCK } from '../../abi/linux/openFlags.ts';
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDHUP, EPOLLRDNORM, EPOLLWRNORM } from '../../abi/linux/poll.ts';
import {
  AF_UNSPEC, MSG_ERRQUEUE, MSG_OOB, MSG_PEEK, SO_KEEPALIVE, SO_OOBINLINE, SO_RCVBUF, SO_REUSEADDR, SO_REUSEPORT, SO_SNDBUF, SOCK_STREAM, SOL_SOCKET, SOL_TCP, TCP_CM_INQ, TCP_INQ,
  TCP_INFO, TCP_KEEPIDLE, TCP_NODELAY,
} from '../../abi/linux/socket.ts';
import { SIGURG } from '../../abi/linux/signal.ts';
import { getU16 } from '../../abi/layout.ts';
import type { Abi } from '../../abi/abi.ts';
import type { HostStream } from '../../host/sockets.ts';
import { CHANNEL_PAGE } from '../../machine/channels.ts';
import type { FileCaller } from '../../vfs/fileDescription.ts';
import type { PathContext } from '../../vfs/path.ts';
import { signalOwner } from '../../kernel/signal/fileOwner.ts';
import { kernelSignal } from '../../kernel/signal/send.ts';
import { ByteQueue } from '../byteQueue.ts';
import { type LaneSide, openLanes } from '../streamLanes.ts';
import { copyOf } from '../buffers.ts';
import { type Incoming, type Outgoing, RCV_SHUTDOWN, SEND_SHUTDOWN, SHUTDOWN_MASK } from '../message.ts';
import type { NetStack } from '../netStack.ts';
import type { Socket } from '../socket.ts';
import { InetSocket } from './inetSocket.ts';
import { intValue } from '../options.ts';
import { inetInt } from './inetOptions.ts';
import { isMulticast } from './ip.ts';
import type { Endpoint } from './endpoint.ts';
import { TcpArrivals } from './tcpArrivals.ts';
import { TcpHostEvents } from './tcpHostEvents.ts';
import { tcpInfo, tcpRequest } from './tcpInfo.ts';
import { HostLink, InnerLink, type TcpLink } from './tcpLink.ts';
import { UrgentData } from './urgentData.ts';
import { TcpPort } from './tcpPort.ts';

/**
 *   close --(listen)--> listening
 *   close --(connect)--> connecting --> established, or close again with an error
 *   established --(reset)--> close
 * Ends of the two directions are bits of shutdownBits.
 */
export const TcpState = { close: 'close', listening: 'listening', connecting: 'connecting', established: 'established' } as const;
export type TcpStateName = (typeof TcpState)[keyof typeof TcpState];

const NOTHING = new Uint8Array(0);
const READABLE = EPOLLIN | EPOLLRDNORM;
const WRITABLE = EPOLLOUT | EPOLLWRNORM;
const ALL = READABLE | WRITABLE | EPOLLRDHUP | EPOLLHUP | EPOLLERR;

export class TcpSocket extends InetSocket implements LaneSide {
  state: TcpStateName = TcpState.close;
  link: TcpLink | null = null;
  private readonly unread = new ByteQueue();
  readonly urgent = new UrgentData();
  readonly arrivals = new TcpArrivals();
  private readonly port = new TcpPort(this);
  private stream: HostStream | null = null;
  private connectReported = true;
  private connectFailed = false;
  private gone = false;
  buffersSet = false;

  constructor(t: PathContext, net: NetStack, family: number, protocol: number, flags: number) {
    super(t, net, family, SOCK_STREAM, protocol, flags);
    this.options.sndBuf = 16384;
    this.options.rcvBuf = 131072;
    net.tcpSockets.add(this);
  }

  /** What has come and nobody has read. */
  get incoming(): ByteQueue {
    this.claimIncoming();
    return this.unread;
  }
  get isPlain(): boolean {
    return this.isPlainSocket && this.state === TcpState.established && this.link instanceof InnerLink && !this.gone && !this.urgent.marked;
  }
  /** Room is told of when there was none. */
  readonly countsPieces = false;
  handOver(): Uint8Array | null {
    const { length } = this.unread;
    if (length === 0) return NOTHING;
    // Small buffers may be full of it.
    if (length > CHANNEL_PAGE || this.buffersSet || (this.link as InnerLink).hasSmallBuffers) return null;
    const bytes = new Uint8Array(length);
    this.unread.take([bytes], length, false);
    return bytes;
  }
  /** Workers have what it can read: no more than a page. */
  get readsByWorkers(): boolean {
    return this.lanes?.isLentTo(this) === true;
  }
  arrive(bytes: Uint8Array): void {
    this.unread.push(bytes);
  }

  override get isStream(): boolean {
    return true;
  }
  override get listening(): boolean {
    return this.state === TcpState.listening;
  }

  override mayShare(other: this): boolean {
    const both = (name: number): boolean => this.options.flag(name) && other.options.flag(name);
    // Nobody takes another user's connections.
    return (both(SO_REUSEPORT) && this.maker.cred.fsuid === other.maker.cred.fsuid) || (both(SO_REUSEADDR) && !other.listening && !this.listening);
  }

  override peerName(): Uint8Array | number {
    return this.state === TcpState.established ? super.peerName() : -ENOTCONN;
  }

  // ---- bind, listen ----

  override bind(address: Uint8Array, t: FileCaller): number {
    const wanted = this.bindable(address, t);
    if (typeof wanted === 'number') return wanted;
    this.boundIp = wanted.ip === '0.0.0.0' || wanted.ip === '::' ? null : wanted.ip;
    this.portGiven = true;
    return this.take(wanted);
  }

  /** Takes the port. 0, -errno or PENDING. */
  private take(wanted: Endpoint): number {
    return this.port.take(wanted, this.hostAddress(wanted).ip);
  }

  override bindResult(): number {
    return this.port.result();
  }

  override listen(backlog: number): number {
    if (this.state !== TcpState.close && this.state !== TcpState.listening) return -EINVAL;
    this.arrivals.setBacklog(backlog);
    if (this.state === TcpState.listening) return 0;
    if (this.local === null) {
      const result = this.take({ ip: this.wildcard, port: 0, scopeId: 0 });
      if (result !== 0) return result;
    }
    return this.listenResult();
  }

  override listenResult(): number {
    const bound = this.bindResult();
    if (bound !== 0) return bound;
    const { port } = this.local!;
    for (const other of this.net.tcp.matching(this.bindIp, port)) {
      if (other !== this && other.listening && !(other.options.flag(SO_REUSEPORT) && this.options.flag(SO_REUSEPORT))) return -EADDRINUSE;
    }
    this.state = TcpState.listening;
    this.shutdownBits = 0;
    return 0;
  }

  // ---- accept ----

  private serverSide(local: Endpoint, remote: Endpoint): TcpSocket {
    const server = new TcpSocket(this.maker, this.net, this.family, this.protocol, 0);
    server.options.inherit(this.options);
    for (const [key, value] of this.inetInts) server.inetInts.set(key, value);
    server.congestion = this.congestion;
    server.buffersSet = this.buffersSet;
    server.local = local;
    server.remote = remote;
    server.state = TcpState.established;
    return server;
  }

  /** A connection of the host arrives here. */
  admitHost(stream: HostStream): void {
    const local = stream.local();
    const remote = stream.remote();
    if (local === null || remote === null || this.arrivals.flooded) {
      stream.reset();
      return;
    }
    const server = this.serverSide({ ip: local.ip, port: this.local!.port, scopeId: 0 }, { ...remote, scopeId: 0 });
    server.attach(stream);
    this.arrivals.add(server);
    this.waitQueue.wake(READABLE);
  }

  private admitInner(client: TcpSocket): void {
    const server = this.serverSide(client.remote!, client.local!);
    server.link = new InnerLink(server, client);
    client.link = new InnerLink(client, server);
    client.state = TcpState.established;
    openLanes(this.net.kernel, client, server);
    this.arrivals.add(server);
    this.waitQueue.wake(READABLE);
    client.waitQueue.wake(WRITABLE);
  }

  override accept(_t: FileCaller, flags: number): TcpSocket | number {
    if (this.state !== TcpState.listening) return -EINVAL;
    const server = this.arrivals.take((client) => this.admitInner(client));
    if (server === undefined) return -EAGAIN;
    server.claimLanes();
    server.flags |= flags;
    return server;
  }

  override putBack(accepted: Socket): void {
    this.arrivals.putBack(accepted as TcpSocket);
  }

  // ---- connect ----

  override connect(address: Uint8Array, t: FileCaller): number {
    if (address.length >= 2 && getU16(address, 0) === AF_UNSPEC) return this.disconnect();
    if (this.connectFailed) {
      this.connectFailed = false;
      return -(this.takeError() || ECONNABORTED);
    }
    switch (this.state) {
      case TcpState.listening: return -EISCONN;
      case TcpState.connecting: return (this.flags & O_NONBLOCK) !== 0 ? -EALREADY : -EINPROGRESS;
      case TcpState.established: {
        if (this.connectReported) return -EISCONN;
        this.connectReported = true;
        return 0;
      }
      default: return this.begin(address, t);
    }
  }

  private begin(address: Uint8Array, _t: FileCaller): number {
    const to = this.destination(address);
    if (typeof to === 'number') return to;
    if (isMulticast(to.ip) || to.ip === '255.255.255.255') return -ENETUNREACH;
    const listener = this.net.listener(to.ip, to.port);
    const { host } = this.net;
    if (listener === null && host === null && !this.net.isLocal(to.ip)) return -ENETUNREACH;
    this.shutdownBits = 0;
    this.error = 0;
    this.remote = to;
    this.state = TcpState.connecting;
    this.connectReported = false;
    if (listener !== null) this.beginInner(listener, to);
    // Ports that are taken and not listened on: the host must not be asked, it would find our own hold of the port.
    else if (host === null || to.port === 0 || (this.net.isLocal(to.ip) && this.net.tcp.matching(to.ip, to.port).length > 0)) this.failed(ECONNREFUSED);
    else this.beginOutside(to);
    return -EINPROGRESS;
  }

  private beginInner(listener: TcpSocket, to: Endpoint): void {
    const port = (this.local?.port ?? 0) || this.port.takeInner();
    this.local = { ip: this.sourceFor(to.ip), port, scopeId: to.scopeId };
    if (listener.arrivals.hasRoom) listener.admitInner(this);
    else listener.arrivals.wait(this);
  }

  private beginOutside(to: Endpoint): void {
    this.port.giveHost();
    const from = this.portGiven ? { ip: this.bindIp, port: this.local!.port } : null;
    if (this.local === null) this.local = { ip: this.sourceFor(to.ip), port: 0, scopeId: to.scopeId };
    this.stream = this.net.host!.connect(this.hostAddress(to), from);
    this.stream.events = new TcpHostEvents(this, this.stream);
  }

  override connectResult(): number {
    switch (this.state) {
      case TcpState.connecting: return -EINPROGRESS;
      case TcpState.established:
        this.connectReported = true;
        return 0;
      default:
        this.connectFailed = false;
        return -(this.takeError() || ECONNABORTED);
    }
  }

  private failed(errno: number): void {
    this.state = TcpState.close;
    this.error = errno;
    this.connectFailed = true;
    this.shutdownBits = SHUTDOWN_MASK;
    this.remote = null;
    this.stream = null;
    if (!this.portGiven) {
      this.port.give();
      this.local = null;
    }
    this.waitQueue.wake(ALL);
  }

  private disconnect(): number {
    this.claimLanes();
    if (this.state === TcpState.listening) this.stopListening();
    this.link?.close(true);
    this.stream?.reset();
    this.link = this.stream = null;
    this.state = TcpState.close;
    this.remote = null;
    this.connectFailed = false;
    this.shutdownBits = 0;
    if (!this.portGiven) {
      this.port.give();
      this.local = null;
    }
    this.waitQueue.wake(ALL);
    return 0;
  }

  // ---- what the other side does ----

  /** A connection of the host becomes this socket's. */
  private attach(stream: HostStream): void {
    this.stream = stream;
    stream.events = new TcpHostEvents(this, stream);
    if (inetInt(this, SOL_TCP, TCP_NODELAY) !== 0) stream.setNoDelay(true);
    if (this.options.flag(SO_KEEPALIVE)) stream.setKeepAlive(true, inetInt(this, SOL_TCP, TCP_KEEPIDLE));
    this.link = new HostLink(stream);
  }

  connectedTo(stream: HostStream): void {
    if (this.stream !== stream || this.state !== TcpState.connecting) return;
    const local = stream.local();
    if (local !== null) this.local = { ...local, scopeId: this.local?.scopeId ?? 0 };
    this.state = TcpState.established;
    this.attach(stream);
    this.waitQueue.wake(WRITABLE);
  }
  hostFailed(errno: number): void {
    if (this.state === TcpState.connecting) this.failed(errno);
    else this.broken(errno);
  }

  get isInline(): boolean {
    return this.options.flag(SO_OOBINLINE);
  }

  /** Bytes from the other side, the last one urgent or not; false: this one is closed and takes none. */
  arrived(chunk: Uint8Array, urgent = false): boolean {
    this.claimIncoming();
    if (this.gone) return false;
    if ((this.shutdownBits & RCV_SHUTDOWN) !== 0) return true;
    if (urgent) {
      this.urgent.arrived(chunk, this.incoming, this.isInline);
      signalOwner(this.net.kernel, this, kernelSignal(SIGURG));
    }
    this.incoming.push(chunk);
    this.waitQueue.wake(urgent ? READABLE | EPOLLPRI : READABLE);
    return true;
  }
  peerEnded(): void {
    this.claimLanes();
    if (this.state !== TcpState.established) return;
    this.shutdownBits |= RCV_SHUTDOWN;
    this.waitQueue.wake(ALL);
  }
  peerReset(): void {
    this.broken(ECONNRESET);
  }
  /** It wrote to somebody who has closed. */
  brokenPipe(): void {
    this.broken(EPIPE);
  }
  private broken(errno: number): void {
    this.claimLanes();
    if (this.state !== TcpState.established) return;
    this.state = TcpState.close;
    this.error = errno;
    this.shutdownBits = SHUTDOWN_MASK;
    this.link = this.stream = null;
    this.waitQueue.wake(ALL);
  }
  wakeWriters(): void {
    this.waitQueue.wake(WRITABLE);
  }

  // ---- data ----

  override writeInVain(): number {
    const n = this.send({ bufs: [], length: 0, name: null, flags: 0, control: null });
    return n < 0 ? n : -EFAULT;
  }
  override send(msg: Outgoing): number {
    if (this.error !== 0) return -this.takeError();
    if (this.state === TcpState.connecting) return -EAGAIN;
    const { link } = this;
    if (this.state !== TcpState.established || link === null || (this.shutdownBits & SEND_SHUTDOWN) !== 0) return -EPIPE;
    const urgent = (msg.flags & MSG_OOB) !== 0;
    // Hosts have no way to say it.
    if (urgent && link instanceof HostLink) return -EOPNOTSUPP;
    const n = Math.min(msg.length, link.room());
    if (n === 0) return msg.length === 0 ? 0 : -EAGAIN;
    link.write(copyOf(msg.bufs, 0, n), urgent && n === msg.length);
    return n;
  }

  override receive(msg: Incoming): number {
    if (this.state === TcpState.listening) return -ENOTCONN;
    if ((msg.flags & MSG_ERRQUEUE) !== 0) return -EAGAIN;
    if ((msg.flags & MSG_OOB) !== 0) return this.urgent.receive(msg, this.isInline);
    const peek = (msg.flags & MSG_PEEK) !== 0;
    const n = this.urgent.read(this.incoming, msg, this.isInline);
    if (n > 0) {
      if (!peek) this.link?.consumed(this.incoming.length);
      this.tellUnread(msg);
      this.waited();
      return n;
    }
    if (this.error !== 0) return -this.takeError();
    if ((this.shutdownBits & RCV_SHUTDOWN) !== 0) return 0;
    if (this.state === TcpState.close) return -ENOTCONN;
    return msg.length === 0 ? 0 : -EAGAIN;
  }

  /** TCP_INQ: how much is left, with what was received; the end of the stream counts as one. */
  private tellUnread(msg: Incoming): void {
    if (inetInt(this, SOL_TCP, TCP_INQ) === 0) return;
    const left = this.urgent.unread(this.incoming, this.isInline);
    msg.control.push({ level: SOL_TCP, type: TCP_CM_INQ, data: intValue((this.shutdownBits & RCV_SHUTDOWN) !== 0 ? left + 1 : left) });
  }

  override shutdown(how: number): number {
    this.claimLanes();
    if (this.state === TcpState.listening) {
      if (how === 1) return 0;
      this.stopListening();
      this.state = TcpState.close;
      this.shutdownBits = SHUTDOWN_MASK;
      this.waitQueue.wake(ALL);
      return 0;
    }
    if (this.state === TcpState.connecting) {
      this.disconnect();
      return 0;
    }
    if (this.state !== TcpState.established) {
      // Refused, and noted all the same.
      if (this.state === TcpState.close) this.shutdownBits |= how + 1;
      return -ENOTCONN;
    }
    const bits = how + 1;
    const finishes = (bits & SEND_SHUTDOWN) !== 0 && (this.shutdownBits & SEND_SHUTDOWN) === 0;
    this.shutdownBits |= bits;
    if (finishes) this.link?.finish();
    this.waitQueue.wake(ALL);
    return 0;
  }

  override poll(): number {
    if (this.state === TcpState.listening) return this.arrivals.any ? READABLE : 0;
    let mask = 0;
    if (this.error !== 0) mask |= EPOLLERR;
    if (this.state === TcpState.connecting) return mask;
    if (this.shutdownBits === SHUTDOWN_MASK || this.state === TcpState.close) mask |= EPOLLHUP;
    if ((this.shutdownBits & RCV_SHUTDOWN) !== 0) mask |= READABLE | EPOLLRDHUP;
    if (this.urgent.pending) mask |= EPOLLPRI;
    if (this.incoming.length - this.urgent.hidden(this.isInline) >= Math.max(1, Math.min(this.options.rcvLowat, 65536))) mask |= READABLE;
    if ((this.shutdownBits & SEND_SHUTDOWN) !== 0 || this.link === null || this.link.writable()) mask |= WRITABLE;
    return mask;
  }

  // ---- options and requests ----

  override optionChanged(name: number): void {
    if (name === SO_SNDBUF || name === SO_RCVBUF) this.buffersSet = true;
    if (name === SO_KEEPALIVE) this.stream?.setKeepAlive(this.options.flag(SO_KEEPALIVE), inetInt(this, SOL_TCP, TCP_KEEPIDLE));
  }
  override inetOptionChanged(level: number, name: number, value: number): void {
    if (level === SOL_TCP && name === TCP_NODELAY) this.stream?.setNoDelay(value !== 0);
  }

  override getFamilyOption(level: number, name: number, abi: Abi): Uint8Array | number {
    if (level === SOL_TCP && name === TCP_INFO) return tcpInfo(this, abi);
    return level === SOL_SOCKET ? -ENOPROTOOPT : super.getFamilyOption(level, name, abi);
  }

  override familyIoctl(t: FileCaller, cmd: number, arg: number): number | null {
    return tcpRequest(this, t, cmd, arg);
  }

  // ---- the end ----

  private stopListening(): void {
    this.port.give();
    this.arrivals.clear(
      (server) => {
        server.link?.close(true);
        server.link = server.stream = null;
        server.release();
      },
      (client) => client.failed(ECONNREFUSED),
    );
  }

  protected override close(): void {
    this.lanes?.sideCloses();
    this.gone = true;
    this.net.tcpSockets.delete(this);
    if (this.state === TcpState.listening) this.stopListening();
    else if (this.link !== null) {
      const { linger } = this.options;
      this.link.close(this.incoming.length > 0 || (linger.on && linger.seconds === 0));
    } else this.stream?.reset();
    this.port.close();
  }
}
