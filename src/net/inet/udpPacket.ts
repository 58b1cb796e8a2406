import { FilteredPacket } from '../packetFilter.ts';
import type { Endpoint } from './endpoint.ts';
import type { Heading } from './heading.ts';
import { ipBytes, isV4 } from './ip.ts';

export const UDP_HEADER = 8;
const ETH_P_IP = 0x0800, ETH_P_IPV6 = 0x86dd;
const DONT_FRAGMENT = 0x40;

function put16(b: Uint8Array, at: number, n: number): void {
  b[at] = n >> 8;
  b[at + 1] = n & 0xff;
}

/** A datagram as a filter sees it: with its headers, but for checksums and what only a wire would tell. */
export function udpPacket(data: Uint8Array, from: Endpoint, to: string, port: number, protocol: number, { hops, trafficClass }: Heading, interfaceIndex: number): FilteredPacket {
  const v4 = isV4(to), start = v4 ? 20 : 40, whole = new Uint8Array(start + UDP_HEADER + data.length);
  put16(whole, start, from.port);
  put16(whole, start + 2, port);
  put16(whole, start + 4, UDP_HEADER + data.length);
  whole.set(data, start + UDP_HEADER);
  if (v4) {
    whole[0] = 0x45;
    whole[1] = trafficClass;
    put16(whole, 2, whole.length);
    whole[6] = DONT_FRAGMENT;
    whole[8] = hops;
    whole[9] = protocol;
    whole.set(ipBytes(from.ip), 12);
    whole.set(ipBytes(to), 16);
  } else {
    whole[0] = 0x60 | (trafficClass >> 4);
    whole[1] = (trafficClass & 0xf) << 4;
    put16(whole, 4, UDP_HEADER + data.length);
    whole[6] = protocol;
    whole[7] = hops;
    whole.set(ipBytes(from.ip), 8);
    whole.set(ipBytes(to), 24);
  }
  return new FilteredPacket(whole.subarray(start), whole, v4 ? ETH_P_IP : ETH_P_IPV6, interfaceIndex);
}
