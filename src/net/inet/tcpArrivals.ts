import { Fifo } from '../fifo.ts';
import type { TcpSocket } from './tcpSocket.ts';

const MOST = 4096;

/** What comes to a listening socket: connections that nobody has accepted, and clients that wait until there is room for them. */
export class TcpArrivals {
  private readonly made = new Fifo<TcpSocket>();
  private readonly waiting = new Fifo<TcpSocket>();
  private backlog = 0;

  setBacklog(backlog: number): void {
    this.backlog = backlog < 0 || backlog > MOST ? MOST : backlog;
  }
  /** Connections that nobody has accepted yet, and how many may be. */
  get count(): number {
    return this.made.length;
  }
  get limit(): number {
    return this.backlog;
  }
  get hasRoom(): boolean {
    return this.made.length <= this.backlog;
  }
  get any(): boolean {
    return this.made.length > 0;
  }

  /** Nobody accepts, far too long: the host's connections are refused. */
  get flooded(): boolean {
    return this.made.length > MOST;
  }

  add(server: TcpSocket): void {
    this.made.push(server);
  }
  /** A connection that was accepted comes back as the next. */
  putBack(server: TcpSocket): void {
    this.made.unshift(server);
  }
  wait(client: TcpSocket): void {
    this.waiting.push(client);
  }

  /** The next connection; clients that have waited move up through `admit`. */
  take(admit: (client: TcpSocket) => void): TcpSocket | undefined {
    const server = this.made.shift();
    if (server === undefined) return undefined;
    while (this.hasRoom) {
      const next = this.waiting.shift();
      if (next === undefined) break;
      admit(next);
    }
    return server;
  }

  /** The listening is over. */
  clear(drop: (server: TcpSocket) => void, refuse: (client: TcpSocket) => void): void {
    for (let server = this.made.shift(); server !== undefined; server = this.made.shift()) drop(server);
    for (let client = this.waiting.shift(); client !== undefined; client = this.waiting.shift()) refuse(client);
  }
}
