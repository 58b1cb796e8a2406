import { EACCES, EAGAIN, EDESTADDRREQ, EINVAL, EMSGSIZE, ENETUNREACH, ENOPROTOOPT, ENOTCONN, EOPNOTSUPP, EPIPE } from '../../abi/linux/errno.ts';
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLRDNORM, EPOLLWRBAND, EPOLLWRNORM } from '../../abi/linux/poll.ts';
import {
  AF_INET, AF_INET6, AF_UNSPEC, IPPROTO_ICMP, IPPROTO_ICMPV6, IPV6_CHECKSUM, MSG_ERRQUEUE, MSG_OOB, SOCK_RAW, SOL_ICMPV6, SOL_RAW, SOL_SOCKET,
} from '../../abi/linux/socket.ts';
import { getI32, getU16, getU32 } from '../../abi/layout.ts';
import type { Abi } from '../../abi/abi.ts';
import type { FileCaller } from '../../vfs/fileDescription.ts';
import type { PathContext } from '../../vfs/path.ts';
import { copyOf } from '../buffers.ts';
import { type Incoming, type Outgoing, RCV_SHUTDOWN, SEND_SHUTDOWN, SHUTDOWN_MASK } from '../message.ts';
import type { NetStack } from '../netStack.ts';
import { intValue } from '../options.ts';
import { DatagramQueue } from './datagramQueue.ts';
import type { Endpoint } from './endpoint.ts';
import { type Heading, headingOf } from './heading.ts';
import { InetSocket } from './inetSocket.ts';
import { ipBytes, isAny } from './ip.ts';

const READABLE = EPOLLIN | EPOLLRDNORM;
const WRITABLE = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
const ALL = READABLE | WRITABLE | EPOLLRDHUP | EPOLLHUP | EPOLLERR;
const ICMP_HEADER = 8;
const IP_HEADER = 20;
const MAX_PAYLOAD = 65535;
/** ICMP_FILTER of SOL_RAW, ICMPV6_FILTER of SOL_ICMPV6. */
const FILTER = 1;
/** Types of echo messages, [request, reply]. */
const ECHO = { [AF_INET]: [8, 0], [AF_INET6]: [128, 129] } as const;

/** RFC 1071, into the two bytes at `at`. */
function checksum(data: Uint8Array, at: number, pseudo: Uint8Array = new Uint8Array(0)): void {
  data[at] = data[at + 1] = 0;
  let sum = 0;
  for (const part of [pseudo, data]) for (let i = 0; i < part.length; i += 2) sum += part[i]! * 256 + (part[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  const value = ~sum & 0xffff;
  data[at] = value >> 8;
  data[at + 1] = value;
}

/**
 * Sockets of ICMP and ICMPv6 (icmp(7), raw(7)), of type SOCK_DGRAM (echo requests only, each socket with an identifier of its own) or SOCK_RAW.
 * No host's JavaScript has them: they reach this system's own addresses, where echo requests are answered, and nothing else.
 */
export class IcmpSocket extends InetSocket {
  private readonly queue = new DatagramQueue(this);
  /** Types that are not received: bits of ICMP_FILTER (32) or ICMPV6_FILTER (256). */
  private filter: Uint8Array;
  private checksumAt = 2;

  constructor(t: PathContext, net: NetStack, family: number, type: number, protocol: number, flags: number) {
    super(t, net, family, type, protocol, flags);
    this.filter = new Uint8Array(family === AF_INET ? 4 : 32);
    if (this.isRaw) net.icmpSockets.add(this);
    this.local = this.isRaw ? { ip: this.wildcard, port: protocol, scopeId: 0 } : null;
  }

  get isRaw(): boolean {
    return this.type === SOCK_RAW;
  }
  override mayShare(): boolean {
    return false;
  }

  // ---- names: a port is the identifier of echo messages ----

  /** Several may have one that was asked for: the last one gets the replies. */
  private takeId(id: number): number {
    let own = id;
    while (own === 0) {
      const n = this.nextId();
      if (![...this.net.icmpSockets].some((s) => !s.isRaw && s.family === this.family && s.local?.port === n)) own = n;
    }
    this.local = { ip: this.boundIp ?? this.wildcard, port: own, scopeId: 0 };
    this.net.icmpSockets.add(this);
    return 0;
  }

  private nextId(): number {
    const bytes = new Uint8Array(2);
    this.net.kernel.parts.random.fill(bytes);
    return bytes[0]! * 256 + bytes[1]!;
  }

  override bind(address: Uint8Array, t: FileCaller): number {
    if (!this.isRaw && this.local !== null) return -EINVAL;
    const known = this.local;
    if (this.isRaw) this.local = null;
    const wanted = this.bindable(this.isRaw ? address.map((b, i) => (i === 2 || i === 3 ? 0 : b)) : address, t);
    if (typeof wanted === 'number') {
      this.local = known;
      // An identifier is no port that needs a right.
      return wanted === -EACCES ? this.bindTo(address) : wanted;
    }
    return this.named(wanted);
  }
  private bindTo(address: Uint8Array): number {
    const wanted = this.destination(address);
    return typeof wanted === 'number' ? wanted : this.named(wanted);
  }
  private named(wanted: Endpoint): number {
    this.boundIp = isAny(wanted.ip) ? null : wanted.ip;
    if (!this.isRaw) return this.takeId(wanted.port);
    this.local = { ip: wanted.ip, port: this.protocol, scopeId: wanted.scopeId };
    return 0;
  }

  override connect(address: Uint8Array): number {
    if (address.length >= 2 && getU16(address, 0) === AF_UNSPEC) {
      this.remote = null;
      return 0;
    }
    const to = this.destination(address);
    if (typeof to === 'number') return to;
    if (!this.net.isLocal(to.ip)) return -ENETUNREACH;
    if (this.local === null) this.takeId(0);
    this.remote = this.isRaw ? { ...to, port: 0 } : to;
    this.local = { ip: this.sourceFor(to.ip), port: this.local!.port, scopeId: to.scopeId };
    return 0;
  }

  // ---- sending ----

  override send(msg: Outgoing): number {
    if (msg.length > MAX_PAYLOAD) return -EMSGSIZE;
    if (!this.isRaw && msg.length < ICMP_HEADER) return -EINVAL;
    if ((msg.flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
    const to = msg.name === null ? this.remote : this.destination(msg.name);
    if (to === null) return -EDESTADDRREQ;
    if (typeof to === 'number') return to;
    if ((this.shutdownBits & SEND_SHUTDOWN) !== 0) return -EPIPE;
    const heading = headingOf(this, to.ip, msg.control?.others ?? []);
    if (typeof heading === 'number') return heading;
    const data = copyOf(msg.bufs, 0, msg.length);
    const [request] = ECHO[this.family as keyof typeof ECHO];
    if (!this.isRaw) {
      if (data[0] !== request || data[1] !== 0) return -EINVAL;
      if (this.local === null) this.takeId(0);
      data[4] = this.local!.port >> 8;
      data[5] = this.local!.port;
    }
    if (!this.net.isLocal(to.ip)) return -ENETUNREACH;
    const from = this.sourceFor(to.ip);
    if (data.length >= 4 && (!this.isRaw || this.family === AF_INET6)) this.sum(data, from, to.ip);
    deliver(this.net, this.family, data, from, to.ip, heading);
    return msg.length;
  }

  /** ICMPv6's checksum covers the addresses, too. */
  sum(data: Uint8Array, from: string, to: string): void {
    if (this.family === AF_INET) return checksum(data, 2);
    const pseudo = new Uint8Array(40);
    pseudo.set(ipBytes(from), 0);
    pseudo.set(ipBytes(to), 16);
    pseudo[34] = data.length >> 8;
    pseudo[35] = data.length;
    pseudo[39] = IPPROTO_ICMPV6;
    checksum(data, 2, pseudo);
  }

  // ---- receiving ----

  private filters(type: number): boolean {
    return this.isRaw && type < this.filter.length * 8 && ((this.filter[type >> 3]! >> (type & 7)) & 1) !== 0;
  }

  /** Whether a message that has come to this system is for this socket. */
  wants(data: Uint8Array, from: string, to: string): boolean {
    const [, reply] = ECHO[this.family as keyof typeof ECHO];
    if (this.isRaw ? this.filters(data[0] ?? 0) : data[0] !== reply || data[4]! * 256 + data[5]! !== this.local?.port) return false;
    return (this.boundIp === null || this.boundIp === to) && (!this.isRaw || this.remote === null || this.remote.ip === from);
  }

  arrived(data: Uint8Array, from: string, to: string, heading: Heading): void {
    const whole = this.isRaw && this.family === AF_INET ? withHeader(data, from, to, heading) : data.slice();
    if (this.queue.add(whole, { ip: from, port: 0, scopeId: 0 }, to, heading)) this.waitQueue.wake(READABLE);
  }

  override receive(msg: Incoming, t: FileCaller): number {
    if ((msg.flags & MSG_ERRQUEUE) !== 0) return -EAGAIN;
    if ((msg.flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
    const { first } = this.queue;
    if (first === undefined) return -EAGAIN;
    return this.queue.receive(first, msg, t);
  }

  override shutdown(how: number): number {
    if (this.remote === null) return -ENOTCONN;
    this.shutdownBits |= how + 1;
    this.waitQueue.wake(ALL);
    return 0;
  }

  override poll(): number {
    let mask = WRITABLE;
    if ((this.shutdownBits & RCV_SHUTDOWN) !== 0) mask |= EPOLLRDHUP | READABLE;
    if (this.shutdownBits === SHUTDOWN_MASK) mask |= EPOLLHUP;
    return this.queue.first !== undefined ? mask | READABLE : mask;
  }

  // ---- options ----

  private isChecksum(level: number, name: number): boolean {
    return this.isRaw && this.family === AF_INET6 && level === SOL_RAW && name === IPV6_CHECKSUM;
  }
  private isFilter(level: number, name: number): boolean {
    return this.isRaw && name === FILTER && level === (this.family === AF_INET ? SOL_RAW : SOL_ICMPV6);
  }
  override setFamilyOption(level: number, name: number, value: Uint8Array, abi: Abi, t: FileCaller): number {
    if (this.isChecksum(level, name)) {
      // Where the checksum is: ICMPv6's is made whatever is said here.
      const offset = value.length < 4 ? 1 : getI32(value, 0);
      if (offset > 0 && (offset & 1) !== 0) return -EINVAL;
      this.checksumAt = Math.max(-1, offset);
      return 0;
    }
    if (!this.isFilter(level, name)) return super.setFamilyOption(level, name, value, abi, t);
    this.filter.set(value.subarray(0, this.filter.length));
    return 0;
  }
  override getFamilyOption(level: number, name: number, abi: Abi): Uint8Array | number {
    if (level === SOL_SOCKET) return -ENOPROTOOPT;
    if (this.isChecksum(level, name)) return intValue(this.checksumAt);
    if (!this.isFilter(level, name)) return super.getFamilyOption(level, name, abi);
    return this.family === AF_INET ? intValue(getU32(this.filter, 0)) : this.filter.slice();
  }

  protected override close(): void {
    this.net.icmpSockets.delete(this);
  }
}

function withHeader(data: Uint8Array, from: string, to: string, { hops, trafficClass }: Heading): Uint8Array {
  const out = new Uint8Array(IP_HEADER + data.length);
  out.set([0x45, trafficClass, out.length >> 8, out.length, 0, 0, 0, 0, hops, IPPROTO_ICMP]);
  out.set(ipBytes(from), 12);
  out.set(ipBytes(to), 16);
  const header = out.subarray(0, IP_HEADER);
  checksum(header, 10);
  out.set(data, IP_HEADER);
  return out;
}

/** All raw sockets that want a message get it, and one other. */
function handOut(net: NetStack, family: number, data: Uint8Array, from: string, to: string, heading: Heading): void {
  const takers = [...net.icmpSockets].filter((s) => s.family === family && s.wants(data, from, to));
  const last = takers.filter((s) => !s.isRaw).pop();
  for (const s of takers) if (s.isRaw || s === last) s.arrived(data, from, to, heading);
}

/** A message to one of this system's addresses: sockets get it, and an echo request its reply. */
function deliver(net: NetStack, family: number, data: Uint8Array, from: string, to: string, heading: Heading): void {
  handOut(net, family, data, from, to, heading);
  const [request, reply] = ECHO[family as keyof typeof ECHO];
  if (data.length < ICMP_HEADER || data[0] !== request || data[1] !== 0) return;
  const answer = data.slice();
  answer[0] = reply;
  const any = [...net.icmpSockets].find((s) => s.family === family);
  any?.sum(answer, to, from);
  const back = { hops: 64, trafficClass: heading.trafficClass };
  handOut(net, family, answer, to, from, back);
}

/** Who may have ping sockets: net.ipv4.ping_group_range. */
export function mayPing(t: PathContext, net: NetStack): boolean {
  const [low, high] = net.ns.pingGroups;
  return [t.cred.egid, ...t.cred.groups].some((gid) => gid >= low && gid <= high);
}
