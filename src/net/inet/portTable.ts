import { isV4 } from './ip.ts';

/** What occupies a port. */
export interface PortUser {
  /** Bound address; null: the wildcard. */
  readonly boundIp: string | null;
  /** The socket's family has both kinds of addresses (IPv6 without IPV6_V6ONLY), one of them otherwise. */
  readonly spansFamilies: boolean;
  readonly isV6: boolean;
  mayShare(other: this): boolean;
}

/** net.ipv4.ip_local_port_range */
const FIRST_EPHEMERAL = 32768;
const EPHEMERALS = 28232;

const familiesMeet = (a: PortUser, b: PortUser): boolean => a.isV6 === b.isV6 || (a.isV6 ? a.spansFamilies : b.spansFamilies);

/** How exactly a binding covers an address; 0: not at all. */
function exactness(user: PortUser, ip: string): number {
  const v4 = isV4(ip);
  if (user.boundIp !== null) return user.boundIp === ip ? 3 : 0;
  if (v4 ? !user.isV6 : user.isV6) return 2;
  return v4 && user.spansFamilies ? 1 : 0;
}

/** The bound ports of one protocol. */
export class PortTable<T extends PortUser> {
  private readonly ports = new Map<number, T[]>();
  private readonly random: () => number;

  constructor(random: () => number) {
    this.random = random;
  }

  /** Whether `user` may bind `port`. */
  isFree(user: T, port: number): boolean {
    const users = this.ports.get(port);
    if (users === undefined) return true;
    return users.every((other) => {
      if (!familiesMeet(user, other)) return true;
      if (user.boundIp !== null && other.boundIp !== null && user.boundIp !== other.boundIp) return true;
      return user.mayShare(other);
    });
  }

  /** A port of the ephemeral range that nobody has; 0: none. */
  ephemeral(): number {
    const start = this.random();
    for (let i = 0; i < EPHEMERALS; i++) {
      const port = FIRST_EPHEMERAL + ((start + i) % EPHEMERALS);
      if (!this.ports.has(port)) return port;
    }
    return 0;
  }

  add(user: T, port: number): void {
    const users = this.ports.get(port);
    if (users === undefined) this.ports.set(port, [user]);
    else users.push(user);
  }

  remove(user: T, port: number): void {
    const users = this.ports.get(port);
    const index = users?.indexOf(user) ?? -1;
    if (index < 0) return;
    users!.splice(index, 1);
    if (users!.length === 0) this.ports.delete(port);
  }

  /** Everyone whose binding covers the address, the most exact first. */
  matching(ip: string, port: number): T[] {
    const users = this.ports.get(port);
    return users === undefined ? [] : users.filter((u) => exactness(u, ip) > 0).sort((a, b) => exactness(b, ip) - exactness(a, ip));
  }

  /** Of those whose binding covers the address and that are `wanted` the most exact ones: several share the port. */
  best(ip: string, port: number, wanted: (user: T) => boolean): T[] {
    const found = this.matching(ip, port).filter(wanted);
    return found.filter((u) => exactness(u, ip) === exactness(found[0]!, ip));
  }

  *all(): Generator<[port: number, user: T]> {
    for (const [port, users] of this.ports) for (const user of users) yield [port, user];
  }
}
