import { EAGAIN, EFAULT, EINVAL, EISCONN, ENOTCONN, EOPNOTSUPP, EPIPE } from '../../abi/linux/errno.ts';
import { SIOCATMARK } from '../../abi/linux/ioctl.ts';
import { EPOLLIN, EPOLLPRI, EPOLLRDNORM } from '../../abi/linux/poll.ts';
import { SIGURG } from '../../abi/linux/signal.ts';
import { signalOwner } from '../../kernel/signal/fileOwner.ts';
import { kernelSignal } from '../../kernel/signal/send.ts';
import { MSG_OOB, MSG_PEEK, SO_OOBINLINE, SOCK_STREAM } from '../../abi/linux/socket.ts';
import type { FileCaller, FileDescription } from '../../vfs/fileDescription.ts';
import type { PathContext } from '../../vfs/path.ts';
import { copyOf, spread } from '../buffers.ts';
import { type Incoming, type Outgoing, RCV_SHUTDOWN, SEND_SHUTDOWN, type Ucred } from '../message.ts';
import type { NetStack } from '../netStack.ts';
import { MEM_DEFAULT } from '../options.ts';
import { type LaneSide, openLanes } from '../streamLanes.ts';
import { Packet, STREAM_PACKET, streamPacketSize } from './packet.ts';
import { unixAddressBytes } from './unixAddress.ts';
import { UnixConnection } from './unixConnection.ts';
import { UnixState } from './unixSocket.ts';

const NOTHING = new Uint8Array(0);

/** SOCK_STREAM: bytes, in packets only as far as control data keeps them apart. */
export class UnixStream extends UnixConnection implements LaneSide {
  constructor(t: PathContext, net: NetStack, flags: number) {
    super(t, net, SOCK_STREAM, flags);
  }

  // ---- lanes ----

  protected override connected(): void {
    openLanes(this.net.kernel, this, this.peer as UnixStream);
  }
  get isPlain(): boolean {
    return this.isPlainSocket && this.state === UnixState.established && !this.dead && !this.embryo && this.options.sndBuf >= MEM_DEFAULT;
  }
  readonly countsPieces = true;
  handOver(): Uint8Array | null {
    return this.inbox.length === 0 ? NOTHING : null;
  }
  /** A page is never too much for its buffer (isPlain). */
  override get mayWrite(): boolean {
    return this.lanes?.isLentFrom(this) || super.mayWrite;
  }
  arrive(bytes: Uint8Array): void {
    const from = this.peer as UnixStream, size = streamPacketSize(bytes.length);
    from.unreadSize += size;
    this.inbox.push(new Packet(bytes, from, from.name, [], null, size));
  }
  protected override close(): void {
    super.close();
    this.lanes?.sideCloses();
  }

  // ---- bytes ----
  override get isStream(): boolean {
    return true;
  }
  protected override another(t: PathContext): UnixStream {
    return new UnixStream(t, this.net, 0);
  }

  override send(msg: Outgoing, t: FileCaller): number {
    const urgent = (msg.flags & MSG_OOB) !== 0;
    if (urgent && msg.length === 0) return -EOPNOTSUPP;
    if (msg.name !== null && msg.name.length > 0) return this.state === UnixState.established ? -EISCONN : -EOPNOTSUPP;
    const other = this.peer as UnixStream | null;
    if (other === null) return -ENOTCONN;
    if ((this.shutdownBits & SEND_SHUTDOWN) !== 0) return -EPIPE;
    if (other.dead || (other.shutdownBits & RCV_SHUTDOWN) !== 0) return -EPIPE;
    const largest = Math.min(STREAM_PACKET, (this.options.sndBuf >> 1) - 64);
    const cred = msg.control?.cred ?? (this.passesCred || other.passesCred ? this.credOf(t) : null);
    let done = 0;
    while (done < msg.length && this.outstanding < this.options.sndBuf) {
      const isLast = urgent && done === msg.length - 1;
      const n = isLast ? 1 : Math.min(msg.length - done - Number(urgent), largest);
      const size = streamPacketSize(n);
      const files: readonly FileDescription[] = msg.control?.files ?? [];
      msg.control = null;
      if (files.length > 0) this.departing(files);
      this.outstanding += size;
      const packet = new Packet(copyOf(msg.bufs, done, n), this, this.name, files, cred, size);
      other.packets.push(packet);
      if (isLast) other.urgentCame(packet);
      done += n;
    }
    if (done === 0) return msg.length === 0 ? 0 : -EAGAIN;
    other.waitQueue.wake(EPOLLIN | EPOLLRDNORM);
    return done;
  }

  override receive(msg: Incoming): number {
    if (this.state !== UnixState.established) return -EINVAL;
    if ((msg.flags & MSG_OOB) !== 0) return this.receiveUrgent(msg);
    const peek = (msg.flags & MSG_PEEK) !== 0, place = { index: 0 };
    let done = 0;
    let cred: Ucred | null | undefined;
    while (done < msg.length) {
      const packet = this.nextPacket(place, peek, done);
      if (packet === null) {
        msg.stop ||= this.packets.at(place.index) !== undefined;
        break;
      }
      if (peek) place.index++;
      if (this.passesCred) {
        // Data of different senders is not mixed.
        if (cred !== undefined && !sameCred(cred, packet.cred)) {
          msg.stop = true;
          break;
        }
        cred = packet.cred;
        msg.cred = cred ?? NOBODY;
      }
      if (packet.from !== null) msg.name = unixAddressBytes(packet.from);
      const n = spread(packet.data.subarray(packet.at), msg.bufs, done);
      if (n === 0) break;
      done += n;
      if (this.taken(packet, n, peek, msg)) break;
    }
    if (done > 0) this.waited();
    if (done > 0 || msg.length === 0) return done;
    if (this.error !== 0) return -this.takeError();
    return (this.shutdownBits & RCV_SHUTDOWN) !== 0 ? 0 : -EAGAIN;
  }

  // ---- urgent data ----

  /** The last urgent byte, a packet of its own, until somebody has fetched it or read past it. One that was fetched stays, empty, as a mark. */
  private urgent: Packet | null = null;

  private urgentCame(packet: Packet): void {
    this.urgent = packet;
    signalOwner(this.net.kernel, this, kernelSignal(SIGURG));
    this.waitQueue.wake(EPOLLPRI);
  }

  /** recv(MSG_OOB). */
  private receiveUrgent(msg: Incoming): number {
    const { urgent } = this;
    if (urgent === null || this.options.flag(SO_OOBINLINE)) return -EINVAL;
    spread(urgent.data, msg.bufs);
    if ((msg.flags & MSG_PEEK) === 0) {
      this.urgent = null;
      urgent.at = 1;
    }
    msg.outFlags |= MSG_OOB;
    // One byte, whatever room there is.
    return 1;
  }

  /** What a read goes on with, past marks and urgent bytes that are not for it (manage_oob); null: it ends here. `done`: bytes it has. */
  private nextPacket(place: { index: number }, peek: boolean, done: number): Packet | null {
    const pass = (): void => {
      if (peek) place.index++;
      else this.packets.shift()?.free();
    };
    for (;;) {
      const packet = this.packets.at(place.index);
      if (packet === undefined) return null;
      if (packet.at < packet.data.length && packet !== this.urgent) return packet;
      if (done > 0 && (packet === this.urgent || this.urgent === null)) return null;
      if (packet !== this.urgent) {
        pass();
        continue;
      }
      const inline = this.options.flag(SO_OOBINLINE);
      if (!peek) this.urgent = null;
      if (inline) return packet;
      pass();
    }
  }

  override poll(): number {
    return super.poll() | (this.urgent === null ? 0 : EPOLLPRI);
  }

  override familyIoctl(t: FileCaller, cmd: number, arg: number): number | null {
    if (cmd !== SIOCATMARK) return super.familyIoctl(t, cmd, arg);
    const first = this.packets.at(0), isMark = (packet: Packet | undefined): boolean => packet !== undefined && packet === this.urgent;
    const passed = first !== undefined && first.at === first.data.length;
    return t.memory.setU32(arg, Number(isMark(first) || (passed && (this.urgent === null || isMark(this.packets.at(1)))))) ? 0 : -EFAULT;
  }

  /** `n` bytes of a packet were read. True: the call ends here. */
  private taken(packet: Packet, n: number, peek: boolean, msg: Incoming): boolean {
    const hasFiles = packet.files.length > 0;
    if (hasFiles) {
      msg.stop = true;
      if (peek) msg.files = packet.files.map((file) => file.acquire());
      else msg.files = packet.takeFiles();
    }
    if (peek) return hasFiles;
    packet.at += n;
    if (packet.at < packet.data.length) return true;
    this.packets.shift();
    packet.free();
    return hasFiles;
  }

  protected override unread(): number {
    let total = 0;
    for (const packet of this.packets) total += packet.data.length - packet.at;
    return total;
  }
}

/** What SO_PASSCRED shows of a message that was sent before it was set. */
export const NOBODY: Ucred = { pid: 0, uid: 65534, gid: 65534 };

function sameCred(a: Ucred | null, b: Ucred | null): boolean {
  return a === b || (a !== null && b !== null && a.pid === b.pid && a.uid === b.uid && a.gid === b.gid);
}
