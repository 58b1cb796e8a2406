import { EADDRINUSE, EOPNOTSUPP } from '../abi/linux/errno.ts';
import type { HostAddress, HostListener, HostStream, Sockets } from '../host/sockets.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { NetNamespace } from '../kernel/task/namespaces.ts';
import { HostPorts } from './inet/hostPorts.ts';
import type { IcmpSocket } from './inet/icmpSocket.ts';
import { PortTable } from './inet/portTable.ts';
import type { TcpSocket } from './inet/tcpSocket.ts';
import type { UdpSocket } from './inet/udpSocket.ts';
import { isAny, isLoopback } from './inet/ip.ts';
import type { Task } from '../kernel/task/task.ts';
import type { UserNamespace } from '../vfs/userNamespace.ts';
import { loopback, type LoopbackState, type NetInterface, netInterfaces } from './netInterface.ts';
import { collectInFlight } from './unix/inFlight.ts';
import type { UnixSocket } from './unix/unixSocket.ts';

/** `-p HOSTPORT:PORT`: a guest server's port seen from the host. */
export interface PublishedPort {
  readonly host: HostAddress;
  readonly port: number;
}

/** The host's interfaces are looked at again after this time. */
const INTERFACES_AGE_NS = 1e9;

/** The network of one emulator: names and ports of its sockets, and the way to the host's network, if there is one. */
export class NetStack {
  readonly kernel: Kernel;
  /** null: --net=none. */
  readonly host: Sockets | null;
  /** Of all networks: one may hold another's in a message. */
  readonly unixSockets: Set<UnixSocket>;
  readonly tcpSockets = new Set<TcpSocket>();
  readonly udpSockets = new Set<UdpSocket>();
  /** Raw ones, and those that have an identifier. */
  readonly icmpSockets = new Set<IcmpSocket>();
  /** TCP ports on the host; null: the guest's are its own. */
  readonly hostPorts: HostPorts | null;
  readonly tcp: PortTable<TcpSocket>;
  readonly udp: PortTable<UdpSocket>;
  readonly udpLite: PortTable<UdpSocket>;
  private readonly abstractNames = new Map<string, UnixSocket>();
  private readonly netlinkPorts = new Set<string>();
  private looking = false;
  private nextName = 1;
  private turn = 0;
  private known: NetInterface[] = netInterfaces([]);
  private knownAtNs = -Infinity;

  /** A new network's must be brought up first. */
  loopbackState: LoopbackState;
  readonly ns: NetNamespace;
  /** SO_NETNS_COOKIE: the first one's is 1. */
  readonly cookie: number;
  private networks = 1;

  /** `first`: the emulator's, for a further one. */
  constructor(kernel: Kernel, host: Sockets | null, ns = kernel.namespaces.net, first: NetStack | null = null) {
    this.kernel = kernel;
    this.ns = ns;
    this.cookie = first === null ? 1 : ++first.networks;
    this.loopbackState = first === null ? 'up' : 'down';
    this.unixSockets = first === null ? new Set() : first.unixSockets;
    this.host = host;
    this.hostPorts = this.host === null ? null : new HostPorts(this.host, (stream) => this.arrived(stream, null));
    const random = (): number => {
      const bytes = new Uint8Array(2);
      kernel.parts.random.fill(bytes);
      return bytes[0]! * 256 + bytes[1]!;
    };
    this.tcp = new PortTable<TcpSocket>(random);
    this.udp = new PortTable<UdpSocket>(random);
    this.udpLite = new PortTable<UdpSocket>(random);
  }

  /** Who has capabilities here may use those over networks. */
  get userNs(): UserNamespace {
    return this.ns.userNs;
  }

  interfaces(): readonly NetInterface[] {
    if (this.host === null) return [loopback(this.loopbackState)];
    const now = this.kernel.nowNs();
    if (now - this.knownAtNs > INTERFACES_AGE_NS) {
      this.known = netInterfaces(this.host.interfaces());
      this.knownAtNs = now;
    }
    return this.known;
  }

  /** Brings the loopback up or down: 0, or -EOPNOTSUPP for that of the host. */
  setLoopback(up: boolean): number {
    if (up === (this.loopbackState === 'up')) return 0;
    if (this.host !== null) return -EOPNOTSUPP;
    this.loopbackState = up ? 'up' : 'down';
    return 0;
  }

  /** Whether an address belongs to this system. */
  isLocal(ip: string): boolean {
    return (this.loopbackState === 'up' && isLoopback(ip)) || isAny(ip) || this.interfaces().some((i) => i.addresses.some((a) => a.ip === ip));
  }

  /** Runs what a host callback found out on the kernel loop. */
  soon(work: () => void): void {
    this.kernel.defer(work);
  }

  /** Some socket may be held by messages alone. */
  lookForLost(): void {
    if (this.looking) return;
    this.looking = true;
    this.soon(() => {
      this.looking = false;
      collectInFlight(this);
    });
  }

  // ---- netlink port ids ----

  /** Gives a netlink socket its id: the wanted one, else the process's, else a free one. 0 or -EADDRINUSE. */
  takeNetlinkPort(protocol: number, wanted: number, tgid: number, take: (id: number) => void): number {
    let id = wanted !== 0 ? wanted : tgid;
    const taken = (n: number): boolean => this.netlinkPorts.has(`${protocol} ${n}`);
    if (taken(id)) {
      if (wanted !== 0) return -EADDRINUSE;
      id = 0xfffff000;
      while (taken(id)) id--;
    }
    this.netlinkPorts.add(`${protocol} ${id}`);
    take(id);
    return 0;
  }
  freeNetlinkPort(protocol: number, id: number): void {
    this.netlinkPorts.delete(`${protocol} ${id}`);
  }

  // ---- TCP servers ----

  /** Who listens there; several (SO_REUSEPORT) by turns. */
  listener(ip: string, port: number): TcpSocket | null {
    const group = this.tcp.best(ip, port, (s) => s.listening);
    if (group.length < 2) return group[0] ?? null;
    this.turn = (this.turn + 1) % group.length;
    return group[this.turn]!;
  }

  /** A connection from outside, to `port` or the port it came to. */
  private arrived(stream: HostStream, port: number | null): void {
    const local = stream.local();
    const at = port ?? local?.port ?? 0;
    const listener = local === null ? null : (this.listener(local.ip, at) ?? (port === null ? null : this.listener('127.0.0.1', at)));
    if (listener === null) stream.reset();
    else this.soon(() => (listener.listening ? listener.admitHost(stream) : stream.reset()));
  }

  /** Opens the published ports on the host; the first that cannot be, or null. */
  async openPublished(sockets: Sockets, ports: readonly PublishedPort[]): Promise<PublishedPort | null> {
    for (const published of ports) {
      const result = await new Promise<HostListener | number>((done) => sockets.listen(published.host, { backlog: 511, v6Only: false, reusePort: false }, done));
      if (typeof result === 'number') return published;
      result.onConnection = (stream) => this.arrived(stream, published.port);
    }
    return null;
  }

  // ---- abstract Unix names: each type of socket has its own ----

  nameAbstract(s: UnixSocket, name: string): boolean {
    const key = `${s.type}${name}`;
    if (this.abstractNames.has(key)) return false;
    this.abstractNames.set(key, s);
    s.name = name;
    return true;
  }
  nameFreely(s: UnixSocket): void {
    do this.nextName = (this.nextName + 1) & 0xfffff;
    while (!this.nameAbstract(s, `\0${this.nextName.toString(16).padStart(5, '0')}`));
  }
  findAbstract(type: number, name: string): UnixSocket | null {
    return this.abstractNames.get(`${type}${name}`) ?? null;
  }
  forgetAbstract(s: UnixSocket): void {
    const key = `${s.type}${s.name}`;
    if (this.abstractNames.get(key) === s) this.abstractNames.delete(key);
  }
}

/** By network namespace. */
const stacks = new WeakMap<object, NetStack>();

export function installNetStack(stack: NetStack): void {
  stacks.set(stack.kernel.namespaces.net, stack);
}

/** The network that a program sees; a new one is alone in the world. */
export function netStackOf(t: Task): NetStack {
  const { net } = t.ns;
  let stack = stacks.get(net);
  if (stack === undefined) stacks.set(net, (stack = new NetStack(t.kernel, null, net, stacks.get(t.kernel.namespaces.net) ?? null)));
  return stack;
}
