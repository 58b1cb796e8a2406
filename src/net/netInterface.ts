import type { HostInterface } from '../host/sockets.ts';
import { IFF_BROADCAST, IFF_LOOPBACK, IFF_MULTICAST, IFF_RUNNING, IFF_UP } from '../abi/linux/socket.ts';
import { ipBytes, isLinkLocal, isLoopback, isV4 } from './inet/ip.ts';

/** A network interface as the guest sees it. */
export interface NetInterface {
  readonly index: number;
  readonly name: string;
  /** IFF_* */
  readonly flags: number;
  readonly mtu: number;
  readonly mac: Uint8Array;
  readonly loopback: boolean;
  readonly addresses: readonly InterfaceAddress[];
}

export interface InterfaceAddress {
  readonly ip: string;
  readonly bytes: Uint8Array;
  readonly prefix: number;
}

const LOOPBACK: NetInterface = {
  index: 1, name: 'lo', flags: IFF_UP | IFF_LOOPBACK | IFF_RUNNING, mtu: 65536, mac: new Uint8Array(6), loopback: true,
  addresses: [
    { ip: '127.0.0.1', bytes: Uint8Array.of(127, 0, 0, 1), prefix: 8 },
    { ip: '::1', bytes: ipBytes('::1'), prefix: 128 },
  ],
};

/** As a new network has it: not up, without addresses unless it was given one. */
const LOOPBACK_DOWN: NetInterface = { ...LOOPBACK, flags: IFF_LOOPBACK, addresses: [] };
const LOOPBACK_ADDRESSED: NetInterface = { ...LOOPBACK_DOWN, addresses: LOOPBACK.addresses.slice(0, 1) };

export type LoopbackState = 'down' | 'addressed' | 'up';

export const loopback = (state: LoopbackState): NetInterface => (state === 'up' ? LOOPBACK : state === 'down' ? LOOPBACK_DOWN : LOOPBACK_ADDRESSED);

/** The loopback, and what the host has. */
export function netInterfaces(host: readonly HostInterface[]): NetInterface[] {
  const out = [LOOPBACK];
  let next = 2;
  for (const i of host) {
    if (i.addresses.some((a) => isLoopback(a.ip))) continue;
    const index = i.index > 1 ? i.index : next;
    next = Math.max(next, index) + 1;
    const addresses = i.addresses.map((a) => ({ ip: a.ip, bytes: ipBytes(a.ip), prefix: a.prefix }));
    out.push({
      index, name: i.name.slice(0, 15), flags: IFF_UP | IFF_BROADCAST | IFF_RUNNING | IFF_MULTICAST, mtu: i.mtu, mac: i.mac, loopback: false, addresses,
    });
  }
  return out;
}

/** The network mask of a prefix as bytes. */
export function maskBytes(prefix: number, length: number): Uint8Array {
  const out = new Uint8Array(length);
  for (let i = 0; i < prefix; i++) out[i >> 3]! |= 0x80 >> (i & 7);
  return out;
}

export function broadcastBytes(a: InterfaceAddress): Uint8Array {
  const mask = maskBytes(a.prefix, a.bytes.length);
  return a.bytes.map((byte, i) => byte | (~mask[i]! & 0xff));
}

export function networkBytes(a: InterfaceAddress): Uint8Array {
  const mask = maskBytes(a.prefix, a.bytes.length);
  return a.bytes.map((byte, i) => byte & mask[i]!);
}

/** RT_SCOPE_* */
export function scopeOf(ip: string): number {
  return isLoopback(ip) ? 254 : !isV4(ip) && isLinkLocal(ip) ? 253 : 0;
}
