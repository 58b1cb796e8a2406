import { EINVAL } from '../../abi/linux/errno.ts';
import {
  IP_MULTICAST_TTL, IP_PKTINFO, IP_TOS, IP_TTL, IPV6_HOPLIMIT, IPV6_MULTICAST_HOPS, IPV6_PKTINFO, IPV6_TCLASS, IPV6_UNICAST_HOPS, SOL_IP, SOL_IPV6,
} from '../../abi/linux/socket.ts';
import { getI32 } from '../../abi/layout.ts';
import type { ControlMessage } from '../message.ts';
import { inetInt } from './inetOptions.ts';
import type { InetSocket } from './inetSocket.ts';
import { isMulticast, isV4 } from './ip.ts';

/** What a packet's header says of its way: hops left (TTL) and type of service (traffic class). */
export interface Heading {
  readonly hops: number;
  readonly trafficClass: number;
}

/** What datagrams from elsewhere are taken to have had. */
export const PLAIN_HEADING: Heading = { hops: 64, trafficClass: 0 };

/** The heading of a datagram to `ip`: by the socket's options, and by what came with it (ip_cmsg_send, ip6_datagram_send_ctl). -EINVAL. */
export function headingOf(s: InetSocket, ip: string, control: readonly ControlMessage[]): Heading | number {
  return isV4(ip) ? heading4(s, ip, control) : heading6(s, ip, control);
}

function heading4(s: InetSocket, ip: string, control: readonly ControlMessage[]): Heading | number {
  let hops = inetInt(s, SOL_IP, isMulticast(ip) ? IP_MULTICAST_TTL : IP_TTL), trafficClass = inetInt(s, SOL_IP, IP_TOS);
  for (const { level, type, data } of control) {
    if (level !== SOL_IP) continue;
    if (type === IP_TTL) {
      hops = data.length === 4 ? getI32(data, 0) : 0;
      if (hops < 1 || hops > 255) return -EINVAL;
    } else if (type === IP_TOS) {
      trafficClass = data.length === 4 ? getI32(data, 0) : data.length === 1 ? data[0]! : -1;
      if (trafficClass < 0 || trafficClass > 255) return -EINVAL;
    } else if (type !== IP_PKTINFO) return -EINVAL;
  }
  return { hops, trafficClass };
}

/** -1 to 255. */
const byteOf = (data: Uint8Array): number | null => (data.length === 4 && getI32(data, 0) >= -1 && getI32(data, 0) <= 255 ? getI32(data, 0) : null);

function heading6(s: InetSocket, ip: string, control: readonly ControlMessage[]): Heading | number {
  let hops = inetInt(s, SOL_IPV6, isMulticast(ip) ? IPV6_MULTICAST_HOPS : IPV6_UNICAST_HOPS), trafficClass = inetInt(s, SOL_IPV6, IPV6_TCLASS);
  for (const { level, type, data } of control) {
    if (level !== SOL_IPV6) continue;
    const value = byteOf(data);
    if (type === IPV6_PKTINFO) continue;
    if ((type !== IPV6_HOPLIMIT && type !== IPV6_TCLASS) || value === null) return -EINVAL;
    if (type === IPV6_TCLASS) trafficClass = value & 0xff;
    else if (value >= 0) hops = value;
  }
  return { hops: hops < 0 ? PLAIN_HEADING.hops : hops, trafficClass };
}
