import { EINVAL } from '../../abi/linux/errno.ts';
import { MSG_OOB, MSG_PEEK, MSG_TRUNC } from '../../abi/linux/socket.ts';
import { spread } from '../buffers.ts';
import type { ByteQueue } from '../byteQueue.ts';
import type { Incoming } from '../message.ts';

/**
 * Urgent data of a connection (tcp(7)): one byte, and its place among those that wait. It stays in the queue; with SO_OOBINLINE it is read as
 * any other, else readers pass over it. No read goes from before the mark to behind it.
 */
export class UrgentData {
  /** How many bytes come before it; -1: there is none, or it has been passed. */
  private at = -1;
  private byte = 0;
  /** recv(MSG_OOB) has fetched it. */
  private taken = false;

  /** `chunk`, whose last byte is urgent, is about to go behind what waits. */
  arrived(chunk: Uint8Array, incoming: ByteQueue, inline: boolean): void {
    // An older one that readers have come to is lost; one that they have not is a byte like others now.
    if (this.at === 0 && !inline) incoming.drop(1);
    this.at = incoming.length + chunk.length - 1;
    this.byte = chunk[chunk.length - 1]!;
    this.taken = false;
  }

  /** EPOLLPRI. */
  get pending(): boolean {
    return this.at >= 0 && !this.taken;
  }
  /** There is a mark among what waits. */
  get marked(): boolean {
    return this.at >= 0;
  }
  /** SIOCATMARK. */
  get atMark(): boolean {
    return this.at === 0;
  }
  /** How many of the bytes that wait are not for the next reader. */
  hidden(inline: boolean): number {
    return this.at === 0 && !inline ? 1 : 0;
  }
  /** SIOCINQ: as far as the mark. */
  unread(incoming: ByteQueue, inline: boolean): number {
    return this.at < 0 || inline ? incoming.length : this.at;
  }

  /** recv(MSG_OOB). */
  receive(msg: Incoming, inline: boolean): number {
    if (inline || !this.pending) return -EINVAL;
    if ((msg.flags & MSG_PEEK) === 0) this.taken = true;
    msg.outFlags |= MSG_OOB;
    if (msg.length === 0) {
      msg.outFlags |= MSG_TRUNC;
      return 0;
    }
    if ((msg.flags & MSG_TRUNC) === 0) spread(Uint8Array.of(this.byte), msg.bufs);
    return 1;
  }

  /** A read of ordinary data: how many bytes. */
  read(incoming: ByteQueue, msg: Incoming, inline: boolean): number {
    const peek = (msg.flags & MSG_PEEK) !== 0;
    if (this.at === 0 && !inline && msg.length > 0) {
      if (peek) return this.peekBehind(incoming, msg);
      incoming.drop(1);
      this.at = -1;
    }
    const most = this.at > 0 ? Math.min(msg.length, this.at) : msg.length;
    const n = (msg.flags & MSG_TRUNC) !== 0 && !peek ? incoming.drop(most) : incoming.take(msg.bufs, most, peek);
    if (peek || n === 0 || this.at < 0) return n;
    this.at = this.at === 0 ? -1 : this.at - n;
    if (this.at === 0) msg.stop = true;
    return n;
  }

  private peekBehind(incoming: ByteQueue, msg: Incoming): number {
    const bytes = new Uint8Array(Math.min(msg.length + 1, incoming.length));
    incoming.take([bytes], bytes.length, true);
    return spread(bytes.subarray(1), msg.bufs);
  }
}
