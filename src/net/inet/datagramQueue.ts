import { MSG_PEEK, MSG_TRUNC } from '../../abi/linux/socket.ts';
import type { FileCaller } from '../../vfs/fileDescription.ts';
import { spread } from '../buffers.ts';
import { Fifo } from '../fifo.ts';
import type { Incoming } from '../message.ts';
import { datagramPacketSize } from '../unix/packet.ts';
import { type Endpoint, endpointBytes } from './endpoint.ts';
import type { Heading } from './heading.ts';
import type { InetSocket } from './inetSocket.ts';
import { packetInfo } from './packetInfo.ts';

export interface Datagram {
  readonly data: Uint8Array;
  readonly from: Endpoint;
  /** The address it was sent to. */
  readonly to: string;
  readonly heading: Heading;
  readonly at: { readonly sec: number; readonly nsec: number };
}

/** What a socket of datagrams has not received yet; as much as SO_RCVBUF lets in, and one in any case. */
export class DatagramQueue {
  private readonly socket: InetSocket;
  private readonly queue = new Fifo<Datagram>();
  private size = 0;

  constructor(socket: InetSocket) {
    this.socket = socket;
  }

  get first(): Datagram | undefined {
    return this.queue.first;
  }

  /** Whether there was room. */
  add(data: Uint8Array, from: Endpoint, to: string, heading: Heading): boolean {
    const size = datagramPacketSize(data.length);
    if (this.size + size > this.socket.options.rcvBuf && this.queue.length > 0) return false;
    this.size += size;
    this.queue.push({ data, from, to, heading, at: this.socket.net.kernel.realtime() });
    return true;
  }

  /** The first one, as recvmsg(2) gives it; it stays with MSG_PEEK. */
  receive(first: Datagram, msg: Incoming, t: FileCaller): number {
    const n = spread(first.data, msg.bufs);
    if (n < first.data.length) msg.outFlags |= MSG_TRUNC;
    msg.name = endpointBytes(first.from, this.socket.family);
    msg.control = packetInfo(this.socket, first, t);
    if ((msg.flags & MSG_PEEK) === 0) {
      this.queue.shift();
      this.size -= datagramPacketSize(first.data.length);
    }
    return (msg.flags & MSG_TRUNC) !== 0 ? first.data.length : n;
  }
}
