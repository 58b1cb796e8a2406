/** TCP and UDP through node:net and node:dgram. */
import type { Socket as DatagramSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createServer, connect as netConnect, isIPv6, type Server, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { ECONNREFUSED, EINVAL, EIO } from '../abi/linux/errno.ts';
import type {
  DatagramEvents, HostAddress, HostDatagrams, HostInterface, HostListener, HostStream, Sockets, StreamEvents,
} from '../host/sockets.ts';
import { errnoOf } from './errnoOf.ts';

/** More than this unsent: the sender is told when it is less. */
const CONGESTED = 131072;
/** How long the end of the emulator waits for data that has not left. */
const FLUSH_MS = 5000;

function plain(ip: string | undefined): string {
  const text = ip ?? '';
  return text.startsWith('::ffff:') && text.includes('.') ? text.slice(7) : text;
}

function addressOf(ip: string | undefined, port: number | undefined): HostAddress | null {
  return ip === undefined || port === undefined ? null : { ip: plain(ip), port };
}

class NodeStream implements HostStream {
  events: StreamEvents | null = null;
  readonly #socket: Socket;
  readonly #unsent: Set<NodeStream>;
  #congested = false;
  /** Kept from the time when it was connected: Node forgets. */
  #local: HostAddress | null = null;
  #remote: HostAddress | null = null;

  constructor(socket: Socket, connected: boolean, unsent: Set<NodeStream>) {
    this.#socket = socket;
    this.#unsent = unsent;
    socket.pause();
    if (connected) this.#connected();
    else socket.once('connect', () => {
      this.#connected();
      this.events?.onConnect();
    });
    socket.on('data', (chunk: Uint8Array) => this.events?.onData(chunk));
    socket.on('end', () => this.events?.onEnd());
    socket.on('error', (error) => this.events?.onError(errnoOf(error, EIO)));
    socket.on('close', () => this.#unsent.delete(this));
    // The data listener has set it flowing.
    socket.pause();
  }

  #connected(): void {
    this.#local = addressOf(this.#socket.localAddress, this.#socket.localPort);
    this.#remote = addressOf(this.#socket.remoteAddress, this.#socket.remotePort);
  }
  local(): HostAddress | null {
    return this.#local;
  }
  remote(): HostAddress | null {
    return this.#remote;
  }

  write(chunk: Uint8Array): void {
    this.#socket.write(chunk, () => {
      if (!this.#congested || this.pendingBytes > CONGESTED) return;
      this.#congested = false;
      this.events?.onDrain();
    });
    if (this.pendingBytes > CONGESTED) this.#congested = true;
  }
  get pendingBytes(): number {
    return this.#socket.writableLength;
  }
  setReading(on: boolean): void {
    if (on) this.#socket.resume();
    else this.#socket.pause();
  }
  end(): void {
    this.#socket.end();
  }
  close(): void {
    this.events = null;
    this.#unsent.add(this);
    this.#socket.pause();
    this.#socket.end(() => this.#socket.destroy());
  }
  reset(): void {
    this.events = null;
    if (this.#socket.connecting) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }
  setNoDelay(on: boolean): void {
    this.#socket.setNoDelay(on);
  }
  setKeepAlive(on: boolean, initialSeconds: number): void {
    this.#socket.setKeepAlive(on, initialSeconds * 1000);
  }
}

class NodeListener implements HostListener {
  onConnection: ((stream: HostStream) => void) | null = null;
  readonly address: HostAddress;
  readonly #server: Server;

  constructor(server: Server, unsent: Set<NodeStream>) {
    this.#server = server;
    const address = server.address() as { address: string; port: number };
    this.address = { ip: plain(address.address), port: address.port };
    server.on('connection', (socket) => {
      const stream = new NodeStream(socket, true, unsent);
      if (this.onConnection === null) stream.reset();
      else this.onConnection(stream);
    });
    server.on('error', () => {});
  }
  close(): void {
    this.#server.close();
  }
}

/** 0 or -errno of a call that throws. */
function attempt(call: () => void): number {
  try {
    call();
    return 0;
  } catch (error) {
    return -errnoOf(error, EINVAL);
  }
}

class NodeDatagrams implements HostDatagrams {
  events: DatagramEvents | null = null;
  readonly address: HostAddress;
  readonly #socket: DatagramSocket;
  readonly #isV6: boolean;
  #state: 'free' | 'connecting' | 'connected' = 'free';
  #early: Uint8Array[] = [];
  /** Who waits for it to be connected. */
  #settling: (() => void)[] = [];
  #sending = 0;
  #closing = false;
  #closed = false;

  constructor(socket: DatagramSocket, isV6: boolean) {
    this.#socket = socket;
    this.#isV6 = isV6;
    const address = socket.address();
    this.address = { ip: plain(address.address), port: address.port };
    socket.on('message', (data, from) => this.events?.onMessage(data, { ip: plain(from.address), port: from.port }));
    socket.on('error', (error) => this.#failed(error));
    socket.on('connect', () => {
      this.#state = 'connected';
      for (const data of this.#early.splice(0)) this.send(data, null);
      this.#decided();
    });
  }

  #failed(error: unknown): void {
    if (this.#state === 'connecting') {
      this.#state = 'free';
      this.#early = [];
    }
    this.events?.onError(errnoOf(error, ECONNREFUSED));
    this.#decided();
  }
  /** An IPv6 socket names IPv4 addresses so. */
  #name(ip: string): string {
    return this.#isV6 && !isIPv6(ip) ? `::ffff:${ip}` : ip;
  }

  connect(to: HostAddress): void {
    this.disconnect();
    if (attempt(() => this.#socket.connect(to.port, this.#name(to.ip))) === 0) this.#state = 'connecting';
  }
  disconnect(): void {
    if (this.#state === 'connected') attempt(() => this.#socket.disconnect());
    this.#state = 'free';
    this.#decided();
  }
  send(data: Uint8Array, to: HostAddress | null): void {
    if (this.#closed) return;
    if (to === null && this.#state === 'connecting') {
      this.#early.push(data);
      return;
    }
    const sent = (error: Error | null): void => {
      this.#sending--;
      if (error !== null) this.#failed(error);
      else if (this.#sending === 0) this.events?.onDrain();
      if (this.#closing && this.#sending === 0) this.#end();
    };
    this.#sending++;
    const failure = attempt(() => {
      if (to === null) this.#socket.send(data, sent);
      else this.#socket.send(data, to.port, this.#name(to.ip), sent);
    });
    if (failure !== 0) this.#sending--;
  }
  get pendingBytes(): number {
    return this.#closed ? 0 : this.#socket.getSendQueueSize();
  }
  settle(done: () => void): void {
    // Errors are told in the next look at the host's descriptors: one has ended when the second of these runs.
    if (this.#state === 'connecting') this.#settling.push(done);
    else setImmediate(() => setImmediate(done));
  }
  #decided(): void {
    for (const done of this.#settling.splice(0)) this.settle(done);
  }

  setBroadcast(on: boolean): number {
    return attempt(() => this.#socket.setBroadcast(on));
  }
  setTtl(ttl: number): number {
    return attempt(() => this.#socket.setTTL(ttl));
  }
  setMulticastTtl(ttl: number): number {
    return attempt(() => this.#socket.setMulticastTTL(ttl));
  }
  setMulticastLoop(on: boolean): number {
    return attempt(() => this.#socket.setMulticastLoopback(on));
  }
  setMulticastInterface(ip: string): number {
    return attempt(() => this.#socket.setMulticastInterface(ip));
  }
  joinGroup(group: string, iface: string | null): number {
    return attempt(() => this.#socket.addMembership(group, iface ?? undefined));
  }
  leaveGroup(group: string, iface: string | null): number {
    return attempt(() => this.#socket.dropMembership(group, iface ?? undefined));
  }
  joinSource(group: string, source: string, iface: string | null): number {
    return attempt(() => this.#socket.addSourceSpecificMembership(source, group, iface ?? undefined));
  }
  leaveSource(group: string, source: string, iface: string | null): number {
    return attempt(() => this.#socket.dropSourceSpecificMembership(source, group, iface ?? undefined));
  }

  close(): void {
    this.events = null;
    this.#closing = true;
    if (this.#sending === 0) this.#end();
  }
  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#state = 'free';
    this.#socket.close();
    this.#decided();
  }
}

function readNumber(path: string): number {
  try {
    return Number(readFileSync(path, 'latin1'));
  } catch {
    return 0;
  }
}

export class NodeSockets implements Sockets {
  readonly #unsent = new Set<NodeStream>();

  interfaces(): readonly HostInterface[] {
    const out: HostInterface[] = [];
    for (const [name, addresses] of Object.entries(networkInterfaces())) {
      if (addresses === undefined) continue;
      const list = addresses.map((a) => ({ ip: a.address, prefix: Number(a.cidr?.split('/')[1] ?? (a.family === 'IPv4' ? 32 : 128)), scopeId: a.scopeid ?? 0 }));
      const mac = Uint8Array.from((addresses[0]?.mac ?? '00:00:00:00:00:00').split(':'), (byte) => Number.parseInt(byte, 16));
      const about = `/sys/class/net/${name}`;
      const index = readNumber(`${about}/ifindex`) || (list.find((a) => a.scopeId > 0)?.scopeId ?? 0);
      out.push({ name, index, mtu: readNumber(`${about}/mtu`) || 1500, mac, addresses: list });
    }
    return out;
  }

  connect(to: HostAddress, from: HostAddress | null): HostStream {
    const local = from === null ? {} : { localPort: from.port, ...(from.ip === '0.0.0.0' || from.ip === '::' ? {} : { localAddress: from.ip }) };
    const socket = netConnect({ host: to.ip, port: to.port, allowHalfOpen: true, ...local });
    return new NodeStream(socket, false, this.#unsent);
  }

  listen(at: HostAddress, options: { backlog: number; v6Only: boolean }, done: (result: HostListener | number) => void): void {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
    const failed = (error: unknown): void => done(errnoOf(error, EINVAL));
    server.once('error', failed);
    server.listen({ host: at.ip, port: at.port, backlog: options.backlog, ipv6Only: options.v6Only, exclusive: true }, () => {
      server.removeListener('error', failed);
      done(new NodeListener(server, this.#unsent));
    });
  }

  datagrams(at: HostAddress, options: { v6Only: boolean; reuseAddr: boolean; reusePort: boolean }, done: (result: HostDatagrams | number) => void): void {
    const isV6 = isIPv6(at.ip.split('%')[0]!);
    // Few programs need it.
    const socket = process.getBuiltinModule('node:dgram').createSocket({
      type: isV6 ? 'udp6' : 'udp4',
      // Node cannot ask for the other; among sockets of one process this one is enough.
      reuseAddr: options.reuseAddr || options.reusePort,
      ipv6Only: options.v6Only,
      // Only numbers come here: no resolver, and no turn of the event loop.
      lookup: (host, _options, callback) => callback(null, host, isV6 ? 6 : 4),
    });
    const failed = (error: unknown): void => done(errnoOf(error, EINVAL));
    socket.once('error', failed);
    socket.bind({ address: at.ip, port: at.port, exclusive: true }, () => {
      socket.removeListener('error', failed);
      done(new NodeDatagrams(socket, isV6));
    });
  }

  async flush(): Promise<void> {
    const until = Date.now() + FLUSH_MS;
    while (this.#unsent.size > 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
