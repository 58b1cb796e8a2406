import {
  AF_INET, AF_INET6, IP_ORIGDSTADDR, IP_PKTINFO, IP_RECVORIGDSTADDR, IP_RECVTOS, IP_RECVTTL, IP_TOS, IP_TTL, IPV6_HOPLIMIT, IPV6_ORIGDSTADDR, IPV6_PKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVORIGDSTADDR, IPV6_RECVPKTINFO, IPV6_RECVTCLASS, IPV6_TCLASS,
  SCM_TIMESTAMP, SCM_TIMESTAMPNS, SO_TIMESTAMP, SO_TIMESTAMP_NEW, SO_TIMESTAMPNS, SO_TIMESTAMPNS_NEW, SOL_IP, SOL_IPV6, SOL_SOCKET,
} from '../../abi/linux/socket.ts';
import { putU32 } from '../../abi/layout.ts';
import type { Abi } from '../../abi/abi.ts';
import type { FileCaller } from '../../vfs/fileDescription.ts';
import type { ControlMessage } from '../message.ts';
import { intValue } from '../options.ts';
import { inetInt } from './inetOptions.ts';
import { endpointBytes } from './endpoint.ts';
import { ipBytes, isV4 } from './ip.ts';
import type { InetSocket } from './inetSocket.ts';
import type { Datagram } from './datagramQueue.ts';

/** Where a datagram was sent to. */
function sockaddr(s: InetSocket, ip: string, family: number): Uint8Array {
  return endpointBytes({ ip, port: s.local?.port ?? 0, scopeId: 0 }, family);
}

/** The control messages that a program has asked for with each datagram, in Linux's order. */
export function packetInfo(s: InetSocket, d: Datagram, t: FileCaller): ControlMessage[] {
  const out: ControlMessage[] = [];
  const { abi } = t as unknown as { abi: Abi };
  const wide = s.options.flag(SO_TIMESTAMPNS_NEW) ? SO_TIMESTAMPNS_NEW : s.options.flag(SO_TIMESTAMP_NEW) ? SO_TIMESTAMP_NEW : 0;
  if (wide !== 0) {
    // Two 64-bit numbers, whoever asks; the message is named as the option.
    const data = new Uint8Array(16);
    putU32(data, 0, d.at.sec);
    putU32(data, 8, wide === SO_TIMESTAMPNS_NEW ? d.at.nsec : Math.floor(d.at.nsec / 1000));
    out.push({ level: SOL_SOCKET, type: wide, data });
  } else if (s.options.flag(SO_TIMESTAMPNS) || s.options.flag(SO_TIMESTAMP)) {
    const nano = s.options.flag(SO_TIMESTAMPNS);
    const layout = nano ? abi.timespec : abi.timeval;
    const data = new Uint8Array(layout.size);
    if (nano) abi.timespec.write(data, { tv_sec: d.at.sec, tv_nsec: d.at.nsec });
    else abi.timeval.write(data, { tv_sec: d.at.sec, tv_usec: Math.floor(d.at.nsec / 1000) });
    out.push({ level: SOL_SOCKET, type: nano ? SCM_TIMESTAMPNS : SCM_TIMESTAMP, data });
  }
  const index = s.net.interfaces().find((i) => i.addresses.some((a) => a.ip === d.to))?.index ?? (d.to.startsWith('127.') ? 1 : 0);
  const ip = (name: number): boolean => inetInt(s, SOL_IP, name) !== 0;
  if (isV4(d.to)) {
    if (ip(IP_PKTINFO)) {
      const data = new Uint8Array(abi.inPktinfo.size);
      abi.inPktinfo.write(data, { ipi_ifindex: index });
      abi.inPktinfo.bytes(data, 'ipi_spec_dst').set(ipBytes(d.to));
      abi.inPktinfo.bytes(data, 'ipi_addr').set(ipBytes(d.to));
      out.push({ level: SOL_IP, type: IP_PKTINFO, data });
    }
    if (ip(IP_RECVTTL)) out.push({ level: SOL_IP, type: IP_TTL, data: intValue(d.heading.hops) });
    if (ip(IP_RECVTOS)) out.push({ level: SOL_IP, type: IP_TOS, data: Uint8Array.of(d.heading.trafficClass) });
    if (ip(IP_RECVORIGDSTADDR)) out.push({ level: SOL_IP, type: IP_ORIGDSTADDR, data: sockaddr(s, d.to, AF_INET) });
  }
  if (!s.isV6) return out;
  const ipv6 = (name: number): boolean => inetInt(s, SOL_IPV6, name) !== 0;
  if (ipv6(IPV6_RECVPKTINFO)) {
    const data = new Uint8Array(abi.in6Pktinfo.size);
    if (isV4(d.to)) {
      data[10] = data[11] = 0xff;
      data.set(ipBytes(d.to), 12);
    } else data.set(ipBytes(d.to));
    putU32(data, 16, index);
    out.push({ level: SOL_IPV6, type: IPV6_PKTINFO, data });
  }
  if (ipv6(IPV6_RECVHOPLIMIT) && !isV4(d.to)) out.push({ level: SOL_IPV6, type: IPV6_HOPLIMIT, data: intValue(d.heading.hops) });
  if (ipv6(IPV6_RECVTCLASS) && !isV4(d.to)) out.push({ level: SOL_IPV6, type: IPV6_TCLASS, data: intValue(d.heading.trafficClass) });
  if (ipv6(IPV6_RECVORIGDSTADDR)) out.push({ level: SOL_IPV6, type: IPV6_ORIGDSTADDR, data: sockaddr(s, d.to, AF_INET6) });
  return out;
}
