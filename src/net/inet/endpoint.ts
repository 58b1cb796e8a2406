import { EAFNOSUPPORT, EINVAL } from '../../abi/linux/errno.ts';
import { AF_INET, AF_INET6, AF_UNSPEC } from '../../abi/linux/socket.ts';
import { getU16, getU32, putU16, putU32 } from '../../abi/layout.ts';
import { ipBytes, ipText, isV4, mappedV4 } from './ip.ts';

/** Where a socket is or talks to. IPv4 is IPv4 here even when an IPv6 socket uses it. */
export interface Endpoint {
  readonly ip: string;
  readonly port: number;
  readonly scopeId: number;
}

/** The endpoint in a sockaddr for a socket of `family`; -EINVAL, -EAFNOSUPPORT. */
export function parseEndpoint(address: Uint8Array, family: number, unspecIsInet = false): Endpoint | number {
  if (address.length < (family === AF_INET ? 16 : 24)) return -EINVAL;
  const given = getU16(address, 0);
  const port = address[2]! * 256 + address[3]!;
  if (family === AF_INET) {
    if (given !== AF_INET && !(unspecIsInet && given === AF_UNSPEC && getU32(address, 4) === 0)) return -EAFNOSUPPORT;
    return { ip: ipText(address.subarray(4, 8)), port, scopeId: 0 };
  }
  if (given !== AF_INET6) return -EAFNOSUPPORT;
  const bytes = address.subarray(8, 24);
  return { ip: mappedV4(bytes) ?? ipText(bytes), port, scopeId: address.length >= 28 ? getU32(address, 24) : 0 };
}

/** The sockaddr of an endpoint as a socket of `family` shows it. */
export function endpointBytes(e: Endpoint, family: number): Uint8Array {
  const out = new Uint8Array(family === AF_INET ? 16 : 28);
  putU16(out, 0, family);
  out[2] = e.port >> 8;
  out[3] = e.port;
  const bytes = ipBytes(e.ip);
  if (family === AF_INET) out.set(bytes.length === 4 ? bytes : new Uint8Array(4), 4);
  else if (isV4(e.ip)) {
    // An IPv6 socket's wildcard is ::, all else is mapped.
    if (e.ip !== '0.0.0.0') {
      out[18] = out[19] = 0xff;
      out.set(bytes, 20);
    }
  } else {
    out.set(bytes, 8);
    putU32(out, 24, e.scopeId);
  }
  return out;
}
