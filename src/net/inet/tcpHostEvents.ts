import type { HostStream, StreamEvents } from '../../host/sockets.ts';
import type { HostLink } from './tcpLink.ts';
import type { TcpSocket } from './tcpSocket.ts';

/** What the host tells of a connection becomes work for the kernel's loop. */
export class TcpHostEvents implements StreamEvents {
  private readonly socket: TcpSocket;
  private readonly stream: HostStream;

  constructor(socket: TcpSocket, stream: HostStream) {
    this.socket = socket;
    this.stream = stream;
  }

  onConnect(): void {
    this.socket.net.soon(() => this.socket.connectedTo(this.stream));
  }
  onData(chunk: Uint8Array): void {
    const { socket } = this;
    socket.net.soon(() => {
      socket.arrived(chunk);
      (socket.link as HostLink | null)?.arrived(socket.incoming.length);
    });
  }
  onEnd(): void {
    this.socket.net.soon(() => this.socket.peerEnded());
  }
  onError(errno: number): void {
    this.socket.net.soon(() => this.socket.hostFailed(errno));
  }
  onDrain(): void {
    this.socket.net.soon(() => this.socket.wakeWriters());
  }
}
