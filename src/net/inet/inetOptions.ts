import { EADDRNOTAVAIL, EINVAL, ENOENT, ENOPROTOOPT, ENOTCONN, EOPNOTSUPP, EPERM, EPROTO } from '../../abi/linux/errno.ts';
import {
  AF_INET6, IPPROTO_UDPLITE, IP_HDRINCL, IP_BIND_ADDRESS_NO_PORT, IP_FREEBIND, IP_MTU, IP_MTU_DISCOVER, IP_MULTICAST_ALL, IP_MULTICAST_LOOP, IP_MULTICAST_TTL, IP_OPTIONS,
  IP_PASSSEC, IP_PKTINFO, IP_RECVERR, IP_RECVOPTS, IP_RECVORIGDSTADDR, IP_RECVTOS, IP_RECVTTL, IP_RETOPTS, IP_TOS, IP_TRANSPARENT, IP_TTL, IP_MINTTL,
  IPV6_AUTOFLOWLABEL, IPV6_DONTFRAG, IPV6_FREEBIND, IPV6_MTU, IPV6_MTU_DISCOVER, IPV6_MULTICAST_ALL, IPV6_MULTICAST_HOPS, IPV6_MULTICAST_IF, IPV6_MULTICAST_LOOP,
  IPV6_RECVERR, IPV6_RECVHOPLIMIT, IPV6_RECVORIGDSTADDR, IPV6_RECVPKTINFO, IPV6_RECVTCLASS, IPV6_TCLASS, IPV6_TRANSPARENT, IPV6_UNICAST_HOPS, IPV6_V6ONLY, SOCK_STREAM,
  SOL_IP, SOL_IPV6, SOL_TCP, SOL_UDP, SOL_UDPLITE, TCP_CONGESTION, TCP_CORK, TCP_DEFER_ACCEPT, TCP_FASTOPEN, TCP_FASTOPEN_CONNECT, TCP_INQ, TCP_KEEPCNT, TCP_KEEPIDLE,
  TCP_KEEPINTVL, TCP_LINGER2, TCP_MAXSEG, TCP_NODELAY, TCP_NOTSENT_LOWAT, TCP_QUICKACK, TCP_SYNCNT, TCP_THIN_DUPACK, TCP_THIN_LINEAR_TIMEOUTS, TCP_USER_TIMEOUT,
  TCP_WINDOW_CLAMP, UDP_CORK, UDP_GRO, UDP_NO_CHECK6_RX, UDP_NO_CHECK6_TX, UDP_SEGMENT, UDPLITE_RECV_CSCOV, UDPLITE_SEND_CSCOV,
  IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP, IP_IPSEC_POLICY, IP_MULTICAST_IF, IP_NODEFRAG, IP_RECVERR_RFC4884, IP_RECVFRAGSIZE, IP_ROUTER_ALERT, IP_UNBLOCK_SOURCE, IP_UNICAST_IF,
  IP_XFRM_POLICY, IPV6_IPSEC_POLICY, IPV6_MINHOPCOUNT, IPV6_RECVDSTOPTS, IPV6_RECVERR_RFC4884, IPV6_RECVFRAGSIZE, IPV6_RECVHOPOPTS, IPV6_RECVPATHMTU, IPV6_RECVRTHDR,
  IPV6_ROUTER_ALERT_ISOLATE, IPV6_UNICAST_IF, IPV6_XFRM_POLICY, MCAST_JOIN_GROUP, MCAST_MSFILTER, TCP_FASTOPEN_NO_COOKIE, TCP_REPAIR, TCP_REPAIR_WINDOW, TCP_SAVED_SYN, TCP_SAVE_SYN,
  TCP_TX_DELAY, TCP_ULP,
} from '../../abi/linux/socket.ts';
import { getI32 } from '../../abi/layout.ts';
import { latin1 } from '../../machine/guestMemory.ts';
import { Cap, type Cred } from '../../vfs/cred.ts';
import { intValue } from '../options.ts';
import type { InetSocket } from './inetSocket.ts';

/** Newer than the headers that socket.ts was made from. */
const IP_LOCAL_PORT_RANGE = 51;
const IP_PROTOCOL = 52;
const TCP_RTO_MAX_MS = 44;

/** An option that is an int: what it is at first, and which values it takes ('flag': anything, kept as 0 or 1). */
type IntOption = { readonly initial: number; readonly range: 'flag' | readonly [number, number] };
const flag = (initial = 0): IntOption => ({ initial, range: 'flag' });
const range = (initial: number, least: number, most: number): IntOption => ({ initial, range: [least, most] });
const any = (initial: number): IntOption => range(initial, -0x80000000, 0x7fffffff);

/** tcp(7) */
const tcp: Readonly<Record<number, IntOption>> = {
  [TCP_NODELAY]: flag(), [TCP_CORK]: flag(), [TCP_MAXSEG]: range(536, 0, 32767), [TCP_KEEPIDLE]: range(7200, 1, 32767), [TCP_KEEPINTVL]: range(75, 1, 32767),
  [TCP_KEEPCNT]: range(9, 1, 127), [TCP_SYNCNT]: range(6, 1, 127), [TCP_LINGER2]: any(60), [TCP_DEFER_ACCEPT]: any(0), [TCP_WINDOW_CLAMP]: any(0),
  [TCP_QUICKACK]: flag(1), [TCP_USER_TIMEOUT]: range(0, 0, 0x7fffffff), [TCP_FASTOPEN]: range(0, 0, 0x7fffffff), [TCP_FASTOPEN_CONNECT]: range(0, 0, 1),
  [TCP_NOTSENT_LOWAT]: any(0), [TCP_INQ]: range(0, 0, 1), [TCP_THIN_LINEAR_TIMEOUTS]: range(0, 0, 1), [TCP_THIN_DUPACK]: range(0, 0, 1),
  [TCP_SAVE_SYN]: range(0, 0, 2), [TCP_FASTOPEN_NO_COOKIE]: range(0, 0, 1), [TCP_TX_DELAY]: range(0, 0, 0x7fffffff - 1), [TCP_RTO_MAX_MS]: range(120_000, 1000, 120_000),
};

/** ip(7) */
const ip: Readonly<Record<number, IntOption>> = {
  [IP_TOS]: any(0), [IP_TTL]: range(64, 1, 255), [IP_PKTINFO]: flag(), [IP_RECVTTL]: flag(), [IP_RECVTOS]: flag(), [IP_RECVOPTS]: flag(),
  [IP_RETOPTS]: flag(), [IP_RECVERR]: flag(), [IP_PASSSEC]: flag(), [IP_FREEBIND]: flag(), [IP_TRANSPARENT]: flag(), [IP_MTU_DISCOVER]: range(1, 0, 5),
  [IP_MINTTL]: range(0, 0, 255), [IP_BIND_ADDRESS_NO_PORT]: flag(), [IP_RECVORIGDSTADDR]: flag(), [IP_MULTICAST_TTL]: range(1, 0, 255),
  [IP_MULTICAST_LOOP]: flag(1), [IP_MULTICAST_ALL]: range(1, 0, 1), [IP_NODEFRAG]: flag(), [IP_RECVFRAGSIZE]: flag(), [IP_RECVERR_RFC4884]: range(0, 0, 1),
  [IP_LOCAL_PORT_RANGE]: any(0), [IP_UNICAST_IF]: any(0), [IP_MULTICAST_IF]: any(0), [IP_ROUTER_ALERT]: any(0),
};

/** ipv6(7) */
const ipv6: Readonly<Record<number, IntOption>> = {
  [IPV6_V6ONLY]: flag(), [IPV6_UNICAST_HOPS]: range(64, -1, 255), [IPV6_MULTICAST_HOPS]: range(1, -1, 255), [IPV6_MULTICAST_LOOP]: range(1, 0, 1),
  [IPV6_MULTICAST_IF]: any(0), [IPV6_MULTICAST_ALL]: flag(1), [IPV6_RECVPKTINFO]: flag(), [IPV6_RECVHOPLIMIT]: flag(), [IPV6_RECVTCLASS]: flag(),
  [IPV6_TCLASS]: range(0, -1, 255), [IPV6_RECVERR]: flag(), [IPV6_MTU_DISCOVER]: range(1, 0, 5), [IPV6_DONTFRAG]: flag(), [IPV6_AUTOFLOWLABEL]: flag(1),
  [IPV6_TRANSPARENT]: flag(), [IPV6_FREEBIND]: flag(), [IPV6_RECVORIGDSTADDR]: flag(), [IPV6_MTU]: range(1280, 1280, 0x7fffffff),
  // What they would tell of does not come: extension headers, fragments, errors with parts of packets.
  [IPV6_RECVHOPOPTS]: flag(), [IPV6_RECVRTHDR]: flag(), [IPV6_RECVDSTOPTS]: flag(), [IPV6_RECVPATHMTU]: flag(), [IPV6_RECVFRAGSIZE]: flag(),
  [IPV6_ROUTER_ALERT_ISOLATE]: flag(), [IPV6_RECVERR_RFC4884]: range(0, 0, 1), [IPV6_MINHOPCOUNT]: range(0, 0, 255), [IPV6_UNICAST_IF]: any(0),
};

const udp: Readonly<Record<number, IntOption>> = {
  [UDPLITE_SEND_CSCOV]: any(0), [UDPLITE_RECV_CSCOV]: any(0), [UDP_CORK]: flag(), [UDP_NO_CHECK6_TX]: flag(), [UDP_NO_CHECK6_RX]: flag(), [UDP_SEGMENT]: range(0, 0, 65535), [UDP_GRO]: flag(),
};

/** Options that take CAP_NET_ADMIN. */
const ADMIN: Readonly<Record<number, readonly number[]>> = {
  [SOL_IP]: [IP_IPSEC_POLICY, IP_XFRM_POLICY], [SOL_IPV6]: [IPV6_IPSEC_POLICY, IPV6_XFRM_POLICY], [SOL_TCP]: [TCP_REPAIR, TCP_REPAIR_WINDOW],
};
/** Options of multicast, whose names are known to sockets that have no groups. */
const GROUPS: Readonly<Record<number, readonly [number, number]>> = { [SOL_IP]: [IP_UNBLOCK_SOURCE, MCAST_MSFILTER], [SOL_IPV6]: [MCAST_JOIN_GROUP, MCAST_MSFILTER] };

/** What is refused before a value is looked at; null: nothing is. */
function refusal(s: InetSocket, level: number, name: number, value: Uint8Array, cred: Cred): number | null {
  if (ADMIN[level]?.includes(name) === true) return cred.hasIn(Cap.NET_ADMIN, s.net.userNs) ? -ENOPROTOOPT : -EPERM;
  const groups = GROUPS[level];
  const isStream = s.type === SOCK_STREAM;
  if (isStream && level === SOL_IP && (name === IP_ADD_MEMBERSHIP || name === IP_DROP_MEMBERSHIP)) return -EPROTO;
  if (groups !== undefined && name >= groups[0] && name <= groups[1]) return -EINVAL;
  if (isStream && level === SOL_IP && (name === IP_RECVFRAGSIZE || name === IP_MULTICAST_IF)) return -EINVAL;
  // Of a connection they are about how it begins.
  if (level === SOL_TCP && (name === TCP_FASTOPEN_CONNECT || name === TCP_FASTOPEN_NO_COOKIE || name === TCP_FASTOPEN) && s.remote !== null) return -EINVAL;
  if (level === SOL_TCP && name === TCP_FASTOPEN_CONNECT && s.listening) return -EINVAL;
  if (level === SOL_TCP && name === TCP_ULP) return value.length === 0 ? -EINVAL : -ENOENT;
  if (level === SOL_IP && name === IP_ROUTER_ALERT) return -EINVAL;
  if ((level === SOL_IP && name === IP_NODEFRAG) || (isStream && level === SOL_IPV6 && name === IPV6_MULTICAST_IF)) return -ENOPROTOOPT;
  // Only the default and interfaces there are.
  if ((level === SOL_IP && name === IP_UNICAST_IF) || (level === SOL_IPV6 && name === IPV6_UNICAST_IF)) {
    if (value.length < 4) return -EINVAL;
    const index = new DataView(value.buffer, value.byteOffset, 4).getUint32(0);
    return index === 0 || s.net.interfaces().some((i) => i.index === index) ? null : -EADDRNOTAVAIL;
  }
  return null;
}

/** Options of IP that an empty value does not set to 0. */
const NOT_EMPTY = new Set<number>([IP_FREEBIND, IP_TRANSPARENT, IP_MINTTL, IP_MULTICAST_TTL, IP_MULTICAST_LOOP, IP_MULTICAST_ALL, IP_LOCAL_PORT_RANGE]);

/** TCP_DEFER_ACCEPT counts tries: after 1, 3, 7, ... seconds. */
function wholeTries(seconds: number): number {
  let end = 0;
  for (let wait = 1; end < seconds; wait = Math.min(wait * 2, 120)) end += wait;
  return end;
}

const CONGESTION_CONTROLS = ['cubic', 'reno'];
const PATH_MTU = 65535;

function tableOf(s: InetSocket, level: number): Readonly<Record<number, IntOption>> | null {
  switch (level) {
    case SOL_TCP: return s.type === SOCK_STREAM ? tcp : null;
    case SOL_UDP: case SOL_UDPLITE: return s.type === SOCK_STREAM ? null : udp;
    case SOL_IP: return ip;
    case SOL_IPV6: return s.family === AF_INET6 ? ipv6 : null;
    default: return null;
  }
}

/** UDP-Lite's options, which are UDP's, too. */
const isCoverage = (level: number, name: number): boolean =>
  (level === SOL_UDP || level === SOL_UDPLITE) && (name === UDPLITE_SEND_CSCOV || name === UDPLITE_RECV_CSCOV);

const key = (level: number, name: number): number => level * 65536 + name;

/** The value of an option that is an int. */
export function inetInt(s: InetSocket, level: number, name: number): number {
  return s.inetInts.get(key(level, name)) ?? tableOf(s, level)?.[name]?.initial ?? 0;
}

/** 0 or -errno; levels TCP, UDP, IP and IPv6. Memberships are the datagram socket's business. */
export function setInetOption(s: InetSocket, level: number, name: number, value: Uint8Array, cred: Cred): number {
  const table = tableOf(s, level);
  if (table === null) return -ENOPROTOOPT;
  if (level === SOL_TCP && name === TCP_CONGESTION) return setCongestion(s, value);
  if (level === SOL_IP && name === IP_OPTIONS) return value.length === 0 ? 0 : -EINVAL;
  if (level === SOL_TCP && value.length < 4) return -EINVAL;
  const refused = refusal(s, level, name, value, cred);
  if (refused !== null) return refused;
  const option = table[name];
  if (option === undefined) return -ENOPROTOOPT;
  if (s.type === SOCK_STREAM && level === SOL_IP && name === IP_MULTICAST_TTL) return -EINVAL;
  if (s.type === SOCK_STREAM && level === SOL_IPV6 && name === IPV6_MULTICAST_HOPS) return -ENOPROTOOPT;
  let n: number;
  if (value.length >= 4) n = getI32(value, 0);
  else if (level === SOL_IP && (value.length > 0 || !NOT_EMPTY.has(name))) n = value[0] ?? 0;
  else return -EINVAL;
  if (level === SOL_IPV6 && name === IPV6_V6ONLY && s.local !== null) return -EINVAL;
  if ((level === SOL_IP && name === IP_TRANSPARENT) || (level === SOL_IPV6 && name === IPV6_TRANSPARENT)) {
    if (n !== 0 && !cred.hasIn(Cap.NET_ADMIN, s.net.userNs) && !cred.hasIn(Cap.NET_RAW, s.net.userNs)) return -EPERM;
  }
  // -1 asks for the default.
  if (n === -1 && ((level === SOL_IP && (name === IP_TTL || name === IP_MULTICAST_TTL)) || (level === SOL_IPV6 && (name === IPV6_UNICAST_HOPS || name === IPV6_MULTICAST_HOPS || name === IPV6_TCLASS)))) n = option.initial;
  if (level === SOL_IP && name === IP_TOS) n &= 0xff;
  // The bits of explicit congestion notification are the protocol's.
  if (s.type === SOCK_STREAM && ((level === SOL_IP && name === IP_TOS) || (level === SOL_IPV6 && name === IPV6_TCLASS && n >= 0))) n &= ~3;
  if (level === SOL_TCP && name === TCP_DEFER_ACCEPT) n = wholeTries(Math.min(n, 1 << 20));
  if (isCoverage(level, name)) {
    if (s.protocol !== IPPROTO_UDPLITE) return -ENOPROTOOPT;
    level = SOL_UDPLITE;
    // At least the header.
    n = n === 0 ? 0 : Math.min(Math.max(n, 8), 0xffff);
  }
  if (option.range === 'flag') n = n === 0 ? 0 : 1;
  else if (n < option.range[0] || n > option.range[1]) return -EINVAL;
  if (level === SOL_TCP && name === TCP_MAXSEG && n !== 0 && n < 88) return -EINVAL;
  s.inetInts.set(key(level, name), n);
  s.inetOptionChanged(level, name, n);
  return 0;
}

function setCongestion(s: InetSocket, value: Uint8Array): number {
  const end = value.indexOf(0);
  const name = latin1(value, 0, end < 0 ? value.length : end);
  if (name === '') return -EINVAL;
  if (!CONGESTION_CONTROLS.includes(name)) return -ENOENT;
  s.congestion = name;
  return 0;
}

export function getInetOption(s: InetSocket, level: number, name: number): Uint8Array | number {
  const table = tableOf(s, level);
  if (table === null) return s.family === AF_INET6 ? -ENOPROTOOPT : -EOPNOTSUPP;
  if (level === SOL_TCP && name === TCP_CONGESTION) return Uint8Array.from(s.congestion.padEnd(16, '\0'), (c) => c.charCodeAt(0));
  if (level === SOL_IP && name === IP_OPTIONS) return new Uint8Array(0);
  if ((level === SOL_IP && name === IP_MTU) || (level === SOL_IPV6 && name === IPV6_MTU)) return s.remote === null ? -ENOTCONN : intValue(PATH_MTU);
  // Read only: raw sockets set it.
  if (level === SOL_IP && name === IP_HDRINCL) return intValue(0);
  if (level === SOL_IP && name === IP_PROTOCOL) return intValue(s.local?.port ?? 0);
  if (level === SOL_TCP && name === TCP_THIN_DUPACK) return intValue(0);
  if (level === SOL_TCP && name === TCP_LINGER2) return intValue(inetInt(s, level, name) || tcp[TCP_LINGER2]!.initial);
  if ((level === SOL_TCP && name === TCP_ULP) || (level === SOL_TCP && name === TCP_SAVED_SYN)) return new Uint8Array(0);
  if (level === SOL_IP && name === IP_MULTICAST_ALL && s.family === AF_INET6 && !s.inetInts.has(key(level, name))) return intValue(0);
  if (table[name] === undefined) return -ENOPROTOOPT;
  return intValue(inetInt(s, isCoverage(level, name) ? SOL_UDPLITE : level, name));
}

/** Whether an IPv6 socket leaves IPv4 alone. */
export const isV6Only = (s: InetSocket): boolean => s.family === AF_INET6 && inetInt(s, SOL_IPV6, IPV6_V6ONLY) !== 0;
