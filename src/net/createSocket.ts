import { EACCES, EAFNOSUPPORT, EINVAL, EPERM, EPROTONOSUPPORT, ESOCKTNOSUPPORT } from '../abi/linux/errno.ts';
import {
  AF_INET, AF_INET6, AF_MAX, AF_NETLINK, AF_PACKET, AF_UNIX, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, NETLINK_GENERIC, NETLINK_KOBJECT_UEVENT, NETLINK_ROUTE, NETLINK_SOCK_DIAG, SOCK_DGRAM, SOCK_RAW,
  SOCK_SEQPACKET, SOCK_STREAM,
} from '../abi/linux/socket.ts';
import { Cap } from '../vfs/cred.ts';
import type { FileCaller } from '../vfs/fileDescription.ts';
import { IcmpSocket, mayPing } from './inet/icmpSocket.ts';
import { TcpSocket } from './inet/tcpSocket.ts';
import { UdpSocket } from './inet/udpSocket.ts';
import { NetlinkSocket } from './netlink/netlinkSocket.ts';
import type { NetStack } from './netStack.ts';
import type { Socket } from './socket.ts';
import { UnixDatagram, UnixSeqpacket } from './unix/unixPackets.ts';
import { UnixStream } from './unix/unixStream.ts';

const SOCK_MAX = 11;
const NETLINK_PROTOCOLS: readonly number[] = [NETLINK_ROUTE, NETLINK_SOCK_DIAG, NETLINK_GENERIC, NETLINK_KOBJECT_UEVENT];

function unixSocket(t: FileCaller, net: NetStack, type: number, protocol: number, flags: number): UnixStream | UnixSeqpacket | UnixDatagram | number {
  if (protocol !== 0 && protocol !== AF_UNIX) return -EPROTONOSUPPORT;
  switch (type) {
    case SOCK_STREAM: return new UnixStream(t, net, flags);
    case SOCK_RAW: case SOCK_DGRAM: return new UnixDatagram(t, net, flags);
    case SOCK_SEQPACKET: return new UnixSeqpacket(t, net, flags);
    default: return -ESOCKTNOSUPPORT;
  }
}

function inetSocket(t: FileCaller, net: NetStack, family: number, type: number, protocol: number, flags: number): Socket | number {
  if (protocol < 0 || protocol >= 263) return -EINVAL;
  switch (type) {
    case SOCK_STREAM: return protocol === 0 || protocol === IPPROTO_TCP ? new TcpSocket(t, net, family, IPPROTO_TCP, flags) : -EPROTONOSUPPORT;
    case SOCK_DGRAM:
      if (protocol === (family === AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6)) return mayPing(t, net) ? new IcmpSocket(t, net, family, type, protocol, flags) : -EACCES;
      if (protocol !== 0 && protocol !== IPPROTO_UDP && protocol !== IPPROTO_UDPLITE) return -EPROTONOSUPPORT;
      return new UdpSocket(t, net, family, protocol || IPPROTO_UDP, flags);
    // The hosts' JavaScript has no raw sockets: but for those that need no host as without the capability.
    case SOCK_RAW:
      if (protocol === 0) return -EPROTONOSUPPORT;
      if (!t.cred.hasIn(Cap.NET_RAW, net.userNs) || protocol !== (family === AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6)) return -EPERM;
      return new IcmpSocket(t, net, family, type, protocol, flags);
    default: return -ESOCKTNOSUPPORT;
  }
}

/** socket(2), without the descriptor: `flags` are O_* for the description. */
export function createSocket(t: FileCaller, net: NetStack, family: number, type: number, protocol: number, flags: number): Socket | number {
  if (family < 0 || family >= AF_MAX) return -EAFNOSUPPORT;
  if (type < 0 || type >= SOCK_MAX) return -EINVAL;
  switch (family) {
    case AF_UNIX: return unixSocket(t, net, type, protocol, flags);
    case AF_INET: case AF_INET6: return inetSocket(t, net, family, type, protocol, flags);
    case AF_NETLINK:
      if (type !== SOCK_RAW && type !== SOCK_DGRAM) return -ESOCKTNOSUPPORT;
      return NETLINK_PROTOCOLS.includes(protocol) ? new NetlinkSocket(t, net, type, protocol, flags) : -EPROTONOSUPPORT;
    case AF_PACKET: return t.cred.hasIn(Cap.NET_RAW, net.userNs) ? -EAFNOSUPPORT : -EPERM;
    default: return -EAFNOSUPPORT;
  }
}

/** Two connected Unix sockets, as socketpair(2) makes them. */
export function createPair(t: FileCaller, net: NetStack, type: number, protocol: number, flags: number): [Socket, Socket] | number {
  const a = unixSocket(t, net, type, protocol, flags);
  if (typeof a === 'number') return a;
  const b = unixSocket(t, net, type, protocol, flags) as typeof a;
  if (a instanceof UnixDatagram) a.join(b as UnixDatagram, t);
  else a.join(b as UnixStream, t);
  return [a, b];
}
