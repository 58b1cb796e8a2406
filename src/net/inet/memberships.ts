import { EADDRINUSE, EADDRNOTAVAIL, EINVAL, ENODEV } from '../../abi/linux/errno.ts';
import {
  AF_INET6, IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP, IP_MULTICAST_IF, IPV6_JOIN_GROUP, IPV6_LEAVE_GROUP, IPV6_MULTICAST_IF, MCAST_JOIN_GROUP,
  MCAST_LEAVE_GROUP, SOL_IP, SOL_IPV6,
} from '../../abi/linux/socket.ts';
import { getI32, getU16, getU32 } from '../../abi/layout.ts';
import type { HostDatagrams } from '../../host/sockets.ts';
import type { InetSocket } from './inetSocket.ts';
import { ipText, isMulticast, isV4 } from './ip.ts';

interface Membership {
  readonly group: string;
  readonly index: number;
}

/** Groups that a UDP socket has joined (ip(7), ipv6(7)); kept until the host's socket is there. */
export class Memberships {
  private readonly socket: InetSocket;
  private readonly joined: Membership[] = [];
  private sendIp = '0.0.0.0';

  constructor(socket: InetSocket) {
    this.socket = socket;
  }

  has(group: string): boolean {
    return this.joined.some((m) => m.group === group);
  }

  private interfaceAddress(m: Membership): string | null {
    const found = this.socket.net.interfaces().find((i) => i.index === m.index);
    if (found === undefined) return null;
    return isV4(m.group) ? (found.addresses.find((a) => isV4(a.ip))?.ip ?? null) : `::%${found.name}`;
  }

  apply(host: HostDatagrams): void {
    for (const m of this.joined) host.joinGroup(m.group, this.interfaceAddress(m));
    if (this.sendIp !== '0.0.0.0') host.setMulticastInterface(this.sendIp);
  }

  /** null: not an option about groups. */
  setOption(level: number, name: number, value: Uint8Array, host: HostDatagrams | null): number | null {
    if (level === SOL_IPV6 && this.socket.family !== AF_INET6) return null;
    if (level === SOL_IP && name === IP_MULTICAST_IF) return this.sendThrough(value, host);
    const join = level === SOL_IP ? name === IP_ADD_MEMBERSHIP || name === MCAST_JOIN_GROUP : level === SOL_IPV6 && (name === IPV6_JOIN_GROUP || name === MCAST_JOIN_GROUP);
    const leave = level === SOL_IP ? name === IP_DROP_MEMBERSHIP || name === MCAST_LEAVE_GROUP : level === SOL_IPV6 && (name === IPV6_LEAVE_GROUP || name === MCAST_LEAVE_GROUP);
    if (!join && !leave) return null;
    const m = this.parse(level, name, value);
    if (typeof m === 'number') return m;
    const known = this.joined.findIndex((k) => k.group === m.group && (m.index === 0 || k.index === m.index));
    if (join) {
      if (known >= 0) return -EADDRINUSE;
      this.joined.push(m);
      return host?.joinGroup(m.group, this.interfaceAddress(m)) ?? 0;
    }
    if (known < 0) return -EADDRNOTAVAIL;
    this.joined.splice(known, 1);
    return host?.leaveGroup(m.group, this.interfaceAddress(m)) ?? 0;
  }

  private parse(level: number, name: number, value: Uint8Array): Membership | number {
    let group: string;
    let index = 0;
    if (name === MCAST_JOIN_GROUP || name === MCAST_LEAVE_GROUP) {
      // struct group_req: an index, then a sockaddr_storage at its alignment.
      if (value.length < 132) return -EINVAL;
      const at = value.length >= 136 ? 8 : 4;
      index = getU32(value, 0);
      group = ipText(getU16(value, at) === AF_INET6 ? value.subarray(at + 8, at + 24) : value.subarray(at + 4, at + 8));
    } else if (level === SOL_IPV6) {
      if (value.length < 20) return -EINVAL;
      group = ipText(value.subarray(0, 16));
      index = getI32(value, 16);
    } else {
      if (value.length < 8) return -EINVAL;
      group = ipText(value.subarray(0, 4));
      if (value.length >= 12) index = getI32(value, 8);
      const own = ipText(value.subarray(4, 8));
      if (index === 0 && own !== '0.0.0.0') {
        const found = this.socket.net.interfaces().find((i) => i.addresses.some((a) => a.ip === own));
        if (found === undefined) return -ENODEV;
        index = found.index;
      }
    }
    if (!isMulticast(group)) return -EINVAL;
    if (index !== 0 && !this.socket.net.interfaces().some((i) => i.index === index)) return -ENODEV;
    return { group, index };
  }

  private sendThrough(value: Uint8Array, host: HostDatagrams | null): number {
    if (value.length < 4) return -EINVAL;
    const index = value.length >= 12 ? getI32(value, 8) : 0;
    const interfaces = this.socket.net.interfaces();
    let ip = ipText(value.length >= 8 ? value.subarray(4, 8) : value.subarray(0, 4));
    if (index !== 0) {
      const found = interfaces.find((i) => i.index === index);
      if (found === undefined) return -EADDRNOTAVAIL;
      ip = found.addresses.find((a) => isV4(a.ip))?.ip ?? '0.0.0.0';
    } else if (ip !== '0.0.0.0' && !interfaces.some((i) => i.addresses.some((a) => a.ip === ip))) return -EADDRNOTAVAIL;
    this.sendIp = ip;
    return host === null || ip === '0.0.0.0' ? 0 : host.setMulticastInterface(ip);
  }

  getOption(level: number, name: number): Uint8Array | null {
    if (level === SOL_IPV6 && this.socket.family !== AF_INET6) return null;
    if (level === SOL_IP && name === IP_MULTICAST_IF) return Uint8Array.from(this.sendIp.split('.'), Number);
    return level === SOL_IPV6 && name === IPV6_MULTICAST_IF && this.sendIp !== '0.0.0.0' ? new Uint8Array(4) : null;
  }
}
