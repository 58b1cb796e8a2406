import { EAGAIN, ECONNREFUSED, ECONNRESET, EINVAL, EISCONN } from '../../abi/linux/errno.ts';
import {
  EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLRDNORM, EPOLLWRBAND, EPOLLWRNORM,
} from '../../abi/linux/poll.ts';
import { SO_PASSCRED } from '../../abi/linux/socket.ts';
import type { FileCaller } from '../../vfs/fileDescription.ts';
import type { PathContext } from '../../vfs/path.ts';
import { Fifo } from '../fifo.ts';
import { RCV_SHUTDOWN, SEND_SHUTDOWN, SHUTDOWN_MASK } from '../message.ts';
import type { Socket } from '../socket.ts';
import { parseUnixAddress } from './unixAddress.ts';
import { UnixSocket, UnixState } from './unixSocket.ts';

const ALL = EPOLLIN | EPOLLRDNORM | EPOLLRDHUP | EPOLLHUP | EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND | EPOLLERR;

/** Stream and seqpacket: sockets with a connection. */
export abstract class UnixConnection extends UnixSocket {
  /** Server sides of connections nobody has accepted. */
  private readonly arrivals = new Fifo<UnixConnection>();
  private backlog = 0;
  private ownCred: ReturnType<UnixSocket['effectiveCredOf']> | null = null;
  private ownGroups: readonly number[] = [];
  /** Made by connect(), and not accepted yet. */
  protected embryo = false;

  /** Another of the same kind, for accept. */
  protected abstract another(t: PathContext): UnixConnection;

  /** Both ends of socketpair(2). */
  join(other: UnixConnection, t: FileCaller): void {
    this.peer = other;
    other.peer = this;
    this.state = other.state = UnixState.established;
    this.peerCred = other.peerCred = this.effectiveCredOf(t);
    this.peerGroups = other.peerGroups = t.cred.groups;
    this.connected();
  }

  /** It has a peer, which has this. */
  protected connected(): void {}

  override get waiting(): { readonly count: number; readonly limit: number } {
    return { count: this.arrivals.length, limit: this.backlog };
  }

  override listen(backlog: number, t: FileCaller): number {
    if (this.name === null || this.state === UnixState.established) return -EINVAL;
    if (backlog > this.backlog) this.waitQueue.wake(EPOLLOUT);
    this.backlog = backlog < 0 || backlog > 4096 ? 4096 : backlog;
    this.state = UnixState.listening;
    this.ownCred = this.effectiveCredOf(t);
    this.ownGroups = t.cred.groups;
    return 0;
  }

  override connect(address: Uint8Array, t: FileCaller): number {
    const name = parseUnixAddress(address, false);
    if (typeof name === 'number') return name;
    if (this.passesCred && this.name === null) this.autobind();
    const other = this.find(name, t);
    if (typeof other === 'number') return other;
    if (!(other instanceof UnixConnection) || other.state !== UnixState.listening || (other.shutdownBits & RCV_SHUTDOWN) !== 0) return -ECONNREFUSED;
    if (other.arrivals.length > other.backlog) {
      this.blockedOn = other.waitQueue;
      return -EAGAIN;
    }
    if (this.state === UnixState.established) return -EISCONN;
    if (this.state !== UnixState.close) return -EINVAL;
    const server = other.another({ fs: t.fs, cred: other.cred });
    server.embryo = true;
    server.shareName(other);
    server.options.ints.set(SO_PASSCRED, other.options.int(SO_PASSCRED));
    server.peer = this;
    this.peer = server;
    this.state = server.state = UnixState.established;
    server.peerCred = this.effectiveCredOf(t);
    server.peerGroups = t.cred.groups;
    this.peerCred = other.ownCred;
    this.peerGroups = other.ownGroups;
    this.connected();
    other.arrivals.push(server);
    other.waitQueue.wake(EPOLLIN | EPOLLRDNORM);
    return 0;
  }

  override accept(_t: FileCaller, flags: number): UnixConnection | number {
    if (this.state !== UnixState.listening) return -EINVAL;
    const server = this.arrivals.shift();
    if (server === undefined) return (this.shutdownBits & RCV_SHUTDOWN) !== 0 ? -EINVAL : -EAGAIN;
    server.flags |= flags;
    server.embryo = false;
    // Room for a connect that waits.
    this.waitQueue.wake(EPOLLOUT);
    return server;
  }

  override putBack(accepted: Socket): void {
    (accepted as UnixConnection).embryo = true;
    this.arrivals.unshift(accepted as UnixConnection);
  }

  override shutdown(how: number): number {
    this.claimLanes();
    const bits = how + 1;
    this.shutdownBits |= bits;
    const other = this.peer as UnixConnection | null;
    this.waitQueue.wake(ALL);
    if (other === null) return 0;
    other.shutdownBits |= ((bits & RCV_SHUTDOWN) !== 0 ? SEND_SHUTDOWN : 0) | ((bits & SEND_SHUTDOWN) !== 0 ? RCV_SHUTDOWN : 0);
    other.waitQueue.wake(ALL);
    return 0;
  }

  override poll(): number {
    let mask = 0;
    if (this.error !== 0) mask |= EPOLLERR;
    if (this.shutdownBits === SHUTDOWN_MASK) mask |= EPOLLHUP;
    if ((this.shutdownBits & RCV_SHUTDOWN) !== 0) mask |= EPOLLRDHUP | EPOLLIN | EPOLLRDNORM;
    if (this.packets.length > 0 || this.arrivals.length > 0) mask |= EPOLLIN | EPOLLRDNORM;
    if (this.state === UnixState.close) mask |= EPOLLHUP;
    if (this.mayWrite) mask |= EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
    return mask;
  }

  protected override close(): void {
    this.claimLanes();
    super.close();
    const peer = this.peer as UnixConnection | null;
    if (peer !== null) {
      if (this.packets.length > 0 || this.embryo) peer.error = ECONNRESET;
      peer.shutdownBits = SHUTDOWN_MASK;
    }
    this.dropPackets();
    for (let server = this.arrivals.shift(); server !== undefined; server = this.arrivals.shift()) server.release();
    peer?.waitQueue.wake(ALL);
    // Whoever waited to connect finds nobody.
    this.waitQueue.wake(ALL);
  }
}
