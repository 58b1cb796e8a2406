import { EEXIST, EINVAL, ENODEV, ENETUNREACH, EOPNOTSUPP, EPERM } from '../../abi/linux/errno.ts';
import {
  AF_INET, AF_INET6, AF_UNSPEC, ARPHRD_ETHER, ARPHRD_LOOPBACK, IFF_UP, NLM_F_ACK, NLM_F_DUMP, NLM_F_MULTI, NLMSG_DONE,
} from '../../abi/linux/socket.ts';
import { getI32, getU16, getU32, putU16, putU32 } from '../../abi/layout.ts';
import { latin1 } from '../../machine/guestMemory.ts';
import { Cap, type Cred } from '../../vfs/cred.ts';
import { ipText, isV4 } from '../inet/ip.ts';
import { broadcastBytes, type InterfaceAddress, type NetInterface, networkBytes, scopeOf } from '../netInterface.ts';
import type { NetStack } from '../netStack.ts';
import { MessageWriter } from './attributes.ts';
import { errorMessage, gather, type Request } from './message.ts';

/** rtnetlink(7): message types. */
const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;
const RTM_LAST = 120;
/** Attributes of links, addresses, routes. */
const IFLA = { ADDRESS: 1, BROADCAST: 2, IFNAME: 3, MTU: 4, QDISC: 6, TXQLEN: 13, OPERSTATE: 16, LINKMODE: 17, GROUP: 27 } as const;
const IFA = { ADDRESS: 1, LOCAL: 2, LABEL: 3, BROADCAST: 4, FLAGS: 8 } as const;
const RTA = { DST: 1, OIF: 4, GATEWAY: 5, PRIORITY: 6, PREFSRC: 7, TABLE: 15 } as const;
const IFF_LOWER_UP = 0x10000;
const IFA_F_PERMANENT = 0x80;

/** The datagrams that answer one request of NETLINK_ROUTE. */
export function routeAnswer(net: NetStack, r: Request, portId: number, cred: Cred): Uint8Array[] {
  // The lowest two bits of a type: new, delete, get, set.
  if (r.type > RTM_LAST) return [errorMessage(r, -EOPNOTSUPP, portId)];
  if ((r.type & 3) !== 2) {
    const result = cred.hasIn(Cap.NET_ADMIN, net.userNs) ? change(net, r) : -EPERM;
    return result < 0 || (r.flags & NLM_F_ACK) !== 0 ? [errorMessage(r, result, portId)] : [];
  }
  const dump = (r.flags & NLM_F_DUMP) === NLM_F_DUMP;
  const family = r.body.length > 0 ? r.body[0]! : AF_UNSPEC;
  const flags = dump ? NLM_F_MULTI : 0;
  let messages: Uint8Array[] | number;
  switch (r.type) {
    case RTM_GETLINK: messages = links(net, r, dump, flags, portId); break;
    case RTM_GETADDR: messages = dump ? addresses(net, family, r.seq, flags, portId) : -EOPNOTSUPP; break;
    case RTM_GETROUTE: messages = dump ? routes(net, family, r.seq, flags, portId) : oneRoute(net, r, portId); break;
    default: messages = dump ? [] : -EOPNOTSUPP;
  }
  if (typeof messages === 'number') return [errorMessage(r, messages, portId)];
  if (!dump) return (r.flags & NLM_F_ACK) !== 0 ? [...messages, errorMessage(r, 0, portId)] : messages;
  const done = new MessageWriter(NLMSG_DONE, NLM_F_MULTI, r.seq, portId, new Uint8Array(4)).finish();
  return [...gather(messages), done];
}

/** What can be changed: whether the loopback is up, and whether it has its own address. 0 or -errno. */
function change(net: NetStack, r: Request): number {
  const { body } = r;
  if (body.length < 8 || (r.type !== RTM_NEWLINK && r.type !== RTM_SETLINK && r.type !== RTM_NEWADDR)) return -EOPNOTSUPP;
  const index = r.type === RTM_NEWADDR ? getU32(body, 4) : getI32(body, 4);
  const name = r.type === RTM_NEWADDR ? null : attributeOf(body, 16, IFLA.IFNAME);
  const found = net.interfaces().find((i) => (index !== 0 ? i.index === index : name !== null && latin1(name, 0, name.length).replace(/\0.*$/s, '') === i.name));
  if (found === undefined) return -ENODEV;
  if (!found.loopback) return -EOPNOTSUPP;
  if (r.type !== RTM_NEWADDR) return net.setLoopback((getU32(body, 8) & IFF_UP) !== 0);
  const address = attributeOf(body, 8, IFA.LOCAL) ?? attributeOf(body, 8, IFA.ADDRESS);
  if (body[0] !== AF_INET || body[1] !== 8 || address === null || address.length !== 4 || ipText(address) !== '127.0.0.1') return -EOPNOTSUPP;
  if (net.loopbackState !== 'down') return -EEXIST;
  net.loopbackState = 'addressed';
  return 0;
}

// ---- links ----

function attributeOf(body: Uint8Array, skip: number, type: number): Uint8Array | null {
  for (let at = skip; at + 4 <= body.length; ) {
    const length = getU16(body, at);
    if (length < 4 || at + length > body.length) return null;
    if ((getU16(body, at + 2) & 0x3fff) === type) return body.subarray(at + 4, at + length);
    at += (length + 3) & ~3;
  }
  return null;
}

function links(net: NetStack, r: Request, dump: boolean, flags: number, portId: number): Uint8Array[] | number {
  let wanted = net.interfaces();
  if (!dump) {
    if (r.body.length < 16) return -EINVAL;
    const index = getI32(r.body, 4);
    const nameBytes = attributeOf(r.body, 16, IFLA.IFNAME);
    const name = nameBytes === null ? '' : latin1(nameBytes).replace(/\0.*$/s, '');
    if (index <= 0 && nameBytes === null) return -EINVAL;
    wanted = wanted.filter((i) => (index > 0 ? i.index === index : i.name === name));
    if (wanted.length === 0) return -ENODEV;
  }
  return wanted.map((i) => link(i, r.seq, flags, portId));
}

function link(i: NetInterface, seq: number, flags: number, portId: number): Uint8Array {
  const fixed = new Uint8Array(16);
  putU16(fixed, 2, i.loopback ? ARPHRD_LOOPBACK : ARPHRD_ETHER);
  putU32(fixed, 4, i.index);
  putU32(fixed, 8, i.flags | IFF_LOWER_UP);
  return new MessageWriter(RTM_NEWLINK, flags, seq, portId, fixed)
    .string(IFLA.IFNAME, i.name)
    .u32(IFLA.TXQLEN, 1000)
    .u8(IFLA.OPERSTATE, i.loopback ? 0 : 6)
    .u8(IFLA.LINKMODE, 0)
    .u32(IFLA.MTU, i.mtu)
    .u32(IFLA.GROUP, 0)
    .string(IFLA.QDISC, i.loopback ? 'noqueue' : 'pfifo_fast')
    .attribute(IFLA.ADDRESS, i.mac)
    .attribute(IFLA.BROADCAST, i.loopback ? i.mac : new Uint8Array(6).fill(255))
    .finish();
}

// ---- addresses ----

function addresses(net: NetStack, family: number, seq: number, flags: number, portId: number): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (const wanted of family === AF_UNSPEC ? [AF_INET, AF_INET6] : [family]) {
    for (const i of net.interfaces()) {
      for (const a of i.addresses) if (isV4(a.ip) === (wanted === AF_INET) && (wanted === AF_INET || wanted === AF_INET6)) out.push(address(i, a, seq, flags, portId));
    }
  }
  return out;
}

function address(i: NetInterface, a: InterfaceAddress, seq: number, flags: number, portId: number): Uint8Array {
  const v4 = isV4(a.ip);
  const fixed = Uint8Array.of(v4 ? AF_INET : AF_INET6, a.prefix, IFA_F_PERMANENT, scopeOf(a.ip), 0, 0, 0, 0);
  putU32(fixed, 4, i.index);
  const m = new MessageWriter(RTM_NEWADDR, flags, seq, portId, fixed).attribute(IFA.ADDRESS, a.bytes);
  if (v4) {
    m.attribute(IFA.LOCAL, a.bytes);
    if (!i.loopback) m.attribute(IFA.BROADCAST, broadcastBytes(a));
    m.string(IFA.LABEL, i.name);
  }
  return m.u32(IFA.FLAGS, IFA_F_PERMANENT).finish();
}

// ---- routes ----

const RT_TABLE_MAIN = 254;
const RTPROT_KERNEL = 2;

function route(i: NetInterface, dst: Uint8Array | null, prefix: number, source: Uint8Array | null, family: number, gateway: Uint8Array | null, seq: number, flags: number, portId: number): Uint8Array {
  const scope = gateway === null && dst !== null ? 253 : 0;
  const fixed = Uint8Array.of(family, prefix, 0, 0, RT_TABLE_MAIN, RTPROT_KERNEL, scope, 1, 0, 0, 0, 0);
  const m = new MessageWriter(RTM_NEWROUTE, flags, seq, portId, fixed).u32(RTA.TABLE, RT_TABLE_MAIN);
  if (dst !== null) m.attribute(RTA.DST, dst);
  if (gateway !== null) m.attribute(RTA.GATEWAY, gateway);
  if (source !== null) m.attribute(RTA.PREFSRC, source);
  return m.u32(RTA.OIF, i.index).finish();
}

/** The networks of the interfaces, and a default route where there is an outside. The host's real gateway is not known. */
function routes(net: NetStack, family: number, seq: number, flags: number, portId: number): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (const wanted of family === AF_UNSPEC ? [AF_INET, AF_INET6] : [family]) {
    let defaulted = false;
    for (const i of net.interfaces()) {
      if (i.loopback) continue;
      for (const a of i.addresses) {
        if (isV4(a.ip) !== (wanted === AF_INET) || (wanted !== AF_INET && wanted !== AF_INET6)) continue;
        if (!defaulted && scopeOf(a.ip) === 0) {
          out.push(route(i, null, 0, null, wanted, null, seq, flags, portId));
          defaulted = true;
        }
        out.push(route(i, networkBytes(a), a.prefix, wanted === AF_INET ? a.bytes : null, wanted, null, seq, flags, portId));
      }
    }
  }
  return out;
}

function oneRoute(net: NetStack, r: Request, portId: number): Uint8Array[] | number {
  const family = r.body[0] ?? 0;
  const dst = attributeOf(r.body, 12, RTA.DST);
  const ip = dst === null ? null : ipText(dst);
  for (const i of net.interfaces()) {
    if (i.loopback !== (ip !== null && net.isLocal(ip))) continue;
    const own = i.addresses.find((a) => isV4(a.ip) === (family === AF_INET) && scopeOf(a.ip) !== 253);
    if (own !== undefined) return [route(i, dst, dst === null ? 0 : dst.length * 8, own.bytes, family, null, r.seq, 0, portId)];
  }
  return -ENETUNREACH;
}
