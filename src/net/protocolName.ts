import { AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, SOCK_RAW, SOCK_STREAM } from '../abi/linux/socket.ts';

const INET: Readonly<Record<number, readonly [v4: string, v6: string]>> = {
  [IPPROTO_TCP]: ['TCP', 'TCPv6'],
  [IPPROTO_UDP]: ['UDP', 'UDPv6'],
  [IPPROTO_UDPLITE]: ['UDP-Lite', 'UDPLITEv6'],
  [IPPROTO_ICMP]: ['PING', 'PINGv6'],
  [IPPROTO_ICMPV6]: ['PING', 'PINGv6'],
};

/** What Linux calls a socket's protocol: sk_prot's name, which /proc/net/protocols and the attribute system.sockprotoname show. */
export function protocolName(family: number, type: number, protocol: number): string {
  switch (family) {
    case AF_UNIX: return type === SOCK_STREAM ? 'UNIX-STREAM' : 'UNIX';
    case AF_NETLINK: return 'NETLINK';
    case AF_INET: return type === SOCK_RAW ? 'RAW' : INET[protocol]?.[0] ?? '';
    case AF_INET6: return type === SOCK_RAW ? 'RAWv6' : INET[protocol]?.[1] ?? '';
    default: return '';
  }
}
