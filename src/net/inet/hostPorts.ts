import { EADDRINUSE } from '../../abi/linux/errno.ts';
import type { HostListener, HostStream, Sockets } from '../../host/sockets.ts';

/** A port of the host that guest sockets hold (several, with SO_REUSEPORT). */
export class HostPort {
  readonly listener: HostListener;
  private refs = 1;
  private readonly onLast: () => void;

  constructor(listener: HostListener, onLast: () => void) {
    this.listener = listener;
    this.onLast = onLast;
  }
  acquire(): this {
    this.refs++;
    return this;
  }
  release(): void {
    if (--this.refs > 0) return;
    this.listener.close();
    this.onLast();
  }
}

/**
 * The TCP ports that the guest has bound, held on the host too: from bind(2) on, so that the host's answer (in use, not
 * allowed) is the guest's. Connections before listen(2) are reset.
 */
export class HostPorts {
  private readonly host: Sockets;
  private readonly held = new Map<string, HostPort>();
  private readonly onConnection: (stream: HostStream) => void;

  constructor(host: Sockets, onConnection: (stream: HostStream) => void) {
    this.host = host;
    this.onConnection = onConnection;
  }

  private sharing(port: number): HostPort | undefined {
    for (const [key, held] of this.held) if (key.endsWith(` ${port}`)) return held;
    return undefined;
  }

  /** `done` may run at once. */
  acquire(ip: string, port: number, v6Only: boolean, done: (result: HostPort | number) => void): void {
    const key = (p: number): string => `${ip} ${p}`;
    const had = this.held.get(key(port));
    if (had !== undefined) {
      done(had.acquire());
      return;
    }
    this.host.listen({ ip, port }, { backlog: 511, v6Only, reusePort: false }, (result) => {
      if (typeof result === 'number') {
        // What the guest's sockets may share (SO_REUSEPORT, an address and the wildcard) the host's may not: ours is in the way.
        const ours = result === EADDRINUSE ? this.sharing(port) : undefined;
        done(ours === undefined ? result : ours.acquire());
        return;
      }
      const at = key(result.address.port);
      const held = new HostPort(result, () => this.held.delete(at));
      this.held.set(at, held);
      result.onConnection = this.onConnection;
      done(held);
    });
  }
}
