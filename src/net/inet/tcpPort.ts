import { EADDRINUSE } from '../../abi/linux/errno.ts';
import { PENDING } from '../socket.ts';
import type { Endpoint } from './endpoint.ts';
import type { HostPort } from './hostPorts.ts';
import { isV6Only } from './inetOptions.ts';
import type { TcpSocket } from './tcpSocket.ts';

/** A TCP socket's hold of its port: among the guest's sockets, and on the host. */
export class TcpPort {
  private readonly socket: TcpSocket;
  /** The port it has in the table; 0: none. */
  private held = 0;
  private onHost: HostPort | null = null;
  private asking = false;
  private hostError = 0;
  private closed = false;

  constructor(socket: TcpSocket) {
    this.socket = socket;
  }

  /** Takes the port, here and on the host, where its address is `hostIp`. 0, -errno or PENDING. */
  take(wanted: Endpoint, hostIp: string): number {
    const { socket } = this, { net } = socket;
    const port = wanted.port !== 0 ? wanted.port : net.tcp.ephemeral();
    if (port === 0 || !net.tcp.isFree(socket, port)) {
      socket.boundIp = null;
      socket.portGiven = false;
      return -EADDRINUSE;
    }
    socket.local = { ip: wanted.ip, port, scopeId: wanted.scopeId };
    this.hold(port);
    if (net.hostPorts === null) return 0;
    this.asking = true;
    net.hostPorts.acquire(hostIp, port, isV6Only(socket), (result) => this.answered(wanted, hostIp, result));
    return this.asking ? PENDING : this.result();
  }

  private answered(wanted: Endpoint, hostIp: string, result: HostPort | number): void {
    const { socket } = this;
    this.asking = false;
    if (typeof result !== 'number') {
      if (this.closed) {
        result.release();
        return;
      }
      this.onHost = result;
    } else {
      this.give();
      socket.local = null;
      // Somebody on the host has the port that we chose: another one.
      if (result === EADDRINUSE && wanted.port === 0 && !this.closed && this.take(wanted, hostIp) === PENDING) return;
      this.hostError = result;
      socket.boundIp = null;
    }
    socket.net.soon(() => socket.waitQueue.wake(0));
  }

  /** What the host has answered: 0 or -errno; PENDING: nothing yet. */
  result(): number {
    if (this.asking) return PENDING;
    const error = this.hostError;
    this.hostError = 0;
    return -error;
  }

  /** A port of the guest's own, for a connection that stays here. */
  takeInner(): number {
    const port = this.socket.net.tcp.ephemeral();
    this.hold(port);
    return port;
  }

  private hold(port: number): void {
    this.socket.net.tcp.add(this.socket, port);
    this.held = port;
  }

  /** The host's port is needed for a connection itself. */
  giveHost(): void {
    this.onHost?.release();
    this.onHost = null;
  }

  give(): void {
    if (this.held !== 0) this.socket.net.tcp.remove(this.socket, this.held);
    this.held = 0;
    this.giveHost();
  }

  close(): void {
    this.closed = true;
    this.give();
  }
}
