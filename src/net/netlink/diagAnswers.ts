import { EINVAL, ENOENT, ESTALE } from '../../abi/linux/errno.ts';
import {
  AF_INET, AF_INET6, AF_MAX, AF_UNIX, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, NLM_F_DUMP, NLM_F_MULTI, NLMSG_DONE,
} from '../../abi/linux/socket.ts';
import { getU16, getU32, putU32 } from '../../abi/layout.ts';
import type { Cred } from '../../vfs/cred.ts';
import { majorOf, minorOf } from '../../vfs/stat.ts';
import { endpointBytes } from '../inet/endpoint.ts';
import type { InetSocket } from '../inet/inetSocket.ts';
import { stateNumber, TCP } from '../inet/tcpInfo.ts';
import { TcpSocket } from '../inet/tcpSocket.ts';
import { UdpSocket } from '../inet/udpSocket.ts';
import type { NetStack } from '../netStack.ts';
import { memoryInfo } from '../options.ts';
import { isAbstract } from '../unix/unixAddress.ts';
import { UnixState, type UnixSocket } from '../unix/unixSocket.ts';
import { MessageWriter } from './attributes.ts';
import { errorMessage, gather, type Request } from './message.ts';

/** sock_diag(7): questions about sockets, as ss(8) asks them. */
const SOCK_DIAG_BY_FAMILY = 20;
const INET_DIAG_SHUTDOWN = 8;
const UNIX_DIAG = { NAME: 0, VFS: 1, PEER: 2, RQLEN: 4, MEMINFO: 5, SHUTDOWN: 6, UID: 7 } as const;
const UDIAG_SHOW = { NAME: 1, VFS: 2, PEER: 4, RQLEN: 16, MEMINFO: 32, UID: 64 } as const;
/** A cookie that fits every socket. */
const NO_COOKIE = 0xffffffff;
const INET_REQUEST_BYTES = 56;
const UNIX_REQUEST_BYTES = 24;

interface Diag {
  readonly net: NetStack;
  readonly r: Request;
  readonly portId: number;
  readonly cred: Cred;
  readonly flags: number;
}

const has = (states: number, state: number): boolean => ((states >>> state) & 1) !== 0;
const stateOf = (s: InetSocket): number => (s instanceof TcpSocket ? stateNumber(s) : s.remote === null ? TCP.CLOSE : TCP.ESTABLISHED);

/** Port in the order of the network, and the address, of one end. */
function end(out: Uint8Array, port: number, address: number, name: Uint8Array, six: boolean): void {
  out.set(name.subarray(2, 4), port);
  out.set(six ? name.subarray(8, 24) : name.subarray(4, 8), address);
}

/** struct inet_diag_msg. */
function inetMessage({ r, portId, cred, flags }: Diag, s: InetSocket): Uint8Array {
  const out = new Uint8Array(72);
  const nobody = new Uint8Array(28);
  const remote = s.peerName();
  const { uid, ino } = s.inode.stat();
  out[0] = s.family;
  out[1] = stateOf(s);
  end(out, 4, 8, s.localName(), s.isV6);
  end(out, 6, 24, typeof remote === 'number' ? (s.remote === null ? nobody : endpointBytes(s.remote, s.family)) : remote, s.isV6);
  putU32(out, 44, ino);
  if (s instanceof TcpSocket && !s.listening) {
    putU32(out, 56, s.urgent.unread(s.incoming, s.isInline));
    putU32(out, 60, s.link?.pending() ?? 0);
  } else if (s instanceof TcpSocket) {
    putU32(out, 56, s.arrivals.count);
    putU32(out, 60, s.arrivals.limit);
  }
  putU32(out, 64, cred.userNs.uidOut(uid));
  putU32(out, 68, ino);
  return new MessageWriter(SOCK_DIAG_BY_FAMILY, flags, r.seq, portId, out).u8(INET_DIAG_SHUTDOWN, s.shutdownBits).finish();
}

function inetSockets({ net, r }: Diag): InetSocket[] {
  const [family, protocol] = r.body as unknown as [number, number];
  const states = getU32(r.body, 4);
  const of: Iterable<InetSocket> = protocol === IPPROTO_TCP ? net.tcpSockets : net.udpSockets;
  const lite = protocol === IPPROTO_UDPLITE;
  const wanted = (s: InetSocket): boolean => s.family === family && s.local !== null && has(states, stateOf(s)) && (!(s instanceof UdpSocket) || s.isLite === lite)
    && (!(s instanceof TcpSocket) || stateOf(s) !== TCP.CLOSE);
  // Ports that the request names are the only ones.
  const port = (s: number | undefined, at: number): boolean => getU16(r.body, at) === 0 || s === r.body[at]! * 256 + r.body[at + 1]!;
  return [...of].filter((s) => wanted(s) && port(s.local?.port, 8) && port(s.remote?.port, 10));
}

/** struct unix_diag_msg. */
function unixMessage({ r, portId, cred, flags }: Diag, s: UnixSocket): Uint8Array {
  const show = getU32(r.body, 12);
  const out = new Uint8Array(16);
  const { ino, uid } = s.inode.stat(), place = s.boundTo;
  out[0] = AF_UNIX;
  out[1] = s.type;
  out[2] = unixState(s);
  putU32(out, 4, ino);
  putU32(out, 8, ino);
  const writer = new MessageWriter(SOCK_DIAG_BY_FAMILY, flags, r.seq, portId, out);
  if ((show & UDIAG_SHOW.NAME) !== 0 && s.name !== null) writer.attribute(UNIX_DIAG.NAME, Uint8Array.from(isAbstract(s.name) ? s.name : `${s.name}\0`, (c) => c.charCodeAt(0)));
  if ((show & UDIAG_SHOW.VFS) !== 0 && place !== null) writer.attribute(UNIX_DIAG.VFS, pair(place.ino, kernelDevice(place.dev)));
  if ((show & UDIAG_SHOW.PEER) !== 0 && s.peer !== null) writer.u32(UNIX_DIAG.PEER, s.peer.inode.stat().ino);
  if ((show & UDIAG_SHOW.RQLEN) !== 0) {
    writer.attribute(UNIX_DIAG.RQLEN, s.listening ? pair(s.waiting.count, s.waiting.limit) : pair(s.unreadBytes, s.outstanding));
  }
  if ((show & UDIAG_SHOW.MEMINFO) !== 0) writer.attribute(UNIX_DIAG.MEMINFO, memoryInfo(s.options));
  writer.u8(UNIX_DIAG.SHUTDOWN, s.shutdownBits);
  if ((show & UDIAG_SHOW.UID) !== 0) writer.u32(UNIX_DIAG.UID, cred.userNs.uidOut(uid));
  return writer.finish();
}

function pair(first: number, second: number): Uint8Array {
  const out = new Uint8Array(8);
  putU32(out, 0, first);
  putU32(out, 4, second);
  return out;
}

/** A device number as the kernel itself has it: 12 bits and 20. */
const kernelDevice = (dev: number): number => ((majorOf(dev) << 20) | minorOf(dev)) >>> 0;

const unixState = (s: UnixSocket): number => (s.listening ? TCP.LISTEN : s.state === UnixState.established ? TCP.ESTABLISHED : TCP.CLOSE);

/** All that are in one of the states. */
function unixSockets({ net, r }: Diag): UnixSocket[] {
  const states = getU32(r.body, 4), ino = getU32(r.body, 8);
  return [...net.unixSockets].filter((s) => s.net === net && has(states, unixState(s)) && (ino === 0 || s.inode.stat().ino === ino));
}

/** The one with an inode (unix_diag_get_exact), whatever its state. */
function unixSocket(diag: Diag): Uint8Array[] {
  const { net, r, portId } = diag, ino = getU32(r.body, 8), refused = (error: number): Uint8Array[] => [errorMessage(r, -error, portId)];
  if (ino === 0) return refused(EINVAL);
  const found = [...net.unixSockets].find((s) => s.net === net && s.inode.stat().ino === ino);
  if (found === undefined) return refused(ENOENT);
  const low = getU32(r.body, 16), high = getU32(r.body, 20);
  return (low !== NO_COOKIE || high !== NO_COOKIE) && (low !== ino || high !== 0) ? refused(ESTALE) : [unixMessage(diag, found)];
}

/** The datagrams that answer a request. */
export function diagAnswer(net: NetStack, r: Request, portId: number, cred: Cred): Uint8Array[] {
  const [family, protocol] = [r.body[0] ?? 0, r.body[1] ?? 0];
  const dump = (r.flags & NLM_F_DUMP) === NLM_F_DUMP;
  const diag: Diag = { net, r, portId, cred, flags: dump ? NLM_F_MULTI : 0 };
  if (r.type !== SOCK_DIAG_BY_FAMILY || r.body.length < 2 || family >= AF_MAX) return [errorMessage(r, -EINVAL, portId)];
  const inet = family === AF_INET || family === AF_INET6;
  const known = inet ? [IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE].includes(protocol) : family === AF_UNIX;
  if (!known) return [errorMessage(r, -ENOENT, portId)];
  if (r.body.length < (inet ? INET_REQUEST_BYTES : UNIX_REQUEST_BYTES)) return [errorMessage(r, -EINVAL, portId)];
  if (!inet && !dump) return unixSocket(diag);
  const messages = inet ? inetSockets(diag).map((s) => inetMessage(diag, s)) : unixSockets(diag).map((s) => unixMessage(diag, s));
  // One socket is asked for by all of its name.
  if (!dump) return messages.length === 0 ? [errorMessage(r, -ENOENT, portId)] : messages.slice(0, 1);
  return [...gather(messages), new MessageWriter(NLMSG_DONE, NLM_F_MULTI, r.seq, portId, new Uint8Array(4)).finish()];
}
