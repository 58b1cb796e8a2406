import type { Endpoint } from './inet/endpoint.ts';
import { ipBytes, isV4 } from './inet/ip.ts';
import type { InetSocket } from './inet/inetSocket.ts';
import { maskBytes, networkBytes, scopeOf } from './netInterface.ts';
import { stateNumber } from './inet/tcpInfo.ts';
import type { NetStack } from './netStack.ts';
import { isAbstract } from './unix/unixAddress.ts';
import { UnixState } from './unix/unixSocket.ts';

/** The files of /proc/net (proc(5)), as text. */
export type NetTables = Readonly<Record<'tcp' | 'tcp6' | 'udp' | 'udp6' | 'udpLite' | 'udpLite6' | 'unix' | 'dev' | 'ifInet6' | 'route', () => string>>;

const hex = (n: number, width: number): string => (n >>> 0).toString(16).toUpperCase().padStart(width, '0');

/** Bytes as the kernel prints addresses: words of the machine's order. */
function words(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 4) text += hex(bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24), 8);
  return text;
}

function endpoint(e: Endpoint | null, six: boolean): string {
  let bytes = e === null ? new Uint8Array(six ? 16 : 4) : ipBytes(e.ip);
  if (six && bytes.length === 4) {
    const mapped = new Uint8Array(16);
    if (e!.ip !== '0.0.0.0') {
      mapped[10] = mapped[11] = 0xff;
      mapped.set(bytes, 12);
    }
    bytes = mapped;
  }
  return `${words(bytes)}:${hex(e?.port ?? 0, 4)}`;
}

function line(s: InetSocket, slot: string, state: number, end: string): string {
  const six = s.isV6;
  const { uid, ino } = s.inode.stat();
  return `${slot}: ${endpoint(s.local, six)} ${endpoint(s.remote, six)} ${hex(state, 2)} 00000000:00000000 00:00000000 00000000 ${String(uid).padStart(5)}        0 ${ino} ${end}`;
}

const HEAD4 = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const HEAD6 = '  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';

function tcp(net: NetStack, six: boolean): string {
  let text = six ? `${HEAD6}\n` : `${HEAD4.padEnd(149)}\n`;
  let slot = 0;
  for (const s of net.tcpSockets) {
    if (s.isV6 !== six || stateNumber(s) === 7) continue;
    const row = line(s, String(slot++).padStart(4), stateNumber(s), '1 0000000000000000 100 0 0 10 0');
    text += `${six ? row : row.padEnd(149)}\n`;
  }
  return text;
}

function udp(net: NetStack, six: boolean, lite: boolean): string {
  let text = six ? `${HEAD6} ref pointer drops\n` : `${` ${HEAD4} ref pointer drops`.padEnd(127)}\n`;
  let slot = 0;
  for (const s of net.udpSockets) {
    if (s.isV6 !== six || s.isLite !== lite || s.local === null) continue;
    const row = line(s, String(slot++).padStart(5), s.remote === null ? 7 : 1, '2 0000000000000000 0');
    text += `${six ? row : row.padEnd(127)}\n`;
  }
  return text;
}

function unix(net: NetStack): string {
  let text = 'Num       RefCount Protocol Flags    Type St Inode Path\n';
  for (const s of net.unixSockets) {
    if (s.net !== net) continue;
    const name = s.name === null ? '' : ` ${isAbstract(s.name) ? s.name.replaceAll('\0', '@') : s.name}`;
    const state = s.state === UnixState.established ? 3 : 1;
    text += `0000000000000000: ${hex(2, 8)} 00000000 ${hex(s.listening ? 0x10000 : 0, 8)} ${hex(s.type, 4)} ${hex(state, 2)} ${String(s.inode.stat().ino).padStart(5)}${name}\n`;
  }
  return text;
}

/** The host does not tell what its interfaces have moved. */
function dev(net: NetStack): string {
  let text = 'Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n';
  for (const i of net.interfaces()) text += `${i.name.padStart(6)}:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0\n`;
  return text;
}

function ifInet6(net: NetStack): string {
  const small = (n: number): string => n.toString(16).padStart(2, '0');
  let text = '';
  for (const i of net.interfaces()) {
    for (const a of i.addresses) {
      if (isV4(a.ip)) continue;
      const scope = { 254: 0x10, 253: 0x20 }[scopeOf(a.ip)] ?? 0;
      text += `${Array.from(a.bytes, small).join('')} ${small(i.index)} ${small(a.prefix)} ${small(scope)} 80 ${i.name.padStart(8)}\n`;
    }
  }
  return text;
}

function route(net: NetStack): string {
  const row = (name: string, to: Uint8Array, mask: Uint8Array): string =>
    `${[name, words(to), '00000000', '0001', 0, 0, 0, words(mask), 0, 0, 0].join('\t').padEnd(127)}\n`;
  let text = `${'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT'.padEnd(127)}\n`;
  let first = true;
  for (const i of net.interfaces()) {
    if (i.loopback) continue;
    for (const a of i.addresses) {
      if (!isV4(a.ip)) continue;
      if (first) text += row(i.name, new Uint8Array(4), new Uint8Array(4));
      first = false;
      text += row(i.name, networkBytes(a), maskBytes(a.prefix, 4));
    }
  }
  return text;
}

export function netTables(net: NetStack): NetTables {
  return {
    tcp: () => tcp(net, false),
    tcp6: () => tcp(net, true),
    udp: () => udp(net, false, false),
    udp6: () => udp(net, true, false),
    udpLite: () => udp(net, false, true),
    udpLite6: () => udp(net, true, true),
    unix: () => unix(net),
    dev: () => dev(net),
    ifInet6: () => ifInet6(net),
    route: () => route(net),
  };
}
