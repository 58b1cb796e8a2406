import type { HostStream } from '../../host/sockets.ts';
import type { TcpSocket } from './tcpSocket.ts';

/** What a connected TCP socket sends through. */
export interface TcpLink {
  /** How many bytes it would take now. */
  room(): number;
  /** What poll says: a third of the room is free. */
  writable(): boolean;
  /** Takes the chunk over; at most room() bytes. The last of them is urgent, or not. */
  write(chunk: Uint8Array, urgent: boolean): void;
  /** Bytes not yet with the other side (SIOCOUTQ). */
  pending(): number;
  /** The program has read; `left` bytes wait. */
  consumed(left: number): void;
  /** No more will be written. */
  finish(): void;
  /** The socket is closed, after what was written; or at once, with a reset. */
  close(reset: boolean): void;
}

/**
 * Bytes on their way between two sockets of this system, unless they have set buffer sizes: what the loopback of Linux comes to
 * with its send buffer grown to tcp_wmem's maximum and nobody reading. poll says no from two thirds on, as there.
 */
const ROOM = 3932160;

/** To another guest socket. */
export class InnerLink implements TcpLink {
  private readonly self: TcpSocket;
  private readonly peer: TcpSocket;
  private readonly limit: number;
  private full = false;

  constructor(self: TcpSocket, peer: TcpSocket) {
    this.self = self;
    this.peer = peer;
    this.limit = self.buffersSet || peer.buffersSet ? self.options.sndBuf + peer.options.rcvBuf : ROOM;
  }

  room(): number {
    const room = Math.max(0, this.limit - this.peer.incoming.length);
    if (room * 3 < this.limit) this.full = true;
    return room;
  }
  writable(): boolean {
    if (!this.hasSmallBuffers && this.peer.readsByWorkers) return true;
    return (this.limit - this.peer.incoming.length) * 3 >= this.limit;
  }
  get hasSmallBuffers(): boolean {
    return this.limit < ROOM;
  }
  write(chunk: Uint8Array, urgent: boolean): void {
    if (!this.peer.arrived(chunk, urgent)) this.self.brokenPipe();
  }
  pending(): number {
    return 0;
  }
  consumed(): void {
    (this.peer.link as InnerLink | null)?.drained?.();
  }
  /** The other side has read what was written here. */
  private drained(): void {
    if (!this.full || !this.writable()) return;
    this.full = false;
    this.self.wakeWriters();
  }
  finish(): void {
    this.peer.peerEnded();
  }
  close(reset: boolean): void {
    if (reset) this.peer.peerReset();
    else this.peer.peerEnded();
  }
}

/** Bytes that wait for the host, and for the program. */
const SEND_ROOM = 262144;
const READ_AHEAD = 262144;

/** To somebody outside, through a connection of the host. */
export class HostLink implements TcpLink {
  private readonly stream: HostStream;
  private reading = true;

  constructor(stream: HostStream) {
    this.stream = stream;
    stream.setReading(true);
  }
  room(): number {
    return Math.max(0, SEND_ROOM - this.stream.pendingBytes);
  }
  writable(): boolean {
    return this.room() * 3 >= SEND_ROOM;
  }
  write(chunk: Uint8Array): void {
    this.stream.write(chunk);
  }
  pending(): number {
    return this.stream.pendingBytes;
  }
  /** Data has come; `waiting` bytes are unread now. */
  arrived(waiting: number): void {
    if (waiting < READ_AHEAD || !this.reading) return;
    this.reading = false;
    this.stream.setReading(false);
  }
  consumed(left: number): void {
    if (this.reading || left > READ_AHEAD / 2) return;
    this.reading = true;
    this.stream.setReading(true);
  }
  finish(): void {
    this.stream.end();
  }
  close(reset: boolean): void {
    if (reset) this.stream.reset();
    else this.stream.close();
  }
}
