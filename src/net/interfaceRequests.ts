import { EADDRNOTAVAIL, EFAULT, EINVAL, ENODEV, EOPNOTSUPP, EPERM } from '../abi/linux/errno.ts';
import {
  AF_INET, ARPHRD_ETHER, ARPHRD_LOOPBACK, IFF_UP, SIOCETHTOOL, SIOCGIFADDR, SIOCGIFBRDADDR, SIOCGIFCONF, SIOCGIFDSTADDR, SIOCGIFFLAGS, SIOCGIFHWADDR,
  SIOCGIFINDEX, SIOCGIFMAP, SIOCGIFMETRIC, SIOCGIFMTU, SIOCGIFNAME, SIOCGIFNETMASK, SIOCGIFTXQLEN, SIOCSIFADDR, SIOCSIFBRDADDR, SIOCSIFDSTADDR,
  SIOCSIFFLAGS, SIOCSIFHWADDR, SIOCSIFMTU, SIOCSIFNAME, SIOCSIFNETMASK, SIOCSIFTXQLEN,
} from '../abi/linux/socket.ts';
import { getU16, getU32, putU16, putU32 } from '../abi/layout.ts';
import type { Abi } from '../abi/abi.ts';
import type { Arch } from '../kernel/arch/arch.ts';
import type { Task } from '../kernel/task/task.ts';
import { latin1 } from '../machine/guestMemory.ts';
import { Cap } from '../vfs/cred.ts';
import type { FileCaller } from '../vfs/fileDescription.ts';
import { isV4 } from './inet/ip.ts';
import { broadcastBytes, maskBytes, type NetInterface } from './netInterface.ts';
import type { NetStack } from './netStack.ts';

const VALUE = 16;
/** Requests of sockets, SIOC*: the high bits. */
const SOCK_IOC_TYPE = 0x8900;

const isKnown = ({ socketRequests }: Arch, cmd: number): boolean => socketRequests === null || socketRequests.some(([first, last]) => cmd >= first && cmd <= last);

/** Puts a sockaddr_in into the union of an ifreq. */
function putAddress(buf: Uint8Array, bytes: Uint8Array): number {
  buf.fill(0, VALUE, VALUE + 16);
  putU16(buf, VALUE, AF_INET);
  buf.set(bytes, VALUE + 4);
  return 0;
}

function number(pick: (i: NetInterface) => number): Answer {
  return (i, buf) => {
    putU32(buf, VALUE, pick(i));
    return 0;
  };
}

function address(pick: (bytes: Uint8Array, prefix: number) => Uint8Array): Answer {
  return (i, buf) => {
    const own = i.addresses.find((a) => isV4(a.ip));
    return own === undefined ? -EADDRNOTAVAIL : putAddress(buf, pick(own.bytes, own.prefix));
  };
}

type Answer = (i: NetInterface, buf: Uint8Array) => number;

/** netdevice(7): requests that ask about an interface by name. */
const answers: Readonly<Record<number, Answer>> = {
  [SIOCGIFINDEX]: number((i) => i.index),
  [SIOCGIFMTU]: number((i) => i.mtu),
  [SIOCGIFMETRIC]: number(() => 0),
  [SIOCGIFTXQLEN]: number(() => 1000),
  [SIOCGIFFLAGS]: (i, buf) => {
    putU16(buf, VALUE, i.flags);
    return 0;
  },
  [SIOCGIFADDR]: address((bytes) => bytes),
  [SIOCGIFDSTADDR]: address((bytes) => bytes),
  [SIOCGIFNETMASK]: address((_bytes, prefix) => maskBytes(prefix, 4)),
  [SIOCGIFBRDADDR]: (i, buf) => {
    const own = i.addresses.find((a) => isV4(a.ip));
    if (own === undefined) return -EADDRNOTAVAIL;
    return putAddress(buf, i.loopback ? new Uint8Array(4) : broadcastBytes({ ip: own.ip, bytes: own.bytes, prefix: own.prefix }));
  },
  [SIOCGIFHWADDR]: (i, buf) => {
    buf.fill(0, VALUE, VALUE + 16);
    putU16(buf, VALUE, i.loopback ? ARPHRD_LOOPBACK : ARPHRD_ETHER);
    buf.set(i.mac, VALUE + 2);
    return 0;
  },
  [SIOCGIFMAP]: (_i, buf) => {
    buf.fill(0, VALUE, VALUE + 16);
    return 0;
  },
  [SIOCETHTOOL]: () => -EOPNOTSUPP,
};

/** Requests that change interfaces: the host's are not ours to change. */
const changes = new Set([
  SIOCSIFADDR, SIOCSIFBRDADDR, SIOCSIFDSTADDR, SIOCSIFFLAGS, SIOCSIFHWADDR, SIOCSIFMTU, SIOCSIFNAME, SIOCSIFNETMASK, SIOCSIFTXQLEN,
]);

/** An ioctl about interfaces, of a socket of any family; null: not one. */
export function interfaceRequest(net: NetStack, t: FileCaller, cmd: number, arg: number): number | null {
  // Its ABI says how large the structures are.
  const { abi, arch } = t as Task;
  if (cmd === SIOCGIFCONF) return listInterfaces(net, t, abi, arg);
  // Before anybody asks whether the request is known (sock_do_ioctl).
  if ((cmd & ~0xff) === SOCK_IOC_TYPE && isKnown(arch, cmd) && t.memory.readable(arg, abi.ifreq.size) === null) return -EFAULT;
  if (changes.has(cmd) && !t.cred.hasIn(Cap.NET_ADMIN, net.userNs)) return -EPERM;
  if (changes.has(cmd) && cmd !== SIOCSIFFLAGS) return -EOPNOTSUPP;
  const answer = answers[cmd];
  if (answer === undefined && cmd !== SIOCGIFNAME && cmd !== SIOCSIFFLAGS) return null;
  const buf = t.memory.writable(arg, abi.ifreq.size);
  if (buf === null) return -EFAULT;
  if (cmd === SIOCGIFNAME) {
    const index = getU32(buf, VALUE);
    const found = net.interfaces().find((i) => i.index === index);
    if (found === undefined) return -ENODEV;
    buf.fill(0, 0, VALUE);
    for (let i = 0; i < found.name.length; i++) buf[i] = found.name.charCodeAt(i);
    return 0;
  }
  const end = buf.subarray(0, 15).indexOf(0);
  const name = latin1(buf, 0, end < 0 ? 15 : end).split(':')[0];
  const found = net.interfaces().find((i) => i.name === name);
  if (found === undefined) return -ENODEV;
  if (cmd !== SIOCSIFFLAGS) return answer!(found, buf);
  return found.loopback ? net.setLoopback((getU16(buf, VALUE) & IFF_UP) !== 0) : -EOPNOTSUPP;
}

function listInterfaces(net: NetStack, t: FileCaller, abi: Abi, arg: number): number {
  const { ifconf, ifreq } = abi;
  const head = t.memory.writable(arg, ifconf.size);
  if (head === null) return -EFAULT;
  const room = ifconf.get(head, 'ifc_len');
  const ptr = ifconf.get(head, 'ifc_buf');
  const withAddress = net.interfaces().filter((i) => i.addresses.some((a) => isV4(a.ip)));
  if (ptr === 0) {
    ifconf.put(head, 'ifc_len', withAddress.length * ifreq.size);
    return 0;
  }
  if (room < 0) return -EINVAL;
  let length = 0;
  for (const i of withAddress) {
    if (length + ifreq.size > room) break;
    const record = new Uint8Array(ifreq.size);
    for (let c = 0; c < i.name.length; c++) record[c] = i.name.charCodeAt(c);
    putAddress(record, i.addresses.find((a) => isV4(a.ip))!.bytes);
    if (!t.memory.copyOut(ptr + length, record)) return -EFAULT;
    length += ifreq.size;
  }
  ifconf.put(head, 'ifc_len', length);
  return 0;
}
