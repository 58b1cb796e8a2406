import { O_NONBLOCK } from '../../abi/linux/openFlags.ts';
import {
  EACCES, EADDRINUSE, EAGAIN, ECONNREFUSED, EDESTADDRREQ, EFAULT, EINVAL, EMSGSIZE, ENETUNREACH, ENOPROTOOPT, ENOTCONN, EOPNOTSUPP, EPIPE,
} from '../../abi/linux/errno.ts';
import { SIOCINQ, SIOCOUTQ } from '../../abi/linux/ioctl.ts';
import {
  EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLRDNORM, EPOLLWRBAND, EPOLLWRNORM,
} from '../../abi/linux/poll.ts';
import {
  AF_UNSPEC, IP_MULTICAST_LOOP, IP_MULTICAST_TTL, IP_TTL, IPPROTO_UDPLITE, MSG_DONTWAIT, MSG_ERRQUEUE, MSG_OOB, SO_BROADCAST, SO_REUSEADDR, SO_REUSEPORT,
  SOCK_DGRAM, SOL_IP, SOL_SOCKET, SOL_UDPLITE, UDPLITE_RECV_CSCOV, UDPLITE_SEND_CSCOV,
} from '../../abi/linux/socket.ts';
import { getU16 } from '../../abi/layout.ts';
import type { Abi } from '../../abi/abi.ts';
import type { DatagramEvents, HostAddress, HostDatagrams, Sockets } from '../../host/sockets.ts';
import type { FileCaller } from '../../vfs/fileDescription.ts';
import type { PathContext } from '../../vfs/path.ts';
import { WaitQueue } from '../../vfs/waitQueue.ts';
import { copyOf } from '../buffers.ts';
import { type Incoming, type Outgoing, RCV_SHUTDOWN, SEND_SHUTDOWN, SHUTDOWN_MASK } from '../message.ts';
import type { NetStack } from '../netStack.ts';
import { PENDING } from '../socket.ts';
import { DatagramQueue } from './datagramQueue.ts';
import type { Endpoint } from './endpoint.ts';
import { type Heading, headingOf, PLAIN_HEADING } from './heading.ts';
import { InetSocket } from './inetSocket.ts';
import { inetInt, isV6Only } from './inetOptions.ts';
import { isAny, isMulticast } from './ip.ts';
import { Memberships } from './memberships.ts';
import type { PortTable } from './portTable.ts';
import { UDP_HEADER, udpPacket } from './udpPacket.ts';

const MAX_PAYLOAD = 65507;
const MAX_PAYLOAD_V6 = 65527;
const READABLE = EPOLLIN | EPOLLRDNORM;
const WRITABLE = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
const ALL = READABLE | WRITABLE | EPOLLRDHUP | EPOLLHUP | EPOLLERR;

/** UDP and UDP-Lite (RFC 3828). */
export class UdpSocket extends InetSocket implements DatagramEvents {
  private readonly queue = new DatagramQueue(this);
  private host: HostDatagrams | null = null;
  private asking = false;
  private hostError = 0;
  private hostConnected = false;
  /** Datagrams for the host while its socket is being made. */
  private early: { data: Uint8Array; to: Endpoint | null }[] = [];
  /** While what was sent last may be refused, and how often something was sent. */
  private news: WaitQueue | null = null;
  private sent = 0;
  private heldPort = 0;
  private gone = false;
  readonly memberships: Memberships;
  private readonly ports: PortTable<UdpSocket>;
  /** The way to the host's network; no host's JavaScript has UDP-Lite, whose datagrams stay here. */
  private readonly outside: Sockets | null;

  constructor(t: PathContext, net: NetStack, family: number, protocol: number, flags: number) {
    super(t, net, family, SOCK_DGRAM, protocol, flags);
    this.memberships = new Memberships(this);
    this.ports = this.isLite ? net.udpLite : net.udp;
    this.outside = this.isLite ? null : net.host;
    net.udpSockets.add(this);
  }

  get isLite(): boolean {
    return this.protocol === IPPROTO_UDPLITE;
  }

  override mayShare(other: this): boolean {
    const both = (name: number): boolean => this.options.flag(name) && other.options.flag(name);
    return (both(SO_REUSEPORT) && this.maker.cred.fsuid === other.maker.cred.fsuid) || both(SO_REUSEADDR);
  }
  protected override mayBindTo(ip: string): boolean {
    return isMulticast(ip) || super.mayBindTo(ip) || ip === '255.255.255.255';
  }

  // ---- names ----

  override bind(address: Uint8Array, t: FileCaller): number {
    const wanted = this.bindable(address, t);
    if (typeof wanted === 'number') return wanted;
    this.boundIp = isAny(wanted.ip) ? null : wanted.ip;
    this.portGiven = wanted.port !== 0;
    const port = wanted.port !== 0 ? wanted.port : this.ports.ephemeral();
    if (port === 0 || !this.ports.isFree(this, port)) {
      this.boundIp = null;
      return -EADDRINUSE;
    }
    this.hold(port, wanted);
    if (this.outside === null) return 0;
    this.openHost(wanted, port, wanted.port === 0 ? 8 : 0);
    return this.asking ? PENDING : this.bindResult();
  }

  private hold(port: number, at: Endpoint): void {
    this.local = { ip: at.ip, port, scopeId: at.scopeId };
    this.ports.add(this, port);
    this.heldPort = port;
  }

  override bindResult(): number {
    if (this.asking) return PENDING;
    const error = this.hostError;
    this.hostError = 0;
    return -error;
  }

  private autobind(): number {
    if (this.local !== null) return 0;
    const port = this.ports.ephemeral();
    if (port === 0) return -EAGAIN;
    this.hold(port, { ip: this.wildcard, port, scopeId: 0 });
    return 0;
  }

  /** Makes the host's socket at the same port; `tries` others when somebody on the host has it. */
  private openHost(at: Endpoint, port: number, tries: number): void {
    this.asking = true;
    const options = { v6Only: isV6Only(this), reuseAddr: this.options.flag(SO_REUSEADDR), reusePort: this.options.flag(SO_REUSEPORT) };
    this.outside!.datagrams({ ip: this.hostAddress(at).ip, port }, options, (result) => {
      this.asking = false;
      if (typeof result === 'number') this.refused(result, at, port, tries);
      else if (this.gone) result.close();
      else this.opened(result);
      this.net.soon(() => this.waitQueue.wake(0));
    });
  }

  private refused(errno: number, at: Endpoint, port: number, tries: number): void {
    this.ports.remove(this, port);
    this.heldPort = 0;
    if (errno === EADDRINUSE && tries > 0 && !this.gone) {
      const next = this.ports.ephemeral();
      this.hold(next, at);
      this.openHost(at, next, tries - 1);
      return;
    }
    this.local = null;
    this.boundIp = null;
    this.hostError = errno;
    this.early = [];
    this.noNews();
  }

  private opened(host: HostDatagrams): void {
    this.host = host;
    host.events = this;
    if (this.options.flag(SO_BROADCAST)) host.setBroadcast(true);
    for (const [level, name] of [[SOL_IP, IP_TTL], [SOL_IP, IP_MULTICAST_TTL], [SOL_IP, IP_MULTICAST_LOOP]] as const) {
      if (this.inetInts.has(level * 65536 + name)) this.inetOptionChanged(level, name, inetInt(this, level, name));
    }
    this.memberships.apply(host);
    this.connectHost();
    for (const { data, to } of this.early.splice(0)) this.sendToHost(data, to);
    this.hearNews();
  }

  private connectHost(): void {
    const { remote, host } = this;
    if (host === null || remote === null || isMulticast(remote.ip) || this.inner(remote) !== null) return;
    host.connect(this.hostAddress(remote));
    this.hostConnected = true;
  }

  override connect(address: Uint8Array): number {
    if (address.length >= 2 && getU16(address, 0) === AF_UNSPEC) {
      this.remote = null;
      if (this.hostConnected) this.host?.disconnect();
      this.hostConnected = false;
      if (this.local !== null && this.boundIp === null) this.local = { ...this.local, ip: this.wildcard };
      return 0;
    }
    const to = this.destination(address);
    if (typeof to === 'number') return to;
    if (to.ip === '255.255.255.255' && !this.options.flag(SO_BROADCAST)) return -EACCES;
    if (this.outside === null && !this.net.isLocal(to.ip) && !isMulticast(to.ip)) return -ENETUNREACH;
    const bound = this.autobind();
    if (bound < 0) return bound;
    if (this.hostConnected) this.host?.disconnect();
    this.hostConnected = false;
    this.remote = to;
    this.local = { ip: this.sourceFor(to.ip), port: this.local!.port, scopeId: to.scopeId };
    this.connectHost();
    return 0;
  }

  // ---- sending ----

  /** The guest socket that a datagram to `to` reaches. */
  private inner(to: Endpoint): UdpSocket | null {
    if (!this.net.isLocal(to.ip)) return null;
    const { local } = this;
    const mine = this.ports.matching(to.ip, to.port).find((s) => s.remote !== null && local !== null && s.remote.port === local.port && s.remote.ip === this.sourceFor(to.ip));
    if (mine !== undefined) return mine;
    const group = this.ports.best(to.ip, to.port, (s) => s.remote === null);
    // Of several that share the port a sender always reaches the same one.
    return group[group[0]?.options.flag(SO_REUSEPORT) && local !== null ? local.port % group.length : 0] ?? null;
  }

  override send(msg: Outgoing): number {
    // Linux binds before it looks at anything else.
    const bound = this.autobind();
    if (bound < 0) return bound;
    if (msg.length > (this.isV6 ? MAX_PAYLOAD_V6 : MAX_PAYLOAD)) return -EMSGSIZE;
    if ((msg.flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
    const to = msg.name === null ? this.remote : this.destination(msg.name);
    if (to === null) return -EDESTADDRREQ;
    if (typeof to === 'number') return to;
    if (to.port === 0) return -EINVAL;
    if (to.ip === '255.255.255.255' && !this.options.flag(SO_BROADCAST)) return -EACCES;
    if (this.error !== 0) return -this.takeError();
    if ((this.shutdownBits & SEND_SHUTDOWN) !== 0) return -EPIPE;
    const heading = headingOf(this, to.ip, msg.control?.others ?? []);
    if (typeof heading === 'number') return heading;
    const inner = this.inner(to);
    if (inner !== null) {
      if (!inner.refuses(this.coverageOf(msg.length))) {
        inner.arrived(copyOf(msg.bufs, 0, msg.length), { ip: this.sourceFor(to.ip), port: this.local!.port, scopeId: to.scopeId }, to.ip, heading);
      }
      return msg.length;
    }
    return this.outside === null ? this.sendAlone(msg, to) : this.sendOutside(msg, to);
  }

  /** How much of a datagram with `length` bytes of data the checksum covers (with its header); Infinity: all of it. */
  private coverageOf(length: number): number {
    const wanted = this.isLite ? inetInt(this, SOL_UDPLITE, UDPLITE_SEND_CSCOV) : 0;
    return wanted === 0 || wanted >= length + UDP_HEADER ? Infinity : wanted;
  }
  /** UDP-Lite: who has said how much must be covered gets nothing that is covered less; 0: all must be. */
  private refuses(coverage: number): boolean {
    if (coverage === Infinity || !this.inetInts.has(SOL_UDPLITE * 65536 + UDPLITE_RECV_CSCOV)) return false;
    const wanted = inetInt(this, SOL_UDPLITE, UDPLITE_RECV_CSCOV);
    return wanted === 0 || coverage < wanted;
  }

  /** There is no network: groups have members here, everybody else is missing. */
  private sendAlone(msg: Outgoing, to: Endpoint): number {
    if (isMulticast(to.ip)) {
      const from = { ip: this.sourceFor('127.0.0.1'), port: this.local!.port, scopeId: 0 };
      for (const s of this.net.udpSockets) {
        if (s.heldPort === to.port && s.protocol === this.protocol && s.memberships.accepts(to.ip, from.ip)) s.arrived(copyOf(msg.bufs, 0, msg.length), from, to.ip);
      }
      return msg.length;
    }
    if (!this.net.isLocal(to.ip)) return -ENETUNREACH;
    if (this.remote !== null) this.failed(ECONNREFUSED);
    return msg.length;
  }

  private sendOutside(msg: Outgoing, to: Endpoint): number {
    if (this.host !== null && this.host.pendingBytes > this.options.sndBuf) return -EAGAIN;
    if (this.news !== null && (msg.flags & MSG_DONTWAIT) === 0 && (this.flags & O_NONBLOCK) === 0) return -EAGAIN;
    const data = copyOf(msg.bufs, 0, msg.length);
    const target = msg.name === null ? null : to;
    if (this.host !== null) this.sendToHost(data, target);
    else {
      if (this.early.length > 64) return -EAGAIN;
      this.early.push({ data, to: target });
      if (!this.asking) this.openHost({ ip: this.bindIp, port: 0, scopeId: 0 }, this.local!.port, 8);
    }
    this.awaitNews(to);
    return msg.length;
  }

  override get settling(): WaitQueue | null {
    return this.news;
  }

  /** On the loopback the refusal is there when sendto(2) returns. */
  private awaitNews(to: Endpoint): void {
    if (this.remote === null || !this.net.isLocal(to.ip) || isMulticast(to.ip)) return;
    this.news ??= new WaitQueue();
    this.hearNews();
  }

  private hearNews(): void {
    const { host, news } = this, sent = ++this.sent;
    if (host === null || news === null) return;
    host.settle(() => this.net.soon(() => {
      if (sent === this.sent) this.noNews();
    }));
  }

  private noNews(): void {
    const { news } = this;
    this.news = null;
    news?.wake(0);
    this.waitQueue.wake(0);
  }

  private sendToHost(data: Uint8Array, to: Endpoint | null): void {
    const host = this.host!;
    if (this.hostConnected && to !== null) {
      // A connected socket of the host sends to its peer only.
      host.disconnect();
      this.hostConnected = false;
    }
    if (this.hostConnected) host.send(data, null);
    else if ((to ?? this.remote) !== null) host.send(data, this.hostAddress((to ?? this.remote)!));
  }

  // ---- receiving ----

  arrived(data: Uint8Array, from: Endpoint, to: string, heading = PLAIN_HEADING): void {
    if (this.gone || (this.remote !== null && (this.remote.port !== from.port || this.remote.ip !== from.ip))) return;
    const left = this.options.filter === null ? data : this.filteredDatagram(data, from, to, heading);
    if (left !== null && this.queue.add(left, from, to, heading)) this.waitQueue.wake(READABLE);
  }
  override get filtersPackets(): boolean {
    return true;
  }
  /** The header stays in any case. */
  private filteredDatagram(data: Uint8Array, from: Endpoint, to: string, heading: Heading): Uint8Array | null {
    const lo = this.net.interfaces()[0]?.index ?? 1, length = this.options.filter!.run(udpPacket(data, from, to, this.heldPort, this.protocol, heading, lo));
    return length === 0 ? null : data.subarray(0, Math.max(0, length - UDP_HEADER));
  }

  onMessage(data: Uint8Array, from: HostAddress): void {
    const zone = from.ip.indexOf('%');
    const ip = zone < 0 ? from.ip : from.ip.slice(0, zone);
    const scopeId = zone < 0 ? 0 : (this.net.interfaces().find((i) => i.name === from.ip.slice(zone + 1))?.index ?? 0);
    if (this.memberships.blocks(ip)) return;
    this.net.soon(() => this.arrived(data, { ip, port: from.port, scopeId }, this.boundIp ?? this.sourceFor(ip)));
  }
  onError(errno: number): void {
    this.net.soon(() => this.failed(errno));
  }
  onDrain(): void {
    this.net.soon(() => this.waitQueue.wake(WRITABLE));
  }
  private failed(errno: number): void {
    this.error = errno;
    this.waitQueue.wake(EPOLLERR | READABLE | WRITABLE);
  }

  override receive(msg: Incoming, t: FileCaller): number {
    if ((msg.flags & MSG_ERRQUEUE) !== 0) return -EAGAIN;
    if (this.error !== 0) return -this.takeError();
    const first = this.queue.first;
    // Only who would wait is told of the shutdown.
    const waits = (msg.flags & MSG_DONTWAIT) === 0 && (this.flags & O_NONBLOCK) === 0;
    if (first === undefined) return waits && (this.shutdownBits & RCV_SHUTDOWN) !== 0 ? 0 : -EAGAIN;
    return this.queue.receive(first, msg, t);
  }

  override shutdown(how: number): number {
    this.shutdownBits |= how + 1;
    this.waitQueue.wake(ALL);
    return this.remote === null ? -ENOTCONN : 0;
  }

  override poll(): number {
    let mask = 0;
    if (this.error !== 0) mask |= EPOLLERR;
    if ((this.shutdownBits & RCV_SHUTDOWN) !== 0) mask |= EPOLLRDHUP | READABLE;
    if (this.shutdownBits === SHUTDOWN_MASK) mask |= EPOLLHUP;
    if (this.queue.first !== undefined) mask |= READABLE;
    if (this.host === null || this.host.pendingBytes <= this.options.sndBuf) mask |= WRITABLE;
    return mask;
  }

  // ---- options and requests ----

  override optionChanged(name: number): void {
    if (name === SO_BROADCAST) this.host?.setBroadcast(this.options.flag(SO_BROADCAST));
  }
  override inetOptionChanged(level: number, name: number, value: number): void {
    if (level !== SOL_IP || this.host === null) return;
    if (name === IP_TTL) this.host.setTtl(value);
    else if (name === IP_MULTICAST_TTL) this.host.setMulticastTtl(value);
    else if (name === IP_MULTICAST_LOOP) this.host.setMulticastLoop(value !== 0);
  }
  override setFamilyOption(level: number, name: number, value: Uint8Array, abi: Abi, t: FileCaller): number {
    return this.memberships.setOption(level, name, value, this.host) ?? super.setFamilyOption(level, name, value, abi, t);
  }
  override getFamilyOption(level: number, name: number, abi: Abi): Uint8Array | number {
    if (level === SOL_SOCKET) return -ENOPROTOOPT;
    return this.memberships.getOption(level, name) ?? super.getFamilyOption(level, name, abi);
  }

  override familyIoctl(t: FileCaller, cmd: number, arg: number): number | null {
    switch (cmd) {
      case SIOCINQ: return t.memory.setU32(arg, this.queue.first?.data.length ?? 0) ? 0 : -EFAULT;
      case SIOCOUTQ: return t.memory.setU32(arg, this.host?.pendingBytes ?? 0) ? 0 : -EFAULT;
      default: return null;
    }
  }

  protected override close(): void {
    this.gone = true;
    this.net.udpSockets.delete(this);
    if (this.heldPort !== 0) this.ports.remove(this, this.heldPort);
    // What is still to be sent goes first.
    this.host?.close();
  }
}
