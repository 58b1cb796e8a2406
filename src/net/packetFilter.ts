import { ARPHRD_LOOPBACK } from '../abi/linux/socket.ts';
import { type BpfInput, type BpfProgram, checkFilter, INSTRUCTION_BYTES, PACKETS, runProgram, SKF_AD_OFF } from '../kernel/seccomp/bpf.ts';

/** Negative places count from the network header on; those below from that of the link, which nothing here has. */
const SKF_NET_OFF = -0x100000;
const Fact = { protocol: 0, interfaceIndex: 8, hardwareType: 28, xor: 40, random: 56 } as const;

/** What a filter may ask about a packet: struct sk_buff's. */
export class FilteredPacket implements BpfInput {
  /** From where places count: UDP's header, a netlink message, what was sent over a Unix socket. */
  private readonly data: Uint8Array;
  /** From its network header on; null: it has none. */
  private readonly network: Uint8Array | null;
  /** ETH_P_*, and the interface's index; 0: none. */
  private readonly protocol: number;
  private readonly interfaceIndex: number;

  constructor(data: Uint8Array, network: Uint8Array | null = null, protocol = 0, interfaceIndex = 0) {
    this.data = data;
    this.network = network;
    this.protocol = protocol;
    this.interfaceIndex = interfaceIndex;
  }

  get length(): number {
    return this.data.length;
  }

  load(place: number, size: number, a: number, x: number): number {
    if (place >= SKF_AD_OFF) return this.fact(place - SKF_AD_OFF, a, x);
    let n = 0;
    for (let i = 0; i < size; i++) {
      const byte = this.byteAt((place | 0) + i);
      if (byte < 0) return -1;
      n = n * 256 + byte;
    }
    return n;
  }

  private byteAt(place: number): number {
    return (place >= 0 ? this.data[place] : this.network?.[place - SKF_NET_OFF]) ?? -1;
  }

  private fact(which: number, a: number, x: number): number {
    switch (which) {
      case Fact.protocol: return this.protocol;
      case Fact.interfaceIndex: return this.interfaceIndex === 0 ? -1 : this.interfaceIndex;
      case Fact.hardwareType: return this.interfaceIndex === 0 ? -1 : ARPHRD_LOOPBACK;
      case Fact.xor: return (a ^ x) >>> 0;
      case Fact.random: return Math.floor(Math.random() * 2 ** 32);
      default: return 0;
    }
  }
}

/** A classic BPF program that says how much of a packet a socket gets (SO_ATTACH_FILTER). */
export class PacketFilter {
  private readonly program: BpfProgram;
  /** struct sock_filter each. */
  readonly bytes: Uint8Array;

  private constructor(program: BpfProgram, bytes: Uint8Array) {
    this.program = program;
    this.bytes = bytes;
  }

  /** null: it is none that Linux would take. */
  static of(bytes: Uint8Array): PacketFilter | null {
    const program = checkFilter(bytes, PACKETS);
    return program === null ? null : new PacketFilter(program, bytes);
  }

  get instructions(): number {
    return this.bytes.length / INSTRUCTION_BYTES;
  }

  /** How many bytes of the packet are let through; 0: it is dropped. */
  run(packet: FilteredPacket): number {
    return runProgram(this.program, packet);
  }
}
