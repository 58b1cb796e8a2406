/**
 * The host's network: TCP and UDP through whatever the host has. Everything is asynchronous: calls answer at once, news come
 * through the callbacks, which must only queue and wake. Addresses are numeric ('127.0.0.1', '::1', 'fe80::1%eth0').
 * Errors are Linux errno numbers.
 */
export interface HostAddress {
  readonly ip: string;
  readonly port: number;
}

/** One interface of the host. */
export interface HostInterface {
  readonly name: string;
  /** 0: the host does not tell. */
  readonly index: number;
  readonly mtu: number;
  /** 6 bytes. */
  readonly mac: Uint8Array;
  readonly addresses: readonly { readonly ip: string; readonly prefix: number; readonly scopeId: number }[];
}

export interface StreamEvents {
  onConnect(): void;
  /** The chunk is the receiver's. */
  onData(chunk: Uint8Array): void;
  /** The peer sends no more. */
  onEnd(): void;
  /** The connection has failed or was reset; nothing follows. */
  onError(errno: number): void;
  /** Bytes have left. */
  onDrain(): void;
}

/** A TCP connection, or the attempt at one. */
export interface HostStream {
  events: StreamEvents | null;
  /** null before it is connected. */
  local(): HostAddress | null;
  remote(): HostAddress | null;
  /** Takes the chunk (over). */
  write(chunk: Uint8Array): void;
  /** Bytes written that have not left yet. */
  readonly pendingBytes: number;
  /** Whether data is wanted. Starts paused. */
  setReading(on: boolean): void;
  /** No more is written. */
  end(): void;
  /** Sends what was written, then closes. */
  close(): void;
  /** Closes at once with a reset. */
  reset(): void;
  setNoDelay(on: boolean): void;
  setKeepAlive(on: boolean, initialSeconds: number): void;
}

export interface HostListener {
  onConnection: ((stream: HostStream) => void) | null;
  readonly address: HostAddress;
  close(): void;
}

export interface DatagramEvents {
  onMessage(data: Uint8Array, from: HostAddress): void;
  onError(errno: number): void;
  onDrain(): void;
}

/** A UDP socket. */
export interface HostDatagrams {
  events: DatagramEvents | null;
  readonly address: HostAddress;
  /** Datagrams wait until it is connected; errors that the network reports come through onError. */
  connect(to: HostAddress): void;
  disconnect(): void;
  /** `to` null: where it is connected to. Takes the data over. */
  send(data: Uint8Array, to: HostAddress | null): void;
  readonly pendingBytes: number;
  /** Calls `done` when everything has left, and when what the network says of it at once has come through onError. */
  settle(done: () => void): void;
  /** 0 or -errno. */
  setBroadcast(on: boolean): number;
  setTtl(ttl: number): number;
  setMulticastTtl(ttl: number): number;
  setMulticastLoop(on: boolean): number;
  setMulticastInterface(ip: string): number;
  joinGroup(group: string, iface: string | null): number;
  leaveGroup(group: string, iface: string | null): number;
  /** Only what `source` sends to the group. */
  joinSource(group: string, source: string, iface: string | null): number;
  leaveSource(group: string, source: string, iface: string | null): number;
  close(): void;
}

export interface Sockets {
  interfaces(): readonly HostInterface[];
  connect(to: HostAddress, from: HostAddress | null): HostStream;
  /** `done` with the listener, or an errno. */
  listen(at: HostAddress, options: { readonly backlog: number; readonly v6Only: boolean; readonly reusePort: boolean }, done: (result: HostListener | number) => void): void;
  datagrams(
    at: HostAddress,
    options: { readonly v6Only: boolean; readonly reuseAddr: boolean; readonly reusePort: boolean },
    done: (result: HostDatagrams | number) => void,
  ): void;
  /** Resolves when everything written has left, or after a while. */
  flush(): Promise<void>;
}
