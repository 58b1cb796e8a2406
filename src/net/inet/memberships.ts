import { EADDRINUSE, EADDRNOTAVAIL, EINVAL, ENODEV } from '../../abi/linux/errno.ts';
import {
  AF_INET6, IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP, IP_MULTICAST_IF, IPV6_JOIN_GROUP, IPV6_LEAVE_GROUP, IPV6_MULTICAST_IF, MCAST_JOIN_GROUP,
  MCAST_LEAVE_GROUP, SOL_IP, SOL_IPV6,
} from '../../abi/linux/socket.ts';
import { getI32, getU16, getU32 } from '../../abi/layout.ts';
import type { HostDatagrams } from '../../host/sockets.ts';
import type { InetSocket } from './inetSocket.ts';
import { EVERY, LEAVE, nothing, parseSourceWish, parseWholeFilter, SourceFilter } from './groupSources.ts';
import { ipText, isMulticast, isV4 } from './ip.ts';

interface Membership {
  readonly group: string;
  readonly index: number;
  readonly filter: SourceFilter;
}

/** Groups that a UDP socket has joined (ip(7), ipv6(7)); kept until the host's socket is there. */
export class Memberships {
  private readonly socket: InetSocket;
  private readonly joined: Membership[] = [];
  private sendIp = '0.0.0.0';

  constructor(socket: InetSocket) {
    this.socket = socket;
  }

  /** Whether it wants what `source` sends to `group`. */
  accepts(group: string, source: string): boolean {
    return this.joined.some((m) => m.group === group && m.filter.allows(source));
  }

  private interfaceAddress(m: Membership): string | null {
    const found = this.socket.net.interfaces().find((i) => i.index === m.index);
    if (found === undefined) return null;
    return isV4(m.group) ? (found.addresses.find((a) => isV4(a.ip))?.ip ?? null) : `::%${found.name}`;
  }

  apply(host: HostDatagrams): void {
    for (const m of this.joined) this.tell(host, m, nothing, m.filter.hostJoins);
    if (this.sendIp !== '0.0.0.0') host.setMulticastInterface(this.sendIp);
  }

  /** null: not an option about groups. */
  setOption(level: number, name: number, value: Uint8Array, host: HostDatagrams | null): number | null {
    if (level === SOL_IPV6 && this.socket.family !== AF_INET6) return null;
    if (level === SOL_IP && name === IP_MULTICAST_IF) return this.sendThrough(value, host);
    const join = level === SOL_IP ? name === IP_ADD_MEMBERSHIP || name === MCAST_JOIN_GROUP : level === SOL_IPV6 && (name === IPV6_JOIN_GROUP || name === MCAST_JOIN_GROUP);
    const leave = level === SOL_IP ? name === IP_DROP_MEMBERSHIP || name === MCAST_LEAVE_GROUP : level === SOL_IPV6 && (name === IPV6_LEAVE_GROUP || name === MCAST_LEAVE_GROUP);
    if (!join && !leave) return this.setSources(level, name, value, host);
    const m = this.parse(level, name, value);
    if (typeof m === 'number') return m;
    const known = this.find(m);
    if (join) return known !== undefined ? -EADDRINUSE : this.join(m, host);
    return known === undefined ? -EADDRNOTAVAIL : this.leave(known, host);
  }

  private find(wanted: { readonly group: string; readonly index: number }): Membership | undefined {
    return this.joined.find((m) => m.group === wanted.group && (wanted.index === 0 || m.index === wanted.index));
  }
  private join(m: Membership, host: HostDatagrams | null): number {
    this.joined.push(m);
    return this.tell(host, m, nothing, m.filter.hostJoins);
  }
  private leave(m: Membership, host: HostDatagrams | null): number {
    this.joined.splice(this.joined.indexOf(m), 1);
    return this.tell(host, m, m.filter.hostJoins, nothing);
  }
  /** Makes the host's socket leave and join what has changed. */
  private tell(host: HostDatagrams | null, m: Membership, before: ReadonlySet<string>, after: ReadonlySet<string>): number {
    if (host === null) return 0;
    const iface = this.interfaceAddress(m);
    let result = 0;
    for (const one of before) if (!after.has(one)) result ||= one === EVERY ? host.leaveGroup(m.group, iface) : host.leaveSource(m.group, one, iface);
    for (const one of after) if (!before.has(one)) result ||= one === EVERY ? host.joinGroup(m.group, iface) : host.joinSource(m.group, one, iface);
    return result;
  }
  /** Something from the host that one of the groups does not want: no host's JavaScript tells it not to come. */
  blocks(source: string): boolean {
    return this.joined.some((m) => !m.filter.only && m.filter.sources.has(source));
  }

  /** Options about the sources of a group; null: another one. */
  private setSources(level: number, name: number, value: Uint8Array, host: HostDatagrams | null): number | null {
    const wish = parseSourceWish(level, name, value);
    if (typeof wish === 'number') return wish;
    if (wish !== null) {
      const place = this.place(wish.group, wish.index, wish.own);
      if (typeof place === 'number') return place;
      let m = this.find(place);
      if (m === undefined && wish.only && wish.adds) {
        m = { ...place, filter: new SourceFilter(true) };
        const joined = this.join(m, host);
        if (joined < 0) return joined;
      }
      if (m === undefined) return -EINVAL;
      const before = m.filter.hostJoins, result = m.filter.change(wish.source, wish.only, wish.adds, wish.most);
      return result === LEAVE ? this.leave(m, host) : result < 0 ? result : this.tell(host, m, before, m.filter.hostJoins);
    }
    const whole = parseWholeFilter(level, name, value);
    if (whole === null || typeof whole === 'number') return whole;
    const place = this.place(whole.group, 0, whole.own);
    if (typeof place === 'number') return place;
    const m = this.find(place);
    if (m === undefined) return -EINVAL;
    if (whole.filter.only && whole.filter.sources.size === 0) return this.leave(m, host);
    const before = m.filter.hostJoins;
    m.filter.only = whole.filter.only;
    m.filter.sources = whole.filter.sources;
    return this.tell(host, m, before, m.filter.hostJoins);
  }

  /** A group on an interface, by its index or one of its addresses; -errno. */
  private place(group: string, index: number, own: string): { group: string; index: number } | number {
    if (!isMulticast(group)) return -EINVAL;
    const interfaces = this.socket.net.interfaces();
    if (index === 0 && own !== '0.0.0.0') {
      const found = interfaces.find((i) => i.addresses.some((a) => a.ip === own));
      return found === undefined ? -ENODEV : { group, index: found.index };
    }
    return index !== 0 && !interfaces.some((i) => i.index === index) ? -ENODEV : { group, index };
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
      return this.fresh(this.place(group, index, own));
    }
    return this.fresh(this.place(group, index, '0.0.0.0'));
  }

  private fresh(place: { group: string; index: number } | number): Membership | number {
    return typeof place === 'number' ? place : { ...place, filter: new SourceFilter(false) };
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
