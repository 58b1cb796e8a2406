import { EACCES, EADDRNOTAVAIL, EAFNOSUPPORT, EINVAL, ENOTCONN } from '../../abi/linux/errno.ts';
import { AF_INET6 } from '../../abi/linux/socket.ts';
import type { Abi } from '../../abi/abi.ts';
import { Cap } from '../../vfs/cred.ts';
import type { FileCaller } from '../../vfs/fileDescription.ts';
import type { PathContext } from '../../vfs/path.ts';
import type { NetStack } from '../netStack.ts';
import { Socket } from '../socket.ts';
import { type Endpoint, endpointBytes, parseEndpoint } from './endpoint.ts';
import { getInetOption, isV6Only, setInetOption } from './inetOptions.ts';
import { isAny, isMulticast, isV4 } from './ip.ts';
import type { PortUser } from './portTable.ts';

/** What TCP and UDP sockets share: endpoints and options. */
export abstract class InetSocket extends Socket implements PortUser {
  local: Endpoint | null = null;
  remote: Endpoint | null = null;
  /** bind(2) gave the address; null: the wildcard, or nothing yet. */
  boundIp: string | null = null;
  /** bind(2) gave the port. */
  portGiven = false;
  readonly inetInts = new Map<number, number>();
  congestion = 'cubic';
  /** Makes sockets of its own (accept). */
  readonly maker: PathContext;

  constructor(t: PathContext, net: NetStack, family: number, type: number, protocol: number, flags: number) {
    super(t, net, family, type, protocol, flags);
    this.maker = { fs: t.fs, cred: t.cred };
  }

  get isV6(): boolean {
    return this.family === AF_INET6;
  }
  get spansFamilies(): boolean {
    return this.isV6 && !isV6Only(this);
  }
  abstract mayShare(other: this): boolean;

  get wildcard(): string {
    return this.isV6 ? '::' : '0.0.0.0';
  }
  /** Address for the host's bind: the wildcard of the family unless one was given. */
  get bindIp(): string {
    return this.boundIp ?? this.wildcard;
  }

  override localName(): Uint8Array {
    return endpointBytes(this.local ?? { ip: this.wildcard, port: 0, scopeId: 0 }, this.family);
  }
  override peerName(): Uint8Array | number {
    return this.remote === null ? -ENOTCONN : endpointBytes(this.remote, this.family);
  }

  /** Checks what bind(2) is asked for: an endpoint of this system that may be bound. */
  protected bindable(address: Uint8Array, t: FileCaller): Endpoint | number {
    const wanted = parseEndpoint(address, this.family, true);
    if (typeof wanted === 'number') return wanted;
    if (isV4(wanted.ip) && this.isV6 && isV6Only(this)) return -EINVAL;
    if (!this.mayBindTo(wanted.ip)) return -EADDRNOTAVAIL;
    if (wanted.port !== 0 && wanted.port < 1024 && !t.cred.hasIn(Cap.NET_BIND_SERVICE, this.net.userNs)) return -EACCES;
    return this.local !== null ? -EINVAL : wanted;
  }

  protected mayBindTo(ip: string): boolean {
    return isAny(ip) || (!isMulticast(ip) && this.net.isLocal(ip));
  }

  /** Where a name leads for connect and sendto: the wildcard is this system. */
  protected destination(address: Uint8Array): Endpoint | number {
    const to = parseEndpoint(address, this.family);
    if (typeof to === 'number') return to;
    if (isV4(to.ip) && this.isV6 && isV6Only(this)) return -EAFNOSUPPORT;
    if (!isAny(to.ip)) return to;
    return { ip: isV4(to.ip) ? '127.0.0.1' : '::1', port: to.port, scopeId: 0 };
  }

  /** The address that a packet to `ip` gets as its source. */
  protected sourceFor(ip: string): string {
    if (this.boundIp !== null) return this.boundIp;
    const v4 = isV4(ip);
    if (v4 ? ip.startsWith('127.') : ip === '::1') return v4 ? '127.0.0.1' : '::1';
    if (this.net.isLocal(ip)) return ip;
    for (const i of this.net.interfaces()) {
      if (i.loopback) continue;
      const own = i.addresses.find((a) => isV4(a.ip) === v4);
      if (own !== undefined) return own.ip;
    }
    return v4 ? '0.0.0.0' : '::';
  }

  /** For the host: numeric, with the zone of link-local addresses. */
  protected hostAddress(e: Endpoint): { ip: string; port: number } {
    const zone = e.scopeId === 0 ? undefined : this.net.interfaces().find((i) => i.index === e.scopeId)?.name;
    return { ip: zone === undefined ? e.ip : `${e.ip}%${zone}`, port: e.port };
  }

  override setFamilyOption(level: number, name: number, value: Uint8Array, _abi: Abi, t: FileCaller): number {
    return setInetOption(this, level, name, value, t.cred);
  }
  override getFamilyOption(level: number, name: number, _abi: Abi): Uint8Array | number {
    return getInetOption(this, level, name);
  }
  /** An int option has a new value that the host should know. */
  inetOptionChanged(_level: number, _name: number, _value: number): void {}
}

